package httpfront

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// checkHeaders compares the headers of a request of 2026-07-28 with what they repeat of its body: what lies between may
// have decided by them (Streamable HTTP, Server Validation).
func (f *front) checkHeaders(r *http.Request, m *wire.Message) *wire.Failure {
	if failure := checkHeader(r, "Mcp-Method", m.Method, false); failure != nil {
		return failure
	}
	var named string
	switch m.Method {
	case "tools/call", "prompts/get":
		named = "name"
	case "resources/read":
		named = "uri"
	default:
		return nil
	}
	name, ok := m.Params.Text(named)
	if !ok {
		return &wire.Failure{Code: engine.CodeInvalidParams, Message: fmt.Sprintf("%q must be a string", named)}
	}
	if failure := checkHeader(r, "Mcp-Name", name, true); failure != nil || m.Method != "tools/call" {
		return failure
	}
	arguments, _ := m.Params.Object("arguments")
	for _, header := range f.Engine.Headers(name) {
		if failure := checkParameter(r, header, arguments); failure != nil {
			return failure
		}
	}
	return nil
}

func mismatch(format string, args ...any) *wire.Failure {
	return &wire.Failure{Code: engine.CodeHeaderMismatch, Message: "Header mismatch: " + fmt.Sprintf(format, args...)}
}

// checkHeader compares one header with its value in the body. Values that no header can carry come encoded, where that
// is allowed.
func checkHeader(r *http.Request, name, want string, encoded bool) *wire.Failure {
	values := r.Header.Values(name)
	if len(values) != 1 {
		return mismatch("the header %s must be there once", name)
	}
	got, ok := values[0], true
	if encoded {
		got, ok = decodeHeader(got)
	}
	if !ok || got != want {
		return mismatch("the header %s is not what the body says", name)
	}
	return nil
}

// checkParameter compares the header of a parameter with the arguments. A parameter that is absent has no header.
func checkParameter(r *http.Request, header engine.Header, arguments wire.Object) *wire.Failure {
	value := lookup(arguments, header.Path)
	if value == nil || string(value) == "null" {
		if len(r.Header.Values(header.Name)) > 0 {
			return mismatch("the header %s is there, and the body has no such parameter", header.Name)
		}
		return nil
	}
	want := string(value)
	if value[0] == '"' {
		if err := json.Unmarshal(value, &want); err != nil {
			return mismatch("the parameter of the header %s cannot be read", header.Name)
		}
	}
	if header.Integer {
		values := r.Header.Values(header.Name)
		if len(values) == 1 && sameNumber(values[0], want) {
			return nil
		}
	}
	return checkHeader(r, header.Name, want, true)
}

// lookup finds the value at a path of names.
func lookup(object wire.Object, path []string) json.RawMessage {
	for _, name := range path[:len(path)-1] {
		object, _ = object.Object(name)
	}
	return object.Get(path[len(path)-1])
}

// sameNumber compares as numbers: 42 and 42.0 are one. Numbers are as long as safe integers are, for big ones cost.
func sameNumber(a, b string) bool {
	const longest = 24
	if len(a) > longest || len(b) > longest || strings.ContainsAny(a+b, "eE/_xXpP") {
		return false
	}
	x, ok := new(big.Rat).SetString(a)
	if !ok {
		return false
	}
	y, ok := new(big.Rat).SetString(b)
	return ok && x.Cmp(y) == 0
}

// decodeHeader reads a value that may have been encoded for being no plain one (Streamable HTTP, Value Encoding).
func decodeHeader(value string) (string, bool) {
	for i := range len(value) {
		if c := value[i]; (c < 0x20 || c > 0x7e) && c != '\t' {
			return "", false
		}
	}
	inner, marked := strings.CutPrefix(value, "=?base64?")
	inner, closed := strings.CutSuffix(inner, "?=")
	if !marked || !closed {
		return value, true
	}
	decoded, err := base64.StdEncoding.DecodeString(inner)
	if err != nil || !utf8.Valid(decoded) {
		return "", false
	}
	return string(decoded), true
}
