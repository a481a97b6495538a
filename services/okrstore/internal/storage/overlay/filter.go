package overlay

import "hash/maphash"

// A filter tells of most keys that are not in a set of writes that they are
// not, for less than a search takes: it is a Bloom filter of two hashes. A
// reader asks many sets for a key, and finds it in one of them or in none. The
// zero filter tells nothing.
type filter []uint64

// filterBits is how many bits a filter has at least for each key; of the keys
// that are not in the set it lets 5 percent pass.
const filterBits = 8

var filterSeed = maphash.MakeSeed()

// hashOf is what filters know a key by.
func hashOf(key []byte) uint64 { return maphash.Bytes(filterSeed, key) }

func newFilter(entries []Write) filter {
	words := 1
	for words*64 < filterBits*len(entries) {
		words *= 2
	}
	f := make(filter, words)
	for _, e := range entries {
		for _, bit := range f.bits(hashOf(e.Key)) {
			f[bit/64] |= 1 << (bit % 64)
		}
	}
	return f
}

// bits are those that are set for a key.
func (f filter) bits(hash uint64) [2]uint64 {
	mask := uint64(len(f))*64 - 1
	return [2]uint64{hash & mask, hash >> 32 & mask}
}

// mayHave is false only for keys that are not in the set.
func (f filter) mayHave(hash uint64) bool {
	if f == nil {
		return true
	}
	for _, bit := range f.bits(hash) {
		if f[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}
