package boltengine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// Where a page has what these tests damage; check.go has the rest.
const (
	kindAt     = 8
	overflowAt = 12
	elementsAt = pageHeaderSize

	highWaterInMeta = freelistInMeta + 8
)

var pageSize = os.Getpagesize()

// storeContent returns the bytes of a store file that has leaves, branches and
// free pages, its epoch, and what its organization "o" holds.
func storeContent(t *testing.T) (content []byte, epoch string, records map[string]string) {
	t.Helper()
	path := newPath(t)
	e := openEngine(t, Config{Path: path})
	records = make(map[string]string)
	for batch := range 8 {
		err := e.Update(t.Context(), "o", func(tx storage.Tx) error {
			for i := range 50 {
				key, value := fmt.Sprintf("key-%03d", i*8+batch), fmt.Sprintf("value-%03d-%s", i, strings.Repeat("x", 150))
				if batch%3 == 2 && i%2 == 0 {
					key = fmt.Sprintf("key-%03d", i*8)
				}
				if err := tx.Put([]byte(key), []byte(value)); err != nil {
					return err
				}
				records[key] = value
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	// Behind the high-water mark is room that bbolt took in advance.
	content = readFile(t, path)
	return content[:pageSize*int(binary.NativeEndian.Uint64(newestMeta(content)[highWaterInMeta:]))], e.Epoch(), records
}

// pages yields the offsets of the pages that say they are of this kind, also
// those that are free by now.
func pages(content []byte, kind uint16) []int {
	var found []int
	for at := 2 * pageSize; at+pageSize <= len(content); at += pageSize {
		if binary.NativeEndian.Uint16(content[at+kindAt:]) == kind {
			found = append(found, at)
		}
	}
	return found
}

// newestMeta returns the meta page of the newest state.
func newestMeta(content []byte) []byte {
	first, second := content[:pageSize], content[pageSize:2*pageSize]
	if binary.NativeEndian.Uint64(second[transactionInMeta:]) > binary.NativeEndian.Uint64(first[transactionInMeta:]) {
		return second
	}
	return first
}

// freelist returns the offset of the free list of the newest state.
func freelist(content []byte) int {
	return pageSize * int(binary.NativeEndian.Uint64(newestMeta(content)[freelistInMeta:]))
}

func TestDamagedFilesAreRefusedAndLeftAlone(t *testing.T) {
	// onEach applies damage to all pages of a kind.
	onEach := func(kind uint16, damage func(page []byte)) func([]byte) []byte {
		return func(content []byte) []byte {
			for _, at := range pages(content, kind) {
				damage(content[at : at+pageSize])
			}
			return content
		}
	}
	onFreelist := func(damage func(page []byte)) func([]byte) []byte {
		return func(content []byte) []byte {
			damage(content[freelist(content):])
			return content
		}
	}
	random := rand.NewChaCha8([32]byte{1})

	tests := map[string]func(content []byte) []byte{
		"an empty file":         func([]byte) []byte { return nil },
		"one byte":              func([]byte) []byte { return []byte{0} },
		"a short text":          func([]byte) []byte { return []byte("hello\n") },
		"a long text":           func([]byte) []byte { return bytes.Repeat([]byte("All work and no play.\n"), 5000) },
		"zeros":                 func(content []byte) []byte { return make([]byte, len(content)) },
		"cut in the first page": func(content []byte) []byte { return content[:777] },
		"cut after the metas":   func(content []byte) []byte { return content[:2*pageSize] },
		"cut at an odd place":   func(content []byte) []byte { return content[:2*pageSize+1001] },
		"cut before the free list": func(content []byte) []byte {
			return content[:freelist(content)]
		},
		"both metas zeroed": func(content []byte) []byte {
			clear(content[:2*pageSize])
			return content
		},
		"both metas with a flipped bit": func(content []byte) []byte {
			content[freelistInMeta] ^= 1
			content[pageSize+freelistInMeta] ^= 1
			return content
		},
		"all but the metas random": func(content []byte) []byte {
			_, _ = random.Read(content[2*pageSize:])
			return content
		},
		"all but the metas zero": func(content []byte) []byte {
			clear(content[2*pageSize:])
			return content
		},
		"all but the metas ones": func(content []byte) []byte {
			for i := range content[2*pageSize:] {
				content[2*pageSize+i] = 0xff
			}
			return content
		},
		"a flipped bit in a value": func(content []byte) []byte {
			return bytes.ReplaceAll(content, []byte("value-007-xxxx"), []byte("value-007-xxyx"))
		},
		"a flipped bit in a key": func(content []byte) []byte {
			return bytes.ReplaceAll(content, []byte("key-123"), []byte("key-122"))
		},
		"leaves that are called branches": onEach(leafPage, func(page []byte) { page[kindAt] = branchPage }),
		"leaves of no kind":               onEach(leafPage, func(page []byte) { page[kindAt] = 0x40 }),
		"leaves with another id":          onEach(leafPage, func(page []byte) { page[0]++ }),
		"leaves that never end": onEach(leafPage, func(page []byte) {
			copy(page[overflowAt:], "\xff\xff\xff\x7f")
		}),
		"leaf elements that point far away": onEach(leafPage, func(page []byte) {
			copy(page[elementsAt+4:], "\xff\xff\xff\x7f")
		}),
		"branches that point beyond the file": onEach(branchPage, func(page []byte) {
			copy(page[elementsAt+8:], "\xff\xff\xff\xff")
		}),
		"branches that point to themselves": onEach(branchPage, func(page []byte) {
			copy(page[elementsAt+8:elementsAt+16], page[:8])
		}),
		"a free list of no kind":   onFreelist(func(page []byte) { page[kindAt] = 0 }),
		"a free list that is ones": onFreelist(func(page []byte) { copy(page[kindAt:], bytes.Repeat([]byte{0xff}, 64)) }),
		"a free list that frees other pages": onFreelist(func(page []byte) {
			page[elementsAt]++
		}),
		"a free list that forgets a page": onFreelist(func(page []byte) { page[kindAt+2]-- }),
	}
	original, _, _ := storeContent(t)
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			content := damage(bytes.Clone(original))
			if bytes.Equal(content, original) {
				t.Fatal("the test damages nothing")
			}
			path := t.TempDir() + "/okr.db"
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			// Twice: a refusal must not leave the file locked.
			refused(t, path, storage.ErrCorrupted, "restore a backup")
			refused(t, path, storage.ErrCorrupted, "restore a backup")
			if !bytes.Equal(content, readFile(t, path)) {
				t.Error("the file was changed")
			}
		})
	}
	t.Run("a directory", func(t *testing.T) {
		refused(t, t.TempDir(), storage.ErrCorrupted, "not a regular file", "OKR_STORE_PATH")
	})
}

// One meta page may be half written when the power fails: then the state
// before that commit, which nobody was told of, counts.
func TestOneBadMetaPageIsSurvived(t *testing.T) {
	original, _, _ := storeContent(t)
	for meta := range 2 {
		content := bytes.Clone(original)
		clear(content[meta*pageSize : (meta+1)*pageSize])
		path := newPath(t)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		e := openEngine(t, Config{Path: path})
		// Two commits, and both meta pages are written again.
		for i := range 2 {
			if err := e.Update(t.Context(), "o", puts(i+1, 1)[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Wherever a byte behind the meta pages is wrong: either it matters to nobody,
// and all records are there, or the file is refused.
func TestNoFlippedByteGoesUnnoticed(t *testing.T) {
	original, epoch, records := storeContent(t)
	seed := [2]uint64{rand.Uint64(), rand.Uint64()}
	t.Logf("seed %v", seed)
	random := rand.New(rand.NewPCG(seed[0], seed[1]))
	path := t.TempDir() + "/okr.db"
	refusals := 0
	for range 200 {
		content := bytes.Clone(original)
		at := 2*pageSize + random.IntN(len(original)-2*pageSize)
		content[at] ^= byte(1 + random.IntN(255))
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := Open(t.Context(), Config{Path: path})
		if err != nil {
			refusals++
			if !errors.Is(err, storage.ErrCorrupted) {
				t.Errorf("byte %d: %v", at, err)
			}
			continue
		}
		missing := len(records)
		err = e.View(t.Context(), "o", func(tx storage.Tx) error {
			for kv, err := range tx.Range(storage.Range{}) {
				if err != nil {
					return err
				}
				if records[string(kv.Key)] != string(kv.Value) {
					return fmt.Errorf("key %q has value %q", kv.Key, kv.Value)
				}
				missing--
			}
			return nil
		})
		if err := errors.Join(err, e.Close()); err != nil || missing != 0 || e.Epoch() != epoch {
			t.Errorf("byte %d went unnoticed: %d records are missing, epoch %q, %v", at, missing, e.Epoch(), err)
		}
		checkFile(t, path)
	}
	if refusals == 0 {
		t.Error("no damage was noticed at all")
	}
}
