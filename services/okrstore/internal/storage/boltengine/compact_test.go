package boltengine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

func quiet(int64) {}

// empty is a file for Compact to fill.
func empty(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "compacted.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestACompactedFileIsTheSameDataWithoutTheFreePages(t *testing.T) {
	path := newPath(t)
	e := openEngine(t, Config{Path: path})
	const records = 3000 // more than one commit of the compaction, with their values
	for from := 0; from < records; from += 50 {
		err := e.Update(t.Context(), fmt.Sprint("o", from%3), func(tx storage.Tx) error {
			for i := range 50 {
				if err := tx.Put(fmt.Appendf(nil, "k%06d", from+i), []byte(strings.Repeat("x", 4000))); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for from := 0; from < records/2; from += 50 {
		err := e.Update(t.Context(), fmt.Sprint("o", from%3), func(tx storage.Tx) error {
			for i := range 50 {
				if err := tx.Delete(fmt.Appendf(nil, "k%06d", from+i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := all(t, e)
	epoch := e.Epoch()
	to := empty(t)
	if err := Compact(t.Context(), Config{Path: path}, to, quiet); !errors.Is(err, ErrLocked) {
		t.Errorf("of a file that is open: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	var told []int64
	if err := Compact(t.Context(), Config{Path: path}, to, func(bytes int64) { told = append(told, bytes) }); err != nil {
		t.Fatal(err)
	}
	if len(told) < 2 || told[len(told)-1] < records/2*4000 {
		t.Errorf("the progress was %v", told)
	}
	before, after := len(readFile(t, path)), len(readFile(t, to))
	if after > before*2/3 {
		t.Errorf("it has %d bytes, had %d", after, before)
	}
	checkFile(t, to)
	compacted := openEngine(t, Config{Path: to})
	if got := all(t, compacted); got != want || compacted.Epoch() != epoch {
		t.Error("it does not hold the same")
	}
	if err := compacted.Update(t.Context(), "o0", put("more", "1")); err != nil {
		t.Errorf("it cannot be written to: %v", err)
	}
}

// all is everything that the organizations of the test above have.
func all(t *testing.T, e *Engine) string {
	t.Helper()
	var found strings.Builder
	for i := range 3 {
		err := e.View(t.Context(), fmt.Sprint("o", i), func(tx storage.Tx) error {
			found.WriteString(content(t, tx))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found.String()
}

func TestACompactionThatCannotBeIsAnError(t *testing.T) {
	path, _ := numbered(t, 5)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	upgrades := []storage.Upgrade{marking("-2", 3, never)}
	damaged := filepath.Join(t.TempDir(), "okr.db")
	content := []byte(strings.ReplaceAll(string(readFile(t, path)), "old", "odd"))
	if err := os.WriteFile(damaged, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		ctx    context.Context //nolint:containedctx // of a table
		config Config
		want   error
	}{
		"called off":       {ended, Config{Path: path}, context.Canceled},
		"a damaged record": {t.Context(), Config{Path: damaged}, storage.ErrCorrupted},
		"an older schema":  {t.Context(), Config{Path: path, Upgrades: upgrades}, ErrOlderSchema},
		"no file":          {t.Context(), Config{Path: path + "x"}, os.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			if err := Compact(test.ctx, test.config, empty(t), quiet); !errors.Is(err, test.want) {
				t.Errorf("answered %v, want %v", err, test.want)
			}
		})
	}
}

func TestACompactionIsCalledOffBetweenItsCommits(t *testing.T) {
	path := newPath(t)
	e := openEngine(t, Config{Path: path})
	for from := range 3 * compactBytes / storage.MaxBytes {
		if err := e.Update(t.Context(), "o", puts(from+1, storage.MaxBytes-3)[from]); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	commits := 0
	err := Compact(ctx, Config{Path: path}, empty(t), func(bytes int64) {
		if bytes > compactBytes/2 { // not that of the meta bucket
			commits++
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || errors.Is(err, storage.ErrCorrupted) || commits != 1 {
		t.Errorf("answered %v after %d commits", err, commits)
	}
}

func TestAFileThatIsHeldIsReadAndNotServed(t *testing.T) {
	path, _ := numbered(t, 5)
	held, err := Hold(Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, path, ErrLocked)
	if _, err := examined(t, Config{Path: path}); err != nil {
		t.Errorf("nor can it be read: %v", err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	e := openEngine(t, Config{Path: path})
	if _, err := Hold(Config{Path: path}); !errors.Is(err, ErrLocked) {
		t.Errorf("what is served is held: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Hold(Config{Path: path + "x"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what is not there is held: %v", err)
	}
}
