package httpfront_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/httpfront"
)

// begin initializes a session with capabilities, and answers its id.
func (s *server) begin(capabilities string) string {
	s.t.Helper()
	got := s.do(legacy("1", "initialize", `{"protocolVersion":"2025-11-25","capabilities":`+capabilities+`,"clientInfo":{"name":"c","version":"1"}}`))
	id := got.header.Get("Mcp-Session-Id")
	if got.status != http.StatusOK || id == "" {
		s.t.Fatalf("%d %v %s", got.status, got.header, got.body)
	}
	return id
}

// stream opens the stream of a session.
func (s *server) stream(ctx context.Context, id string) *http.Response {
	s.t.Helper()
	return s.send(ctx, call{method: http.MethodGet, header: map[string]string{
		"Accept": "text/event-stream", "Content-Type": "", "Mcp-Session-Id": id, "Mcp-Protocol-Version": "2025-11-25",
	}})
}

func TestASessionHearsOnItsStreamOfWhatItSubscribedTo(t *testing.T) {
	n := newNews()
	s := serve(t, n.config(), httpfront.Config{Authenticate: byToken, Sessions: true})
	id := s.begin("{}")
	ask := func(method, uri string) answer {
		return s.do(legacy("2", method, `{"uri":"`+uri+`"}`).with("Mcp-Session-Id", id))
	}
	response := s.stream(t.Context(), id)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", response.StatusCode, response.Header)
	}
	stream := events(t, response.Body)
	if wish := <-n.opened; len(wish.URIs) != 0 || !wish.Resources || wish.Tools {
		t.Errorf("at first it wants %+v", wish)
	}
	if got := ask("resources/subscribe", "r://a"); got.status != 200 || got.code(t) != 0 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := ask("resources/subscribe", "hidden:b"); got.code(t) != -32002 {
		t.Errorf("a hidden resource: %s", got.body)
	}
	for wish := range n.opened { // one to ask, and the stream's own
		if len(wish.URIs) == 1 && wish.Resources {
			break
		}
	}
	n.tell(updated("r://a"))
	if m := next(t, stream); m.Method != "notifications/resources/updated" || m.Params["uri"] != "r://a" || m.Params["_meta"] != nil {
		t.Errorf("it hears %+v", m)
	}
	if got := ask("resources/unsubscribe", "r://a"); got.status != 200 || got.code(t) != 0 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for wish := range n.opened {
		if len(wish.URIs) == 0 && wish.Resources {
			break
		}
	}
	n.tell(updated("r://a"), engine.Notification{Kind: engine.ResourcesChanged})
	for m := next(t, stream); m.Method != "notifications/resources/list_changed"; m = next(t, stream) {
		if m.Params["uri"] != "r://a" { // heard while the old subscription had not ended yet
			t.Errorf("it hears %+v", m)
		}
	}
	// A message goes to one stream alone: another takes its place.
	second := s.stream(t.Context(), id)
	defer second.Body.Close()
	for range stream { // the first ends
	}
	other := events(t, second.Body)
	for wish := range n.opened {
		if wish.Resources {
			break
		}
	}
	n.tell(engine.Notification{Kind: engine.ResourcesChanged})
	if m := next(t, other); m.Method != "notifications/resources/list_changed" {
		t.Errorf("the second hears %+v", m)
	}
	second.Body.Close()
	for range other {
	}
}

func TestASessionIsItsCallersAndThisServersAlone(t *testing.T) {
	n := newNews()
	s := serve(t, n.config(), httpfront.Config{Authenticate: byToken, Sessions: true})
	another := serve(t, n.config(), httpfront.Config{Authenticate: byToken, Sessions: true})
	id := s.begin("{}")
	get := call{method: http.MethodGet, header: map[string]string{"Accept": "text/event-stream", "Content-Type": ""}}
	ping := legacy("1", "ping", "{}")
	for name, c := range map[string]struct {
		call   call
		status int
		code   int
	}{
		"its caller":                         {ping.with("Mcp-Session-Id", id), 200, 0},
		"another caller":                     {ping.with("Mcp-Session-Id", id).as("mallory"), 404, -32600},
		"another's stream":                   {get.with("Mcp-Session-Id", id).as("mallory"), 404, -32600},
		"another server's":                   {ping.with("Mcp-Session-Id", another.begin("{}")), 404, -32600},
		"a session that never was":           {ping.with("Mcp-Session-Id", "never"), 404, -32600},
		"a session that is shortened":        {ping.with("Mcp-Session-Id", id[:len(id)-1]), 404, -32600},
		"none":                               {ping, 200, 0},
		"a stream of none":                   {get, 400, -32600},
		"a stream that takes no events":      {get.with("Mcp-Session-Id", id, "Accept", "application/json"), 406, -32600},
		"a subscription of none":             {legacy("1", "resources/subscribe", `{"uri":"r://a"}`), 200, -32600},
		"a subscription to nothing":          {legacy("1", "resources/subscribe", `{}`).with("Mcp-Session-Id", id), 200, -32602},
		"the end of it":                      {call{method: http.MethodDelete, header: map[string]string{"Mcp-Session-Id": id}}, 405, -32600},
		"its revision, if there is no other": {ping.with("Mcp-Session-Id", id, "Mcp-Protocol-Version", ""), 200, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := s.do(c.call); got.status != c.status || got.code(t) != c.code {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}

// form is a tool that asks a person for a name.
func form() engine.Config {
	return engine.Config{Tools: []engine.Tool{tool("form", func(ctx context.Context, c *engine.ToolCall) (*engine.ToolResult, error) {
		if !c.CanElicit() {
			return engine.Failure("nobody can be asked"), nil
		}
		a, err := c.Elicit(ctx, "name", engine.Form{Message: "Your name?"})
		if err != nil {
			return nil, err
		}
		return &engine.ToolResult{Text: a.Action + " " + string(a.Content)}, nil
	})}}
}

func TestAnOlderClientIsAskedOnTheStreamOfItsCall(t *testing.T) {
	s := serve(t, form(), httpfront.Config{Authenticate: byToken, Sessions: true, AskLegacyClients: true})
	id := s.begin(`{"elicitation":{}}`)
	respond := func(to json.RawMessage, body string) call {
		return call{body: `{"jsonrpc":"2.0","id":` + string(to) + `,` + body + `}`}.with("Mcp-Protocol-Version", "2025-11-25", "Mcp-Session-Id", id)
	}
	for name, test := range map[string]struct{ answer, want string }{
		"accepted": {`"result":{"action":"accept","content":{"name":"Ada"}}`, `accept {"name":"Ada"}`},
		"declined": {`"result":{"action":"decline"}`, `decline `},
		"an error": {`"error":{"code":-1,"message":"no screen"}`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			response := s.send(t.Context(), legacy("5", "tools/call", `{"name":"form"}`).with("Mcp-Session-Id", id))
			defer response.Body.Close()
			stream := events(t, response.Body)
			question := next(t, stream)
			if question.Method != "elicitation/create" || question.Params["message"] != "Your name?" || len(question.ID) < 20 {
				t.Fatalf("it is asked %+v", question)
			}
			if got := s.do(respond(question.ID, test.answer).with("Mcp-Session-Id", "").as("mallory")); got.status != http.StatusBadRequest {
				t.Errorf("another's answer: %d %s", got.status, got.body)
			}
			if got := s.do(respond(question.ID, test.answer)); got.status != http.StatusAccepted || got.body != "" {
				t.Errorf("the answer: %d %s", got.status, got.body)
			}
			if m := next(t, stream); m.text() != test.want || (m.Error != nil) != (name == "an error") || string(m.ID) != "5" {
				t.Errorf("the call ends with %+v", m)
			}
			if got := s.do(respond(question.ID, test.answer)); got.status != http.StatusBadRequest {
				t.Errorf("the answer once more: %d %s", got.status, got.body)
			}
			for range stream {
			}
		})
	}
	for name, c := range map[string]call{
		"a client that did not say that it can": legacy("5", "tools/call", `{"name":"form"}`).with("Mcp-Session-Id", s.begin(`{}`)),
		"a client without a session":            legacy("5", "tools/call", `{"name":"form"}`),
	} {
		if got := s.do(c).message(t); got.text() != "nobody can be asked" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestACallThatTakesLongBecomesAStreamThatIsKeptOpen(t *testing.T) {
	for name, c := range map[string]call{
		"2025-11-25": legacy("5", "tools/call", `{"name":"wait"}`), "2026-07-28": modern("5", "tools/call", `"name":"wait"`),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWaiting()
			s := serve(t, w.config(), httpfront.Config{Authenticate: byToken, KeepAlive: time.Millisecond})
			go func() { <-w.entered }()
			response := s.send(t.Context(), c)
			defer response.Body.Close()
			if response.Header.Get("Content-Type") != "text/event-stream" || response.Header.Get("Content-Length") != "" {
				t.Fatalf("%v", response.Header)
			}
			lines := bufio.NewScanner(response.Body)
			for range 3 {
				if !lines.Scan() || lines.Text() != ": still here" {
					t.Fatalf("%q, %v", lines.Text(), lines.Err())
				}
				lines.Scan() // an empty line
			}
			close(w.release)
			last := ""
			for lines.Scan() {
				if text := lines.Text(); text != "" {
					last = text
				}
			}
			var m message
			if err := json.Unmarshal([]byte(last[len("data: "):]), &m); err != nil || m.text() != "released" || string(m.ID) != "5" {
				t.Errorf("it ends with %q", last)
			}
		})
	}
}

func TestARefusalInMidCallIsAnAnswerOfHTTPAsLongAsThereWasNoOther(t *testing.T) {
	offered := engine.Config{Tools: []engine.Tool{
		tool("refuse", func(_ context.Context, c *engine.ToolCall) (*engine.ToolResult, error) {
			c.Progress(1, 2, "begun") // heard by who asked for it alone
			return nil, challenge(http.StatusForbidden)
		}),
	}}
	s := serve(t, offered, httpfront.Config{Authenticate: byToken})
	for name, calls := range map[string][2]call{
		"2025-11-25": {
			legacy("5", "tools/call", `{"name":"refuse"}`), legacy("5", "tools/call", `{"name":"refuse","_meta":{"progressToken":1}}`),
		},
		"2026-07-28": {
			modern("5", "tools/call", `"name":"refuse"`),
			{
				body: `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"refuse","_meta":{"progressToken":1,` +
					`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`,
				header: modern("5", "tools/call", `"name":"refuse"`).header,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.do(calls[0])
			if m := got.message(t); got.status != http.StatusForbidden || got.header.Get("WWW-Authenticate") == "" || m.Error == nil || string(m.ID) != "5" {
				t.Errorf("%d %v %s", got.status, got.header, got.body)
			}
			response := s.send(t.Context(), calls[1])
			defer response.Body.Close()
			stream := events(t, response.Body)
			if m := next(t, stream); m.Method != "notifications/progress" || response.StatusCode != http.StatusOK {
				t.Errorf("%d %+v", response.StatusCode, m)
			}
			if m := next(t, stream); m.Error == nil || m.Error.Message != "refused: Forbidden" || string(m.ID) != "5" {
				t.Errorf("it ends with %+v", m)
			}
			for range stream {
			}
		})
	}
}
