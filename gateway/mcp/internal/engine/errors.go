package engine

import (
	"errors"
	"net/http"
)

// Error is an answer of JSON-RPC's own kind: the request was not understood. A tool that was understood and failed
// answers a ToolResult with IsError instead, for a model reads that and nothing else.
type Error struct {
	Code    int
	Message string
	// Data is anything that encodes as JSON, or nil.
	Data any
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Codes of JSON-RPC 2.0 and of MCP.
const (
	CodeParse          = -32700
	CodeInvalidRequest = -32600
	CodeMethodNotFound = -32601
	CodeInvalidParams  = -32602
	CodeInternal       = -32603
)

// ErrNotFound says that there is no such resource, or none that the caller may know of. Every revision has its own code
// for it; this one error becomes the right one, with the URI.
var ErrNotFound = errors.New("resource not found")

// Refusal is an error that is an answer of HTTP: the credential expired or is too narrow (401, 403), the caller is too
// fast (429), something is down (503). A transport answers with that status and header, and a JSON-RPC error with the
// text of the error in the body, as long as nothing of another answer has been sent; after that, with the JSON-RPC error
// alone. The text reaches the caller.
type Refusal interface {
	error
	HTTPStatus() int
	Header() http.Header
}
