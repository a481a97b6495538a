package overlay

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
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
