package engine

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
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

// Codes of JSON-RPC 2.0 and of MCP. The last three are of 2026-07-28.
const (
	CodeParse          = -32700
	CodeInvalidRequest = -32600
	CodeMethodNotFound = -32601
	CodeInvalidParams  = -32602
	CodeInternal       = -32603

	CodeHeaderMismatch     = -32020
	CodeMissingCapability  = -32021
	CodeUnsupportedVersion = -32022

	codeLegacyNotFound = -32002
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

// invalid is an error about the parameters of a request.
func invalid(message string) *Error { return &Error{Code: CodeInvalidParams, Message: message} }

// NotFound is the error for a resource that is not there. Its code changed in 2026-07-28 (SEP-2164).
func NotFound(v Version, uri string) *Error {
	code := CodeInvalidParams
	if !v.Modern() {
		code = codeLegacyNotFound
	}
	return &Error{Code: code, Message: "Resource not found", Data: map[string]string{"uri": uri}}
}

// public is what a caller may know of an error. The rest goes to the log under the correlation id, which the caller is
// given to tell us.
func (e *Engine) public(ctx context.Context, err error) error {
	var own *Error
	var refusal Refusal
	var unanswered *unanswered
	switch {
	case errors.As(err, &refusal), errors.As(err, &own), errors.As(err, &unanswered):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	e.cfg.Logger.ErrorContext(ctx, "request failed", slog.Any("error", err))
	return internal(ctx)
}

// internal is the error that says nothing.
func internal(ctx context.Context) *Error {
	out := &Error{Code: CodeInternal, Message: "internal error"}
	if id := telemetry.CorrelationID(ctx); id != "" {
		out.Data = map[string]string{"reference": id}
	}
	return out
}
