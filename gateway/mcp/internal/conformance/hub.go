package conformance

import (
	"context"
	"sync"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
)

// hub passes what tools cause to every subscriber. The zero value has none.
type hub struct {
	mu   sync.Mutex
	next int
	all  map[int]chan engine.Notification
}

// subscribe hears of everything until ctx ends.
func (h *hub) subscribe(ctx context.Context) <-chan engine.Notification {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all == nil {
		h.all = make(map[int]chan engine.Notification)
	}
	id, events := h.next, make(chan engine.Notification, 16)
	h.next++
	h.all[id] = events
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.all, id)
	})
	return events
}

// publish tells every subscriber who keeps up.
func (h *hub) publish(n engine.Notification) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, events := range h.all {
		select {
		case events <- n:
		default:
		}
	}
}
