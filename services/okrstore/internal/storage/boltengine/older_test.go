package boltengine

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

func TestAnOlderFileIsCopiedBeforeItIsMigrated(t *testing.T) {
	const organizations = 10
	path, records := numbered(t, organizations)
	before := openEngine(t, Config{Path: path})
	epoch := before.Epoch()
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	upgrades := []storage.Upgrade{marking("-2", 3, never), marking("-3", 3, never)}
	upgraded := openEngine(t, Config{Path: path, Upgrades: upgrades})
	if got := values(t, upgraded, organizations); got["old-2-3"] != records {
		t.Errorf("the file holds %v", got)
	}
	older := openEngine(t, Config{Path: path + ".schema-1"})
	if got := values(t, older, organizations); got["old"] != records || older.Epoch() != epoch {
		t.Errorf("the copy holds %v, and is of epoch %s", got, older.Epoch())
	}
	wantFiles(t, path, "okr.db", "okr.db.schema-1")
	if info, err := os.Stat(path + ".schema-1"); err != nil || info.Mode() != 0o600 {
		t.Errorf("the mode of the copy is %v, %v", info.Mode(), err)
	}
}

func wantFiles(t *testing.T, path string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("the directory holds %v, want %v", got, want)
	}
}

// The next process goes on with a migration, and what it finds is no file of the schema before any more.
func TestAMigrationThatWasCutOffKeepsTheCopyOfItsBeginning(t *testing.T) {
	path, records := numbered(t, 10)
	errCut := errors.New("cut off")
	calls := 0
	steps := migrations([]storage.Upgrade{marking("-2", 3, func() error {
		if calls++; calls > 5 {
			return errCut
		}
		return nil
	})})
	steps[1].commitBytes = 8
	if _, err := open(t.Context(), Config{Path: path}, steps); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	copied := readFile(t, path+".schema-1")
	// This one knows one more, so that what it finds is older than what it wants.
	upgraded := openEngine(t, Config{Path: path, Upgrades: []storage.Upgrade{marking("-2", 3, never), marking("-3", 3, never)}})
	if got := values(t, upgraded, 10); got["old-2-3"] != records {
		t.Errorf("the file holds %v", got)
	}
	if !slices.Equal(copied, readFile(t, path+".schema-1")) {
		t.Error("the copy was made again")
	}
	wantFiles(t, path, "okr.db", "okr.db.schema-1")
}

func TestWithoutACopyNothingIsMigrated(t *testing.T) {
	path, records := numbered(t, 10)
	if err := os.Mkdir(path+".schema-1", 0o700); err != nil { // where the copy should go
		t.Fatal(err)
	}
	upgrades := []storage.Upgrade{marking("-2", 3, never)}
	if _, err := Open(t.Context(), Config{Path: path, Upgrades: upgrades}); err == nil || !strings.Contains(err.Error(), "copying the file of schema 1") {
		t.Errorf("answered %v", err)
	}
	wantFiles(t, path, "okr.db", "okr.db.schema-1")
	old := openEngine(t, Config{Path: path})
	if got := values(t, old, 10); !maps.Equal(got, map[string]int{"old": records}) {
		t.Errorf("the file holds %v", got)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("unless none is wanted", func(t *testing.T) {
		e := openEngine(t, Config{Path: path, Upgrades: upgrades, Uncopied: true})
		if got := values(t, e, 10); got["old-2"] != records {
			t.Errorf("the file holds %v", got)
		}
	})
}
