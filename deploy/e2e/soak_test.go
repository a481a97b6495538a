package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// soakVariable says how long the soak goes on, as a duration; without it, for seconds.
const soakVariable = "OKR_E2E_SOAK"

// What a system may hold after the soak over what it held before.
const (
	soakBusy = 8
	// soakIdle is for connections that its boxes keep for each other: of each client one, with three goroutines.
	soakIdle = 3 * soakClients
	// soakHeap is for what caches keep, in bytes.
	soakHeap = 4 << 20
	// soakPatience is for connections on which no request comes any more: the boxes wait for two minutes.
	soakPatience = 150 * time.Second
)

// soak is a system under load, and the clients that it has.
type soak struct {
	*measuredSystem
	t         *testing.T
	transport *http.Transport
	agents    []mcpAgent
	objective string // one that nobody deletes
	held      held

	calls, dropped, cancelled, takenBack, streams, halfOpen, malformed atomic.Int64
}

// round is a load for some time. All clients are gone after it but for those that were left half-open.
func (s *soak) round(duration time.Duration, brief func() mcpAgent) (peak int) {
	ctx, stop := context.WithTimeout(s.t.Context(), duration)
	defer stop()
	var load sync.WaitGroup
	for number := range soakClients {
		client := &soakClient{soak: s, agent: s.agents[number%len(s.agents)], number: number}
		load.Go(func() {
			for ctx.Err() == nil && !s.t.Failed() {
				client.turn(ctx)
			}
		})
	}
	for first := true; first || ctx.Err() == nil && !s.t.Failed(); first = false {
		s.leaveHalfOpen(brief())
		peak = max(peak, s.holds(s.t).Busy)
	}
	load.Wait()
	s.transport.CloseIdleConnections()
	return peak
}

// A system that was used and abused holds in the end what it held at the start, and every answer on the way was one.
func TestTheSystemComesBackToWhereItWasAfterAMixedLoad(t *testing.T) {
	t.Parallel()
	duration, warmUp := 2*time.Second, time.Second
	text, long := os.LookupEnv(soakVariable)
	if long {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", soakVariable, err)
		}
		warmUp = min(duration/4, time.Minute)
	}
	s := &soak{
		measuredSystem: startMeasured(t, "OKR_STORE_CACHE_BYTES=1048576", "OKR_MCP_CALLER_RATE=0", "OKR_REST_CALLER_RATE=0", "OKR_ORGANIZATION_RATE=0", "OKR_ADDRESS_RATE=0"), t: t,
		transport: &http.Transport{MaxIdleConnsPerHost: soakClients},
	}
	t.Cleanup(s.held.close)
	ceo, domain := s.found(t)
	s.objective = ceo.objective(t, "Stay")
	for i := range 4 {
		member := s.provider.addMember(t, ceo.organization, fmt.Sprintf("member-%d@%s", i, domain), "stytch_admin")
		s.agents = append(s.agents, s.provider.letIn(t, member, fmt.Sprintf("Agent %d", i), 24*3600, everyScope()...).overMCP(s.system))
	}
	ceo.http.CloseIdleConnections()
	// Streams that nobody reads end with their credential.
	var fresh mcpAgent
	var until time.Time
	brief := func() mcpAgent {
		if time.Now().After(until) {
			fresh = s.provider.letIn(t, ceo.member, "Agent in a hurry", 3, "read:okrs").overMCP(s.system)
			until = time.Now().Add(2 * time.Second)
		}
		return fresh
	}

	s.round(warmUp, brief)
	s.held.close()
	start := s.rests(t)
	peak := s.round(duration, brief)
	if !long {
		s.held.close() // otherwise it is for the system to end what nobody ends
	}
	end, settled := s.settles(t, holding{Busy: start.Busy + soakBusy, Idle: start.Idle + soakIdle, Heap: start.Heap + soakHeap}, soakPatience)
	t.Logf("%v of load: %d calls, %d dropped, %d of %d cancelled before they were answered, %d streams, %d left half-open, %d malformed; "+
		"the system held %v at the start, %d goroutines at most, %v in the end", duration, s.calls.Load(), s.dropped.Load(),
		s.takenBack.Load(), s.cancelled.Load(), s.streams.Load(), s.halfOpen.Load(), s.malformed.Load(), start, peak, end)
	if !settled {
		t.Errorf("more than %d goroutines, %d of idle connections, or %d MiB came to stay: %s", soakBusy, soakIdle, soakHeap>>20, end.Stacks)
	}
	if peak <= start.Busy+soakBusy {
		t.Errorf("nothing was held on the way")
	}
}

// held are connections that were left half-open, the oldest first.
type held struct{ all []net.Conn }

// mostHeld bounds them: a client has so many files and no more.
const mostHeld = 2048

func (h *held) add(conn net.Conn) {
	if len(h.all) == mostHeld {
		_ = h.all[0].Close()
		h.all = h.all[1:]
	}
	h.all = append(h.all, conn)
}

func (h *held) close() {
	for _, conn := range h.all {
		_ = conn.Close()
	}
	h.all = nil
}
