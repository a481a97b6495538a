package engine

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"sync"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// Exchange is what a running request can tell its caller and ask of it. Its methods may be called concurrently, until
// the function that was given it returns.
type Exchange struct {
	version      Version
	peer         Peer
	capabilities wire.Object
	token        json.RawMessage // the progress token; nil: nobody wants to know
	logLevel     string

	mu       sync.Mutex
	progress float64
	answers  map[string]json.RawMessage // to questions of this and of earlier rounds
	kept     []byte
}

func newExchange(r *Request) *Exchange {
	x := &Exchange{
		version: r.Version, peer: r.Peer, capabilities: r.Capabilities, logLevel: r.LogLevel, progress: math.Inf(-1),
	}
	if meta, ok := r.Params.Object("_meta"); ok && r.Peer != nil {
		if token := meta.Get("progressToken"); isToken(token) {
			x.token = token
		}
	}
	return x
}

// isToken says whether a progress token may be echoed: a string or a number, and not long.
func isToken(raw json.RawMessage) bool {
	const longest = 256
	return len(raw) > 0 && len(raw) <= longest && (raw[0] == '"' || raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9')
}

// Progress tells how far the request is, if its caller asked to be told. Progress must grow; total is 0 when unknown;
// message may be "". It never blocks for long and never fails: who is not listening misses it.
func (x *Exchange) Progress(progress, total float64, message string) {
	if x.token == nil {
		return
	}
	x.mu.Lock()
	grows := progress > x.progress
	if grows {
		x.progress = progress
	}
	x.mu.Unlock()
	if !grows {
		return
	}
	x.peer.Notify("notifications/progress", struct {
		Token    json.RawMessage `json:"progressToken"`
		Progress float64         `json:"progress"`
		Total    float64         `json:"total,omitempty"`
		Message  string          `json:"message,omitempty"`
	}{x.token, progress, total, message})
}

// levels are those of RFC 5424, the least first.
var levels = []string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}

// Log sends a log message, if the client wants messages of its level. Servers that do not set Config.Logging have no use
// for it.
func (x *Exchange) Log(level string, data any) {
	if x.peer == nil || x.logLevel == "" || slices.Index(levels, level) < slices.Index(levels, x.logLevel) {
		return
	}
	x.peer.Notify("notifications/message", struct {
		Level string `json:"level"`
		Data  any    `json:"data"`
	}{level, data})
}

// Keep remembers something for the next round of the request, in place of what was kept before. It travels through the
// client, who can neither read nor change it. It comes back within 15 minutes or not at all, and perhaps more than once.
func (x *Exchange) Keep(data []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.kept = slices.Clone(data)
}

// Kept is what an earlier round of this request kept, or this one; nil if there is nothing.
func (x *Exchange) Kept() []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.kept)
}

// CanElicit says whether the caller's client can put a form before a person, so that Elicit can work.
func (x *Exchange) CanElicit() bool { return x.can("elicitation/create") }

// Elicit asks the person behind the client to fill in a form. Return its error as it is: in the revision 2026-07-28 the
// request ends here with what has to be asked, the client sends the whole request again with the answer, and the same
// function comes to the same Elicit, which then answers. So everything before it is run once more, and must have no
// effect; key tells this question from others of the same request.
//
// Where CanElicit is false, Elicit answers an error of JSON-RPC: ask before.
func (x *Exchange) Elicit(ctx context.Context, key string, form Form) (Answer, error) {
	answers, err := x.Ask(ctx, form.Question(key))
	if err != nil {
		return Answer{}, err
	}
	return ReadAnswer(answers[0])
}

// Form is a question to a person.
type Form struct {
	Message string
	// Schema is of type object with properties of simple types, as elicitation/create restricts it; nil means no fields,
	// only a decision.
	Schema json.RawMessage
}

// Question is the form as one of the questions of Ask.
func (f Form) Question(key string) Question {
	schema := f.Schema
	if schema == nil {
		schema = json.RawMessage(`{"type":"object","properties":{}}`)
	}
	return Question{Key: key, Method: "elicitation/create", Params: struct {
		Message string          `json:"message"`
		Schema  json.RawMessage `json:"requestedSchema"`
	}{f.Message, schema}}
}

// Answer is what became of a Form.
type Answer struct {
	// Action is "accept", "decline" or "cancel".
	Action string `json:"action"`
	// Content holds the fields of an accepted form. The client checked them, perhaps; they are input from outside.
	Content json.RawMessage `json:"content"`
}

// ReadAnswer reads the answer to a Form.
func ReadAnswer(raw json.RawMessage) (Answer, error) {
	var a Answer
	if err := json.Unmarshal(raw, &a); err != nil || a.Action != "accept" && a.Action != "decline" && a.Action != "cancel" {
		return Answer{}, invalid("the answer to an elicitation needs an action: accept, decline or cancel")
	}
	return a, nil
}
