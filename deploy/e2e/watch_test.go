package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// wholeLog reads the change log after a cursor, in pages.
func wholeLog(ctx context.Context, t *testing.T, okr okrv1.OkrServiceClient, after string) (changes []*okrv1.Change, cursor string) {
	t.Helper()
	request := &okrv1.ListChangesRequest{AfterCursor: after, PageSize: 200}
	for {
		page, err := okr.ListChanges(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		changes = append(changes, page.GetChanges()...)
		if page.GetNextPageToken() == "" {
			return changes, page.GetCursor()
		}
		request.PageToken = page.GetNextPageToken()
	}
}

// The store's own test drops a thousand times; this one does with a soak.
func TestAWatcherThatDropsManyTimesMissesNothingAndSeesNothingTwice(t *testing.T) {
	t.Parallel()
	const writers, writesPerDrop = 4, 2
	drops := 150
	if _, long := os.LookupEnv(soakVariable); long {
		drops = 1000
	}
	ceo, _ := running.found(t)
	okr, ctx := running.okr(), ceo.overGRPC(t)
	start := ceo.must(t, "GET", "/api/v1/changes", "").text("cursor")

	// Writers keep step with the watcher, without waiting for it. Every write changes something.
	titles := make(chan string, drops*writesPerDrop)
	var work sync.WaitGroup
	for i := range writers {
		objective := ceo.objective(t, fmt.Sprintf("Of writer %d", i))
		keyResult := ceo.keyResult(t, objective, "To begin with")
		work.Go(func() {
			for title := range titles {
				_, err := okr.UpdateKeyResult(ctx, &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: keyResult, Title: title}})
				if err != nil {
					t.Errorf("writer %d: %v", i, err)
				}
			}
		})
	}

	var seen []int64
	cursor, beyond := start, ""
	for drop := 0; drop < drops || cursor != beyond; drop++ {
		if drop == drops {
			close(titles)
			work.Wait()
			_, beyond = wholeLog(ctx, t, okr, cursor)
			if cursor == beyond {
				break
			}
		}
		for n := range writesPerDrop {
			if drop < drops {
				titles <- fmt.Sprintf("After drop %d, number %d", drop, n)
			}
		}
		connection, hangUp := context.WithCancel(ctx)
		stream, err := okr.WatchChanges(connection, &okrv1.WatchChangesRequest{AfterCursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		// The first is a heartbeat, after which some connections end. No connection waits for more than is written for it.
		messages := 1 + rand.IntN(writesPerDrop+1)
		if drop >= drops {
			messages = len(seen) + drops // what the writers are ahead by
		}
		for range messages {
			m, err := stream.Recv()
			if rpcerr.InfoOf(err).GetReason() == "TOKEN_EXPIRED" { // of the transaction token: one more drop
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if m.GetChange() != nil {
				seen = append(seen, m.GetChange().GetSeq())
			}
			if cursor = m.GetCursor(); cursor == beyond {
				break
			}
		}
		hangUp()
	}

	log, _ := wholeLog(ctx, t, okr, start)
	var want []int64
	for _, change := range log {
		want = append(want, change.GetSeq())
	}
	if len(want) != drops*writesPerDrop+2*writers || !slices.Equal(seen, want) {
		t.Errorf("of %d changes the watcher saw %d:\n%v", len(want), len(seen), seen)
	}
	t.Logf("%d changes", len(want))
}
