package updates_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/updates"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// opened is a stream that the hub opened: who for, after what, and the way to answer it.
type opened struct {
	grpc.ServerStreamingClient[okrv1.WatchChangesResponse]
	ctx      context.Context
	member   string
	after    string
	messages chan *okrv1.WatchChangesResponse
	failure  chan error
}

func (o *opened) Recv() (*okrv1.WatchChangesResponse, error) {
	select {
	case m := <-o.messages:
		return m, nil
	case err := <-o.failure:
		return nil, err
	case <-o.ctx.Done():
		return nil, o.ctx.Err()
	}
}

// change sends a change of a resource, which is named by the title.
func (o *opened) change(cursor, uri string) { o.changeWithin(cursor, uri, "") }

// changeWithin sends a change of a resource that changes those within another.
func (o *opened) changeWithin(cursor, uri, within string) {
	o.messages <- &okrv1.WatchChangesResponse{Cursor: cursor, Change: &okrv1.Change{
		After: &okrv1.Snapshot{Resource: &okrv1.Snapshot_Objective{Objective: &okrv1.Objective{Title: uri, Description: within}}},
	}}
}

func (o *opened) heartbeat(cursor string) {
	o.messages <- &okrv1.WatchChangesResponse{Cursor: cursor}
}

// world is a hub between a store that the test plays and callers that it knows.
type world struct {
	t       *testing.T
	hub     *updates.Hub
	streams chan *opened
	stop    context.CancelFunc

	mu      sync.Mutex
	callers map[string]*authzv1.Principal // by member
	fail    error                         // of asking who somebody is
	until   func() time.Time
}

type memberKey struct{}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, streams: make(chan *opened, 64), callers: map[string]*authzv1.Principal{},
		until: func() time.Time { return time.Now().Add(time.Hour) },
	}
	stopping, stop := context.WithCancel(context.Background())
	w.stop = stop
	t.Cleanup(stop)
	w.hub = updates.New(updates.Config{
		Store: w, Renew: w.renew, Stopping: stopping, Logger: slog.New(slog.DiscardHandler),
		Touched: func(c *okrv1.Change) updates.Touch {
			return updates.Touch{URIs: []string{c.GetAfter().GetObjective().GetTitle()}, Within: c.GetAfter().GetObjective().GetDescription()}
		},
	})
	for _, member := range []string{"ada", "max"} {
		w.let(member, "read:okrs")
	}
	return w
}

// let makes a member's agent one with some scopes.
func (w *world) let(member string, scopes ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := kittest.Agent(kittest.CEO("acme"), scopes...)
	p.MemberId = member
	w.callers[member] = p
}

func (w *world) set(alter func(*world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	alter(w)
}

func (w *world) renew(ctx context.Context) (context.Context, time.Time, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	member, _ := ctx.Value(memberKey{}).(string)
	p := w.callers[member]
	switch {
	case w.fail != nil:
		return nil, time.Time{}, w.fail
	case p == nil:
		return nil, time.Time{}, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID, "unknown")
	}
	return access.WithPrincipal(ctx, p), w.until(), nil
}

// WatchChanges implements updates.Store.
func (w *world) WatchChanges(
	ctx context.Context, req *okrv1.WatchChangesRequest, _ ...grpc.CallOption,
) (grpc.ServerStreamingClient[okrv1.WatchChangesResponse], error) {
	o := &opened{
		ctx: ctx, member: access.PrincipalFrom(ctx).GetMemberId(), after: req.GetAfterCursor(),
		messages: make(chan *okrv1.WatchChangesResponse), failure: make(chan error, 1),
	}
	w.streams <- o
	return o, nil
}

// stream is the next stream that the hub opens.
func (w *world) stream() *opened {
	w.t.Helper()
	select {
	case o := <-w.streams:
		return o
	case <-time.After(patience):
		w.t.Fatal("no stream is opened")
		return nil
	}
}

// subscribe subscribes a member to some URIs. The channel that it answers has the events, or is closed on an error.
func (w *world) subscribe(member string, uris ...string) (<-chan engine.Notification, context.CancelFunc) {
	w.t.Helper()
	ctx, leave := context.WithCancel(context.WithValue(context.Background(), memberKey{}, member))
	w.t.Cleanup(leave)
	events, err := w.hub.Subscribe(ctx, engine.Subscription{URIs: uris}, map[string]string{"part": "whole"})
	if err != nil {
		w.t.Fatalf("%s: %v", member, err)
	}
	return events, leave
}

// begin subscribes the first member, and has the store say where the stream begins.
func (w *world) begin(member string, uris ...string) (<-chan engine.Notification, context.CancelFunc, *opened) {
	w.t.Helper()
	found := make(chan *opened, 1)
	go func() {
		o := w.stream()
		o.heartbeat("c0")
		found <- o
	}()
	events, leave := w.subscribe(member, uris...)
	return events, leave, <-found
}

func expect(t *testing.T, events <-chan engine.Notification, uris ...string) {
	t.Helper()
	for _, uri := range uris {
		select {
		case n, open := <-events:
			if want := (engine.Notification{Kind: engine.ResourceUpdated, URI: uri}); !open || n != want {
				t.Fatalf("there comes %+v (%t), want %+v", n, open, want)
			}
		case <-time.After(patience):
			t.Fatalf("nothing comes, want %s", uri)
		}
	}
}

func expectEnd(t *testing.T, events <-chan engine.Notification) {
	t.Helper()
	select {
	case n, open := <-events:
		if open {
			t.Errorf("there comes %+v, want the end", n)
		}
	case <-time.After(patience):
		t.Error("it does not end")
	}
}

func TestOneWhoDoesNotListenHoldsUpNobodyAndHearsOfEachThingAfterwards(t *testing.T) {
	w := start(t)
	slow, _, store := w.begin("ada", "a", "b", "c")
	quick, _ := w.subscribe("max", "a", "b")
	for i := range 2000 {
		uri := []string{"a", "b", "d"}[i%3]
		store.change(fmt.Sprintf("c%d", i+1), uri)
		if uri != "d" {
			expect(t, quick, uri)
		}
	}
	store.change("c2001", "c")
	heard := map[string]int{}
	for heard["c"] == 0 {
		select {
		case n := <-slow:
			heard[n.URI]++
		case <-time.After(patience):
			t.Fatalf("only %v are heard of", heard)
		}
	}
	// One of them was about to be handed over all the time, and may be told again.
	if total := heard["a"] + heard["b"]; heard["a"] == 0 || heard["b"] == 0 || total > 3 {
		t.Errorf("%v are heard of", heard)
	}
}

// What changes while it is told has to be told again: it may have been read in between.
func TestNothingThatChangesWhileItIsToldIsLost(t *testing.T) {
	w := start(t)
	events, _, store := w.begin("ada", "a")
	for i := range 2000 {
		store.change(fmt.Sprintf("c%d", i+1), "a")
		expect(t, events, "a")
	}
}

// In these tests "part" is in "whole".
func TestWhoWantsAPartIsToldWhenTheWholeChangesIt(t *testing.T) {
	w := start(t)
	events, _, store := w.begin("ada", "part", "other")
	store.change("c1", "whole") // and leaves its parts as they are
	store.change("c2", "other")
	expect(t, events, "other")
	store.changeWithin("c3", "whole", "whole")
	expect(t, events, "part")
	store.changeWithin("c4", "elsewhere", "elsewhere")
	store.change("c5", "other")
	expect(t, events, "other")
}

func TestAStreamGoesOnInTheNameOfAnotherAfterTheLastCursor(t *testing.T) {
	w := start(t)
	_, leave, first := w.begin("ada", "a")
	max, _ := w.subscribe("max", "a")
	first.change("c1", "a")
	expect(t, max, "a")
	leave()
	second := w.stream()
	if second.after != "c1" || second.member != "max" {
		t.Errorf("it goes on after %q in the name of %s", second.after, second.member)
	}
	second.heartbeat("c1")
	second.change("c2", "a")
	expect(t, max, "a")
	second.failure <- rpcerr.Unavailable("restarting")
	if third := w.stream(); third.after != "c2" {
		t.Errorf("after a failure it goes on after %q", third.after)
	}
}

// After a restore from a backup it cannot be known what has changed.
func TestEverythingMayHaveChangedWhenTheLogIsAnother(t *testing.T) {
	w := start(t)
	events, _, store := w.begin("ada", "a")
	store.failure <- rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_CURSOR_TOO_OLD, "restored")
	second := w.stream()
	if second.after != "" {
		t.Errorf("it goes on after %q", second.after)
	}
	second.heartbeat("other-1")
	expect(t, events, "a")
}

// What the store leaves out for one who may read less must not be missed by the others.
func TestNobodyWatchesForOthersWhoMayReadLessThanThey(t *testing.T) {
	w := start(t)
	ada, _, store := w.begin("ada", "a")
	max, _ := w.subscribe("max", "a")
	lead, rest := "ada", max
	if store.member == "max" {
		lead, rest = "max", ada
	}
	w.let(lead, "report_kr_status")
	for range 3 {
		store.failure <- rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED, "expired")
		if store = w.stream(); store.member == lead {
			t.Fatalf("it goes on in the name of %s", lead)
		}
		store.heartbeat("c0")
		store.change("c1", "a")
		expect(t, rest, "a")
	}
}

func TestNothingIsToldOfWhomNothingIsKnown(t *testing.T) {
	w := start(t)
	// Each look at a caller runs out at once.
	w.set(func(w *world) { w.until = func() time.Time { return time.Now().Add(50 * time.Millisecond) } })
	events, _, store := w.begin("ada", "a")
	w.set(func(w *world) {
		w.fail = rpcerr.New(codes.Unavailable, accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE, "away")
	})
	time.Sleep(100 * time.Millisecond) // what is known has run out
	store.change("c1", "a")
	select {
	case n := <-events:
		t.Errorf("there comes %+v", n)
	case <-time.After(200 * time.Millisecond):
	}
	w.set(func(w *world) { w.fail = nil })
	expect(t, events, "a") // it has waited
	w.set(func(w *world) { delete(w.callers, "ada") })
	expectEnd(t, events)
}

func TestASubscriberWhomTheStoreDoesNotAnswerIsTold(t *testing.T) {
	w := start(t)
	ctx, leave := context.WithCancel(context.WithValue(t.Context(), memberKey{}, "ada"))
	go func() {
		w.stream()
		leave()
	}()
	if _, err := w.hub.Subscribe(ctx, engine.Subscription{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := w.hub.Subscribe(context.WithValue(t.Context(), memberKey{}, "nobody"), engine.Subscription{}, nil); err == nil {
		t.Error("nobody is let in")
	}
}

func TestSubscriptionsEndWithTheServer(t *testing.T) {
	w := start(t)
	events, _, store := w.begin("ada", "a")
	w.stop()
	expectEnd(t, events)
	<-store.ctx.Done()
}

func TestManyComeAndGoWhileThingsChange(t *testing.T) {
	w := start(t)
	done := make(chan struct{})
	go func() { // the store, which says something on every stream until it ends
		for {
			select {
			case <-done:
				return
			case o := <-w.streams:
				go func() {
					for i := 0; ; i++ {
						select {
						case o.messages <- &okrv1.WatchChangesResponse{Cursor: fmt.Sprintf("c%d", i), Change: &okrv1.Change{
							After: &okrv1.Snapshot{Resource: &okrv1.Snapshot_Objective{Objective: &okrv1.Objective{Title: "a"}}},
						}}:
						case <-o.ctx.Done():
							return
						}
					}
				}()
			}
		}
	}()
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for range 20 {
				ctx, leave := context.WithCancel(context.WithValue(context.Background(), memberKey{}, []string{"ada", "max"}[i%2]))
				events, err := w.hub.Subscribe(ctx, engine.Subscription{URIs: []string{"a"}}, nil)
				if err != nil {
					t.Error(err)
				} else if _, open := <-events; !open {
					t.Error("it ends by itself")
				}
				leave()
			}
		})
	}
	all.Wait()
	close(done)
}
