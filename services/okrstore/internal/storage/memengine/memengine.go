// Package memengine is the model of a [storage.Engine]: everything in memory,
// one writer at a time, each committed state a slice that never changes again.
// It shares no transaction code with the engines that it is compared with. It
// is for tests; what it holds ends with it.
//
// It holds its callers to what a [storage.Tx] says of memory: what it lends is
// spoiled when the function returns, and it panics when it finds that something
// lent, or a value that was put, has been changed.
package memengine

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/watch"
)

// Engine is a [storage.Engine] in memory. It runs no goroutine.
type Engine struct {
	epoch string
	hub   watch.Hub
	// writer is a lock that a context can end the wait for: who puts the one
	// element in may write.
	writer  chan struct{}
	closing chan struct{}
	close   sync.Once

	mu     sync.Mutex
	closed bool
	// states holds each organization's pairs in the order of their keys. A
	// slice, once here, is replaced but never changed, so a View needs no lock.
	states map[string][]storage.KV
	// views counts the open Views, for which Close waits.
	views sync.WaitGroup
	// put are values that were put last.
	put []lent
}

var _ storage.Engine = (*Engine)(nil)

// New returns an empty engine.
func New() *Engine {
	return &Engine{
		epoch:   rand.Text(),
		writer:  make(chan struct{}, 1),
		closing: make(chan struct{}),
		states:  make(map[string][]storage.KV),
	}
}

// View implements [storage.Engine].
func (e *Engine) View(ctx context.Context, organization string, fn func(storage.Tx) error) error {
	if err := storage.CheckOrganization(organization); err != nil {
		return err
	}
	state, err := e.openView(ctx, organization)
	if err != nil {
		return err
	}
	defer e.views.Done()
	return (&tx{pairs: state, readOnly: true, ctx: ctx}).run(fn)
}

// openView returns the organization's state; the caller owes views a Done.
func (e *Engine) openView(ctx context.Context, organization string) ([]storage.KV, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, storage.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e.views.Add(1)
	return e.states[organization], nil
}

// Update implements [storage.Engine].
func (e *Engine) Update(ctx context.Context, organization string, fn func(storage.Tx) error) error {
	if err := storage.CheckOrganization(organization); err != nil {
		return err
	}
	if err := e.Ready(ctx); err != nil {
		return err
	}
	select {
	case e.writer <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-e.closing:
		return storage.ErrClosed
	}
	defer func() { <-e.writer }()
	// The select above picks any of the cases that are ready.
	if err := e.Ready(ctx); err != nil {
		return err
	}

	t := &tx{pairs: e.state(organization)}
	if err := t.run(fn); err != nil {
		return err
	}
	e.watchOver(t.put)
	if len(t.written) > 0 {
		e.commit(organization, t.pairs)
	}
	return nil
}

// watchedPuts is of how many values that were put the engine finds out when
// they are changed later.
const watchedPuts = 200

// watchOver checks the values that were put before, and adds some. The caller is
// the writer.
func (e *Engine) watchOver(put []lent) {
	for _, l := range e.put {
		l.check()
	}
	e.put = append(e.put, put...)
	e.put = slices.Clone(e.put[max(0, len(e.put)-watchedPuts):])
}

func (e *Engine) state(organization string) []storage.KV {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.states[organization]
}

func (e *Engine) commit(organization string, state []storage.KV) {
	e.mu.Lock()
	e.states[organization] = state
	e.mu.Unlock()
	e.hub.Notify(organization)
}

// Watch implements [storage.Engine].
func (e *Engine) Watch(ctx context.Context, organization string) (<-chan struct{}, error) {
	if err := storage.CheckOrganization(organization); err != nil {
		return nil, err
	}
	if err := e.Ready(ctx); err != nil {
		return nil, err
	}
	return e.hub.Watch(ctx, organization)
}

// Ready implements [storage.Engine].
func (e *Engine) Ready(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return storage.ErrClosed
	}
	return ctx.Err()
}

// Epoch implements [storage.Engine].
func (e *Engine) Epoch() string { return e.epoch }

// Close implements [storage.Engine].
func (e *Engine) Close() error {
	e.close.Do(func() {
		e.mu.Lock()
		e.closed = true
		e.mu.Unlock()
		close(e.closing)
		e.writer <- struct{}{} // waits for the Update that runs
		e.watchOver(nil)
		<-e.writer
		e.views.Wait()
		e.hub.Close()
	})
	return nil
}
