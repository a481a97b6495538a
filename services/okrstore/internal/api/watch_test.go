package api

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

type changeStream = grpc.ServerStreamingClient[okrv1.WatchChangesResponse]

// watch opens a stream and takes its first message, which has to be a heartbeat.
func (f *fixture) watch(ctx context.Context, after string) (stream changeStream, cursor string) {
	f.t.Helper()
	stream = must(f.WatchChanges(ctx, &okrv1.WatchChangesRequest{AfterCursor: after}))(f.t)
	first := must(stream.Recv())(f.t)
	if first.GetChange() != nil || first.GetCursor() == "" {
		f.t.Errorf("the first message is %v, want a heartbeat", first)
	}
	return stream, first.GetCursor()
}

// nextChange takes messages until one has a change.
func nextChange(t *testing.T, stream changeStream) *okrv1.Change {
	t.Helper()
	for {
		message := must(stream.Recv())(t)
		if c := message.GetChange(); c != nil {
			if c.GetCursor() != message.GetCursor() {
				t.Errorf("the change has the cursor %s and its message %s", c.GetCursor(), message.GetCursor())
			}
			return c
		}
	}
}

// end takes messages until the stream ends.
func end(stream changeStream) error {
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
}

func TestWatchStartsWithAHeartbeatThatNamesItsPosition(t *testing.T) {
	f := newFixture(t)
	_, cursor := f.watch(f.as(ceo), "")
	if want := f.server.cursor(acme, 0); cursor != want {
		t.Errorf("in an empty log the position is %s, want %s", cursor, want)
	}
	f.createObjective("A")
	f.createObjective("B")
	_, cursor = f.watch(f.as(ceo), "")
	if want := f.server.cursor(acme, 2); cursor != want {
		t.Errorf("without a cursor the position is %s, want the end of the log, %s", cursor, want)
	}
	_, cursor = f.watch(f.as(ceo), f.server.cursor(acme, 1))
	if want := f.server.cursor(acme, 1); cursor != want {
		t.Errorf("with a cursor the position is %s, want that cursor, %s", cursor, want)
	}
}

func TestWatchSendsWhatWasMissedAndThenWhatHappens(t *testing.T) {
	f := newFixture(t)
	f.createObjective("before")
	f.createObjective("missed")
	stream, _ := f.watch(f.as(ceo), f.server.cursor(acme, 1))
	fresh, _ := f.watch(f.as(ceo), "")
	f.createObjective("live")
	for _, want := range []string{"missed", "live"} {
		if got := nextChange(t, stream).GetAfter().GetObjective().GetTitle(); got != want {
			t.Errorf("the change is about %q, want %q", got, want)
		}
	}
	if got := nextChange(t, fresh).GetAfter().GetObjective().GetTitle(); got != "live" {
		t.Errorf("without a cursor the first change is about %q, want %q", got, "live")
	}
	wantEqual(t, nextChange(t, must(f.WatchChanges(f.as(ceo), &okrv1.WatchChangesRequest{AfterCursor: f.server.cursor(acme, 0)}))(t)),
		f.changes(ceo)[0])
}

func TestWatchReplaysALogOfManyBatches(t *testing.T) {
	f := newFixture(t)
	const changes = 2*watchBatch + 7
	ctx := directly(t.Context(), callers()[ceo])
	for range changes {
		must(f.server.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "O"}}))(t)
	}
	stream, _ := f.watch(f.as(ceo), f.server.cursor(acme, 0))
	for want := range int64(changes) {
		if got := nextChange(t, stream).GetSeq(); got != want+1 {
			t.Fatalf("change %d came, want %d", got, want+1)
		}
	}
}

func TestWatchShowsChangesOfWhatTheCallerMayReadAndHeartbeatsPassTheRest(t *testing.T) {
	f := newFixtureOn(t, newEngine(t), 20*time.Millisecond)
	objectives, _ := f.watch(f.as(objectivesAgent), "")
	results, _ := f.watch(f.as(reporter), "")
	other, _ := f.watch(f.as(globexCEO), "")

	o := f.createObjective("O")                                                                  // 1
	k := f.createKeyResult(o.GetId(), "K")                                                       // 2
	f.setAttainment(k.GetId(), 50)                                                               // 3
	must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()}))(t) // 4
	f.createKeyResult(f.createObjective("P").GetId(), "L")                                       // 5 and 6

	var got []int64
	for range 3 {
		c := nextChange(t, objectives)
		got = append(got, c.GetSeq())
		if n := len(c.GetBefore().GetObjective().GetKeyResults()); n != 0 {
			t.Errorf("change %d shows %d key results to a caller who may not read them", c.GetSeq(), n)
		}
	}
	if want := []int64{1, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("who reads objectives sees %v, want %v", got, want)
	}
	got = nil
	for range 3 {
		got = append(got, nextChange(t, results).GetSeq())
	}
	if want := []int64{2, 3, 6}; !slices.Equal(got, want) {
		t.Errorf("who reads key results sees %v, want %v", got, want)
	}
	// Change 6 is hidden from the first caller, and yet its heartbeats come to stand there.
	for cursor := ""; cursor != f.server.cursor(acme, 6); {
		message := must(objectives.Recv())(t)
		if message.GetChange() != nil {
			t.Fatalf("who reads objectives sees %v", message.GetChange())
		}
		cursor = message.GetCursor()
	}
	for range 3 {
		if message := must(other.Recv())(t); message.GetChange() != nil || message.GetCursor() != f.server.cursor(globex, 0) {
			t.Fatalf("another organization sees %v", message)
		}
	}
}

func TestWatchEndsWhenTheCallersCredentialExpires(t *testing.T) {
	f := newFixture(t)
	stream, _ := f.watch(f.as(fleeting), "")
	wantReason(t, end(stream), codes.Unauthenticated, "TOKEN_EXPIRED")
}

func TestWatchEndsWhenTheStoreStops(t *testing.T) {
	f := newFixture(t)
	stream, _ := f.watch(f.as(ceo), "")
	if err := f.engine.Close(); err != nil {
		t.Fatal(err)
	}
	if err := end(stream); status.Code(err) != codes.Unavailable {
		t.Errorf("the stream ended with %v", err)
	}
	_, err := f.GetObjective(f.as(ceo), &okrv1.GetObjectiveRequest{ObjectiveId: unknownObjective})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("a call got %v", err)
	}
}

// A stream that nobody reads fills its buffers and blocks. Close waits for open transactions, so it would not return
// if the stream held one.
func TestAWatcherThatDoesNotReadHoldsNoTransactionOpen(t *testing.T) {
	f := newFixture(t)
	ctx := directly(t.Context(), callers()[ceo])
	sent := 0
	for range 300 { // some 600 KB, more than the flow control lets through
		o := must(f.server.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: longTitle()}}))(t)
		sent += len(o.GetTitle())
	}
	if sent < 1<<19 {
		t.Fatalf("%d bytes are too few", sent)
	}
	stream, _ := f.watch(f.as(ceo), f.server.cursor(acme, 0))
	if err := f.engine.Close(); err != nil {
		t.Fatal(err)
	}
	if err := end(stream); status.Code(err) != codes.Unavailable {
		t.Errorf("the stream ended with %v", err)
	}
}

func TestWatchersEndWithTheirClients(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(f.as(ceo))
	var ended sync.WaitGroup
	for range 10 {
		stream, _ := f.watch(ctx, "")
		ended.Go(func() {
			if err := end(stream); status.Code(err) != codes.Canceled {
				t.Errorf("a stream ended with %v", err)
			}
		})
	}
	cancel()
	ended.Wait()
}

func TestAWatcherThatDropsAndResumesAThousandTimesUnderLoadMissesNothingAndSeesNothingTwice(t *testing.T) {
	const (
		drops   = 1000
		writers = 2
		ahead   = 100 // changes that the writers may be ahead of the watcher
	)
	f := newFixture(t)
	k := f.createKeyResult(f.createObjective("O").GetId(), "K")
	start := must(f.ListChanges(f.as(ceo), &okrv1.ListChangesRequest{}))(t).GetCursor()

	unseen := make(chan struct{}, ahead)
	done, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := 0; ; i++ {
				select {
				case unseen <- struct{}{}:
				case <-done.Done():
					return
				}
				_, err := f.UpdateKeyResult(f.as(ceo), &okrv1.UpdateKeyResultRequest{
					KeyResult: &okrv1.KeyResult{Id: k.GetId(), Title: fmt.Sprintf("%d by %d", i, w)},
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}

	cursor, last := start, int64(2)
	// receive takes up to limit messages of a stream that resumes where the last one was dropped.
	receive := func(limit int, until int64) {
		ctx, drop := context.WithCancel(f.as(ceo))
		defer drop()
		stream, err := f.WatchChanges(ctx, &okrv1.WatchChangesRequest{AfterCursor: cursor})
		for range limit {
			if err != nil {
				t.Fatal(err)
			}
			if until > 0 && last == until {
				return
			}
			var message *okrv1.WatchChangesResponse
			if message, err = stream.Recv(); err != nil {
				continue
			}
			if c := message.GetChange(); c != nil {
				if c.GetSeq() != last+1 {
					t.Fatalf("change %d came after %d", c.GetSeq(), last)
				}
				last = c.GetSeq()
				<-unseen
			}
			cursor = message.GetCursor()
		}
	}
	for range drops {
		receive(rand.IntN(8), 0) // 0: dropped before anything came
	}
	stop()
	writing.Wait()
	head := must(f.ListChanges(f.as(ceo), &okrv1.ListChangesRequest{OrderBy: newestFirst, PageSize: 1}))(t).GetChanges()[0].GetSeq()
	receive(int(head)+1, head)
	if last != head || head < drops {
		t.Errorf("saw the changes up to %d of %d", last, head)
	}
}

func TestAGapInTheLogEndsAWatchRatherThanToBePassedOver(t *testing.T) {
	f := newFixture(t)
	caller := must(access.CallerFrom(directly(t.Context(), callers()[ceo])))(t)
	w := &watch{server: f.server, caller: caller, position: 1}
	value, _, err := encodeChange(&okrv1.Change{Seq: 3}, chainHash{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.sendChange(storage.KV{Key: changeKey(3), Value: value}); !errors.Is(err, errGap) {
		t.Errorf("got %v, want %v", err, errGap)
	}
}
