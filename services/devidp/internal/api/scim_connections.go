package api

import (
	"cmp"
	"time"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

// scimTokenLife is how long a bearer token of a SCIM connection serves.
const scimTokenLife = 365 * 24 * time.Hour

// scimView is a SCIM connection as the API shows it. The tokens are in the answers that make them alone.
type scimView struct {
	OrganizationID           string     `json:"organization_id"`
	ConnectionID             string     `json:"connection_id"`
	Status                   string     `json:"status"`
	DisplayName              string     `json:"display_name"`
	IdentityProvider         string     `json:"identity_provider"`
	BaseURL                  string     `json:"base_url"`
	BearerToken              string     `json:"bearer_token,omitempty"`
	BearerTokenLastFour      string     `json:"bearer_token_last_four,omitempty"`
	BearerTokenExpiresAt     *time.Time `json:"bearer_token_expires_at"`
	NextBearerToken          string     `json:"next_bearer_token,omitempty"`
	NextBearerTokenLastFour  string     `json:"next_bearer_token_last_four,omitempty"`
	NextBearerTokenExpiresAt *time.Time `json:"next_bearer_token_expires_at"`
	GroupRoles               []any      `json:"scim_group_implicit_role_assignments"`
}

type scimAnswer struct {
	Connection scimView `json:"connection"`
}

func (c *call) viewSCIM(s state.SCIMConnection) scimView {
	view := scimView{
		OrganizationID: s.OrganizationID, ConnectionID: s.ConnectionID, Status: state.ConnectionActive, DisplayName: s.DisplayName,
		IdentityProvider: s.IdentityProvider, BaseURL: c.PublicURL + "/v1/b2b/scim/" + s.ConnectionID,
		BearerTokenLastFour: s.Token.LastFour, BearerTokenExpiresAt: &s.Token.ExpiresAt, GroupRoles: []any{},
	}
	if s.Next != nil {
		view.NextBearerTokenLastFour, view.NextBearerTokenExpiresAt = s.Next.LastFour, &s.Next.ExpiresAt
	}
	return view
}

// newSCIMToken makes a bearer token, of which only the hash is kept.
func (c *call) newSCIMToken() (secret string, kept state.SCIMToken) {
	secret = state.NewSecret()
	return secret, state.SCIMToken{Hash: state.Hash(secret), LastFour: secret[len(secret)-4:], ExpiresAt: c.now.Add(scimTokenLife)}
}

// scim resolves the organization of the path and, if the path names one, its connection.
func (c *call) scim(action string) (state.Organization, state.SCIMConnection, error) {
	org, err := c.organization(c.r.PathValue("organization_id"))
	if err != nil {
		return state.Organization{}, state.SCIMConnection{}, err
	}
	if err := c.allow(org.OrganizationID, resourceSCIM, action); err != nil {
		return state.Organization{}, state.SCIMConnection{}, err
	}
	found, ok := c.tx.SCIMConnections().Get(org.OrganizationID)
	if id := c.r.PathValue("connection_id"); action != "create" && (!ok || id != "" && id != found.ConnectionID) {
		return org, found, notFound("scim_connection_not_found", "The organization has no such SCIM connection.")
	}
	return org, found, nil
}

func (c *call) getSCIM(struct{}) (any, error) {
	_, found, err := c.scim("get")
	if err != nil {
		return nil, err
	}
	return scimAnswer{c.viewSCIM(found)}, nil
}

type createSCIMRequest struct {
	DisplayName      string `json:"display_name"`
	IdentityProvider string `json:"identity_provider"`
}

// createSCIM makes the one connection that an organization can have.
func (c *call) createSCIM(req createSCIMRequest) (any, error) {
	org, old, err := c.scim("create")
	if err != nil {
		return nil, err
	}
	if old.ConnectionID != "" {
		return nil, badRequest("active_scim_connection_exists", "The organization has a SCIM connection.")
	}
	secret, token := c.newSCIMToken()
	created := state.SCIMConnection{
		ConnectionID: state.NewID("scim-connection"), OrganizationID: org.OrganizationID, DisplayName: req.DisplayName,
		IdentityProvider: cmp.Or(req.IdentityProvider, "generic"), Token: token,
	}
	c.tx.SCIMConnections().Put(org.OrganizationID, created)
	view := c.viewSCIM(created)
	view.BearerToken, view.BearerTokenLastFour = secret, ""
	return scimAnswer{view}, nil
}

// rotateSCIMStart makes a second token; the first goes on.
func (c *call) rotateSCIMStart(struct{}) (any, error) {
	org, found, err := c.scim("update")
	if err != nil {
		return nil, err
	}
	secret, token := c.newSCIMToken()
	found.Next = &token
	c.tx.SCIMConnections().Put(org.OrganizationID, found)
	view := c.viewSCIM(found)
	view.NextBearerToken, view.NextBearerTokenLastFour = secret, ""
	return scimAnswer{view}, nil
}

func (c *call) rotateSCIMComplete(struct{}) (any, error) { return c.endRotation(true) }

func (c *call) rotateSCIMCancel(struct{}) (any, error) { return c.endRotation(false) }

// endRotation keeps the second token in place of the first, or the first alone.
func (c *call) endRotation(complete bool) (any, error) {
	org, found, err := c.scim("update")
	if err != nil {
		return nil, err
	}
	if found.Next == nil {
		return nil, badRequest("scim_rotation_not_started", "No rotation of the token is under way.")
	}
	if complete {
		found.Token = *found.Next
	}
	found.Next = nil
	c.tx.SCIMConnections().Put(org.OrganizationID, found)
	return scimAnswer{c.viewSCIM(found)}, nil
}

type deleteSCIMAnswer struct {
	ConnectionID string `json:"connection_id"`
}

func (c *call) deleteSCIM(struct{}) (any, error) {
	org, found, err := c.scim("delete")
	if err != nil {
		return nil, err
	}
	c.tx.SCIMConnections().Delete(org.OrganizationID)
	return deleteSCIMAnswer{found.ConnectionID}, nil
}
