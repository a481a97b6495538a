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
// A commit costs two fdatasyncs, whatever it holds. So the writer goroutine
// takes all that is queued, lets each function run in turn on its own overlay
// over the file and the writes of the earlier members, puts the writes of all
// members into one bbolt transaction and commits it once. Only then does any
// member get its answer: an answer means "on disk", and also a refusal may rest
// on what an earlier member wrote. There is no delay: a lone writer is a group
// of one, and while a group commits the next one queues.
//
// The functions run on their callers' goroutines, one at a time, when the
// writer gives them the turn. So a panic's stack and a profile's labels are the
// caller's, and a function that ends its goroutine ends none of ours.

// These bound how long a group can get, and with it the latency of its first
// member: 128 functions, and at most maxGroupBytes plus one transaction.
const (
	maxGroupMembers = 128
	maxGroupBytes   = 4 << 20
	// queueLength is how many callers may be ahead of the group that commits;
	// more of them wait for room, which their contexts can end as well.
	queueLength = 2 * maxGroupMembers
)

// errAbandoned is the outcome of a function that ended its goroutine.
var errAbandoned = errors.New("transaction abandoned by its goroutine")

// A request is one Update on its way through the writer. The channels hold one
// element each, and one is sent at most, so no side ever blocks on the other's
// absence.
type request struct {
	organization string
	// settled is set by whoever comes first: the writer, to give the turn, or
	// the caller, to withdraw.
	settled atomic.Bool
	turn    chan *overlay.Tx // writer to caller: run your function on this
	ran     chan error       // caller to writer: this is what it returned
	outcome chan error       // writer to caller: what became of the group
}

// Update implements [storage.Engine].
func (e *Engine) Update(ctx context.Context, organization string, fn func(storage.Tx) error) error {
	if err := e.admit(ctx, organization); err != nil {
		return err
	}
	r := &request{
		organization: organization,
		turn:         make(chan *overlay.Tx, 1),
		ran:          make(chan error, 1),
		outcome:      make(chan error, 1),
	}
	select {
	case e.queue <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-e.stopped:
		return e.reason()
	}
	select {
	case tx := <-r.turn:
		return r.run(tx, fn)
	case <-ctx.Done():
	case <-e.stopped:
	}
	if r.settled.CompareAndSwap(false, true) {
		if err := ctx.Err(); err != nil {
			return err
		}
		return e.reason()
	}
	// The writer was faster. It answers without giving the turn only when
	// bbolt fails on the way there.
	select {
	case tx := <-r.turn:
		return r.run(tx, fn)
	case err := <-r.outcome:
		return err
	}
}

// run calls fn in its turn and waits for the group's commit.
func (r *request) run(tx *overlay.Tx, fn func(storage.Tx) error) error {
	func() {
		err := errAbandoned
		defer func() { r.ran <- err }()
		err = tx.Run(fn)
	}()
	return <-r.outcome
}

// write is the writer goroutine. Those who still wait when it ends see that
// it has stopped.
func (e *Engine) write() {
	defer close(e.stopped)
	for {
		select {
		case <-e.closing:
			return
		case first := <-e.queue:
			if !e.serve(first) {
				return
			}
		}
	}
}

// A group is what one bbolt transaction will hold.
type group struct {
	members []member
	// writes are those of the members that succeeded, by organization.
	writes  map[string]*overlay.Writes
	updates int
	bytes   int
}

type member struct {
	request *request
	err     error
}

// serve runs and commits the group that begins with first. It returns false
// when the engine is broken.
func (e *Engine) serve(first *request) bool {
	g := group{writes: make(map[string]*overlay.Writes)}
	err := guard(func() error { return e.collectAndCommit(&g, first) })
	if err != nil {
		err = e.breakDown(err)
	}
	for _, m := range g.members {
		if err != nil {
			m.err = err
		}
		m.request.outcome <- m.err
	}
	return err == nil
}

func (e *Engine) collectAndCommit(g *group, first *request) error {
	tx, err := e.db.Begin(true)
	if err != nil {
		return fmt.Errorf("starting a write transaction: %w", err)
	}
	// After a successful commit this does nothing; otherwise it lets go of
	// bbolt's writer lock, without which the file could not be closed.
	defer func() { _ = tx.Rollback() }()

	e.collect(g, tx, first)
	if g.updates == 0 {
		return nil
	}
	if err := g.apply(tx); err != nil {
		return fmt.Errorf("applying a commit group: %w", err)
	}
	if err := e.commit(tx); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	e.groups.Add(1)
	e.updates.Add(uint64(g.updates))
	for organization := range g.writes {
		e.hub.Notify(organization)
	}
	return nil
}

// collect gives first and then what is queued their turns, until the queue is
// empty or the group is full. It does not change tx: all reads are of the
// state before the group, with the group's writes laid over it.
func (e *Engine) collect(g *group, tx *bolt.Tx, first *request) {
	for r := first; ; {
		if r.settled.CompareAndSwap(false, true) {
			g.turn(tx, r)
		}
		if len(g.members) >= maxGroupMembers || g.bytes >= maxGroupBytes {
			return
		}
		select {
		case r = <-e.queue:
		default:
			return
		}
	}
}

// turn runs one member's function and adds its writes to the group.
func (g *group) turn(tx *bolt.Tx, r *request) {
	at := len(g.members)
	g.members = append(g.members, member{request: r})
	earlier := g.writes[r.organization]
	var base overlay.Reader = newReader(tx, r.organization)
	if earlier != nil {
		base = overlay.Over(base, earlier)
	}
	t := overlay.NewUpdate(base)
	r.turn <- t
	err := <-r.ran
	g.members[at].err = err
	if err != nil || t.Writes().Len() == 0 {
		return
	}
	g.updates++
	g.bytes += t.Writes().Bytes()
	if earlier == nil {
		g.writes[r.organization] = t.Writes()
	} else {
		earlier.Absorb(t.Writes())
	}
}

// apply puts the group's writes into tx.
func (g *group) apply(tx *bolt.Tx) error {
	records := tx.Bucket(recordsBucket)
	for organization, writes := range g.writes {
		prefix := organizationPrefix(organization)
		for w := range writes.All() {
			key := joinKey(prefix, w.Key)
			var err error
			if w.Deleted {
				err = records.Delete(key)
			} else {
				err = records.Put(key, seal(key, w.Value))
			}
			if err != nil {
				return err
			}
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
