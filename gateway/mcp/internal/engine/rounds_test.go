package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// deleting is a tool that asks before it deletes, and deletes only what was shown.
func deleting(deleted *[]string) engine.Tool {
	return engine.Tool{
		Name: "delete", Description: "A tool.",
		Input: json.RawMessage(`{"type":"object","properties":{"id":{"type":"string"},"force":{"type":"boolean"}},"required":["id"]}`),
		Call: func(ctx context.Context, call *engine.ToolCall) (*engine.ToolResult, error) {
			var arguments struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(call.Arguments, &arguments); err != nil {
				return nil, err
			}
			shown := string(call.Kept())
			call.Keep([]byte("etag-1"))
			answer, err := call.Elicit(ctx, "confirm", engine.Form{Message: "Delete " + arguments.ID + "?"})
			switch {
			case err != nil:
				return nil, err
			case answer.Action != "accept":
				return engine.Failure("Not deleted: the user said " + answer.Action + "."), nil
			}
			*deleted = append(*deleted, arguments.ID)
			return &engine.ToolResult{Text: "deleted what was " + shown}, nil
		},
	}
}

// caller says who calls, in tests.
type caller struct{}

func callerOf(ctx context.Context) string { return fmt.Sprint(ctx.Value(caller{})) }

func TestAQuestionEndsARoundAndItsAnswerTheRequest(t *testing.T) {
	var deleted []string
	e, _ := start(t, engine.Config{Tools: []engine.Tool{deleting(&deleted)}})
	first := do(t, e, engine.V20260728, "tools/call", `{"name":"delete","arguments":{"id":"okr_1"}}`)
	asked := first["inputRequests"].(map[string]any)["confirm"].(map[string]any)
	params, err := json.Marshal(asked["params"])
	if err != nil || first["resultType"] != "input_required" || asked["method"] != "elicitation/create" ||
		string(params) != `{"message":"Delete okr_1?","requestedSchema":{"properties":{},"type":"object"}}` {
		t.Fatalf("%v", first)
	}
	if first["content"] != nil || deleted != nil {
		t.Fatalf("not asked first: %v", deleted)
	}
	state := first["requestState"].(string)
	retry := func(arguments, action string) string {
		return `{"name":"delete","arguments":` + arguments + `,"requestState":"` + state +
			`","inputResponses":{"confirm":{"action":"` + action + `"},"unknown":{"a":1}}}`
	}
	declined := do(t, e, engine.V20260728, "tools/call", retry(`{"id":"okr_1"}`, "decline"))
	if declined["isError"] != true || deleted != nil {
		t.Fatalf("%v, %v", declined, deleted)
	}
	// The parameters are the same, written in another way.
	second := do(t, e, engine.V20260728, "tools/call", retry(`{ "id" : "okr\u005f1" }`, "accept"))
	if textOf(t, second) != "deleted what was etag-1" || second["resultType"] != "complete" || !slices.Equal(deleted, []string{"okr_1"}) {
		t.Errorf("%v, %v", second, deleted)
	}
}

func TestAStateIsOfNoUseToOthersOrForOtherRequests(t *testing.T) {
	var deleted []string
	key := bytes.Repeat([]byte{7}, 32)
	cfg := engine.Config{Tools: []engine.Tool{deleting(&deleted)}, Caller: callerOf, SealKey: key}
	other := cfg.Tools[0]
	other.Name = "other"
	cfg.Tools = append(cfg.Tools, other)
	e, _ := start(t, cfg)
	alice, mallory := context.WithValue(t.Context(), caller{}, "alice"), context.WithValue(t.Context(), caller{}, "mallory")
	raw, err := e.Do(alice, request(t, engine.V20260728, "tools/call", `{"name":"delete","arguments":{"id":"okr_1"}}`))
	if err != nil {
		t.Fatal(err)
	}
	state := decode(t, raw)["requestState"].(string)
	call := func(name, id, state string) string {
		return fmt.Sprintf(`{"name":%q,"arguments":{"id":%q},"requestState":%q,"inputResponses":{"confirm":{"action":"accept"}}}`, name, id, state)
	}
	for name, c := range map[string]struct {
		as     context.Context
		params string
	}{
		"another caller":    {mallory, call("delete", "okr_1", state)},
		"another argument":  {alice, call("delete", "okr_2", state)},
		"another tool":      {alice, call("other", "okr_1", state)},
		"a changed state":   {alice, call("delete", "okr_1", state+"A")},
		"an invented state": {alice, call("delete", "okr_1", "AAAA")},
		"an empty state":    {alice, call("delete", "okr_1", "")},
		"a state of null":   {alice, strings.Replace(call("delete", "okr_1", ""), `"requestState":""`, `"requestState":null`, 1)},
	} {
		raw, err := e.Do(c.as, request(t, engine.V20260728, "tools/call", c.params))
		var own *engine.Error
		if !errors.As(err, &own) || own.Code != engine.CodeInvalidParams || deleted != nil {
			t.Errorf("%s: %s, %v", name, raw, err)
		}
	}
	// Another replica, with the same key, goes on where the first stopped.
	replica, _ := start(t, cfg)
	if _, err := replica.Do(alice, request(t, engine.V20260728, "tools/call", call("delete", "okr_1", state))); err != nil || len(deleted) != 1 {
		t.Errorf("%v, %v", err, deleted)
	}
}

func TestAStateExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var deleted []string
		e, _ := start(t, engine.Config{Tools: []engine.Tool{deleting(&deleted)}})
		first := do(t, e, engine.V20260728, "tools/call", `{"name":"delete","arguments":{"id":"a"}}`)
		params := fmt.Sprintf(`{"name":"delete","arguments":{"id":"a"},"requestState":%q,"inputResponses":{"confirm":{"action":"accept"}}}`, first["requestState"])
		time.Sleep(15*time.Minute - time.Second)
		do(t, e, engine.V20260728, "tools/call", params)
		time.Sleep(2 * time.Second)
		if got := refused(t, e, engine.V20260728, "tools/call", params); got.Code != engine.CodeInvalidParams || len(deleted) != 1 {
			t.Errorf("%v, %v", got, deleted)
		}
	})
}

func TestAnswersOfEarlierRoundsAreRemembered(t *testing.T) {
	ask := func(key string) engine.Question {
		return engine.Form{Message: key}.Question(key)
	}
	e, _ := start(t, engine.Config{Tools: []engine.Tool{tool("a", func(ctx context.Context, call *engine.ToolCall) (*engine.ToolResult, error) {
		one, err := call.Ask(ctx, ask("1"), ask("2"))
		if err != nil {
			return nil, err
		}
		two, err := call.Ask(ctx, ask("3"))
		if err != nil {
			return nil, err
		}
		return &engine.ToolResult{Text: fmt.Sprintf("%s %s", one, two)}, nil
	})}})
	state := ""
	for _, round := range []struct{ answers, want string }{
		{``, `1 2`},
		{`"2":{"action":"accept","n":2}`, `1`}, // what is missing is asked for again
		{`"1":{"action":"accept","n":1}`, `3`},
		{`"3":{"action":"accept","n":3}`, ``},
	} {
		params := `{"name":"a"`
		if state != "" {
			params += `,"requestState":"` + state + `","inputResponses":{` + round.answers + `}`
		}
		result := do(t, e, engine.V20260728, "tools/call", params+"}")
		if round.want == "" {
			if got := textOf(t, result); got != `[{"action":"accept","n":1} {"action":"accept","n":2}] [{"action":"accept","n":3}]` {
				t.Errorf("%s", got)
			}
			return
		}
		var asked []string
		for key := range result["inputRequests"].(map[string]any) {
			asked = append(asked, key)
		}
		slices.Sort(asked)
		if got := strings.Join(asked, " "); got != round.want {
			t.Fatalf("asked for %s, not %s", got, round.want)
		}
		state = result["requestState"].(string)
	}
}

func TestPromptsAndResourcesCanAskToo(t *testing.T) {
	form := engine.Form{Message: "Which?", Schema: json.RawMessage(`{"type":"object","properties":{"a":{"type":"string"}}}`)}
	e, _ := start(t, engine.Config{
		Resources: []engine.StaticResource{{
			Resource: engine.Resource{URI: "r://a", Name: "a"},
			Read: func(ctx context.Context, on *engine.Reading) ([]engine.Contents, error) {
				answer, err := on.Elicit(ctx, "k", form)
				if err != nil {
					return nil, fmt.Errorf("reading: %w", err)
				}
				return []engine.Contents{{URI: on.URI, Text: string(answer.Content)}}, nil
			},
		}},
		Prompts: []engine.Prompt{{
			Name: "p",
			Get: func(ctx context.Context, call *engine.PromptCall) (*engine.PromptResult, error) {
				answer, err := call.Elicit(ctx, "k", form)
				if err != nil {
					return nil, err
				}
				return &engine.PromptResult{Description: string(answer.Content)}, nil
			},
		}},
	})
	for method, salient := range map[string]string{"resources/read": `"uri":"r://a"`, "prompts/get": `"name":"p"`} {
		first := do(t, e, engine.V20260728, method, `{`+salient+`}`)
		if first["resultType"] != "input_required" {
			t.Fatalf("%s: %v", method, first)
		}
		raw, err := e.Do(t.Context(), request(t, engine.V20260728, method, fmt.Sprintf(
			`{%s,"requestState":%q,"inputResponses":{"k":{"action":"accept","content":{"a":"b"}}}}`, salient, first["requestState"])))
		if err != nil || !strings.Contains(string(raw), `{\"a\":\"b\"}`) {
			t.Errorf("%s: %s, %v", method, raw, err)
		}
	}
}

func TestAnswersThatAreNoneAreRefused(t *testing.T) {
	var deleted []string
	e, _ := start(t, engine.Config{Tools: []engine.Tool{deleting(&deleted)}})
	for _, responses := range []string{
		`null`, `[]`, `"accept"`, `{"confirm":12345}`, `{"confirm":null}`, `{"confirm":{}}`, `{"confirm":{"action":"maybe"}}`, `{"confirm":{"action":1}}`,
	} {
		got := refused(t, e, engine.V20260728, "tools/call", `{"name":"delete","arguments":{"id":"a"},"inputResponses":`+responses+`}`)
		if got.Code != engine.CodeInvalidParams || deleted != nil {
			t.Errorf("%s: %v", responses, got)
		}
	}
	long := strings.Repeat("x", 70<<10)
	got := refused(t, e, engine.V20260728, "tools/call", `{"name":"delete","arguments":{"id":"a"},"inputResponses":{"other":{"a":"`+long+`"}}}`)
	if !strings.Contains(got.Message, "too long") {
		t.Errorf("%v", got)
	}
}

func TestNobodyIsAskedWhoDidNotSayThatHeCanBe(t *testing.T) {
	var deleted []string
	asks := tool("asks", func(ctx context.Context, call *engine.ToolCall) (*engine.ToolResult, error) {
		if call.CanElicit() {
			return &engine.ToolResult{Text: "can"}, nil
		}
		_, err := call.Elicit(ctx, "k", engine.Form{})
		return nil, err
	})
	e, _ := start(t, engine.Config{Tools: []engine.Tool{deleting(&deleted), asks}})
	for declared, can := range map[string]bool{
		`{"elicitation":{}}`: true, `{"elicitation":{"form":{}}}`: true, `{"elicitation":{"form":{},"url":{}}}`: true,
		`{"elicitation":{"url":{}}}`: false, `{}`: false, `{"elicitation":null}`: false, `{"elicitation":true}`: false, `{"sampling":{}}`: false,
	} {
		capabilities, err := wire.Parse([]byte(declared))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range eras {
			r := request(t, v, "tools/call", `{"name":"asks"}`)
			r.Capabilities, r.Peer = capabilities, &peer{asks: true}
			raw, err := e.Do(t.Context(), r)
			if can != strings.Contains(string(raw), `"can"`) {
				t.Errorf("%s %s: %s, %v", v, declared, raw, err)
			}
			var own *engine.Error
			if can || errors.As(err, &own) && own.Code == map[engine.Version]int{
				engine.V20251125: engine.CodeInvalidRequest, engine.V20260728: engine.CodeMissingCapability,
			}[v] {
				continue
			}
			t.Errorf("%s %s: %v", v, declared, err)
		}
	}
	if got := refusedFor(t, e, engine.V20260728); got != `{"requiredCapabilities":{"elicitation":{}}}` {
		t.Errorf("%s", got)
	}
	// An older client whose answers cannot come back is not asked either.
	r := request(t, engine.V20251125, "tools/call", `{"name":"asks"}`)
	for _, r.Peer = range []engine.Peer{nil, &peer{}} {
		if raw, err := e.Do(t.Context(), r); err == nil {
			t.Errorf("%s", raw)
		}
	}
}

func refusedFor(t *testing.T, e *engine.Engine, v engine.Version) string {
	t.Helper()
	r := request(t, v, "tools/call", `{"name":"asks"}`)
	r.Capabilities = nil
	_, err := e.Do(t.Context(), r)
	var own *engine.Error
	if !errors.As(err, &own) {
		t.Fatal(err)
	}
	data, err := json.Marshal(own.Data)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// peer is a client that notes what it hears, and answers every question in the same way.
type peer struct {
	asks   bool
	answer string

	mu    sync.Mutex
	heard []string
}

func (p *peer) note(method string, params any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text, err := json.Marshal(params)
	p.heard = append(p.heard, method+" "+string(text)+fmt.Sprint(err))
}

func (p *peer) Notify(method string, params any) { p.note(method, params) }

func (p *peer) Asks() bool { return p.asks }

func (p *peer) Ask(_ context.Context, method string, params any) (json.RawMessage, error) {
	p.note(method, params)
	if p.answer == "" {
		return nil, &engine.Error{Code: engine.CodeInvalidRequest, Message: "no"}
	}
	return json.RawMessage(p.answer), nil
}

func TestAnOlderClientIsAskedWhileItsRequestRuns(t *testing.T) {
	var deleted []string
	e, _ := start(t, engine.Config{Tools: []engine.Tool{deleting(&deleted)}})
	call := func(answer string) (json.RawMessage, []string, error) {
		p := &peer{asks: true, answer: answer}
		r := request(t, engine.V20251125, "tools/call", `{"name":"delete","arguments":{"id":"a"}}`)
		r.Peer = p
		raw, err := e.Do(t.Context(), r)
		return raw, p.heard, err
	}
	raw, heard, err := call(`{"action":"accept","content":{}}`)
	if err != nil || !strings.Contains(string(raw), "deleted") || len(deleted) != 1 || len(heard) != 1 || !strings.HasPrefix(heard[0], "elicitation/create ") {
		t.Errorf("%s, %v, %q", raw, err, heard)
	}
	if raw, _, err := call(`{"action":"nonsense"}`); err == nil || len(deleted) != 1 {
		t.Errorf("%s", raw)
	}
	if raw, _, err := call(``); err == nil || len(deleted) != 1 {
		t.Errorf("%s", raw)
	}
}

func TestProgressIsToldToWhoAskedForItAndGrows(t *testing.T) {
	e, _ := start(t, engine.Config{Logging: true, Tools: []engine.Tool{tool("a", func(_ context.Context, call *engine.ToolCall) (*engine.ToolResult, error) {
		call.Progress(0, 2, "")
		call.Progress(0, 2, "again")
		call.Progress(1.5, 0, "half")
		call.Progress(1, 2, "back")
		call.Log("info", "hello")
		call.Log("error", map[string]int{"a": 1})
		call.Log("nonsense", "never")
		return &engine.ToolResult{}, nil
	})}})
	for name, c := range map[string]struct {
		meta, level string
		want        []string
	}{
		"a token":           {`"progressToken":"t"`, "", []string{`notifications/progress {"progressToken":"t","progress":0,"total":2}`, `notifications/progress {"progressToken":"t","progress":1.5,"message":"half"}`}},
		"a number":          {`"progressToken":7`, "error", []string{`notifications/progress {"progressToken":7,"progress":0,"total":2}`, `notifications/progress {"progressToken":7,"progress":1.5,"message":"half"}`, `notifications/message {"level":"error","data":{"a":1}}`}},
		"logs":              {``, "debug", []string{`notifications/message {"level":"info","data":"hello"}`, `notifications/message {"level":"error","data":{"a":1}}`}},
		"nothing":           {``, "", nil},
		"null":              {`"progressToken":null`, "", nil},
		"an object":         {`"progressToken":{}`, "", nil},
		"a token too long":  {`"progressToken":"` + strings.Repeat("t", 300) + `"`, "", nil},
		"a level of no use": {``, "emergency", nil},
	} {
		p := &peer{}
		r := request(t, engine.V20260728, "tools/call", `{"name":"a","_meta":{`+c.meta+`}}`)
		r.Peer, r.LogLevel = p, c.level
		if _, err := e.Do(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		for i := range p.heard {
			p.heard[i] = strings.TrimSuffix(p.heard[i], "<nil>")
		}
		if !slices.Equal(p.heard, c.want) {
			t.Errorf("%s: %q", name, p.heard)
		}
	}
	// Nobody is there to hear it.
	do(t, e, engine.V20260728, "tools/call", `{"name":"a","_meta":{"progressToken":1}}`)
}
