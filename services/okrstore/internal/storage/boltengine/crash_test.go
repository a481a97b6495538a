package boltengine

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// crashCommits is how many commits TestACrashAtAnyWriteLeavesTheStateBeforeOrTheOneAfter interrupts; the variable asks for more.
const (
	crashCommits         = 12
	crashCommitsVariable = "OKR_STORE_TEST_CRASHES"
)

// checksumInMeta is where a meta page has the checksum of what is before it.
const checksumInMeta = transactionInMeta + 8

// sector is what a disk writes at once; a page can be torn between two of them.
const sector = 512

// bbolt commits in two steps: it writes the pages that changed, in ascending order, and syncs; then it writes a meta page,
// which makes them the state, and syncs. A crash leaves any of the first if it comes before their sync, because the disk
// orders writes as it likes, each whole or torn between sectors; and the second whole, torn, or not at all. This builds the
// file as each of these crashes would leave it, out of what real commits wrote.
func TestACrashAtAnyWriteLeavesTheStateBeforeOrTheOneAfter(t *testing.T) {
	commits := crashCommits
	if text := os.Getenv(crashCommitsVariable); text != "" {
		var err error
		if commits, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	path, crashed := newPath(t), filepath.Join(t.TempDir(), "crashed.db")
	e := openEngine(t, Config{Path: path})
	e.maxJournal = 3000 // so that some commits settle a piece of it
	if e.db.NoSync || e.db.NoGrowSync {
		t.Error("commits do not wait for the disk, so what is below proves nothing")
	}
	pageSize := e.db.Info().PageSize
	random := rand.New(rand.NewPCG(1, 2))
	crashes, settled, content := 0, 0, contents{}
	for n := range commits {
		before, contentBefore := readFile(t, path), content.clone()
		settling := e.states.Load().committed.recent.settling
		if err := crashWrite(t, e, content, n, random); err != nil {
			t.Fatal(err)
		}
		if e.states.Load().committed.recent.settling != settling {
			settled++
		}
		// bbolt takes room for a file in advance; what is beyond its last page is nothing yet.
		used := usedBytes(t, e)
		w := writesBetween(before[:min(used, len(before))], readFile(t, path)[:used], pageSize)
		if len(w.pages) == 0 || w.meta == nil {
			t.Fatalf("commit %d wrote %d pages, and the meta page: %t", n, len(w.pages), w.meta != nil)
		}
		for _, crash := range w.crashes(random) {
			crashes++
			want := contentBefore
			if crash.committed {
				want = content
			}
			if err := os.WriteFile(crashed, crash.file, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := inFile(t, crashed); !got.equal(want) {
				t.Fatalf("commit %d, %s: the file holds %v, want %v", n, crash.name, got, want)
			}
		}
	}
	// The store, too, serves what a crash left, and goes on.
	if err := os.WriteFile(crashed, readFile(t, path)[:usedBytes(t, e)], 0o600); err != nil {
		t.Fatal(err)
	}
	next := openEngine(t, Config{Path: crashed})
	if err := next.Update(t.Context(), "a", put("a", "again")); err != nil {
		t.Fatal(err)
	}
	if settled == 0 || settled == commits {
		t.Errorf("%d of %d commits settled a piece of the journal: some should, and some not", settled, commits)
	}
	t.Logf("%d crashes in %d commits, %d of which settled a piece of the journal", crashes, commits, settled)
}

// usedBytes is how much of the file has pages.
func usedBytes(t *testing.T, e *Engine) int {
	t.Helper()
	tx, err := e.begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	return int(tx.Size())
}

// crashWrite makes one commit of a random size, and the same change to content.
func crashWrite(t *testing.T, e *Engine, content contents, n int, random *rand.Rand) error {
	organization := string(rune('a' + n%3))
	if content[organization] == nil {
		content[organization] = map[string]string{}
	}
	return e.Update(t.Context(), organization, func(tx storage.Tx) error {
		err := put("number", strconv.Itoa(n))(tx)
		content[organization]["number"] = strconv.Itoa(n)
		for range 1 + random.IntN(12) {
			key := fmt.Sprintf("k%02d", random.IntN(40))
			if random.IntN(4) == 0 {
				delete(content[organization], key)
				err = errors.Join(err, tx.Delete([]byte(key)))
				continue
			}
			content[organization][key] = fmt.Sprint(n, string(bytes.Repeat([]byte{'x'}, random.IntN(600))))
			err = errors.Join(err, put(key, content[organization][key])(tx))
		}
		return err
	})
}

// commitWrites are what one commit wrote.
type commitWrites struct {
	before []byte // the file before, as long as the one after
	pages  []pageWrite
	meta   *pageWrite
}

type pageWrite struct {
	at      int
	content []byte
}

// writesBetween finds the pages that differ. bbolt writes a page with its overflow at once; that a part of it may be
// missing is covered by torn writes.
func writesBetween(before, after []byte, pageSize int) commitWrites {
	// What the file grew by are zeros until it is written.
	w := commitWrites{before: append(slices.Clone(before), make([]byte, max(0, len(after)-len(before)))...)}
	for at := 0; at < len(after); at += pageSize {
		page := after[at:min(at+pageSize, len(after))]
		if bytes.Equal(page, w.before[at:at+len(page)]) {
			continue
		}
		if at < 2*pageSize {
			w.meta = &pageWrite{at, page}
		} else {
			w.pages = append(w.pages, pageWrite{at, page})
		}
	}
	return w
}

type crash struct {
	name      string
	file      []byte
	committed bool
}

// crashes are the files that crashes during the commit leave.
func (w commitWrites) crashes(random *rand.Rand) []crash {
	var all []crash
	file := slices.Clone(w.before)
	for i, page := range w.pages {
		torn := slices.Clone(file)
		copy(torn[page.at:], page.content[:sector*(1+random.IntN(len(page.content)/sector-1))])
		all = append(all, crash{fmt.Sprintf("in page write %d of %d", i+1, len(w.pages)), torn, false})
		copy(file[page.at:], page.content)
		all = append(all, crash{fmt.Sprintf("after page write %d of %d", i+1, len(w.pages)), slices.Clone(file), false})
	}
	for range 10 {
		some := slices.Clone(w.before)
		for _, page := range w.pages {
			for at := 0; at < len(page.content); at += sector {
				if random.IntN(2) == 0 {
					copy(some[page.at+at:], page.content[at:at+sector])
				}
			}
		}
		all = append(all, crash{"with sectors of pages in any order", some, false})
	}
	for _, n := range []int{pageHeaderSize, freelistInMeta, checksumInMeta} {
		torn := slices.Clone(file)
		copy(torn[w.meta.at:], w.meta.content[:n])
		all = append(all, crash{fmt.Sprintf("after %d bytes of the meta page", n), torn, false})
	}
	copy(file[w.meta.at:], w.meta.content)
	return append(all, crash{"after the meta page", file, true})
}
