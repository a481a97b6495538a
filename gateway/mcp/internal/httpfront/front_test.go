package httpfront_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/httpfront"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// TestMain sees to it that no test leaves a goroutine behind: streams end with their clients.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// caller is who calls, in tests: the bearer token.
type caller struct{}

func callerOf(ctx context.Context) string {
	name, _ := ctx.Value(caller{}).(string)
	return name
}

// refusal is an engine.Refusal.
type refusal struct {
	status int
	header http.Header
}

func (r refusal) Error() string       { return "refused: " + http.StatusText(r.status) }
func (r refusal) HTTPStatus() int     { return r.status }
func (r refusal) Header() http.Header { return r.header }

// challenge is what a request without a valid token is answered with.
func challenge(status int) refusal {
	return refusal{status, http.Header{"Www-Authenticate": {`Bearer resource_metadata="https://example.com"`}}}
}

// byToken takes every token for its own caller, but for "wrong".
func byToken(r *http.Request) (context.Context, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "wrong" {
		return nil, challenge(http.StatusUnauthorized)
	}
	return context.WithValue(r.Context(), caller{}, token), nil
}

// server is a front before an engine, on a socket.
type server struct {
	t      *testing.T
	url    string
	log    *kittest.Log
	client *http.Client
}

// serve serves an engine.
func serve(t *testing.T, offered engine.Config, cfg httpfront.Config) *server {
	t.Helper()
	s := &server{t: t, log: &kittest.Log{}, client: &http.Client{Transport: &http.Transport{}}}
	logger := telemetry.NewLogger(s.log, slog.LevelDebug, "test")
	offered.Name, offered.Version, offered.Logger, offered.Caller = "test", "1", logger, callerOf
	var err error
	if cfg.Engine, err = engine.New(offered); err != nil {
		t.Fatal(err)
	}
	cfg.Logger = logger
	handler, err := httpfront.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(handler)
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		listening.Close() // waits until every handler has returned
	})
	s.url = listening.URL
	return s
}

// call is one HTTP request.
type call struct {
	method string // POST if empty
	body   string
	header map[string]string // over the ones that every client sends; "" takes one away
	host   string
}

// request makes a request.
func (s *server) request(ctx context.Context, c call) (*http.Request, error) {
	method := c.method
	if method == "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(ctx, method, s.url+"/mcp", strings.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Header.Set("Authorization", "Bearer alice")
	for name, value := range c.header {
		r.Header.Del(name)
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	if c.host != "" {
		r.Host = c.host
	}
	return r, nil
}

// send sends a request and leaves the answer open.
func (s *server) send(ctx context.Context, c call) *http.Response {
	s.t.Helper()
	r, err := s.request(ctx, c)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return response
}

// answer is a whole answer.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request and reads the answer.
func (s *server) do(c call) answer {
	s.t.Helper()
	response := s.send(s.t.Context(), c)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// message is a JSON-RPC message as tests look at it.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params map[string]any  `json:"params"`
	Result map[string]any  `json:"result"`
	Error  *struct {
		Code    int            `json:"code"`
		Message string         `json:"message"`
		Data    map[string]any `json:"data"`
	} `json:"error"`
}

// message reads the one message of an answer.
func (a answer) message(t *testing.T) message {
	t.Helper()
	var m message
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("%d %v: %q", a.status, err, a.body)
	}
	return m
}

// code is the code of the error in an answer, 0 if it is none.
func (a answer) code(t *testing.T) int {
	t.Helper()
	if m := a.message(t); m.Error != nil {
		return m.Error.Code
	}
	return 0
}

// events reads messages from a stream until it ends.
func events(t *testing.T, r io.Reader) <-chan message {
	t.Helper()
	out := make(chan message)
	go func() {
		defer close(out)
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok {
				continue
			}
			var m message
			if err := json.Unmarshal([]byte(data), &m); err != nil {
				t.Errorf("%v: %q", err, data)
				return
			}
			out <- m
		}
	}()
	return out
}

// legacy is a request of an older revision.
func legacy(id, method, params string) call {
	return call{
		body:   fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":%s}`, id, method, params),
		header: map[string]string{"Mcp-Protocol-Version": "2025-11-25"},
	}
}

// modern is a request of 2026-07-28. Members of params are written without braces.
func modern(id, method, params string) call {
	if params != "" {
		params = "," + params
	}
	c := call{
		body: fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",`+
			`"io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}%s}}`, id, method, params),
		header: map[string]string{"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": method},
	}
	var named struct{ Params struct{ Name, URI string } }
	if err := json.Unmarshal([]byte(c.body), &named); err == nil && named.Params.Name+named.Params.URI != "" {
		c.header["Mcp-Name"] = named.Params.Name + named.Params.URI
	}
	return c
}

// with changes headers of a call.
func (c call) with(pairs ...string) call {
	header := make(map[string]string, len(c.header)+len(pairs)/2)
	for name, value := range c.header {
		header[name] = value
	}
	for pair := range slices.Chunk(pairs, 2) {
		header[pair[0]] = pair[len(pair)-1]
	}
	c.header = header
	return c
}

// as makes a call another caller's.
func (c call) as(name string) call { return c.with("Authorization", "Bearer "+name) }

// tool is a tool that takes anything.
func tool(name string, run func(context.Context, *engine.ToolCall) (*engine.ToolResult, error)) engine.Tool {
	return engine.Tool{Name: name, Description: "A tool.", Input: json.RawMessage(`{"type":"object"}`), Call: run}
}

// whoAmI answers who calls and with what.
func whoAmI() engine.Config {
	return engine.Config{Tools: []engine.Tool{tool("who", func(ctx context.Context, c *engine.ToolCall) (*engine.ToolResult, error) {
		return &engine.ToolResult{Text: callerOf(ctx) + " " + string(c.Arguments)}, nil
	})}}
}

// text is the text of a tool's result.
func (m message) text() string {
	content, _ := m.Result["content"].([]any)
	if len(content) == 0 {
		return ""
	}
	block, _ := content[0].(map[string]any)
	text, _ := block["text"].(string)
	return text
}
