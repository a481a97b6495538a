package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// Do answers a request with a result, which is JSON on one line. Its errors are *Error, Refusal, and the end of ctx.
//
// Subscriptions are not requests to the engine but streams: see Listen.
func (e *Engine) Do(ctx context.Context, r *Request) (result json.RawMessage, err error) {
	handle := e.method(r)
	if handle == nil {
		return nil, &Error{Code: CodeMethodNotFound, Message: "no method " + quote(r.Method)}
	}
	ctx, span := e.startSpan(ctx, r)
	defer func() {
		if p := recover(); p != nil {
			e.panicked(ctx, p)
			result, err = nil, internal(ctx)
		}
		endSpan(span, err)
	}()
	if result, err = handle(ctx, r); err != nil {
		return nil, e.public(ctx, err)
	}
	return result, nil
}

// handler answers one method.
type handler func(context.Context, *Request) (json.RawMessage, error)

// handlers are the methods of what is offered: a server without prompts has no method to list them.
func (e *Engine) handlers() map[string]handler {
	all := map[string]handler{"initialize": e.initialize, "ping": e.ping, "server/discover": e.discover}
	if e.offersTools() {
		all["tools/list"], all["tools/call"] = e.listTools, e.callTool
	}
	if e.offersResources() {
		all["resources/list"], all["resources/templates/list"] = e.listResources, e.listTemplates
		all["resources/read"] = e.readResource
	}
	if e.offersPrompts() {
		all["prompts/list"], all["prompts/get"] = e.listPrompts, e.getPrompt
	}
	if e.offersCompletions() {
		all["completion/complete"] = e.complete
	}
	if e.cfg.Logging {
		all["logging/setLevel"] = e.setLevel
	}
	return all
}

// method finds what answers a request; nil if the revision, or this server, does not have the method. Nothing unknown
// reaches the library, which prints it.
func (e *Engine) method(r *Request) handler {
	switch r.Method {
	case "initialize", "ping", "logging/setLevel":
		if r.Version.Modern() {
			return nil
		}
	case "server/discover":
		if !r.Version.Modern() {
			return nil
		}
	}
	return e.methods[r.Method]
}

// builder writes a result.
type builder struct {
	out []byte
	err error
}

// begin starts the result of a request. Those of 2026-07-28 say what they are and whose.
func (e *Engine) begin(r *Request, resultType string) *builder {
	const usual = 512
	return e.beginSized(r, resultType, usual)
}

// beginSized is begin for a result of about so many bytes.
func (e *Engine) beginSized(r *Request, resultType string, size int) *builder {
	b := &builder{out: append(make([]byte, 0, size), '{')}
	if r.Version.Modern() {
		b.field("resultType", resultType)
		b.field("_meta", e.modern)
	}
	return b
}

// field adds a member.
func (b *builder) field(name string, value any) {
	raw, ok := value.(json.RawMessage)
	if !ok {
		var err error
		if raw, err = encode(value); err != nil {
			b.err = errors.Join(b.err, fmt.Errorf("encoding %s: %w", name, err))
			return
		}
	}
	b.name(name)
	b.out = append(b.out, raw...)
}

// name begins a member.
func (b *builder) name(name string) {
	if len(b.out) > 1 {
		b.out = append(b.out, ',')
	}
	b.out = append(append(append(b.out, '"'), name...), '"', ':')
}

func (b *builder) end() (json.RawMessage, error) {
	return append(b.out, '}'), b.err
}

// cacheable adds for how long a client of 2026-07-28 may keep a result, in milliseconds. What depends on the caller is
// the caller's alone.
func (e *Engine) cacheable(b *builder, r *Request, milliseconds int64) {
	if !r.Version.Modern() {
		return
	}
	scope := "public"
	if e.cfg.Caller != nil {
		scope = "private"
	}
	b.field("ttlMs", milliseconds)
	b.field("cacheScope", scope)
}

// callTool answers tools/call.
func (e *Engine) callTool(ctx context.Context, r *Request) (json.RawMessage, error) {
	name, _ := r.Params.Text("name")
	tool := e.byName[name]
	if tool == nil || !e.library.CheckToolRegistered(name) {
		return nil, invalid("Unknown tool: " + quote(name))
	}
	args := r.Params.Get("arguments")
	if args == nil || string(args) == "null" {
		args = json.RawMessage("{}")
	} else if _, ok := r.Params.Object("arguments"); !ok {
		return nil, invalid(`"arguments" must be an object`)
	}
	args, problems, err := tool.input.check(args)
	if err != nil {
		return nil, err
	}
	if problems != nil {
		return e.toolResult(r, Failure("Invalid arguments for "+name+": "+join(problems)+"."))
	}
	x := newExchange(r)
	if err := e.resume(ctx, r, x); err != nil {
		return nil, err
	}
	result, err := e.dispatch(ctx, r.Method, tool.params, &errand{exchange: x, args: args})
	if err != nil {
		return e.orRequired(ctx, r, x, err)
	}
	return e.toolResult(r, result.(*ToolResult)) //nolint:forcetypeassert // the handler above left it
}

// orRequired turns the end of a round into its result, and lets other errors be.
func (e *Engine) orRequired(ctx context.Context, r *Request, x *Exchange, err error) (json.RawMessage, error) {
	var open *unanswered
	if errors.As(err, &open) {
		return e.required(ctx, r, x, open)
	}
	return nil, err
}

// toolResult writes the result of a tool.
func (e *Engine) toolResult(r *Request, result *ToolResult) (json.RawMessage, error) {
	structured, written := result.Structured.(json.RawMessage)
	if !written && result.Structured != nil {
		var err error
		if structured, err = encode(result.Structured); err != nil {
			return nil, fmt.Errorf("encoding the structured content: %w", err)
		}
	}
	text := result.Text
	if text == "" && structured != nil {
		text = string(structured)
	}
	const frame = 256 // bytes around the two
	b := e.beginSized(r, "complete", len(text)+len(text)/8+len(structured)+frame)
	b.name("content")
	var err error
	if b.out, err = appendBlocks(b.out, text, result.Content); err != nil {
		return nil, fmt.Errorf("encoding the content: %w", err)
	}
	if structured != nil && (r.Version.Modern() || structured[0] == '{') { // older clients take an object or nothing
		b.field("structuredContent", structured)
	}
	if result.IsError {
		b.field("isError", true)
	}
	return b.end()
}

// appendBlocks appends content: a text, if there is one, and what follows it.
func appendBlocks(out []byte, text string, rest []Content) (_ []byte, err error) {
	out = append(out, '[')
	if text != "" {
		if out, err = Text(text).appendTo(out); err != nil {
			return nil, err
		}
		if len(rest) > 0 {
			out = append(out, ',')
		}
	}
	for i, block := range rest {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = block.appendTo(out); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

// readResource answers resources/read.
func (e *Engine) readResource(ctx context.Context, r *Request) (json.RawMessage, error) {
	uri, ok := r.Params.Text("uri")
	if !ok {
		return nil, invalid(`"uri" must be a string`)
	}
	registered, vars := e.find(uri)
	if registered == "" || !e.library.CheckResourceRegistered(registered) {
		return nil, NotFound(r.Version, uri)
	}
	x := newExchange(r)
	if err := e.resume(ctx, r, x); err != nil {
		return nil, err
	}
	on := &errand{exchange: x, uri: uri, vars: vars}
	params, err := encode(map[string]string{"uri": registered})
	if err != nil {
		return nil, fmt.Errorf("encoding the parameters: %w", err)
	}
	result, err := e.dispatch(ctx, r.Method, params, on)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, NotFound(r.Version, uri)
	case err != nil:
		return e.orRequired(ctx, r, x, err)
	}
	b := e.begin(r, "complete")
	b.field("contents", result)
	e.cacheable(b, r, 0)
	return b.end()
}

// find says under which URI or template a URI is registered, and the values of the template's variables.
func (e *Engine) find(uri string) (registered string, vars map[string]string) {
	for i := range e.cfg.Resources {
		if e.cfg.Resources[i].URI == uri {
			return uri, nil
		}
	}
	for _, t := range e.templates {
		if vars, ok := t.pattern.values(uri); ok {
			return t.URITemplate, vars
		}
	}
	return "", nil
}

// getPrompt answers prompts/get.
func (e *Engine) getPrompt(ctx context.Context, r *Request) (json.RawMessage, error) {
	name, _ := r.Params.Text("name")
	p := e.promptNamed(name)
	if p == nil || !e.library.CheckPromptRegistered(name) {
		return nil, invalid("Unknown prompt: " + quote(name))
	}
	values, err := p.read(r.Params)
	if err != nil {
		return nil, err
	}
	x := newExchange(r)
	if err := e.resume(ctx, r, x); err != nil {
		return nil, err
	}
	result, err := e.prompt(ctx, name, &errand{exchange: x, values: values})
	if err != nil {
		return e.orRequired(ctx, r, x, err)
	}
	got := result.(*PromptResult) //nolint:forcetypeassert // the handler above left it
	b := e.begin(r, "complete")
	if got.Description != "" {
		b.field("description", got.Description)
	}
	messages := got.Messages
	if messages == nil {
		messages = []Message{}
	}
	b.field("messages", messages)
	return b.end()
}

func (e *Engine) promptNamed(name string) *Prompt {
	for i := range e.cfg.Prompts {
		if e.cfg.Prompts[i].Name == name {
			return &e.cfg.Prompts[i]
		}
	}
	return nil
}

// read reads the arguments of a prompt from the parameters of a request.
func (p *Prompt) read(params wire.Object) (map[string]string, error) {
	values := make(map[string]string, len(p.Arguments))
	given, ok := params.Object("arguments")
	if raw := params.Get("arguments"); !ok && raw != nil && string(raw) != "null" {
		return nil, invalid(`"arguments" must be an object`)
	}
	for _, argument := range given {
		text, ok := given.Text(argument.Name)
		if !ok {
			return nil, invalid("the argument " + quote(argument.Name) + " must be a string")
		}
		if p.argument(argument.Name) == nil {
			return nil, invalid("the prompt " + p.Name + " has no argument " + quote(argument.Name))
		}
		values[argument.Name] = text
	}
	for _, argument := range p.Arguments {
		if _, ok := values[argument.Name]; argument.Required && !ok {
			return nil, invalid("the argument " + quote(argument.Name) + " is required")
		}
	}
	return values, nil
}

func (p *Prompt) argument(name string) *PromptArgument {
	for i := range p.Arguments {
		if p.Arguments[i].Name == name {
			return &p.Arguments[i]
		}
	}
	return nil
}
