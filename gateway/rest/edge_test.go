package rest

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// world is a running edge between fakes of its services.
type world struct {
	t     *testing.T
	url   string
	authz *fakeAuthz
	store *fakeStore
	log   *kittest.Log
	stop  func()
}

// start runs an edge on a port of its own until the test ends. alter may change its settings.
func start(t *testing.T, alter ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, authz: newFakeAuthz(), store: newFakeStore(), log: &kittest.Log{}}
	listener := kittest.Listen(t)
	w.url = "http://" + listener.Addr().String()
	cfg := Config{
		PublicURL: w.url,
		AuthzAddr: serveAuthz(t, w.authz),
		StoreAddr: serveStore(t, w.store, w.authz, kittest.Listen(t)),
		MCPAddr:   "127.0.0.1:1",
		EdgeKey:   config.Secret("the-edge-key"),
		BodyLimit: 1 << 20, ImportLimit: 64 << 20,
		Listener: listener,
		Logger:   telemetry.NewLogger(w.log, slog.LevelDebug, "rest"),
	}
	for _, a := range alter {
		a(&cfg)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		if err := Run(ctx, cfg); err != nil {
			t.Errorf("the edge stopped with: %v", err)
		}
	}()
	w.stop = func() { stop(); <-stopped }
	t.Cleanup(w.stop)
	return w
}

// ask is a request for the edge; its fields are empty for what is usual.
type ask struct {
	method, path string
	body         string
	kind         string // the content type; "-" for none
	session      string // the session cookie
	bearer       string
	header       http.Header
}

// reply is what came back.
type reply struct {
	*http.Response
	body string
}

// client never follows redirects and has no cookies of its own.
var client = &http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport:     &http.Transport{DisableKeepAlives: true},
}

func (w *world) request(ctx context.Context, a ask) *http.Request {
	w.t.Helper()
	method := a.method
	if method == "" {
		method = http.MethodGet
	}
	var body io.Reader
	if a.body != "" {
		body = strings.NewReader(a.body)
	}
	r, err := http.NewRequestWithContext(ctx, method, w.url+a.path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, values := range a.header {
		r.Header[name] = values
	}
	switch {
	case a.kind == "" && a.body != "":
		r.Header.Set("Content-Type", "application/json")
	case a.kind != "" && a.kind != "-":
		r.Header.Set("Content-Type", a.kind)
	}
	if a.session != "" {
		r.Header.Add("Cookie", "okr_session="+a.session)
	}
	if a.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+a.bearer)
	}
	return r
}

// do asks and reads the whole answer. It may be called by goroutines: without an answer, the reply is empty.
func (w *world) do(a ask) reply {
	w.t.Helper()
	resp, err := client.Do(w.request(w.t.Context(), a))
	if err != nil {
		w.t.Error(err)
		return reply{&http.Response{Header: http.Header{}}, ""}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Error(err)
	}
	return reply{resp, string(body)}
}

// fault is an error of the API.
type fault struct {
	Code    int              `json:"code"`
	Status  string           `json:"status"`
	Message string           `json:"message"`
	Reason  string           `json:"reason"`
	Details []map[string]any `json:"details"`
}

// wantFault checks that a reply is an error in the shape that all have.
func (w *world) wantFault(r reply, status int, reason string) fault {
	w.t.Helper()
	if r.StatusCode != status {
		w.t.Errorf("status %d, want %d; body %s", r.StatusCode, status, r.body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := r.Header.Get(name); got != want {
			w.t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	var document map[string]fault
	if err := json.Unmarshal([]byte(r.body), &document); err != nil {
		w.t.Fatalf("the error is not JSON: %v: %s", err, r.body)
	}
	f := document["error"]
	if f.Code != status || f.Reason != reason || f.Status == "" || f.Details == nil {
		w.t.Errorf("the error is %+v, want code %d and reason %s", f, status, reason)
	}
	return f
}

// open starts reading a stream.
func (w *world) open(ctx context.Context, a ask) (*http.Response, *bufio.Scanner) {
	w.t.Helper()
	resp, err := client.Do(w.request(ctx, a))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp, bufio.NewScanner(resp.Body)
}

// setCookies are the cookies that a reply sets, by name.
func (r reply) setCookies() map[string]*http.Cookie {
	cookies := map[string]*http.Cookie{}
	for _, c := range r.Cookies() {
		cookies[c.Name] = c
	}
	return cookies
}
