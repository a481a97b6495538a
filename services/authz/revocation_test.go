package authz_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const acmeMembers = "/v1/b2b/organizations/" + devidptest.Acme + "/members/"

// The time until a change at Stytch takes effect everywhere is that of a check and of a transaction token.
func TestTheDefaultsAddUpToSixtySeconds(t *testing.T) {
	t.Setenv("OKR_STYTCH_PROJECT_ID", "project-test-1")
	t.Setenv("OKR_STYTCH_SECRET", "secret")
	t.Setenv("OKR_STYTCH_PUBLIC_TOKEN", "public-token-test-1")
	cfg, err := config.Load[authz.Config]()
	if err != nil {
		t.Fatal(err)
	}
	if sum := cfg.CheckInterval + access.TxnTokenLifetime; sum > time.Minute {
		t.Errorf("it takes %s", sum)
	}
}

func TestChangesAtStytchTakeEffectAtTheNextCheck(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(w *world, c *authzv1.SessionCredentials, agent devidptest.Agent)
		// session and agent are what becomes of the credentials; UNSPECIFIED for less power.
		session, agent accessv1.ErrorReason
	}{
		"a demotion": {
			change: func(w *world, _ *authzv1.SessionCredentials, _ devidptest.Agent) {
				w.stytch("PUT", acmeMembers+devidptest.Max, map[string]any{"roles": []string{}})
			},
		},
		"the removal of the member": {
			change: func(w *world, _ *authzv1.SessionCredentials, _ devidptest.Agent) {
				w.stytch("DELETE", acmeMembers+devidptest.Max, nil)
			},
			session: invalid, agent: invalid,
		},
		"a logout elsewhere": {
			change: func(w *world, c *authzv1.SessionCredentials, _ devidptest.Agent) {
				w.stytch("POST", "/v1/b2b/sessions/revoke", map[string]any{"session_token": c.GetSessionToken()})
			},
			session: invalid,
		},
		"the revocation of the agent": {
			change: func(w *world, _ *authzv1.SessionCredentials, agent devidptest.Agent) {
				w.stytch("POST", acmeMembers+devidptest.Max+"/connected_apps/"+agent.ClientID+"/revoke", nil)
			},
			agent: invalid,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			c := w.signIn(devidptest.MaxEmail, devidptest.Acme)
			agent := w.idp.MintAgent(devidptest.Max, "manage:krs")
			const agentMay = "key_result:create key_result:read key_result:update key_result:delete"
			credentials := []struct {
				req    *authzv1.AuthenticateRequest
				may    string
				reason accessv1.ErrorReason
				then   string
			}{
				{bySession(c), asManager, tc.session, asEmployee},
				{bySessionToken(c), asManager, tc.session, asEmployee},
				{bySessionJWT(c), asManager, tc.session, asEmployee},
				{byBearer(c.GetSessionJwt()), asManager, tc.session, asEmployee},
				{byAccessToken(agent.AccessToken), agentMay, tc.agent, "key_result:read key_result:update"},
			}
			for _, credential := range credentials {
				if got := permits(w.authenticate(credential.req).GetPrincipal()); got != credential.may {
					t.Fatalf("before, %v may %q", credential.req, got)
				}
			}
			tc.change(w, c, agent)
			asked := w.proxy.questions()
			w.clock.advance(29 * time.Second)
			for _, credential := range credentials { // nothing is asked within the interval
				w.authenticate(credential.req)
			}
			if n := w.proxy.questions() - asked; n != 0 {
				t.Errorf("Stytch was asked %d times within the interval", n)
			}
			w.clock.advance(2 * time.Second)
			for _, credential := range credentials {
				if credential.reason != 0 {
					w.refuse(credential.req, credential.reason)
					continue
				}
				want := credential.may
				if name == "a demotion" {
					want = credential.then
				}
				if got := permits(w.authenticate(credential.req).GetPrincipal()); got != want {
					t.Errorf("after, %v may %q, want %q", credential.req, got, want)
				}
			}
		})
	}
}

func TestAPromotionOfTheRolesDoesNotWidenAnAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	agent := w.idp.MintAgent(devidptest.Emma, "read:okrs")
	w.authenticate(byAccessToken(agent.AccessToken))
	w.stytch("PUT", acmeMembers+devidptest.Emma, map[string]any{"roles": []string{"stytch_admin"}})
	w.clock.passInterval()
	if got := permits(w.authenticate(byAccessToken(agent.AccessToken)).GetPrincipal()); got != readingOnly {
		t.Errorf("the agent may %q", got)
	}
}

func TestAfterALogoutHereTheSessionIsOverAtOnce(t *testing.T) {
	t.Parallel()
	for how, pick := range map[string]func(*authzv1.SessionCredentials) *authzv1.SessionCredentials{
		"session token and JWT": func(c *authzv1.SessionCredentials) *authzv1.SessionCredentials { return c },
		"session token": func(c *authzv1.SessionCredentials) *authzv1.SessionCredentials {
			return &authzv1.SessionCredentials{SessionToken: c.GetSessionToken()}
		},
		"session JWT": func(c *authzv1.SessionCredentials) *authzv1.SessionCredentials {
			return &authzv1.SessionCredentials{SessionJwt: c.GetSessionJwt()}
		},
	} {
		t.Run("by "+how, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			c := w.signIn(devidptest.AdaEmail, devidptest.Acme)
			other := w.signIn(devidptest.AdaEmail, devidptest.Acme)
			all := []*authzv1.AuthenticateRequest{bySession(c), bySessionToken(c), bySessionJWT(c), byBearer(c.GetSessionJwt())}
			for _, req := range all {
				w.authenticate(req)
			}
			w.authenticate(bySession(other))
			if _, err := w.sessions.RevokeSession(w.with(pick(c)), &authzv1.RevokeSessionRequest{}); err != nil {
				t.Fatal(err)
			}
			for _, req := range all {
				w.refuse(req, invalid)
			}
			w.authenticate(bySession(other))
			if _, err := w.sessions.RevokeSession(w.with(pick(c)), &authzv1.RevokeSessionRequest{}); err != nil {
				t.Errorf("logging out again: %v", err)
			}
		})
	}
}

func TestALogoutWhileAQuestionIsOnItsWayIsNotForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.signIn(devidptest.AdaEmail, devidptest.Acme)
	w.authenticate(bySessionJWT(c)) // from which the logout knows the session
	answered, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.proxy.afterwards("/v1/b2b/sessions/authenticate", func() {
		once.Do(func() {
			close(answered)
			<-release
		})
	})
	var tasks sync.WaitGroup
	tasks.Go(func() {
		if _, err := w.authz.Authenticate(t.Context(), bySession(c)); rpcerr.ReasonOf(err) != invalid {
			t.Errorf("who was waiting got %v", err)
		}
	})
	<-answered // Stytch has said yes, and it has not arrived yet
	if _, err := w.sessions.RevokeSession(w.with(c), &authzv1.RevokeSessionRequest{}); err != nil {
		t.Fatal(err)
	}
	close(release)
	tasks.Wait()
	w.refuse(bySession(c), invalid)
}

func TestLoggingOutWithoutASessionSucceeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	agent := w.idp.MintAgent(devidptest.Ada, "read:okrs")
	tampered := w.signIn(devidptest.AdaEmail, devidptest.Acme).GetSessionJwt()
	tampered = tampered[:len(tampered)-4] + "AAAA"
	for name, c := range map[string]*authzv1.SessionCredentials{
		"nothing":       {},
		"garbage token": {SessionToken: "garbage"},
		"garbage JWT":   {SessionJwt: "garbage"},
		"forged JWT":    {SessionJwt: tampered},
		"access token":  {SessionJwt: agent.AccessToken},
	} {
		if _, err := w.sessions.RevokeSession(w.with(c), &authzv1.RevokeSessionRequest{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := w.proxy.total("POST /v1/b2b/sessions/revoke"); n != 1 {
		t.Errorf("Stytch was asked %d times, want once, for the token that might have been one", n)
	}
	w.authenticate(byAccessToken(agent.AccessToken))
}

// An access token goes on saying what was granted when it was made.
func TestAnAgentHasNoMoreScopesThanTheMemberGrantsNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	agent := w.idp.MintAgent(devidptest.Ada, "manage:krs", "manage:objectives")
	w.proxy.behave("/v1/b2b/organizations/"+devidptest.Acme+"/members/", answering(http.StatusOK,
		`{"status_code":200,"connected_apps":[{"connected_app_id":"`+agent.ClientID+`","name":"Less","scopes_granted":"openid manage:krs read:okrs"}]}`))
	p := w.authenticate(byAccessToken(agent.AccessToken)).GetPrincipal()
	if got := permits(p); got != "key_result:create key_result:read key_result:update key_result:delete" || p.GetClientName() != "Less" {
		t.Errorf("%s may %q", p.GetClientName(), got)
	}
}
