package resourceauth_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/internal/problem"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/resourceauth"
)

// issuer is an authorization server whose answer the test decides.
type issuer struct {
	*httptest.Server
	asked  atomic.Int64
	answer atomic.Pointer[http.HandlerFunc]
}

func (i *issuer) set(answer http.HandlerFunc) { i.answer.Store(&answer) }

func (i *issuer) document(fields string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, `{"issuer":"`+i.URL+`"`+fields+`}`)
	}
}

// now is a time that tests set.
type now struct {
	mu sync.Mutex
	at time.Time
}

func (n *now) Now() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.at
}

func (n *now) advance(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at = n.at.Add(d)
}

func serveMetadata(t *testing.T) (http.Handler, *issuer, *now) {
	t.Helper()
	i := &issuer{}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.asked.Add(1)
		(*i.answer.Load())(w, r)
	}))
	t.Cleanup(i.Close)
	clock := &now{at: time.Now()}
	logger := slog.New(slog.DiscardHandler)
	mux := http.NewServeMux()
	(&resourceauth.Metadata{
		Origin: origin, Issuer: i.URL, Problem: problem.Writer{Logger: logger},
		Server: resourceauth.NewServerDocuments(i.URL, i.URL, logger, clock.Now),
	}).Register(mux)
	return mux, i, clock
}

func request(t *testing.T, h http.Handler, method, path string) (*http.Response, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://forged.example"+path, nil)
	r.Header.Set("X-Forwarded-Host", "forged.example")
	h.ServeHTTP(w, r)
	var document map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
			t.Fatalf("%s: %v: %s", path, err, w.Body)
		}
	}
	return w.Result(), document
}

func TestTheResourceIsDescribedByThePublicAddress(t *testing.T) {
	t.Parallel()
	h, i, _ := serveMetadata(t)
	for path, resource := range map[string]string{
		"/.well-known/oauth-protected-resource":     origin,
		"/.well-known/oauth-protected-resource/mcp": origin + "/mcp",
	} {
		r, got := request(t, h, http.MethodGet, path)
		want := map[string]any{
			"resource": resource, "resource_name": "OKR Manager", "resource_documentation": origin + "/docs",
			"authorization_servers": []any{i.URL}, "bearer_methods_supported": []any{"header"},
			"scopes_supported": []any{
				"openid", "profile", "email", "offline_access", "read:okrs", "manage:objectives", "manage:krs", "report_kr_status",
			},
		}
		if r.StatusCode != http.StatusOK || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d %v", path, r.StatusCode, got)
		}
		for name, value := range map[string]string{
			"Content-Type": "application/json", "Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin",
		} {
			if r.Header.Get(name) != value {
				t.Errorf("%s: %s is %q", path, name, r.Header.Get(name))
			}
		}
	}
	r, _ := request(t, h, http.MethodOptions, "/.well-known/oauth-protected-resource/mcp")
	if r.StatusCode != http.StatusNoContent || r.Header.Get("Access-Control-Allow-Origin") != "*" ||
		!strings.Contains(r.Header.Get("Access-Control-Allow-Headers"), "MCP-Protocol-Version") {
		t.Errorf("a preflight: %d %v", r.StatusCode, r.Header)
	}
	if r, _ := request(t, h, http.MethodPost, "/.well-known/oauth-protected-resource"); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") == "" {
		t.Errorf("POST: %d %v", r.StatusCode, r.Header)
	}
	if i.asked.Load() != 0 {
		t.Error("the authorization server was asked")
	}
}

func TestTheAuthorizationServersDocumentsStandAtOurOrigin(t *testing.T) {
	t.Parallel()
	h, i, _ := serveMetadata(t)
	i.set(i.document(`,"token_endpoint":"https://idp.example/token","scopes_supported":["openid","phone"],"status_code":200,"request_id":"request-id-1"`))
	for _, path := range []string{
		"/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/mcp",
		"/.well-known/openid-configuration", "/.well-known/openid-configuration/mcp",
	} {
		r, got := request(t, h, http.MethodGet, path)
		if r.StatusCode != http.StatusOK || got["issuer"] != i.URL || got["token_endpoint"] != "https://idp.example/token" || len(got) != 3 ||
			r.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v", path, r.StatusCode, got)
		}
		if scopes, _ := got["scopes_supported"].([]any); len(scopes) != 8 {
			t.Errorf("%s: the scopes are %v", path, scopes)
		}
	}
	if asked := i.asked.Load(); asked != 2 {
		t.Errorf("it was asked %d times, want once for each document", asked)
	}
}

func TestTheAuthorizationServersDocumentIsKeptAWhileAndServedOnWhenItFails(t *testing.T) {
	t.Parallel()
	const path = "/.well-known/oauth-authorization-server"
	h, i, clock := serveMetadata(t)
	failing := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	for _, step := range []struct {
		name    string
		advance time.Duration
		answer  http.HandlerFunc
		status  int
		asked   int64
	}{
		{"it fails from the beginning", 0, failing, 503, 1},
		{"it is not asked again at once", time.Second, i.document(""), 503, 1},
		{"it is asked again after a while", 5 * time.Second, i.document(""), 200, 2},
		{"it is not asked while the document is fresh", 4 * time.Minute, failing, 200, 2},
		{"it fails when it is asked again", 2 * time.Minute, failing, 200, 3},
		{"it fails for a day", 25 * time.Hour, failing, 503, 4},
		{"it is back", time.Minute, i.document(""), 200, 5},
	} {
		clock.advance(step.advance)
		i.set(step.answer)
		r, body := request(t, h, http.MethodGet, path)
		if r.StatusCode != step.status || i.asked.Load() != step.asked {
			t.Errorf("%s: %d after %d questions, want %d after %d: %v", step.name, r.StatusCode, i.asked.Load(), step.status, step.asked, body)
		}
		if step.status == 503 && (r.Header.Get("Retry-After") == "" || body["error"] == nil) {
			t.Errorf("%s: %v %v", step.name, r.Header, body)
		}
	}
}

func TestWhatIsNotTheIssuersDocumentIsNotServed(t *testing.T) {
	t.Parallel()
	const path = "/.well-known/oauth-authorization-server"
	asJSON := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body)
		}
	}
	for name, answer := range map[string]func(*issuer) http.HandlerFunc{
		"of another issuer": func(*issuer) http.HandlerFunc { return asJSON(`{"issuer":"https://evil.example"}`) },
		"of no issuer":      func(*issuer) http.HandlerFunc { return asJSON(`{}`) },
		"an array":          func(*issuer) http.HandlerFunc { return asJSON(`[]`) },
		"null":              func(*issuer) http.HandlerFunc { return asJSON(`null`) },
		"not JSON":          func(*issuer) http.HandlerFunc { return asJSON(`{"issuer":`) },
		"endless":           func(i *issuer) http.HandlerFunc { return i.document(`,"x":"` + strings.Repeat("x", 64<<10) + `"`) },
		"a page": func(*issuer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }
		},
		"a redirect": func(i *issuer) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					i.document("")(w, r)
					return
				}
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, i, _ := serveMetadata(t)
			i.set(answer(i))
			if r, body := request(t, h, http.MethodGet, path); r.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("%d %v", r.StatusCode, body)
			}
		})
	}
}
