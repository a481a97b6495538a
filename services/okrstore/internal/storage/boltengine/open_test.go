package boltengine

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// refused opens a path that must not open and returns the error.
func refused(t *testing.T, path string, want error, words ...string) {
	t.Helper()
	e, err := Open(t.Context(), Config{Path: path})
	if err == nil {
		t.Errorf("Open succeeded; closing it: %v", e.Close())
		return
	}
	if !errors.Is(err, want) {
		t.Errorf("error is %v, want %v", err, want)
	}
	for _, word := range append(words, path) {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in the message: %v", word, err)
		}
	}
}

func TestOpenMakesAPrivateFileAndNothingElse(t *testing.T) {
	path := newPath(t)
	openEngine(t, Config{Path: path})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode(); mode != 0o600 {
		t.Errorf("mode is %v, want 0600", mode)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v (%v), want the file alone", entries, err)
	}
}

func TestOpenSaysWhatIsWrongWithThePath(t *testing.T) {
	dir := t.TempDir()
	refused(t, filepath.Join(dir, "missing", "okr.db"), fs.ErrNotExist, "create its directory", "OKR_STORE_PATH")
	if _, err := Open(t.Context(), Config{}); err == nil || !strings.Contains(err.Error(), "OKR_STORE_PATH") {
		t.Errorf("an empty path: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, Config{Path: filepath.Join(dir, "okr.db")}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

// The superuser may open anything, so what the operating system would say is
// said here in its place.
func TestMissingPermissionIsExplained(t *testing.T) {
	f := file{path: "/data/okr.db"}
	err := f.explain(&fs.PathError{Op: "open", Path: f.path, Err: fs.ErrPermission})
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "give this user") {
		t.Errorf("error is %v", err)
	}
}

func TestAnOpenFileIsLocked(t *testing.T) {
	advice := []string{"another okr-store", "stop it", "OKR_STORE_PATH"}

	t.Run("for the same process", func(t *testing.T) {
		path := newPath(t)
		e := openEngine(t, Config{Path: path})
		refused(t, path, ErrLocked, advice...)
		if err := e.Update(t.Context(), "o", func(tx storage.Tx) error { return tx.Put([]byte("k"), nil) }); err != nil {
			t.Errorf("the first engine was disturbed: %v", err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		openEngine(t, Config{Path: path})
	})

	t.Run("for another process", func(t *testing.T) {
		path := newPath(t)
		child := startChild(t, "hold", path)
		if line := child.line(t); line != "open" {
			t.Fatalf("the child says %q", line)
		}
		refused(t, path, ErrLocked, advice...)
		child.kill(t)
		openEngine(t, Config{Path: path})
		if line := startChild(t, "hold", path).line(t); !strings.Contains(line, "another okr-store") {
			t.Errorf("the child says %q", line)
		}
	})

	t.Run("until the other one, which is just stopping, has closed it", func(t *testing.T) {
		path := newPath(t)
		e := openEngine(t, Config{Path: path})
		var wg sync.WaitGroup
		wg.Go(func() { openEngine(t, Config{Path: path, LockTimeout: patience}) })
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
}

func TestOfManyThatCreateTheFileOneGetsIt(t *testing.T) {
	path := newPath(t)
	var wg sync.WaitGroup
	results := make(chan error, 4)
	for range cap(results) {
		wg.Go(func() {
			e, err := Open(t.Context(), Config{Path: path})
			if err == nil {
				t.Cleanup(func() { _ = e.Close() })
			}
			results <- err
		})
	}
	wg.Wait()
	close(results)
	opened := 0
	for err := range results {
		if err == nil {
			opened++
		} else if !errors.Is(err, ErrLocked) {
			t.Errorf("a loser got %v", err)
		}
	}
	if opened != 1 {
		t.Errorf("%d engines opened one file", opened)
	}
}

func TestEpoch(t *testing.T) {
	path := newPath(t)
	epochs := make(map[string]bool)
	for _, test := range []struct {
		name     string
		newEpoch bool
		want     int // different epochs seen so far
	}{
		{"the first one", false, 1},
		{"kept", false, 1},
		{"renewed", true, 2},
		{"the renewed one is kept", false, 2},
	} {
		e := openEngine(t, Config{Path: path, NewEpoch: test.newEpoch})
		epochs[e.Epoch()] = true
		if len(epochs) != test.want {
			t.Errorf("%s: epochs are %v", test.name, epochs)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBackup(t *testing.T) {
	e := openEngine(t, Config{Path: newPath(t)})
	put := func(value string) {
		t.Helper()
		if err := e.Update(t.Context(), "o", func(tx storage.Tx) error {
			return tx.Put([]byte("k"), []byte(value))
		}); err != nil {
			t.Fatal(err)
		}
	}
	put("before")
	var backup bytes.Buffer
	if err := e.Backup(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	put("after")

	path := newPath(t)
	if err := os.WriteFile(path, backup.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	restored := openEngine(t, Config{Path: path, NewEpoch: true})
	if restored.Epoch() == e.Epoch() {
		t.Error("the restored file continues the epoch")
	}
	if err := restored.View(t.Context(), "o", func(tx storage.Tx) error {
		value, err := tx.Get([]byte("k"))
		if string(value) != "before" {
			t.Errorf("the backup holds %q", value)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	err := e.Backup(ctx, writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a backup whose context ends: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestAFileOfAnotherProgramIsRefused(t *testing.T) {
	path := newPath(t)
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("users"))
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	before := readFile(t, path)
	refused(t, path, storage.ErrCorrupted, "not of an okr-store")
	if !bytes.Equal(before, readFile(t, path)) {
		t.Error("the file was changed")
	}
}
