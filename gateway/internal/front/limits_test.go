package front_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// once is a rate that lets one request through, and the next after a time that no test waits.
const once = 0.0001

// from is the context of a request that comes from an address.
func from(t *testing.T, addr string) (ctx context.Context) {
	t.Helper()
	h, err := front.New(front.Config{Logger: slog.New(slog.DiscardHandler), Registry: telemetry.NewRegistry()},
		http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() }))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	r.RemoteAddr = addr
	h.ServeHTTP(httptest.NewRecorder(), r)
	return ctx
}

func limited(err error) bool {
	return rpcerr.ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_RATE_LIMITED
}

func TestStrangersAreCountedByWhatTheyCannotChooseFreely(t *testing.T) {
	limiter := front.NewLimiter(front.Rates{Address: once})
	for _, step := range []struct {
		addr string
		want bool // limited
	}{
		{"203.0.113.5:1", false},
		{"203.0.113.5:2", true},
		{"203.0.113.6:1", false},
		{"[2001:db8:1:1::1]:1", false},
		{"[2001:db8:1:1:ffff::2]:1", true}, // one network of one customer
		{"[2001:db8:1:2::1]:1", false},
	} {
		if got := limited(limiter.Stranger(from(t, step.addr))); got != step.want {
			t.Errorf("%s is limited: %t, want %t", step.addr, got, step.want)
		}
	}
}

func TestCallersAreCountedByMemberClientAndOrganization(t *testing.T) {
	who := func(organization, member, client string) *authzv1.Principal {
		return &authzv1.Principal{OrganizationId: organization, MemberId: member, ClientId: client}
	}
	callers := front.NewLimiter(front.Rates{Caller: once})
	for _, step := range []struct {
		who  *authzv1.Principal
		want bool
	}{
		{who("acme", "ada", ""), false},
		{who("acme", "ada", ""), true},
		{who("acme", "ada", "agent"), false},
		{who("acme", "max", "agent"), false},
		{who("globex", "ada", ""), false},
	} {
		if got := limited(callers.Caller(step.who)); got != step.want {
			t.Errorf("%v is limited: %t, want %t", step.who, got, step.want)
		}
	}
	organizations := front.NewLimiter(front.Rates{Organization: once})
	if limited(organizations.Caller(who("acme", "ada", ""))) || !limited(organizations.Caller(who("acme", "max", ""))) || limited(organizations.Caller(who("globex", "max", ""))) {
		t.Error("organizations are not counted each by itself")
	}
}

func TestRatesThatCannotBeMeant(t *testing.T) {
	if err := (front.Rates{}).Validate("OKR_REST_CALLER_RATE"); err != nil {
		t.Errorf("no limits: %v", err)
	}
	for _, r := range []front.Rates{{Address: -1}, {Caller: -1}, {Organization: math.NaN()}} {
		if err := r.Validate("OKR_REST_CALLER_RATE"); err == nil {
			t.Errorf("%v is taken", r)
		}
	}
}

func TestWhatIsTooMuchAtATimeIsToldToComeBackAndProbesAreNot(t *testing.T) {
	inside, goOn := make(chan struct{}), make(chan struct{})
	var busy error
	h, err := front.New(front.Config{
		MaxRequests: 1, Logger: kittest.Logger(&kittest.Log{}), Registry: telemetry.NewRegistry(),
		Answer: func(w http.ResponseWriter, _ *http.Request, err error) {
			busy = err
			w.WriteHeader(http.StatusTooManyRequests)
		},
	}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(inside)
			<-goOn
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	ask := func(path string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, http.NoBody)
		if err != nil {
			t.Error(err)
			return 0
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			return 0
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		return resp.StatusCode
	}
	done := make(chan int)
	go func() { done <- ask("/slow") }()
	<-inside
	if got := ask("/other"); got != http.StatusTooManyRequests || !limited(busy) {
		t.Errorf("while the server is full: %d, %v", got, busy)
	}
	if got := ask("/readyz"); got != http.StatusOK {
		t.Errorf("a probe, while the server is full: %d", got)
	}
	close(goOn)
	if got := <-done; got != http.StatusOK {
		t.Errorf("the request that was there: %d", got)
	}
	if got := ask("/other"); got != http.StatusOK {
		t.Errorf("afterwards: %d", got)
	}
}
