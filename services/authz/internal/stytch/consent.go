package stytch

import (
	"context"
	"slices"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/idp/oauth"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations/members"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations/members/connectedapps"
	"golang.org/x/sync/errgroup"
)

// responseTypeCode is the one response type of OAuth 2.1.
const responseTypeCode = "code"

// Authorization is an OAuth authorization request by a Connected App. Its code challenge is always an S256 one: the API
// has no field for the method.
type Authorization struct {
	ClientID, RedirectURI string
	Scopes                []string
	// State, Nonce, CodeChallenge and Resources matter only to Authorize. Prompt is "consent" or empty.
	State, Nonce, CodeChallenge, Prompt string
	Resources                           []string
}

// Consent is what a member is to be asked.
type Consent struct {
	Member       Member
	Organization Organization
	// ClientID and ClientName are the application's. The name is its own claim; the id is not the one that it asked with
	// where that is the address of a metadata document.
	ClientID, ClientName string
	// Public says that the application has no secret, so that only PKCE binds a code to it.
	Public bool
	// Required says that Stytch wants the member asked.
	Required bool
	// Grantable lists the requested scopes that the member can grant, sorted.
	Grantable []string
	// Descriptions are the access policy's, by scope.
	Descriptions map[string]string
}

// StartAuthorization checks an authorization request for the member whose session it is. An *APIError may be about the
// application or its redirect address: none of them may become a redirect.
func (c *Client) StartAuthorization(ctx context.Context, session Credential, a Authorization) (*Consent, error) {
	const doing = "starting an authorization"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	params := &oauth.AuthorizeStartParams{
		ClientID: a.ClientID, RedirectURI: a.RedirectURI, ResponseType: responseTypeCode, Scopes: a.Scopes, Prompt: a.Prompt,
	}
	params.SessionToken, params.SessionJWT = session.only()
	answer, err := api.IDP.OAuth.AuthorizeStart(ctx, params)
	if err != nil {
		return nil, dead(translate(doing, err))
	}
	consent := &Consent{
		Member: newMember(answer.Member), Organization: newOrganization(answer.Organization),
		ClientID: answer.Client.ClientID, ClientName: appName(answer.Client.ClientName, answer.Client.ClientID),
		Public:       answer.Client.ClientType == "third_party_public" || answer.Client.ClientType == "first_party_public",
		Required:     answer.ConsentRequired,
		Descriptions: map[string]string{},
	}
	if consent.ClientID == "" || consent.Member.ID == "" || consent.Organization.ID == "" {
		return nil, nonsense(doing, "it names no client, member or organization")
	}
	for _, result := range answer.ScopeResults {
		consent.Descriptions[result.Scope] = result.Description
		// What was not asked for is not granted, whatever the answer says.
		if result.IsGrantable && slices.Contains(a.Scopes, result.Scope) {
			consent.Grantable = append(consent.Grantable, result.Scope)
		}
	}
	slices.Sort(consent.Grantable)
	consent.Grantable = slices.Compact(consent.Grantable)
	return consent, nil
}

// Authorize records a member's decision and answers the address to send the browser to, with a code or an error in it.
func (c *Client) Authorize(ctx context.Context, session Credential, a Authorization, allow bool) (redirectURI string, err error) {
	const doing = "deciding an authorization"
	api, err := c.connected(ctx)
	if err != nil {
		return "", err
	}
	params := &oauth.AuthorizeParams{
		ConsentGranted: allow, // false is not sent, which means the same
		ClientID:       a.ClientID, RedirectURI: a.RedirectURI, ResponseType: responseTypeCode, Scopes: a.Scopes, Prompt: a.Prompt,
		State: a.State, Nonce: a.Nonce, CodeChallenge: a.CodeChallenge, Resources: a.Resources,
	}
	params.SessionToken, params.SessionJWT = session.only()
	answer, err := api.IDP.OAuth.Authorize(ctx, params)
	if err != nil {
		return "", dead(translate(doing, err))
	}
	if answer.RedirectURI == "" {
		return "", nonsense(doing, "there is no redirect address")
	}
	return answer.RedirectURI, nil
}

// ConnectedApps lists the applications that the member, whose session it is, has let in.
func (a *Acting) ConnectedApps(ctx context.Context, memberID string) ([]ConnectedApp, error) {
	if _, err := a.connected(ctx); err != nil {
		return nil, err
	}
	return a.client.connectedApps(ctx, a.organization, memberID, &members.GetConnectedAppsRequestOptions{Authorization: a.authorize})
}

// RevokeConnectedApp takes back the member's consent. Every token that the application has for the member ends.
func (a *Acting) RevokeConnectedApp(ctx context.Context, memberID, clientID string) error {
	api, err := a.connected(ctx)
	if err != nil {
		return err
	}
	_, err = api.Organizations.Members.ConnectedApps.Revoke(ctx,
		&connectedapps.RevokeParams{OrganizationID: a.organization, MemberID: memberID, ConnectedAppID: clientID},
		&connectedapps.RevokeRequestOptions{Authorization: a.authorize})
	return dead(translate("revoking a connected app", err))
}

// MemberConnectedApp is an application that a member has let in.
type MemberConnectedApp struct {
	MemberID string
	ConnectedApp
}

// maxAppsAtOnce bounds how many applications are asked for at the same time.
const maxAppsAtOnce = 8

// MemberConnectedApps lists the applications that members of the organization have let in. Stytch says of one application
// at a time who they are.
func (a *Acting) MemberConnectedApps(ctx context.Context) ([]MemberConnectedApp, error) {
	const doing = "listing the organization's connected apps"
	api, err := a.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.Organizations.ConnectedApps(ctx, &organizations.ConnectedAppsParams{OrganizationID: a.organization},
		&organizations.ConnectedAppsRequestOptions{Authorization: a.authorize})
	if err != nil {
		return nil, dead(translate(doing, err))
	}
	if answer.StatusCode == 0 {
		return nil, nonsense(doing, "it has no status code")
	}
	ofEach := make([][]MemberConnectedApp, len(answer.ConnectedApps))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxAppsAtOnce)
	for i, app := range answer.ConnectedApps {
		group.Go(func() error {
			found, err := api.Organizations.GetConnectedApp(ctx,
				&organizations.GetConnectedAppParams{OrganizationID: a.organization, ConnectedAppID: app.ConnectedAppID},
				&organizations.GetConnectedAppRequestOptions{Authorization: a.authorize})
			if err = dead(translate("getting a connected app", err)); IsType(err, TypeConnectedAppNotFound) {
				return nil // the last member has taken the consent back meanwhile
			}
			if err != nil {
				return err
			}
			for _, m := range found.ActiveMembers {
				ofEach[i] = append(ofEach[i], MemberConnectedApp{m.MemberID, ConnectedApp{app.ConnectedAppID, appName(app.Name, app.ConnectedAppID), m.GrantedScopes}})
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(ofEach...), nil
}
