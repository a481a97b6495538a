package engine

import (
	"context"
	"encoding/json"
)

// Exchange is what a running request can tell its caller and ask of it. Its methods may be called concurrently, until
// the function that was given it returns.
type Exchange struct{}

// Progress tells how far the request is, if its caller asked to be told. Progress must grow; total is 0 when unknown;
// message may be "". It never blocks for long and never fails: who is not listening misses it.
func (x *Exchange) Progress(progress, total float64, message string) {}

// CanElicit says whether the caller's client can put a form before a person, so that Elicit can work.
func (x *Exchange) CanElicit() bool { return false }

// Elicit asks the person behind the client to fill in a form. Return its error as it is: in the revision 2026-07-28 the
// request ends here with what has to be asked, the client sends the whole request again with the answer, and the same
// function comes to the same Elicit, which then answers. So everything before it is run once more, and must have no
// effect; key tells this question from others of the same request.
//
// Where CanElicit is false, Elicit answers an error of JSON-RPC: ask before.
func (x *Exchange) Elicit(ctx context.Context, key string, form Form) (Answer, error) {
	return Answer{}, &Error{Code: CodeInvalidRequest, Message: "the client cannot ask its user"}
}

// Form is a question to a person.
type Form struct {
	Message string
	// Schema is of type object with properties of simple types, as elicitation/create restricts it; nil means no fields,
	// only a decision.
	Schema json.RawMessage
}

// Answer is what became of a Form.
type Answer struct {
	// Action is "accept", "decline" or "cancel".
	Action string
	// Content holds the fields of an accepted form. The client checked them, perhaps; they are input from outside.
	Content json.RawMessage
}
