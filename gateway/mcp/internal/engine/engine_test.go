package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// eras are a revision of each kind.
var eras = []engine.Version{engine.V20251125, engine.V20260728}

// start makes an engine that logs to log.
func start(t testing.TB, cfg engine.Config) (e *engine.Engine, log *kittest.Log) {
	t.Helper()
	log = &kittest.Log{}
	if cfg.Name == "" {
		cfg.Name = "test"
	}
	cfg.Version, cfg.Logger = "1.2.3", telemetry.NewLogger(log, slog.LevelDebug, "test")
	e, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e, log
}

// request makes a request of a client that can do everything.
func request(t testing.TB, v engine.Version, method, params string) *engine.Request {
	t.Helper()
	read := func(text string) wire.Object {
		o, err := wire.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	if params == "" {
		params = "{}"
	}
	return &engine.Request{
		Version: v, Method: method, Params: read(params), Capabilities: read(`{"elicitation":{},"sampling":{},"roots":{}}`),
	}
}

// do sends a request that must be answered with a result.
func do(t testing.TB, e *engine.Engine, v engine.Version, method, params string) map[string]any {
	t.Helper()
	raw, err := e.Do(t.Context(), request(t, v, method, params))
	if err != nil {
		t.Fatalf("%s %s: %v", method, params, err)
	}
	return decode(t, raw)
}

func decode(t testing.TB, raw []byte) map[string]any {
	t.Helper()
	var result map[string]any
	if err := json.Unmarshal(raw, &result); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return result
}

// refused sends a request that must be answered with an error of JSON-RPC.
func refused(t testing.TB, e *engine.Engine, v engine.Version, method, params string) *engine.Error {
	t.Helper()
	raw, err := e.Do(t.Context(), request(t, v, method, params))
	var own *engine.Error
	if !errors.As(err, &own) {
		t.Fatalf("%s %s: %s, %v", method, params, raw, err)
	}
	return own
}

// tool is a tool with any arguments.
func tool(name string, call func(context.Context, *engine.ToolCall) (*engine.ToolResult, error)) engine.Tool {
	return engine.Tool{Name: name, Description: "A tool.", Input: json.RawMessage(`{"type":"object"}`), Call: call}
}

// says is a tool that answers a text.
func says(name, text string) engine.Tool {
	return tool(name, func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) {
		return &engine.ToolResult{Text: text}, nil
	})
}

// textOf is the text of a tool's result.
func textOf(t testing.TB, result map[string]any) string {
	t.Helper()
	content, ok := result["content"].([]any)
	if !ok || len(content) == 0 {
		t.Fatalf("no content: %v", result)
	}
	text, _ := content[0].(map[string]any)["text"].(string)
	return text
}

// names are the values of a field in a list.
func names(list any, field string) string {
	var out []string
	entries, _ := list.([]any)
	for _, entry := range entries {
		out = append(out, fmt.Sprint(entry.(map[string]any)[field]))
	}
	return strings.Join(out, " ")
}

func TestWhatCannotBeServedAsPublishedIsRefusedAtTheStart(t *testing.T) {
	call := says("a", "").Call
	input := func(schema string) []engine.Tool {
		return []engine.Tool{{Name: "a", Description: "A tool.", Input: json.RawMessage(schema), Call: call}}
	}
	read := func(context.Context, *engine.Reading) ([]engine.Contents, error) { return nil, nil }
	for name, c := range map[string]struct {
		cfg  engine.Config
		want string
	}{
		"two tools of one name":        {engine.Config{Tools: []engine.Tool{says("a", ""), says("a", "")}}, "two tools"},
		"a name with a space":          {engine.Config{Tools: []engine.Tool{says("a b", "")}}, `"a b"`},
		"a name that is long":          {engine.Config{Tools: []engine.Tool{says(strings.Repeat("a", 65), "")}}, "1 to 64"},
		"no schema":                    {engine.Config{Tools: input(``)}, "schema"},
		"a schema of no object":        {engine.Config{Tools: input(`{"type":"string"}`)}, "object"},
		"a schema that is wrong":       {engine.Config{Tools: input(`{"type":"object","properties":{"a":{"type":"text"}}}`)}, "compiling"},
		"a schema from the network":    {engine.Config{Tools: input(`{"type":"object","properties":{"a":{"$ref":"https://example.com/a"}}}`)}, "not part of the schema"},
		"a schema from a file":         {engine.Config{Tools: input(`{"type":"object","properties":{"a":{"$ref":"file:///etc/passwd"}}}`)}, "not part of the schema"},
		"a header that is no name":     {engine.Config{Tools: input(`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"a b"}}}`)}, "x-mcp-header"},
		"a header for a number":        {engine.Config{Tools: input(`{"type":"object","properties":{"a":{"type":"number","x-mcp-header":"A"}}}`)}, "x-mcp-header"},
		"a header for elements":        {engine.Config{Tools: input(`{"type":"object","properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}}`)}, "x-mcp-header"},
		"a header for an alternative":  {engine.Config{Tools: input(`{"type":"object","anyOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}`)}, "x-mcp-header"},
		"one header for two":           {engine.Config{Tools: input(`{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}`)}, "two parameters"},
		"a tool that does nothing":     {engine.Config{Tools: []engine.Tool{tool("a", nil)}}, "a function"},
		"a template without variables": {engine.Config{Templates: []engine.Template{{URITemplate: "a://b", Name: "a", Read: read}}}, "no variables"},
		"a template of another level":  {engine.Config{Templates: []engine.Template{{URITemplate: "a://{+b}", Name: "a", Read: read}}}, "level 1"},
		"a template that never ends":   {engine.Config{Templates: []engine.Template{{URITemplate: "a://{b", Name: "a", Read: read}}}, "level 1"},
		"a resource without a name":    {engine.Config{Resources: []engine.StaticResource{{Resource: engine.Resource{URI: "a://b"}, Read: read}}}, "a name"},
		"a prompt without a function":  {engine.Config{Prompts: []engine.Prompt{{Name: "a"}}}, "a function"},
		"changes that nobody reports":  {engine.Config{ListsChange: engine.ListChanges{Tools: true}}, "nothing reports"},
		"a sealing key that is short":  {engine.Config{SealKey: []byte("short")}, "32 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := engine.New(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestWhatIsNotOfferedHasNoMethodsAndIsNotAnnounced(t *testing.T) {
	e, _ := start(t, engine.Config{Tools: []engine.Tool{says("a", "")}})
	for _, v := range eras {
		for _, method := range []string{
			"resources/list", "resources/templates/list", "resources/read", "prompts/list", "prompts/get", "completion/complete",
			"logging/setLevel", "resources/subscribe", "nothing/like/it", "",
		} {
			if got := refused(t, e, v, method, ""); got.Code != engine.CodeMethodNotFound {
				t.Errorf("%s %s: %d", v, method, got.Code)
			}
		}
	}
	for _, method := range []string{"initialize", "ping", "logging/setLevel"} {
		if got := refused(t, e, engine.V20260728, method, `{"protocolVersion":"2026-07-28"}`); got.Code != engine.CodeMethodNotFound {
			t.Errorf("%s in 2026-07-28: %d", method, got.Code)
		}
	}
	if got := refused(t, e, engine.V20251125, "server/discover", ""); got.Code != engine.CodeMethodNotFound {
		t.Errorf("server/discover in 2025-11-25: %d", got.Code)
	}
	capabilities := do(t, e, engine.V20260728, "server/discover", "")["capabilities"].(map[string]any)
	if len(capabilities) != 1 || capabilities["tools"] == nil {
		t.Errorf("%v", capabilities)
	}
}

func TestAResultOf20260728SaysWhatItIsAndWhose(t *testing.T) {
	e, _ := start(t, engine.Config{
		Name: "okr", Title: "OKRs", Instructions: "Be brief.", Tools: []engine.Tool{says("a", "hello")},
		Caller: func(context.Context) string { return "" }, ListTTL: 1500 * 1000, // ns: 1.5 ms
	})
	discovered := do(t, e, engine.V20260728, "server/discover", "")
	info := discovered["_meta"].(map[string]any)["io.modelcontextprotocol/serverInfo"].(map[string]any)
	if discovered["resultType"] != "complete" || info["name"] != "okr" || info["title"] != "OKRs" || info["version"] != "1.2.3" ||
		discovered["instructions"] != "Be brief." || fmt.Sprint(discovered["supportedVersions"]) != "[2026-07-28 2025-11-25 2025-06-18]" ||
		discovered["ttlMs"] != 2.0 || discovered["cacheScope"] != "private" {
		t.Errorf("%v", discovered)
	}
	if listed := do(t, e, engine.V20260728, "tools/list", ""); listed["cacheScope"] != "private" || listed["resultType"] != "complete" {
		t.Errorf("%v", listed)
	}
	legacy, err := e.Do(t.Context(), request(t, engine.V20251125, "tools/call", `{"name":"a"}`))
	if want := `{"content":[{"type":"text","text":"hello"}]}`; err != nil || string(legacy) != want {
		t.Errorf("%s, %v", legacy, err)
	}
}

func TestWhatTheCallerMayNotSeeIsNotListed(t *testing.T) {
	type role struct{}
	boss := func(ctx context.Context) bool { return ctx.Value(role{}) == "boss" }
	hidden := says("fire", "fired")
	hidden.Visible = boss
	list := func(context.Context, string) ([]engine.Resource, string, error) {
		return []engine.Resource{{URI: "salary://1", Name: "1"}}, "", nil
	}
	read := func(context.Context, *engine.Reading) ([]engine.Contents, error) { return nil, engine.ErrNotFound }
	complete := func(context.Context, string, string) ([]string, bool, error) { return []string{"1"}, false, nil }
	get := func(context.Context, *engine.PromptCall) (*engine.PromptResult, error) {
		return &engine.PromptResult{}, nil
	}
	e, _ := start(t, engine.Config{
		Tools:     []engine.Tool{says("greet", ""), hidden},
		Templates: []engine.Template{{URITemplate: "salary://{id}", Name: "salary", List: list, Read: read, Complete: complete, Visible: boss}},
		Resources: []engine.StaticResource{{Resource: engine.Resource{URI: "safe://", Name: "safe"}, Read: read, Visible: boss}},
		Prompts:   []engine.Prompt{{Name: "review", Get: get, Visible: boss}},
	})
	for _, c := range []struct {
		as     string
		method string
		params string
		want   string
	}{
		{"boss", "tools/list", "", "greet fire"},
		{"worker", "tools/list", "", "greet"},
		{"boss", "resources/list", "", "safe:// salary://1"},
		{"worker", "resources/list", "", ""},
		{"boss", "resources/templates/list", "", "salary://{id}"},
		{"worker", "resources/templates/list", "", ""},
		{"boss", "prompts/list", "", "review"},
		{"worker", "prompts/list", "", ""},
	} {
		raw, err := e.Do(context.WithValue(t.Context(), role{}, c.as), request(t, engine.V20260728, c.method, c.params))
		if err != nil {
			t.Fatal(err)
		}
		result := decode(t, raw)
		got := names(result["tools"], "name") + names(result["resources"], "uri") +
			names(result["resourceTemplates"], "uriTemplate") + names(result["prompts"], "name")
		if got != c.want {
			t.Errorf("%s %s: %q", c.as, c.method, got)
		}
	}
	const ref = `{"ref":{"type":"ref/resource","uri":"salary://{id}"},"argument":{"name":"id","value":""}}`
	if got := do(t, e, engine.V20260728, "completion/complete", ref)["completion"].(map[string]any); len(got["values"].([]any)) != 0 {
		t.Errorf("completions of a hidden template: %v", got)
	}
}

func TestStructuredContentIsMirroredAndLegacyClientsGetObjectsAlone(t *testing.T) {
	structured := any(map[string]any{"a": "<b>"})
	e, _ := start(t, engine.Config{Tools: []engine.Tool{tool("a", func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) {
		return &engine.ToolResult{Structured: structured}, nil
	})}})
	for _, v := range eras {
		got := do(t, e, v, "tools/call", `{"name":"a"}`)
		if textOf(t, got) != `{"a":"<b>"}` || fmt.Sprint(got["structuredContent"]) != "map[a:<b>]" {
			t.Errorf("%s: %v", v, got)
		}
	}
	structured = json.RawMessage(`{"z": 1,"a":"<b>"}`) // as it is: it is not even read
	for _, v := range eras {
		raw, err := e.Do(t.Context(), request(t, v, "tools/call", `{"name":"a"}`))
		if err != nil || !strings.Contains(string(raw), `"structuredContent":{"z": 1,"a":"<b>"}`) || !strings.Contains(string(raw), `"text":"{\"z\": 1,\"a\":\"<b>\"}"`) {
			t.Errorf("%s: %s, %v", v, raw, err)
		}
	}
	structured = []int{1}
	if got := do(t, e, engine.V20251125, "tools/call", `{"name":"a"}`); got["structuredContent"] != nil || textOf(t, got) != "[1]" {
		t.Errorf("a list for an older client: %v", got)
	}
	if got := do(t, e, engine.V20260728, "tools/call", `{"name":"a"}`); fmt.Sprint(got["structuredContent"]) != "[1]" {
		t.Errorf("a list: %v", got)
	}
	structured = func() {}
	if got := refused(t, e, engine.V20260728, "tools/call", `{"name":"a"}`); got.Code != engine.CodeInternal {
		t.Errorf("what does not encode: %v", got)
	}
}

func TestErrorsOfHandlersReachTheCallerOnlyIfTheyAreMeantFor(t *testing.T) {
	var failure error
	e, log := start(t, engine.Config{Tools: []engine.Tool{
		tool("a", func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) { return nil, failure }),
	}})
	failure = fmt.Errorf("wrapped: %w", &engine.Error{Code: 7, Message: "seven"})
	if got := refused(t, e, engine.V20260728, "tools/call", `{"name":"a"}`); got.Code != 7 || got.Message != "seven" {
		t.Errorf("%v", got)
	}
	failure = errors.New("password is hunter2")
	ctx := telemetry.WithCorrelationID(t.Context(), "the-request")
	_, err := e.Do(ctx, request(t, engine.V20260728, "tools/call", `{"name":"a"}`))
	var own *engine.Error
	if !errors.As(err, &own) || own.Code != engine.CodeInternal || own.Message != "internal error" ||
		fmt.Sprint(own.Data) != "map[reference:the-request]" {
		t.Errorf("%#v", err)
	}
	if !strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), "the-request") {
		t.Errorf("the log: %s", log)
	}
	ended, cancel := context.WithCancelCause(t.Context())
	why := errors.New("expired")
	cancel(why)
	if _, err := e.Do(ended, request(t, engine.V20260728, "tools/call", `{"name":"a"}`)); !errors.Is(err, why) {
		t.Errorf("after the end: %v", err)
	}
}

func TestConcurrentRequestsOfEveryKindStayApart(t *testing.T) {
	type who struct{}
	me := func(ctx context.Context) string { return fmt.Sprint(ctx.Value(who{})) }
	e, _ := start(t, engine.Config{
		Tools: []engine.Tool{tool("a", func(ctx context.Context, call *engine.ToolCall) (*engine.ToolResult, error) {
			return &engine.ToolResult{Text: me(ctx) + string(call.Arguments)}, nil
		})},
		Templates: []engine.Template{{
			URITemplate: "r://{id}", Name: "r",
			List: func(ctx context.Context, _ string) ([]engine.Resource, string, error) {
				return []engine.Resource{{URI: "r://" + me(ctx), Name: "r"}}, "", nil
			},
			Read: func(ctx context.Context, on *engine.Reading) ([]engine.Contents, error) {
				return []engine.Contents{{URI: on.URI, Text: me(ctx) + on.Vars["id"]}}, nil
			},
		}},
		Prompts: []engine.Prompt{{
			Name: "p", Arguments: []engine.PromptArgument{{Name: "x"}},
			Get: func(ctx context.Context, call *engine.PromptCall) (*engine.PromptResult, error) {
				return &engine.PromptResult{Description: me(ctx) + call.Arguments["x"]}, nil
			},
		}},
	})
	var group sync.WaitGroup
	for caller := range 64 {
		group.Go(func() {
			id := fmt.Sprint(caller)
			ctx := context.WithValue(t.Context(), who{}, id)
			for range 10 {
				for method, c := range map[string][2]string{
					"tools/call":     {`{"name":"a","arguments":{"n":` + id + `}}`, `"text":"` + id + `{\"n\":` + id + `}"`},
					"resources/read": {`{"uri":"r://` + id + `"}`, `"text":"` + id + id + `"`},
					"resources/list": {``, `"uri":"r://` + id + `"`},
					"prompts/get":    {`{"name":"p","arguments":{"x":"` + id + `"}}`, `"description":"` + id + id + `"`},
					"prompts/list":   {``, `"name":"p"`},
					"tools/list":     {``, `"name":"a"`},
				} {
					raw, err := e.Do(ctx, request(t, eras[caller%2], method, c[0]))
					if err != nil || !strings.Contains(string(raw), c[1]) {
						t.Errorf("caller %s, %s: %s, %v", id, method, raw, err)
						return
					}
				}
			}
		})
	}
	group.Wait()
}
