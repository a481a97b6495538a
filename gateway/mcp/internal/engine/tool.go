package engine

import (
	"context"
	"encoding/json"
)

// Tool is something that a model may call.
type Tool struct {
	// Name is 1 to 64 of A-Z a-z 0-9 _ - . / as SEP-986 has it. Title is for people.
	Name, Title, Description string
	Hints                    Hints
	// Input is a JSON Schema (2020-12) of type object. Arguments are checked against it before Call sees them: it is the
	// whole truth about their form. A property with "x-mcp-header" must arrive in that header too (2026-07-28).
	Input json.RawMessage
	// Output is the schema of ToolResult.Structured; nil means that there is none. It is published, not enforced on
	// callers' time: the tests of a tool enforce it.
	Output json.RawMessage
	// Visible says whether a caller is shown the tool; nil means always. It is a courtesy, no protection: Call must
	// check its caller, for a hidden tool can be called.
	Visible func(context.Context) bool
	// Call runs the tool. What the caller can mend is a ToolResult with IsError. Of errors, an *Error and a Refusal
	// reach the caller as such; any other is a defect of the server: it is logged and the caller is told nothing of it.
	// Call runs concurrently with itself, and its context ends when the caller gives up: it must return then, for the
	// answer waits for it.
	Call func(context.Context, *ToolCall) (*ToolResult, error)
}

// Hints say what kind of thing a tool does. All four are always published, for the defaults of the specification are the
// frightening ones.
type Hints struct {
	// ReadOnly: changes nothing. Destructive: may destroy something, rather than only add. Idempotent: doing it again
	// changes nothing more. OpenWorld: reaches beyond this server's own data.
	ReadOnly, Destructive, Idempotent, OpenWorld bool
}

// ToolCall is one call of a tool.
type ToolCall struct {
	// Arguments are a JSON object that satisfies Tool.Input.
	Arguments json.RawMessage
	*Exchange
}

// ToolResult is what a tool answers.
type ToolResult struct {
	// Text is the answer for a model, the first block of the content. Where it is empty and Structured is set, it is
	// Structured as JSON, as the specification wants for clients that know no structured content.
	Text string
	// Content follows Text.
	Content []Content
	// Structured is the answer for programs: anything that encodes as JSON and satisfies Tool.Output. Legacy clients
	// want an object. A json.RawMessage is taken as it is, and must be on one line.
	Structured any
	// IsError says that the call failed in a way that Text explains to the model.
	IsError bool
}

// Failure is a result that says why a call failed and what to do about it.
func Failure(text string) *ToolResult { return &ToolResult{Text: text, IsError: true} }
