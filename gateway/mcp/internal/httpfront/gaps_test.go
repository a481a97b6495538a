package httpfront_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/httpfront"
)

// The library has one catalogue for everybody, and tells of its changes whoever is connected.
func TestGap19WhatIsListedAndToldIsTheCallersOwn(t *testing.T) {
	n := newNews()
	offered := n.config()
	hidden := tool("alices", func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) { return engine.Failure("no"), nil })
	hidden.Visible = func(ctx context.Context) bool { return callerOf(ctx) == "alice" }
	offered.Tools = append(offered.Tools, hidden)
	offered.Templates = []engine.Template{{
		URITemplate: "r://{id}", Name: "r",
		List: func(ctx context.Context, _ string) ([]engine.Resource, string, error) {
			return []engine.Resource{{URI: "r://of-" + callerOf(ctx), Name: "r"}}, "", nil
		},
		Read: func(context.Context, *engine.Reading) ([]engine.Contents, error) { return nil, engine.ErrNotFound },
	}}
	s := serve(t, offered, httpfront.Config{Authenticate: byToken})
	names := func(list any, field string) (all []string) {
		for _, one := range list.([]any) { //nolint:forcetypeassert // a list, or the test fails
			all = append(all, fmt.Sprint(one.(map[string]any)[field])) //nolint:forcetypeassert // the same
		}
		return all
	}
	var streams []<-chan message
	for caller, want := range map[string]string{"alice": "[who alices] [r://of-alice]", "bob": "[who] [r://of-bob]"} {
		tools := s.do(modern("1", "tools/list", "").as(caller)).message(t).Result["tools"]
		resources := s.do(modern("1", "resources/list", "").as(caller)).message(t).Result["resources"]
		if got := fmt.Sprint(names(tools, "name"), names(resources, "uri")); got != want {
			t.Errorf("%s sees %s, not %s", caller, got, want)
		}
		response := s.send(t.Context(), listen().as(caller))
		defer response.Body.Close()
		stream := events(t, response.Body)
		next(t, stream)
		streams = append(streams, stream)
	}
	n.tell(engine.Notification{Kind: engine.ResourcesChanged})
	for _, stream := range streams {
		if m := next(t, stream); m.Method != "notifications/resources/list_changed" {
			t.Errorf("a subscriber hears %+v", m)
		}
	}
}

// The library's own HTTP transport ends the process when it has to answer with an error, and waits for ever for the answer
// to a notification.
func TestGap20NoMessageEndsTheServerOrHoldsItsSender(t *testing.T) {
	s := serve(t, whoAmI(), httpfront.Config{Authenticate: byToken})
	for body, status := range map[string]int{
		`{"method":"x"}`:                                 http.StatusBadRequest,
		`{"jsonrpc":"2.0","method":"x"}`:                 http.StatusAccepted,
		`{"jsonrpc":"2.0","id":1,"method":"x"}`:          http.StatusOK,
		`{"jsonrpc":"2.0","id":"1","method":"x"}`:        http.StatusOK,
		`{"jsonrpc":"2.0","id":null,"method":"x"}`:       http.StatusBadRequest,
		`{"jsonrpc":"2.0","id":1,"result":null}`:         http.StatusBadRequest,
		`{"jsonrpc":"2.0","id":1,"error":null}`:          http.StatusBadRequest,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call"}`: http.StatusOK,
		`null`: http.StatusBadRequest,
		``:     http.StatusBadRequest,
	} {
		if got := s.do(call{body: body}); got.status != status {
			t.Errorf("%s: %d %s, not %d", body, got.status, got.body, status)
		}
	}
	if got := s.do(legacy("1", "tools/call", `{"name":"who"}`)).message(t); got.text() != "alice {}" {
		t.Errorf("afterwards it answers %+v", got)
	}
}
