package storagetest

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

var transactionTests = map[string]func(*testing.T, Factory){
	"a transaction reads its own writes":                      testReadYourWrites,
	"a written value is read by later transactions":           testLaterReads,
	"an empty value is not an absent one":                     testEmptyValue,
	"a failed function leaves nothing":                        testFailedFunction,
	"a panicking function leaves nothing and tells its value": testPanic,
	"a panic with a known error is not taken for that error":  testPanicWithSentinel,
	"an ignored write error fails the update":                 testIgnoredWriteError,
	"a view cannot write":                                     testReadOnlyView,
	"a transaction is useless after its end":                  testTxDone,
	"slices passed in and handed out are the caller's":        testAliasing,
}

func testReadYourWrites(t *testing.T, f Factory) {
	e := f.New(t)
	put(t, e, organization, "kept", "1", "deleted", "1", "replaced", "1")
	update(t, e, func(tx storage.Tx) error {
		if err := errors.Join(
			tx.Delete([]byte("deleted")),
			tx.Delete([]byte("never there")),
			tx.Put([]byte("replaced"), []byte("2")),
			tx.Put([]byte("added"), []byte("2")),
			tx.Put([]byte("back"), []byte("1")),
			tx.Delete([]byte("back")),
			tx.Put([]byte("back"), []byte("2")),
			tx.Put([]byte("gone"), []byte("1")),
			tx.Delete([]byte("gone")),
		); err != nil {
			return err
		}
		wantValue(t, tx, "kept", []byte("1"))
		wantValue(t, tx, "deleted", nil)
		wantValue(t, tx, "replaced", []byte("2"))
		wantValue(t, tx, "added", []byte("2"))
		wantValue(t, tx, "back", []byte("2"))
		wantValue(t, tx, "gone", nil)
		return nil
	})
	wantContent(t, e, organization, "added=2", "back=2", "kept=1", "replaced=2")
}

func testLaterReads(t *testing.T, f Factory) {
	e := f.New(t)
	view(t, e, func(tx storage.Tx) error {
		wantValue(t, tx, "k", nil)
		return nil
	})
	put(t, e, organization, "k", "v")
	read := func(tx storage.Tx) error {
		wantValue(t, tx, "k", []byte("v"))
		return nil
	}
	view(t, e, read)
	update(t, e, read)
}

func testEmptyValue(t *testing.T, f Factory) {
	e := f.New(t)
	update(t, e, func(tx storage.Tx) error {
		if err := tx.Put([]byte("k"), nil); err != nil {
			return err
		}
		wantValue(t, tx, "k", []byte{})
		return nil
	})
	view(t, e, func(tx storage.Tx) error {
		wantValue(t, tx, "k", []byte{})
		for kv, err := range tx.Range(storage.Range{}) {
			if err != nil || kv.Value == nil {
				t.Errorf("Range yields %#v, %v", kv, err)
			}
		}
		return nil
	})
}

func testFailedFunction(t *testing.T, f Factory) {
	e := f.New(t)
	put(t, e, organization, "k", "before")
	err := e.Update(t.Context(), organization, func(tx storage.Tx) error {
		return errors.Join(tx.Put([]byte("k"), []byte("after")), tx.Put([]byte("l"), nil), errRefused)
	})
	wantError(t, err, errRefused)
	wantContent(t, e, organization, "k=before")

	if got := e.View(t.Context(), organization, func(storage.Tx) error { return errRefused }); got != errRefused {
		t.Errorf("View returned %v, want the function's error itself", got)
	}
	if got := e.Update(t.Context(), organization, func(storage.Tx) error { return errRefused }); got != errRefused {
		t.Errorf("Update returned %v, want the function's error itself", got)
	}
}

func testPanic(t *testing.T, f Factory) {
	e := f.New(t)
	put(t, e, organization, "k", "before")
	explode := func(tx storage.Tx) error {
		_ = tx.Put([]byte("k"), []byte("after")) // refused in a View
		panic("at the disco")
	}
	for name, call := range map[string]func() error{
		"Update": func() error { return e.Update(t.Context(), organization, explode) },
		"View":   func() error { return e.View(t.Context(), organization, explode) },
	} {
		p, ok := errors.AsType[*storage.PanicError](call())
		switch {
		case !ok:
			t.Errorf("%s returned no PanicError", name)
		case p.Value != "at the disco" || !strings.Contains(p.Error(), "at the disco"):
			t.Errorf("%s: the panic's value is lost: %v", name, p)
		case !strings.Contains(string(p.Stack), "testPanic"):
			t.Errorf("%s: the stack does not show who panicked:\n%s", name, p.Stack)
		case strings.Contains(p.Error(), "goroutine"):
			t.Errorf("%s: the message shows the stack: %v", name, p)
		}
	}
	wantContent(t, e, organization, "k=before")
}

func testPanicWithSentinel(t *testing.T, f Factory) {
	e := f.New(t)
	err := e.Update(t.Context(), organization, func(storage.Tx) error { panic(storage.ErrNotFound) })
	if err == nil || errors.Is(err, storage.ErrNotFound) {
		t.Errorf("error is %v, which passes for ErrNotFound", err)
	}
}

func testIgnoredWriteError(t *testing.T, f Factory) {
	e := f.New(t)
	err := e.Update(t.Context(), organization, func(tx storage.Tx) error {
		if err := tx.Put([]byte("good"), nil); err != nil {
			return err
		}
		_ = tx.Put(nil, nil) // the error is ignored on purpose
		wantError(t, tx.Put([]byte("also good"), nil), storage.ErrInvalidKey)
		return nil
	})
	wantError(t, err, storage.ErrInvalidKey)
	wantContent(t, e, organization)
}

func testReadOnlyView(t *testing.T, f Factory) {
	e := f.New(t)
	put(t, e, organization, "k", "v")
	view(t, e, func(tx storage.Tx) error {
		wantError(t, tx.Put([]byte("k"), nil), storage.ErrReadOnly)
		wantError(t, tx.Delete([]byte("k")), storage.ErrReadOnly)
		wantValue(t, tx, "k", []byte("v"))
		return nil
	})
	wantContent(t, e, organization, "k=v")
}

func testTxDone(t *testing.T, f Factory) {
	e := f.New(t)
	put(t, e, organization, "k", "v", "l", "w", "m", "x")
	for name, run := range map[string]func(func(storage.Tx) error) error{
		"Update": func(fn func(storage.Tx) error) error { return e.Update(t.Context(), organization, fn) },
		"View":   func(fn func(storage.Tx) error) error { return e.View(t.Context(), organization, fn) },
	} {
		t.Run(name, func(t *testing.T) {
			var escaped storage.Tx
			var next func() (storage.KV, error, bool)
			var stop func()
			err := run(func(tx storage.Tx) error {
				escaped = tx
				next, stop = iter.Pull2(tx.Range(storage.Range{}))
				if kv, err, ok := next(); !ok || err != nil || string(kv.Key) != "k" {
					return fmt.Errorf("first pair: %q, %w, %t", kv.Key, err, ok)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			_, err, _ = next()
			wantError(t, err, storage.ErrTxDone)
			_, err = escaped.Get([]byte("k"))
			wantError(t, err, storage.ErrTxDone)
			wantError(t, escaped.Put([]byte("k"), nil), storage.ErrTxDone)
			wantError(t, escaped.Delete([]byte("k")), storage.ErrTxDone)
			_, err = list(escaped, storage.Range{})
			wantError(t, err, storage.ErrTxDone)
		})
	}
	wantContent(t, e, organization, "k=v", "l=w", "m=x")
}

func testAliasing(t *testing.T, f Factory) {
	e := f.New(t)
	key, doomed := []byte("key"), []byte("doomed")
	update(t, e, func(tx storage.Tx) error {
		if err := errors.Join(tx.Put(key, []byte("value")), tx.Put([]byte("next"), []byte("one")), tx.Delete(doomed)); err != nil {
			return err
		}
		scribble(key, doomed)
		wantValue(t, tx, "key", []byte("value"))
		return nil
	})
	wantContent(t, e, organization, "key=value", "next=one")

	// What is appended to a slice must not lead into the memory of its neighbour.
	read := func(tx storage.Tx) error {
		got, err := tx.Get([]byte("key"))
		if err != nil {
			return err
		}
		_ = append(got, "!!!!!!!!!!!!!!!!"...)
		for kv, err := range tx.Range(storage.Range{}) {
			if err != nil {
				return err
			}
			_, _ = append(kv.Key, "!!!!!!!!!!!!!!!!"...), append(kv.Value, "!!!!!!!!!!!!!!!!"...)
		}
		wantValue(t, tx, "key", []byte("value"))
		wantValue(t, tx, "next", []byte("one"))
		return nil
	}
	view(t, e, read)
	update(t, e, read)
	wantContent(t, e, organization, "key=value", "next=one")
}

// scribble overwrites what the engine must not depend on.
func scribble(slices ...[]byte) {
	for _, b := range slices {
		for i := range b {
			b[i] = '!'
		}
	}
}
