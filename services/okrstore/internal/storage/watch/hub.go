// Package watch tells those who follow an organization that something was
// committed in it. It is the part of [storage.Engine] that all engines have in
// common.
package watch

import (
	"context"
	"sync"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// A Hub holds the open watches of one engine. The zero Hub is ready for use
// and may be used by many goroutines at once. It starts no goroutine.
type Hub struct {
	mu      sync.Mutex
	closed  bool
	watches map[string]map[*subscription]struct{}
}

// A subscription is one open channel. Its channel holds one signal: a second
// one that nobody has received yet would say nothing new.
type subscription struct {
	signal chan struct{}
	// detach stops waiting for the end of the subscriber's context.
	detach func() bool
}

// Watch opens a channel that receives a signal after each Notify for the
// organization and is closed when ctx or the hub ends. It fails with
// [storage.ErrClosed] on a closed hub.
func (h *Hub) Watch(ctx context.Context, organization string) (<-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, storage.ErrClosed
	}
	s := &subscription{signal: make(chan struct{}, 1)}
	if h.watches == nil {
		h.watches = make(map[string]map[*subscription]struct{})
	}
	if h.watches[organization] == nil {
		h.watches[organization] = make(map[*subscription]struct{})
	}
	h.watches[organization][s] = struct{}{}
	// The function runs on its own goroutine, so it cannot find the lock held
	// by this call for ever, even when ctx has ended already.
	s.detach = context.AfterFunc(ctx, func() { h.remove(organization, s) })
	return s.signal, nil
}

// Notify signals every open watch of the organization. It never blocks on a
// receiver.
func (h *Hub) Notify(organization string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	notify(h.watches[organization])
}

// NotifyAll signals every open watch.
func (h *Hub) NotifyAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, subscriptions := range h.watches {
		notify(subscriptions)
	}
}

func notify(subscriptions map[*subscription]struct{}) {
	for s := range subscriptions {
		select {
		case s.signal <- struct{}{}:
		default:
		}
	}
}

// Close closes all channels and refuses new watches. Calling it again does
// nothing.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, subscriptions := range h.watches {
		for s := range subscriptions {
			s.detach()
			close(s.signal)
		}
	}
	h.watches = nil
}

// Len returns the number of open watches.
func (h *Hub) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, subscriptions := range h.watches {
		n += len(subscriptions)
	}
	return n
}

// remove closes s unless Close was faster: whoever takes it out of the map
// closes it, so that happens once and never beside a send.
func (h *Hub) remove(organization string, s *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	subscriptions := h.watches[organization]
	if _, open := subscriptions[s]; !open {
		return
	}
	delete(subscriptions, s)
	if len(subscriptions) == 0 {
		delete(h.watches, organization)
	}
	close(s.signal)
}
