package rest

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// signedIn is the answer of a sign-in that is complete.
func signedIn() *authzv1.SignIn {
	return &authzv1.SignIn{
		Step:        authzv1.SignInStep_SIGN_IN_STEP_DONE,
		Credentials: &authzv1.SessionCredentials{SessionToken: "new-session", SessionJwt: "new-jwt"},
	}
}

// begin starts a sign-in with Google and answers the cookie that the browser keeps, and the challenge that left.
func (w *world) begin(path string) (cookie, challenge string) {
	w.t.Helper()
	r := w.do(ask{path: path})
	location, err := url.Parse(r.Header.Get("Location"))
	if r.StatusCode != http.StatusSeeOther || err != nil || location.Host != "stytch.example" {
		w.t.Fatalf("status %d, Location %q", r.StatusCode, r.Header.Get("Location"))
	}
	c := r.setCookies()["okr_pkce"]
	if c == nil || !c.HttpOnly || c.MaxAge != 600 || c.SameSite != http.SameSiteLaxMode {
		w.t.Fatalf("the cookie of the start is %v", c)
	}
	return c.Name + "=" + c.Value, location.Query().Get("challenge")
}

func TestASignInThatWasStartedHereIsFinishedAtOnce(t *testing.T) {
	w := start(t)
	w.authz.change(func(f *fakeAuthz) { f.signIn = signedIn() })
	cookie, challenge := w.begin("/signin/google?return=/docs%23types")
	r := w.do(ask{path: "/authenticate?stytch_token_type=discovery_oauth&token=tok-1", header: http.Header{"Cookie": {cookie}}})
	if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/docs#types" {
		t.Errorf("status %d, Location %q: %s", r.StatusCode, r.Header.Get("Location"), r.body)
	}
	if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("the answer to a link with a token has the headers %v", r.Header)
	}
	cookies := r.setCookies()
	if cookies["okr_session"].Value != "new-session" || cookies["okr_pkce"].MaxAge >= 0 {
		t.Errorf("the cookies are %v", cookies)
	}
	w.authz.change(func(f *fakeAuthz) {
		sum := sha256.Sum256([]byte(f.redirect.GetCodeVerifier()))
		if got := base64.RawURLEncoding.EncodeToString(sum[:]); got != challenge {
			t.Errorf("the verifier's challenge is %s, and %s left", got, challenge)
		}
		if f.redirect.GetToken() != "tok-1" {
			t.Errorf("authz got %v", f.redirect)
		}
	})
}

func TestASignInThatHasToChooseAnOrganizationGoesOnInTheApp(t *testing.T) {
	w := start(t)
	w.authz.change(func(f *fakeAuthz) {
		f.signIn = &authzv1.SignIn{
			Step:        authzv1.SignInStep_SIGN_IN_STEP_CHOOSE_ORGANIZATION,
			Credentials: &authzv1.SessionCredentials{IntermediateSessionToken: "ist"},
		}
	})
	for path, want := range map[string]string{
		"/signin/google":                      "/",
		"/signin/google?return=/docs%3Fa%3D1": "/?return=%2Fdocs%3Fa%3D1",
	} {
		cookie, _ := w.begin(path)
		r := w.do(ask{path: "/authenticate?stytch_token_type=discovery_oauth&token=t", header: http.Header{"Cookie": {cookie}}})
		if r.Header.Get("Location") != want || r.setCookies()["okr_signin"].Value != "ist" {
			t.Errorf("Location %q, want %q; cookies %v", r.Header.Get("Location"), want, r.setCookies())
		}
	}
}

// An application's authorization request is there again, to the letter, after a sign-in elsewhere.
func TestASignInComesBackToAnAuthorizationRequest(t *testing.T) {
	w := start(t)
	w.authz.change(func(f *fakeAuthz) { f.signIn = signedIn() })
	request := "/oauth/authorize?" + url.Values{
		"client_id": {"connected-app-test-a0000000-0000-4000-8000-000000000001"}, "response_type": {"code"},
		"redirect_uri": {"https://agent.example/callback?a=b&c=d"}, "scope": {"openid read:okrs offline_access"},
		"code_challenge": {strings.Repeat("c", 43)}, "code_challenge_method": {"S256"}, "resource": {"http://localhost:3000/mcp"},
		"state": {strings.Repeat("s", 2000)},
	}.Encode()
	for name, test := range map[string]struct{ request, want string }{
		"an ordinary one": {request, request},
		"one whose every character takes more room in a cookie": {"/oauth/authorize?state=" + strings.Repeat(`"`, 2500), "/"},
	} {
		t.Run(name, func(t *testing.T) {
			w := *w
			w.t = t
			cookie, _ := w.begin("/signin/google?return=" + url.QueryEscape(test.request))
			if len(cookie) > 4096 {
				t.Errorf("no browser keeps a cookie of %d bytes", len(cookie))
			}
			r := w.do(ask{path: "/authenticate?stytch_token_type=sso&token=t", header: http.Header{"Cookie": {cookie}}})
			if got := r.Header.Get("Location"); got != test.want {
				t.Errorf("it leads to %q", got)
			}
		})
	}
}

func TestTheMailboxOfALocalIdentityProviderIsTold(t *testing.T) {
	for name, test := range map[string]struct {
		mailbox string
		status  int
	}{
		"where e-mails are only shown":    {"http://localhost:4000/_dev/outbox", http.StatusOK},
		"and nothing where they are sent": {"", http.StatusNoContent},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, func(c *Config) { c.MailboxURL = test.mailbox })
			if r := w.do(ask{path: "/signin/mailbox"}); r.StatusCode != test.status || r.body != test.mailbox {
				t.Errorf("status %d: %q", r.StatusCode, r.body)
			}
		})
	}
	for _, mailbox := range []string{"javascript:alert(1)", "localhost:4000", "/outbox"} {
		if err := (&Config{MailboxURL: mailbox}).Validate(); err == nil || !strings.Contains(err.Error(), "OKR_MAILBOX_URL") {
			t.Errorf("%s: %v", mailbox, err)
		}
	}
}

func TestReturnPathsStayHere(t *testing.T) {
	w := start(t)
	w.authz.change(func(f *fakeAuthz) { f.signIn = signedIn() })
	for _, target := range []string{
		"https://evil.example/", "//evil.example/", "///evil.example", `/\evil.example`, `\\evil.example`, "/\t/evil.example",
		"/\n/evil.example", "/.//evil.example/", "/x/..//evil.example/", "/%2e//evil.example", "javascript:alert(1)", "evil.example", "/%2f%2fevil\x00", "", "/ok\r\nSet-Cookie: a=b", "/" + strings.Repeat("x", 3000),
	} {
		cookie, _ := w.begin("/signin/google?return=" + url.QueryEscape(target))
		r := w.do(ask{path: "/authenticate?stytch_token_type=sso&token=t", header: http.Header{"Cookie": {cookie}}})
		if got := r.Header.Get("Location"); got != "/" {
			t.Errorf("the return path %q leads to %q", target, got)
		}
	}
	t.Run("also when the cookie was tampered with", func(t *testing.T) {
		forged := base64.RawURLEncoding.EncodeToString([]byte(`{"verifier":"v","return":"//evil.example","expire":"2999-01-01T00:00:00Z"}`))
		r := w.do(ask{path: "/authenticate?stytch_token_type=sso&token=t", header: http.Header{"Cookie": {"okr_pkce=" + forged}}})
		if got := r.Header.Get("Location"); got != "/" {
			t.Errorf("Location: %q", got)
		}
	})
}

func TestLinksThatWereNotStartedHereAskFirst(t *testing.T) {
	w := start(t)
	w.authz.change(func(f *fakeAuthz) { f.signIn = signedIn() })
	started, _ := w.begin("/signin/google")
	expired := base64.RawURLEncoding.EncodeToString([]byte(`{"verifier":"v","return":"/","expire":"2020-01-01T00:00:00Z"}`))
	for _, test := range []struct{ name, kind, cookie string }{
		{"a Google sign-in from elsewhere", "discovery_oauth", ""},
		{"single sign-on from elsewhere", "sso", ""},
		{"an invitation", "multi_tenant_magic_links", ""},
		{"an invitation while another sign-in is under way", "multi_tenant_magic_links", started},
		{"a sign-in that was started too long ago", "discovery_oauth", "okr_pkce=" + expired},
		{"a cookie of garbage", "discovery_oauth", "okr_pkce=!!!"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := *w
			w.t = t
			w.authz.change(func(f *fakeAuthz) { f.redirect = nil })
			r := w.do(ask{path: "/authenticate?stytch_token_type=" + test.kind + "&token=tok-%3Cb%3E", header: http.Header{"Cookie": {test.cookie}}})
			kept := r.setCookies()["okr_link"]
			if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/authenticate" || kept == nil || !kept.HttpOnly || kept.MaxAge != 3600 {
				t.Fatalf("status %d, Location %q, cookie %v", r.StatusCode, r.Header.Get("Location"), kept)
			}
			r = w.do(ask{path: "/authenticate", header: http.Header{"Cookie": {"okr_link=" + kept.Value}}})
			if r.StatusCode != http.StatusOK || !strings.Contains(r.body, `<form method="post" action="/authenticate">`) || r.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("status %d: %s", r.StatusCode, r.body)
			}
			if strings.Contains(r.body, "tok-") {
				t.Error("the token is in the page")
			}
			w.authz.change(func(f *fakeAuthz) {
				if f.redirect != nil {
					t.Errorf("the token was used before anyone was asked: %v", f.redirect)
				}
			})
		})
	}
}

func TestConfirmedLinks(t *testing.T) {
	post := func(w *world, body string, header http.Header) reply {
		return w.do(ask{method: "POST", path: "/authenticate", kind: "application/x-www-form-urlencoded", body: body, header: header})
	}
	// asked opens an invitation and answers the cookie that is kept, and the form of the question.
	asked := func(w *world, token string) (cookie, form string) {
		w.t.Helper()
		r := w.do(ask{path: "/authenticate?stytch_token_type=multi_tenant_magic_links&token=" + token})
		cookie = "okr_link=" + r.setCookies()["okr_link"].Value
		field := regexp.MustCompile(`name="link" value="([\w-]{43})"`).FindStringSubmatch(w.do(ask{path: "/authenticate", header: http.Header{"Cookie": {cookie}}}).body)
		if field == nil {
			w.t.Fatal("the question does not say which link it is about")
		}
		return cookie, "link=" + field[1]
	}
	w := start(t)
	w.authz.change(func(f *fakeAuthz) { f.signIn = signedIn() })
	cookie, form := asked(w, "invite-1")
	t.Run("a confirmation from our page signs in, without a verifier", func(t *testing.T) {
		r := post(w, form, http.Header{"Cookie": {cookie}, "Sec-Fetch-Site": {"same-origin"}, "Origin": {w.url}})
		if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/" || r.setCookies()["okr_session"] == nil {
			t.Errorf("status %d: %s", r.StatusCode, r.body)
		}
		if kept := r.setCookies()["okr_link"]; kept == nil || kept.MaxAge >= 0 {
			t.Errorf("the cookie of the link is %v", kept)
		}
		w.authz.change(func(f *fakeAuthz) {
			if f.redirect.GetToken() != "invite-1" || f.redirect.GetCodeVerifier() != "" {
				t.Errorf("authz got %v", f.redirect)
			}
			f.redirect = nil
		})
	})
	t.Run("a confirmation from another site does nothing", func(t *testing.T) {
		r := post(w, form, http.Header{"Cookie": {cookie}, "Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}})
		if r.StatusCode != http.StatusForbidden || len(r.Cookies()) != 0 || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
			t.Errorf("status %d, cookies %v", r.StatusCode, r.Cookies())
		}
		w.authz.change(func(f *fakeAuthz) {
			if f.redirect != nil {
				t.Error("the token was used")
			}
		})
	})
	other, _ := asked(w, "invite-2")
	for _, test := range []struct{ name, path, body, cookie string }{
		{"a question about another link than the one that came last", "/authenticate", form, other},
		{"a question whose link is not kept", "/authenticate", form, ""},
		{"a link without an answer to the question", "/authenticate", "a=b", cookie},
		{"an answer in the address", "/authenticate?" + form, "a=b", cookie},
		{"a token in the form", "/authenticate", "stytch_token_type=multi_tenant_magic_links&token=invite-1", ""},
		{"a form that is too large", "/authenticate", form + "&x=" + strings.Repeat("x", 60_000), cookie},
		{"a cookie of garbage", "/authenticate", form, "okr_link=nope:invite-1"},
	} {
		t.Run(test.name+" is refused", func(t *testing.T) {
			w := *w
			w.t = t
			r := w.do(ask{method: "POST", path: test.path, kind: "application/x-www-form-urlencoded", body: test.body, header: http.Header{"Cookie": {test.cookie}}})
			if got := r.Header.Get("Location"); got != "/signin?problem=SIGN_IN_LINK_INVALID" || len(r.Cookies()) != 0 {
				t.Errorf("status %d, Location %q, cookies %v", r.StatusCode, got, r.Cookies())
			}
			w.authz.change(func(f *fakeAuthz) {
				if f.redirect != nil {
					t.Error("the token was used")
				}
			})
		})
	}
	t.Run("a link that is too long for a cookie is refused", func(t *testing.T) {
		r := w.do(ask{path: "/authenticate?stytch_token_type=sso&token=" + strings.Repeat("t", 4096)})
		if got := r.Header.Get("Location"); got != "/signin?problem=SIGN_IN_LINK_INVALID" || len(r.Cookies()) != 0 {
			t.Errorf("status %d, Location %q, cookies %v", r.StatusCode, got, r.Cookies())
		}
	})
}

func TestSignInsThatFailLeadBackIntoTheApp(t *testing.T) {
	w := start(t)
	cookie, _ := w.begin("/signin/google?return=/members")
	const link = "/authenticate?stytch_token_type=sso&token="
	refused := func(code codes.Code, reason accessv1.ErrorReason) func(*fakeAuthz) {
		return func(f *fakeAuthz) { f.refusal = rpcerr.New(code, reason, "a text with a secret") }
	}
	step := func(s authzv1.SignInStep) func(*fakeAuthz) {
		return func(f *fakeAuthz) {
			f.signIn = &authzv1.SignIn{
				Step: s, AllowedAuthMethods: []string{"google_oauth"}, EmailAddress: "ada@acme.test",
				Credentials: &authzv1.SessionCredentials{IntermediateSessionToken: "secret-step"},
			}
		}
	}
	told := map[string]bool{}
	for _, test := range []struct {
		name, path string
		alter      func(*fakeAuthz)
		want       string
	}{
		{"a link that was used", link + "used", nil, "problem=SIGN_IN_LINK_INVALID&return=%2Fmembers"},
		{"no token", "/authenticate?stytch_token_type=sso", nil, "problem=SIGN_IN_LINK_INVALID"},
		{"no link", "/authenticate", nil, "problem=SIGN_IN_LINK_INVALID"},
		{"an unknown kind", "/authenticate?stytch_token_type=nope&token=t", nil, "problem=SIGN_IN_LINK_INVALID"},
		{"an organization without single sign-on", "/signin/sso?organization=nope&return=/agents", nil, "problem=SSO_NOT_CONFIGURED&return=%2Fagents"},
		{"a return path to elsewhere", "/signin/sso?organization=nope&return=//evil.example", nil, "problem=SSO_NOT_CONFIGURED"},
		{"an organization that asks for another method", link + "t", step(authzv1.SignInStep_SIGN_IN_STEP_AUTHENTICATE_AGAIN), "problem=AUTHENTICATE_AGAIN&return=%2Fmembers"},
		{"an organization that asks for a second factor", link + "t", step(authzv1.SignInStep_SIGN_IN_STEP_SECOND_FACTOR), "problem=SECOND_FACTOR&return=%2Fmembers"},
		{"an organization that takes nobody in", link + "t", refused(codes.PermissionDenied, accessv1.ErrorReason_ERROR_REASON_STYTCH_DENIED), "problem=STYTCH_DENIED&return=%2Fmembers"},
		{"an organization that one cannot enter", link + "t", refused(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_ORGANIZATION_NOT_FOUND), "problem=ORGANIZATION_NOT_FOUND&return=%2Fmembers"},
		{"too late", link + "t", refused(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_SIGN_IN_EXPIRED), "problem=SIGN_IN_EXPIRED&return=%2Fmembers"},
		{"too often", link + "t", refused(codes.ResourceExhausted, accessv1.ErrorReason_ERROR_REASON_RATE_LIMITED), "problem=RATE_LIMITED&return=%2Fmembers"},
		{"a field that is wrong", link + "t", refused(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_FIELD_INVALID), "problem=FIELD_INVALID&return=%2Fmembers"},
		{"Stytch away", link + "t", refused(codes.Unavailable, accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE), "problem=AUTHZ_UNAVAILABLE&return=%2Fmembers"},
		{"a mistake of ours", link + "t", refused(codes.Internal, accessv1.ErrorReason_ERROR_REASON_UNSPECIFIED), "number=a-number&problem=INTERNAL&return=%2Fmembers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := *w
			w.t = t
			w.authz.change(func(f *fakeAuthz) { f.signIn, f.refusal = signedIn(), nil })
			if test.alter != nil {
				w.authz.change(test.alter)
			}
			r := w.do(ask{path: test.path, header: http.Header{"Cookie": {cookie}, "X-Correlation-Id": {"a-number"}}})
			if got := r.Header.Get("Location"); r.StatusCode != http.StatusSeeOther || got != "/signin?"+test.want {
				t.Errorf("status %d, Location %q, want %q", r.StatusCode, got, test.want)
			}
			told[regexp.MustCompile(`problem=([A-Z_]+)`).FindStringSubmatch(test.want)[1]] = true
			if strings.Contains(r.Header.Get("Location")+r.body, "secret") || r.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("Location %q, Cache-Control %q: %s", r.Header.Get("Location"), r.Header.Get("Cache-Control"), r.body)
			}
			if next := r.setCookies()["okr_signin"]; strings.Contains(test.want, "AGAIN") && (next == nil || next.Value != "secret-step") {
				t.Errorf("the next step finds the cookie %v", next)
			}
		})
	}
	if names, words := slices.Sorted(maps.Keys(told)), problemsWithWords(t); !slices.Equal(names, words) {
		t.Errorf("the problems are %v, and the app has words for %v", names, words)
	}
	t.Run("authz that is away", func(t *testing.T) {
		w := start(t, func(c *Config) { c.AuthzAddr = "127.0.0.1:1" })
		r := w.do(ask{path: "/signin/google"})
		if got := r.Header.Get("Location"); r.StatusCode != http.StatusSeeOther || got != "/signin?problem=AUTHZ_UNAVAILABLE" {
			t.Errorf("status %d, Location %q", r.StatusCode, got)
		}
	})
}

// problemsWithWords are the problems of signing in that the app has words for.
func problemsWithWords(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile("web/assets/signin/strings.js")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(content), "const arrivals = {")
	if !found {
		t.Fatal("there is no table of them")
	}
	table, _, _ = strings.Cut(table, "\n};")
	var problems []string
	for _, match := range regexp.MustCompile(`(?m)^  ([A-Z_]+):`).FindAllStringSubmatch(table, -1) {
		problems = append(problems, match[1])
	}
	return slices.Sorted(slices.Values(problems))
}

func TestErrorsOfSigningInKeepTheirReason(t *testing.T) {
	w := start(t)
	w.authz.change(func(f *fakeAuthz) {
		f.failure = rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED, "expired")
	})
	r := w.do(ask{method: "POST", path: "/api/v1/session:refresh", session: "ceo-session"})
	w.wantFault(r, 401, "TOKEN_EXPIRED")
	w.wantFault(w.do(ask{method: "POST", path: "/api/v1/session:sendEmailCode", body: `{"emailAddress":"not an address"}`}), 400, "FIELD_INVALID")
}
