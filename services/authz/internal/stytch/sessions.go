package stytch

import (
	"context"
	"slices"
	"time"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sessions"
)

// RoleMember is the role that every member has.
const RoleMember = "stytch_member"

// Credential names a session. Token goes before JWT where both are set: the API takes only one.
type Credential struct {
	// Token is the opaque session token.
	Token string
	// JWT is a session JWT; an expired one serves too, as long as its session lives.
	JWT string
}

func (c Credential) only() (token, jwt string) {
	if c.Token != "" {
		return c.Token, ""
	}
	return "", c.JWT
}

// Session is a session as Stytch has just described it.
type Session struct {
	ID           string
	Member       Member
	Organization Organization
	// Roles are the member's roles in this session; some depend on how the member signed in.
	Roles []string
	// Expire is when the session ends.
	Expire time.Time
	// Token and JWT are the session's current credentials.
	Token, JWT string
}

// AuthenticateSession asks whether a session lives, with current roles and a fresh JWT. extend lets it last its full
// duration from now. ErrTokenInvalid when it is over; ErrUnavailable when Stytch did not say.
func (c *Client) AuthenticateSession(ctx context.Context, credential Credential, extend bool) (*Session, error) {
	const doing = "authenticating a session"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	params := &sessions.AuthenticateParams{}
	params.SessionToken, params.SessionJWT = credential.only()
	if extend {
		params.SessionDurationMinutes = c.minutes()
	}
	answer, err := api.Sessions.Authenticate(ctx, params)
	if err != nil {
		return nil, dead(translate(doing, err))
	}
	return newSession(doing, answer.MemberSession, answer.Member, answer.Organization, answer.SessionToken, answer.SessionJWT)
}

// RevokeSession ends a session. One that is over already is no error.
func (c *Client) RevokeSession(ctx context.Context, credential Credential) error {
	api, err := c.connected(ctx)
	if err != nil {
		return err
	}
	params := &sessions.RevokeParams{}
	params.SessionToken, params.SessionJWT = credential.only()
	_, err = api.Sessions.Revoke(ctx, params)
	if err = translate("revoking a session", err); CredentialIsDead(err) {
		return nil
	}
	return err
}

// newSession checks an answer before anyone relies on it: the SDK fills what is missing with zero values.
func newSession(doing string, s sessions.MemberSession, m organizations.Member, o organizations.Organization, token, jwt string) (*Session, error) {
	switch {
	case s.MemberSessionID == "" || s.MemberID == "" || s.OrganizationID == "" || s.ExpiresAt == nil:
		return nil, nonsense(doing, "the session is incomplete")
	case m.MemberID != s.MemberID || o.OrganizationID != s.OrganizationID:
		return nil, nonsense(doing, "session, member and organization do not belong together")
	case token == "" || jwt == "":
		return nil, nonsense(doing, "there are no credentials")
	}
	return &Session{
		ID:           s.MemberSessionID,
		Member:       newMember(m),
		Organization: newOrganization(o),
		Roles:        withMemberRole(s.Roles),
		Expire:       *s.ExpiresAt,
		Token:        token,
		JWT:          jwt,
	}, nil
}

// withMemberRole adds the role that is implicit on every member, and sorts.
func withMemberRole(roles []string) []string {
	roles = append(slices.Clone(roles), RoleMember)
	slices.Sort(roles)
	return slices.Compact(roles)
}

// dead marks a refusal that says for certain that the credential is over.
func dead(err error) error {
	if CredentialIsDead(err) {
		return &deadError{err}
	}
	return err
}

type deadError struct{ cause error }

func (e *deadError) Error() string   { return e.cause.Error() }
func (e *deadError) Unwrap() []error { return []error{ErrTokenInvalid, e.cause} }
