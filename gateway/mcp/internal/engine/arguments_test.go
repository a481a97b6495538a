package engine_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
)

// echo is a tool that answers its arguments.
func echo(schema string) engine.Config {
	return engine.Config{Tools: []engine.Tool{{
		Name: "echo", Description: "A tool.", Input: json.RawMessage(schema),
		Call: func(_ context.Context, call *engine.ToolCall) (*engine.ToolResult, error) {
			return &engine.ToolResult{Text: string(call.Arguments)}, nil
		},
	}}}
}

const schema = `{
  "type": "object",
  "properties": {
    "okrID": {"type": "string", "minLength": 1, "maxLength": 20},
    "attainment": {"type": "integer", "minimum": 0, "maximum": 100},
    "kind": {"enum": ["METRIC", "MILESTONE"]},
    "due": {"type": "string", "format": "date"},
    "code": {"type": "string", "pattern": "^[a-z]+$"},
    "weight": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5},
    "tags": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string"}},
    "range": {"type": "object", "properties": {"from": {"type": "integer"}}, "required": ["from"], "additionalProperties": false},
    "value": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    "fixed": {"const": 1}
  },
  "required": ["okrID"],
  "additionalProperties": false
}`

func TestArgumentsThatAreWrongAreExplainedToTheModel(t *testing.T) {
	e, _ := start(t, echo(schema))
	for name, c := range map[string]struct{ arguments, want string }{
		"one is missing":          {`{}`, `"okrID" is missing and required`},
		"one is unknown":          {`{"okrID":"a","okrId":"b"}`, `"okrId" is unknown (there are: okrID, attainment, `},
		"another type":            {`{"okrID":1}`, `"okrID" must be of type string, not number`},
		"null":                    {`{"okrID":null}`, `"okrID" must be of type string, not null`},
		"too much":                {`{"okrID":"a","attainment":140}`, `"attainment" must be at most 100`},
		"too little":              {`{"okrID":"a","attainment":-1}`, `"attainment" must be at least 0`},
		"a fraction":              {`{"okrID":"a","attainment":1.5}`, `"attainment" must be of type integer`},
		"not one of them":         {`{"okrID":"a","kind":"OTHER"}`, `"kind" must be one of "METRIC", "MILESTONE"`},
		"no date":                 {`{"okrID":"a","due":"tomorrow"}`, `"due" must be a date`},
		"no such day":             {`{"okrID":"a","due":"2026-02-30"}`, `"due" must be a date`},
		"another form":            {`{"okrID":"a","code":"A"}`, `"code" must match the pattern ^[a-z]+$`},
		"empty":                   {`{"okrID":""}`, `"okrID" must have at least 1 characters; it has 0`},
		"long":                    {`{"okrID":"` + strings.Repeat("x", 21) + `"}`, `"okrID" must have at most 20 characters; it has 21`},
		"not positive":            {`{"okrID":"a","weight":0}`, `"weight" must be more than 0`},
		"not halves":              {`{"okrID":"a","weight":0.7}`, `"weight" must be a multiple of 0.5`},
		"no elements":             {`{"okrID":"a","tags":[]}`, `"tags" must have at least 1 elements; it has 0`},
		"an element":              {`{"okrID":"a","tags":[1]}`, `"tags.0" must be of type string`},
		"deeper: missing":         {`{"okrID":"a","range":{}}`, `"range.from" is missing and required`},
		"deeper: unknown":         {`{"okrID":"a","range":{"from":1,"to":2}}`, `"range.to" is unknown.`},
		"none of the types":       {`{"okrID":"a","value":true}`, `"value" must be of type integer, not boolean, or "value" must be of type string, not boolean`},
		"not the constant":        {`{"okrID":"a","fixed":2}`, `"fixed" must be 1`},
		"two things":              {`{"attainment":101}`, `"attainment" must be at most 100; "okrID" is missing and required`},
		"a name that is long":     {`{"okrID":"a","` + strings.Repeat("x", 500) + `":1}`, strings.Repeat("x", 80) + `…" is unknown`},
		"an exponent for digits":  {`{"okrID":"a","attainment":1e1000000000}`, "out of range"},
		"an exponent for a crash": {`{"okrID":"a","weight":1e1000001}`, "out of range"},
		"more than a float":       {`{"okrID":"a","weight":1e400}`, "out of range"},
		"a tiny exponent":         {`{"okrID":"a","weight":1e-1000001}`, "out of range"},
		"an exponent of a number": {`{"okrID":"a","weight":1e99999999999999999999}`, "out of range"},
		"half of a character":     {`{"okrID":"cut off \ud83c"}`, `half of a surrogate pair, \ud83c, which is no character`},
		"digits without end":      {`{"okrID":"a","attainment":` + strings.Repeat("9", 1000) + `}`, "more than 64 digits"},
	} {
		t.Run(name, func(t *testing.T) {
			result := do(t, e, engine.V20260728, "tools/call", `{"name":"echo","arguments":`+c.arguments+`}`)
			text := textOf(t, result)
			if result["isError"] != true || !strings.Contains(text, c.want) || !strings.HasPrefix(text, "Invalid arguments for echo: ") {
				t.Errorf("%v", result)
			}
			if len(text) > 1000 {
				t.Errorf("%d bytes are too much to say", len(text))
			}
		})
	}
}

func TestArgumentsThatAreRightArriveAsGoReadsThem(t *testing.T) {
	e, _ := start(t, echo(schema))
	for _, c := range []struct{ arguments, want string }{
		{`{ "okrID" : "a" }`, `{ "okrID" : "a" }`},
		{`{"okrID":"a","attainment":40}`, `{"okrID":"a","attainment":40}`},
		{`{"okrID":"a","attainment":40.0}`, `{"attainment":40,"okrID":"a"}`},
		{`{"okrID":"a","attainment":4e1}`, `{"attainment":40,"okrID":"a"}`},
		{`{"okrID":"a","weight":1.5,"tags":["<"]}`, `{"okrID":"a","weight":1.5,"tags":["<"]}`},
		{`{"okrID":"a","range":{"from":-0.0},"tags":["<"]}`, `{"okrID":"a","range":{"from":0},"tags":["<"]}`},
		{`{"okrID":"a","value":7}`, `{"okrID":"a","value":7}`},
	} {
		got := textOf(t, do(t, e, engine.V20260728, "tools/call", `{"name":"echo","arguments":`+c.arguments+`}`))
		if got != c.want {
			t.Errorf("%s: %s, not %s", c.arguments, got, c.want)
		}
	}
}

func TestASchemaIsPublishedAsItWasWritten(t *testing.T) {
	e, _ := start(t, echo(schema))
	listed := do(t, e, engine.V20260728, "tools/list", "")["tools"].([]any)[0].(map[string]any)
	var want any
	if err := json.Unmarshal([]byte(schema), &want); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(listed["inputSchema"])
	if err != nil {
		t.Fatal(err)
	}
	if expected, err := json.Marshal(want); err != nil || string(got) != string(expected) {
		t.Errorf("%s", got)
	}
}

func TestParametersWithHeadersAreFoundWhereTheyStand(t *testing.T) {
	e, _ := start(t, echo(`{"type":"object","properties":{
		"region":{"type":"string","x-mcp-header":"region"},
		"deep":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"}}}
	}}`))
	headers := e.Headers("echo")
	if len(headers) != 2 || headers[0].Name != "Mcp-Param-N" || strings.Join(headers[0].Path, ".") != "deep.n" || !headers[0].Integer ||
		headers[1].Name != "Mcp-Param-Region" || strings.Join(headers[1].Path, ".") != "region" || headers[1].Integer {
		t.Errorf("%+v", headers)
	}
	if got := e.Headers("nobody"); got != nil {
		t.Errorf("%+v", got)
	}
}
