package boltengine

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// noRoom is what the operating system says of a full disk, and what bbolt makes of it when it cannot make the file longer.
var noRoom = map[string]error{
	"a page that does not fit": &os.PathError{Op: "write", Path: "okr.db", Err: syscall.ENOSPC},
	"a quota":                  &os.PathError{Op: "write", Path: "okr.db", Err: syscall.EDQUOT},
	"a file that may not grow": fmt.Errorf("file resize error: %s", syscall.EFBIG), //nolint:errorlint // as bbolt does it
}

func TestWithoutRoomWritesAreRefusedUntilThereIsSome(t *testing.T) {
	for name, cause := range noRoom {
		synctestRun(t, name, func(t *testing.T) {
			var log strings.Builder
			e := openEngine(t, Config{Path: newPath(t), Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err := e.Update(t.Context(), "o", put("kept", "1")); err != nil {
				t.Fatal(err)
			}
			e.commit = func(*bolt.Tx) error { return cause }
			for round := range 3 {
				for i, err := range updateTogether(t, e, puts(maxGroupMembers+20, 1)) {
					if !errors.Is(err, storage.ErrFull) || !errors.Is(err, cause) || errors.Is(err, storage.ErrBroken) {
						t.Errorf("round %d: member %d got %v", round, i, err)
					}
				}
			}
			if err := e.Ready(t.Context()); err != nil {
				t.Errorf("it says that it is not ready: %v", err)
			}
			wantContent(t, e, "kept=1 ")
			e.commit = (*bolt.Tx).Commit
			if err := e.Update(t.Context(), "o", put("more", "2")); err != nil {
				t.Errorf("with room: %v", err)
			}
			wantContent(t, e, "kept=1 more=2 ")
			if e.Stats().Full == 0 {
				t.Error("nothing was counted")
			}
			if strings.Count(log.String(), "no room on the disk") != 1 || strings.Count(log.String(), "there is room") != 1 {
				t.Errorf("the log says %s", log.String())
			}
		})
	}
}

// Those of the next group have seen what the group before wrote, and that is not there.
func TestTheGroupAfterOneThatFoundNoRoomFailsWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := openEngine(t, Config{Path: newPath(t)})
		committing, fail := make(chan struct{}), make(chan struct{})
		e.commit = func(tx *bolt.Tx) error {
			e.commit = (*bolt.Tx).Commit
			close(committing)
			<-fail
			return syscall.ENOSPC
		}
		var first, second error
		var calls sync.WaitGroup
		calls.Go(func() { first = e.Update(t.Context(), "o", put("a", "1")) })
		<-committing
		calls.Go(func() {
			second = e.Update(t.Context(), "o", func(tx storage.Tx) error {
				if got := content(t, tx); got != "a=1 " {
					t.Errorf("it sees %q", got)
				}
				return tx.Put([]byte("b"), []byte("2"))
			})
		})
		synctest.Wait()
		close(fail)
		calls.Wait()
		if !errors.Is(first, storage.ErrFull) || !errors.Is(second, storage.ErrFull) {
			t.Errorf("they got %v and %v", first, second)
		}
		if err := e.Update(t.Context(), "o", put("c", "3")); err != nil {
			t.Error(err)
		}
		wantContent(t, e, "c=3 ")
	})
}

// If the state that found no room may be on disk, nobody knows what is, and the engine breaks as after any other error.
func TestAStateThatMayBeOnDiskBreaksTheEngineAlsoForWantOfRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := openEngine(t, Config{Path: newPath(t)})
		e.commit = func(tx *bolt.Tx) error { return errors.Join(tx.Commit(), syscall.ENOSPC) }
		if err := e.Update(t.Context(), "o", put("a", "1")); !errors.Is(err, storage.ErrBroken) || errors.Is(err, storage.ErrFull) {
			t.Errorf("answered %v", err)
		}
		<-e.Broken()
	})
}

func wantContent(t *testing.T, e *Engine, want string) {
	t.Helper()
	err := e.View(t.Context(), "o", func(tx storage.Tx) error {
		if got := content(t, tx); got != want {
			t.Errorf("the file holds %q, want %q", got, want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
