package storage_test

import (
	"testing"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

func TestADigestTellsPairsApartAlsoWhereTheirBytesInARowAreTheSame(t *testing.T) {
	t.Parallel()
	sum := func(pairs ...string) [32]byte {
		d := storage.NewDigest()
		for i := 0; i < len(pairs); i += 2 {
			d.Add(storage.KV{Key: []byte(pairs[i]), Value: []byte(pairs[i+1])})
		}
		return d.Sum()
	}
	seen := map[[32]byte][]string{}
	for _, pairs := range [][]string{
		{}, {"", ""}, {"", "", "", ""}, {"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"", "abc"}, {"a", "b", "c", ""}, {"a", "", "b", "c"},
	} {
		s := sum(pairs...)
		if other, there := seen[s]; there {
			t.Errorf("%q and %q have one digest", pairs, other)
		}
		if seen[s] = pairs; s != sum(pairs...) {
			t.Errorf("%q has two digests", pairs)
		}
	}
}
