package overlay

import (
	"bytes"
	"iter"
	"slices"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// A Reader reads a state of one organization that does not change while the
// Reader is in use. What it returns may be the store's own memory: callers
// must neither change it nor keep it for longer than the Reader lives.
type Reader interface {
	// Get returns the value of key, or [storage.ErrNotFound].
	Get(key []byte) ([]byte, error)
	// Range does what [storage.Tx.Range] says, except that it must ignore the
	// Limit: writes laid over it may hide some of its pairs.
	Range(r storage.Range) iter.Seq2[storage.KV, error]
}

// Over returns a Reader of base as it would be with writes applied. It uses
// both, so neither may change while it lives.
func Over(base Reader, writes *Writes) Reader {
	return layer{base: base, writes: writes}
}

type layer struct {
	base   Reader
	writes *Writes
}

func (l layer) Get(key []byte) ([]byte, error) { return l.get(key, hashOf(key)) }

// get is Get for a key whose hash is known.
func (l layer) get(key []byte, hash uint64) ([]byte, error) {
	if l.writes.filter.mayHave(hash) {
		switch w, ok := l.writes.get(key); {
		case ok && w.Deleted:
			return nil, storage.ErrNotFound
		case ok:
			return w.Value, nil
		}
	}
	if below, ok := l.base.(layer); ok {
		return below.get(key, hash)
	}
	return l.base.Get(key)
}

func (l layer) Range(r storage.Range) iter.Seq2[storage.KV, error] {
	return func(yield func(storage.KV, error) bool) {
		merge(l.base, l.writes.within(r), r)(yield)
	}
}

// merge yields what r selects of base with writes applied, which must be in
// ascending order and within r.
func merge(base Reader, writes []Write, r storage.Range) iter.Seq2[storage.KV, error] {
	if len(writes) == 0 {
		return base.Range(r)
	}
	before := func(a, b []byte) bool { return bytes.Compare(a, b) < 0 }
	if r.Reverse {
		before = func(a, b []byte) bool { return bytes.Compare(a, b) > 0 }
		writes = slices.Clone(writes)
		slices.Reverse(writes)
	}
	return func(yield func(storage.KV, error) bool) {
		next := 0
		for kv, err := range base.Range(r) {
			if err != nil {
				yield(storage.KV{}, err)
				return
			}
			for ; next < len(writes) && before(writes[next].Key, kv.Key); next++ {
				if w := writes[next]; !w.Deleted && !yield(storage.KV{Key: w.Key, Value: w.Value}, nil) {
					return
				}
			}
			if next < len(writes) && bytes.Equal(writes[next].Key, kv.Key) {
				// The write takes the place of the pair; the next round or the
				// rest below yields it in order.
				continue
			}
			if !yield(kv, nil) {
				return
			}
		}
		for _, w := range writes[next:] {
			if !w.Deleted && !yield(storage.KV{Key: w.Key, Value: w.Value}, nil) {
				return
			}
		}
	}
}
