package watch_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/watch"
)

func TestNotifyReachesTheOrganizationAlone(t *testing.T) {
	var hub watch.Hub
	one, err := hub.Watch(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	two, err := hub.Watch(t.Context(), "two")
	if err != nil {
		t.Fatal(err)
	}
	hub.Notify("one")
	hub.Notify("one")
	hub.Notify("nobody")
	if len(one) != 1 || len(two) != 0 {
		t.Errorf("%d and %d signals wait, want 1 and 0", len(one), len(two))
	}
}

func TestEndedWatchesAreForgotten(t *testing.T) {
	var hub watch.Hub
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		signals, err := hub.Watch(ctx, "o")
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		for range signals {
		}
	}
	if n := hub.Len(); n != 0 {
		t.Errorf("%d watches are left", n)
	}
}

func TestCloseRacesWithTheEndOfContexts(t *testing.T) {
	for range 100 {
		var hub watch.Hub
		ctx, cancel := context.WithCancel(t.Context())
		signals, err := hub.Watch(ctx, "o")
		if err != nil {
			t.Fatal(err)
		}
		go cancel()
		runtime.Gosched()
		hub.Close()
		hub.Close()
		hub.Notify("o")
		for range signals {
		}
		if _, err := hub.Watch(t.Context(), "o"); !errors.Is(err, storage.ErrClosed) {
			t.Errorf("a watch on a closed hub: %v", err)
		}
	}
}
