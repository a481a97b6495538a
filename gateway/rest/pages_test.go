package rest

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestPages(t *testing.T) {
	w := start(t)
	for _, test := range []struct {
		name, path string
		status     int
		text       string
	}{
		{"the objectives", "/", 200, `<div id="app"`},
		{"the members", "/members", 200, `<div id="app"`},
		{"the settings", "/settings", 200, `<div id="app"`},
		{"the connected agents", "/agents", 200, `<div id="app"`},
		{"help", "/about", 200, `<div id="app"`},
		{"the organizations", "/organizations", 200, `<div id="app"`},
		{"sign-in", "/signin", 200, `<div id="app"`},
		{"consent, with the query of an application", "/oauth/authorize?client_id=x&state=y", 200, `<div id="app"`},
		{"an address below a view", "/members/x", 404, "There is nothing here"},
		{"the description of the API", "/docs", 200, "/api/v1/objectives/{objectiveId}"},
		{"an address that does not exist", "/nope", 404, "There is nothing here"},
		{"an asset that does not exist", "/assets/0000/style/app.css", 404, "There is nothing here"},
		{"a way out of the assets", "/assets/x/..%2f..%2fpages%2fapp.html", 404, "There is nothing here"},
		{"a path that is not clean", "/docs/../docs", 404, "There is nothing here"},
		{"two slashes, which must not become another host", "//evil.example/..", 404, "There is nothing here"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := *w
			w.t = t
			r := w.do(ask{path: test.path})
			if r.StatusCode != test.status || !strings.Contains(r.body, test.text) {
				t.Fatalf("status %d, want %d with %q: %.300s", r.StatusCode, test.status, test.text, r.body)
			}
			policy := r.Header.Get("Content-Security-Policy")
			if policy == "" || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'self'") || !strings.Contains(policy, "frame-ancestors 'none'") {
				t.Errorf("the content security policy is %q", policy)
			}
			for name, want := range map[string]string{
				"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
				"Cross-Origin-Opener-Policy": "same-origin", "Strict-Transport-Security": "", "X-Frame-Options": "DENY",
			} {
				if got := r.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if r.Header.Get("Permissions-Policy") == "" || r.Header.Get("X-Correlation-Id") == "" {
				t.Errorf("headers are missing: %v", r.Header)
			}
			if inline := regexp.MustCompile(`(?i)<style|<script[^>]*>[^<]|\son\w+=|\sstyle=|javascript:|https?://`).FindString(r.body); inline != "" {
				t.Errorf("the page has %q, which its own policy forbids or which comes from elsewhere", inline)
			}
		})
	}
}

// What an application sent is in the page's address: it stays in no cache, and goes along with no request to elsewhere.
func TestTheConsentPageIsKeptNowhere(t *testing.T) {
	r := start(t).do(ask{path: "/oauth/authorize?client_id=x&state=y"})
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestAssetsAreKeptForGoodAndPagesAreAskedFor(t *testing.T) {
	w := start(t)
	page := w.do(ask{path: "/"})
	if page.Header.Get("Cache-Control") != "private, no-cache" || page.Header.Get("ETag") == "" {
		t.Errorf("the page has Cache-Control %q, ETag %q", page.Header.Get("Cache-Control"), page.Header.Get("ETag"))
	}
	again := w.do(ask{path: "/", header: http.Header{"If-None-Match": {page.Header.Get("ETag")}}})
	if again.StatusCode != http.StatusNotModified || again.body != "" {
		t.Errorf("asked again: status %d", again.StatusCode)
	}
	types := map[string]string{".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
	assets := regexp.MustCompile(`/assets/[0-9a-f]{16}/[\w/-]+(\.\w+)`).FindAllStringSubmatch(page.body, -1)
	if len(assets) < 20 {
		t.Fatalf("the page names the assets %v", assets)
	}
	for _, asset := range assets {
		r := w.do(ask{path: asset[0]})
		if r.StatusCode != http.StatusOK || !strings.HasPrefix(r.Header.Get("Content-Type"), types[asset[1]]) || !strings.Contains(r.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: status %d, type %q, Cache-Control %q", asset[0], r.StatusCode, r.Header.Get("Content-Type"), r.Header.Get("Cache-Control"))
		}
	}
}

func TestEveryOperationOfTheDescriptionIsARoute(t *testing.T) {
	w := start(t)
	r := w.do(ask{path: "/api/v1/openapi.json"})
	var spec struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(r.body), &spec); err != nil || r.Header.Get("Content-Type") != "application/json" || len(spec.Paths) == 0 {
		t.Fatalf("type %q: %v", r.Header.Get("Content-Type"), err)
	}
	docs := w.do(ask{path: "/docs"}).body
	variable := regexp.MustCompile(`\{[^}]+\}`)
	for path, operations := range spec.Paths {
		for method, operation := range operations {
			address := variable.ReplaceAllString(path, "x")
			r := w.do(ask{method: strings.ToUpper(method), path: address, body: map[bool]string{true: "{}"}[method == "post" || method == "patch"]})
			if r.StatusCode == http.StatusNotFound || r.StatusCode == http.StatusMethodNotAllowed || r.StatusCode >= 500 && r.StatusCode != http.StatusNotImplemented {
				t.Errorf("%s %s is described and answers %d", method, path, r.StatusCode)
			}
			if !strings.Contains(docs, `id="`+operation.OperationID+`"`) {
				t.Errorf("the page lacks %s", operation.OperationID)
			}
		}
	}
}

func TestProbes(t *testing.T) {
	w := start(t)
	for _, path := range []string{"/livez", "/readyz"} {
		r := w.do(ask{path: path})
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "application/json" || !strings.Contains(r.body, `"ok"`) {
			t.Errorf("%s: status %d: %s", path, r.StatusCode, r.body)
		}
	}
	t.Run("ready does not ask whether others are", func(t *testing.T) {
		w := start(t, func(c *Config) { c.StoreAddr, c.AuthzAddr = "127.0.0.1:1", "127.0.0.1:1" })
		if r := w.do(ask{path: "/readyz"}); r.StatusCode != http.StatusOK {
			t.Errorf("status %d", r.StatusCode)
		}
	})
}

func TestWithHTTPSCookiesAndHeadersAreStrict(t *testing.T) {
	w := start(t, func(c *Config) { c.PublicURL = "https://okr.example.com" })
	w.authz.change(func(f *fakeAuthz) { f.signIn = signedIn() })
	r := w.do(ask{method: "POST", path: "/api/v1/session:authenticateEmailCode", body: `{"emailAddress":"ada@acme.test","code":"123456"}`})
	if got := r.Header.Get("Strict-Transport-Security"); !strings.HasPrefix(got, "max-age=") {
		t.Errorf("Strict-Transport-Security: %q", got)
	}
	c := r.setCookies()["__Host-okr_session"]
	if c == nil || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" {
		t.Errorf("the session's cookie is %v of %v", c, r.Header.Values("Set-Cookie"))
	}
	r = w.do(ask{path: "/api/v1/objectives", header: http.Header{"Cookie": {"__Host-okr_session=ceo-session"}}})
	if r.StatusCode != http.StatusOK {
		t.Errorf("with the cookie: status %d", r.StatusCode)
	}
	w.wantFault(w.do(ask{path: "/api/v1/objectives", session: "ceo-session"}), 401, "TOKEN_MISSING")
}
