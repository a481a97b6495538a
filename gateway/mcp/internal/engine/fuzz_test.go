package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// FuzzDo holds what no request may break: it is answered, with one line of JSON or an error that is meant for callers,
// nothing panics, and what a tool gets satisfies its schema.
func FuzzDo(f *testing.F) {
	for _, seed := range [][2]string{
		{"tools/call", `{"name":"echo","arguments":{"okrID":"a","attainment":4e1},"_meta":{"progressToken":1}}`},
		{"tools/call", `{"name":"echo","arguments":{"okrID":"a","weight":1e400}}`},
		{"tools/call", `{"name":"delete","arguments":{"id":"a"},"inputResponses":{"confirm":{"action":"accept"}},"requestState":"AAAA"}`},
		{"tools/list", `{"cursor":"ZWNobw"}`},
		{"resources/read", `{"uri":"r://%41"}`},
		{"resources/list", `{"cursor":"cjovL3tpZH0KMQ"}`},
		{"prompts/get", `{"name":"p","arguments":{"x":"y"}}`},
		{"server/discover", `{}`},
		{"initialize", `{"protocolVersion":"2025-11-25"}`},
		{"completion/complete", `{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"x","value":""}}`},
	} {
		f.Add(seed[0], seed[1], true)
		f.Add(seed[0], seed[1], false)
	}
	var deleted []string
	cfg := echo(schema)
	call := cfg.Tools[0].Call
	cfg.Tools[0].Call = func(ctx context.Context, c *engine.ToolCall) (*engine.ToolResult, error) {
		var arguments struct {
			ID         *string  `json:"okrID"`
			Attainment *int     `json:"attainment"`
			Weight     *float64 `json:"weight"`
		}
		if err := json.Unmarshal(c.Arguments, &arguments); err != nil || arguments.ID == nil ||
			arguments.Attainment != nil && (*arguments.Attainment < 0 || *arguments.Attainment > 100) {
			return nil, fmt.Errorf("a tool got %s: %w", c.Arguments, err)
		}
		return call(ctx, c)
	}
	cfg.Tools = append(cfg.Tools, deleting(&deleted))
	cfg.Templates = []engine.Template{{
		URITemplate: "r://{id}", Name: "r",
		List: func(_ context.Context, cursor string) ([]engine.Resource, string, error) {
			return []engine.Resource{{URI: "r://" + cursor, Name: "r"}}, "", nil
		},
		Read: func(_ context.Context, on *engine.Reading) ([]engine.Contents, error) {
			return []engine.Contents{{URI: on.URI, Text: on.Vars["id"]}}, nil
		},
	}}
	cfg.Prompts = []engine.Prompt{{
		Name: "p", Arguments: []engine.PromptArgument{{Name: "x"}},
		Get: func(_ context.Context, c *engine.PromptCall) (*engine.PromptResult, error) {
			return &engine.PromptResult{Description: c.Arguments["x"]}, nil
		},
	}}
	e, log := start(f, cfg)
	f.Fuzz(func(t *testing.T, method, params string, modern bool) {
		object, err := wire.Parse([]byte(params))
		if err != nil {
			return // such parameters reach no engine
		}
		r := &engine.Request{Version: engine.V20251125, Method: method, Params: object, Peer: &peer{}}
		if modern {
			r.Version, r.Capabilities = engine.V20260728, wire.Object{{Name: "elicitation", Value: json.RawMessage("{}")}}
		}
		result, err := e.Do(t.Context(), r)
		var own *engine.Error
		switch {
		case errors.As(err, &own):
			if own.Code == engine.CodeInternal {
				t.Fatalf("%s %s: a defect: %s", method, params, log)
			}
		case err != nil:
			t.Fatal(err)
		case !json.Valid(result) || bytes.ContainsAny(result, "\n\r"):
			t.Fatalf("%s %s: %q", method, params, result)
		}
	})
}
