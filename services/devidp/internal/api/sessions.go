package api

import (
	"slices"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

// identity is a live session with whom it belongs to.
type identity struct {
	session state.Session
	member  state.Member
	org     state.Organization
}

// proof is how the member has proven their address. A second factor is that of one organization, and proves none.
func (who identity) proof() proof {
	first := slices.DeleteFunc(slices.Clone(who.session.Factors), state.Factor.Second)
	return proof{email: who.member.Email, name: who.member.Name, factors: first}
}

// identify resolves a session by its token or its JWT. The JWT may have expired: the session decides.
func (c *call) identify(sessionToken, sessionJWT string) (identity, error) {
	if err := exactlyOne(count(sessionToken, sessionJWT)); err != nil {
		return identity{}, err
	}
	var id string
	if sessionToken != "" {
		id = c.mac.SessionID(sessionToken)
	} else {
		var err error
		if id, err = c.tokens.SessionID(sessionJWT); err != nil {
			return identity{}, unauthorized("unable_to_parse_session_jwt", "The session JWT is not one of this project.")
		}
	}
	return c.liveSession(id)
}

func (c *call) liveSession(id string) (identity, error) {
	gone := notFound("session_not_found", "The session does not exist, has expired or was revoked.")
	session, found := c.tx.Sessions().Get(id)
	if !found || !c.now.Before(session.ExpiresAt) {
		return identity{}, gone
	}
	org, found := c.tx.Organizations().Get(session.OrganizationID)
	if !found {
		return identity{}, gone
	}
	m, found := c.tx.FindMember(org.OrganizationID, session.MemberID)
	if !found {
		return identity{}, gone
	}
	return identity{session, m, org}, nil
}

type authenticateSessionRequest struct {
	sessionRequest
	SessionToken       string              `json:"session_token"`
	SessionJWT         string              `json:"session_jwt"`
	AuthorizationCheck *authorizationCheck `json:"authorization_check"`
}

type authorizationCheck struct {
	OrganizationID string `json:"organization_id"`
	ResourceID     string `json:"resource_id"`
	Action         string `json:"action"`
}

type authenticatedSession struct {
	MemberSession sessionView      `json:"member_session"`
	SessionToken  string           `json:"session_token"`
	SessionJWT    string           `json:"session_jwt"`
	Member        memberView       `json:"member"`
	Organization  organizationView `json:"organization"`
	Verdict       *verdict         `json:"verdict"`
}

type verdict struct {
	Authorized    bool     `json:"authorized"`
	GrantingRoles []string `json:"granting_roles"`
}

// authenticateSession answers a fresh JWT with the member's roles of now, and extends the session if asked to.
func (c *call) authenticateSession(req authenticateSessionRequest) (any, error) {
	who, err := c.identify(req.SessionToken, req.SessionJWT)
	if err != nil {
		return nil, err
	}
	var granted *verdict
	if check := req.AuthorizationCheck; check != nil {
		if check.OrganizationID != who.org.OrganizationID {
			return nil, wrongTenant()
		}
		p := c.tx.Policy()
		roles := p.GrantingRoles(who.member.EffectiveRoles(who.org, p), check.ResourceID, check.Action)
		if len(roles) == 0 {
			return nil, notAuthorized()
		}
		granted = &verdict{Authorized: true, GrantingRoles: roles}
	}

	session, err := c.use(who.session, req.sessionRequest)
	if err != nil {
		return nil, err
	}
	jwt, err := c.signSession(session, who.member, who.org)
	if err != nil {
		return nil, err
	}
	return authenticatedSession{
		MemberSession: c.viewSession(session, who.member, who.org),
		SessionToken:  c.mac.SessionToken(session.SessionID), SessionJWT: jwt,
		Member: c.viewMember(who.member, who.org), Organization: c.viewOrganization(who.org), Verdict: granted,
	}, nil
}

// use notes that a session was used, and extends it if asked to.
func (c *call) use(session state.Session, req sessionRequest) (state.Session, error) {
	life, err := req.life()
	if err != nil {
		return session, err
	}
	session.LastAccessedAt = c.now
	if life > 0 {
		session.ExpiresAt = c.now.Add(life)
	}
	if err := req.mergeClaims(&session); err != nil {
		return session, err
	}
	c.tx.Sessions().Put(session.SessionID, session)
	return session, nil
}

type exchangeSessionRequest struct {
	sessionRequest
	OrganizationID string `json:"organization_id"`
	SessionToken   string `json:"session_token"`
	SessionJWT     string `json:"session_jwt"`
}

// exchangeSession starts a session in another organization of the same person. It accepts an invitation, but takes
// nobody in by e-mail domain: that is what the intermediate session's exchange is for.
func (c *call) exchangeSession(req exchangeSessionRequest) (any, error) {
	who, err := c.identify(req.SessionToken, req.SessionJWT)
	if err != nil {
		return nil, err
	}
	org, err := c.organization(req.OrganizationID)
	if err != nil {
		return nil, err
	}
	m, found := c.tx.FindMemberByEmail(org.OrganizationID, who.member.Email)
	if !found {
		return nil, notFound("member_not_found", "The member does not exist in this organization.")
	}
	return c.signIn(m, org, who.proof(), req.sessionRequest)
}

type revokeSessionRequest struct {
	MemberSessionID string `json:"member_session_id"`
	SessionToken    string `json:"session_token"`
	SessionJWT      string `json:"session_jwt"`
	MemberID        string `json:"member_id"`
}

// revokeSession ends one session, or all of a member.
func (c *call) revokeSession(req revokeSessionRequest) (any, error) {
	if count(req.MemberSessionID, req.SessionToken, req.SessionJWT, req.MemberID) != 1 {
		return nil, badRequest("no_session_revoke_arguments", "Exactly one of member_session_id, session_token, session_jwt and member_id is required.")
	}
	if req.MemberID != "" {
		m, found := c.tx.Members().Get(req.MemberID)
		if !found {
			return nil, notFound("member_not_found", "The member does not exist.")
		}
		if err := c.allowOn(m, "revoke-sessions", selfToo); err != nil {
			return nil, err
		}
		c.tx.EndSessions(m.MemberID)
		return nil, nil
	}

	var who identity
	var err error
	if req.MemberSessionID != "" {
		who, err = c.liveSession(req.MemberSessionID)
	} else {
		who, err = c.identify(req.SessionToken, req.SessionJWT)
	}
	if err != nil {
		return nil, err
	}
	if err := c.allowOn(who.member, "revoke-sessions", selfToo); err != nil {
		return nil, err
	}
	c.tx.Sessions().Delete(who.session.SessionID)
	return nil, nil
}

type listSessionsAnswer struct {
	MemberSessions []sessionView `json:"member_sessions"`
}

// listSessions lists the live sessions of a member.
func (c *call) listSessions(struct{}) (any, error) {
	query := c.r.URL.Query()
	org, err := c.organization(query.Get("organization_id"))
	if err != nil {
		return nil, err
	}
	m, err := c.member(org, query.Get("member_id"))
	if err != nil {
		return nil, err
	}
	answer := listSessionsAnswer{MemberSessions: []sessionView{}}
	for _, s := range c.tx.Sessions().All() {
		if s.MemberID == m.MemberID && c.now.Before(s.ExpiresAt) {
			answer.MemberSessions = append(answer.MemberSessions, c.viewSession(s, m, org))
		}
	}
	return answer, nil
}

type jwksAnswer struct {
	Keys []any `json:"keys"`
}

// jwks answers the keys of the project, to whoever asks.
func (c *call) jwks(req struct{}) (any, error) {
	if c.r.PathValue("project_id") != c.ProjectID {
		return nil, notFound("project_not_found", "The project does not exist.")
	}
	return c.publicJWKS(req)
}

// publicJWKS answers the same keys under the address that OAuth clients look at.
func (c *call) publicJWKS(struct{}) (any, error) {
	return jwksAnswer{Keys: []any{c.tokens.Key.Public()}}, nil
}
