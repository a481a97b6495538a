package httpfront_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/httpfront"
)

// waiting is a tool that waits until it is cancelled or released, and says which.
type waiting struct {
	entered chan string // the caller
	ended   chan string // how it ended
	release chan struct{}
}

func newWaiting() *waiting {
	return &waiting{entered: make(chan string), ended: make(chan string, 16), release: make(chan struct{})}
}

func (w *waiting) config() engine.Config {
	return engine.Config{Tools: []engine.Tool{tool("wait", func(ctx context.Context, c *engine.ToolCall) (*engine.ToolResult, error) {
		w.entered <- callerOf(ctx)
		select {
		case <-ctx.Done():
			w.ended <- "cancelled"
			return nil, context.Cause(ctx)
		case <-w.release:
			w.ended <- "released"
			return &engine.ToolResult{Text: "released"}, nil
		}
	})}}
}

// cancelled is the notification that takes a request back.
func cancelled(id string) call {
	return call{body: `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `,"reason":"changed my mind"}}`}
}

func TestGap17NotificationsAreTakenAndTakeRequestsBack(t *testing.T) {
	w := newWaiting()
	s := serve(t, w.config(), httpfront.Config{Authenticate: byToken})
	done := make(chan answer)
	start := func(c call) {
		go func() { done <- s.do(c) }()
		<-w.entered
	}
	start(legacy(`"one"`, "tools/call", `{"name":"wait"}`))
	for _, c := range []call{
		{body: `{"jsonrpc":"2.0","method":"notifications/anything","params":{"a":1}}`},
		{body: `{"jsonrpc":"2.0","method":"notifications/cancelled"}`},
		{body: `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}`},
		cancelled(`"two"`), cancelled(`1`),
		cancelled(`"one"`).as("mallory"),                              // another's request, by its id
		cancelled(`"one"`).with("Mcp-Protocol-Version", "2026-07-28"), // which knows no such notification
	} {
		if got := s.do(c); got.status != 202 || got.body != "" {
			t.Errorf("%s: %d %q", c.body, got.status, got.body)
		}
	}
	select {
	case how := <-w.ended:
		t.Fatalf("%s by another's request", how)
	default:
	}
	s.do(cancelled(`"one"`))
	if how := <-w.ended; how != "cancelled" {
		t.Errorf("%s", how)
	}
	// To a request that was taken back there is no response.
	if got := <-done; got.status != 200 || strings.Contains(got.body, "jsonrpc") {
		t.Errorf("%d %q", got.status, got.body)
	}
}

func TestWhereTwoRequestsCouldBeMeantNoneIsTakenBack(t *testing.T) {
	w := newWaiting()
	s := serve(t, w.config(), httpfront.Config{Authenticate: byToken})
	done := make(chan answer)
	for range 2 { // two programs with one credential both count from one
		go func() { done <- s.do(legacy("1", "tools/call", `{"name":"wait"}`)) }()
		<-w.entered
	}
	s.do(cancelled("1"))
	close(w.release)
	for range 2 {
		if got := (<-done).message(t); got.text() != "released" {
			t.Errorf("%v", got)
		}
	}
}

func TestALeavingClientTakesItsRequestBackIn20260728Alone(t *testing.T) {
	for name, c := range map[string]struct {
		call call
		want string
	}{
		"2025-11-25": {legacy("1", "tools/call", `{"name":"wait"}`), "released"},
		"2026-07-28": {modern("1", "tools/call", `"name":"wait"`), "cancelled"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWaiting()
			gone := make(chan struct{})
			s := serve(t, w.config(), httpfront.Config{Authenticate: byToken})
			ctx, leave := context.WithCancel(t.Context())
			go func() {
				defer close(gone)
				r, err := s.request(ctx, c.call)
				if err != nil {
					t.Error(err)
					return
				}
				if response, err := s.client.Do(r); err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
			}()
			<-w.entered
			leave()
			<-gone
			if c.want == "released" {
				close(w.release) // nothing else ends it
			}
			if how := <-w.ended; how != c.want {
				t.Errorf("%s", how)
			}
		})
	}
}
