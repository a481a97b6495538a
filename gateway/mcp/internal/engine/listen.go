package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// maxURIs bounds the resources of one subscription.
const maxURIs = 1000

// Stream is an open subscription.
type Stream struct {
	// Granted is what will be heard of.
	Granted Subscription
	// Events is closed when the stream ends.
	Events <-chan Notification
}

// Listens says whether there is anything to subscribe to.
func (e *Engine) Listens() bool { return e.cfg.Subscribe != nil }

// Listen opens a subscription until ctx ends. Its errors are those of Do.
func (e *Engine) Listen(ctx context.Context, wish Subscription) (stream *Stream, err error) {
	if e.cfg.Subscribe == nil {
		return nil, &Error{Code: CodeMethodNotFound, Message: "this server has no notifications"}
	}
	defer func() {
		if p := recover(); p != nil {
			e.panicked(ctx, p)
			stream, err = nil, internal(ctx)
		}
	}()
	changes := e.cfg.ListsChange
	wish.Tools = wish.Tools && changes.Tools
	wish.Resources = wish.Resources && changes.Resources
	wish.Prompts = wish.Prompts && changes.Prompts
	granted, events, err := e.cfg.Subscribe(ctx, wish)
	if err != nil {
		return nil, e.public(ctx, err)
	}
	return &Stream{granted, events}, nil
}

// Filter reads what the parameters of subscriptions/listen ask for (2026-07-28, Subscriptions).
func Filter(params wire.Object) (Subscription, error) {
	filter, ok := params.Object("notifications")
	if !ok {
		return Subscription{}, invalid(`"notifications" must be an object`)
	}
	var s Subscription
	for name, flag := range map[string]*bool{
		"toolsListChanged": &s.Tools, "resourcesListChanged": &s.Resources, "promptsListChanged": &s.Prompts,
	} {
		if raw := filter.Get(name); raw != nil && json.Unmarshal(raw, flag) != nil {
			return Subscription{}, invalid(fmt.Sprintf("%q must be true or false", name))
		}
	}
	if raw := filter.Get("resourceSubscriptions"); raw != nil {
		if json.Unmarshal(raw, &s.URIs) != nil || len(s.URIs) > maxURIs {
			return Subscription{}, invalid(fmt.Sprintf(`"resourceSubscriptions" must be a list of at most %d URIs`, maxURIs))
		}
	}
	return s, nil
}

// Wire is a subscription as subscriptions/listen and its acknowledgement have it.
func (s Subscription) Wire() any {
	return struct {
		Tools     bool     `json:"toolsListChanged,omitempty"`
		Resources bool     `json:"resourcesListChanged,omitempty"`
		Prompts   bool     `json:"promptsListChanged,omitempty"`
		URIs      []string `json:"resourceSubscriptions,omitempty"`
	}{s.Tools, s.Resources, s.Prompts, s.URIs}
}

// Method is the method of the notification that says what happened, "" for one that the subscription did not ask for.
func (s Subscription) Method(n Notification) string {
	switch {
	case n.Kind == ResourceUpdated:
		for _, uri := range s.URIs {
			if uri == n.URI {
				return "notifications/resources/updated"
			}
		}
	case n.Kind == ResourcesChanged && s.Resources:
		return "notifications/resources/list_changed"
	case n.Kind == ToolsChanged && s.Tools:
		return "notifications/tools/list_changed"
	case n.Kind == PromptsChanged && s.Prompts:
		return "notifications/prompts/list_changed"
	}
	return ""
}
