package storage_test

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

func TestPrefixEnd(t *testing.T) {
	for prefix, want := range map[string]string{
		"":             "",
		"a":            "b",
		"ab":           "ac",
		"a\xff":        "b",
		"a\xff\xff":    "b",
		"\xff":         "",
		"\xff\xff":     "",
		"\x00":         "\x01",
		"\xff\x00\xff": "\xff\x01",
	} {
		if got := storage.PrefixEnd([]byte(prefix)); string(got) != want || (want == "") != (got == nil) {
			t.Errorf("PrefixEnd(%q) = %q, want %q", prefix, got, want)
		}
	}
}

func TestNumbersInKeysAreInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := rapid.Uint64().Draw(rt, "a"), rapid.Uint64().Draw(rt, "b")
		keyA, keyB := storage.AppendUint64([]byte("k"), a), storage.AppendUint64([]byte("k"), b)
		if (a < b) != (bytes.Compare(keyA, keyB) < 0) {
			rt.Errorf("%d and %d are not in the order of %q and %q", a, b, keyA, keyB)
		}
		if rest, n, err := storage.CutUint64(keyA); err != nil || n != a || string(rest) != "k" {
			rt.Errorf("CutUint64(%q) = %q, %d, %v", keyA, rest, n, err)
		}
	})
	if _, _, err := storage.CutUint64([]byte("7 bytes")); !errors.Is(err, storage.ErrInvalidKey) {
		t.Errorf("a key without a number: %v", err)
	}
	if _, n, err := storage.CutUint64(storage.AppendUint64(nil, math.MaxUint64)); err != nil || n != math.MaxUint64 {
		t.Errorf("the largest number: %d, %v", n, err)
	}
}

// The bounds must say the same as the conditions that they replace.
func TestBounds(t *testing.T) {
	key := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 0xff}), 0, 3)
	rapid.Check(t, func(rt *rapid.T) {
		r := storage.Range{Prefix: key.Draw(rt, "prefix"), Start: key.Draw(rt, "start"), End: key.Draw(rt, "end")}
		k := key.Draw(rt, "key")
		want := bytes.HasPrefix(k, r.Prefix) && bytes.Compare(k, r.Start) >= 0 && (len(r.End) == 0 || bytes.Compare(k, r.End) < 0)
		start, end := r.Bounds()
		if got := bytes.Compare(k, start) >= 0 && (len(end) == 0 || bytes.Compare(k, end) < 0); got != want {
			rt.Errorf("%+v selects %q: %t, by its bounds %q and %q: %t", r, k, want, start, end, got)
		}
	})
}
