package rest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// fakeMCP stands in for the MCP edge and remembers the last request.
type fakeMCP struct {
	mu      sync.Mutex
	request *http.Request
	body    string
	answer  http.HandlerFunc
}

func (f *fakeMCP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.request, f.body = r, string(body)
	answer := f.answer
	f.mu.Unlock()
	answer(w, r)
}

func (f *fakeMCP) last() (*http.Request, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.request, f.body
}

// startForwarding runs an edge before a fake of the MCP edge.
func startForwarding(t *testing.T, answer http.HandlerFunc) (*world, *fakeMCP) {
	t.Helper()
	mcp := &fakeMCP{answer: answer}
	server := httptest.NewServer(mcp)
	t.Cleanup(server.Close)
	return start(t, func(c *Config) { c.MCPAddr = server.Listener.Addr().String() }), mcp
}

func TestWhatAgentsAskForGoesToTheMCPEdge(t *testing.T) {
	w, mcp := startForwarding(t, func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header.Set("WWW-Authenticate", `Bearer resource_metadata="x"`)
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Cross-Origin-Resource-Policy", "cross-origin")
		header.Set("X-Correlation-Id", "theirs")
		http.SetCookie(w, &http.Cookie{Name: "okr_session", Value: "planted"})
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "the answer")
	})
	for _, path := range []string{
		"/mcp", "/mcp/more", "/sse", "/sse/message?sessionId=1", "/.well-known/oauth-protected-resource",
		"/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration",
	} {
		r := w.do(ask{
			method: http.MethodPost, path: path, body: `{"a":1}`, bearer: "the-token", session: "ceo-session",
			header: http.Header{"Origin": {"https://elsewhere.example"}, "Mcp-Method": {"tools/call"}, "X-Forwarded-Host": {"forged.example"}},
		})
		if r.StatusCode != http.StatusUnauthorized || r.body != "the answer" {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.body)
		}
		for name, want := range map[string]string{
			"WWW-Authenticate": `Bearer resource_metadata="x"`, "Access-Control-Allow-Origin": "*", "Set-Cookie": "",
			"Cross-Origin-Resource-Policy": "cross-origin", "X-Content-Type-Options": "nosniff",
		} {
			if got := strings.Join(r.Header.Values(name), "|"); got != want {
				t.Errorf("%s: the answer has %s %q, want %q", path, name, got, want)
			}
		}
		seen, body := mcp.last()
		if seen.Method != http.MethodPost || seen.URL.RequestURI() != path || body != `{"a":1}` {
			t.Errorf("%s: the MCP edge saw %s %s %s", path, seen.Method, seen.URL, body)
		}
		for name, want := range map[string]string{
			"Authorization": "Bearer the-token", "Origin": "https://elsewhere.example", "Mcp-Method": "tools/call",
			"Cookie": "", "X-Forwarded-Host": "", "X-Forwarded-For": "127.0.0.1", "X-Correlation-Id": r.Header.Get("X-Correlation-Id"),
		} {
			if got := strings.Join(seen.Header.Values(name), "|"); got != want {
				t.Errorf("%s: the MCP edge saw %s %q, want %q", path, name, got, want)
			}
		}
		if "http://"+seen.Host != w.url {
			t.Errorf("%s: the MCP edge saw the host %q", path, seen.Host)
		}
	}
	for _, path := range []string{"/mcpx", "/.well-known/security.txt", "/api/v1/mcp"} {
		if r := w.do(ask{path: path}); r.StatusCode != http.StatusNotFound || r.body == "the answer" {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.body)
		}
	}
}

func TestForwardedStreamsComePieceByPieceAndEndWithTheEdge(t *testing.T) {
	next := make(chan string)
	w, _ := startForwarding(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			select {
			case <-r.Context().Done():
				return
			case piece := <-next:
				_, _ = io.WriteString(w, piece+"\n")
				_ = http.NewResponseController(w).Flush()
			}
		}
	})
	go func() { next <- "first" }()
	_, lines := w.open(t.Context(), ask{
		method: http.MethodPost, path: "/mcp", body: "{}", header: http.Header{"Mcp-Method": {"subscriptions/listen"}},
	})
	for _, want := range []string{"first", "second"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("the stream says %q, %v, want %q", lines.Text(), lines.Err(), want)
		}
		if want == "first" {
			next <- "second"
		}
	}
	w.stop()
	if lines.Scan() {
		t.Errorf("after the edge stopped, the stream says %q", lines.Text())
	}
	if strings.Contains(w.log.String(), "requests are still running") {
		t.Error("the edge had to wait for the stream")
	}
}

func TestForwardedCallsFinishWhenTheEdgeStops(t *testing.T) {
	for name, kind := range map[string]string{"answered by an object": "application/json", "answered by a stream": "text/event-stream"} {
		t.Run(name, func(t *testing.T) {
			entered, finish := make(chan struct{}), make(chan struct{})
			w, _ := startForwarding(t, func(w http.ResponseWriter, r *http.Request) {
				if kind == "text/event-stream" {
					w.Header().Set("Content-Type", kind)
					_, _ = io.WriteString(w, "still here\n")
					_ = http.NewResponseController(w).Flush()
				}
				close(entered)
				select {
				case <-finish:
					_, _ = io.WriteString(w, "done\n")
				case <-r.Context().Done():
					_, _ = io.WriteString(w, "taken back\n")
				}
			})
			answered := make(chan reply, 1)
			go func() { answered <- w.do(ask{method: http.MethodPost, path: "/mcp", body: "{}"}) }()
			<-entered
			stopped := make(chan struct{})
			go func() { defer close(stopped); w.stop() }()
			for w.accepts() {
			}
			close(finish)
			if r := <-answered; r.StatusCode != http.StatusOK || !strings.HasSuffix(r.body, "done\n") {
				t.Errorf("%d %q", r.StatusCode, r.body)
			}
			<-stopped
		})
	}
}

// accepts says whether the edge takes connections.
func (w *world) accepts() bool {
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func TestAClientThatLeavesEndsItsForwardedStream(t *testing.T) {
	left := make(chan struct{})
	w, _ := startForwarding(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "first\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(left)
	})
	ctx, leave := context.WithCancel(t.Context())
	_, lines := w.open(ctx, ask{method: http.MethodPost, path: "/mcp", body: "{}"})
	if !lines.Scan() {
		t.Fatal(lines.Err())
	}
	leave()
	<-left
}

func TestBodiesForTheMCPEdgeHaveALimit(t *testing.T) {
	w, _ := startForwarding(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	huge := strings.Repeat("x", 1<<20+1)
	t.Run("with a length", func(t *testing.T) {
		w.wantFault(w.do(ask{method: http.MethodPost, path: "/mcp", body: huge}), 413, "BODY_TOO_LARGE")
	})
	t.Run("in chunks", func(t *testing.T) {
		r := w.request(t.Context(), ask{method: http.MethodPost, path: "/mcp", body: huge})
		r.ContentLength = -1
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d", resp.StatusCode)
		}
	})
}

func TestWithoutTheMCPEdgeItsAddressesAreUnavailable(t *testing.T) {
	w := start(t)
	for _, path := range []string{"/mcp", "/.well-known/oauth-protected-resource"} {
		r := w.do(ask{path: path})
		w.wantFault(r, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE")
		if r.Header.Get("Retry-After") == "" || strings.Contains(r.body, "127.0.0.1") {
			t.Errorf("%s: %v %s", path, r.Header, r.body)
		}
	}
	if r := w.do(ask{path: "/readyz"}); r.StatusCode != http.StatusOK {
		t.Errorf("the edge itself: %d", r.StatusCode)
	}
}
