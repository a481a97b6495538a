package etcdengine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/overlay"
)

const (
	// maxGroupOperations is what etcd takes in one transaction by default, but
	// for the head. The bytes of a group are at most those of one Update.
	maxGroupOperations = 128 - 1
	maxGroupMembers    = 128
	// fewLosses are retried at once. Whoever loses more often lets the others
	// go first.
	fewLosses      = 3
	maxLossesPause = 20 * time.Millisecond
)

// errLost says that somebody else committed first.
var errLost = errors.New("the head has changed")

// A service works a queue off. It belongs to its goroutine.
type service struct {
	engine *Engine
	queue  *queue
	known  *cache
	// again are the calls whose functions were called for a group that they did
	// not become part of. They come before those that wait.
	again  []*call
	losses int
}

// A group is what one transaction commits.
type group struct {
	at position
	// asked says that the position was read after the first call was made.
	asked   bool
	calls   []*call
	errs    []error // by call, what its function or its writes ended with
	writes  overlay.Writes
	updates int // the calls with writes
}

// next is the call that has its turn, or nil.
func (s *service) next(first bool) *call {
	if len(s.again) > 0 {
		c := s.again[0]
		s.again = s.again[1:]
		return c
	}
	return s.engine.next(s.queue, first)
}

// form gives those their turn that one transaction has room for. It returns nil
// when the queue has come to its end. Calls wait for an answer of the cluster for
// as long as it may take and not for their contexts: their functions have run.
func (s *service) form() *group {
	first := s.next(true)
	if first == nil {
		return nil
	}
	g := &group{}
	var err error
	if g.at, err = s.position(g); err != nil {
		s.again = append(s.again, first)
		s.fail(g, err)
		return g
	}
	for c := first; c != nil; c = s.next(false) {
		r := s.engine.newReader(context.Background(), s.queue.organization, g.at, s.known)
		result := c.turn(overlay.Over(r, &g.writes))
		if result.gone {
			continue
		}
		if r.failed != nil {
			s.again = append([]*call{c}, s.again...)
			s.fail(g, r.failed)
			return g
		}
		if !g.add(c, result) {
			s.again = append([]*call{c}, s.again...)
			return g
		}
		if len(g.calls) == maxGroupMembers {
			return g
		}
	}
	return g
}

// position is where the functions of a group read.
func (s *service) position(g *group) (position, error) {
	if at, ok := s.known.position(); ok {
		return at, nil
	}
	g.asked = true
	at, err := s.engine.read(context.Background(), s.queue.organization)
	if err == nil {
		s.known.adopt(at)
	}
	return at, err
}

// turn has the caller run its function, and waits for it.
func (c *call) turn(base overlay.Reader) result {
	ran := make(chan result, 1)
	c.turns <- turn{base, ran}
	return <-ran
}

// add makes a call part of the group, if there is room for what it wrote.
func (g *group) add(c *call, r result) bool {
	if r.err == nil && r.writes.Len() > 0 {
		operations, bytes := g.writes.SizeWith(r.writes)
		if len(g.calls) > 0 && (operations > maxGroupOperations || bytes > storage.MaxBytes) {
			return false
		}
		g.writes.Absorb(r.writes)
		g.updates++
	}
	g.calls = append(g.calls, c)
	g.errs = append(g.errs, r.err)
	return true
}

// fail ends a group that could not be formed: it is run again where the history
// was compacted; otherwise nothing can be read, and all who are here learn it,
// because each of them would wait as long to find out.
func (s *service) fail(g *group, cause error) {
	s.known.forget()
	s.again = append(g.calls, s.again...)
	*g = group{}
	if errors.Is(cause, errCompacted) {
		return
	}
	for c := s.next(false); c != nil; c = s.next(false) {
		c.finish(cause)
	}
}

// settle commits a group and gives its members their answers.
func (s *service) settle(g *group) {
	if len(g.calls) == 0 {
		return
	}
	err := s.engine.commit(context.Background(), s.queue.organization, s.known, g)
	if errors.Is(err, errLost) {
		s.again = append(g.calls, s.again...)
		if s.losses++; s.losses > fewLosses {
			time.Sleep(rand.N(maxLossesPause))
		}
		return
	}
	s.losses = 0
	for i, c := range g.calls {
		if err != nil {
			c.finish(err)
		} else {
			c.finish(g.errs[i])
		}
	}
}

// commit makes a group durable. Errors: errLost when the functions read what is
// no longer the newest state; [storage.ErrUnavailable]; [storage.ErrBroken].
func (e *Engine) commit(ctx context.Context, organization string, known *cache, g *group) error {
	if g.updates == 0 {
		return e.confirm(ctx, organization, known, g)
	}
	name := commit{e.replica, e.commits.Add(1)}
	next := g.at.head.with(name)
	key, schema := e.cluster.headKey(organization), e.cluster.metaKey(schemaKey)
	operations := append(e.cluster.operations(organization, &g.writes), clientv3.OpPut(key, string(next.encode(key))))
	var answer *clientv3.TxnResponse
	attempts := 0
	sent := time.Now()
	// The same transaction again does no harm: if the one before was made after
	// all, or will be, only one of them finds the head as it was.
	err := e.cluster.try(ctx, func(ctx context.Context) (err error) {
		attempts++
		answer, err = e.cluster.client.Txn(ctx).If(
			clientv3.Compare(clientv3.ModRevision(key), "=", g.at.written),
			clientv3.Compare(clientv3.ModRevision(schema), "=", e.schema),
		).Then(operations...).Else(
			clientv3.OpGet(key), clientv3.OpGet(schema, clientv3.WithKeysOnly()),
		).Commit()
		return err
	})
	if err != nil {
		known.forget()
		return fmt.Errorf("committing, which may have been done: %w", err)
	}
	revision := answer.Header.GetRevision()
	if answer.Succeeded {
		e.committed(organization, known, g, position{revision, revision, next, sent})
		return nil
	}
	return e.refused(organization, known, g, name, attempts, revision, sent, answer.Responses[0].GetResponseRange().GetKvs(),
		answer.Responses[1].GetResponseRange().GetKvs())
}

// committed goes on from the state that a group read to the one that it made.
func (e *Engine) committed(organization string, known *cache, g *group, to position) {
	known.advance(g.at, to, &g.writes)
	e.groups.Add(1)
	e.updates.Add(uint64(g.updates))
	e.hub.Notify(organization)
}

// refused finds out what it means that the cluster refused a commit: an earlier
// attempt without an answer was made, or somebody else was faster.
func (e *Engine) refused(
	organization string, known *cache, g *group, name commit, attempts int, revision int64, sent time.Time, head, schema []*mvccpb.KeyValue,
) error {
	at, err := newPosition(revision, head, sent)
	if err != nil {
		return err
	}
	made, sure := at.head.made(name)
	switch {
	case made && at.head[0] == name:
		e.committed(organization, known, g, at)
		return nil
	case made: // and others have come since
		e.committed(organization, known, g, position{})
		known.adopt(at)
		return nil
	case !sure && attempts > 1:
		known.forget()
		return fmt.Errorf("%w: the answer to a commit was lost, and with it whether it was made", storage.ErrUnavailable)
	}
	if err := e.checkSchema(schema); err != nil {
		return err
	}
	known.adopt(at)
	return errLost
}

// confirm finds out whether a group that wrote nothing has read the newest state:
// a refusal is an answer, too.
func (e *Engine) confirm(ctx context.Context, organization string, known *cache, g *group) error {
	if g.asked && len(g.calls) == 1 {
		return nil
	}
	at, err := e.read(ctx, organization)
	if err != nil {
		return err
	}
	known.adopt(at)
	if at.written != g.at.written {
		return errLost
	}
	return nil
}

// operations are writes as etcd has them.
func (c *cluster) operations(organization string, writes *overlay.Writes) []clientv3.Op {
	prefix := c.recordPrefix(organization)
	operations := make([]clientv3.Op, 0, writes.Len()+1)
	for w := range writes.All() {
		key := prefix + string(w.Key)
		if w.Deleted {
			operations = append(operations, clientv3.OpDelete(key))
		} else {
			operations = append(operations, clientv3.OpPut(key, string(seal(key, w.Value))))
		}
	}
	return slices.Clip(operations)
}

// checkSchema breaks the engine down when the schema version was written since
// it was opened.
func (e *Engine) checkSchema(kvs []*mvccpb.KeyValue) error {
	if len(kvs) == 1 && kvs[0].ModRevision == e.schema {
		return nil
	}
	return e.breakDown(errors.New("another program has changed the form, the place or the epoch of the data in etcd"))
}
