package engine

import (
	"context"
	"encoding/json"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// maxCompletions is how many values one answer may have (Completion).
const maxCompletions = 100

// complete answers completion/complete.
func (e *Engine) complete(ctx context.Context, r *Request) (json.RawMessage, error) {
	argument, ok := r.Params.Object("argument")
	name, named := argument.Text("name")
	prefix, valued := argument.Text("value")
	ref, referred := r.Params.Object("ref")
	if !ok || !named || !valued || !referred {
		return nil, invalid(`"ref" and "argument" with a name and a value are required`)
	}
	completer, err := e.completer(ctx, ref, name)
	if err != nil {
		return nil, err
	}
	values, more := []string{}, false
	if completer != nil {
		if values, more, err = completer(ctx, prefix); err != nil {
			return nil, err
		}
		if len(values) > maxCompletions {
			values, more = values[:maxCompletions], true
		}
		if values == nil {
			values = []string{}
		}
	}
	b := e.begin(r, "complete")
	b.field("completion", struct {
		Values  []string `json:"values"`
		HasMore bool     `json:"hasMore"`
	}{values, more})
	return b.end()
}

// completer finds what completes an argument; nil if nothing does.
func (e *Engine) completer(
	ctx context.Context, ref wire.Object, name string,
) (func(context.Context, string) ([]string, bool, error), error) {
	switch kind, _ := ref.Text("type"); kind {
	case "ref/prompt":
		text, _ := ref.Text("name")
		p := e.promptNamed(text)
		if p == nil {
			return nil, invalid("Unknown prompt: " + quote(text))
		}
		argument := p.argument(name)
		if argument == nil {
			return nil, invalid("the prompt " + p.Name + " has no argument " + quote(name))
		}
		if !visible(ctx, p.Visible) {
			return nil, nil
		}
		return argument.Complete, nil
	case "ref/resource":
		text, _ := ref.Text("uri")
		for _, t := range e.templates {
			if t.URITemplate != text {
				continue
			}
			if t.Complete == nil || !visible(ctx, t.Visible) {
				return nil, nil
			}
			return func(ctx context.Context, prefix string) ([]string, bool, error) {
				return t.Complete(ctx, name, prefix)
			}, nil
		}
		return nil, invalid("Unknown resource template: " + quote(text))
	}
	return nil, invalid(`the type of "ref" must be ref/prompt or ref/resource`)
}
