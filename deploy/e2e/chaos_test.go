package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/status"

	"github.com/df0f9dda/okr-manager/deploy/internal/stack"
	"github.com/df0f9dda/okr-manager/gateway/mcp"
	"github.com/df0f9dda/okr-manager/gateway/rest"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/authz"
	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
	"github.com/df0f9dda/okr-manager/services/okrstore"
)

// relay is a way to a box that can be cut, as if the box were gone: its address refuses, and whoever was connected is not any
// more.
type relay struct {
	target, addr string

	mu       sync.Mutex
	listener net.Listener
	conns    []net.Conn
}

// newRelay is a way to a box that works.
func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	l := &relay{target: target, addr: "127.0.0.1:0"}
	l.mend(t)
	t.Cleanup(l.cut)
	return l
}

// mend lets everybody through, at the same address as before.
func (l *relay) mend(t *testing.T) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", l.addr)
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.listener, l.addr = listener, listener.Addr().String()
	l.mu.Unlock()
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", l.target)
			if err != nil {
				_ = in.Close()
				continue
			}
			l.mu.Lock()
			l.conns = append(l.conns, in, out)
			l.mu.Unlock()
			for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
				go func() {
					_, _ = io.Copy(way[0], way[1])
					_, _ = in.Close(), out.Close()
				}()
			}
		}
	}()
}

func (l *relay) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.listener.Close()
	for _, conn := range l.conns {
		_ = conn.Close()
	}
	l.conns = nil
}

// serveBox runs a box until the test ends.
func serveBox[C any](t *testing.T, settings map[string]string, run func(context.Context, C) error, set func(*C)) {
	t.Helper()
	cfg, err := config.LoadOver[C](settings)
	if err != nil {
		t.Fatal(err)
	}
	set(&cfg)
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- run(ctx, cfg) }()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			t.Errorf("%T: %v", cfg, err)
		}
	})
}

// edges are both edges in front of the boxes of the running system, which they reach through relays.
func edges(t *testing.T) (s *system, toAuthz, toStore *relay) {
	t.Helper()
	toAuthz, toStore = newRelay(t, running.AuthzAddr), newRelay(t, running.StoreAddr)
	front, behind := kittest.Listen(t), kittest.Listen(t)
	settings := map[string]string{
		"OKR_AUTHZ_ADDR": toAuthz.addr, "OKR_STORE_ADDR": toStore.addr, "OKR_MCP_ADDR": behind.Addr().String(),
		"OKR_PUBLIC_URL": running.PublicURL, "OKR_OAUTH_ISSUER": running.DevidpURL, "OKR_MCP_SEAL_KEY": strings.Repeat("s", 32),
		"OKR_ADDRESS_RATE": "0",
	}
	logger := telemetry.NewLogger(logs, nil, "e2e")
	serveBox(t, settings, mcp.Run, func(c *mcp.Config) { c.Listener, c.Logger = behind, logger })
	serveBox(t, settings, rest.Run, func(c *rest.Config) { c.Listener, c.Logger = front, logger })
	s = &system{Stack: &stack.Stack{PublicURL: "http://" + front.Addr().String()}, provider: running.provider}
	return s, toAuthz, toStore
}

const toolsCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"listObjectives","arguments":{}}}`

func TestWhileABoxIsDownTheEdgesSaySoAndGoOnWhenItIsBack(t *testing.T) {
	t.Parallel()
	ceo, domain := running.found(t)
	ceo.objective(t, "Stay in business")
	s, toAuthz, toStore := edges(t)
	agent := func(name string) *person { return s.asAgent(ceo.letIn(t, name+" of "+domain, "read:okrs").AccessToken) }
	overMCP := func(p *person) answer {
		return p.call(t, http.MethodPost, "/mcp", toolsCall, "Accept", "application/json, text/event-stream", "MCP-Protocol-Version", "2025-06-18")
	}
	known := agent("A known agent")
	works := func(p *person) bool {
		list, tools := p.call(t, http.MethodGet, "/api/v1/objectives", ""), overMCP(p)
		for _, got := range []answer{list, tools} {
			if got.status == http.StatusUnauthorized {
				t.Errorf("who is known is told to sign in: %s", got.body)
			}
		}
		return list.status == http.StatusOK && tools.status == http.StatusOK && strings.Contains(tools.body, "Stay in business")
	}
	eventually(t, "the edges serve", func() bool { return works(known) })

	for what, down := range map[string]struct {
		relay  *relay
		reason string
	}{"authz": {toAuthz, unavailable}, "okr-store": {toStore, "SERVICE_UNAVAILABLE"}} {
		newcomer := agent("A newcomer while " + what + " is down")
		down.relay.cut()
		got := newcomer.call(t, http.MethodGet, "/api/v1/objectives", "")
		if got.status != http.StatusServiceUnavailable || !strings.Contains(got.header.Get("Content-Type"), "json") ||
			got.reason != down.reason || !strings.Contains(got.body, `"status":"UNAVAILABLE"`) {
			t.Errorf("%s is down, and REST answers %d %s", what, got.status, got.body)
		}
		got = overMCP(newcomer)
		if failed := parse(t, got.body); got.status == http.StatusUnauthorized || failed["error"] == nil && !strings.Contains(got.body, `"isError":true`) {
			t.Errorf("%s is down, and MCP answers %d %s", what, got.status, got.body)
		}
		for _, path := range []string{"/", "/readyz", "/.well-known/oauth-protected-resource/mcp"} {
			if got := s.newPerson(t).call(t, http.MethodGet, path, ""); got.status != http.StatusOK {
				t.Errorf("%s is down, and %s answers %d", what, path, got.status)
			}
		}
		down.relay.mend(t)
		for who, p := range map[string]*person{"who was known": known, "who came meanwhile": newcomer} {
			eventually(t, what+" is back for "+who, func() bool { return works(p) })
		}
	}
}

// What authz signs is good for thirty seconds. A clock of okr-store that is wrong by less is not noticed, and one that is
// wrong by more lets nobody in, neither for longer than it should nor as anybody else.
func TestClocksOfAuthzAndTheStoreMayDifferByTheLifeOfATransactionToken(t *testing.T) {
	t.Parallel()
	ceo, domain := running.found(t)
	token := ceo.letIn(t, "An agent of "+domain, "read:okrs").AccessToken
	settings, err := config.Load[devidp.Config]()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		ahead time.Duration // of authz
		want  []string      // reasons; none for an answer
	}{
		{20 * time.Second, nil},
		{-20 * time.Second, nil},
		{2 * time.Minute, []string{"TOKEN_INVALID"}},
		{-2 * time.Minute, []string{"TOKEN_EXPIRED", "TOKEN_INVALID"}},
	} {
		t.Run("authz is "+tc.ahead.String()+" ahead", func(t *testing.T) {
			t.Parallel()
			at, store := kittest.Listen(t), kittest.Listen(t)
			logger := telemetry.NewLogger(logs, nil, "e2e")
			serveBox(t, map[string]string{
				"OKR_STYTCH_PROJECT_ID": settings.ProjectID, "OKR_STYTCH_SECRET": string(settings.Secret),
				"OKR_STYTCH_PUBLIC_TOKEN": settings.PublicToken, "OKR_STYTCH_BASE_URI": running.DevidpURL, "OKR_PUBLIC_URL": running.PublicURL,
			}, authz.Run, func(c *authz.Config) {
				c.Listener, c.Logger = at, logger
				c.Now = func() time.Time { return time.Now().Add(tc.ahead) }
			})
			serveBox(t, map[string]string{"OKR_AUTHZ_ADDR": at.Addr().String(), "OKR_DATA_DIR": t.TempDir()},
				okrstore.Run, func(c *okrstore.Config) { c.Listener, c.Logger = store, logger })
			conn, err := dial(store.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			var got string
			eventually(t, "authz and okr-store answer", func() bool {
				_, err := okrv1.NewOkrServiceClient(conn).ListObjectives(bearing(t.Context(), token), &okrv1.ListObjectivesRequest{})
				got = reasonName(err)
				return got != unavailable && got != "UNAVAILABLE"
			})
			if tc.want == nil && got != "" || tc.want != nil && !slices.Contains(tc.want, got) {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// reasonName is the reason of an error as it is on the wire, "" for none.
func reasonName(err error) string {
	if err == nil {
		return ""
	}
	if name := strings.TrimPrefix(rpcerr.ReasonOf(err).String(), "ERROR_REASON_"); name != "UNSPECIFIED" {
		return name
	}
	return strings.ToUpper(status.Code(err).String())
}
