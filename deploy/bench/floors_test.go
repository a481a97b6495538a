package main

import (
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/deploy/internal/measure"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

// slack is by how many bytes a row of a floor may differ from the store's: numbers in it have different lengths.
const slack = 32

// A floor that wrote less than the store does would be none.
func TestTheFloorOfAWriteWritesWhatTheStoreDoes(t *testing.T) {
	system, err := measure.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := system.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := connect(t.Context(), measure.SystemAt{PublicURL: system.PublicURL, StoreAddr: system.StoreAddr, DevidpURL: system.DevidpURL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.conn.Close() })
	if err := c.fill(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := rows(t, filepath.Join(system.DataDir, "okr.db"))
	change, err := c.change(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rec, err := newRecord(c.objectives, change)
	if err != nil {
		t.Fatal(err)
	}
	written := rows(t, filepath.Join(system.DataDir, "okr.db"))
	maps.DeleteFunc(written, func(key, value string) bool { return before[key] == value })

	var closers run.Stack
	db, err := openBolt(t.TempDir(), "floor.db", &closers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closers.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if err := db.Update(rec.put); err != nil {
		t.Fatal(err)
	}
	floor := rows(t, db.Path())

	if got, want := kinds(floor), kinds(written); !slices.Equal(got, want) {
		t.Fatalf("the floor writes rows of the kinds %q, the store %q", got, want)
	}
	for key, value := range floor {
		for stored, storedValue := range written {
			if kind(stored) != kind(key) {
				continue
			}
			if len(stored) != len(key) || max(len(value), len(storedValue))-min(len(value), len(storedValue)) > slack {
				t.Errorf("of kind %q the floor writes a key of %d bytes and a value of %d, the store %d and %d",
					kind(key), len(key), len(value), len(stored), len(storedValue))
			}
		}
	}
}

// rows are the records of a file and over them those of its journal, read from a copy: the file itself is locked by the
// process that has it open.
func rows(t *testing.T, path string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	snapshot := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(snapshot, data, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(snapshot, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // nothing was written
	all := map[string]string{}
	err = db.View(func(tx *bbolt.Tx) error {
		if journal := tx.Bucket([]byte("journal")); journal != nil {
			err := journal.ForEachBucket(func(number []byte) error {
				// Behind a checksum a key and a value by turns, each after its length, which for a value counts one more.
				group := journal.Bucket(number).Get([]byte("writes"))[checksum:]
				next := func(more int) string {
					size, n := binary.Uvarint(group)
					part := group[n : n+int(size)-more]
					group = group[n+len(part):]
					return string(part)
				}
				for len(group) > 0 {
					all[next(0)] = strings.Repeat("c", checksum) + next(1)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return tx.Bucket([]byte("records")).ForEach(func(key, value []byte) error {
			if all[string(key)] == "" {
				all[string(key)] = string(value)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// checksum is in front of each value of the file.
const checksum = 4

func kind(key string) string { return key[len(storedPrefix):][:1] }

func kinds(rows map[string]string) []string {
	var all []string
	for key := range rows {
		all = append(all, kind(key))
	}
	return slices.Sorted(slices.Values(all))
}
