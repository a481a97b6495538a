package boltengine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/overlay"
)

// contents are the pairs of each organization that has any.
type contents map[string]map[string]string

func (c contents) clone() contents {
	clone := contents{}
	for organization, pairs := range c {
		clone[organization] = maps.Clone(pairs)
	}
	return clone
}

func (c contents) equal(other contents) bool { return maps.EqualFunc(c, other, maps.Equal) }

// pairs lists what a transaction sees.
func pairs(tx storage.Tx) (map[string]string, error) {
	all := map[string]string{}
	for kv, err := range tx.Range(storage.Range{}) {
		if err != nil {
			return nil, err
		}
		all[string(kv.Key)] = string(kv.Value)
	}
	return all, nil
}

// A tester is what a test and a run of rapid have in common.
type tester interface {
	Context() context.Context
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// inFile reads a file that no engine has open.
func inFile(t tester, path string) contents {
	found := contents{}
	err := Examine(t.Context(), Config{Path: path}, func(organization string, tx storage.Tx) (err error) {
		found[organization], err = pairs(tx)
		return err
	})
	if err != nil {
		t.Fatalf("examining %s: %v", path, err)
	}
	return found
}

// journaled counts the groups in the journal of a file that no engine has open.
func journaled(t tester, path string) (n int) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bolt.Tx) error {
		if journal := tx.Bucket(journalBucket); journal != nil {
			return journal.ForEach(func(_, _ []byte) error { n++; return nil })
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// copyFile copies the file of an engine that is at rest: what a crash now would leave.
func copyFile(t tester, from, to string) {
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Wherever a write is, in the journal or in its place, all who read see the same: the engine, the one that opens the file
// after a crash, the tools, and a compacted file.
func TestEverybodySeesWhatIsInTheJournal(t *testing.T) {
	dir := t.TempDir()
	names := []string{"a", "b", "a-with-a-longer-name"}
	rapid.Check(t, func(t *rapid.T) {
		path, crashed, compacted := filepath.Join(dir, "okr.db"), filepath.Join(dir, "crashed.db"), filepath.Join(dir, "compacted.db")
		_ = os.Remove(path)
		e, err := Open(t.Context(), Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = e.Close() }()
		e.maxJournal = rapid.SampledFrom([]int{0, 20, 60, 200, maxJournalBytes}).Draw(t, "largest journal")
		want := contents{}
		key := rapid.StringMatching("[a-f]")
		for range rapid.IntRange(1, 12).Draw(t, "updates") {
			organization := rapid.SampledFrom(names).Draw(t, "organization")
			next := want.clone()
			err := e.Update(t.Context(), organization, func(tx storage.Tx) error {
				for range rapid.IntRange(1, 5).Draw(t, "operations") {
					k := key.Draw(t, "key")
					if rapid.Bool().Draw(t, "deleted") {
						delete(next[organization], k)
						if err := tx.Delete([]byte(k)); err != nil {
							return err
						}
						continue
					}
					if next[organization] == nil {
						next[organization] = map[string]string{}
					}
					next[organization][k] = rapid.StringN(0, 3, -1).Draw(t, "value")
					if err := tx.Put([]byte(k), []byte(next[organization][k])); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			want = next
			if len(want[organization]) == 0 {
				delete(want, organization)
			}
			for _, organization := range names {
				var got map[string]string
				err := e.View(t.Context(), organization, func(tx storage.Tx) (err error) { got, err = pairs(tx); return err })
				if err != nil || !maps.Equal(got, want[organization]) {
					t.Fatalf("the engine sees %v in %q, %v, want %v", got, organization, err, want[organization])
				}
			}
		}
		copyFile(t, path, crashed)
		if got := inFile(t, crashed); !got.equal(want) {
			t.Fatalf("the tools see %v, want %v", got, want)
		}
		if err := os.WriteFile(compacted, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Compact(t.Context(), Config{Path: crashed}, compacted, quiet); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{crashed, compacted} {
			// One more in the same place: it has to come after what is in the journal.
			next, err := Open(t.Context(), Config{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			next.maxJournal = e.maxJournal
			err = next.Update(t.Context(), "a", put("a", "last"))
			if err != nil {
				t.Fatal(err)
			}
			after := want.clone()
			if after["a"] == nil {
				after["a"] = map[string]string{}
			}
			after["a"]["a"] = "last"
			again := path + ".again"
			copyFile(t, path, again)
			if got := inFile(t, again); !got.equal(after) {
				t.Fatalf("after the next engine crashed, %s holds %v, want %v", filepath.Base(path), got, after)
			}
			if err := next.Close(); err != nil {
				t.Fatal(err)
			}
			if got := inFile(t, path); !got.equal(after) {
				t.Fatalf("after the next engine was closed, %s holds %v, want %v", filepath.Base(path), got, after)
			}
			if n := journaled(t, path); n != 0 {
				t.Fatalf("%d groups are in the journal of a closed file", n)
			}
		}
	})
}

// A View sees one state, also while the journal is put in its place under it; and the two halves of a write, never one.
func TestAViewSeesOneStateWhileTheJournalIsSettled(t *testing.T) {
	e := openEngine(t, Config{Path: newPath(t)})
	e.maxJournal = 100
	const writes, readers = 200, 4
	done := make(chan struct{})
	var running sync.WaitGroup
	for range readers {
		running.Go(func() {
			last := ""
			for {
				select {
				case <-done:
					return
				default:
				}
				err := e.View(t.Context(), "o", func(tx storage.Tx) error {
					before, err := pairs(tx)
					if err != nil {
						return err
					}
					again, err := pairs(tx)
					if err != nil {
						return err
					}
					numbers := len(before) - len([]string{"left", "right"})
					if len(before) > 0 && before["left"] != fmt.Sprintf("%06d", numbers-1) || !maps.Equal(before, again) ||
						before["left"] != before["right"] || before["left"] < last {
						return fmt.Errorf("a View sees %v, then %v, after %q", before, again, last)
					}
					last = before["left"]
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range writes {
		number := fmt.Sprintf("%06d", i)
		if err := e.Update(t.Context(), "o", func(tx storage.Tx) error {
			return errors.Join(put("left", number)(tx), put("right", number)(tx), put("k"+number, "")(tx))
		}); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	running.Wait()
}

// A file with a journal is older, too: what is in it is brought to the new schema with the rest.
func TestAnUpgradeTakesWhatIsInTheJournal(t *testing.T) {
	path, crashed := newPath(t), newPath(t)
	e := openEngine(t, Config{Path: path})
	for i := range 3 {
		if err := e.Update(t.Context(), fmt.Sprint("o", i), put("k", "old")); err != nil {
			t.Fatal(err)
		}
	}
	copyFile(t, path, crashed)
	if n := journaled(t, crashed); n != 3 {
		t.Fatalf("%d groups are in the journal, want 3", n)
	}
	upgrades := []storage.Upgrade{marking("-new", 1, func() error { return nil })}
	upgraded := openEngine(t, Config{Path: crashed, Upgrades: upgrades})
	for i := range 3 {
		err := upgraded.View(t.Context(), fmt.Sprint("o", i), func(tx storage.Tx) error {
			if got, want := content(t, tx), "k=old-new "; got != want {
				t.Errorf("o%d holds %q, want %q", i, got, want)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// The journal stays when it finds no room in its place, and nothing is lost.
func TestAJournalThatCannotBeSettledStays(t *testing.T) {
	path := newPath(t)
	e := openEngine(t, Config{Path: path})
	for _, key := range []string{"a", "b"} {
		if err := e.Update(t.Context(), "o", put(key, "1")); err != nil {
			t.Fatal(err)
		}
	}
	e.commit = func(tx *bolt.Tx) error { return errors.Join(tx.Rollback(), syscall.ENOSPC) }
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if n := journaled(t, path); n != 2 {
		t.Errorf("%d groups are in the journal, want 2", n)
	}
	wantContent(t, openEngine(t, Config{Path: path}), "a=1 b=1 ")
}

// A damaged journal is damage like any other: found at the start, and told by the tools.
func TestADamagedJournal(t *testing.T) {
	record := joinKey(organizationPrefix("o"), []byte("k"))
	number := make([]byte, groupNumberBytes)
	pair := func(key, stored []byte) func(*bolt.Bucket) error {
		return func(journal *bolt.Bucket) error { return journal.Put(key, stored) }
	}
	group := func(stored []byte) func(*bolt.Bucket) error {
		return func(journal *bolt.Bucket) error {
			bucket, err := journal.CreateBucket(number)
			if err != nil {
				return err
			}
			return bucket.Put(groupKey, stored)
		}
	}
	emptyGroup := func(journal *bolt.Bucket) error { _, err := journal.CreateBucket(number); return err }
	for name, test := range map[string]struct {
		damaged func(journal *bolt.Bucket) error
		told    string
	}{
		"a group that fails its checksum":    {group([]byte("nonsense")), "fails its checksum"},
		"a group that is too short":          {group([]byte("no")), "fails its checksum"},
		"a group that ends within a key":     {group(seal(number, []byte("\x04\x01o"))), "ends within a key"},
		"a group that ends behind a key":     {group(seal(number, []byte("\x03\x01ok"))), "ends within a value"},
		"a group that ends within a value":   {group(seal(number, []byte("\x03\x01ok\x03v"))), "ends within a value"},
		"a group of a record without key":    {group(seal(number, []byte("\x02\x01o\x00"))), "belongs to nothing"},
		"a group of a record of no one":      {group(seal(number, []byte("\x00\x00"))), "belongs to nothing"},
		"a group with a length without end":  {group(seal(number, bytes.Repeat([]byte{0xff}, 12))), "ends within a key"},
		"a group with nothing under its key": {emptyGroup, "fails its checksum"},

		"a pair that fails its checksum":            {pair(joinKey(number, record), []byte("nonsense")), "fails its checksum"},
		"a pair that is too short":                  {pair(joinKey(number, record), []byte("no")), "fails its checksum"},
		"a pair whose key is only a number":         {pair(number, seal(record, []byte("v"))), "belongs to nothing"},
		"a pair whose key is shorter than a number": {pair(number[:3], nil), "a key of 3 bytes"},
		"a pair whose key lacks that of the record": {pair(joinKey(number, organizationPrefix("o")), nil), "belongs to nothing"},
		"a pair whose organization is cut off":      {pair(joinKey(number, []byte("\x09o")), nil), "belongs to nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			if err := openEngine(t, Config{Path: path}).Close(); err != nil {
				t.Fatal(err)
			}
			inJournal(t, path, test.damaged)
			e, err := Open(t.Context(), Config{Path: path})
			if err == nil {
				_ = e.Close() // or whoever looks at the file next waits for ever
			}
			// A panic would be told as damage, too.
			if !errors.Is(err, storage.ErrCorrupted) || !strings.Contains(err.Error(), test.told) || !strings.Contains(err.Error(), "restore a backup") {
				t.Errorf("Open: %v, want to be told %q", err, test.told)
			}
			if _, err := examined(t, Config{Path: path}); !errors.Is(err, storage.ErrCorrupted) || !strings.Contains(err.Error(), test.told) {
				t.Errorf("Examine: %v, want to be told %q", err, test.told)
			}
		})
	}
}

// inJournal writes into the journal of a file that has none and that no engine has open.
func inJournal(t *testing.T, path string, write func(journal *bolt.Bucket) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		journal, err := tx.CreateBucket(journalBucket)
		if err != nil {
			return err
		}
		return write(journal)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A file of schema 5 may have come out of a crash, with pairs in its journal.
func TestAnUpgradeTakesAJournalOfPairs(t *testing.T) {
	path := newPath(t)
	e := openEngine(t, Config{Path: path})
	for _, key := range []string{"a", "b", "c"} {
		if err := e.Update(t.Context(), "o", put(key, "1")); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	inJournal(t, path, func(journal *bolt.Bucket) error {
		for i, w := range []overlay.Write{
			{Key: []byte("a"), Value: []byte("2")}, {Key: []byte("b"), Deleted: true}, {Key: []byte("d"), Value: []byte{}}, {Key: []byte("a"), Value: []byte("3")},
		} {
			record, stored := joinKey(organizationPrefix("o"), w.Key), []byte{}
			if !w.Deleted {
				stored = seal(record, w.Value)
			}
			number := make([]byte, groupNumberBytes)
			number[groupNumberBytes-1] = byte(i / 2)
			if err := journal.Put(joinKey(number, record), stored); err != nil {
				return err
			}
		}
		return nil
	})
	upgrades := []storage.Upgrade{func(storage.Tx, []byte) ([]byte, error) { return nil, nil }}
	upgraded := openEngine(t, Config{Path: path, Upgrades: upgrades})
	wantContent(t, upgraded, "a=3 c=1 d= ")
	if err := upgraded.Update(t.Context(), "o", put("c", "4")); err != nil {
		t.Fatal(err)
	}
	wantContent(t, upgraded, "a=3 c=4 d= ")
}

// Settling goes on in pieces, so that no commit takes long, and as fast as the journal grows.
func TestAJournalIsSettledInPieces(t *testing.T) {
	e := openEngine(t, Config{Path: newPath(t)})
	e.maxJournal = 8000
	const perUpdate = 40
	value := strings.Repeat("v", perUpdate-len("0000"))
	begun, most := 0, 0
	before := new(recent)
	for i := range 2000 {
		if err := e.Update(t.Context(), "o", put(fmt.Sprintf("%04d", (i*7919)%2000), value)); err != nil {
			t.Fatal(err)
		}
		now := e.states.Load().committed.recent
		done, held := 0, now.bytes
		if before.settling != nil {
			done = len(before.settling.left)
		}
		if now.settling != nil {
			if before.settling == nil {
				begun++
				done = now.settling.operations
			}
			done -= len(now.settling.left)
			held += now.settling.operations * perUpdate
		}
		if piece := e.maxJournal / settlingPieces; done > 2*(piece/perUpdate+1) {
			t.Fatalf("commit %d settles %d records", i, done)
		}
		most, before = max(most, held), now
	}
	if begun < 3 || most > e.maxJournal*8/5 {
		t.Errorf("settled %d times; the journal held up to %d bytes of %d", begun, most, e.maxJournal)
	}
}

// However many groups there were, a reader asks few layers.
func TestTheLayersOfAJournalAreFew(t *testing.T) {
	r := new(recent)
	for i := range 5000 {
		g := newGroup()
		g.put(fmt.Sprint("o", i%7), overlay.Write{Key: fmt.Append(nil, i%1000), Value: fmt.Append(nil, i)})
		before := r
		layers := slices.Clone(before.layers)
		r = r.with(g)
		if !slices.EqualFunc(layers, before.layers, func(a, b layer) bool { return a.operations == b.operations }) {
			t.Fatal("an earlier state has changed")
		}
		if len(r.layers) > 8 {
			t.Fatalf("%d layers after %d groups", len(r.layers), i+1)
		}
	}
	for organization, writes := range r.merged() {
		for w := range writes.All() {
			var k, v int
			if _, err := fmt.Sscan(string(w.Key)+" "+string(w.Value), &k, &v); err != nil {
				t.Fatal(err)
			}
			if v%1000 != k || organization != fmt.Sprint("o", v%7) {
				t.Errorf("%s holds %d at key %d, which is not the newest", organization, v, k)
			}
		}
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte("\x03\x01ok\x02v"))
	f.Add([]byte("\x03\x01ok\x00\x03\x01ol\x01"))
	f.Add([]byte("\x00\x00"))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		g := newGroup()
		if err := g.decode(encoded); err != nil {
			if !errors.Is(err, storage.ErrCorrupted) {
				t.Errorf("answered %v", err)
			}
			return
		}
		again := newGroup()
		if err := again.decode(g.encode(nil)); err != nil {
			t.Fatalf("%q is read as %v, and written so that it cannot be read: %v", encoded, g.writes, err)
		}
		if !slices.EqualFunc(storedWrites(g.writes), storedWrites(again.writes), func(a, b overlay.Write) bool {
			return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) && a.Deleted == b.Deleted
		}) {
			t.Errorf("%q is read as %v, and written and read again as %v", encoded, g.writes, again.writes)
		}
	})
}

func FuzzJournalOfPairs(f *testing.F) {
	record := joinKey(organizationPrefix("o"), []byte("k"))
	f.Add(joinKey(make([]byte, groupNumberBytes), record), seal(record, []byte("v")))
	f.Add(joinKey(make([]byte, groupNumberBytes), record), []byte{})
	f.Add(make([]byte, groupNumberBytes), []byte("\x00"))
	f.Fuzz(func(t *testing.T, key, stored []byte) {
		if len(key) < groupNumberBytes {
			return // refused before
		}
		g := newGroup()
		if err := g.putPair(key, stored); err != nil {
			if !errors.Is(err, storage.ErrCorrupted) {
				t.Errorf("answered %v", err)
			}
			return
		}
		w := storedWrites(g.writes)[0]
		value := []byte{}
		if !w.Deleted {
			value = seal(w.Key, w.Value)
		}
		if !bytes.Equal(w.Key, key[groupNumberBytes:]) || !bytes.Equal(value, stored) {
			t.Errorf("%q = %q is read as %v", key, stored, w)
		}
	})
}
