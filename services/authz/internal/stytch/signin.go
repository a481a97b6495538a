package stytch

import (
	"context"
	"net/url"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/discovery"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/discovery/intermediatesessions"
	discoveryorganizations "github.com/stytchauth/stytch-go/v16/stytch/b2b/discovery/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/magiclinks"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/mfa"
	oauthdiscovery "github.com/stytchauth/stytch-go/v16/stytch/b2b/oauth/discovery"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations"
	otpdiscovery "github.com/stytchauth/stytch-go/v16/stytch/b2b/otp/email/discovery"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sessions"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sso"
)

// Discovery is a person who has proven an e-mail address and not entered an organization yet.
type Discovery struct {
	EmailAddress string
	// IntermediateToken stands for the proof, for ten minutes; empty where the person is signed in already.
	IntermediateToken string
	Organizations     []DiscoveredOrganization
}

// DiscoveredOrganization is an organization that the person can enter.
type DiscoveredOrganization struct {
	Organization
	// Membership is Stytch's membership type, such as "active_member".
	Membership string
}

// Entry is an attempt to enter an organization.
type Entry struct {
	// Session is set when the person is in.
	Session *Session
	// IntermediateToken carries on an attempt that needs more.
	IntermediateToken string
	// SecondFactor is set where a second factor is missing; otherwise it is one of AllowedMethods that is.
	SecondFactor *SecondFactor
	// RecoveryCodesLeft is set where a recovery code was used.
	RecoveryCodesLeft *int32
	// AllowedMethods are Stytch's names of the ways of signing in that the organization accepts.
	AllowedMethods []string
	EmailAddress   string
}

// SendCode sends a one-time code to an address. Nothing in the answer tells whether the address is known.
func (c *Client) SendCode(ctx context.Context, emailAddress string) error {
	api, err := c.connected(ctx)
	if err != nil {
		return err
	}
	_, err = api.OTPs.Email.Discovery.Send(ctx, &otpdiscovery.SendParams{EmailAddress: emailAddress})
	return translate("sending a code", err)
}

// AuthenticateCode proves an address by the code that was sent to it.
func (c *Client) AuthenticateCode(ctx context.Context, emailAddress, code string) (*Discovery, error) {
	const doing = "authenticating a code"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.OTPs.Email.Discovery.Authenticate(ctx, &otpdiscovery.AuthenticateParams{EmailAddress: emailAddress, Code: code})
	if err != nil {
		return nil, translate(doing, err)
	}
	return newDiscovery(doing, answer.EmailAddress, answer.IntermediateSessionToken, answer.DiscoveredOrganizations)
}

// AuthenticateOAuth proves an address by the token of a redirect from an OAuth provider.
func (c *Client) AuthenticateOAuth(ctx context.Context, token, codeVerifier string) (*Discovery, error) {
	const doing = "authenticating an OAuth sign-in"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.OAuth.Discovery.Authenticate(ctx, &oauthdiscovery.AuthenticateParams{
		DiscoveryOAuthToken: token, PkceCodeVerifier: codeVerifier,
	})
	if err != nil {
		return nil, translate(doing, err)
	}
	return newDiscovery(doing, answer.EmailAddress, answer.IntermediateSessionToken, answer.DiscoveredOrganizations)
}

func newDiscovery(doing, emailAddress, token string, found []discovery.DiscoveredOrganization) (*Discovery, error) {
	if emailAddress == "" || token == "" {
		return nil, nonsense(doing, "there is no address or no intermediate session token")
	}
	return &Discovery{EmailAddress: emailAddress, IntermediateToken: token, Organizations: discovered(found)}, nil
}

func discovered(found []discovery.DiscoveredOrganization) []DiscoveredOrganization {
	list := make([]DiscoveredOrganization, 0, len(found))
	for _, d := range found {
		if d.Organization == nil {
			continue
		}
		o := DiscoveredOrganization{Organization: newOrganization(*d.Organization)}
		if d.Membership != nil {
			o.Membership = d.Membership.Type
		}
		list = append(list, o)
	}
	return list
}

// Discover lists the organizations that a person can enter, by an intermediate session token or else by a session.
func (c *Client) Discover(ctx context.Context, intermediateToken string, session Credential) (*Discovery, error) {
	const doing = "discovering organizations"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	params := &discoveryorganizations.ListParams{IntermediateSessionToken: intermediateToken}
	if intermediateToken == "" {
		params.SessionToken, params.SessionJWT = session.only()
	}
	answer, err := api.Discovery.Organizations.List(ctx, params)
	if err != nil {
		return nil, translate(doing, err)
	}
	if answer.EmailAddress == "" {
		return nil, nonsense(doing, "there is no address")
	}
	return &Discovery{EmailAddress: answer.EmailAddress, Organizations: discovered(answer.DiscoveredOrganizations)}, nil
}

// Join enters an organization with a proven address.
func (c *Client) Join(ctx context.Context, intermediateToken, organizationID string) (*Entry, error) {
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.Discovery.IntermediateSessions.Exchange(ctx, &intermediatesessions.ExchangeParams{
		IntermediateSessionToken: intermediateToken, OrganizationID: organizationID, SessionDurationMinutes: c.minutes(),
	})
	if err != nil {
		return nil, translate("entering an organization", err)
	}
	return entered{
		answer.MemberAuthenticated, answer.MemberSession, answer.Member, answer.Organization, answer.SessionToken, answer.SessionJWT,
		answer.IntermediateSessionToken, answer.MFARequired, answer.PrimaryRequired,
	}.entry("entering an organization")
}

// CreateOrganization makes an organization and enters it with a proven address. Who does so becomes its administrator.
func (c *Client) CreateOrganization(ctx context.Context, intermediateToken, name, slug string) (*Entry, error) {
	const doing = "creating an organization"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.Discovery.Organizations.Create(ctx, &discoveryorganizations.CreateParams{
		IntermediateSessionToken: intermediateToken, OrganizationName: name, OrganizationSlug: slug, SessionDurationMinutes: c.minutes(),
	})
	if err != nil {
		return nil, translate(doing, err)
	}
	if answer.Organization == nil {
		return nil, nonsense(doing, "there is no organization")
	}
	return entered{
		answer.MemberAuthenticated, answer.MemberSession, answer.Member, *answer.Organization, answer.SessionToken, answer.SessionJWT,
		answer.IntermediateSessionToken, answer.MFARequired, answer.PrimaryRequired,
	}.entry(doing)
}

// Switch exchanges a session for one in another organization of the same person.
func (c *Client) Switch(ctx context.Context, session Credential, organizationID string) (*Entry, error) {
	const doing = "switching the organization"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	params := &sessions.ExchangeParams{OrganizationID: organizationID, SessionDurationMinutes: c.minutes()}
	params.SessionToken, params.SessionJWT = session.only()
	answer, err := api.Sessions.Exchange(ctx, params)
	if err != nil {
		return nil, translate(doing, err)
	}
	return entered{
		answer.MemberAuthenticated, answer.MemberSession, answer.Member, answer.Organization, answer.SessionToken, answer.SessionJWT,
		answer.IntermediateSessionToken, answer.MFARequired, answer.PrimaryRequired,
	}.entry(doing)
}

// AuthenticateSSO enters an organization by the token of a redirect from single sign-on.
func (c *Client) AuthenticateSSO(ctx context.Context, token, codeVerifier string) (*Entry, error) {
	const doing = "authenticating a single sign-on"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.SSO.Authenticate(ctx, &sso.AuthenticateParams{
		SSOToken: token, PkceCodeVerifier: codeVerifier, SessionDurationMinutes: c.minutes(),
	})
	if err != nil {
		return nil, translate(doing, err)
	}
	return entered{
		answer.MemberAuthenticated, answer.MemberSession, answer.Member, answer.Organization, answer.SessionToken, answer.SessionJWT,
		answer.IntermediateSessionToken, answer.MFARequired, answer.PrimaryRequired,
	}.entry(doing)
}

// AuthenticateMagicLink enters an organization by the token of a link from an e-mail, such as an invitation.
func (c *Client) AuthenticateMagicLink(ctx context.Context, token, codeVerifier string) (*Entry, error) {
	const doing = "authenticating a link"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.MagicLinks.Authenticate(ctx, &magiclinks.AuthenticateParams{
		MagicLinksToken: token, PkceCodeVerifier: codeVerifier, SessionDurationMinutes: c.minutes(),
	})
	if err != nil {
		return nil, translate(doing, err)
	}
	return entered{
		answer.MemberAuthenticated, answer.MemberSession, answer.Member, answer.Organization, answer.SessionToken, answer.SessionJWT,
		answer.IntermediateSessionToken, answer.MFARequired, answer.PrimaryRequired,
	}.entry(doing)
}

// entered is the common part of five answers that the SDK gives five types to.
type entered struct {
	authenticated   bool
	session         *sessions.MemberSession
	member          organizations.Member
	organization    organizations.Organization
	token, jwt      string
	intermediate    string
	mfaRequired     *mfa.MfaRequired
	primaryRequired *sessions.PrimaryRequired
}

func (e entered) entry(doing string) (*Entry, error) {
	entry := &Entry{IntermediateToken: e.intermediate, EmailAddress: e.member.EmailAddress}
	switch {
	case e.authenticated && e.session == nil:
		return nil, nonsense(doing, "there is no session")
	case e.authenticated:
		var err error
		entry.IntermediateToken = ""
		entry.Session, err = newSession(doing, *e.session, e.member, e.organization, e.token, e.jwt)
		return entry, err
	case e.intermediate == "":
		return nil, nonsense(doing, "there is neither a session nor an intermediate session token")
	case e.primaryRequired != nil:
		entry.AllowedMethods = e.primaryRequired.AllowedAuthMethods
	case e.mfaRequired != nil:
		var err error
		entry.SecondFactor, err = newSecondFactor(doing, e.member, e.organization)
		return entry, err
	default:
		return nil, nonsense(doing, "it does not say what is missing")
	}
	return entry, nil
}

// OAuthURL is where a browser starts a sign-in with an OAuth provider, such as "google".
func (c *Client) OAuthURL(provider, redirectURI, codeChallenge string) string {
	return c.cfg.PublicURL + "/v1/b2b/public/oauth/" + url.PathEscape(provider) + "/discovery/start?" + url.Values{
		"public_token":           {c.cfg.PublicToken},
		"discovery_redirect_url": {redirectURI},
		"pkce_code_challenge":    {codeChallenge},
	}.Encode()
}

// SSOURL is where a browser starts single sign-on.
func (c *Client) SSOURL(connectionID, redirectURI, codeChallenge string) string {
	return c.cfg.PublicURL + "/v1/public/sso/start?" + url.Values{
		"public_token":        {c.cfg.PublicToken},
		"connection_id":       {connectionID},
		"login_redirect_url":  {redirectURI},
		"signup_redirect_url": {redirectURI},
		"pkce_code_challenge": {codeChallenge},
	}.Encode()
}
