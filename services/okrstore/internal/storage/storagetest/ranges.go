package storagetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

var rangeTests = map[string]func(*testing.T, Factory){
	"a range merges the buffered writes":              testRangeMerge,
	"keys are ordered as bytes":                       testKeyOrder,
	"a loop may write and does not see it":            testWriteInLoop,
	"a range can be left early and run again":         testRangeAgain,
	"the end of the context ends the range of a view": testRangeContext,
	"a range over many keys is complete":              testLongRange,
}

func testRangeMerge(t *testing.T, f Factory) {
	e := f.New(t)
	put(t, e, organization, "a", "0", "b/1", "0", "b/2", "0", "b/3", "0", "c", "0")
	tests := map[string]struct {
		r    storage.Range
		want string
	}{
		"everything":                   {storage.Range{}, "a b/1 b/15 b/3+ b/4 c"},
		"everything, reversed":         {storage.Range{Reverse: true}, "c b/4 b/3+ b/15 b/1 a"},
		"a prefix":                     {storage.Range{Prefix: []byte("b/")}, "b/1 b/15 b/3+ b/4"},
		"a prefix, reversed":           {storage.Range{Prefix: []byte("b/"), Reverse: true}, "b/4 b/3+ b/15 b/1"},
		"a limit behind a delete":      {storage.Range{Prefix: []byte("b/"), Limit: 3}, "b/1 b/15 b/3+"},
		"a limit behind one, reversed": {storage.Range{Start: []byte("b/1"), End: []byte("b/3"), Reverse: true, Limit: 2}, "b/15 b/1"},
		"a limit above what there is":  {storage.Range{Prefix: []byte("b/"), Limit: 9}, "b/1 b/15 b/3+ b/4"},
		"a negative limit":             {storage.Range{Limit: -1}, "a b/1 b/15 b/3+ b/4 c"},
		"a start that is there":        {storage.Range{Start: []byte("b/3")}, "b/3+ b/4 c"},
		"a start that was deleted":     {storage.Range{Start: []byte("b/2")}, "b/3+ b/4 c"},
		"an end that is there":         {storage.Range{End: []byte("b/3")}, "a b/1 b/15"},
		"an end that was deleted":      {storage.Range{End: []byte("b/2"), Reverse: true}, "b/15 b/1 a"},
		"an end that was added":        {storage.Range{End: []byte("b/15")}, "a b/1"},
		"prefix and start":             {storage.Range{Prefix: []byte("b/"), Start: []byte("b/15")}, "b/15 b/3+ b/4"},
		"prefix and end":               {storage.Range{Prefix: []byte("b/"), End: []byte("b/3")}, "b/1 b/15"},
		"a start below the prefix":     {storage.Range{Prefix: []byte("b/"), Start: []byte("a"), Limit: 1}, "b/1"},
		"an end above the prefix":      {storage.Range{Prefix: []byte("b/"), End: []byte("z"), Reverse: true, Limit: 1}, "b/4"},
		"a start above the prefix":     {storage.Range{Prefix: []byte("b/"), Start: []byte("c")}, ""},
		"an end below the prefix":      {storage.Range{Prefix: []byte("b/"), End: []byte("b")}, ""},
		"a start at the end":           {storage.Range{Start: []byte("b/1"), End: []byte("b/1")}, ""},
		"a start above the end":        {storage.Range{Start: []byte("c"), End: []byte("a"), Reverse: true}, ""},
		"a prefix that is a key":       {storage.Range{Prefix: []byte("b/1")}, "b/1 b/15"},
		"a prefix of nothing":          {storage.Range{Prefix: []byte("x"), Reverse: true}, ""},
		"a prefix without an end":      {storage.Range{Prefix: []byte("\xff\xff")}, ""},
	}
	update(t, e, func(tx storage.Tx) error {
		for _, err := range []error{
			tx.Delete([]byte("b/2")),
			tx.Put([]byte("b/15"), []byte("0")),
			tx.Put([]byte("b/3"), []byte("+")),
			tx.Put([]byte("b/4"), []byte("0")),
			tx.Delete([]byte("b/5")),
		} {
			if err != nil {
				return err
			}
		}
		for name, test := range tests {
			t.Run(name+" within the update", func(t *testing.T) { wantRange(t, tx, test.r, test.want) })
		}
		return nil
	})
	view(t, e, func(tx storage.Tx) error {
		for name, test := range tests {
			t.Run(name+" after the update", func(t *testing.T) { wantRange(t, tx, test.r, test.want) })
		}
		return nil
	})
}

// wantRange compares with keys in a row; "+" stands for the value "+".
func wantRange(t *testing.T, tx storage.Tx, r storage.Range, want string) {
	t.Helper()
	pairs, err := list(tx, r)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.NewReplacer("=0", "", "=", "").Replace(strings.Join(pairs, " "))
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func testKeyOrder(t *testing.T, f Factory) {
	e := f.New(t)
	keys := []string{"\x00", "\x00\x00", "\x00\xff", "\x01", "A", "a", "a\x00", "aa", "b", "\x7f", "\x80", "\xff", "\xff\x00", "\xff\xff", "\xff\xff\xff"}
	shuffled := slices.Clone(keys)
	slices.Reverse(shuffled)
	for _, key := range shuffled {
		put(t, e, organization, key, "")
	}
	for _, reverse := range []bool{false, true} {
		var got []string
		view(t, e, func(tx storage.Tx) error {
			for kv, err := range tx.Range(storage.Range{Reverse: reverse}) {
				if err != nil {
					return err
				}
				got = append(got, string(kv.Key))
			}
			return nil
		})
		if reverse {
			slices.Reverse(got)
		}
		if !slices.Equal(got, keys) {
			t.Errorf("reverse %t: order is %q, want %q", reverse, got, keys)
		}
	}
}

func testWriteInLoop(t *testing.T, f Factory) {
	e := f.New(t)
	put(t, e, organization, "a", "1", "b", "1", "c", "1")
	update(t, e, func(tx storage.Tx) error {
		for _, key := range []string{"ab", "bb", "cb", "d", "e"} {
			if err := tx.Put([]byte(key), []byte("1")); err != nil {
				return err
			}
		}
		var got []string
		for kv, err := range tx.Range(storage.Range{}) {
			if err != nil {
				return err
			}
			got = append(got, fmt.Sprintf("%s=%s", kv.Key, kv.Value))
			if err := tx.Put(append(kv.Key, '+'), []byte("2")); err != nil {
				return err
			}
			if err := tx.Delete([]byte("c")); err != nil {
				return err
			}
		}
		if want := []string{"a=1", "ab=1", "b=1", "bb=1", "c=1", "cb=1", "d=1", "e=1"}; !slices.Equal(got, want) {
			t.Errorf("the loop saw %q, want %q", got, want)
		}
		return nil
	})
	wantContent(t, e, organization, "a=1", "a+=2", "ab=1", "ab+=2", "b=1", "b+=2", "bb=1", "bb+=2",
		"c+=2", "cb=1", "cb+=2", "d=1", "d+=2", "e=1", "e+=2")
}

func testRangeAgain(t *testing.T, f Factory) {
	e := f.New(t)
	put(t, e, organization, "a", "", "b", "", "c", "")
	update(t, e, func(tx storage.Tx) error {
		all := tx.Range(storage.Range{})
		for range 2 {
			for kv, err := range all {
				if err != nil {
					return err
				}
				if string(kv.Key) == "b" {
					break
				}
			}
		}
		if err := tx.Delete([]byte("a")); err != nil {
			return err
		}
		for kv, err := range all {
			if err != nil {
				return err
			}
			if string(kv.Key) != "b" {
				t.Errorf("the second run begins at %q and not after the delete", kv.Key)
			}
			break
		}
		return nil
	})
}

func testRangeContext(t *testing.T, f Factory) {
	e := f.New(t)
	put(t, e, organization, "a", "", "b", "", "c", "")
	ctx, cancel := context.WithCancel(t.Context())
	err := e.View(ctx, organization, func(tx storage.Tx) error {
		seen := 0
		for _, err := range tx.Range(storage.Range{}) {
			if err != nil {
				if seen != 1 {
					t.Errorf("the range ended after %d pairs, want 1", seen)
				}
				return err
			}
			seen++
			cancel()
		}
		return nil
	})
	wantError(t, err, context.Canceled)
}

func testLongRange(t *testing.T, f Factory) {
	e := f.New(t)
	// Values of 1 KiB make many pages of them in any paged store.
	value := strings.Repeat("v", 1024)
	var want []string
	for batch := range 10 {
		var pairs []string
		for i := range storage.MaxOperations {
			key := fmt.Sprintf("%05d", i*10+batch)
			pairs = append(pairs, key, value)
			want = append(want, key)
		}
		put(t, e, organization, pairs...)
	}
	slices.Sort(want)
	for _, reverse := range []bool{false, true} {
		var got []string
		view(t, e, func(tx storage.Tx) error {
			for kv, err := range tx.Range(storage.Range{Reverse: reverse}) {
				if err != nil {
					return err
				}
				got = append(got, string(kv.Key))
			}
			return nil
		})
		if reverse {
			slices.Reverse(got)
		}
		if !slices.Equal(got, want) {
			t.Errorf("reverse %t: %d keys, want %d in order", reverse, len(got), len(want))
		}
	}
}
