package storagetest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

var watchTests = map[string]func(*testing.T, Factory){
	"a commit is signalled to every watch":           testSignal,
	"signals that nobody takes merge":                testMergedSignals,
	"a follower of a log misses nothing":             testFollow,
	"the end of the context closes the watch":        testWatchContext,
	"close of the engine closes the watch":           testWatchClose,
	"watches that come and go do not disturb writes": testWatchChurn,
}

func watch(t *testing.T, e storage.Engine, ctx context.Context) <-chan struct{} {
	t.Helper()
	signals, err := e.Watch(ctx, organization)
	if err != nil {
		t.Fatalf("Watch: %v", err)
	}
	return signals
}

func testSignal(t *testing.T, f Factory) {
	e := f.New(t)
	watches := []<-chan struct{}{watch(t, e, t.Context()), watch(t, e, t.Context())}
	for i := range 3 {
		put(t, e, organization, "k", strconv.Itoa(i))
		for _, signals := range watches {
			if _, open := receive(t, signals, "a signal"); !open {
				t.Fatal("the watch is closed")
			}
		}
	}
}

func testMergedSignals(t *testing.T, f Factory) {
	e := f.New(t)
	signals := watch(t, e, t.Context())
	// Each put returns although nobody receives.
	for i := range 10 {
		put(t, e, organization, "k", strconv.Itoa(i))
	}
	receive(t, signals, "a signal")
	pending := 0
	for {
		select {
		case <-signals:
			if pending++; pending > 1 {
				t.Fatal("a slow receiver finds more than one signal at a time")
			}
			continue
		default:
		}
		return
	}
}

func testFollow(t *testing.T, f Factory) {
	e := f.New(t)
	const writers, each = 4, 25
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			signals := watch(t, e, ctx)
			for seen := 0; seen < writers*each; {
				err := e.View(ctx, organization, func(tx storage.Tx) error {
					value, err := tx.Get([]byte("counter"))
					if errors.Is(err, storage.ErrNotFound) {
						return nil
					}
					if err == nil {
						seen, err = strconv.Atoi(string(value))
					}
					return err
				})
				if err != nil {
					t.Errorf("after %d: %v", seen, err)
					return
				}
				if seen < writers*each {
					<-signals
				}
			}
		})
	}
	for range writers {
		wg.Go(func() {
			for range each {
				if err := e.Update(ctx, organization, increment); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func testWatchContext(t *testing.T, f Factory) {
	e := f.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	ends, stays := watch(t, e, ctx), watch(t, e, t.Context())
	cancel()
	for open := true; open; {
		_, open = receive(t, ends, "the close of the watch")
	}
	put(t, e, organization, "k", "v")
	if _, open := receive(t, stays, "a signal"); !open {
		t.Error("the other watch is closed as well")
	}
}

func testWatchClose(t *testing.T, f Factory) {
	e := f.New(t)
	signals := watch(t, e, t.Context())
	put(t, e, organization, "k", "v")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for open := true; open; {
		_, open = receive(t, signals, "the close of the watch")
	}
}

func testWatchChurn(t *testing.T, f Factory) {
	e := f.New(t)
	stop := make(chan struct{})
	var watchers sync.WaitGroup
	for range 4 {
		watchers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				ctx, cancel := context.WithCancel(t.Context())
				signals, err := e.Watch(ctx, organization)
				if err != nil {
					t.Error(err)
				}
				cancel()
				for range signals {
				}
			}
		})
	}
	for i := range 50 {
		put(t, e, organization, "k", strconv.Itoa(i))
	}
	close(stop)
	watchers.Wait()
}
