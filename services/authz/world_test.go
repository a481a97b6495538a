package authz_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz"
	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const (
	publicURL   = "http://localhost:3000"
	edgeKeyREST = "edge-key-of-the-rest-edge"
	edgeKeyMCP  = "edge-key-of-the-mcp-edge"
)

// clock is the system's clock, set forward or back.
type clock struct {
	still  time.Time // unless zero, the moment at which it stands until it is moved
	offset atomic.Int64
}

func (c *clock) now() time.Time {
	from := c.still
	if from.IsZero() {
		from = time.Now()
	}
	return from.Add(time.Duration(c.offset.Load()))
}

func (c *clock) set(offset time.Duration) { c.offset.Store(int64(offset)) }
func (c *clock) advance(d time.Duration)  { c.offset.Add(int64(d)) }
func (c *clock) passInterval()            { c.advance(31 * time.Second) }
func (c *clock) passRefusal()             { c.advance(11 * time.Second) }

// world is an authz with its Stytch, and a proxy between the two.
type world struct {
	t        *testing.T
	idp      *devidptest.Server
	proxy    *proxy
	clock    *clock // authz's
	idpClock *clock // stands still: an app shows the code that it showed before
	log      *kittest.Log

	authz        authzv1.AuthzServiceClient
	sessions     authzv1.SessionServiceClient
	organization authzv1.OrganizationServiceClient
	consent      authzv1.ConsentServiceClient
	scim         authzv1.ScimServiceClient
}

// newWorld starts everything. change may change authz's settings.
func newWorld(t *testing.T, change func(*authz.Config)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{}, idpClock: &clock{still: time.Now()}, log: &kittest.Log{}}
	w.idp = devidptest.Start(t, devidp.Config{Clock: w.idpClock.now, AllowedRedirects: []string{publicURL}})
	w.proxy = newProxy(t, w.idp.URL)
	w.start(change)
	return w
}

// start starts an authz in front of the same Stytch.
func (w *world) start(change func(*authz.Config)) {
	w.t.Helper()
	cfg := authz.Config{
		Listener:        kittest.Listen(w.t),
		Logger:          slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Now:             w.clock.now,
		ProjectID:       w.idp.ProjectID,
		Secret:          config.Secret(w.idp.Secret),
		PublicToken:     w.idp.PublicToken,
		BaseURI:         w.proxy.URL,
		StytchPublicURL: w.idp.URL,
		SessionMinutes:  60,
		PublicURL:       publicURL,
		EdgeKeyREST:     edgeKeyREST,
		EdgeKeyMCP:      edgeKeyMCP,
		CheckInterval:   30 * time.Second,
		StaleLimit:      5 * time.Minute,
		StartPatience:   time.Hour,
	}
	if change != nil {
		change(&cfg)
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- authz.Run(ctx, cfg) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			w.t.Errorf("authz stopped with: %v", err)
		}
		if w.t.Failed() {
			w.t.Log(w.log.String())
		}
	})
	conn := kittest.Dial(w.t, cfg.Listener.Addr().String())
	w.authz = authzv1.NewAuthzServiceClient(conn)
	w.sessions = authzv1.NewSessionServiceClient(conn)
	w.organization = authzv1.NewOrganizationServiceClient(conn)
	w.consent = authzv1.NewConsentServiceClient(conn)
	w.scim = authzv1.NewScimServiceClient(conn)
}

// proxy stands before Stytch, counts, and misbehaves on demand.
type proxy struct {
	*httptest.Server
	mu       sync.Mutex
	counts   map[string]int
	behaving http.HandlerFunc // nil to pass on
	only     string           // the paths that misbehave begin with it
	after    func()           // called between Stytch's answer and its delivery, for the path late
	late     string
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	forward := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(u) },
		Transport: transport,
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	p := &proxy{counts: map[string]int{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.counts[r.Method+" "+r.URL.Path]++
		behaving, only, after, late := p.behaving, p.only, p.after, p.late
		p.mu.Unlock()
		if exact, ok := strings.CutPrefix(only, "="); behaving != nil && (strings.HasPrefix(r.URL.Path, only) || ok && exact == r.URL.Path) {
			behaving(w, r)
			return
		}
		if after == nil || r.URL.Path != late {
			forward.ServeHTTP(w, r)
			return
		}
		recorded := httptest.NewRecorder()
		forward.ServeHTTP(recorded, r)
		after()
		w.WriteHeader(recorded.Code)
		_, _ = w.Write(recorded.Body.Bytes())
	}))
	t.Cleanup(p.Close)
	return p
}

// behave lets requests for paths with a prefix go to a handler instead of Stytch; nil ends that.
func (p *proxy) behave(prefix string, as http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behaving, p.only = as, prefix
}

// behaveAt is behave for one path alone.
func (p *proxy) behaveAt(path string, as http.HandlerFunc) { p.behave("="+path, as) }

// afterwards lets something happen between Stytch's answers to a path and their delivery.
func (p *proxy) afterwards(path string, happens func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late, p.after = path, happens
}

// total counts the requests so far whose method and path begin with a prefix.
func (p *proxy) total(prefix string) int {
	return p.count(func(request string) bool { return strings.HasPrefix(request, prefix) })
}

// questions counts the requests so far that credentials made necessary: all but those for the access policy, which authz
// fetches by itself whenever it is due.
func (p *proxy) questions() int {
	return p.count(func(request string) bool { return request != "GET /v1/b2b/rbac/policy" })
}

func (p *proxy) count(counts func(request string) bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for request, times := range p.counts {
		if counts(request) {
			n += times
		}
	}
	return n
}

// The ways in which Stytch can misbehave.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // after which the server notices when the client goes away
	<-r.Context().Done()
}

func answering(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// stytch makes a request to Stytch with the project's secret.
func (w *world) stytch(method, path string, body any) {
	w.t.Helper()
	w.stytchAs(w.idp.ProjectID, w.idp.Secret, method, path, body, nil)
}

func (w *world) stytchAs(user, password, method, path string, body, answer any) {
	w.t.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			w.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.idp.URL+path, bytes.NewReader(text))
	if err != nil {
		w.t.Fatal(err)
	}
	req.SetBasicAuth(user, password)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err = io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		w.t.Fatalf("%s %s: %s, %v: %s", method, path, resp.Status, err, text)
	}
	if answer != nil {
		if err := json.Unmarshal(text, answer); err != nil {
			w.t.Fatal(err)
		}
	}
}

// signIn signs a person in with a one-time code.
func (w *world) signIn(email, organization string) *authzv1.SessionCredentials {
	w.t.Helper()
	signIn, err := w.sessions.JoinOrganization(w.proven(email), &authzv1.JoinOrganizationRequest{OrganizationId: organization})
	if err != nil {
		w.t.Fatal(err)
	}
	return signIn.GetCredentials()
}

// proven is a context for calls by a person who has proven an address.
func (w *world) proven(email string) context.Context {
	w.t.Helper()
	if _, err := w.sessions.SendEmailCode(w.t.Context(), &authzv1.SendEmailCodeRequest{EmailAddress: email}); err != nil {
		w.t.Fatal(err)
	}
	signIn, err := w.sessions.AuthenticateEmailCode(w.t.Context(), &authzv1.AuthenticateEmailCodeRequest{
		EmailAddress: email, Code: w.idp.Code(email),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return kittest.With(w.t.Context(), access.MetadataIntermediateSessionToken, signIn.GetCredentials().GetIntermediateSessionToken())
}

// with is a context for calls with a browser's session.
func (w *world) with(c *authzv1.SessionCredentials) context.Context {
	ctx := w.t.Context()
	if c.GetSessionToken() != "" {
		ctx = kittest.With(ctx, access.MetadataSessionToken, c.GetSessionToken())
	}
	if c.GetSessionJwt() != "" {
		ctx = kittest.With(ctx, access.MetadataSessionJWT, c.GetSessionJwt())
	}
	return ctx
}

func bySession(c *authzv1.SessionCredentials) *authzv1.AuthenticateRequest {
	return &authzv1.AuthenticateRequest{Credential: &authzv1.AuthenticateRequest_Session{Session: c}}
}

func bySessionToken(c *authzv1.SessionCredentials) *authzv1.AuthenticateRequest {
	return bySession(&authzv1.SessionCredentials{SessionToken: c.GetSessionToken()})
}

func bySessionJWT(c *authzv1.SessionCredentials) *authzv1.AuthenticateRequest {
	return bySession(&authzv1.SessionCredentials{SessionJwt: c.GetSessionJwt()})
}

func byAccessToken(token string) *authzv1.AuthenticateRequest {
	return &authzv1.AuthenticateRequest{Credential: &authzv1.AuthenticateRequest_AccessToken{AccessToken: token}}
}

func byBearer(token string) *authzv1.AuthenticateRequest {
	return &authzv1.AuthenticateRequest{Credential: &authzv1.AuthenticateRequest_Bearer{Bearer: token}}
}

// authenticate expects to be told who it is.
func (w *world) authenticate(req *authzv1.AuthenticateRequest) *authzv1.AuthenticateResponse {
	w.t.Helper()
	answer, err := w.authz.Authenticate(w.t.Context(), req)
	if err != nil {
		w.t.Fatalf("authenticating: %v", err)
	}
	return answer
}

// refuse expects a refusal with a reason.
func (w *world) refuse(req *authzv1.AuthenticateRequest, reason accessv1.ErrorReason) {
	w.t.Helper()
	answer, err := w.authz.Authenticate(w.t.Context(), req)
	if err == nil {
		w.t.Fatalf("got principal %v, want %s", answer.GetPrincipal(), reason)
	}
	expect(w.t, err, reason)
}

// expect checks an error's reason, and that its code is the one of that reason.
func expect(t *testing.T, err error, want accessv1.ErrorReason) {
	t.Helper()
	if got := rpcerr.ReasonOf(err); got != want || status.Code(err) != codeOf(want) {
		t.Fatalf("got %v (%s), want %s", err, got, want)
	}
}

func codeOf(reason accessv1.ErrorReason) codes.Code {
	switch reason {
	case missing, invalid, expired, accessv1.ErrorReason_ERROR_REASON_SIGN_IN_LINK_INVALID, accessv1.ErrorReason_ERROR_REASON_SIGN_IN_EXPIRED:
		return codes.Unauthenticated
	case unavailable:
		return codes.Unavailable
	case accessv1.ErrorReason_ERROR_REASON_SESSION_REQUIRED, accessv1.ErrorReason_ERROR_REASON_STYTCH_DENIED:
		return codes.PermissionDenied
	case accessv1.ErrorReason_ERROR_REASON_ORGANIZATION_NOT_FOUND, accessv1.ErrorReason_ERROR_REASON_SSO_NOT_CONFIGURED,
		memberMissing, connectionMissing, sessionMissing, scimMissing, noApp:
		return codes.NotFound
	case accessv1.ErrorReason_ERROR_REASON_ORGANIZATION_SLUG_TAKEN, memberExists, appExists:
		return codes.AlreadyExists
	case accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH:
		return codes.Aborted
	case memberActive, memberRemoved, ownAccount, lastAdministrator, noWayToSignIn,
		accessv1.ErrorReason_ERROR_REASON_MEMBER_UNVERIFIED, accessv1.ErrorReason_ERROR_REASON_INVITATION_NOT_ALLOWED:
		return codes.FailedPrecondition
	case accessv1.ErrorReason_ERROR_REASON_RATE_LIMITED:
		return codes.ResourceExhausted
	case ambiguous, accessv1.ErrorReason_ERROR_REASON_CODE_INVALID, accessv1.ErrorReason_ERROR_REASON_PAGE_TOKEN_INVALID,
		accessv1.ErrorReason_ERROR_REASON_FIELD_INVALID, accessv1.ErrorReason_ERROR_REASON_EMAIL_DOMAIN_REFUSED:
		return codes.InvalidArgument
	}
	return codes.Internal
}

// Short names for the reasons that most tests are about.
const (
	missing     = accessv1.ErrorReason_ERROR_REASON_TOKEN_MISSING
	invalid     = accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID
	expired     = accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED
	ambiguous   = accessv1.ErrorReason_ERROR_REASON_CREDENTIALS_AMBIGUOUS
	unavailable = accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE
)

// permits lists what a principal may do, as "objective:read key_result:update".
func permits(p *authzv1.Principal) string {
	var may []string
	for _, permission := range access.AllPermissions() {
		if access.Permits(p, permission.GetResource(), permission.GetAction()) {
			may = append(may, access.PermissionString(permission))
		}
	}
	return strings.Join(may, " ")
}

// eventually polls until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
