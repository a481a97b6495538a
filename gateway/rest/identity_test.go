package rest

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const plainChallenge = `Bearer realm="okr-manager"`

func TestWhoMayPass(t *testing.T) {
	w := start(t)
	const objectives = "/api/v1/objectives"
	many := strings.Repeat("x", 5000)
	for _, test := range []struct {
		name      string
		ask       ask
		status    int
		reason    string
		challenge string
	}{
		{"a member", ask{path: objectives, session: "ceo-session"}, 200, "", ""},
		{"an agent", ask{path: objectives, bearer: "reader-token"}, 200, "", ""},
		{"an agent whose scheme is in small letters", ask{path: objectives, header: http.Header{"Authorization": {"bearer reader-token"}}}, 200, "", ""},
		{"nobody", ask{path: objectives}, 401, "TOKEN_MISSING", plainChallenge},
		{"nobody with a malformed body: identity comes first", ask{method: "POST", path: objectives, body: `{`}, 401, "TOKEN_MISSING", plainChallenge},
		{"a forged token", ask{path: objectives, bearer: "forged"}, 401, "TOKEN_INVALID", plainChallenge + `, error="invalid_token", error_description="the token is not valid here"`},
		{"a session's token as bearer", ask{path: objectives, bearer: "ceo-session"}, 401, "TOKEN_INVALID", plainChallenge + `, error="invalid_token", error_description="the token is not valid here"`},
		{"an access token as cookie", ask{path: objectives, session: "reader-token"}, 401, "TOKEN_INVALID", plainChallenge},
		{"Basic", ask{path: objectives, header: http.Header{"Authorization": {"Basic YTpi"}}}, 401, "TOKEN_INVALID", plainChallenge + `, error="invalid_token", error_description="the token is not valid here"`},
		{"a token with a quote in it", ask{path: objectives, bearer: `a"b`}, 401, "TOKEN_INVALID", plainChallenge + `, error="invalid_token", error_description="the token is not valid here"`},
		{"a cookie with garbage", ask{path: objectives, header: http.Header{"Cookie": {`okr_session="a b\c"`}}}, 401, "TOKEN_MISSING", plainChallenge},
		{"a cookie longer than cookies are", ask{path: objectives, session: many}, 401, "TOKEN_MISSING", plainChallenge},
		{"a cookie of the name that only https has", ask{path: objectives, header: http.Header{"Cookie": {"__Host-okr_session=ceo-session"}}}, 401, "TOKEN_MISSING", plainChallenge},
		{"cookie and bearer", ask{path: objectives, session: "ceo-session", bearer: "reader-token"}, 400, "CREDENTIALS_AMBIGUOUS", ""},
		{"cookie and bearer where anyone may call", ask{method: "DELETE", path: "/api/v1/session", session: "ceo-session", bearer: "reader-token"}, 400, "CREDENTIALS_AMBIGUOUS", ""},
		{"two bearers", ask{path: objectives, header: http.Header{"Authorization": {"Bearer reader-token", "Bearer manager-token"}}}, 400, "CREDENTIALS_AMBIGUOUS", ""},
		{"a role that does not do", ask{method: "POST", path: objectives, body: `{"title":"a"}`, session: "employee-session"}, 403, "ROLE_MISSING", ""},
		{"a scope that does not do", ask{method: "POST", path: objectives, body: `{"title":"a"}`, bearer: "reader-token"}, 403, "SCOPE_MISSING", plainChallenge + `, error="insufficient_scope"`},
		{"the same with a malformed body: permission comes first", ask{method: "POST", path: objectives, body: `{`, bearer: "reader-token"}, 403, "SCOPE_MISSING", plainChallenge + `, error="insufficient_scope"`},
		{"an agent where a person is needed", ask{method: "POST", path: "/api/v1/session:refresh", bearer: "reader-token"}, 403, "SESSION_REQUIRED", ""},
		{"an agent asking who it is", ask{path: "/api/v1/session", bearer: "reader-token"}, 200, "", ""},
		{"nobody, where anyone may call", ask{method: "POST", path: "/api/v1/session:sendEmailCode", body: `{"emailAddress":"a@acme.test"}`}, 204, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := *w
			w.t = t
			r := w.do(test.ask)
			if test.reason != "" {
				w.wantFault(r, test.status, test.reason)
			} else if r.StatusCode != test.status {
				t.Errorf("status %d, want %d: %s", r.StatusCode, test.status, r.body)
			}
			if got := r.Header.Get("WWW-Authenticate"); got != test.challenge {
				t.Errorf("WWW-Authenticate: %q, want %q", got, test.challenge)
			}
		})
	}
}

func TestDenialsSayWhatWouldHelp(t *testing.T) {
	w := start(t)
	f := w.wantFault(w.do(ask{method: "POST", path: "/api/v1/objectives", body: `{"title":"a"}`, session: "employee-session"}), 403, "ROLE_MISSING")
	metadata, _ := f.Details[0]["metadata"].(map[string]any)
	if metadata["permission"] != "objective:create" || metadata["roles"] != "stytch_admin" {
		t.Errorf("the details are %v", f.Details)
	}
}

func TestWhatEachServiceMaySee(t *testing.T) {
	w := start(t)
	cookies := http.Header{"Cookie": {"okr_session=ceo-session; okr_session_jwt=jwt-1; okr_signin=ist-1; other=secret"}}
	if r := w.do(ask{path: "/api/v1/session", header: cookies}); r.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", r.StatusCode, r.body)
	}
	md := w.authz.metadataOf("GetSession")
	for key, want := range map[string]string{
		"edge-key": "the-edge-key", "session-token": "ceo-session", "session-jwt": "jwt-1", "intermediate-session-token": "ist-1",
		"authorization": "", "cookie": "", "grpcgateway-cookie": "",
	} {
		if got := strings.Join(md.Get(key), "|"); got != want {
			t.Errorf("authz got %s: %q, want %q", key, got, want)
		}
	}
	if md := w.authz.metadataOf("Authenticate"); len(md.Get("session-token")) != 0 || len(md.Get("edge-key")) != 1 {
		t.Errorf("asking who it is carried %v", md)
	}
	w.do(ask{path: "/api/v1/session", bearer: "reader-token"})
	if md := w.authz.metadataOf("GetSession"); strings.Join(md.Get("authorization"), "") != "Bearer reader-token" || len(md.Get("session-token")) != 0 {
		t.Errorf("for an agent, authz got %v", md)
	}
	w.do(ask{method: http.MethodDelete, path: "/api/v1/session", bearer: "session-jwt"}) // nobody has said that it is an access token
	if md := w.authz.metadataOf("RevokeSession"); len(md.Get("authorization"))+len(md.Get("session-jwt")) != 0 {
		t.Errorf("for a logout by bearer, authz got %v", md)
	}
	w.do(ask{path: "/api/v1/objectives", header: cookies})
	if _, md := w.store.last(); len(md.Get("session-token"))+len(md.Get("edge-key"))+len(md.Get("authorization")) != 0 || len(md.Get("txn-token")) != 1 {
		t.Errorf("the store got %v", md)
	}
}

func TestAuthzIsAskedOnceForManyRequests(t *testing.T) {
	w := start(t)
	var group sync.WaitGroup
	for range 40 {
		group.Go(func() {
			if r := w.do(ask{path: "/api/v1/objectives", session: "ceo-session"}); r.StatusCode != http.StatusOK {
				t.Errorf("status %d", r.StatusCode)
			}
		})
	}
	group.Wait()
	w.authz.change(func(f *fakeAuthz) {
		if f.asked != 1 {
			t.Errorf("authz was asked %d times, want once", f.asked)
		}
	})
}

func TestAnAnswerThatHasExpiredIsNotUsed(t *testing.T) {
	w := start(t)
	w.authz.change(func(f *fakeAuthz) { f.lifetime = -time.Second })
	w.do(ask{path: "/api/v1/session", session: "ceo-session"})
	w.authz.change(func(f *fakeAuthz) { delete(f.principals, "ceo-session") })
	w.wantFault(w.do(ask{path: "/api/v1/session", session: "ceo-session"}), 401, "TOKEN_INVALID")
}

func TestAuthzDown(t *testing.T) {
	for _, test := range []struct {
		name  string
		alter func(*testing.T) (world *world)
	}{
		{"where authz does not know", func(t *testing.T) *world {
			w := start(t)
			w.authz.change(func(f *fakeAuthz) {
				f.failure = rpcerr.New(codes.Unavailable, accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE, "not now").RetryAfter(time.Second)
			})
			return w
		}},
		{"where authz is away", func(t *testing.T) *world {
			return start(t, func(c *Config) { c.AuthzAddr = "127.0.0.1:1" })
		}},
		{"where authz breaks off", func(t *testing.T) *world {
			w := start(t)
			w.authz.change(func(f *fakeAuthz) { f.failure = status.Error(codes.Unavailable, "dial tcp 10.1.2.3") })
			return w
		}},
	} {
		t.Run("says 503 and keeps the cookies "+test.name, func(t *testing.T) {
			w := test.alter(t)
			r := w.do(ask{path: "/api/v1/objectives", session: "ceo-session"})
			w.wantFault(r, 503, "AUTHZ_UNAVAILABLE")
			if len(r.Cookies()) != 0 || r.Header.Get("Retry-After") == "" || strings.Contains(r.body, "10.1.2.3") {
				t.Errorf("cookies %v, Retry-After %q, body %s", r.Cookies(), r.Header.Get("Retry-After"), r.body)
			}
		})
	}
}

func TestADeadSessionTakesItsCookiesAlong(t *testing.T) {
	w := start(t)
	r := w.do(ask{path: "/api/v1/objectives", session: "dead"})
	w.wantFault(r, 401, "TOKEN_INVALID")
	cookies := r.setCookies()
	for _, name := range []string{"okr_session", "okr_session_jwt"} {
		if c := cookies[name]; c == nil || c.MaxAge >= 0 {
			t.Errorf("the cookie %s: %v, want it removed", name, c)
		}
	}
	if cookies["okr_signin"] != nil {
		t.Error("a sign-in that may be under way was removed as well")
	}
	if r := w.do(ask{path: "/api/v1/objectives", bearer: "forged"}); len(r.Cookies()) != 0 {
		t.Errorf("a forged token changed cookies: %v", r.Cookies())
	}
}

func TestARenewedSessionReplacesTheCookies(t *testing.T) {
	w := start(t)
	w.authz.change(func(f *fakeAuthz) {
		f.renewed = &authzv1.SessionCredentials{
			SessionToken: "ceo-session", SessionJwt: "jwt-2", ExpireTime: timestamppb.New(time.Now().Add(time.Hour)),
		}
	})
	r := w.do(ask{path: "/api/v1/session", session: "ceo-session"})
	jwt := r.setCookies()["okr_session_jwt"]
	if jwt == nil || jwt.Value != "jwt-2" || !jwt.HttpOnly || jwt.Secure || jwt.SameSite != http.SameSiteLaxMode || jwt.MaxAge < 3500 || jwt.Path != "/" {
		t.Errorf("the cookie of the JWT is %v", jwt)
	}
	if got := w.authz.metadataOf("GetSession").Get("session-jwt"); len(got) != 1 || got[0] != "jwt-2" {
		t.Errorf("authz got the JWT %q, want the new one", got)
	}
}

func TestSignInBecomesCookiesAndNothingElse(t *testing.T) {
	w := start(t)
	w.authz.change(func(f *fakeAuthz) {
		f.signIn = &authzv1.SignIn{
			Step: authzv1.SignInStep_SIGN_IN_STEP_CHOOSE_ORGANIZATION, EmailAddress: "ada@acme.test",
			Credentials: &authzv1.SessionCredentials{
				IntermediateSessionToken: "secret-ist", ExpireTime: timestamppb.New(time.Now().Add(10 * time.Minute)),
			},
		}
	})
	r := w.do(ask{method: "POST", path: "/api/v1/session:authenticateEmailCode", body: `{"emailAddress":"ada@acme.test","code":"123456"}`})
	if r.StatusCode != http.StatusOK || strings.Contains(r.body, "secret") || strings.Contains(r.body, "credentials") {
		t.Errorf("status %d, body %s", r.StatusCode, r.body)
	}
	if c := r.setCookies()["okr_signin"]; c == nil || c.Value != "secret-ist" || !c.HttpOnly {
		t.Errorf("the cookie of the sign-in is %v", c)
	}

	w.authz.change(func(f *fakeAuthz) {
		f.signIn = &authzv1.SignIn{
			Step: authzv1.SignInStep_SIGN_IN_STEP_DONE,
			Credentials: &authzv1.SessionCredentials{
				SessionToken: "secret-token", SessionJwt: "secret-jwt", ExpireTime: timestamppb.New(time.Now().Add(time.Hour)),
			},
		}
	})
	r = w.do(ask{
		method: "POST", path: "/api/v1/session:joinOrganization", body: `{"organizationId":"o1"}`,
		header: http.Header{"Cookie": {"okr_signin=secret-ist"}},
	})
	if r.StatusCode != http.StatusOK || strings.Contains(r.body, "secret") {
		t.Errorf("status %d, body %s", r.StatusCode, r.body)
	}
	cookies := r.setCookies()
	if cookies["okr_session"] == nil || cookies["okr_session"].Value != "secret-token" || cookies["okr_session_jwt"].Value != "secret-jwt" {
		t.Errorf("the cookies are %v", cookies)
	}
	if c := cookies["okr_signin"]; c == nil || c.MaxAge >= 0 {
		t.Errorf("the sign-in is over and its cookie is %v", c)
	}
	if got := w.authz.metadataOf("JoinOrganization").Get("intermediate-session-token"); len(got) != 1 || got[0] != "secret-ist" {
		t.Errorf("authz got the intermediate session %q", got)
	}
	if strings.Contains(w.log.String(), "secret") {
		t.Error("the log has a secret")
	}
}

func TestARefreshWithARenewalSetsEachCookieOnce(t *testing.T) {
	w := start(t)
	w.authz.change(func(f *fakeAuthz) {
		f.renewed = &authzv1.SessionCredentials{SessionToken: "ceo-session", SessionJwt: "older"}
		f.signIn = &authzv1.SignIn{
			Step:        authzv1.SignInStep_SIGN_IN_STEP_DONE,
			Credentials: &authzv1.SessionCredentials{SessionToken: "ceo-session", SessionJwt: "newer"},
		}
	})
	r := w.do(ask{method: "POST", path: "/api/v1/session:refresh", session: "ceo-session"})
	var jwts []string
	for _, c := range r.Cookies() {
		if c.Name == "okr_session_jwt" {
			jwts = append(jwts, c.Value)
		}
	}
	if r.StatusCode != http.StatusOK || strings.Join(jwts, ",") != "newer" {
		t.Errorf("status %d, cookies %q: %s", r.StatusCode, jwts, r.body)
	}
}

func TestLoggingOutRemovesEveryCookieAndWhatIsRemembered(t *testing.T) {
	w := start(t)
	w.do(ask{path: "/api/v1/objectives", session: "ceo-session"})
	r := w.do(ask{method: "DELETE", path: "/api/v1/session", session: "ceo-session"})
	if r.StatusCode != http.StatusNoContent {
		t.Fatalf("status %d: %s", r.StatusCode, r.body)
	}
	for _, name := range []string{"okr_session", "okr_session_jwt", "okr_signin", "okr_pkce", "okr_link"} {
		if c := r.setCookies()[name]; c == nil || c.MaxAge >= 0 {
			t.Errorf("the cookie %s: %v, want it removed", name, c)
		}
	}
	if got := w.authz.metadataOf("RevokeSession").Get("session-token"); len(got) != 1 {
		t.Errorf("authz got the sessions %q", got)
	}
	w.authz.change(func(f *fakeAuthz) { delete(f.principals, "ceo-session") })
	w.wantFault(w.do(ask{path: "/api/v1/objectives", session: "ceo-session"}), 401, "TOKEN_INVALID")
}

func TestWritesFromOtherOriginsAreRefused(t *testing.T) {
	w := start(t)
	for _, test := range []struct {
		name   string
		header http.Header
		status int
	}{
		{"another site", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, 403},
		{"another port of this host", http.Header{"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://127.0.0.1:1"}}, 403},
		{"an old browser on another site", http.Header{"Origin": {"https://evil.example"}}, 403},
		{"a page without an origin", http.Header{"Origin": {"null"}}, 403},
		{"our own page", http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {w.url}}, 201},
		{"our own origin behind a proxy that changes Host", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {w.url}}, 201},
		{"a program", nil, 201},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := *w
			w.t = t
			r := w.do(ask{method: "POST", path: "/api/v1/objectives", body: `{"title":"a"}`, session: "ceo-session", header: test.header})
			if test.status == 403 {
				w.wantFault(r, 403, "CROSS_ORIGIN")
			} else if r.StatusCode != test.status {
				t.Errorf("status %d, want %d: %s", r.StatusCode, test.status, r.body)
			}
			for name := range r.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("the answer has the header %s", name)
				}
			}
		})
	}
}

func TestTheAccessLogHasNoSecrets(t *testing.T) {
	w := start(t)
	w.do(ask{method: "POST", path: "/api/v1/objectives?requestId=query-value", body: `{"title":"secret-title"}`, session: "ceo-session"})
	w.do(ask{path: "/api/v1/objectives/okr_secretid?pageToken=query-value", bearer: "manager-token"})
	w.do(ask{path: "/authenticate?stytch_token_type=sso&token=secret-link"})
	log := w.log.String()
	for _, secret := range []string{"query-value", "secret-title", "okr_secretid", "ceo-session", "manager-token", "secret-link", "txn-"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	for _, want := range []string{
		`"route":"/api/v1/objectives/{objective_id}"`, `"organization_id":"acme"`, `"client_id":"connected-app-test"`,
		`"reason":"REQUEST_MALFORMED"`, `"correlation_id"`,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
}
