package api

import (
	"net/url"
	"slices"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

// authorization is what both steps of the authorization page send.
type authorization struct {
	ClientID       string   `json:"client_id"`
	RedirectURI    string   `json:"redirect_uri"`
	ResponseType   string   `json:"response_type"`
	Scopes         []string `json:"scopes"`
	OrganizationID string   `json:"organization_id"`
	MemberID       string   `json:"member_id"`
	SessionToken   string   `json:"session_token"`
	SessionJWT     string   `json:"session_jwt"`
	Prompt         string   `json:"prompt"`
}

type scopeResult struct {
	Scope       string `json:"scope"`
	Description string `json:"description"`
	IsGrantable bool   `json:"is_grantable"`
}

type publicApp struct {
	ClientID          string `json:"client_id"`
	ClientName        string `json:"client_name"`
	ClientDescription string `json:"client_description"`
	ClientType        string `json:"client_type"`
	LogoURL           string `json:"logo_url"`
}

type startAuthorizationAnswer struct {
	MemberID        string           `json:"member_id"`
	Member          memberView       `json:"member"`
	Organization    organizationView `json:"organization"`
	Client          publicApp        `json:"client"`
	ConsentRequired bool             `json:"consent_required"`
	ScopeResults    []scopeResult    `json:"scope_results"`
}

// request is a checked authorization.
type request struct {
	app             state.App
	member          state.Member
	org             state.Organization
	results         []scopeResult
	granted         []string // The scopes that the member can grant, sorted.
	consentRequired bool
}

// startAuthorization says what the consent page has to show.
func (c *call) startAuthorization(req authorization) (any, error) {
	checked, err := c.check(req)
	if err != nil {
		return nil, err
	}
	app := checked.app
	return startAuthorizationAnswer{
		MemberID: checked.member.MemberID, Member: c.viewMember(checked.member, checked.org), Organization: c.viewOrganization(checked.org),
		Client:          publicApp{app.ClientID, app.Name, app.Description, app.Type, app.LogoURL},
		ConsentRequired: checked.consentRequired, ScopeResults: checked.results,
	}, nil
}

// check decides who asks whom for what. Its refusals are for the page to show: none of them may become a redirect,
// because the client or its address is in doubt.
func (c *call) check(req authorization) (request, error) {
	var out request
	var found bool
	if out.app, found = c.tx.Apps().Get(req.ClientID); !found {
		return out, appNotFound()
	}
	if !redirects(out.app, req.RedirectURI) {
		return out, badRequest("connected_app_supplied_redirect_url_not_found_in_client", "The application did not register this redirect address.")
	}
	if req.ResponseType != responseTypeCode {
		return out, badRequest("invalid_argument", "response_type must be code.")
	}
	if err := c.checkAuthorizer(req, &out); err != nil {
		return out, err
	}
	if !out.org.AllowsThirdPartyApp(out.app.ClientID) {
		return out, forbidden("connected_app_not_allowed_for_org", "The organization does not allow this application.")
	}

	scopes := slices.Compact(slices.Sorted(slices.Values(req.Scopes)))
	roles := out.member.EffectiveRoles(out.org, c.tx.Policy())
	for _, scope := range scopes {
		exists, ok := c.grantable(roles, scope)
		if !exists {
			return out, badRequest("oauth_invalid_scope_requested", "There is no scope %q.", scope)
		}
		custom, _ := c.tx.Policy().FindScope(scope)
		out.results = append(out.results, scopeResult{scope, custom.Description, ok})
		if ok {
			out.granted = append(out.granted, scope)
		}
	}
	consent, found := c.tx.Consents().Get(state.ConsentKey(out.member.MemberID, out.app.ClientID))
	out.consentRequired = !found || !slices.Equal(consent.Scopes, out.granted) ||
		req.Prompt == "consent" || slices.Contains(out.granted, scopeOfflineAccess)
	return out, nil
}

// checkAuthorizer resolves the member: by a session, or by ids that the application vouches for.
func (c *call) checkAuthorizer(req authorization, out *request) error {
	if req.MemberID == "" && req.OrganizationID == "" {
		who, err := c.identify(req.SessionToken, req.SessionJWT)
		out.member, out.org = who.member, who.org
		return err
	}
	if count(req.SessionToken, req.SessionJWT) > 0 {
		return badRequest("too_many_session_arguments", "Either a session or a member is required, not both.")
	}
	var err error
	if out.org, err = c.organization(req.OrganizationID); err != nil {
		return err
	}
	out.member, err = c.member(out.org, req.MemberID)
	return err
}

type authorizeRequest struct {
	authorization
	ConsentGranted bool     `json:"consent_granted"` // The SDK cannot send false: absent is denied.
	State          string   `json:"state"`
	Nonce          string   `json:"nonce"`
	CodeChallenge  string   `json:"code_challenge"` // S256 is implied.
	Resources      []string `json:"resources"`
}

type authorizeAnswer struct {
	RedirectURI       string `json:"redirect_uri"`
	AuthorizationCode string `json:"authorization_code,omitempty"`
}

// authorize records the member's decision and says where to send the browser. What is granted is what was asked for and
// the member's roles cover.
func (c *call) authorize(req authorizeRequest) (any, error) {
	checked, err := c.check(req.authorization)
	if err != nil {
		return nil, err
	}
	if !req.ConsentGranted {
		return c.redirect(req, url.Values{"error": {"access_denied"}, "error_description": {"The member declined."}})
	}
	if checked.app.Type == state.AppThirdPartyPublic && req.CodeChallenge == "" {
		return nil, badRequest("pkce_required_for_idp_authorization_flow", "A public client must send a code challenge.")
	}
	if req.CodeChallenge != "" && !challengeForm.MatchString(req.CodeChallenge) {
		return nil, badRequest("invalid_pkce_code_challenge", "The code challenge is not an S256 one.")
	}
	for _, resource := range req.Resources {
		if u, err := url.Parse(resource); err != nil || !u.IsAbs() || u.Fragment != "" {
			return c.redirect(req, url.Values{"error": {"invalid_target"}, "error_description": {"A resource is an absolute URI."}})
		}
	}
	if len(checked.granted) == 0 {
		return c.redirect(req, url.Values{"error": {"invalid_scope"}, "error_description": {"The member can grant none of the scopes."}})
	}

	consent := c.tx.GrantConsent(checked.member, checked.app.ClientID, checked.granted, c.now)
	code := state.NewSecret()
	c.tx.Codes().Put(state.Hash(code), state.Code{
		Grant:       newGrant(consent, checked.granted, req.Resources),
		RedirectURI: req.RedirectURI, CodeChallenge: req.CodeChallenge, Nonce: req.Nonce, ExpiresAt: c.now.Add(state.CodeLife),
	})
	answer, err := c.redirect(req, url.Values{"code": {code}})
	answer.AuthorizationCode = code
	return answer, err
}

// redirect adds the result and the state to the client's address, keeping the query that it registered. The issuer is in
// it (RFC 9207), so that a client of several providers notices an answer that came from another one than it asked.
func (c *call) redirect(req authorizeRequest, result url.Values) (authorizeAnswer, error) {
	u, err := url.Parse(req.RedirectURI)
	if err != nil {
		return authorizeAnswer{}, badRequest("invalid_redirect_uri", "The redirect address cannot be parsed.")
	}
	if req.State != "" {
		result.Set("state", req.State)
	}
	result.Set("iss", c.PublicURL)
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += result.Encode()
	return authorizeAnswer{RedirectURI: u.String()}, nil
}
