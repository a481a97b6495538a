package etcdengine

import (
	"cmp"
	"context"
	"sync/atomic"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/overlay"
)

// Updates of one organization stand in a queue. While there are any, a goroutine
// serves it: it gives those that wait the turn, one after the other, each over
// the writes of those before, and commits what they wrote in one transaction.
// While it does, others come, which the next commit takes. There is no delay: a
// lone caller is a group of one.
//
// The functions run on their callers' goroutines. So a panic's stack and a
// profile's labels are the caller's, and a function that ends its goroutine ends
// none of ours.

// A queue is of one organization. It is there only while a goroutine serves it.
type queue struct {
	organization string
	// waiting is guarded by Engine.mu.
	waiting []*call
}

// A call is one Update on its way.
type call struct {
	taken atomic.Bool // by the queue's goroutine, or by its caller, who leaves
	turns chan turn
	done  chan struct{} // closed when err says what became of it
	err   error
}

// A turn asks a caller to run its function over a state.
type turn struct {
	base overlay.Reader
	ran  chan<- result
}

// A result is what a function did.
type result struct {
	writes *overlay.Writes
	err    error
	// gone says that there is nobody to answer any more.
	gone bool
}

func (c *call) finish(err error) {
	c.err = err
	close(c.done)
}

// Update implements [storage.Engine].
func (e *Engine) Update(ctx context.Context, organization string, fn func(storage.Tx) error) error {
	if err := storage.CheckOrganization(organization); err != nil {
		return err
	}
	c := &call{turns: make(chan turn), done: make(chan struct{})}
	if err := e.enqueue(ctx, organization, c); err != nil {
		return err
	}
	ended, closing, broken := ctx.Done(), e.closing, e.broken
	called := false
	for {
		select {
		case t := <-c.turns:
			if err := ctx.Err(); err != nil && !called { // it ended during the wait
				t.ran <- result{gone: true}
				return err
			}
			called = true
			t.run(fn)
			continue
		case <-c.done:
			return c.err
		case <-ended:
		case <-closing:
		case <-broken:
		}
		if !called && c.taken.CompareAndSwap(false, true) {
			return cmp.Or(ctx.Err(), e.admit(ctx))
		}
		ended, closing, broken = nil, nil, nil // the turn is here, or comes in a moment
	}
}

// run calls the function once, also when it ends the goroutine.
func (t turn) run(fn func(storage.Tx) error) {
	r := result{gone: true}
	defer func() { t.ran <- r }()
	tx := overlay.NewUpdate(t.base)
	err := tx.Run(fn)
	r = result{writes: tx.Writes(), err: err}
}

// enqueue puts a call at the end of the queue.
func (e *Engine) enqueue(ctx context.Context, organization string, c *call) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.admit(ctx); err != nil {
		return err
	}
	if q, ok := e.queues[organization]; ok {
		q.waiting = append(q.waiting, c)
		return nil
	}
	q := &queue{organization: organization, waiting: []*call{c}}
	e.queues[organization] = q
	e.running.Add(1)
	go e.serve(q)
	return nil
}

// next takes the call that has waited longest, unless none does or the engine
// has stopped. Where it is the first of a group and there is none, the queue ends.
func (e *Engine) next(q *queue, first bool) *call {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(q.waiting) > 0 && e.down.Load() == nil {
		c := q.waiting[0]
		q.waiting[0] = nil
		q.waiting = q.waiting[1:]
		if c.taken.CompareAndSwap(false, true) {
			return c
		}
	}
	if first {
		delete(e.queues, q.organization)
	}
	return nil
}

// serve is the goroutine of a queue.
func (e *Engine) serve(q *queue) {
	defer e.running.Done()
	s := &service{engine: e, queue: q, known: e.caches.of(q.organization)}
	for {
		g := s.form()
		if g == nil {
			return
		}
		s.settle(g)
	}
}
