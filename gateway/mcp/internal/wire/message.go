package wire

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Codes of JSON-RPC 2.0 that reading a message ends with.
const (
	CodeParse          = -32700
	CodeInvalidRequest = -32600
)

// maxID bounds a request's id in bytes. It is echoed in every message about the request.
const maxID = 256

// Kind is what a message is.
type Kind int

// The kinds of messages.
const (
	Request Kind = iota + 1
	Notification
	Response
)

// Message is one JSON-RPC message.
type Message struct {
	Kind Kind
	// ID is the id of a request or response as it came: a string or a number.
	ID json.RawMessage
	// Method and Params are those of a request or notification. Params is nil if there are none.
	Method string
	Params Object
	// Result and Error are those of a response: exactly one is not nil.
	Result json.RawMessage
	Error  json.RawMessage
}

// Malformed says why a text is no message.
type Malformed struct {
	Code int
	// ID is the id to answer with, if the text has one that can be.
	ID json.RawMessage
	// Reason is for the sender.
	Reason string
}

// Error implements error.
func (m *Malformed) Error() string { return m.Reason }

// Decode reads one message. Its errors are *Malformed.
func Decode(data []byte) (*Message, error) {
	envelope, err := Parse(data)
	if err != nil {
		return nil, unreadable(data, err)
	}
	m := &Message{ID: envelope.Get("id")}
	if m.ID != nil && !validID(m.ID) {
		return nil, &Malformed{
			Code:   CodeInvalidRequest,
			Reason: fmt.Sprintf("the id must be a string or a number of at most %d bytes", maxID),
		}
	}
	invalid := func(reason string) (*Message, error) {
		return nil, &Malformed{Code: CodeInvalidRequest, ID: m.ID, Reason: reason}
	}
	if version, _ := envelope.Text("jsonrpc"); version != "2.0" {
		return invalid(`"jsonrpc" must be "2.0"`)
	}
	m.Result, m.Error = envelope.Get("result"), envelope.Get("error")
	if m.Result != nil || m.Error != nil {
		return m.response(envelope, invalid)
	}
	method, ok := envelope.Text("method")
	if !ok || method == "" {
		return invalid(`"method" must be a string`)
	}
	m.Method = method
	if params := envelope.Get("params"); params != nil {
		if m.Params, ok = envelope.Object("params"); !ok {
			return invalid(`"params" must be an object`)
		}
	}
	m.Kind = Notification
	if m.ID != nil {
		m.Kind = Request
	}
	return m, nil
}

// response completes a response.
func (m *Message) response(envelope Object, invalid func(string) (*Message, error)) (*Message, error) {
	switch {
	case m.Result != nil && m.Error != nil:
		return invalid(`a response has either "result" or "error"`)
	case envelope.Get("method") != nil:
		return invalid("a message is either a request or a response")
	case m.ID == nil:
		return invalid("a response needs the id of its request")
	}
	m.Kind = Response
	return m, nil
}

// unreadable says what is wrong with a text that is not one object.
func unreadable(data []byte, err error) error {
	code := CodeParse
	reason := "the body must be one JSON-RPC message: " + err.Error()
	if json.Valid(data) {
		code = CodeInvalidRequest
		var batch []json.RawMessage
		if json.Unmarshal(data, &batch) == nil && batch != nil {
			reason = "batches are not part of the supported revisions of MCP: send each message in a request of its own"
		}
	}
	return &Malformed{Code: code, Reason: reason}
}

// validID says whether an id may be echoed. MCP forbids null; JSON-RPC discourages fractions, and clients send them.
func validID(id json.RawMessage) bool {
	if len(id) > maxID {
		return false
	}
	return id[0] == '"' || id[0] == '-' || id[0] >= '0' && id[0] <= '9'
}

// Failure is the error of a response.
type Failure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

// AsFailure reads a response's error, as far as it is one.
func AsFailure(raw json.RawMessage) *Failure {
	f := &Failure{}
	if err := json.Unmarshal(raw, f); err != nil {
		return &Failure{Code: CodeInvalidRequest, Message: "an error that is no JSON-RPC error"}
	}
	return f
}

// EncodeResult writes the response to a request. The result must be JSON on one line.
func EncodeResult(id, result json.RawMessage) []byte {
	before, after := ResultFrame(id)
	return slices.Concat(before, result, after)
}

// ResultFrame is what stands before and after the result of a request in its response.
func ResultFrame(id json.RawMessage) (before, after []byte) {
	const start, end = `{"jsonrpc":"2.0","id":`, `,"result":`
	before = make([]byte, 0, len(start)+len(id)+len(end))
	return append(append(append(before, start...), id...), end...), []byte{'}'}
}

// EncodeFailure writes the error response to a request, or to something that had no id that could be read (nil): then
// it has none either.
func EncodeFailure(id json.RawMessage, f *Failure) []byte {
	body, err := json.Marshal(f)
	if err != nil { // the data does not encode: the rest does
		body, err = json.Marshal(&Failure{Code: f.Code, Message: f.Message})
	}
	if err != nil {
		return nil // two integers and a text always encode
	}
	out := append(make([]byte, 0, len(id)+len(body)+48), `{"jsonrpc":"2.0",`...)
	if id != nil {
		out = append(out, `"id":`...)
		out = append(out, id...)
		out = append(out, ',')
	}
	out = append(out, `"error":`...)
	out = append(out, body...)
	return append(out, '}')
}

// EncodeCall writes a request, or with a nil id a notification.
func EncodeCall(id json.RawMessage, method string, params any) ([]byte, error) {
	out, err := json.Marshal(struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id,omitempty"`
		Method  string          `json:"method"`
		Params  any             `json:"params,omitempty"`
	}{"2.0", id, method, params})
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", method, err)
	}
	return out, nil
}
