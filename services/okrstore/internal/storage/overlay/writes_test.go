package overlay

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// However large the sets are that are absorbed, the result is what their operations one after the other come to.
func TestAbsorbIsOneOperationAfterTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all Writes
		model := map[string]Write{}
		for range rapid.IntRange(1, 5).Draw(t, "sets") {
			var later Writes
			for range rapid.IntRange(0, 3*fewWrites).Draw(t, "operations") {
				op := Write{Key: fmt.Appendf(nil, "%02d", rapid.IntRange(0, 99).Draw(t, "key"))}
				if op.Deleted = rapid.Bool().Draw(t, "deleted"); !op.Deleted {
					op.Value = rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "value")
				}
				later.Set(op)
				model[string(op.Key)] = op
			}
			all.Absorb(&later)
		}
		size := 0
		keys := slices.Sorted(maps.Keys(model))
		got := slices.Collect(all.All())
		if len(got) != len(keys) || all.Len() != len(keys) {
			t.Fatalf("%d operations, counted as %d, want %d", len(got), all.Len(), len(keys))
		}
		for i, key := range keys {
			want := model[key]
			size += want.size()
			if string(got[i].Key) != key || !bytes.Equal(got[i].Value, want.Value) || got[i].Deleted != want.Deleted {
				t.Fatalf("operation %d is %v, want %v", i, got[i], want)
			}
		}
		if all.Bytes() != size {
			t.Fatalf("%d bytes, want %d", all.Bytes(), size)
		}
	})
}

// A reader finds in sets with filters what it finds in the same sets without, and the filters are good for something.
func TestAReaderFindsTheSameWithFilters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain, filtered := Reader(nothing{}), Reader(nothing{})
		for range rapid.IntRange(1, 6).Draw(t, "layers") {
			writes := new(Writes)
			for range rapid.IntRange(0, 40).Draw(t, "operations") {
				op := Write{Key: fmt.Appendf(nil, "%02d", rapid.IntRange(0, 99).Draw(t, "key"))}
				if op.Deleted = rapid.Bool().Draw(t, "deleted"); !op.Deleted {
					op.Value = rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "value")
				}
				writes.Set(op)
			}
			plain, filtered = Over(plain, writes), Over(filtered, writes.Filtered())
		}
		for i := range 100 {
			key := fmt.Appendf(nil, "%02d", i)
			want, wantErr := plain.Get(key)
			if got, err := filtered.Get(key); !bytes.Equal(got, want) || !errors.Is(err, wantErr) {
				t.Fatalf("%s is %q, %v with filters, and %q, %v without", key, got, err, want, wantErr)
			}
		}
	})
	var writes Writes
	for i := range 1000 {
		writes.Set(Write{Key: fmt.Append(nil, "in", i)})
	}
	f, passed := writes.Filtered().filter, 0
	for i := range 10_000 {
		if f.mayHave(hashOf(fmt.Append(nil, "out", i))) {
			passed++
		}
	}
	if passed > 1000 {
		t.Errorf("a filter lets %d of 10000 other keys pass", passed)
	}
}

// nothing is a Reader of nothing.
type nothing struct{ Reader }

func (nothing) Get([]byte) ([]byte, error) { return nil, storage.ErrNotFound }
