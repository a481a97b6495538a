package wire_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

func TestMessagesAreReadAsWhatTheyAre(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want wire.Message
	}{
		"a request":               {`{"jsonrpc":"2.0","id":1,"method":"ping"}`, wire.Message{Kind: wire.Request, ID: json.RawMessage("1"), Method: "ping"}},
		"a request with a string": {`{"jsonrpc":"2.0","id":"a","method":"ping"}`, wire.Message{Kind: wire.Request, ID: json.RawMessage(`"a"`), Method: "ping"}},
		"a notification":          {` {"method":"note","jsonrpc":"2.0"} `, wire.Message{Kind: wire.Notification, Method: "note"}},
		"a result":                {`{"jsonrpc":"2.0","id":"q","result":null}`, wire.Message{Kind: wire.Response, ID: json.RawMessage(`"q"`), Result: json.RawMessage("null")}},
		"an error":                {`{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"no"}}`, wire.Message{Kind: wire.Response, ID: json.RawMessage("7"), Error: json.RawMessage(`{"code":1,"message":"no"}`)}},
		"an escaped name":         {`{"jsonrpc":"2.0","id":1,"\u006dethod":"ping"}`, wire.Message{Kind: wire.Request, ID: json.RawMessage("1"), Method: "ping"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := wire.Decode([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if got.Kind != c.want.Kind || string(got.ID) != string(c.want.ID) || got.Method != c.want.Method ||
				string(got.Result) != string(c.want.Result) || string(got.Error) != string(c.want.Error) {
				t.Errorf("%+v, not %+v", got, c.want)
			}
		})
	}
}

func TestAnIDComesBackByteForByte(t *testing.T) {
	for _, id := range []string{
		`0`, `-1`, `9007199254740993`, `123456789012345678901234567890`, `1.0`, `1.50`, `1e3`, `""`, `"7"`, `"a\u0062\/"`, `"é"`,
	} {
		m, err := wire.Decode([]byte(`{"jsonrpc":"2.0","id":` + id + `,"method":"ping"}`))
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		want := `{"jsonrpc":"2.0","id":` + id + `,"result":{}}`
		if got := string(wire.EncodeResult(m.ID, json.RawMessage("{}"))); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

func TestWhatIsNoMessageIsRefusedWithItsReason(t *testing.T) {
	const invalid, parse = wire.CodeInvalidRequest, wire.CodeParse
	for name, c := range map[string]struct {
		text   string
		code   int
		id     string
		reason string
	}{
		"nothing":                     {``, parse, "", "not JSON"},
		"half an object":              {`{"jsonrpc":"2.0"`, parse, "", "not JSON at byte 16"},
		"two objects":                 {`{} {}`, parse, "", "not JSON"},
		"not UTF-8":                   {"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"ping\"}", invalid, "", "not UTF-8"},
		"a batch":                     {`[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, invalid, "", "batches"},
		"an empty batch":              {`[]`, invalid, "", "batches"},
		"a string":                    {`"ping"`, invalid, "", "not an object"},
		"null":                        {`null`, invalid, "", "not an object"},
		"no version":                  {`{"id":1,"method":"ping"}`, invalid, "1", `"jsonrpc"`},
		"another version":             {`{"jsonrpc":"1.0","id":1,"method":"ping"}`, invalid, "1", `"jsonrpc"`},
		"a version that is a number":  {`{"jsonrpc":2.0,"id":1,"method":"ping"}`, invalid, "1", `"jsonrpc"`},
		"no method":                   {`{"jsonrpc":"2.0","id":1}`, invalid, "1", `"method"`},
		"a method that is a number":   {`{"jsonrpc":"2.0","id":1,"method":1}`, invalid, "1", `"method"`},
		"a method in capitals":        {`{"jsonrpc":"2.0","id":1,"METHOD":"ping"}`, invalid, "1", `"method"`},
		"parameters in a list":        {`{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}`, invalid, "1", `"params"`},
		"parameters that are null":    {`{"jsonrpc":"2.0","id":1,"method":"ping","params":null}`, invalid, "1", `"params"`},
		"an id that is null":          {`{"jsonrpc":"2.0","id":null,"method":"ping"}`, invalid, "", "the id"},
		"an id that is true":          {`{"jsonrpc":"2.0","id":true,"method":"ping"}`, invalid, "", "the id"},
		"an id that is an object":     {`{"jsonrpc":"2.0","id":{},"method":"ping"}`, invalid, "", "the id"},
		"an id that is long":          {`{"jsonrpc":"2.0","id":"` + strings.Repeat("a", 255) + `","method":"ping"}`, invalid, "", "the id"},
		"a name twice":                {`{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}`, invalid, "", "twice"},
		"a name twice, once escaped":  {`{"jsonrpc":"2.0","id":1,"method":"ping","\u006dethod":"tools/call"}`, invalid, "", "twice"},
		"a name twice, deep inside":   {`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":[{"b":1,"b":2}]}}`, invalid, "", "twice"},
		"a name twice among many":     {`{` + manyNames(40) + `,"n7":1}`, invalid, "", "twice"},
		"nested deeply":               {`{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, invalid, "", "deep"},
		"objects nested deeply":       {strings.Repeat(`{"a":`, 65) + `1` + strings.Repeat("}", 65), invalid, "", "deep"},
		"nested beyond a decoder":     {strings.Repeat("[", 20000), parse, "", "not JSON"},
		"a result and an error":       {`{"jsonrpc":"2.0","id":1,"result":{},"error":{}}`, invalid, "1", "either"},
		"a result and a method":       {`{"jsonrpc":"2.0","id":1,"result":{},"method":"ping"}`, invalid, "1", "either"},
		"a response to nobody":        {`{"jsonrpc":"2.0","result":{}}`, invalid, "", "id"},
		"a method that is empty":      {`{"jsonrpc":"2.0","id":1,"method":""}`, invalid, "1", `"method"`},
		"a byte order mark":           {"\ufeff{}", parse, "", "not JSON"},
		"a comment":                   {`{/**/}`, parse, "", "not JSON"},
		"an unfinished escape":        {`{"a":"\u12"}`, parse, "", "not JSON"},
		"a control character in text": {"{\"a\":\"\n\"}", parse, "", "not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := wire.Decode([]byte(c.text))
			var malformed *wire.Malformed
			if !errors.As(err, &malformed) {
				t.Fatalf("%+v, %v", m, err)
			}
			if malformed.Code != c.code || string(malformed.ID) != c.id || !strings.Contains(malformed.Reason, c.reason) {
				t.Errorf("%d %s %q", malformed.Code, malformed.ID, malformed.Reason)
			}
		})
	}
}

// manyNames are members with different names.
func manyNames(n int) string {
	members := make([]string, n)
	for i := range members {
		members[i] = `"n` + strings.Repeat("1", i) + `":0`
	}
	members[n-1] = `"n7":0`
	return strings.Join(members, ",")
}

func TestMembersKeepTheirOrderAndTheirText(t *testing.T) {
	o, err := wire.Parse([]byte(` { "b" : 1.0 , "a" : { "x" : "\u00e9" , "y" : [ 1 , {} ] } , "n" : null } `))
	if err != nil {
		t.Fatal(err)
	}
	var names string
	for _, m := range o {
		names += m.Name
	}
	if names != "ban" || string(o.Get("b")) != "1.0" || string(o.Get("n")) != "null" || o.Get("B") != nil {
		t.Errorf("%q", o)
	}
	inner, ok := o.Object("a")
	if text, isText := inner.Text("x"); !ok || !isText || text != "é" || string(inner.Get("y")) != "[ 1 , {} ]" {
		t.Errorf("%q", inner)
	}
	if _, ok := o.Object("b"); ok {
		t.Error("a number is no object")
	}
	if _, ok := o.Text("b"); ok {
		t.Error("a number is no text")
	}
}

func TestAFailureWhoseDataDoesNotEncodeIsSentWithoutIt(t *testing.T) {
	got := string(wire.EncodeFailure(json.RawMessage("1"), &wire.Failure{Code: -1, Message: "no", Data: func() {}}))
	if want := `{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}`; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}

// FuzzDecode holds what a reader of messages must never break: it does not panic, what it lets through is what every
// other reader of JSON reads, and an answer to it is JSON with the same id.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":[1,{"b":null}]}}`,
		`{"jsonrpc":"2.0","id":"\u0061","method":"tools/call"}`, `[]`, `{`, `{"a":"\"}"}`, `{"jsonrpc":"2.0","id":-0.5e+3,"result":"x"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := wire.Decode(data)
		if err != nil {
			var malformed *wire.Malformed
			if !errors.As(err, &malformed) || malformed.Reason == "" {
				t.Fatalf("%v", err)
			}
			if answer := wire.EncodeFailure(malformed.ID, &wire.Failure{Code: malformed.Code, Message: malformed.Reason}); !json.Valid(answer) {
				t.Fatalf("%s", answer)
			}
			return
		}
		var other map[string]json.RawMessage
		if err := json.Unmarshal(data, &other); err != nil {
			t.Fatalf("let through what is no object: %v", err)
		}
		var method string
		if raw := other["method"]; raw != nil {
			if err := json.Unmarshal(raw, &method); err != nil {
				t.Fatal(err)
			}
		}
		if m.Method != method || string(m.ID) != string(other["id"]) {
			t.Fatalf("%q %s, others read %q %s", m.Method, m.ID, method, other["id"])
		}
		for _, member := range m.Params {
			if !json.Valid(member.Value) {
				t.Fatalf("%q has no value: %q", member.Name, member.Value)
			}
		}
		if m.ID != nil && !json.Valid(wire.EncodeResult(m.ID, json.RawMessage("{}"))) {
			t.Fatalf("the id %q does not come back", m.ID)
		}
	})
}
