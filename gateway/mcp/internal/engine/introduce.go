package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

func (e *Engine) offersTools() bool     { return len(e.cfg.Tools) > 0 }
func (e *Engine) offersResources() bool { return len(e.cfg.Resources)+len(e.cfg.Templates) > 0 }
func (e *Engine) offersPrompts() bool   { return len(e.cfg.Prompts) > 0 }

func (e *Engine) offersCompletions() bool {
	for i := range e.cfg.Templates {
		if e.cfg.Templates[i].Complete != nil {
			return true
		}
	}
	for i := range e.cfg.Prompts {
		for j := range e.cfg.Prompts[i].Arguments {
			if e.cfg.Prompts[i].Arguments[j].Complete != nil {
				return true
			}
		}
	}
	return false
}

// capabilities are what the server can do for a request's client, by the names of the specification.
func (e *Engine) capabilities(r *Request) map[string]any {
	pushes := (r.Pushes || r.Version.Modern()) && e.cfg.Subscribe != nil
	changes := e.cfg.ListsChange
	out := make(map[string]any)
	if e.offersTools() {
		out["tools"] = map[string]bool{"listChanged": pushes && changes.Tools}
	}
	if e.offersResources() {
		out["resources"] = map[string]bool{"subscribe": pushes, "listChanged": pushes && changes.Resources}
	}
	if e.offersPrompts() {
		out["prompts"] = map[string]bool{"listChanged": pushes && changes.Prompts}
	}
	if e.offersCompletions() {
		out["completions"] = struct{}{}
	}
	if e.cfg.Logging {
		out["logging"] = struct{}{}
	}
	return out
}

// initialize answers initialize: as the library does, but for the revision, which it takes for its own, and what the
// server can do, which it cannot know.
func (e *Engine) initialize(ctx context.Context, r *Request) (json.RawMessage, error) {
	if _, ok := r.Params.Text("protocolVersion"); !ok {
		return nil, invalid(`"protocolVersion" must be a string`)
	}
	raw, err := e.bridge.Call(ctx, r.Method, nil)
	if err != nil {
		return nil, fmt.Errorf("initializing: %w", err)
	}
	var introduction struct {
		Version      string         `json:"protocolVersion"`
		Capabilities map[string]any `json:"capabilities"`
		Info         implementation `json:"serverInfo"`
		Instructions string         `json:"instructions,omitempty"`
	}
	if err := json.Unmarshal(raw, &introduction); err != nil {
		return nil, fmt.Errorf("reading the library's introduction: %w", err)
	}
	introduction.Version = string(r.Version)
	introduction.Capabilities = e.capabilities(r)
	introduction.Info.Title = e.cfg.Title
	return encode(introduction)
}

// ping answers ping.
func (e *Engine) ping(ctx context.Context, r *Request) (json.RawMessage, error) {
	raw, err := e.bridge.Call(ctx, r.Method, nil)
	if err != nil {
		return nil, fmt.Errorf("pinging: %w", err)
	}
	return raw, nil
}

// discover answers server/discover.
func (e *Engine) discover(_ context.Context, r *Request) (json.RawMessage, error) {
	b := e.begin(r, "complete")
	b.field("supportedVersions", Versions())
	b.field("capabilities", e.capabilities(r))
	if e.cfg.Instructions != "" {
		b.field("instructions", e.cfg.Instructions)
	}
	e.cacheable(b, r, milliseconds(e.cfg.ListTTL))
	return b.end()
}

// milliseconds rounds up: a little is not nothing.
func milliseconds(d time.Duration) int64 {
	return int64(math.Ceil(float64(d) / float64(time.Millisecond)))
}

// setLevel answers logging/setLevel. The level is the transport's to remember: the engine keeps nothing between requests.
func (e *Engine) setLevel(_ context.Context, r *Request) (json.RawMessage, error) {
	if level, _ := r.Params.Text("level"); !slices.Contains(levels, level) {
		return nil, invalid("\"level\" must be one of " + strings.Join(levels, ", "))
	}
	return json.RawMessage("{}"), nil
}
