package devidp_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/discovery/intermediatesessions"
	discoveryorganizations "github.com/stytchauth/stytch-go/v16/stytch/b2b/discovery/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations/members"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sessions"

	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
	"github.com/df0f9dda/okr-manager/services/devidp/internal/token"
)

func TestASessionIsAuthenticatedUntilItIsRevoked(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	session := signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme)
	byToken, err := api.Sessions.Authenticate(t.Context(), &sessions.AuthenticateParams{SessionToken: session.SessionToken})
	ok(t, err)
	if byToken.Member.MemberID != devidptest.Ada || byToken.Organization.OrganizationID != devidptest.Acme || byToken.SessionToken != session.SessionToken {
		t.Errorf("authenticated %+v", byToken)
	}
	byJWT, err := api.Sessions.Authenticate(t.Context(), &sessions.AuthenticateParams{SessionJWT: byToken.SessionJWT})
	ok(t, err)
	if byJWT.MemberSession.MemberSessionID != session.MemberSession.MemberSessionID || byJWT.SessionToken != session.SessionToken {
		t.Errorf("authenticated by the JWT: %+v", byJWT)
	}
	listed, err := api.Sessions.Get(t.Context(), &sessions.GetParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Ada})
	ok(t, err)
	if len(listed.MemberSessions) != 1 {
		t.Errorf("listed %+v", listed.MemberSessions)
	}

	_, err = api.Sessions.Revoke(t.Context(), &sessions.RevokeParams{SessionToken: session.SessionToken})
	ok(t, err)
	for name, params := range map[string]*sessions.AuthenticateParams{
		"token": {SessionToken: session.SessionToken}, "JWT": {SessionJWT: session.SessionJWT},
	} {
		_, err = api.Sessions.Authenticate(t.Context(), params)
		t.Log(name)
		wantError(t, err, http.StatusNotFound, "session_not_found")
	}
}

func TestSessionsAreRevokedByEachOfTheirNames(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	for name, params := range map[string]func(*intermediatesessions.ExchangeResponse) *sessions.RevokeParams{
		"JWT": func(e *intermediatesessions.ExchangeResponse) *sessions.RevokeParams {
			return &sessions.RevokeParams{SessionJWT: e.SessionJWT}
		},
		"session id": func(e *intermediatesessions.ExchangeResponse) *sessions.RevokeParams {
			return &sessions.RevokeParams{MemberSessionID: e.MemberSession.MemberSessionID}
		},
		"member id": func(e *intermediatesessions.ExchangeResponse) *sessions.RevokeParams {
			return &sessions.RevokeParams{MemberID: e.MemberID}
		},
	} {
		t.Run("by "+name, func(t *testing.T) {
			session := signIn(t, s, api, devidptest.EmmaEmail, devidptest.Acme)
			_, err := api.Sessions.Revoke(t.Context(), params(session))
			ok(t, err)
			_, err = api.Sessions.Authenticate(t.Context(), &sessions.AuthenticateParams{SessionToken: session.SessionToken})
			wantError(t, err, http.StatusNotFound, "session_not_found")
		})
	}
	_, err := api.Sessions.Revoke(t.Context(), &sessions.RevokeParams{})
	wantError(t, err, http.StatusBadRequest, "no_session_revoke_arguments")
}

func TestSessionArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	session := signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme)
	agent := s.MintAgent(devidptest.Ada, "read:okrs")
	other, otherAPI := start(t, devidp.Config{NewSigningKey: token.NewKey})
	foreign := signIn(t, other, otherAPI, devidptest.AdaEmail, devidptest.Acme)
	unsigned := func() string {
		var claims jwt.MapClaims
		_, _, err := jwt.NewParser().ParseUnverified(session.SessionJWT, &claims)
		ok(t, err)
		forged, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
		ok(t, err)
		return forged
	}()
	id := session.SessionToken[:len(session.SessionToken)-4]
	for _, test := range []struct {
		name      string
		params    sessions.AuthenticateParams
		status    int
		errorType string
	}{
		{"nothing at all", sessions.AuthenticateParams{}, 400, "no_session_arguments"},
		{"token and JWT at once", sessions.AuthenticateParams{SessionToken: session.SessionToken, SessionJWT: session.SessionJWT}, 400, "too_many_session_arguments"},
		{"a token that was tampered with", sessions.AuthenticateParams{SessionToken: id + "AAAA"}, 404, "session_not_found"},
		{"a token of another installation", sessions.AuthenticateParams{SessionToken: foreign.SessionToken}, 404, "session_not_found"},
		{"a JWT of another installation", sessions.AuthenticateParams{SessionJWT: foreign.SessionJWT}, 401, "unable_to_parse_session_jwt"},
		{"a JWT without a signature", sessions.AuthenticateParams{SessionJWT: unsigned}, 401, "unable_to_parse_session_jwt"},
		{"an access token in place of a session JWT", sessions.AuthenticateParams{SessionJWT: agent.AccessToken}, 401, "unable_to_parse_session_jwt"},
		{"a session shorter than five minutes", sessions.AuthenticateParams{SessionToken: session.SessionToken, SessionDurationMinutes: 4}, 400, "invalid_session_duration_minutes"},
		{"a custom claim under a reserved name", sessions.AuthenticateParams{SessionToken: session.SessionToken, SessionCustomClaims: map[string]any{"aud": "x"}}, 400, "reserved_claims_in_custom_claims"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := api.Sessions.Authenticate(t.Context(), &test.params)
			wantError(t, err, test.status, test.errorType)
		})
	}
}

func TestAnExpiredJWTOfALiveSessionIsRefreshed(t *testing.T) {
	t.Parallel()
	now := newClock()
	s, api := start(t, devidp.Config{Clock: now.Now})
	session := signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme)
	now.Advance(30 * time.Minute)
	refreshed, err := api.Sessions.Authenticate(t.Context(), &sessions.AuthenticateParams{SessionJWT: session.SessionJWT})
	ok(t, err)
	if !refreshed.MemberSession.ExpiresAt.Equal(*session.MemberSession.ExpiresAt) {
		t.Error("authenticating without a duration extended the session")
	}
	extended, err := api.Sessions.Authenticate(t.Context(), &sessions.AuthenticateParams{SessionToken: session.SessionToken, SessionDurationMinutes: 60})
	ok(t, err)
	if got := extended.MemberSession.ExpiresAt.Sub(*session.MemberSession.ExpiresAt); got != 30*time.Minute {
		t.Errorf("the session was extended by %v", got)
	}
	now.Advance(time.Hour)
	_, err = api.Sessions.Authenticate(t.Context(), &sessions.AuthenticateParams{SessionJWT: extended.SessionJWT})
	wantError(t, err, http.StatusNotFound, "session_not_found")
}

func TestASessionFollowsItsMember(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	session := signIn(t, s, api, devidptest.MaxEmail, devidptest.Acme)
	_, err := api.Organizations.Members.Update(t.Context(), &members.UpdateParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Max, Roles: &[]string{}})
	ok(t, err)
	demoted, err := api.Sessions.Authenticate(t.Context(), &sessions.AuthenticateParams{SessionToken: session.SessionToken})
	ok(t, err)
	if !slices.Equal(demoted.MemberSession.Roles, []string{"stytch_member"}) {
		t.Errorf("after the demotion the roles are %v", demoted.MemberSession.Roles)
	}
	local, err := api.Sessions.AuthenticateJWTLocal(t.Context(), demoted.SessionJWT, time.Minute, nil)
	ok(t, err)
	if !slices.Equal(local.Roles, []string{"stytch_member"}) {
		t.Errorf("after the demotion the JWT says %v", local.Roles)
	}
	_, err = api.Organizations.Members.Delete(t.Context(), &members.DeleteParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Max})
	ok(t, err)
	_, err = api.Sessions.Authenticate(t.Context(), &sessions.AuthenticateParams{SessionToken: session.SessionToken})
	wantError(t, err, http.StatusNotFound, "session_not_found")
}

func TestAnAuthorizationCheckIsAnswered(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	session := signIn(t, s, api, devidptest.MaxEmail, devidptest.Acme)
	check := func(org, resource, action string) (*sessions.AuthenticateResponse, error) {
		return api.Sessions.Authenticate(t.Context(), &sessions.AuthenticateParams{
			SessionToken:       session.SessionToken,
			AuthorizationCheck: &sessions.AuthorizationCheck{OrganizationID: org, ResourceID: resource, Action: action},
		})
	}
	granted, err := check(devidptest.Acme, "key_result", "delete")
	ok(t, err)
	if granted.Verdict == nil || !granted.Verdict.Authorized || !slices.Equal(granted.Verdict.GrantingRoles, []string{"manager"}) {
		t.Errorf("the verdict is %+v", granted.Verdict)
	}
	_, err = check(devidptest.Acme, "objective", "create")
	wantError(t, err, http.StatusForbidden, "session_authorization_error")
	_, err = check(devidptest.Globex, "objective", "read")
	wantError(t, err, http.StatusForbidden, "session_authorization_tenancy_error")

	// The SDK's own check, on the policy that it fetches, agrees.
	local := func(resource, action string) error {
		_, err := api.Sessions.AuthenticateJWTLocal(t.Context(), granted.SessionJWT, time.Minute,
			&sessions.AuthorizationCheck{OrganizationID: devidptest.Acme, ResourceID: resource, Action: action})
		return err
	}
	ok(t, local("key_result", "delete"))
	if local("objective", "create") == nil {
		t.Error("the SDK lets a manager create objectives")
	}
}

func TestAPersonSwitchesOrganizations(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	session := signIn(t, s, api, devidptest.MaxEmail, devidptest.Acme)
	listed, err := api.Discovery.Organizations.List(t.Context(), &discoveryorganizations.ListParams{SessionJWT: session.SessionJWT})
	ok(t, err)
	if len(listed.DiscoveredOrganizations) != 2 || listed.OrganizationIDHint != devidptest.Acme {
		t.Errorf("listed %+v", listed)
	}
	switched, err := api.Sessions.Exchange(t.Context(), &sessions.ExchangeParams{OrganizationID: devidptest.Globex, SessionToken: session.SessionToken})
	ok(t, err)
	if switched.MemberID != devidptest.MaxAtGlobex || !slices.Equal(switched.MemberSession.Roles, []string{"stytch_member"}) || !switched.MemberAuthenticated {
		t.Errorf("switched to %+v", switched)
	}
	_, err = api.Sessions.Authenticate(t.Context(), &sessions.AuthenticateParams{SessionToken: session.SessionToken})
	ok(t, err)

	ada := signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme)
	_, err = api.Sessions.Exchange(t.Context(), &sessions.ExchangeParams{OrganizationID: devidptest.Globex, SessionToken: ada.SessionToken})
	wantError(t, err, http.StatusNotFound, "member_not_found")
}

func TestCustomClaimsTravelInTheJWT(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	session := signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme)
	claimed, err := api.Sessions.Authenticate(t.Context(), &sessions.AuthenticateParams{SessionToken: session.SessionToken, SessionCustomClaims: map[string]any{"team": "blue"}})
	ok(t, err)
	local, err := api.Sessions.AuthenticateJWTLocal(t.Context(), claimed.SessionJWT, time.Minute, nil)
	ok(t, err)
	if claimed.MemberSession.CustomClaims["team"] != "blue" || local.CustomClaims["team"] != "blue" {
		t.Errorf("the claims are %v and %v", claimed.MemberSession.CustomClaims, local.CustomClaims)
	}
}
