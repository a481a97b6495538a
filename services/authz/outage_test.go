package authz_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const keySetPath = "GET /v1/b2b/sessions/jwks/"

// misbehaviors are the ways in which Stytch can fail to say anything about a credential.
func misbehaviors() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"hangs up":                   hangUp,
		"is broken":                  answering(http.StatusInternalServerError, `{"status_code":500,"error_type":"internal_server_error"}`),
		"has too much to do":         answering(http.StatusTooManyRequests, `{"status_code":429,"error_type":"too_many_requests"}`),
		"does not know us":           answering(http.StatusUnauthorized, `{"status_code":401,"error_type":"unauthorized_credentials"}`),
		"does not know the route":    answering(http.StatusNotFound, `{"status_code":404,"error_type":"route_not_found"}`),
		"answers with a page":        answering(http.StatusOK, `<html>maintenance</html>`),
		"answers 404 with a page":    answering(http.StatusNotFound, `<html>maintenance</html>`),
		"answers 401 without a type": answering(http.StatusUnauthorized, `{}`),
		"answers with nothing":       answering(http.StatusOK, `{}`),
		"puts an error into a 200":   answering(http.StatusOK, `{"status_code":404,"error_type":"session_not_found","error_message":"gone"}`),
		"answers with a stranger": answering(http.StatusOK, `{
			"member_session":{"member_session_id":"x","member_id":"`+devidptest.Gina+`","organization_id":"`+devidptest.Globex+`","expires_at":"2099-01-01T00:00:00Z"},
			"member":{"member_id":"`+devidptest.Gina+`","organization_id":"`+devidptest.Globex+`","status":"active","roles":[{"role_id":"stytch_admin"}]},
			"organization":{"organization_id":"`+devidptest.Globex+`"},"connected_apps":[],"session_jwt":"x"}`),
		"answers with wrong types": answering(http.StatusOK, `{"member_session":7,"member":"x","connected_apps":true}`),
		"sends us elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		},
		"closes in the middle of JSON": answering(http.StatusOK, `{"member_session":{"member_session_id":"x"`),
	}
}

func TestWhileStytchFailsTheLastVerdictServesAndNobodyIsCalledUnauthenticated(t *testing.T) {
	t.Parallel()
	for name, as := range misbehaviors() {
		t.Run("Stytch "+name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			c, agent := w.signIn(devidptest.MaxEmail, devidptest.Acme), w.idp.MintAgent(devidptest.Max, "manage:krs")
			unseen, unseenAgent := w.signIn(devidptest.EmmaEmail, devidptest.Acme), w.idp.MintAgent(devidptest.Emma, "read:okrs")
			seen := []*authzv1.AuthenticateRequest{bySession(c), byAccessToken(agent.AccessToken)}
			for _, req := range seen {
				w.authenticate(req)
			}
			w.proxy.behave("/v1/b2b/", as)

			for _, age := range []time.Duration{31 * time.Second, 4 * time.Minute} {
				w.clock.set(age)
				var tasks sync.WaitGroup
				for _, req := range seen {
					tasks.Go(func() {
						if _, err := w.authz.Authenticate(t.Context(), req); err != nil {
							t.Errorf("after %s: %v", age, err)
						}
					})
				}
				tasks.Wait()
			}
			asked := w.proxy.questions()
			for range 10 { // and Stytch is not asked for every request
				for _, req := range seen {
					w.authenticate(req)
				}
			}
			// Of the questions that were asked together before, one that failed was enough: the other may arrive only now.
			if n := w.proxy.questions() - asked; n > len(seen) {
				t.Errorf("Stytch was asked %d times right after it had failed", n)
			}

			w.clock.set(0)
			var tasks sync.WaitGroup
			for _, req := range []*authzv1.AuthenticateRequest{bySession(unseen), bySessionJWT(unseen), byAccessToken(unseenAgent.AccessToken)} {
				tasks.Go(func() {
					if _, err := w.authz.Authenticate(t.Context(), req); rpcerr.ReasonOf(err) != unavailable {
						t.Errorf("who was not seen before: %v", err)
					}
				})
			}
			tasks.Wait()
			w.clock.set(6 * time.Minute) // beyond the limit; an agent's token lives for an hour
			w.refuse(byAccessToken(agent.AccessToken), unavailable)
			w.refuse(bySessionToken(c), unavailable)

			w.clock.set(0)
			w.proxy.behave("", nil)
			for _, req := range []*authzv1.AuthenticateRequest{bySession(unseen), byAccessToken(unseenAgent.AccessToken), bySession(c)} {
				w.authenticate(req)
			}
		})
	}
}

func TestAVerdictServesNoLongerThanTheLimitThoughTheRestOfStytchAnswers(t *testing.T) {
	t.Parallel()
	for what, path := range map[string]string{"sessions": "/v1/b2b/sessions/authenticate", "members": "/v1/b2b/organizations/"} {
		w := newWorld(t, nil)
		req := bySessionToken(w.signIn(devidptest.MaxEmail, devidptest.Acme))
		if what == "members" {
			req = byAccessToken(w.idp.MintAgent(devidptest.Max, "manage:krs").AccessToken)
		}
		w.authenticate(req)
		w.proxy.behave(path, hangUp)
		w.clock.set(4*time.Minute + 59*time.Second)
		w.authenticate(req)
		w.clock.set(5*time.Minute + time.Second)
		w.refuse(req, unavailable)
	}
}

func TestWhileStytchHangsNobodyWaitsForEver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c, unseen := w.signIn(devidptest.MaxEmail, devidptest.Acme), w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	unseenAgent := w.idp.MintAgent(devidptest.Emma, "read:okrs")
	w.authenticate(bySession(c))
	w.clock.passInterval()
	w.proxy.behave("/v1/b2b/", hang)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	tasks.Go(func() {
		if _, err := w.authz.Authenticate(t.Context(), bySession(c)); err != nil {
			t.Errorf("who was seen before: %v", err)
		}
	})
	for _, req := range []*authzv1.AuthenticateRequest{bySession(unseen), byAccessToken(unseenAgent.AccessToken)} {
		tasks.Go(func() {
			_, err := w.authz.Authenticate(t.Context(), req)
			if rpcerr.ReasonOf(err) != unavailable {
				t.Errorf("who was not: %v", err)
			}
		})
	}
}

func TestGarbageIsRefusedWithoutStytch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.signIn(devidptest.AdaEmail, devidptest.Acme)
	w.authenticate(bySession(c))
	late := w.idp.Mint(devidptest.Mint{MemberID: devidptest.Ada, ClientName: "Late", Scopes: []string{"read:okrs"}, ExpiresInSeconds: new(-5)})
	w.proxy.behave("/", hangUp)
	asked := w.proxy.questions()
	tampered := c.GetSessionJwt()[:len(c.GetSessionJwt())-4] + "AAAA"
	w.refuse(byBearer("garbage"), invalid)
	w.refuse(byBearer(tampered), invalid)
	w.refuse(byAccessToken(tampered), invalid)
	w.refuse(bySession(&authzv1.SessionCredentials{SessionJwt: tampered}), invalid)
	w.refuse(byAccessToken(late.AccessToken), expired)
	w.refuse(byBearer(late.AccessToken), expired)
	if n := w.proxy.questions() - asked; n != 0 {
		t.Errorf("Stytch was asked %d times", n)
	}
}

func TestARefusalIsNotAskedForAgainAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	gone := bySession(&authzv1.SessionCredentials{SessionToken: "gone"})
	w.refuse(gone, invalid)
	asked := w.proxy.questions()
	w.refuse(gone, invalid)
	if n := w.proxy.questions() - asked; n != 0 {
		t.Errorf("Stytch was asked %d times", n)
	}
	w.clock.passRefusal()
	w.refuse(gone, invalid)
	if n := w.proxy.questions() - asked; n != 1 {
		t.Errorf("later, Stytch was asked %d times, want once", n)
	}
}

func TestAuthzStartsBeforeStytch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.signIn(devidptest.AdaEmail, devidptest.Acme)
	for name, as := range map[string]http.HandlerFunc{
		"away": hangUp, "broken": answering(http.StatusBadGateway, `{}`), "lying": answering(http.StatusOK, `{"keys":[]}`),
	} {
		t.Run("Stytch is "+name, func(t *testing.T) {
			w.proxy.behave("/", as)
			var health healthpb.HealthClient
			w.start(func(cfg *authz.Config) {
				cfg.StartPatience = 15 * time.Second
				health = healthpb.NewHealthClient(kittest.Dial(t, cfg.Listener.Addr().String()))
			})
			w.refuse(bySession(c), unavailable)
			w.refuse(byBearer(c.GetSessionJwt()), unavailable)
			w.refuse(byBearer("garbage"), invalid)
			_, err := w.authz.GetAccessPolicy(t.Context(), &authzv1.GetAccessPolicyRequest{})
			expect(t, err, unavailable)
			if _, err := w.authz.GetTransactionTokenKeys(t.Context(), &authzv1.GetTransactionTokenKeysRequest{}); err != nil {
				t.Errorf("our own keys: %v", err)
			}
			if got := serving(t, health); got != healthpb.HealthCheckResponse_NOT_SERVING {
				t.Errorf("got %s", got)
			}
			w.clock.advance(15 * time.Second) // it has waited long enough, and calls say what does not work
			eventually(t, "authz is ready without Stytch", func() bool { return serving(t, health) == healthpb.HealthCheckResponse_SERVING })
			w.refuse(bySession(c), unavailable)
			_, err = w.sessions.SendEmailCode(t.Context(), &authzv1.SendEmailCodeRequest{EmailAddress: devidptest.AdaEmail})
			expect(t, err, unavailable)

			w.proxy.behave("", nil)
			eventually(t, "authz has found Stytch", func() bool {
				_, err := w.authz.Authenticate(t.Context(), bySession(c))
				return err == nil
			})
		})
	}
}

func TestAuthzWaitsForStytchAtTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.signIn(devidptest.AdaEmail, devidptest.Acme)
	w.proxy.behave("/", hangUp)
	var health healthpb.HealthClient
	w.start(func(cfg *authz.Config) {
		health = healthpb.NewHealthClient(kittest.Dial(t, cfg.Listener.Addr().String()))
	})
	w.refuse(bySession(c), unavailable)
	if got := serving(t, health); got != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("got %s", got)
	}
	w.proxy.behave("", nil)
	eventually(t, "authz serves", func() bool { return serving(t, health) == healthpb.HealthCheckResponse_SERVING })
	w.authenticate(bySession(c))
}

func serving(t *testing.T, health healthpb.HealthClient) healthpb.HealthCheckResponse_ServingStatus {
	t.Helper()
	answer, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true))
	if err != nil {
		t.Fatal(err)
	}
	return answer.GetStatus()
}

func TestAColdStartAsksStytchOnceForEachThing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c, agent := w.signIn(devidptest.AdaEmail, devidptest.Acme), w.idp.MintAgent(devidptest.Ada, "read:okrs")
	before := func(prefix string) func() int {
		n := w.proxy.total(prefix)
		return func() int { return w.proxy.total(prefix) - n }
	}
	keySets, policies := before(keySetPath), before("GET /v1/b2b/rbac/policy")
	sessions := before("POST /v1/b2b/sessions/authenticate")
	members, apps := before("GET "+strings.TrimSuffix(acmeMembers, "s/")), before("GET "+acmeMembers)
	w.start(nil)
	start := make(chan struct{})
	var tasks sync.WaitGroup
	for i := range 64 {
		tasks.Go(func() {
			<-start
			req := bySession(c)
			if i%2 == 0 {
				req = byAccessToken(agent.AccessToken)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if _, err := w.authz.Authenticate(ctx, req); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	tasks.Wait()
	for what, count := range map[string]func() int{"key set": keySets, "policy": policies, "session": sessions, "list of applications": apps} {
		if n := count(); n != 1 {
			t.Errorf("the %s was fetched %d times, want once", what, n)
		}
	}
	if n := members() - apps(); n != 1 {
		t.Errorf("the member was fetched %d times, want once", n)
	}
}

func TestAChangeOfThePolicyTakesEffect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(cfg *authz.Config) { cfg.CheckInterval = 50 * time.Millisecond })
	c := w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	if got := permits(w.authenticate(bySession(c)).GetPrincipal()); got != asEmployee {
		t.Fatalf("before, an employee may %q", got)
	}
	path := "/v1/projects/" + w.idp.ProjectID + "/rbac_policy"
	var document map[string]any
	w.stytchAs(w.idp.WorkspaceKeyID, w.idp.WorkspaceKeySecret, "GET", path, nil, &document)
	policy, _ := document["policy"].(map[string]any)
	policy["stytch_member"] = map[string]any{"role_id": "stytch_member", "permissions": []any{
		map[string]any{"resource_id": "objective", "actions": []string{"*"}},
	}}
	w.stytchAs(w.idp.WorkspaceKeyID, w.idp.WorkspaceKeySecret, "PUT", path, map[string]any{"project_id": w.idp.ProjectID, "policy": policy}, nil)
	eventually(t, "an employee may create objectives and no longer see key results", func() bool {
		return permits(w.authenticate(bySession(c)).GetPrincipal()) == "objective:create objective:read objective:update objective:delete"
	})
	got, err := w.authz.GetAccessPolicy(t.Context(), &authzv1.GetAccessPolicyRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if roles := got.GetGrants()[0].GetRoles(); len(roles) != 2 {
		t.Errorf("objectives are created by %v", roles)
	}
}

func TestTheAccessPolicySaysWhoGrantsWhat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	got, err := w.authz.GetAccessPolicy(t.Context(), &authzv1.GetAccessPolicyRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"objective:create":  "stytch_admin | manage:objectives",
		"objective:read":    "manager stytch_admin stytch_member | manage:objectives read:okrs",
		"objective:update":  "stytch_admin | manage:objectives",
		"objective:delete":  "stytch_admin | manage:objectives",
		"key_result:create": "manager stytch_admin | manage:krs",
		"key_result:read":   "manager stytch_admin stytch_member | manage:krs read:okrs report_kr_status",
		"key_result:update": "manager stytch_admin stytch_member | manage:krs report_kr_status",
		"key_result:delete": "manager stytch_admin | manage:krs",

		"stytch.organization:update": "stytch_admin | ",
	}
	for _, g := range got.GetGrants() {
		name := access.PermissionString(g.GetPermission())
		who := strings.Join(g.GetRoles(), " ") + " | " + strings.Join(g.GetScopes(), " ")
		if want[name] != who {
			t.Errorf("%s is granted by %s, want %s", name, who, want[name])
		}
		delete(want, name)
	}
	if len(want) != 0 {
		t.Errorf("there are no grants for %v", want)
	}
}
