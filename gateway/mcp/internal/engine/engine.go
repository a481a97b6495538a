// Package engine is an MCP server without its transport: it lists, validates, dispatches and answers, and knows nothing
// of HTTP.
//
// mcp-golang is the registry and the dispatcher underneath. What the library cannot express is repaired here: titles,
// hints, schemas, structured content, resource templates, pages, JSON-RPC error codes, arguments that are checked before
// they run, panics that stay inside. The revisions of the protocol differ little in what is asked and much in how, so
// there is one engine for all of them and the request says which it speaks.
//
// What a server offers is fixed when it is made. What a caller sees of it depends on the caller: every function of a
// Tool, Template or Prompt gets the context that the transport authenticated.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	mcp "github.com/metoro-io/mcp-golang"
	"go.opentelemetry.io/otel/trace"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/bridge"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/seal"
)

// Config is what a server is and offers. Nothing of it may change after New.
type Config struct {
	// Name is the server's name for programs, Title the one for people.
	Name, Title, Version string
	// Instructions tell a model how to use the server. Clients put them into every conversation: keep them short.
	Instructions string

	Tools     []Tool
	Resources []StaticResource
	Templates []Template
	Prompts   []Prompt

	// PageSize bounds the tools, prompts and templates in one answer; 0 means 100. A page of concrete resources is as
	// long as Template.List makes it.
	PageSize int
	// ListTTL is how long a client may keep a list before it asks again (2026-07-28, ttlMs). 0: it asks every time.
	ListTTL time.Duration

	// Caller identifies who is calling: the same text for the same organization, member and client, and for nobody else.
	// Requests may be cancelled, and what they left with the client be continued, by their caller alone. Nil means that
	// everybody is the same caller.
	Caller func(context.Context) string
	// SealKey protects what a client keeps for the server between the rounds of a request (32 bytes; the replicas of a
	// server share it). Nil means a random one, for a server that is alone.
	SealKey []byte

	// Subscribe opens a stream of notifications for a caller and says what of the wish it fulfils: a resource that does
	// not exist, or that the caller may not read, is left out and not refused. The channel is closed when the stream
	// ends for a reason of the server's; when ctx ends, nobody reads it any more. Its errors are those of Tool.Call. Nil
	// means that the server has no notifications: then it does not announce any.
	Subscribe func(ctx context.Context, wish Subscription) (granted Subscription, events <-chan Notification, err error)
	// ListsChange says that Subscribe reports changed lists too, as the server must announce beforehand.
	ListsChange ListChanges
	// Logging says that tools send log messages to clients (Exchange.Log). It is deprecated in 2026-07-28.
	Logging bool

	// Tracer makes a span of each request that Do answers; nil for none.
	Tracer trace.Tracer
	// Logger hears of panics and of errors that callers must not see.
	Logger *slog.Logger
}

// pageSize is that of a Config that says nothing.
const pageSize = 100

// Engine is a server. Its methods may be called concurrently.
type Engine struct {
	cfg     Config
	bridge  *bridge.Bridge
	library *mcp.Server
	states  *seal.Sealer
	// modern is what every result of 2026-07-28 says of the server, as a JSON object.
	modern json.RawMessage

	methods   map[string]handler
	tools     []*publishedTool
	templates []*publishedTemplate
	byName    map[string]*publishedTool

	lastErrand atomic.Uint64
	errands    sync.Map // of prompts, by number
}

// publishedTool is a tool with what is derived from it.
type publishedTool struct {
	*Tool
	input  *schema
	json   json.RawMessage
	params json.RawMessage // of a call, for the library
}

type publishedTemplate struct {
	*Template
	pattern *pattern
}

// New makes a server. It fails on what could not be served as published: a schema that does not compile, a name that is
// taken or out of form.
func New(cfg Config) (*Engine, error) {
	if cfg.PageSize <= 0 {
		cfg.PageSize = pageSize
	}
	e := &Engine{cfg: cfg, bridge: bridge.New(), byName: make(map[string]*publishedTool, len(cfg.Tools))}
	e.library = mcp.NewServer(e.bridge,
		mcp.WithName(cfg.Name), mcp.WithVersion(cfg.Version), mcp.WithInstructions(cfg.Instructions))
	var err error
	if e.states, err = seal.New(cfg.SealKey, "mcp request state"); err != nil {
		return nil, err
	}
	if e.modern, err = encode(map[string]any{"io.modelcontextprotocol/serverInfo": e.info()}); err != nil {
		return nil, fmt.Errorf("describing the server: %w", err)
	}
	if err := e.publish(); err != nil {
		return nil, err
	}
	if err := e.register(); err != nil {
		return nil, err
	}
	e.methods = e.handlers()
	if err := e.library.Serve(); err != nil {
		return nil, fmt.Errorf("starting the library's server: %w", err)
	}
	return e, nil
}

// toolName is the form of names that every client takes (SEP-986).
var toolName = regexp.MustCompile(`^[A-Za-z0-9_./-]{1,64}$`)

// publish checks everything that is offered and prepares how it is listed.
func (e *Engine) publish() error {
	for i := range e.cfg.Tools {
		tool := &e.cfg.Tools[i]
		switch {
		case !toolName.MatchString(tool.Name):
			return fmt.Errorf("a tool's name is 1 to 64 of A-Z a-z 0-9 _ - . / and not %q", tool.Name)
		case e.byName[tool.Name] != nil:
			return fmt.Errorf("two tools are named %s", tool.Name)
		case tool.Call == nil || tool.Description == "":
			return fmt.Errorf("the tool %s needs a description and a function", tool.Name)
		}
		published, err := publishTool(tool)
		if err != nil {
			return fmt.Errorf("the tool %s: %w", tool.Name, err)
		}
		e.byName[tool.Name] = published
		e.tools = append(e.tools, published)
	}
	taken := make(map[string]bool)
	for _, r := range e.cfg.Resources {
		if taken[r.URI] || r.URI == "" || r.Name == "" || r.Read == nil {
			return fmt.Errorf("the resource %q needs a URI of its own, a name and a function", r.URI)
		}
		taken[r.URI] = true
	}
	for i := range e.cfg.Templates {
		t := &e.cfg.Templates[i]
		if taken[t.URITemplate] || t.Name == "" || t.Read == nil {
			return fmt.Errorf("the resource template %q needs a URI template of its own, a name and a function", t.URITemplate)
		}
		taken[t.URITemplate] = true
		pattern, err := newPattern(t.URITemplate)
		if err != nil {
			return err
		}
		e.templates = append(e.templates, &publishedTemplate{t, pattern})
	}
	for _, p := range e.cfg.Prompts {
		if key := "prompt " + p.Name; taken[key] || p.Name == "" || p.Get == nil {
			return fmt.Errorf("the prompt %q needs a name of its own and a function", p.Name)
		}
		taken["prompt "+p.Name] = true
	}
	if e.cfg.ListsChange != (ListChanges{}) && e.cfg.Subscribe == nil {
		return errors.New("changes of lists are announced, and nothing reports them")
	}
	return nil
}

// publishTool prepares how a tool is listed, once: lists are asked for all the time, and schemas are long.
func publishTool(tool *Tool) (*publishedTool, error) {
	input, err := newSchema(tool.Input)
	if err != nil {
		return nil, fmt.Errorf("its input: %w", err)
	}
	var output json.RawMessage
	if tool.Output != nil {
		compiled, err := newSchema(tool.Output)
		if err != nil {
			return nil, fmt.Errorf("its output: %w", err)
		}
		output = compiled.raw
	}
	type annotations struct {
		Title       string `json:"title,omitempty"`
		ReadOnly    bool   `json:"readOnlyHint"`
		Destructive bool   `json:"destructiveHint"`
		Idempotent  bool   `json:"idempotentHint"`
		OpenWorld   bool   `json:"openWorldHint"`
	}
	listed, err := encode(struct {
		Name        string          `json:"name"`
		Title       string          `json:"title,omitempty"`
		Description string          `json:"description"`
		Input       json.RawMessage `json:"inputSchema"`
		Output      json.RawMessage `json:"outputSchema,omitempty"`
		Annotations annotations     `json:"annotations"`
	}{
		tool.Name, tool.Title, tool.Description, input.raw, output,
		annotations{tool.Title, tool.Hints.ReadOnly, tool.Hints.Destructive, tool.Hints.Idempotent, tool.Hints.OpenWorld},
	})
	if err != nil {
		return nil, fmt.Errorf("encoding it: %w", err)
	}
	params, err := encode(map[string]any{"name": tool.Name, "arguments": noArguments{}})
	if err != nil {
		return nil, fmt.Errorf("encoding its name: %w", err)
	}
	return &publishedTool{tool, input, listed, params}, nil
}

// Headers are the parameters of a tool that a client of 2026-07-28 repeats in headers; none if there is no such tool.
func (e *Engine) Headers(tool string) []Header {
	if t := e.byName[tool]; t != nil {
		return t.input.headers
	}
	return nil
}

// Caller identifies who is calling, as Config.Caller has it.
func (e *Engine) Caller(ctx context.Context) string { return e.caller(ctx) }

func (e *Engine) caller(ctx context.Context) string {
	if e.cfg.Caller == nil {
		return ""
	}
	return e.cfg.Caller(ctx)
}

// implementation is the server as it introduces itself.
type implementation struct {
	Name    string `json:"name"`
	Title   string `json:"title,omitempty"`
	Version string `json:"version"`
}

func (e *Engine) info() implementation {
	return implementation{e.cfg.Name, e.cfg.Title, e.cfg.Version}
}
