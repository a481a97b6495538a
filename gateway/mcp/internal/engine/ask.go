package engine

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"
)

// Question is a request from the server to the client: elicitation/create, sampling/createMessage or roots/list.
type Question struct {
	// Key tells the question from others of the same request.
	Key    string
	Method string
	// Params is anything that encodes as the parameters of the method.
	Params any
}

// capabilityOf names the capability that a client must have declared to be asked.
func capabilityOf(method string) string {
	switch method {
	case "elicitation/create":
		return "elicitation"
	case "sampling/createMessage":
		return "sampling"
	case "roots/list":
		return "roots"
	}
	return ""
}

// can says whether a question with the method would be put to somebody.
func (x *Exchange) can(method string) bool {
	capability, declared := x.capabilities.Object(capabilityOf(method))
	if method == "elicitation/create" && capability.Get("url") != nil && capability.Get("form") == nil {
		return false // it shows addresses alone; one that says nothing more shows forms (Elicitation, Capabilities)
	}
	return declared && (x.version.Modern() || x.peer != nil && x.peer.Asks())
}

// Can says whether the client can be asked with a method.
func (x *Exchange) Can(method string) bool { return x.can(method) }

// Ask puts questions to the client, all at once, and returns its results in the order of the questions. What Elicit says
// about errors and about being run again holds here too.
func (x *Exchange) Ask(ctx context.Context, questions ...Question) ([]json.RawMessage, error) {
	for _, q := range questions {
		if !x.can(q.Method) {
			return nil, x.cannot(q.Method)
		}
	}
	results := make([]json.RawMessage, len(questions))
	if !x.version.Modern() {
		for i, q := range questions {
			result, err := x.peer.Ask(ctx, q.Method, q.Params)
			if err != nil {
				return nil, err
			}
			results[i] = result
		}
		return results, nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	var open []Question
	for i, q := range questions {
		if results[i] = x.answers[q.Key]; results[i] == nil {
			open = append(open, q)
		}
	}
	if open != nil {
		return nil, &unanswered{questions: open}
	}
	return results, nil
}

// cannot is the error for a client that did not declare what is needed.
func (x *Exchange) cannot(method string) error {
	capability := capabilityOf(method)
	err := &Error{Code: CodeInvalidRequest, Message: "this needs a client with the capability " + capability}
	if x.version.Modern() {
		err.Code = CodeMissingCapability
		err.Data = map[string]any{"requiredCapabilities": map[string]any{capability: struct{}{}}}
	}
	return err
}

// unanswered ends a round of a request of 2026-07-28 with what the client has to find out before the next.
type unanswered struct{ questions []Question }

// Error implements error.
func (u *unanswered) Error() string { return "input is required" }

// IsQuestion says whether an error is that of Ask or Elicit which ends a round, and so no failure.
func IsQuestion(err error) bool {
	_, is := errors.AsType[*unanswered](err)
	return is
}

// stateTTL is how long a client may take to answer: a person reads, thinks and types.
const stateTTL = 15 * time.Minute

// maxState bounds what travels between rounds, in bytes before it is sealed.
const maxState = 64 << 10

// state is what travels between the rounds of a request. It is sealed for its caller and its request.
type state struct {
	Expires time.Time                  `json:"e"`
	Answers map[string]json.RawMessage `json:"a,omitempty"`
	Kept    []byte                     `json:"k,omitempty"`
}

// resume takes up what the client sent with a further round of its request (2026-07-28, Multi Round-Trip Requests).
func (e *Engine) resume(ctx context.Context, r *Request, x *Exchange) error {
	if !r.Version.Modern() {
		return nil
	}
	if raw := r.Params.Get("requestState"); raw != nil {
		sealed, _ := r.Params.Text("requestState")
		plain, err := e.states.Open(sealed, e.round(ctx, r))
		var s state
		if err != nil || json.Unmarshal(plain, &s) != nil || !time.Now().Before(s.Expires) {
			return invalid("the requestState is not one of this server for this request, or has expired: send the request without it")
		}
		x.answers, x.kept = s.Answers, s.Kept
	}
	if r.Params.Get("inputResponses") == nil {
		return nil
	}
	responses, ok := r.Params.Object("inputResponses")
	if !ok {
		return invalid(`"inputResponses" must be an object`)
	}
	answers := maps.Clone(x.answers)
	if answers == nil {
		answers = make(map[string]json.RawMessage, len(responses))
	}
	for _, response := range responses {
		if _, ok := responses.Object(response.Name); !ok {
			return invalid("each of the inputResponses must be an object")
		}
		answers[response.Name] = response.Value
	}
	x.answers = answers
	return nil
}

// round identifies what a state belongs to: one caller's one request, whose parameters may be written differently in
// another round but must mean the same.
func (e *Engine) round(ctx context.Context, r *Request) string {
	var salient []byte
	for _, name := range []string{"name", "uri", "arguments"} {
		if value := r.Params.Get(name); value != nil {
			salient = append(salient, canonical(value)...)
		}
		salient = append(salient, 0)
	}
	return e.caller(ctx) + "\x00" + r.Method + "\x00" + string(salient)
}

// required is the result that ends a round with questions.
func (e *Engine) required(ctx context.Context, r *Request, x *Exchange, u *unanswered) (json.RawMessage, error) {
	x.mu.Lock()
	s := state{Expires: time.Now().Add(stateTTL), Answers: x.answers, Kept: x.kept}
	x.mu.Unlock()
	plain, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	if len(plain) > maxState {
		return nil, invalid("the answers so far are too long")
	}
	type request struct {
		Method string `json:"method"`
		Params any    `json:"params"`
	}
	requests := make(map[string]request, len(u.questions))
	for _, q := range u.questions {
		requests[q.Key] = request{q.Method, q.Params}
	}
	b := e.begin(r, "input_required")
	b.field("inputRequests", requests)
	b.field("requestState", e.states.Seal(plain, e.round(ctx, r)))
	return b.end()
}
