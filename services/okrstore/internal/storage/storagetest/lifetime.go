package storagetest

import (
	"errors"
	"sync"
	"testing"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

var lifetimeTests = map[string]func(*testing.T, Factory){
	"a fresh engine is ready":                           testReady,
	"after Close every call fails":                      testUseAfterClose,
	"Close finishes what runs and refuses what waits":   testCloseUnderLoad,
	"two engines have different epochs":                 testEpochs,
	"a durable engine keeps data and epoch when closed": testReopen,
}

func testReady(t *testing.T, f Factory) {
	if err := f.New(t).Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func testUseAfterClose(t *testing.T, f Factory) {
	e := f.New(t)
	epoch := e.Epoch()
	for range 2 {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	fn := func(storage.Tx) error {
		t.Error("the function was called")
		return nil
	}
	wantError(t, e.View(t.Context(), organization, fn), storage.ErrClosed)
	wantError(t, e.Update(t.Context(), organization, fn), storage.ErrClosed)
	wantError(t, e.Ready(t.Context()), storage.ErrClosed)
	_, err := e.Watch(t.Context(), organization)
	wantError(t, err, storage.ErrClosed)
	if e.Epoch() != epoch {
		t.Error("the epoch is gone")
	}
}

func testCloseUnderLoad(t *testing.T, f Factory) {
	e := f.New(t)
	running, release := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- e.Update(t.Context(), organization, func(tx storage.Tx) error {
			close(running)
			<-release
			return tx.Put([]byte("k"), nil)
		})
	}()
	receive(t, running, "the first update")
	var others sync.WaitGroup
	for range 50 {
		others.Go(func() {
			for {
				err := e.Update(t.Context(), organization, increment)
				if err == nil {
					continue
				}
				wantError(t, err, storage.ErrClosed)
				return
			}
		})
		others.Go(func() {
			for {
				err := e.View(t.Context(), organization, func(tx storage.Tx) error {
					_, err := tx.Get([]byte("k"))
					return err
				})
				if err == nil || errors.Is(err, storage.ErrNotFound) {
					continue
				}
				wantError(t, err, storage.ErrClosed)
				return
			}
		})
	}
	closed := make(chan error, 1)
	go func() { closed <- e.Close() }()
	close(release)
	if err, _ := receive(t, first, "the update that ran at Close"); err != nil {
		t.Errorf("the update that ran at Close got %v", err)
	}
	if err, _ := receive(t, closed, "Close"); err != nil {
		t.Errorf("Close: %v", err)
	}
	others.Wait()
}

func testEpochs(t *testing.T, f Factory) {
	one, two := f.New(t).Epoch(), f.New(t).Epoch()
	if one == two || len(one) < 8 {
		t.Errorf("epochs are %q and %q", one, two)
	}
	for _, c := range one {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			t.Errorf("epoch %q is not letters and digits", one)
		}
	}
}

func testReopen(t *testing.T, f Factory) {
	if f.Reopen == nil {
		return
	}
	e := f.New(t)
	epoch := e.Epoch()
	put(t, e, organization, "kept", "1", "deleted", "1", "empty", "")
	update(t, e, func(tx storage.Tx) error { return tx.Delete([]byte("deleted")) })
	for range 2 {
		e = f.Reopen(t, e)
		wantContent(t, e, organization, "empty=", "kept=1")
		if e.Epoch() != epoch {
			t.Errorf("epoch %q became %q", epoch, e.Epoch())
		}
	}
}
