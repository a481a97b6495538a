package boltengine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// These tests look inside: they need to know who waits, and a disk that fails.

// updateTogether runs the functions so that the first has its turn while all
// others wait for theirs, and returns their errors. It has to be called within
// synctest.Test, which knows when they wait.
func updateTogether(t *testing.T, e *Engine, fns []func(storage.Tx) error) []error {
	t.Helper()
	release := make(chan struct{})
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() {
			errs[i] = e.Update(t.Context(), "o", func(tx storage.Tx) error {
				if i == 0 {
					<-release
				}
				return fn(tx)
			})
		})
		if i == 0 {
			synctest.Wait()
		}
	}
	synctest.Wait()
	close(release)
	wg.Wait()
	return errs
}

// synctestRun is t.Run with the test in a bubble.
func synctestRun(t *testing.T, name string, test func(*testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// puts returns n functions that write a value of this size to keys of their own.
func puts(n, size int) []func(storage.Tx) error {
	fns := make([]func(storage.Tx) error, n)
	for i := range fns {
		fns[i] = func(tx storage.Tx) error { return tx.Put(fmt.Appendf(nil, "%03d", i), make([]byte, size)) }
	}
	return fns
}

func TestGroups(t *testing.T) {
	tests := map[string]struct {
		updates, size int
		groups        uint64
	}{
		"a lone update is a group":                {1, 10, 1},
		"those who wait are committed at once":    {50, 10, 1},
		"a group has a bounded number of members": {2*maxGroupMembers + 1, 10, 3},
		"a group has a bounded size":              {9, storage.MaxBytes - 3, 3},
	}
	for name, test := range tests {
		synctestRun(t, name, func(t *testing.T) {
			e := openEngine(t, Config{Path: newPath(t)})
			if err := errors.Join(updateTogether(t, e, puts(test.updates, test.size))...); err != nil {
				t.Fatal(err)
			}
			want := Stats{Groups: test.groups, Updates: uint64(test.updates)}
			if got := e.Stats(); got != want {
				t.Errorf("stats are %+v, want %+v", got, want)
			}
		})
	}
}

func TestUpdatesWithoutWritesAreNotCommitted(t *testing.T) {
	synctest.Test(t, testUpdatesWithoutWritesAreNotCommitted)
}

func testUpdatesWithoutWritesAreNotCommitted(t *testing.T) {
	e := openEngine(t, Config{Path: newPath(t)})
	fns := []func(storage.Tx) error{
		func(storage.Tx) error { return nil },
		func(tx storage.Tx) error { return errors.Join(tx.Put([]byte("k"), nil), errors.New("refused")) },
	}
	errs := updateTogether(t, e, fns)
	if errs[0] != nil || errs[1] == nil {
		t.Errorf("errors are %v", errs)
	}
	if got := e.Stats(); got != (Stats{}) {
		t.Errorf("stats are %+v, want none", got)
	}
}

func TestMembersOfAGroupSeeEarlierOnesThatSucceeded(t *testing.T) {
	synctest.Test(t, testMembersOfAGroupSeeEarlierOnesThatSucceeded)
}

func testMembersOfAGroupSeeEarlierOnesThatSucceeded(t *testing.T) {
	e := openEngine(t, Config{Path: newPath(t)})
	var seen sync.Map
	fns := make([]func(storage.Tx) error, 30)
	for i := range fns {
		fns[i] = func(tx storage.Tx) error {
			n := 0
			for kv, err := range tx.Range(storage.Range{}) {
				if err != nil {
					return err
				}
				if got, err := tx.Get(kv.Key); err != nil || string(got) != string(kv.Value) {
					return fmt.Errorf("range and get differ at %q: %q, %w", kv.Key, got, err)
				}
				n++
			}
			if err := tx.Put(fmt.Appendf(nil, "%02d", n), fmt.Append(nil, i)); err != nil {
				return err
			}
			switch i % 3 {
			case 1:
				return errors.New("refused")
			case 2:
				panic("exploded")
			}
			seen.Store(n, i)
			return nil
		}
	}
	updateTogether(t, e, fns)
	for n := range 10 {
		if _, ok := seen.Load(n); !ok {
			t.Errorf("no member saw exactly %d others", n)
		}
	}
	if got, want := e.Stats(), (Stats{Groups: 1, Updates: 10}); got != want {
		t.Errorf("stats are %+v, want %+v", got, want)
	}
}

func TestConcurrentWritersShareCommits(t *testing.T) {
	e := openEngine(t, Config{Path: newPath(t)})
	const writers, each = 64, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				err := e.Update(t.Context(), fmt.Sprintf("o%d", w%3), func(tx storage.Tx) error {
					return tx.Put(fmt.Appendf(nil, "%d/%d", w, i), []byte("v"))
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := e.Stats()
	if got.Updates != writers*each || got.Groups >= got.Updates/2 {
		t.Errorf("stats are %+v: want %d updates in far fewer groups", got, writers*each)
	}
}

// A held commit stands between a group's functions and their answers until the test lets it go on.
func holdCommit(e *Engine, then func(*bolt.Tx) error) (release func()) {
	held := make(chan struct{})
	e.commit = func(tx *bolt.Tx) error {
		<-held
		return then(tx)
	}
	return func() { close(held) }
}

func TestFunctionsRunOverTheGroupThatIsBeingCommitted(t *testing.T) {
	tests := map[string]struct {
		commit func(*bolt.Tx) error
		want   error
	}{
		"and are answered after it":   {(*bolt.Tx).Commit, nil},
		"and fail with it":            {func(*bolt.Tx) error { return errors.New("input/output error") }, storage.ErrBroken},
		"and fail also when it lands": {func(tx *bolt.Tx) error { return errors.Join(tx.Commit(), errors.New("sync")) }, storage.ErrBroken},
	}
	for name, test := range tests {
		synctestRun(t, name, func(t *testing.T) {
			e := openEngine(t, Config{Path: newPath(t)})
			err := e.Update(t.Context(), "o", func(tx storage.Tx) error {
				return errors.Join(put("changed", "1")(tx), put("deleted", "1")(tx), put("kept", "1")(tx))
			})
			if err != nil {
				t.Fatal(err)
			}
			release := holdCommit(e, test.commit)
			var first, second, refused error
			var answered atomic.Int32
			var calls sync.WaitGroup
			update := func(err *error, fn func(storage.Tx) error) {
				calls.Go(func() {
					*err = e.Update(t.Context(), "o", fn)
					answered.Add(1)
				})
				synctest.Wait()
			}
			update(&first, func(tx storage.Tx) error {
				return errors.Join(put("changed", "2")(tx), put("new", "2")(tx), tx.Delete([]byte("deleted")))
			})
			update(&second, func(tx storage.Tx) error {
				if got, want := content(t, tx), "changed=2 kept=1 new=2 "; got != want {
					t.Errorf("the next group sees %q, want %q", got, want)
				}
				return put("changed", "3")(tx)
			})
			update(&refused, func(tx storage.Tx) error {
				if got, want := content(t, tx), "changed=3 kept=1 new=2 "; got != want {
					t.Errorf("the second of the next group sees %q, want %q", got, want)
				}
				return storage.ErrNotFound
			})
			if answered.Load() != 0 {
				t.Error("somebody has an answer that is not on disk")
			}
			err = e.View(t.Context(), "o", func(tx storage.Tx) error {
				if got, want := content(t, tx), "changed=1 deleted=1 kept=1 "; got != want {
					t.Errorf("a View sees %q, want %q", got, want)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			release()
			calls.Wait()
			wantRefusal := test.want
			if wantRefusal == nil {
				wantRefusal = storage.ErrNotFound
			}
			if !errors.Is(first, test.want) || !errors.Is(second, test.want) || !errors.Is(refused, wantRefusal) {
				t.Errorf("the answers are %v, %v and %v", first, second, refused)
			}
		})
	}
}

func put(key, value string) func(storage.Tx) error {
	return func(tx storage.Tx) error { return tx.Put([]byte(key), []byte(value)) }
}

// content lists all pairs, and checks that Get agrees with Range.
func content(t *testing.T, tx storage.Tx) string {
	t.Helper()
	var all strings.Builder
	for kv, err := range tx.Range(storage.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tx.Get(kv.Key); err != nil || string(got) != string(kv.Value) {
			t.Errorf("range and get differ at %q: %q, %v", kv.Key, got, err)
		}
		fmt.Fprintf(&all, "%s=%s ", kv.Key, kv.Value)
	}
	return all.String()
}

// lateContext ends without a signal: as a context looks to who was given the turn at the same moment.
type lateContext struct {
	context.Context
	ended atomic.Bool
}

func (c *lateContext) Done() <-chan struct{} { return nil }

func (c *lateContext) Err() error {
	if c.ended.Load() {
		return context.Canceled
	}
	return nil
}

func TestWhoWaitsForATurnCanLeave(t *testing.T) {
	tests := map[string]func(t *testing.T) (ctx context.Context, leave func()){
		"during the wait": func(t *testing.T) (context.Context, func()) {
			return context.WithCancel(t.Context())
		},
		"when the turn has just come": func(t *testing.T) (context.Context, func()) {
			late := &lateContext{Context: t.Context()}
			return late, func() { late.ended.Store(true) }
		},
	}
	for name, newContext := range tests {
		synctestRun(t, name, func(t *testing.T) {
			e := openEngine(t, Config{Path: newPath(t)})
			ctx, leave := newContext(t)
			turn := <-e.open
			answer := make(chan error, 1)
			go func() {
				answer <- e.Update(ctx, "o", func(storage.Tx) error {
					t.Error("the function was called")
					return nil
				})
			}()
			synctest.Wait()
			leave()
			e.open <- turn
			if err := <-answer; !errors.Is(err, context.Canceled) {
				t.Errorf("who left got %v", err)
			}
			if err := e.Update(t.Context(), "o", puts(1, 1)[0]); err != nil {
				t.Errorf("the next update: %v", err)
			}
		})
	}
}

func TestFailedCommitBreaksTheEngine(t *testing.T) {
	diskError := errors.New("input/output error")
	tests := map[string]func(*bolt.Tx) error{
		"nothing reached the disk": func(*bolt.Tx) error { return diskError },
		"all of it reached the disk and the sync failed": func(tx *bolt.Tx) error {
			return errors.Join(tx.Commit(), diskError)
		},
		"bbolt panicked":             func(*bolt.Tx) error { panic(diskError) },
		"bbolt lost its transaction": func(tx *bolt.Tx) error { return errors.Join(tx.Rollback(), diskError) },
	}
	for name, commit := range tests {
		synctestRun(t, name, func(t *testing.T) {
			e := openEngine(t, Config{Path: newPath(t)})
			if err := e.Update(t.Context(), "o", puts(1, 1)[0]); err != nil {
				t.Fatal(err)
			}
			e.commit = commit
			signals, err := e.Watch(t.Context(), "o")
			if err != nil {
				t.Fatal(err)
			}

			// Also those whose functions had refused must not get an answer
			// that rests on what may be lost.
			fns := append(puts(3, 1), func(storage.Tx) error { return storage.ErrNotFound })
			for i, err := range updateTogether(t, e, fns) {
				if !errors.Is(err, storage.ErrBroken) {
					t.Errorf("member %d of the group got %v", i, err)
				}
				if !strings.Contains(fmt.Sprint(err), "input/output error") {
					t.Errorf("the cause is lost: %v", err)
				}
			}

			<-e.Broken()
			if _, open := <-signals; open {
				t.Error("the watch got a signal for a commit that failed")
			}
			fn := func(storage.Tx) error {
				t.Error("the function was called")
				return nil
			}
			_, watchErr := e.Watch(t.Context(), "o")
			for name, err := range map[string]error{
				"Update": e.Update(t.Context(), "o", fn),
				"View":   e.View(t.Context(), "o", fn),
				"Ready":  e.Ready(t.Context()),
				"Watch":  watchErr,
				"Backup": e.Backup(t.Context(), nil),
			} {
				if !errors.Is(err, storage.ErrBroken) {
					t.Errorf("%s afterwards: %v", name, err)
				}
			}
			if err := e.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if err := e.Ready(t.Context()); !errors.Is(err, storage.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		})
	}
}

func TestThoseWhoWaitWhenTheEngineBreaksAreTold(t *testing.T) {
	synctest.Test(t, testThoseWhoWaitWhenTheEngineBreaksAreTold)
}

func testThoseWhoWaitWhenTheEngineBreaksAreTold(t *testing.T) {
	e := openEngine(t, Config{Path: newPath(t)})
	e.commit = func(*bolt.Tx) error { return errors.New("input/output error") }
	// Two groups: the second runs at most while the first is committed.
	var broken int
	for _, err := range updateTogether(t, e, puts(maxGroupMembers+50, 1)) {
		if errors.Is(err, storage.ErrBroken) {
			broken++
		}
	}
	if broken != maxGroupMembers+50 {
		t.Errorf("%d callers were told, want %d", broken, maxGroupMembers+50)
	}
}

func TestCloseBeatsTheQueue(t *testing.T) { synctest.Test(t, testCloseBeatsTheQueue) }

func testCloseBeatsTheQueue(t *testing.T) {
	e := openEngine(t, Config{Path: newPath(t)})
	var closing sync.WaitGroup
	fns := puts(2*maxGroupMembers, 1)
	first := fns[0]
	fns[0] = func(tx storage.Tx) error {
		closing.Go(func() {
			if err := e.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
		for e.Ready(context.Background()) == nil {
			runtime.Gosched()
		}
		return first(tx)
	}
	done := 0
	for _, err := range updateTogether(t, e, fns) {
		switch {
		case err == nil:
			done++
		case !errors.Is(err, storage.ErrClosed):
			t.Errorf("a caller got %v", err)
		}
	}
	closing.Wait()
	if done == 0 || uint64(done) != e.Stats().Updates {
		t.Errorf("%d callers were told of success, and %d updates were committed", done, e.Stats().Updates)
	}
}
