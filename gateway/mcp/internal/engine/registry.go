package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"

	mcp "github.com/metoro-io/mcp-golang"
)

// errand is one request on its way through the library. The library's handlers cannot be given what they need, nor give
// back what they have: they find the errand in their context, and leave in it what is to be done. It is done when the
// library has answered, by who sent the errand: on the library's goroutine a panic would end the process.
type errand struct {
	ctx      context.Context
	exchange *Exchange
	uri      string
	vars     map[string]string
	values   map[string]string // a prompt's arguments
	args     json.RawMessage   // a tool's arguments

	// run is set by the handler, and answers *ToolResult, []Contents or *PromptResult.
	run func(context.Context) (any, error)
}

type errandKey struct{}

// errNoErrand says that the library ran a handler that nobody sent it to.
var errNoErrand = errors.New("a handler ran without an errand")

// noArguments stands for the arguments of a tool, which the errand carries as they came. The library reflects on the type to
// make a schema, which is never published, and panics on anything but a struct.
type noArguments struct{}

// ticket stands for the arguments of a prompt. The library cannot register a prompt whose handler takes a context, so
// the handler finds its errand by this number.
type ticket struct{ Errand string }

// register puts everything that is offered into the library.
func (e *Engine) register() error {
	for _, tool := range e.tools {
		err := e.library.RegisterTool(tool.Name, tool.Description, func(ctx context.Context, _ noArguments) (*mcp.ToolResponse, error) {
			return mcp.NewToolResponse(), accept(ctx, func(ctx context.Context, on *errand) (any, error) {
				result, err := tool.Call(ctx, &ToolCall{Arguments: on.args, Exchange: on.exchange})
				return orDefect(result, err, result == nil)
			})
		})
		if err != nil {
			return fmt.Errorf("registering the tool %s: %w", tool.Name, err)
		}
	}
	for _, s := range e.cfg.Resources {
		if err := e.registerReader(s.URI, s.Resource, s.Read); err != nil {
			return err
		}
	}
	for _, t := range e.templates {
		described := Resource{Name: t.Name, Description: t.Description, MIMEType: t.MIMEType}
		if err := e.registerReader(t.URITemplate, described, t.Read); err != nil {
			return err
		}
	}
	for _, p := range e.cfg.Prompts {
		err := e.library.RegisterPrompt(p.Name, p.Description, func(t ticket) (*mcp.PromptResponse, error) {
			on, ok := e.errands.Load(t.Errand)
			if !ok {
				return nil, errNoErrand
			}
			ctx := on.(*errand).ctx //nolint:forcetypeassert // nothing else is stored
			return mcp.NewPromptResponse(""), accept(ctx, func(ctx context.Context, on *errand) (any, error) {
				result, err := p.Get(ctx, &PromptCall{Arguments: on.values, Exchange: on.exchange})
				return orDefect(result, err, result == nil)
			})
		})
		if err != nil {
			return fmt.Errorf("registering the prompt %s: %w", p.Name, err)
		}
	}
	return nil
}

// registerReader registers a resource, or a template under its own text: the library reads exact URIs alone, so what
// matches is found before, and the errand carries the URI that was asked for.
func (e *Engine) registerReader(uri string, r Resource, read func(context.Context, *Reading) ([]Contents, error)) error {
	err := e.library.RegisterResource(uri, r.Name, r.Description, r.MIMEType, func(ctx context.Context) (*mcp.ResourceResponse, error) {
		return mcp.NewResourceResponse(), accept(ctx, func(ctx context.Context, on *errand) (any, error) {
			contents, err := read(ctx, &Reading{URI: on.uri, Vars: on.vars, Exchange: on.exchange})
			return orDefect(contents, err, contents == nil)
		})
	})
	if err != nil {
		return fmt.Errorf("registering the resource %s: %w", uri, err)
	}
	return nil
}

// orDefect turns the absence of both a result and an error into an error.
func orDefect(result any, err error, absent bool) (any, error) {
	switch {
	case err != nil:
		return nil, err
	case absent:
		return nil, errors.New("a handler answered neither a result nor an error")
	}
	return result, nil
}

// accept leaves in the errand what a handler has to do. The library is told of no error: it would print it, and answer it
// as text.
func accept(ctx context.Context, run func(context.Context, *errand) (any, error)) error {
	on, ok := ctx.Value(errandKey{}).(*errand)
	if !ok {
		return errNoErrand
	}
	on.run = func(ctx context.Context) (any, error) { return run(ctx, on) }
	return nil
}

// panicked notes a panic. It is called where the panic is recovered, so that the stack shows its place.
func (e *Engine) panicked(ctx context.Context, p any) {
	e.cfg.Logger.ErrorContext(ctx, "panic",
		slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
}

// dispatch sends an errand through the library, does what the handler says, and returns what came of it. It may panic.
func (e *Engine) dispatch(ctx context.Context, method string, params json.RawMessage, on *errand) (any, error) {
	if _, err := e.bridge.Call(context.WithValue(ctx, errandKey{}, on), method, params); err != nil {
		return nil, fmt.Errorf("dispatching %s: %w", method, err)
	}
	if on.run == nil {
		return nil, fmt.Errorf("dispatching %s: the library answered without a handler", method)
	}
	return on.run(ctx)
}

// prompt sends an errand to a prompt's handler.
func (e *Engine) prompt(ctx context.Context, name string, on *errand) (any, error) {
	number := strconv.FormatUint(e.lastErrand.Add(1), 36)
	on.ctx = context.WithValue(ctx, errandKey{}, on)
	e.errands.Store(number, on)
	defer e.errands.Delete(number)
	params, err := encode(map[string]any{"name": name, "arguments": ticket{number}})
	if err != nil {
		return nil, fmt.Errorf("encoding the parameters: %w", err)
	}
	return e.dispatch(ctx, "prompts/get", params, on)
}
