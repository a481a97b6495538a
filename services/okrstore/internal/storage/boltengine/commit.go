package boltengine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/overlay"
)

// Group commit.
//
// A commit costs two fdatasyncs, whatever it holds. So there is always one
// group that is open. Each caller of Update in turn runs its function, on an
// overlay over the file and the writes of those before, adds its writes to the
// group and waits. The writer goroutine takes the group, opens the next one,
// puts the writes of all members into one bbolt transaction and commits it
// once. Only then does any member get its answer: an answer means "on disk",
// and also a refusal may rest on what an earlier member wrote.
//
// While a group is being committed the functions of the next one run already,
// over its writes. These stand over a file that may or may not have them yet,
// which makes no difference to what is read. If the commit fails, all of the
// next group fail with it, and the engine is broken, unless all that was
// wrong is that the disk has no room: see full.go.
//
// There is no delay: a lone caller is a group of one. And nobody is left
// behind without need: the writer waits for its turn like everyone else, so
// whoever waited already when it came gets into the group that it takes.
//
// The functions run on their callers' goroutines, one at a time. So a panic's
// stack and a profile's labels are the caller's, and a function that ends its
// goroutine ends none of ours.

// These bound how long a group can get, and with it the latency of its first
// member: 128 functions, and at most maxGroupBytes plus one transaction.
const (
	maxGroupMembers = 128
	maxGroupBytes   = 4 << 20
)

// fillPercent is how full a page is that a commit splits. Most of what is added
// goes behind what is there, as change log and check-ins do, so the page in
// front of a split stays as it is from then on; with bbolt's half, these took
// twice the pages. It also lowers the number of pages in a commit by a sixth.
const fillPercent = 0.9

// A group is what one bbolt transaction will hold. It belongs to whoever has
// the turn, and from when the writer took it to the writer; then its writes
// change no more.
type group struct {
	// earlier is the group that is being committed, which the file may not
	// have yet; nil once it has.
	earlier atomic.Pointer[group]
	// writes are those of the members that succeeded, by organization.
	writes  map[string]*overlay.Writes
	members int // whose functions were called
	updates int // of them, those with writes
	bytes   int // of all writes
	// done is closed when the group is on disk, or failed: then err says why.
	done chan struct{}
	err  error
}

func newGroup() *group {
	return &group{writes: make(map[string]*overlay.Writes), done: make(chan struct{})}
}

func (g *group) full() bool { return g.members >= maxGroupMembers || g.bytes >= maxGroupBytes }

// settle gives all members their answer.
func (g *group) settle(err error) {
	g.err = err
	close(g.done)
}

// Update implements [storage.Engine].
func (e *Engine) Update(ctx context.Context, organization string, fn func(storage.Tx) error) error {
	if err := e.admit(ctx, organization); err != nil {
		return err
	}
	g, err := e.turn(ctx)
	if err != nil {
		return err
	}
	if err := e.Ready(ctx); err != nil { // it may have ended during the wait
		e.open <- g
		return err
	}
	err = e.run(g, organization, fn)
	<-g.done
	if g.err != nil {
		return g.err
	}
	return err
}

// turn waits for the turn, which the caller must pass on.
func (e *Engine) turn(ctx context.Context) (*group, error) {
	e.waiting.Add(1)
	defer e.waiting.Add(-1)
	select {
	case g := <-e.open:
		return g, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-e.stopped:
		return nil, e.reason()
	}
}

// run calls fn in its turn, adds its writes to the group and passes the turn
// on, also when fn ends the goroutine.
func (e *Engine) run(g *group, organization string, fn func(storage.Tx) error) error {
	defer e.pass(g)
	g.members++
	// In this order: a group that has left g by now is in the file that is
	// read, and one that has not is read from memory.
	earlier := g.earlier.Load()
	tx, recent, err := e.read()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // fails only when it was ended before
	base := recent.over(newReader(tx, organization), organization)
	if earlier != nil {
		base = over(base, earlier.writes[organization])
	}
	t := overlay.NewUpdate(over(base, g.writes[organization]))
	if err := t.Run(fn); err != nil {
		return err
	}
	g.add(organization, t.Writes())
	return nil
}

func over(base overlay.Reader, writes *overlay.Writes) overlay.Reader {
	if writes == nil {
		return base
	}
	return overlay.Over(base, writes)
}

// add makes the writes of a member part of the group.
func (g *group) add(organization string, writes *overlay.Writes) {
	if writes.Len() == 0 {
		return
	}
	g.updates++
	g.bytes += writes.Bytes()
	if earlier := g.writes[organization]; earlier != nil {
		earlier.Absorb(writes)
	} else {
		g.writes[organization] = writes
	}
}

// pass gives the turn to the next who waits, or to nobody but the writer when
// the group is full. The first member wakes the writer.
func (e *Engine) pass(g *group) {
	first, full := g.members == 1, g.full()
	if full {
		e.full <- g
	} else {
		e.open <- g
	}
	if first {
		e.work <- struct{}{}
	}
}

// write is the writer goroutine. Those who still wait when it ends see that
// it has stopped.
func (e *Engine) write() {
	defer close(e.stopped)
	for {
		select {
		case <-e.work:
		case <-e.closing:
		}
		var g *group
		select {
		case g = <-e.open:
		case g = <-e.full:
		}
		if e.reason() != nil { // closed: nobody gets another turn
			err := e.commitOrBreak(g)
			if err == nil {
				e.settleRest()
			}
			g.settle(err)
			return
		}
		next := newGroup()
		next.earlier.Store(g)
		e.open <- next
		err := e.timed(g)
		g.settle(err)
		if err == nil {
			next.earlier.Store(nil)
			continue
		}
		select {
		case next = <-e.open:
		case next = <-e.full:
		}
		if !errors.Is(err, storage.ErrFull) {
			next.settle(err)
			return
		}
		e.open <- newGroup()
		next.settle(err)
	}
}

// commitOrBreak makes the group durable. After any error but
// [storage.ErrFull] the engine is broken.
func (e *Engine) commitOrBreak(g *group) error {
	if g.updates == 0 {
		return nil
	}
	err := guard(func() error { return e.commitGroup(g) })
	if err != nil && !errors.Is(err, storage.ErrFull) {
		return e.breakDown(err)
	}
	e.noteRoom(err)
	return err
}

func (e *Engine) commitGroup(g *group) error {
	tx, err := e.db.Begin(true)
	if err != nil {
		return fmt.Errorf("starting a write transaction: %w", err)
	}
	// After a successful commit this does nothing; otherwise it lets go of
	// bbolt's writer lock, without which the file could not be closed.
	defer func() { _ = tx.Rollback() }()
	recent, err := e.put(tx, g)
	if err != nil {
		return fmt.Errorf("applying a commit group: %w", err)
	}
	id := tx.ID()
	if err := e.commitTo(tx, recent); err != nil {
		return e.afterFailure(id, fmt.Errorf("committing: %w", err))
	}
	e.groups.Add(1)
	e.updates.Add(uint64(g.updates))
	for organization := range g.writes {
		e.hub.Notify(organization)
	}
	return nil
}

// applyWrites puts writes under the stored keys of records in their place. The
// memory is the transaction's.
func applyWrites(tx *bolt.Tx, writes []overlay.Write, m *memory) error {
	records := tx.Bucket(recordsBucket)
	records.FillPercent = fillPercent
	for _, w := range writes {
		var err error
		if w.Deleted {
			err = records.Delete(w.Key)
		} else {
			err = records.Put(w.Key, m.seal(w.Key, w.Value))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// breakDown ends the service: nobody knows what a failed commit left on disk,
// and after a failed fsync the kernel may report success for pages that it
// dropped, so to try again would be to lie.
func (e *Engine) breakDown(cause error) error {
	reason := fmt.Errorf("%w: %w", storage.ErrBroken, cause)
	e.down.CompareAndSwap(nil, &reason)
	close(e.broken)
	e.hub.Close()
	e.logger.Error("store file is in an unknown state after a failed commit; the process must be restarted",
		slog.String("error", cause.Error()))
	return reason
}

// guard turns bbolt's panics into errors.
func guard(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return fn()
}
