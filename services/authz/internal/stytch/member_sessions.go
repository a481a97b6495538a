package stytch

import (
	"context"
	"time"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sessions"
)

// MemberSession is a session of a member, without its credentials.
type MemberSession struct {
	ID string
	// Started, LastAccessed and Expire are zero where Stytch does not say.
	Started, LastAccessed, Expire time.Time
	Factors                       []Factor
}

// Factor is a proof of identity that a session rests on, in Stytch's words.
type Factor struct {
	Type, DeliveryMethod string
	// Last is when it was given last; zero where Stytch does not say.
	Last time.Time
}

// MemberSessions lists a member's sessions that live, on the product's own authority: Stytch has no such question for
// members.
func (c *Client) MemberSessions(ctx context.Context, organizationID, memberID string) ([]MemberSession, error) {
	const doing = "listing sessions"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.Sessions.Get(ctx, &sessions.GetParams{OrganizationID: organizationID, MemberID: memberID})
	if err != nil {
		return nil, translate(doing, err)
	}
	if answer.StatusCode == 0 {
		return nil, nonsense(doing, "it has no status code")
	}
	out := make([]MemberSession, len(answer.MemberSessions))
	for i, s := range answer.MemberSessions {
		if s.MemberSessionID == "" || s.MemberID != memberID || s.OrganizationID != organizationID {
			return nil, nonsense(doing, "a session is not the member's")
		}
		out[i] = MemberSession{ID: s.MemberSessionID, Started: given(s.StartedAt), LastAccessed: given(s.LastAccessedAt), Expire: given(s.ExpiresAt)}
		for _, f := range s.AuthenticationFactors {
			out[i].Factors = append(out[i].Factors, Factor{string(f.Type), string(f.DeliveryMethod), given(f.LastAuthenticatedAt)})
		}
	}
	return out, nil
}

func given(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// RevokeMemberSession ends a session by its id. Whose it is, Stytch looks up and checks by the rules; which organization it
// is of, the caller has to have checked.
func (a *Acting) RevokeMemberSession(ctx context.Context, sessionID string) error {
	return a.revoke(ctx, &sessions.RevokeParams{MemberSessionID: sessionID})
}

// RevokeMemberSessions ends all sessions of a member.
func (a *Acting) RevokeMemberSessions(ctx context.Context, memberID string) error {
	return a.revoke(ctx, &sessions.RevokeParams{MemberID: memberID})
}

func (a *Acting) revoke(ctx context.Context, params *sessions.RevokeParams) error {
	api, err := a.connected(ctx)
	if err != nil {
		return err
	}
	_, err = api.Sessions.Revoke(ctx, params, &sessions.RevokeRequestOptions{Authorization: a.authorize})
	return translate("revoking a member's sessions", err)
}
