package stytch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"

	"github.com/stytchauth/stytch-go/v16/stytch"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/b2bstytchapi"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/methodoptions"
)

// RoleAdministrator is the role of whoever creates an organization.
const RoleAdministrator = "stytch_admin"

// Values of the settings that say whom they let pass.
const (
	AllAllowed = "ALL_ALLOWED"
	Restricted = "RESTRICTED"
	NotAllowed = "NOT_ALLOWED"
)

// Values of the setting that says whether a second factor is asked for.
const (
	MFAOptional = "OPTIONAL"
	MFARequired = "REQUIRED_FOR_ALL"
)

// Acting speaks to Stytch in the name of a member: Stytch decides by the roles that the session's member has at that
// moment. It is safe for concurrent use.
type Acting struct {
	client       *Client
	authorize    methodoptions.Authorization
	organization string
}

// As speaks for the owner of a session, in the session's organization.
func (c *Client) As(session Credential, organizationID string) *Acting {
	a := &Acting{client: c, organization: organizationID}
	a.authorize.SessionToken, a.authorize.SessionJWT = session.only()
	return a
}

// connected is the SDK for a call in the member's name. Without a session there is none: a call without the session's
// headers would run with all the rights of the project.
func (a *Acting) connected(ctx context.Context) (*b2bstytchapi.API, error) {
	if a.authorize.SessionToken == "" && a.authorize.SessionJWT == "" {
		return nil, fmt.Errorf("%w: there is no session to act with", ErrTokenInvalid)
	}
	return a.client.connected(ctx)
}

// Settings are the rules by which people and their applications enter an organization, in Stytch's words.
type Settings struct {
	AuthMethods          string
	AllowedAuthMethods   []string
	EmailAllowedDomains  []string
	EmailJITProvisioning string
	EmailInvites         string
	SSOJITProvisioning   string
	SSOJITConnections    []string
	DefaultConnection    string
	MFAPolicy            string
	// TOTPAllowed says that members may have an authenticator app as their second factor. It is no setting of ours.
	TOTPAllowed       bool
	ThirdPartyApps    string
	AllowedThirdParty []string
	FirstPartyApps    string
	AllowedFirstParty []string
	// ActiveConnections are those that people can sign in through. They are no setting.
	ActiveConnections []string
}

// Names of an organization's fields in Stytch's API.
const (
	FieldName                 = "organization_name"
	FieldSlug                 = "organization_slug"
	FieldAuthMethods          = "auth_methods"
	FieldAllowedAuthMethods   = "allowed_auth_methods"
	FieldEmailAllowedDomains  = "email_allowed_domains"
	FieldEmailJITProvisioning = "email_jit_provisioning"
	FieldEmailInvites         = "email_invites"
	FieldSSOJITProvisioning   = "sso_jit_provisioning"
	FieldSSOJITConnections    = "sso_jit_provisioning_allowed_connections"
	FieldDefaultConnection    = "sso_default_connection_id"
	FieldMFAPolicy            = "mfa_policy"
	FieldThirdPartyApps       = "third_party_connected_apps_allowed_type"
	FieldAllowedThirdParty    = "allowed_third_party_connected_apps"
	FieldFirstPartyApps       = "first_party_connected_apps_allowed_type"
	FieldAllowedFirstParty    = "allowed_first_party_connected_apps"
)

// Settings gets an organization with its settings, on the product's own authority: Stytch has no such question for members.
func (c *Client) Settings(ctx context.Context, organizationID string) (*Organization, *Settings, error) {
	const doing = "getting an organization"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, nil, err
	}
	answer, err := api.Organizations.Get(ctx, &organizations.GetParams{OrganizationID: organizationID})
	if err != nil {
		return nil, nil, translate(doing, err)
	}
	return newSettings(doing, organizationID, answer.Organization)
}

func newSettings(doing, organizationID string, o organizations.Organization) (*Organization, *Settings, error) {
	if o.OrganizationID != organizationID {
		return nil, nil, nonsense(doing, "it is about another organization")
	}
	organization := newOrganization(o)
	settings := &Settings{
		AuthMethods:          o.AuthMethods,
		AllowedAuthMethods:   o.AllowedAuthMethods,
		EmailAllowedDomains:  o.EmailAllowedDomains,
		EmailJITProvisioning: o.EmailJITProvisioning,
		EmailInvites:         o.EmailInvites,
		SSOJITProvisioning:   o.SSOJITProvisioning,
		SSOJITConnections:    o.SSOJITProvisioningAllowedConnections,
		DefaultConnection:    o.SSODefaultConnectionID,
		MFAPolicy:            o.MFAPolicy,
		TOTPAllowed:          totpAllowed(o),
		ThirdPartyApps:       o.ThirdPartyConnectedAppsAllowedType,
		AllowedThirdParty:    o.AllowedThirdPartyConnectedApps,
		FirstPartyApps:       o.FirstPartyConnectedAppsAllowedType,
		AllowedFirstParty:    o.AllowedFirstPartyConnectedApps,
	}
	for _, connection := range o.SSOActiveConnections {
		settings.ActiveConnections = append(settings.ActiveConnections, connection.ConnectionID)
	}
	slices.Sort(settings.ActiveConnections)
	return &organization, settings, nil
}

// UpdateOrganization changes the fields that are given, by their names in the API. The SDK's own method leaves out what is
// empty, so that no list could ever be emptied; its transport does not.
func (a *Acting) UpdateOrganization(ctx context.Context, fields map[string]any) (*Organization, *Settings, error) {
	const doing = "updating an organization"
	api, err := a.connected(ctx)
	if err != nil {
		return nil, nil, err
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", doing, err)
	}
	var answer organizations.UpdateResponse
	err = api.Organizations.C.NewRequest(ctx, stytch.RequestParams{
		Method:  "PUT",
		Path:    "/v1/b2b/organizations/" + url.PathEscape(a.organization),
		Body:    body,
		V:       &answer,
		Headers: a.authorize.AddHeaders(map[string][]string{}),
	})
	if err != nil {
		return nil, nil, translate(doing, err)
	}
	return newSettings(doing, a.organization, answer.Organization)
}
