package httpfront_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/httpfront"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// sessionHere stands in fuzzed headers for the id of a session of alice: no seed can know a sealed one.
const sessionHere = "SESSION"

// FuzzFront holds what no HTTP request may break: nothing panics, the answer has a status of the endpoint's and is
// nothing, one JSON-RPC message with the request's id, or a stream of such, and of who is not known neither the engine
// hears nor is the body read.
func FuzzFront(f *testing.F) {
	target := newFuzzed(f)
	add := func(method string, c call) {
		header := map[string]string{
			"Host": "example.com", "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
			"Authorization": "Bearer alice",
		}
		maps.Copy(header, c.header)
		var lines strings.Builder
		for _, name := range slices.Sorted(maps.Keys(header)) {
			fmt.Fprintf(&lines, "%s: %s\n", name, header[name])
		}
		f.Add(method, lines.String(), []byte(c.body))
	}
	who := modern("1", "tools/call", `"name":"who","arguments":{"region":"x","n":2}`).with("Mcp-Param-Region", "x", "Mcp-Param-N", "2.0")
	for _, c := range []call{
		who, who.as("wrong"), who.with("Mcp-Name", "=?base64?d2hv?="), who.with("Mcp-Param-Region", "y"), listen(),
		who.with("Accept", "text/*;q=0, */*"), who.with("Content-Type", "application/json; charset=latin1"),
		who.with("Origin", "https://page.example.com"), who.with("Origin", "null"), who.with("Host", "evil.example"),
		legacy(`"one"`, "tools/call", `{"name":"who","arguments":{"region":"x"},"_meta":{"progressToken":1}}`),
		legacy("1", "tools/call", `{"name":"forbidden"}`), legacy("1", "tools/call", `{"name":"tells"}`),
		legacy("1", "initialize", `{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}}}`),
		legacy("1", "resources/subscribe", `{"uri":"r://a"}`).with("Mcp-Session-Id", sessionHere),
		legacy("1", "logging/setLevel", `{"level":"debug"}`).with("Mcp-Session-Id", sessionHere),
		legacy("1", "ping", `{}`).with("Mcp-Session-Id", sessionHere, "Authorization", "Bearer bob"),
		legacy("1", "resources/read", `{"uri":"r://%41"}`), cancelled(`"one"`),
		{body: `{"jsonrpc":"2.0","id":"x","result":{}}`},
		{body: `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`},
		{body: `{"jsonrpc":"2.0","id":1,"meth`},
		{body: strings.Repeat(" ", fuzzedBody+1)},
		modernAs("2027-01-01"), modern("1", "no/such", ""), modern("1", "tools/list", `"cursor":"ZWNobw"`),
	} {
		add(http.MethodPost, c)
	}
	push := call{header: map[string]string{"Mcp-Session-Id": sessionHere, "Mcp-Protocol-Version": "2025-11-25"}}
	for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodOptions} {
		add(method, push)
		add(method, push.as("wrong"))
	}
	add(http.MethodOptions, push.with("Origin", "https://page.example.com", "Access-Control-Request-Method", "POST"))
	f.Fuzz(func(t *testing.T, method, header string, body []byte) {
		header = strings.ReplaceAll(header, sessionHere, target.session)
		head := method + " /mcp HTTP/1.1\n" + header + "\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		if err != nil {
			return // such a request reaches no handler
		}
		target.try(t, r, body)
	})
}

// fuzzedBody is how long bodies may be here: little, so that longer ones are found soon.
const fuzzedBody = 4 << 10

// fuzzed is the handler that is tried, on an engine that notes who comes to it unknown.
type fuzzed struct {
	handler  http.Handler
	session  string
	log      *kittest.Log
	intruded bool
}

func newFuzzed(f *testing.F) *fuzzed {
	f.Helper()
	target := &fuzzed{log: &kittest.Log{}}
	logger := telemetry.NewLogger(target.log, slog.LevelDebug, "test")
	known := func(ctx context.Context) string {
		name := callerOf(ctx)
		target.intruded = target.intruded || name == ""
		return name
	}
	answer := func(ctx context.Context, c *engine.ToolCall) (*engine.ToolResult, error) {
		return &engine.ToolResult{Text: known(ctx) + " " + string(c.Arguments)}, nil
	}
	who := tool("who", answer)
	who.Input = json.RawMessage(`{"type":"object","properties":{
		"region":{"type":"string","x-mcp-header":"Region"},"n":{"type":"integer","x-mcp-header":"N"}}}`)
	who.Visible = func(ctx context.Context) bool { return known(ctx) != "" }
	server, err := engine.New(engine.Config{
		Name: "test", Version: "1", Logger: logger, Caller: known, Logging: true,
		Tools: []engine.Tool{
			who,
			tool("forbidden", func(ctx context.Context, _ *engine.ToolCall) (*engine.ToolResult, error) {
				known(ctx)
				return nil, challenge(http.StatusForbidden)
			}),
			tool("tells", func(ctx context.Context, c *engine.ToolCall) (*engine.ToolResult, error) {
				c.Log("error", "line\r\n\r\ndata: {}")
				return answer(ctx, c)
			}),
		},
		Templates: []engine.Template{{
			URITemplate: "r://{id}", Name: "r",
			List: func(ctx context.Context, cursor string) ([]engine.Resource, string, error) {
				return []engine.Resource{{URI: "r://" + known(ctx), Name: cursor}}, "", nil
			},
			Read: func(ctx context.Context, on *engine.Reading) ([]engine.Contents, error) {
				return []engine.Contents{{URI: on.URI, Text: known(ctx) + on.Vars["id"]}}, nil
			},
		}},
		Subscribe: func(ctx context.Context, wish engine.Subscription) (engine.Subscription, <-chan engine.Notification, error) {
			known(ctx)
			events := make(chan engine.Notification, len(wish.URIs))
			for _, uri := range wish.URIs {
				events <- updated(uri)
			}
			return wish, events, nil
		},
		ListsChange: engine.ListChanges{Resources: true},
	})
	if err != nil {
		f.Fatal(err)
	}
	target.handler, err = httpfront.New(httpfront.Config{
		Engine: server, Authenticate: byToken, Hosts: []string{"example.com"}, Origins: []string{"https://page.example.com"},
		MaxBody: fuzzedBody, Sessions: true, SealKey: bytes.Repeat([]byte{1}, 32), Logger: logger,
	})
	if err != nil {
		f.Fatal(err)
	}
	begin := httptest.NewRequestWithContext(f.Context(), http.MethodPost, "/mcp",
		strings.NewReader(legacy("1", "initialize", `{"protocolVersion":"2025-11-25"}`).body))
	begin.Header = http.Header{"Authorization": {"Bearer alice"}, "Content-Type": {"application/json"}}
	recorded := httptest.NewRecorder()
	target.handler.ServeHTTP(recorded, begin)
	if target.session = recorded.Header().Get("Mcp-Session-Id"); target.session == "" {
		f.Fatalf("no session: %d %s", recorded.Code, recorded.Body)
	}
	return target
}

// try sends a request whose client leaves a stream when it has heard the first event.
func (target *fuzzed) try(t *testing.T, r *http.Request, body []byte) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	read := &watchedBody{Reader: bytes.NewReader(body)}
	r.Body = read
	w := &leaving{httptest.NewRecorder(), leave}
	target.intruded = false
	target.handler.ServeHTTP(w, r.WithContext(ctx))
	got := answer{w.Code, w.Header(), w.Body.String()}
	_, unknown := byToken(r)
	switch {
	case target.intruded:
		t.Errorf("somebody unknown reached the engine")
	case unknown != nil && (read.touched || got.status < 300 && r.Method != http.MethodOptions):
		t.Errorf("somebody unknown is answered %d %s, the body read: %t", got.status, got.body, read.touched)
	case target.log.String() != "":
		t.Errorf("a defect: %s", target.log)
	}
	var id json.RawMessage
	switch m, err := wire.Decode(body); e := err.(type) { //nolint:errorlint // Decode wraps nothing
	case nil:
		id = m.ID
	case *wire.Malformed:
		id = e.ID
	}
	if err := got.wellFormed(id); err != nil {
		t.Errorf("%v: %d %v %q", err, got.status, got.header, got.body)
	}
}

// watchedBody notes that somebody reads it.
type watchedBody struct {
	io.Reader
	touched bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.touched = true
	return b.Reader.Read(p)
}

func (b *watchedBody) Close() error { return nil }

// leaving is the connection of a client that leaves at the first sign of a stream.
type leaving struct {
	*httptest.ResponseRecorder
	leave func()
}

func (w *leaving) FlushError() error {
	w.Flush()
	w.leave()
	return nil
}

// wellFormed says what about an answer no client could understand. The id is that of the request, if it has one.
func (a answer) wellFormed(id json.RawMessage) error {
	known := []int{200, 202, 204, 400, 401, 403, 404, 405, 406, 413, 415}
	kind := a.header.Get("Content-Type")
	switch {
	case !slices.Contains(known, a.status):
		return fmt.Errorf("the status is none of %v", known)
	case a.header.Get("Cache-Control") != "no-store":
		return fmt.Errorf("it may be stored")
	case a.status == http.StatusUnauthorized && a.header.Get("WWW-Authenticate") == "":
		return fmt.Errorf("it does not say how to become known")
	case a.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "":
		return fmt.Errorf("it does not say which methods there are")
	case a.status == http.StatusAccepted || a.status == http.StatusNoContent:
		if a.body != "" || kind != "" {
			return fmt.Errorf("there is a body")
		}
		return nil
	case kind == "application/json":
		return isMessage(a.body, id, false)
	case kind == "text/event-stream" && a.status == http.StatusOK:
		return areEvents(a.body, id)
	}
	return fmt.Errorf("it is of no kind that MCP has")
}

// isMessage checks one message: an answer to a request, or, on a stream, a notification.
func isMessage(text string, id json.RawMessage, stream bool) error {
	var m struct {
		JSONRPC       string          `json:"jsonrpc"`
		ID            json.RawMessage `json:"id"`
		Method        string          `json:"method"`
		Params        map[string]any  `json:"params"`
		Result, Error json.RawMessage
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil || decoder.More() || strings.ContainsAny(text, "\r\n") {
		return fmt.Errorf("it is not one line of JSON-RPC: %w", err)
	}
	answers := (m.Result != nil) != (m.Error != nil) && m.Method == "" && m.Params == nil
	notifies := stream && m.Method != "" && m.ID == nil && m.Result == nil && m.Error == nil
	switch {
	case m.JSONRPC != "2.0" || !answers && !notifies:
		return fmt.Errorf("it is no message of JSON-RPC 2.0 that belongs here")
	case m.ID != nil && !bytes.Equal(m.ID, id) || m.ID == nil && m.Result != nil:
		return fmt.Errorf("it answers to %s, not to %s", m.ID, id)
	}
	return nil
}

// areEvents checks a stream of server-sent events (HTML standard, section 9.2): messages and comments.
func areEvents(stream string, id json.RawMessage) error {
	if stream == "" {
		return nil // to a request that was taken back
	}
	rest, ended := strings.CutSuffix(stream, "\n\n")
	if !ended {
		return fmt.Errorf("the last event has no end")
	}
	for one := range strings.SplitSeq(rest, "\n\n") {
		data, isEvent := strings.CutPrefix(one, "event: message\ndata: ")
		if !isEvent && (!strings.HasPrefix(one, ":") || strings.Contains(one, "\n")) {
			return fmt.Errorf("%q is no event", one)
		}
		if isEvent {
			if err := isMessage(data, id, true); err != nil {
				return err
			}
		}
	}
	return nil
}
