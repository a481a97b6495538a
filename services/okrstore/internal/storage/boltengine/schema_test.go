package boltengine

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

func openWith(t *testing.T, path string, steps []migration) error {
	t.Helper()
	e, err := open(t.Context(), Config{Path: path}, steps)
	if err == nil {
		err = e.Close()
	}
	return err
}

// mark returns a step that leaves its name behind.
func mark(name string) migration {
	return migration{layout: func(tx *bolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		return meta.Put([]byte("marks"), append(slices.Clone(meta.Get([]byte("marks"))), name...))
	}}
}

func marks(t *testing.T, path string) string {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var got string
	if err := db.View(func(tx *bolt.Tx) error {
		got = string(tx.Bucket(metaBucket).Get([]byte("marks")))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestMigrationsRunOnceAndInOrder(t *testing.T) {
	path := newPath(t)
	steps := migrations(nil)
	for _, step := range []struct{ add, want string }{{"", ""}, {"a", "a"}, {"b", "ab"}, {"", "ab"}} {
		if step.add != "" {
			steps = append(steps, mark(step.add))
		}
		if err := openWith(t, path, steps); err != nil {
			t.Fatal(err)
		}
		if got := marks(t, path); got != step.want {
			t.Errorf("with %d steps the marks are %q, want %q", len(steps), got, step.want)
		}
	}
}

func TestAFailedMigrationLeavesTheVersionBeforeIt(t *testing.T) {
	path := newPath(t)
	if err := openWith(t, path, migrations(nil)); err != nil {
		t.Fatal(err)
	}
	errStep := errors.New("the step fails")
	bad := migration{layout: func(tx *bolt.Tx) error { return errors.Join(mark("bad").layout(tx), errStep) }}
	if err := openWith(t, path, append(migrations(nil), mark("a"), bad)); !errors.Is(err, errStep) {
		t.Fatalf("error is %v", err)
	}
	if err := openWith(t, path, append(migrations(nil), mark("a"), mark("b"))); err != nil {
		t.Fatal(err)
	}
	if got := marks(t, path); got != "ab" {
		t.Errorf("marks are %q, want the first step once and the repaired one", got)
	}
}

func TestANewerSchemaIsRefusedAndLeftAlone(t *testing.T) {
	path := newPath(t)
	if err := openWith(t, path, append(migrations(nil), mark("new"))); err != nil {
		t.Fatal(err)
	}
	before := readFile(t, path)
	err := openWith(t, path, migrations(nil))
	if !errors.Is(err, storage.ErrNewerSchema) {
		t.Fatalf("error is %v", err)
	}
	for _, want := range []string{path, "schema 2", "knows 1", "upgrade"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the message: %v", want, err)
		}
	}
	if !slices.Equal(before, readFile(t, path)) {
		t.Error("the file was changed")
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
