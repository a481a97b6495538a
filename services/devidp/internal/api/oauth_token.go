package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
	"github.com/df0f9dda/okr-manager/services/devidp/internal/token"
)

type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"` // Seconds.
	Scope        string `json:"scope"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
}

// token exchanges a code or a refresh token.
func (c *call) token(p parameters) (any, error) {
	app, err := c.authenticateClient(p)
	if err != nil {
		return nil, err
	}
	switch p.get("grant_type") {
	case grantCode:
		return c.redeemCode(app, p)
	case grantRefresh:
		return c.refresh(app, p)
	case "":
		return nil, invalidRequest("grant_type is required")
	default:
		return nil, &oauthError{Status: http.StatusBadRequest, Code: "unsupported_grant_type", Description: "only authorization_code and refresh_token are supported"}
	}
}

// redeemCode takes a code once. Whoever holds the code but not what belongs to it may have stolen it: the first try
// spends it, and a second one takes back what the first one got.
func (c *call) redeemCode(app state.App, p parameters) (any, error) {
	key := state.Hash(p.get("code"))
	code, found := c.tx.Codes().Get(key)
	if !found || code.ClientID != app.ClientID {
		return nil, invalidGrant("the code does not exist")
	}
	if code.Used {
		c.tx.RevokeFamily(code.FamilyID)
		return nil, invalidGrant("the code was used before; its tokens are revoked").keeping()
	}
	code.Used = true
	c.tx.Codes().Put(key, code)
	switch {
	case !c.now.Before(code.ExpiresAt):
		return nil, invalidGrant("the code has expired").keeping()
	case code.RedirectURI != p.get("redirect_uri"):
		return nil, invalidGrant("the redirect address is not that of the authorization").keeping()
	case checkPKCE(code.CodeChallenge, p.get("code_verifier")) != nil:
		return nil, invalidGrant("the code verifier does not fit").keeping()
	}
	grant, err := c.usable(code.Grant, p)
	if err != nil {
		return nil, err
	}
	answer, err := c.answerTokens(grant)
	if err != nil {
		return nil, err
	}
	if code.Has(scopeOfflineAccess) {
		answer.RefreshToken = c.issueRefresh(code.Grant)
	}
	if grant.Has(scopeOpenID) {
		answer.IDToken, err = c.issueID(grant, code.Nonce)
	}
	return answer, err
}

// refresh issues an access token anew. A public client gets another refresh token in place of the one that it brought;
// one that comes a second time was copied, and ends the whole family (RFC 9700, section 4.14.2). A confidential
// client keeps its own, whose life starts again.
func (c *call) refresh(app state.App, p parameters) (any, error) {
	secret := p.get("refresh_token")
	key := state.Hash(secret)
	held, found := c.tx.RefreshTokens().Get(key)
	switch {
	case !found || held.ClientID != app.ClientID || !c.now.Before(held.ExpiresAt):
		return nil, invalidGrant("the refresh token does not exist or has expired")
	case held.Rotated:
		c.tx.RevokeFamily(held.FamilyID)
		return nil, invalidGrant("the refresh token was used before; its family is revoked").keeping()
	}
	grant, err := c.usable(held.Grant, p)
	if err != nil {
		return nil, err
	}
	answer, err := c.answerTokens(grant)
	if err != nil {
		return nil, err
	}
	if app.Type == state.AppThirdPartyPublic {
		held.Rotated = true
		answer.RefreshToken = c.issueRefresh(held.Grant)
	} else {
		held.ExpiresAt = c.now.Add(state.RefreshTokenLife)
		answer.RefreshToken = secret
	}
	c.tx.RefreshTokens().Put(key, held)
	if grant.Has(scopeOpenID) {
		answer.IDToken, err = c.issueID(grant, "")
	}
	return answer, err
}

// usable narrows a grant to what the request asks for, to what the member consents to by now, and to what the member's roles
// still cover: whether Stytch looks again at a refresh is not documented, and looking is the safe side.
func (c *call) usable(g state.Grant, p parameters) (state.Grant, error) {
	m, found := c.tx.FindMember(g.OrganizationID, g.MemberID)
	consent, consented := c.tx.ConsentTo(g)
	if !found || !consented {
		return g, invalidGrant("the member's consent was revoked")
	}
	org, err := c.organization(g.OrganizationID)
	if err != nil {
		return g, err
	}
	if asked := strings.Fields(p.get("scope")); len(asked) > 0 {
		for _, scope := range asked {
			if !g.Has(scope) {
				return g, &oauthError{Status: http.StatusBadRequest, Code: "invalid_scope", Description: "the grant does not include the scope"}
			}
		}
		g.Scopes = slices.Compact(slices.Sorted(slices.Values(asked)))
	}
	roles := m.EffectiveRoles(org, c.tx.Policy())
	g.Scopes = slices.DeleteFunc(slices.Clone(g.Scopes), func(scope string) bool {
		_, ok := c.grantable(roles, scope)
		return !ok || !slices.Contains(consent.Scopes, scope)
	})
	if len(g.Scopes) == 0 {
		return g, invalidGrant("the member's consent and roles cover none of the scopes any more")
	}
	if asked := p.form["resource"]; len(asked) > 0 {
		for _, resource := range asked {
			if !slices.Contains(g.Resources, resource) {
				return g, &oauthError{Status: http.StatusBadRequest, Code: "invalid_target", Description: "the grant is not for this resource"}
			}
		}
		g.Resources = asked
	}
	return g, nil
}

func (c *call) answerTokens(g state.Grant) (tokenAnswer, error) {
	access, err := c.issueAccess(g, state.AccessTokenLife)
	return tokenAnswer{
		AccessToken: access, TokenType: "bearer", ExpiresIn: int(state.AccessTokenLife.Seconds()), Scope: g.Scope(),
	}, err
}

// issueID makes an ID token (OpenID Connect Core, section 2). Unlike the other tokens, which the SDK checks against
// the project, its issuer is the public address, as the metadata says.
func (c *call) issueID(g state.Grant, nonce string) (string, error) {
	m, _ := c.tx.Members().Get(g.MemberID)
	claims := profile(m, g)
	claims["iss"], claims["aud"] = c.PublicURL, []string{g.ClientID}
	claims["iat"], claims["nbf"], claims["exp"] = c.now.Unix(), c.now.Unix(), c.now.Add(state.AccessTokenLife).Unix()
	if nonce != "" {
		claims["nonce"] = nonce
	}
	return c.tokens.SignID(claims)
}

// profile is what the scopes let an application know about the member.
func profile(m state.Member, g state.Grant) map[string]any {
	claims := map[string]any{"sub": m.MemberID}
	if g.Has(scopeEmail) {
		claims["email"], claims["email_verified"] = m.Email, m.EmailVerified
	}
	if g.Has(scopeProfile) {
		claims["name"] = m.Name
		given, family, _ := strings.Cut(m.Name, " ")
		claims["given_name"], claims["family_name"] = given, family
	}
	return claims
}

// liveAccess returns the record of an access token that has not expired and was not revoked.
func (c *call) liveAccess(raw string) (token.Access, state.AccessToken, bool) {
	access, err := c.tokens.Access(raw, c.now)
	if err != nil {
		return token.Access{}, state.AccessToken{}, false
	}
	record, found := c.tx.AccessTokens().Get(access.ID)
	return access, record, found && c.tx.Consented(record.Grant)
}

// revokeToken takes back a token (RFC 7009). A refresh token takes its family with it.
func (c *call) revokeToken(p parameters) (any, error) {
	app, err := c.authenticateClient(p)
	if err != nil {
		return nil, err
	}
	raw := p.get("token")
	if raw == "" {
		return nil, invalidRequest("token is required")
	}
	foreign := &oauthError{Status: http.StatusBadRequest, Code: "unauthorized_client", Description: "the token is another client's"}
	if held, found := c.tx.RefreshTokens().Get(state.Hash(raw)); found {
		if held.ClientID != app.ClientID {
			return nil, foreign
		}
		c.tx.RevokeFamily(held.FamilyID)
		return nil, nil
	}
	if access, record, live := c.liveAccess(raw); live {
		if record.ClientID != app.ClientID {
			return nil, foreign
		}
		c.tx.AccessTokens().Delete(access.ID)
	}
	return nil, nil // RFC 7009, section 2.2: an invalid token is no error.
}

// introspect says whether a token is good (RFC 7662), to the application that holds it.
func (c *call) introspect(p parameters) (any, error) {
	app, err := c.authenticateClient(p)
	if err != nil {
		return nil, err
	}
	raw := p.get("token")
	if access, record, live := c.liveAccess(raw); live && record.ClientID == app.ClientID {
		return map[string]any{
			"active": true, "token_type": "access_token", "sub": access.MemberID, "client_id": access.ClientID, "scope": access.Scope,
			"aud": c.tokens.Audience(access), "iss": c.tokens.Name(),
			"iat": access.IssuedAt.Unix(), "nbf": access.IssuedAt.Unix(), "exp": access.ExpiresAt.Unix(),
			"https://stytch.com/organization": access.Organization,
		}, nil
	}
	held, found := c.tx.RefreshTokens().Get(state.Hash(raw))
	if found && held.ClientID == app.ClientID && !held.Rotated && c.now.Before(held.ExpiresAt) && c.tx.Consented(held.Grant) {
		return map[string]any{
			"active": true, "token_type": "refresh_token", "sub": held.MemberID, "client_id": held.ClientID, "scope": held.Scope(),
			"aud": []string{c.ProjectID}, "iss": c.tokens.Name(), "exp": held.ExpiresAt.Unix(),
		}, nil
	}
	return map[string]any{"active": false}, nil
}

// userinfo says who a token speaks for (OpenID Connect Core, section 5.3).
func (c *call) userinfo(parameters) (any, error) {
	scheme, raw, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	_, record, live := c.liveAccess(raw)
	if !strings.EqualFold(scheme, "Bearer") || !live {
		return nil, &oauthError{Status: http.StatusUnauthorized, Code: "invalid_token", Description: "the access token is missing or not valid", Challenge: `Bearer error="invalid_token"`}
	}
	if !record.Has(scopeOpenID) {
		return nil, &oauthError{Status: http.StatusForbidden, Code: "insufficient_scope", Description: "the scope openid is required", Challenge: `Bearer error="insufficient_scope", scope="openid"`}
	}
	m, found := c.tx.FindMember(record.OrganizationID, record.MemberID)
	if !found {
		return nil, notFound("member_not_found", "The member does not exist.")
	}
	return profile(m, record.Grant), nil
}
