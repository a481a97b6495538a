package boltengine

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// numbered fills a file of the first schema: organization i holds i records.
func numbered(t *testing.T, organizations int) (path string, records int) {
	t.Helper()
	path = newPath(t)
	e := openEngine(t, Config{Path: path})
	for i := range organizations {
		err := e.Update(t.Context(), fmt.Sprint("organization-", i), func(tx storage.Tx) error {
			for n := range i {
				if err := tx.Put(fmt.Appendf(nil, "%02d", n), []byte("old")); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		records += i
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return path, records
}

// marking is an upgrade that appends its name to each record, a few in a call, and fails where fail says so.
func marking(name string, perCall int, fail func() error) storage.Upgrade {
	return func(tx storage.Tx, after []byte) (next []byte, err error) {
		if err := fail(); err != nil {
			return nil, err
		}
		left := storage.Range{Limit: perCall}
		if len(after) > 0 {
			left.Start = append(slices.Clone(after), 0)
		}
		n := 0
		for kv, err := range tx.Range(left) {
			if err != nil {
				return nil, err
			}
			if err := tx.Put(kv.Key, append(kv.Value, name...)); err != nil {
				return nil, err
			}
			next = kv.Key
			n++
		}
		if n < perCall {
			return nil, nil
		}
		return next, nil
	}
}

func never() error { return nil }

// values counts the values that the records of a file have.
func values(t *testing.T, e *Engine, organizations int) map[string]int {
	t.Helper()
	found := map[string]int{}
	for i := range organizations {
		err := e.View(t.Context(), fmt.Sprint("organization-", i), func(tx storage.Tx) error {
			for kv, err := range tx.Range(storage.Range{}) {
				if err != nil {
					return err
				}
				found[string(kv.Value)]++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func TestUpgradesReachEveryRecordOfEveryOrganizationOnceAndInOrder(t *testing.T) {
	const organizations = 40
	for _, perCall := range []int{1, 3, 50} {
		t.Run(fmt.Sprint(perCall, " a call"), func(t *testing.T) {
			path, records := numbered(t, organizations)
			upgrades := []storage.Upgrade{marking("-2", perCall, never), marking("-3", perCall, never)}
			for range 2 { // the second time there is nothing to do
				e := openEngine(t, Config{Path: path, Upgrades: upgrades})
				if got, want := values(t, e, organizations), map[string]int{"old-2-3": records}; !maps.Equal(got, want) {
					t.Errorf("the records have %v, want %v", got, want)
				}
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// An upgrade that fails stands for a process that dies: what a commit made durable stays, and nothing else does.
func TestAnUpgradeThatWasCutOffGoesOnWhereItWas(t *testing.T) {
	const organizations = 40
	path, records := numbered(t, organizations)
	errCut := errors.New("cut off")
	attempts := 0
	for calls := 1; ; calls *= 2 {
		attempts++
		left := calls
		fail := func() error {
			if left--; left < 0 {
				return errCut
			}
			return nil
		}
		steps := migrations([]storage.Upgrade{marking("-2", 3, fail)})
		steps[1].commitBytes = 64
		e, err := open(t.Context(), Config{Path: path}, steps)
		if errors.Is(err, errCut) {
			if _, err := Open(t.Context(), Config{Path: path}); !errors.Is(err, storage.ErrNewerSchema) {
				t.Fatalf("a program of the first schema opens what is on the way to the second: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, want := values(t, e, organizations), map[string]int{"old-2": records}; !maps.Equal(got, want) {
			t.Errorf("the records have %v, want %v", got, want)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		break
	}
	if attempts < 4 {
		t.Errorf("it was cut off %d times only", attempts-1)
	}
}

// What an upgrade has written and not committed is in memory. So it commits as it goes, and says how far it has come.
func TestAnUpgradeCommitsAsItGoes(t *testing.T) {
	for _, test := range []struct{ commitBytes, least, most int }{
		{1, 780, 900}, {64, 50, 100}, {maxGroupBytes, 0, 10},
	} {
		path, _ := numbered(t, 40) // 780 records of 8 bytes
		before := transactions(t, openEngine(t, Config{Path: path}))
		steps := migrations([]storage.Upgrade{marking("-2", 1, never)})
		steps[1].commitBytes = test.commitBytes
		var log strings.Builder
		e, err := open(t.Context(), Config{Path: path, Logger: slog.New(slog.NewTextHandler(&log, nil))}, steps)
		if err != nil {
			t.Fatal(err)
		}
		if n := transactions(t, e) - before; n < test.least || n > test.most {
			t.Errorf("with a commit for each %d bytes there are %d", test.commitBytes, n)
		}
		for _, want := range []string{"schema=2", "organizations=39", "bytes_written="} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %q: %s", want, log.String())
			}
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// transactions is how many the file of an engine has seen; it closes the engine.
func transactions(t *testing.T, e *Engine) int {
	t.Helper()
	tx, err := e.begin()
	if err != nil {
		t.Fatal(err)
	}
	id := tx.ID()
	if err := errors.Join(tx.Rollback(), e.Close()); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestANewFileNeedsNoUpgrade(t *testing.T) {
	called := errors.New("called")
	path := newPath(t)
	e := openEngine(t, Config{Path: path, Upgrades: []storage.Upgrade{marking("-2", 1, func() error { return called })}})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Path: path}); !errors.Is(err, storage.ErrNewerSchema) {
		t.Errorf("a program of the first schema opens it: %v", err)
	}
}
