package httpfront_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/httpfront"
)

func TestInitializeAgreesOnARevisionOfItsKind(t *testing.T) {
	s := serve(t, whoAmI(), httpfront.Config{Authenticate: byToken})
	for asked, want := range map[string]string{
		"2025-06-18": "2025-06-18", "2025-11-25": "2025-11-25", "2024-11-05": "2025-11-25", "2025-03-26": "2025-11-25",
		"2026-07-28": "2025-11-25", "1.0.0": "2025-11-25",
	} {
		// Whatever the header says: nothing has been agreed on yet.
		for _, header := range []string{"", asked, "2026-07-28"} {
			got := s.do(legacy("1", "initialize", `{"protocolVersion":"`+asked+`"}`).with("Mcp-Protocol-Version", header))
			if got.status != 200 || got.message(t).Result["protocolVersion"] != want || got.header.Get("Mcp-Session-Id") != "" {
				t.Errorf("%s, header %q: %d %s", asked, header, got.status, got.body)
			}
		}
	}
	got := s.do(call{body: `{"jsonrpc":"2.0","method":"notifications/initialized"}`})
	if got.status != 202 || got.body != "" {
		t.Errorf("%d %q", got.status, got.body)
	}
}

func TestARequestOf20260728MustDescribeItself(t *testing.T) {
	s := serve(t, whoAmI(), httpfront.Config{Authenticate: byToken})
	good := modern("7", "tools/call", `"name":"who"`)
	body := func(meta string) call {
		c := good
		c.body = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"who"` + meta + `}}`
		return c
	}
	const version, capabilities = `"io.modelcontextprotocol/protocolVersion":"2026-07-28"`, `"io.modelcontextprotocol/clientCapabilities":{}`
	for name, c := range map[string]struct {
		call   call
		status int
		code   int
	}{
		"a good one":                     {good, 200, 0},
		"no _meta":                       {body(``), 400, -32602},
		"no params":                      {call{body: `{"jsonrpc":"2.0","id":7,"method":"tools/list"}`, header: good.header}, 400, -32602},
		"an empty _meta":                 {body(`,"_meta":{}`), 400, -32602},
		"a _meta of another kind":        {body(`,"_meta":[]`), 400, -32602},
		"no revision":                    {body(`,"_meta":{` + capabilities + `}`), 400, -32602},
		"a revision that is a number":    {body(`,"_meta":{"io.modelcontextprotocol/protocolVersion":2026,` + capabilities + `}`), 400, -32602},
		"no capabilities":                {body(`,"_meta":{` + version + `}`), 400, -32602},
		"capabilities of another kind":   {body(`,"_meta":{` + version + `,"io.modelcontextprotocol/clientCapabilities":[]}`), 400, -32602},
		"nothing of the client":          {body(`,"_meta":{` + version + `,` + capabilities + `}`), 200, 0},
		"no header":                      {good.with("Mcp-Protocol-Version", ""), 400, -32020},
		"another header":                 {good.with("Mcp-Protocol-Version", "2025-11-25"), 400, -32020},
		"an unknown revision":            {modernAs("2027-01-01"), 400, -32022},
		"an older revision in this form": {modernAs("2025-11-25"), 400, -32022},
		"no method header":               {good.with("Mcp-Method", ""), 400, -32020},
		"another method header":          {good.with("Mcp-Method", "tools/list"), 400, -32020},
		"a method header in capitals":    {good.with("Mcp-Method", "TOOLS/CALL"), 400, -32020},
		"no name header":                 {good.with("Mcp-Name", ""), 400, -32020},
		"another name header":            {good.with("Mcp-Name", "other"), 400, -32020},
		"an encoded name header":         {good.with("Mcp-Name", "=?base64?d2hv?="), 200, 0},
		"a wrongly encoded name header":  {good.with("Mcp-Name", "=?base64?%%%?="), 400, -32020},
		"another encoded name header":    {good.with("Mcp-Name", "=?base64?b3RoZXI=?="), 400, -32020},
		"a name header that is not text": {good.with("Mcp-Name", "wh\xf6"), 400, -32020},
		"a name that is a number":        {modern("7", "tools/call", `"name":7`).with("Mcp-Name", "7"), 400, -32602},
		"an unknown method":              {modern("7", "no/such", ``), 404, -32601},
		"initialize":                     {modern("7", "initialize", `"protocolVersion":"2026-07-28"`), 404, -32601},
		"ping":                           {modern("7", "ping", ``), 404, -32601},
		"resources/subscribe":            {modern("7", "resources/subscribe", `"uri":"a"`), 404, -32601},
		"subscriptions/listen, unheard":  {modern("7", "subscriptions/listen", `"notifications":{}`), 404, -32601},
		"an unknown tool":                {modern("7", "tools/call", `"name":"nobody"`), 200, -32602},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.do(c.call)
			if m := got.message(t); got.status != c.status || got.code(t) != c.code || string(m.ID) != "7" {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	got := s.do(modernAs("2027-01-01")).message(t)
	if fmt.Sprint(got.Error.Data) != "map[requested:2027-01-01 supported:[2026-07-28 2025-11-25 2025-06-18]]" {
		t.Errorf("%v", got.Error.Data)
	}
	if got := s.do(call{body: `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}`, header: good.header}); got.status != 202 || got.body != "" {
		t.Errorf("a notification: %d %s", got.status, got.body)
	}
	if got := s.do(call{body: `{"jsonrpc":"2.0","id":1,"result":{}}`, header: good.header}); got.status != 400 || len(got.message(t).ID) != 0 {
		t.Errorf("a response: %d %s", got.status, got.body)
	}
}

// modernAs is a request of another revision in the form of 2026-07-28.
func modernAs(version string) call {
	c := modern("7", "tools/list", "")
	c.body = strings.ReplaceAll(c.body, "2026-07-28", version)
	return c.with("Mcp-Protocol-Version", version)
}

func TestParametersAreComparedWithTheirHeaders(t *testing.T) {
	offered := whoAmI()
	offered.Tools[0].Input = json.RawMessage(`{"type":"object","properties":{
		"region":{"type":"string","x-mcp-header":"Region"},
		"deep":{"type":"object","properties":{"n":{"type":["integer"],"x-mcp-header":"N"}}},
		"on":{"type":"boolean","x-mcp-header":"On"}
	}}`)
	offered.Tools[0].Input = json.RawMessage(strings.Replace(string(offered.Tools[0].Input), `["integer"]`, `"integer"`, 1))
	s := serve(t, offered, httpfront.Config{Authenticate: byToken})
	for name, c := range map[string]struct {
		arguments string
		header    []string
		status    int
	}{
		"none":                     {`{}`, nil, 200},
		"null":                     {`{"deep":null}`, nil, 200},
		"one":                      {`{"region":"eu"}`, []string{"mcp-param-REGION", "eu"}, 200},
		"one without header":       {`{"region":"eu"}`, nil, 400},
		"a header without one":     {`{}`, []string{"Mcp-Param-Region", "eu"}, 400},
		"another":                  {`{"region":"eu"}`, []string{"Mcp-Param-Region", "us"}, 400},
		"another case":             {`{"region":"eu"}`, []string{"Mcp-Param-Region", "EU"}, 400},
		"spaces around":            {`{"region":"eu"}`, []string{"Mcp-Param-Region", "  eu\t"}, 200},
		"spaces inside, encoded":   {`{"region":" eu "}`, []string{"Mcp-Param-Region", "=?base64?IGV1IA==?="}, 200},
		"what looks encoded":       {`{"region":"=?base64?literal?="}`, []string{"Mcp-Param-Region", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="}, 200},
		"another language":         {`{"region":"é"}`, []string{"Mcp-Param-Region", "é"}, 400},
		"another language, coded":  {`{"region":"\u00e9"}`, []string{"Mcp-Param-Region", "=?base64?w6k=?="}, 200},
		"coded in capitals":        {`{"region":"\u00e9"}`, []string{"Mcp-Param-Region", "=?BASE64?w6k=?="}, 400},
		"a number":                 {`{"deep":{"n":42}}`, []string{"Mcp-Param-N", "42"}, 200},
		"a number, otherwise":      {`{"deep":{"n":42}}`, []string{"Mcp-Param-N", "42.0"}, 200},
		"a number, both otherwise": {`{"deep":{"n":42.0}}`, []string{"Mcp-Param-N", "42.00"}, 200},
		"another number":           {`{"deep":{"n":42}}`, []string{"Mcp-Param-N", "43"}, 400},
		"a fraction of numbers":    {`{"deep":{"n":42}}`, []string{"Mcp-Param-N", "84/2"}, 400},
		"a number of a crash":      {`{"deep":{"n":42}}`, []string{"Mcp-Param-N", "1e999999999"}, 400},
		"true":                     {`{"on":true}`, []string{"Mcp-Param-On", "true"}, 200},
		"true in capitals":         {`{"on":true}`, []string{"Mcp-Param-On", "True"}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.do(modern("1", "tools/call", `"name":"who","arguments":`+c.arguments).with(c.header...))
			if got.status != c.status || (got.code(t) == -32020) != (c.status == 400) {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}

func TestGap03IDsOfEveryKindComeBackAsTheyCame(t *testing.T) {
	s := serve(t, whoAmI(), httpfront.Config{Authenticate: byToken})
	for _, id := range []string{`0`, `-7`, `9007199254740993`, `123456789012345678901234567890`, `1.0`, `1.5`, `1e3`, `""`, `"a"`, `"7"`, `"\u0061"`} {
		for _, c := range []call{
			legacy(id, "tools/call", `{"name":"who"}`), modern(id, "tools/call", `"name":"who"`),
			legacy(id, "no/such", `{}`), modern(id, "no/such", ``),
		} {
			if got := s.do(c); !strings.HasPrefix(got.body, `{"jsonrpc":"2.0","id":`+id+`,`) {
				t.Errorf("%s: %s", id, got.body)
			}
		}
	}
}

func TestManyCallersWithTheSameIDsAreNeverMixedUp(t *testing.T) {
	offered := whoAmI()
	offered.Tools = append(offered.Tools, tool("tell", nil))
	tell := &offered.Tools[1]
	tell.Call = func(ctx context.Context, c *engine.ToolCall) (*engine.ToolResult, error) {
		c.Progress(1, 0, callerOf(ctx))
		return &engine.ToolResult{Text: callerOf(ctx)}, nil
	}
	s := serve(t, offered, httpfront.Config{Authenticate: byToken})
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			name := fmt.Sprintf("caller-%d", i)
			for round := range 8 {
				arguments := fmt.Sprintf(`{"n":%d}`, round)
				for _, c := range []call{
					legacy(`"same-id"`, "tools/call", `{"name":"who","arguments":`+arguments+`}`),
					modern(`7`, "tools/call", `"name":"who","arguments":`+arguments),
				} {
					if got := s.do(c.as(name)).message(t); got.text() != name+" "+arguments {
						t.Errorf("%s got %v", name, got)
						return
					}
				}
				c := legacy(`7`, "tools/call", `{"name":"tell","_meta":{"progressToken":"same-token"}}`).as(name)
				response := s.send(t.Context(), c)
				var heard []string
				for m := range events(t, response.Body) {
					heard = append(heard, fmt.Sprint(m.Params["message"]), m.text())
				}
				response.Body.Close()
				if got := strings.Join(heard, " "); got != name+"  <nil> "+name {
					t.Errorf("%s heard %q", name, got)
					return
				}
			}
		})
	}
	group.Wait()
}
