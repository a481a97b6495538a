package api

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/memengine"
)

// counting is an engine that counts what is read: the changes, and the entries of histories that are passed over.
type counting struct {
	storage.Engine
	changes, entries atomic.Int64
}

func (c *counting) View(ctx context.Context, organization string, fn func(storage.Tx) error) error {
	return c.Engine.View(ctx, organization, func(tx storage.Tx) error { return fn(countingTx{tx, c}) })
}

func (c *counting) Update(ctx context.Context, organization string, fn func(storage.Tx) error) error {
	return c.Engine.Update(ctx, organization, func(tx storage.Tx) error { return fn(countingTx{tx, c}) })
}

type countingTx struct {
	storage.Tx
	count *counting
}

func (t countingTx) Get(key []byte) ([]byte, error) {
	if strings.HasPrefix(string(key), prefixChange) {
		t.count.changes.Add(1)
	}
	return t.Tx.Get(key)
}

func (t countingTx) Range(r storage.Range) iter.Seq2[storage.KV, error] {
	return func(yield func(storage.KV, error) bool) {
		for kv, err := range t.Tx.Range(r) {
			if strings.HasPrefix(string(kv.Key), prefixHistory) {
				t.count.entries.Add(1)
			}
			if !yield(kv, err) {
				return
			}
		}
	}
}

// However often a client changed one thing, to undo each of the changes takes a few looks, the first time and when it is
// asked for again.
func TestManyChangesOfOneThingAreUndoneInAFewStepsEach(t *testing.T) {
	const n = 1_000
	engine := &counting{Engine: memengine.New()}
	server, clock := newServer(t, engine, time.Minute)
	agent, person := directly(t.Context(), agentOfAll()), directly(t.Context(), callers()[ceo])
	o := must(server.CreateObjective(person, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "O"}}))(t)
	k := must(server.CreateKeyResult(person, &okrv1.CreateKeyResultRequest{ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: "Before"}}))(t)
	for i := range n {
		clock.advance(time.Second)
		must(server.UpdateKeyResult(agent, &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: k.GetId(), Title: fmt.Sprint("T", i)}}))(t)
	}
	sweep := func(name string, req *okrv1.UndoClientChangesRequest, want okrv1.UndoOutcome) {
		t.Helper()
		engine.changes.Store(0)
		engine.entries.Store(0)
		req, found := proto.CloneOf(req), map[okrv1.UndoOutcome]int{}
		eachPage(t, func(continuation string) string {
			req.Continuation = continuation
			answer := must(server.UndoClientChanges(person, req))(t)
			for _, r := range answer.GetResults() {
				found[r.GetOutcome()]++
			}
			return answer.GetContinuation()
		})
		if found[want] != n || len(found) != 1 {
			t.Errorf("%s: %v", name, found)
		}
		// A preview looks through what is between the end of the log and its part of it once in each call of 200.
		if changes, entries := engine.changes.Load(), engine.entries.Load(); changes > 12*n || entries > 12*n {
			t.Errorf("%s read %d changes and %d entries of histories, for %d changes", name, changes, entries, n)
		}
	}
	all := &okrv1.UndoClientChangesRequest{ClientId: testClient}
	sweep("the preview", &okrv1.UndoClientChangesRequest{ClientId: testClient, Preview: true}, undone)
	sweep("the undoing", all, undone)
	if now := must(server.GetKeyResult(person, &okrv1.GetKeyResultRequest{KeyResultId: k.GetId()}))(t); now.GetTitle() != "Before" {
		t.Errorf("it became %v", now)
	}
	sweep("doing it again", all, alreadyUndone)
	t.Run("nor does it take more when somebody has changed the thing since", func(t *testing.T) {
		last := must(server.ListChanges(person, &okrv1.ListChangesRequest{OrderBy: newestFirst, PageSize: 1}))(t).GetChanges()[0]
		must(server.UndoChange(agent, &okrv1.UndoChangeRequest{Seq: last.GetSeq()}))(t) // the first title is there again
		must(server.UpdateKeyResult(person, &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: k.GetId(), Title: "Mine"}}))(t)
		engine.changes.Store(0)
		answer := must(server.UndoClientChanges(person, all))(t)
		if got := outcomes(answer.GetResults()); got[changedSince] != 1 || engine.changes.Load() > 4*maxUndone {
			t.Errorf("%v, with %d changes read", got, engine.changes.Load())
		}
	})
}
