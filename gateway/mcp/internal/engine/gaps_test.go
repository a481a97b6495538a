package engine_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	mcp "github.com/metoro-io/mcp-golang"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/bridge"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
)

// What mcp-golang v0.16.1 lacks, or does wrong, is numbered here. Each test fails when its repair is taken out. Those of
// the gaps 3, 17, 19 and 20, which are about the transport, are in httpfront.

func TestGap01TheRevisionIsTheOneThatWasAgreedOn(t *testing.T) {
	e, _ := start(t, engine.Config{Title: "OKRs", Instructions: "Be brief.", Tools: []engine.Tool{says("a", "")}})
	for asked, want := range map[string]engine.Version{
		"2025-06-18": engine.V20250618, "2025-11-25": engine.V20251125, "2024-11-05": engine.V20251125, "2030-01-01": engine.V20251125,
	} {
		got := do(t, e, engine.Legacy(asked), "initialize", `{"protocolVersion":"`+asked+`","capabilities":{},"clientInfo":{}}`)
		info := got["serverInfo"].(map[string]any)
		if got["protocolVersion"] != string(want) || got["instructions"] != "Be brief." || info["name"] != "test" || info["title"] != "OKRs" {
			t.Errorf("%s: %v", asked, got)
		}
	}
}

func TestGap02WhatTheServerCanDoIsAnnouncedAsItIs(t *testing.T) {
	read := func(context.Context, *engine.Reading) ([]engine.Contents, error) { return nil, engine.ErrNotFound }
	cfg := engine.Config{
		Tools: []engine.Tool{says("a", "")},
		Templates: []engine.Template{{
			URITemplate: "r://{id}", Name: "r", Read: read,
			Complete: func(context.Context, string, string) ([]string, bool, error) { return nil, false, nil },
		}},
	}
	quiet, _ := start(t, cfg)
	cfg.Subscribe = func(_ context.Context, wish engine.Subscription) (engine.Subscription, <-chan engine.Notification, error) {
		return wish, nil, nil
	}
	cfg.ListsChange, cfg.Logging = engine.ListChanges{Resources: true}, true
	loud, _ := start(t, cfg)
	for name, c := range map[string]struct {
		engine *engine.Engine
		pushes bool
		want   string
	}{
		"nothing to hear of":    {quiet, true, `{"completions":{},"resources":{"listChanged":false,"subscribe":false},"tools":{"listChanged":false}}`},
		"no way to hear of it":  {loud, false, `{"completions":{},"logging":{},"resources":{"listChanged":false,"subscribe":false},"tools":{"listChanged":false}}`},
		"everything there is":   {loud, true, `{"completions":{},"logging":{},"resources":{"listChanged":true,"subscribe":true},"tools":{"listChanged":false}}`},
		"2026-07-28 has a way":  {loud, false, `{"completions":{},"logging":{},"resources":{"listChanged":true,"subscribe":true},"tools":{"listChanged":false}}`},
		"2026-07-28 is as mute": {quiet, false, `{"completions":{},"resources":{"listChanged":false,"subscribe":false},"tools":{"listChanged":false}}`},
	} {
		r := request(t, engine.V20251125, "initialize", `{"protocolVersion":"2025-11-25"}`)
		if strings.HasPrefix(name, "2026") {
			r = request(t, engine.V20260728, "server/discover", "")
		}
		r.Pushes = c.pushes
		raw, err := c.engine.Do(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(decode(t, raw)["capabilities"])
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestGap04WhatIsUnknownIsAnErrorAndNotNull(t *testing.T) {
	e, _ := start(t, engine.Config{
		Tools:     []engine.Tool{says("a", "")},
		Resources: []engine.StaticResource{{Resource: engine.Resource{URI: "r://a", Name: "a"}, Read: absent}},
		Prompts:   []engine.Prompt{{Name: "a", Get: func(context.Context, *engine.PromptCall) (*engine.PromptResult, error) { return nil, nil }}},
	})
	for _, v := range eras {
		for method, params := range map[string]string{
			"tools/call": `{"name":"b"}`, "prompts/get": `{"name":"b"}`,
		} {
			if got := refused(t, e, v, method, params); got.Code != engine.CodeInvalidParams || !strings.Contains(got.Message, `"b"`) {
				t.Errorf("%s %s: %v", v, method, got)
			}
		}
		for _, uri := range []string{"r://b", "r://a"} { // unknown, and known but absent
			code := map[engine.Version]int{engine.V20251125: -32002, engine.V20260728: -32602}[v]
			got := refused(t, e, v, "resources/read", `{"uri":"`+uri+`"}`)
			if got.Code != code || fmt.Sprint(got.Data) != "map[uri:"+uri+"]" {
				t.Errorf("%s %s: %d %v", v, uri, got.Code, got.Data)
			}
		}
	}
}

func absent(context.Context, *engine.Reading) ([]engine.Contents, error) {
	return nil, fmt.Errorf("looking: %w", engine.ErrNotFound)
}

func TestGap05EveryErrorHasTheCodeOfItsKind(t *testing.T) {
	e, _ := start(t, engine.Config{
		Tools: []engine.Tool{tool("broken", func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) {
			return nil, errors.New("a secret")
		})},
		Templates: []engine.Template{{URITemplate: "r://{id}", Name: "r", Read: absent, List: func(context.Context, string) ([]engine.Resource, string, error) {
			return nil, "", nil
		}}},
	})
	for _, c := range []struct {
		method, params string
		code           int
	}{
		{"no/such/method", `{}`, -32601},
		{"tools/call", `{"name":"broken"}`, -32603},
		{"tools/call", `{"name":7}`, -32602},
		{"tools/call", `{"name":"broken","arguments":[]}`, -32602},
		{"tools/call", `{"name":"broken","arguments":"{}"}`, -32602},
		{"tools/list", `{"cursor":"%%%"}`, -32602},
		{"tools/list", `{"cursor":7}`, -32602},
		{"tools/list", `{"cursor":""}`, -32602},
		{"tools/list", `{"cursor":"` + base64.RawURLEncoding.EncodeToString([]byte("nobody")) + `"}`, -32602},
		{"resources/list", `{"cursor":"` + base64.RawURLEncoding.EncodeToString([]byte("nobody\nx")) + `"}`, -32602},
		{"resources/templates/list", `{"cursor":"AAAA"}`, -32602},
		{"resources/read", `{}`, -32602},
		{"initialize", `{}`, -32602},
	} {
		if got := refused(t, e, engine.V20251125, c.method, c.params); got.Code != c.code || strings.Contains(got.Message, "secret") {
			t.Errorf("%s %s: %d %s", c.method, c.params, got.Code, got.Message)
		}
	}
}

func TestGap06MethodsThatTheLibraryDoesNotHaveAreAnswered(t *testing.T) {
	many := make([]string, 150)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	e, _ := start(t, engine.Config{
		Logging: true,
		Templates: []engine.Template{{
			URITemplate: "r://{a}/{b}", Name: "r", Read: absent,
			Complete: func(_ context.Context, variable, prefix string) ([]string, bool, error) {
				switch variable {
				case "a":
					return []string{prefix + "1", prefix + "2"}, true, nil
				case "b":
					return many, false, nil
				}
				return nil, false, nil
			},
		}},
		Prompts: []engine.Prompt{{
			Name: "p", Get: func(context.Context, *engine.PromptCall) (*engine.PromptResult, error) {
				return &engine.PromptResult{}, nil
			},
			Arguments: []engine.PromptArgument{
				{Name: "x", Complete: func(_ context.Context, prefix string) ([]string, bool, error) {
					return []string{prefix + "!"}, false, nil
				}},
				{Name: "y"},
			},
		}},
	})
	complete := func(ref, name, value string) map[string]any {
		t.Helper()
		result := do(t, e, engine.V20251125, "completion/complete",
			`{"ref":`+ref+`,"argument":{"name":"`+name+`","value":"`+value+`"}}`)
		return result["completion"].(map[string]any)
	}
	const template, prompt = `{"type":"ref/resource","uri":"r://{a}/{b}"}`, `{"type":"ref/prompt","name":"p"}`
	if got := complete(template, "a", "z"); fmt.Sprint(got["values"]) != "[z1 z2]" || got["hasMore"] != true {
		t.Errorf("%v", got)
	}
	if got := complete(template, "b", ""); len(got["values"].([]any)) != 100 || got["hasMore"] != true {
		t.Errorf("%d values, more: %v", len(got["values"].([]any)), got["hasMore"])
	}
	if got := complete(prompt, "x", "a"); fmt.Sprint(got["values"]) != "[a!]" || got["hasMore"] != false {
		t.Errorf("%v", got)
	}
	if got := complete(prompt, "y", "a"); len(got["values"].([]any)) != 0 {
		t.Errorf("%v", got)
	}
	for _, params := range []string{
		`{}`, `{"ref":{"type":"ref/other"},"argument":{"name":"a","value":""}}`,
		`{"ref":{"type":"ref/prompt","name":"q"},"argument":{"name":"a","value":""}}`,
		`{"ref":` + prompt + `,"argument":{"name":"z","value":""}}`,
		`{"ref":` + prompt + `,"argument":{"name":"x"}}`,
		`{"ref":{"type":"ref/resource","uri":"r://{c}"},"argument":{"name":"a","value":""}}`,
	} {
		if got := refused(t, e, engine.V20251125, "completion/complete", params); got.Code != engine.CodeInvalidParams {
			t.Errorf("%s: %v", params, got)
		}
	}
	do(t, e, engine.V20251125, "logging/setLevel", `{"level":"warning"}`)
	if got := refused(t, e, engine.V20251125, "logging/setLevel", `{"level":"loud"}`); got.Code != engine.CodeInvalidParams {
		t.Errorf("%v", got)
	}
}

func TestGap07TemplatesAreReadByTheURIsThatMatchThem(t *testing.T) {
	e, _ := start(t, engine.Config{
		Resources: []engine.StaticResource{{
			Resource: engine.Resource{URI: "okr://objectives/all", Name: "all"},
			Read: func(context.Context, *engine.Reading) ([]engine.Contents, error) {
				return []engine.Contents{{URI: "okr://objectives/all", Text: "static"}}, nil
			},
		}},
		Templates: []engine.Template{
			{URITemplate: "okr://objectives/{id}", Name: "objective", Read: func(_ context.Context, on *engine.Reading) ([]engine.Contents, error) {
				return []engine.Contents{{URI: on.URI, Text: "id=" + on.Vars["id"]}}, nil
			}},
			{URITemplate: "okr://{kind}/{id}/log", Name: "log", Read: func(_ context.Context, on *engine.Reading) ([]engine.Contents, error) {
				return []engine.Contents{{URI: on.URI, Text: on.Vars["kind"] + "=" + on.Vars["id"]}}, nil
			}},
		},
	})
	for uri, want := range map[string]string{
		"okr://objectives/all":         "static",
		"okr://objectives/okr_1":       "id=okr_1",
		"okr://objectives/a%20b%2Fc":   "id=a b/c",
		"okr://objectives/okr_1/log":   "objectives=okr_1",
		"okr://objectives/{id}":        "id={id}",
		"okr://objectives/okr_1/other": "",
		"okr://objectives/":            "",
		"okr://objectives/a/b":         "",
		"okr://objectives/a?b":         "",
		"okr://objectives/%zz":         "",
		"xokr://objectives/a":          "",
		"OKR://objectives/a":           "",
	} {
		raw, err := e.Do(t.Context(), request(t, engine.V20260728, "resources/read", `{"uri":"`+uri+`"}`))
		if want == "" {
			if err == nil {
				t.Errorf("%s: %s", uri, raw)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		contents := decode(t, raw)["contents"].([]any)[0].(map[string]any)
		if contents["text"] != want || contents["uri"] != uri {
			t.Errorf("%s: %v", uri, contents)
		}
	}
	if got := names(do(t, e, engine.V20260728, "resources/list", "")["resources"], "uri"); got != "okr://objectives/all" {
		t.Errorf("templates are listed as resources: %s", got)
	}
	if got := names(do(t, e, engine.V20260728, "resources/templates/list", "")["resourceTemplates"], "name"); got != "objective log" {
		t.Errorf("%s", got)
	}
}

func TestGap08ErrorsAreErrorsAndNotContents(t *testing.T) {
	secret := errors.New("the password is hunter2")
	e, log := start(t, engine.Config{
		Resources: []engine.StaticResource{{
			Resource: engine.Resource{URI: "r://a", Name: "a"},
			Read:     func(context.Context, *engine.Reading) ([]engine.Contents, error) { return nil, secret },
		}},
		Prompts: []engine.Prompt{{
			Name: "p", Get: func(context.Context, *engine.PromptCall) (*engine.PromptResult, error) { return nil, secret },
		}},
	})
	for method, params := range map[string]string{"resources/read": `{"uri":"r://a"}`, "prompts/get": `{"name":"p"}`} {
		if got := refused(t, e, engine.V20260728, method, params); got.Code != engine.CodeInternal || strings.Contains(fmt.Sprint(got), "hunter2") {
			t.Errorf("%s: %v", method, got)
		}
	}
	if strings.Count(log.String(), "hunter2") != 2 {
		t.Errorf("the log: %s", log)
	}
}

func TestGap09ToolsAreListedAndAnswerInFull(t *testing.T) {
	full := engine.Tool{
		Name: "full", Title: "Full", Description: "Has everything.",
		Hints: engine.Hints{Destructive: true, OpenWorld: true},
		Input: json.RawMessage(`{"type":"object"}`), Output: json.RawMessage(`{"type":"object","properties":{"n":{"type":"integer"}}}`),
		Call: func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) {
			return &engine.ToolResult{
				Text: "One.", Structured: map[string]int{"n": 1},
				Content: []engine.Content{engine.Audio([]byte{1}, "audio/wav"), engine.Link(engine.Resource{URI: "r://1", Name: "1"})},
			}, nil
		},
	}
	e, _ := start(t, engine.Config{Tools: []engine.Tool{
		full, tool("fails", func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) {
			return engine.Failure("Only the CEO may do that."), nil
		}),
	}})
	raw, err := e.Do(t.Context(), request(t, engine.V20251125, "tools/list", ""))
	want := `{"tools":[{"name":"full","title":"Full","description":"Has everything.","inputSchema":{"type":"object"},` +
		`"outputSchema":{"type":"object","properties":{"n":{"type":"integer"}}},` +
		`"annotations":{"title":"Full","readOnlyHint":false,"destructiveHint":true,"idempotentHint":false,"openWorldHint":true}},` +
		`{"name":"fails","description":"A tool.","inputSchema":{"type":"object"},` +
		`"annotations":{"readOnlyHint":false,"destructiveHint":false,"idempotentHint":false,"openWorldHint":false}}]}`
	if err != nil || string(raw) != want {
		t.Errorf("%s, %v", raw, err)
	}
	raw, err = e.Do(t.Context(), request(t, engine.V20251125, "tools/call", `{"name":"full"}`))
	want = `{"content":[{"type":"text","text":"One."},{"type":"audio","data":"AQ==","mimeType":"audio/wav"},` +
		`{"type":"resource_link","uri":"r://1","name":"1"}],"structuredContent":{"n":1}}`
	if err != nil || string(raw) != want {
		t.Errorf("%s, %v", raw, err)
	}
	raw, err = e.Do(t.Context(), request(t, engine.V20251125, "tools/call", `{"name":"fails"}`))
	if want := `{"content":[{"type":"text","text":"Only the CEO may do that."}],"isError":true}`; err != nil || string(raw) != want {
		t.Errorf("%s, %v", raw, err)
	}
}

func TestGap10ContentHasItsForm(t *testing.T) {
	half := 0.5
	marked := engine.Text("<marked>")
	marked.Annotations = &engine.Annotations{Audience: []string{"user"}, Priority: &half}
	content := []engine.Content{
		engine.Embed(engine.Contents{URI: "r://1", MIMEType: "text/plain", Text: ""}),
		engine.Embed(engine.Contents{URI: "r://2", Blob: []byte{}}),
		engine.Image(nil, "image/png"), marked,
	}
	e, _ := start(t, engine.Config{Tools: []engine.Tool{
		tool("a", func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) {
			return &engine.ToolResult{Content: content}, nil
		}),
		tool("none", func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) { return &engine.ToolResult{}, nil }),
	}})
	raw, err := e.Do(t.Context(), request(t, engine.V20251125, "tools/call", `{"name":"a"}`))
	want := `{"content":[{"type":"resource","resource":{"uri":"r://1","mimeType":"text/plain","text":""}},` +
		`{"type":"resource","resource":{"uri":"r://2","blob":""}},{"type":"image","data":"","mimeType":"image/png"},` +
		`{"type":"text","text":"<marked>","annotations":{"audience":["user"],"priority":0.5}}]}`
	if err != nil || string(raw) != want {
		t.Errorf("%s, %v", raw, err)
	}
	raw, err = e.Do(t.Context(), request(t, engine.V20251125, "tools/call", `{"name":"none"}`))
	if want := `{"content":[]}`; err != nil || string(raw) != want {
		t.Errorf("%s, %v", raw, err)
	}
}

func TestGap11ArgumentsMayBeLeftOut(t *testing.T) {
	e, _ := start(t, echo(`{"type":"object"}`))
	for _, params := range []string{`{"name":"echo"}`, `{"name":"echo","arguments":null}`, `{"name":"echo","arguments":{}}`} {
		if got := do(t, e, engine.V20251125, "tools/call", params); textOf(t, got) != "{}" || got["isError"] != nil {
			t.Errorf("%s: %v", params, got)
		}
	}
}

func TestGap12ArgumentsAreCheckedBeforeAnythingRuns(t *testing.T) {
	ran := false
	cfg := echo(schema)
	cfg.Tools[0].Call = func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) {
		ran = true
		return &engine.ToolResult{}, nil
	}
	e, _ := start(t, cfg)
	for _, arguments := range []string{`{}`, `{"okrID":"a","extra":1}`, `{"okrID":"a","kind":"OTHER"}`, `{"OKRID":"a"}`} {
		if got := do(t, e, engine.V20251125, "tools/call", `{"name":"echo","arguments":`+arguments+`}`); got["isError"] != true || ran {
			t.Errorf("%s: %v, ran: %t", arguments, got, ran)
		}
	}
}

func TestGap13PromptsHaveContextsAndTheirOwnArguments(t *testing.T) {
	type who struct{}
	e, _ := start(t, engine.Config{Prompts: []engine.Prompt{{
		Name: "p", Title: "P", Description: "A prompt.",
		Arguments: []engine.PromptArgument{{Name: "arg-1", Description: "first", Required: true}, {Name: "arg2", Title: "Second"}},
		Get: func(ctx context.Context, call *engine.PromptCall) (*engine.PromptResult, error) {
			return &engine.PromptResult{Messages: []engine.Message{
				{Role: "user", Content: engine.Text(fmt.Sprint(ctx.Value(who{}), call.Arguments["arg-1"], call.Arguments["arg2"]))},
			}}, nil
		},
	}}})
	raw, err := e.Do(t.Context(), request(t, engine.V20251125, "prompts/list", ""))
	want := `{"prompts":[{"name":"p","title":"P","description":"A prompt.","arguments":[` +
		`{"name":"arg-1","description":"first","required":true},{"name":"arg2","title":"Second"}]}]}`
	if err != nil || string(raw) != want {
		t.Errorf("%s, %v", raw, err)
	}
	ctx := context.WithValue(t.Context(), who{}, "me")
	raw, err = e.Do(ctx, request(t, engine.V20251125, "prompts/get", `{"name":"p","arguments":{"arg-1":"x","arg2":"y"}}`))
	if want := `{"messages":[{"role":"user","content":{"type":"text","text":"mexy"}}]}`; err != nil || string(raw) != want {
		t.Errorf("%s, %v", raw, err)
	}
	for _, params := range []string{
		`{"name":"p"}`, `{"name":"p","arguments":{"arg2":"y"}}`, `{"name":"p","arguments":{"arg-1":7}}`,
		`{"name":"p","arguments":{"arg-1":"x","other":"y"}}`, `{"name":"p","arguments":[]}`,
		`{"name":"p","arguments":{"Errand":"1"}}`,
	} {
		if got := refused(t, e, engine.V20251125, "prompts/get", params); got.Code != engine.CodeInvalidParams {
			t.Errorf("%s: %v", params, got)
		}
	}
}

func TestGap14PromptsAreListedConcurrently(t *testing.T) {
	e, _ := start(t, engine.Config{Prompts: []engine.Prompt{{
		Name: "p", Get: func(context.Context, *engine.PromptCall) (*engine.PromptResult, error) {
			return &engine.PromptResult{}, nil
		},
	}}})
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 50 {
				do(t, e, engine.V20251125, "prompts/list", "")
			}
		})
	}
	group.Wait() // the race detector judges
}

func TestGap15APanicOrNothingIsAnAnswerAndNotTheEnd(t *testing.T) {
	resource := func(uri string, read func(context.Context, *engine.Reading) ([]engine.Contents, error)) engine.StaticResource {
		return engine.StaticResource{Resource: engine.Resource{URI: uri, Name: uri}, Read: read}
	}
	prompt := func(name string, get func(context.Context, *engine.PromptCall) (*engine.PromptResult, error)) engine.Prompt {
		return engine.Prompt{Name: name, Get: get}
	}
	e, log := start(t, engine.Config{
		Tools: []engine.Tool{
			tool("panic", func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) { panic("tool: hunter2") }),
			tool("nothing", func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) { return nil, nil }),
		},
		Resources: []engine.StaticResource{
			resource("r://panic", func(context.Context, *engine.Reading) ([]engine.Contents, error) { panic("resource: hunter2") }),
			resource("r://nothing", func(context.Context, *engine.Reading) ([]engine.Contents, error) { return nil, nil }),
		},
		Prompts: []engine.Prompt{
			prompt("panic", func(context.Context, *engine.PromptCall) (*engine.PromptResult, error) { panic("prompt: hunter2") }),
			prompt("nothing", func(context.Context, *engine.PromptCall) (*engine.PromptResult, error) { return nil, nil }),
		},
		Templates: []engine.Template{{
			URITemplate: "t://{id}", Name: "t", Read: absent,
			List:     func(context.Context, string) ([]engine.Resource, string, error) { panic("list: hunter2") },
			Complete: func(context.Context, string, string) ([]string, bool, error) { panic("complete: hunter2") },
		}},
		Subscribe: func(context.Context, engine.Subscription) (engine.Subscription, <-chan engine.Notification, error) {
			panic("subscribe: hunter2")
		},
	})
	for _, c := range [][2]string{
		{"tools/call", `{"name":"panic"}`},
		{"tools/call", `{"name":"nothing"}`},
		{"resources/read", `{"uri":"r://panic"}`},
		{"resources/read", `{"uri":"r://nothing"}`},
		{"prompts/get", `{"name":"panic"}`},
		{"prompts/get", `{"name":"nothing"}`},
		{"resources/list", `{}`},
		{"completion/complete", `{"ref":{"type":"ref/resource","uri":"t://{id}"},"argument":{"name":"id","value":""}}`},
	} {
		if got := refused(t, e, engine.V20260728, c[0], c[1]); got.Code != engine.CodeInternal || strings.Contains(fmt.Sprint(got), "hunter2") {
			t.Errorf("%s %s: %v", c[0], c[1], got)
		}
	}
	if stream, err := e.Listen(t.Context(), engine.Subscription{}); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v, %v", stream, err)
	}
	for _, want := range []string{"tool: hunter2", "resource: hunter2", "prompt: hunter2", "list: hunter2", "complete: hunter2", "subscribe: hunter2", "gaps_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

func TestGap16ArgumentsOfAnyShapeArriveUntouched(t *testing.T) {
	e, _ := start(t, echo(`{"type":"object","additionalProperties":{"type":["object","array","number","string"]}}`))
	const arguments = `{"a":{"B":[1,2.5,{"c":null}]},"name":"x","Arguments":[]}`
	if got := textOf(t, do(t, e, engine.V20251125, "tools/call", `{"name":"echo","arguments":`+arguments+`}`)); got != arguments {
		t.Errorf("%s", got)
	}
	// Another reader of the request must not find another tool in it, as one does that ignores case.
	if got := textOf(t, do(t, e, engine.V20251125, "tools/call", `{"name":"echo","NAME":"other","arguments":{"a":1},"ARGUMENTS":{"a":2}}`)); got != `{"a":1}` {
		t.Errorf("%s", got)
	}
}

func TestGap18EveryPageEndsAndTheLastOneSaysSo(t *testing.T) {
	const size = 3
	for _, count := range []int{0, 1, size, size + 1, 2 * size, 7} {
		cfg := engine.Config{PageSize: size}
		var want []string
		for i := range count {
			name := fmt.Sprintf("n%d", count-i) // not in the order of the alphabet: ours is that of the configuration
			want = append(want, name)
			cfg.Tools = append(cfg.Tools, says(name, ""))
			cfg.Prompts = append(cfg.Prompts, engine.Prompt{Name: name, Get: func(context.Context, *engine.PromptCall) (*engine.PromptResult, error) {
				return &engine.PromptResult{}, nil
			}})
			cfg.Templates = append(cfg.Templates, engine.Template{URITemplate: name + "://{id}", Name: name, Read: absent})
		}
		cfg.Tools = append(cfg.Tools, engine.Tool{ // never seen, also not as the end of a page
			Name: "hidden", Description: "A tool.", Input: json.RawMessage(`{"type":"object"}`),
			Call: says("", "").Call, Visible: func(context.Context) bool { return false },
		})
		cfg.Prompts = append(cfg.Prompts, engine.Prompt{Name: "hidden", Visible: func(context.Context) bool { return false }, Get: func(context.Context, *engine.PromptCall) (*engine.PromptResult, error) {
			return &engine.PromptResult{}, nil
		}})
		cfg.Templates = append(cfg.Templates, engine.Template{URITemplate: "hidden://{id}", Name: "hidden", Read: absent, Visible: func(context.Context) bool { return false }})
		e, _ := start(t, cfg)
		for method, field := range map[string]string{
			"tools/list": "tools", "prompts/list": "prompts", "resources/templates/list": "resourceTemplates",
		} {
			got, pages := walk(t, e, method, field, "name")
			if got != strings.Join(want, " ") || pages != max(1, (count+size-1)/size) {
				t.Errorf("%d, %s: %q on %d pages", count, method, got, pages)
			}
		}
	}
}

// walk reads all pages of a list.
func walk(t *testing.T, e *engine.Engine, method, field, name string) (all string, pages int) {
	t.Helper()
	var found []string
	params := "{}"
	for pages = 1; pages < 100; pages++ {
		result := do(t, e, engine.V20251125, method, params)
		if got := names(result[field], name); got != "" {
			found = append(found, got)
		}
		next, more := result["nextCursor"].(string)
		if !more {
			return strings.Join(found, " "), pages
		}
		params = `{"cursor":"` + next + `"}`
	}
	t.Fatal("the pages do not end")
	return "", 0
}

func TestGap18ConcreteResourcesArePagedFamilyByFamily(t *testing.T) {
	family := func(name string, pages ...int) engine.Template {
		return engine.Template{
			URITemplate: name + "://{id}", Name: name, Read: absent,
			List: func(_ context.Context, cursor string) ([]engine.Resource, string, error) {
				at := 0
				if cursor != "" {
					if _, err := fmt.Sscanf(cursor, "page\n%d", &at); err != nil {
						return nil, "", &engine.Error{Code: engine.CodeInvalidParams, Message: "the cursor is too old"}
					}
				}
				page := make([]engine.Resource, pages[at])
				for i := range page {
					page[i] = engine.Resource{URI: fmt.Sprintf("%s://%d.%d", name, at, i), Name: name}
				}
				if at+1 == len(pages) {
					return page, "", nil
				}
				return page, fmt.Sprintf("page\n%d", at+1), nil
			},
		}
	}
	e, _ := start(t, engine.Config{
		PageSize:  4,
		Resources: []engine.StaticResource{{Resource: engine.Resource{URI: "s://1", Name: "s"}, Read: absent}},
		Templates: []engine.Template{
			family("a", 1), {URITemplate: "b://{id}", Name: "b", Read: absent}, family("c", 2, 1), family("d", 5), family("e", 0), family("f", 1),
		},
	})
	got, pages := walk(t, e, "resources/list", "resources", "uri")
	if want := "s://1 a://0.0 c://0.0 c://0.1 c://1.0 d://0.0 d://0.1 d://0.2 d://0.3 d://0.4 f://0.0"; got != want || pages != 3 {
		t.Errorf("%s on %d pages", got, pages)
	}
	stale := base64.RawURLEncoding.EncodeToString([]byte("c://{id}\nold"))
	if got := refused(t, e, engine.V20251125, "resources/list", `{"cursor":"`+stale+`"}`); got.Message != "the cursor is too old" {
		t.Errorf("%v", got)
	}
}

type number struct{ N int }

// TestTheLibraryStillHasItsGaps shows the repairs' reasons: when one of these fails, a repair can go.
func TestTheLibraryStillHasItsGaps(t *testing.T) {
	b := bridge.New()
	server := mcp.NewServer(b)
	err := server.RegisterTool("a", "A tool.", func(number) (*mcp.ToolResponse, error) {
		return nil, errors.New("why")
	})
	if err := errors.Join(err, server.Serve()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ method, params, want string }{
		"1: its revision":      {"initialize", `{}`, `"protocolVersion":"2024-11-05"`},
		"2: no completions":    {"initialize", `{}`, `"capabilities":{"prompts":{"listChanged":false},"resources":{"listChanged":false},"tools":{"listChanged":false}}`},
		"4: null for unknown":  {"tools/call", `{"name":"b","arguments":{}}`, `null`},
		"9: a prefix":          {"tools/call", `{"name":"a","arguments":{}}`, `handler returned an error: why`},
		"11: no arguments":     {"tools/call", `{"name":"a"}`, `unexpected end of JSON input`},
		"12: anything goes":    {"tools/call", `{"name":"a","arguments":{"other":1}}`, `why`},
		"16: names in capital": {"tools/call", `{"name":"b","NAME":"a","arguments":{}}`, `why`},
	} {
		raw, err := b.Call(t.Context(), c.method, json.RawMessage(c.params))
		if err != nil || !strings.Contains(string(raw), c.want) {
			t.Errorf("%s: %s, %v", name, raw, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("13: a prompt with a context can be registered")
		}
	}()
	_ = server.RegisterPrompt("p", "", func(context.Context, struct{ X string }) (*mcp.PromptResponse, error) { return nil, nil })
}
