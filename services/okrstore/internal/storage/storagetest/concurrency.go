package storagetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

var concurrencyTests = map[string]func(*testing.T, Factory){
	"200 concurrent increments add up to 200":               testIncrements,
	"a view does not see what commits meanwhile":            testSnapshot,
	"a view never sees half an update":                      testAtomicity,
	"one caller's failure or panic harms no other":          testFailuresAmongOthers,
	"a function that ends its goroutine harms no other":     testGoexit,
	"an ended context takes a waiting update off the queue": testCancelQueued,
	"an update that runs answers its true outcome":          testCancelRunning,
	"a context that has ended stops every call":             testEndedContext,
}

// increment adds one to a decimal counter.
func increment(tx storage.Tx) error {
	n := 0
	switch value, err := tx.Get([]byte("counter")); {
	case errors.Is(err, storage.ErrNotFound):
	case err != nil:
		return err
	default:
		if n, err = strconv.Atoi(string(value)); err != nil {
			return err
		}
	}
	return tx.Put([]byte("counter"), strconv.AppendInt(nil, int64(n+1), 10))
}

func testIncrements(t *testing.T, f Factory) {
	e := f.New(t)
	ids := []string{"a", "ab"}
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if err := e.Update(t.Context(), ids[i%2], increment); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		wantContent(t, e, id, "counter=100")
	}
}

func testSnapshot(t *testing.T, f Factory) {
	e := f.New(t)
	put(t, e, organization, "changed", "before", "deleted", "before")
	view(t, e, func(tx storage.Tx) error {
		done := make(chan error)
		go func() {
			done <- e.Update(t.Context(), organization, func(tx storage.Tx) error {
				return errors.Join(
					tx.Put([]byte("changed"), []byte("after")),
					tx.Put([]byte("added"), []byte("after")),
					tx.Delete([]byte("deleted")),
				)
			})
		}()
		if err, _ := receive(t, done, "an update beside a view"); err != nil {
			return err
		}
		wantValue(t, tx, "changed", []byte("before"))
		wantValue(t, tx, "added", nil)
		got, err := list(tx, storage.Range{})
		if want := []string{"changed=before", "deleted=before"}; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the view sees %q, want %q", got, want)
		}
		return err
	})
	wantContent(t, e, organization, "added=after", "changed=after")
}

func testAtomicity(t *testing.T, f Factory) {
	e := f.New(t)
	put(t, e, organization, "left", "0", "right", "0")
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				err := e.View(t.Context(), organization, func(tx storage.Tx) error {
					left, err := tx.Get([]byte("left"))
					if err != nil {
						return err
					}
					wantValue(t, tx, "right", left)
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 50 {
		n := strconv.Itoa(i)
		put(t, e, organization, "left", n, "right", n)
	}
	close(stop)
	readers.Wait()
}

func testFailuresAmongOthers(t *testing.T, f Factory) {
	e := f.New(t)
	var wg sync.WaitGroup
	for i := range 90 {
		wg.Go(func() {
			err := e.Update(t.Context(), organization, func(tx storage.Tx) error {
				if err := increment(tx); err != nil {
					return err
				}
				switch i % 3 {
				case 1:
					return errRefused
				case 2:
					panic(i)
				}
				return nil
			})
			p, panicked := errors.AsType[*storage.PanicError](err)
			switch {
			case i%3 == 0 && err != nil:
				t.Errorf("an innocent caller got %v", err)
			case i%3 == 1 && err != errRefused:
				t.Errorf("a refusing function's caller got %v", err)
			case i%3 == 2 && (!panicked || p.Value != i):
				t.Errorf("the caller of panic(%d) got %v", i, err)
			}
		})
	}
	wg.Wait()
	wantContent(t, e, organization, "counter=30")
}

func testGoexit(t *testing.T, f Factory) {
	e := f.New(t)
	leave := func(tx storage.Tx) error {
		_ = tx.Put([]byte("k"), nil) // refused in a View
		runtime.Goexit()
		return nil
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.Update(t.Context(), organization, leave) })
	wg.Go(func() { _ = e.View(t.Context(), organization, leave) })
	wg.Wait()
	wantContent(t, e, organization)
	put(t, e, organization, "k", "v")
	wantContent(t, e, organization, "k=v")
	if err := e.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func testCancelQueued(t *testing.T, f Factory) {
	e := f.New(t)
	running, release := make(chan struct{}), make(chan struct{})
	first := make(chan error)
	go func() {
		first <- e.Update(t.Context(), organization, func(tx storage.Tx) error {
			close(running)
			<-release
			return tx.Put([]byte("first"), nil)
		})
	}()
	receive(t, running, "the first update")

	// More than any queue holds.
	const waiting = 1000
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, waiting)
	var called atomic.Int32
	for range waiting {
		go func() {
			results <- e.Update(ctx, organization, func(storage.Tx) error { called.Add(1); return nil })
		}()
		runtime.Gosched()
	}
	cancel()
	for range waiting {
		err, _ := receive(t, results, "a cancelled update, while another one runs")
		wantError(t, err, context.Canceled)
	}
	close(release)
	if err, _ := receive(t, first, "the first update's answer"); err != nil {
		t.Errorf("the update that ran got %v", err)
	}
	put(t, e, organization, "last", "")
	if n := called.Load(); n > 0 {
		t.Errorf("%d functions ran whose callers had left", n)
	}
	wantContent(t, e, organization, "first=", "last=")
}

func testCancelRunning(t *testing.T, f Factory) {
	e := f.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := e.Update(ctx, organization, func(tx storage.Tx) error {
		cancel()
		return tx.Put([]byte("k"), []byte("v"))
	})
	if err != nil {
		t.Errorf("the update was made and its caller got %v", err)
	}
	wantContent(t, e, organization, "k=v")
}

func testEndedContext(t *testing.T, f Factory) {
	e := f.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fn := func(storage.Tx) error {
		t.Error("the function was called")
		return nil
	}
	wantError(t, e.View(ctx, organization, fn), context.Canceled)
	wantError(t, e.Update(ctx, organization, fn), context.Canceled)
	wantError(t, e.Ready(ctx), context.Canceled)
	_, err := e.Watch(ctx, organization)
	wantError(t, err, context.Canceled)
}
