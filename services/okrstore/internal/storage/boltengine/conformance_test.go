package boltengine

import (
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/storagetest"
)

func TestConformance(t *testing.T) {
	for name, maxJournal := range map[string]int{
		"what is written stays in the journal": maxJournalBytes,
		"it is settled now and then":           300,
		"it is settled a record at a time":     0,
	} {
		t.Run(name, func(t *testing.T) {
			paths := make(map[storage.Engine]string)
			open := func(t *testing.T, path string) storage.Engine {
				e := openEngine(t, Config{Path: path})
				e.maxJournal = maxJournal
				paths[e] = path
				return e
			}
			storagetest.Run(t, storagetest.Factory{
				New: func(t *testing.T) storage.Engine { return open(t, newPath(t)) },
				Reopen: func(t *testing.T, e storage.Engine) storage.Engine {
					if err := e.Close(); err != nil {
						t.Fatalf("Close: %v", err)
					}
					return open(t, paths[e])
				},
			})
		})
	}
}

// newPath returns a path for a store file, which bbolt's own check goes over
// when the test ends.
func newPath(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "okr.db")
	t.Cleanup(func() { checkFile(t, path) })
	return path
}

// openEngine opens a file that must be sound, and closes it when the test ends.
func openEngine(t testing.TB, config Config) *Engine {
	t.Helper()
	e, err := Open(t.Context(), config)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return e
}

// lockWait is when a test gives up a file that an engine was left open with.
const lockWait = 10 * time.Second

// checkFile fails the test unless bbolt finds the file consistent.
func checkFile(t testing.TB, path string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, PreLoadFreelist: true, Timeout: lockWait})
	if err != nil {
		t.Errorf("opening %s for the check: %v", path, err)
		return
	}
	defer db.Close()
	err = db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("bbolt's check: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
