package stytch

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations/members"
)

// Member is a person in an organization.
type Member struct {
	ID, OrganizationID, Name, EmailAddress string
	Status                                 MemberStatus
	// Roles are the roles that the member has however the member signs in, and those of each single sign-on connection.
	Roles []string
}

// MemberStatus is Stytch's word for how far a member has come.
type MemberStatus string

// The statuses of a member.
const (
	StatusActive  MemberStatus = "active"
	StatusInvited MemberStatus = "invited"
	StatusPending MemberStatus = "pending"
	StatusDeleted MemberStatus = "deleted"
)

// Organization is a tenant.
type Organization struct {
	ID, Name, Slug string
}

// ConnectedApp is an application that a member has let in.
type ConnectedApp struct {
	ClientID, Name string
	// Scopes are what the member granted.
	Scopes []string
}

func newMember(m organizations.Member) Member {
	roles := make([]string, 0, len(m.Roles)+1)
	for _, r := range m.Roles {
		roles = append(roles, r.RoleID)
	}
	return Member{
		ID: m.MemberID, OrganizationID: m.OrganizationID, Name: plain(m.Name), EmailAddress: m.EmailAddress,
		Status: MemberStatus(m.Status), Roles: withMemberRole(roles),
	}
}

func newOrganization(o organizations.Organization) Organization {
	return Organization{ID: o.OrganizationID, Name: plain(o.OrganizationName), Slug: o.OrganizationSlug}
}

// Member gets a member and the organization. ErrTokenInvalid when there is none of them: whoever speaks for the member
// does so no longer.
func (c *Client) Member(ctx context.Context, organizationID, memberID string) (*Member, *Organization, error) {
	answer, err := c.getMember(ctx, "getting a member", organizationID, memberID)
	if err != nil {
		return nil, nil, err
	}
	member, organization := newMember(answer.Member), newOrganization(answer.Organization)
	return &member, &organization, nil
}

func (c *Client) getMember(ctx context.Context, doing, organizationID, memberID string) (*members.GetResponse, error) {
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.Organizations.Members.Get(ctx, &members.GetParams{OrganizationID: organizationID, MemberID: memberID})
	if err != nil {
		return nil, dead(translate(doing, err))
	}
	if answer.Member.MemberID != memberID || answer.Organization.OrganizationID != organizationID || answer.Member.Status == "" {
		return nil, nonsense(doing, "it is about another member")
	}
	return answer, nil
}

// ConnectedApps lists the applications that a member has let in. ErrTokenInvalid when there is no such member.
func (c *Client) ConnectedApps(ctx context.Context, organizationID, memberID string) ([]ConnectedApp, error) {
	return c.connectedApps(ctx, organizationID, memberID)
}

func (c *Client) connectedApps(ctx context.Context, organizationID, memberID string, as ...*members.GetConnectedAppsRequestOptions) ([]ConnectedApp, error) {
	const doing = "listing a member's connected apps"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.Organizations.Members.GetConnectedApps(ctx, &members.GetConnectedAppsParams{
		OrganizationID: organizationID, MemberID: memberID,
	}, as...)
	if err != nil {
		return nil, dead(translate(doing, err))
	}
	// The SDK makes an empty list of an answer that has none at all. Only a real one may cost an agent its access.
	if answer.StatusCode == 0 {
		return nil, nonsense(doing, "it has no status code")
	}
	apps := make([]ConnectedApp, len(answer.ConnectedApps))
	for i, a := range answer.ConnectedApps {
		apps[i] = ConnectedApp{ClientID: a.ConnectedAppID, Name: appName(a.Name, a.ConnectedAppID), Scopes: strings.Fields(a.ScopesGranted)}
	}
	return apps, nil
}

// Members lists an organization's members, those that were removed too, a page at a time. next is the cursor of the next
// page; "" for none.
func (c *Client) Members(ctx context.Context, organizationID, cursor string, limit int) (page []Member, next string, err error) {
	const doing = "listing members"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, "", err
	}
	answer, err := api.Organizations.Members.Search(ctx, &members.SearchParams{
		OrganizationIds: []string{organizationID},
		Cursor:          cursor,
		Limit:           uint32(limit),
		Query: &organizations.SearchQuery{
			Operator: organizations.SearchQueryOperatorAND,
			Operands: []map[string]any{{
				"filter_name":  "statuses",
				"filter_value": []MemberStatus{StatusActive, StatusInvited, StatusPending, StatusDeleted},
			}},
		},
	})
	if err != nil {
		return nil, "", translate(doing, err)
	}
	for _, m := range answer.Members {
		if m.MemberID == "" || m.OrganizationID != organizationID {
			return nil, "", nonsense(doing, "a member is not of this organization")
		}
		page = append(page, newMember(m))
	}
	return page, answer.ResultsMetadata.NextCursor, nil
}

// SSOConnection finds the connection that single sign-on of an organization starts with: the one that is wanted, if it is an
// active one of the organization, and where none is, the default one or the only active one. ok is false when there is no
// such organization or connection.
func (c *Client) SSOConnection(ctx context.Context, slug, wanted string) (connectionID string, ok bool, err error) {
	const doing = "getting an organization"
	api, err := c.connected(ctx)
	if err != nil {
		return "", false, err
	}
	answer, err := api.Organizations.Get(ctx, &organizations.GetParams{OrganizationID: slug})
	if err != nil {
		if err = translate(doing, err); IsType(err, TypeOrganizationNotFound, "invalid_organization_id", "invalid_organization_slug") {
			return "", false, nil
		}
		return "", false, err
	}
	o := answer.Organization
	switch {
	case o.OrganizationID == "":
		return "", false, nonsense(doing, "it has no id")
	case wanted != "" || o.SSODefaultConnectionID != "":
		id := cmp.Or(wanted, o.SSODefaultConnectionID)
		active := slices.ContainsFunc(o.SSOActiveConnections, func(s organizations.ActiveSSOConnection) bool { return s.ConnectionID == id })
		return id, active, nil
	case len(o.SSOActiveConnections) == 1:
		return o.SSOActiveConnections[0].ConnectionID, true, nil
	}
	return "", false, nil
}
