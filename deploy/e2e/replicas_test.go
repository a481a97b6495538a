package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/df0f9dda/okr-manager/deploy/internal/stack"
)

// replicas are MCP edges that stand behind one address, as behind a Service of Kubernetes.
type replicas struct {
	settings []string

	mu        sync.Mutex
	addrs     []string
	processes []*exec.Cmd
	next      int
	// lost counts the requests that were with a replica when it was killed.
	lost atomic.Int64
}

func (r *replicas) start(t *testing.T) {
	t.Helper()
	process, addr := startBox(t, childMCP, r.settings...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addrs, r.processes = append(r.addrs, addr), append(r.processes, process)
}

// kill kills the oldest replica. Its address stays for a while, as that of a pod does whose node is gone.
func (r *replicas) kill(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	process := r.processes[0]
	r.processes = r.processes[1:]
	r.mu.Unlock()
	kill(t, process)
}

// turn is the replicas in the order in which this request tries them.
func (r *replicas) turn() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	at := r.next % len(r.addrs)
	return slices.Concat(r.addrs[at:], r.addrs[:at])
}

// RoundTrip implements http.RoundTripper. Only a replica that takes no connection is passed over: a request that it may
// have seen is not sent twice.
func (r *replicas) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	var tried error
	for _, addr := range r.turn() {
		try := req.Clone(req.Context())
		try.URL.Host, try.Body = addr, io.NopCloser(bytes.NewReader(body))
		resp, err := oneConnection.RoundTrip(try)
		var dialled *net.OpError
		if err == nil || !errors.As(err, &dialled) || dialled.Op != "dial" {
			if err != nil {
				r.lost.Add(1)
			}
			return resp, err
		}
		tried = err
	}
	return nil, tried
}

// oneConnection has a connection for each request: one that is kept could be with a replica that was killed meanwhile,
// and nobody would know whether a request still reached it.
var oneConnection = &http.Transport{DisableKeepAlives: true}

// lostStatus is what the balancer answers for a replica that did not.
const lostStatus = http.StatusBadGateway

func (r *replicas) serve(t *testing.T) (url string) {
	t.Helper()
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(p *httputil.ProxyRequest) { p.Out.URL.Scheme = "http" },
		Transport: r,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(lostStatus)
			fmt.Fprintf(w, "{\"lost\": %q}", err)
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

// Everybody uses the same JSON-RPC ids all the time; see rpc.message.
func TestAnyReplicaAnswersAnyRequestAndOneThatIsKilledTakesNothingElseAlong(t *testing.T) {
	t.Parallel()
	const organizations, membersEach = 8, 8
	type principal struct {
		organization, member string
		agent                mcpAgent
	}
	balanced := &replicas{settings: []string{
		"OKR_STORE_ADDR=" + running.StoreAddr, "OKR_OAUTH_ISSUER=" + running.DevidpURL, "OKR_MCP_SEAL_KEY=" + rand.Text() + rand.Text(),
	}}
	for range 3 {
		balanced.start(t)
	}
	behind := &system{Stack: &stack.Stack{PublicURL: balanced.serve(t)}}
	var principals []principal
	for range organizations {
		ceo, domain := running.found(t)
		for i := range membersEach {
			member := running.provider.addMember(t, ceo.organization, fmt.Sprintf("member-%d@%s", i, domain), "stytch_admin")
			let := running.provider.letIn(t, member, fmt.Sprintf("Agent %d of %s", i, domain), 3600, "read:okrs", "manage:objectives")
			principals = append(principals, principal{ceo.organization, member, let.overMCP(behind)})
		}
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	wrong := func(format string, args ...any) {
		if ctx.Err() == nil {
			t.Errorf(format, args...)
			stop()
		}
	}
	var calls atomic.Int64
	var load sync.WaitGroup
	for number, who := range principals {
		load.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				revision := []string{legacy, modern}[n%2]
				ask := func(method string, params fields) (reply, bool) {
					got, err := behind.ask(context.WithoutCancel(ctx), rpc{method: method, params: params, revision: revision, header: bearerHeader(who.agent.token)})
					calls.Add(1)
					switch {
					case err != nil:
						wrong("%s: %v", method, err)
					case got.status == lostStatus: // counted by the balancer
					case got.status != http.StatusOK || got.failure != nil || got.isError():
						wrong("%s in %s: %d %s", method, revision, got.status, got.body)
					default:
						return got, true
					}
					return got, false
				}
				if got, ok := ask("tools/call", fields{"name": "whoAmI"}); ok {
					if self := got.structured(); self["memberID"] != who.member || self["organizationID"] != who.organization {
						wrong("%s of %s is told to be %v", who.member, who.organization, self)
					}
				}
				title := fmt.Sprintf("Objective %d of principal %d in %s", n, number, who.organization)
				if made, ok := ask("tools/call", fields{"name": "addObjective", "arguments": fields{"objectiveText": title}}); ok {
					read, ok := ask("tools/call", fields{"name": "getObjective", "arguments": fields{"okrID": made.structured()["okrID"]}})
					if ok && read.structured()["objectiveText"] != title {
						wrong("%q reads as %v", title, read.structured())
					}
				}
			}
		})
	}
	after := func(more int64) {
		until := calls.Load() + more
		eventually(t, fmt.Sprintf("%d more calls", more), func() bool { return calls.Load() >= until || t.Failed() })
	}
	after(int64(len(principals)) * 4)
	balanced.kill(t)
	after(int64(len(principals)) * 4)
	balanced.start(t)
	after(int64(len(principals)) * 4)
	balanced.kill(t)
	after(int64(len(principals)) * 4)
	stop()
	load.Wait()
	t.Logf("%d calls of %d principals, %d lost with the two replicas that were killed", calls.Load(), len(principals), balanced.lost.Load())
	if most := int64(2 * len(principals)); balanced.lost.Load() > most {
		t.Errorf("%d calls were lost, and no more than %d can have been with a replica that was killed", balanced.lost.Load(), most)
	}
}
