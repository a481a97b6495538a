package memengine

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// tx works on a state; its first write replaces that by a copy.
type tx struct {
	pairs    []storage.KV
	readOnly bool
	ctx      context.Context // ends a View's Range; nil in an Update
	// written is the size of the last write to each key.
	written map[string]int
	failed  error // the first failure of a Put or Delete
	ended   bool
	// lent is what the function got, and put are the values that it gave.
	lent, put []lent
}

// lent is memory that is not to be changed, and what it holds.
type lent struct{ shared, content []byte }

func (l lent) check() {
	if !bytes.Equal(l.shared, l.content) {
		panic(fmt.Sprintf("what a transaction lent, or a value that it was given, was %q and has been changed to %q", l.content, l.shared))
	}
}

// lend returns a copy that is good until the transaction ends.
func (t *tx) lend(content []byte) []byte {
	shared := append([]byte{}, content...)
	t.lent = append(t.lent, lent{shared, content})
	return slices.Clip(shared)
}

// end ends the transaction and what it lent.
func (t *tx) end() {
	t.ended = true
	for _, l := range slices.Concat(t.lent, t.put) {
		l.check()
	}
	for _, l := range t.lent {
		for i := range l.shared {
			l.shared[i] = '!'
		}
	}
	for _, l := range t.put {
		l.check() // or what was put was lent
	}
}

func (t *tx) run(fn func(storage.Tx) error) error {
	defer t.end()
	if err := storage.Call(fn, t); err != nil {
		return err
	}
	if t.readOnly {
		return nil
	}
	return t.failed
}

// Get implements [storage.Tx].
func (t *tx) Get(key []byte) ([]byte, error) {
	if t.ended {
		return nil, storage.ErrTxDone
	}
	i, ok := search(t.pairs, key)
	if !ok {
		return nil, storage.ErrNotFound
	}
	return t.lend(t.pairs[i].Value), nil
}

// Put implements [storage.Tx].
func (t *tx) Put(key, value []byte) error {
	if err := t.prepare(key, len(key)+len(value)); err != nil {
		return err
	}
	pair := storage.KV{Key: bytes.Clone(key), Value: append([]byte{}, value...)}
	t.put = append(t.put, lent{value, pair.Value})
	if i, ok := search(t.pairs, key); ok {
		t.pairs[i] = pair
	} else {
		t.pairs = slices.Insert(t.pairs, i, pair)
	}
	return nil
}

// Delete implements [storage.Tx].
func (t *tx) Delete(key []byte) error {
	if err := t.prepare(key, len(key)); err != nil {
		return err
	}
	if i, ok := search(t.pairs, key); ok {
		t.pairs = slices.Delete(t.pairs, i, i+1)
	}
	return nil
}

// prepare checks and counts a write of this size to key, and makes the pairs
// the transaction's own.
func (t *tx) prepare(key []byte, size int) error {
	switch {
	case t.ended:
		return storage.ErrTxDone
	case t.readOnly:
		return storage.ErrReadOnly
	case t.failed != nil:
		return t.failed
	}
	if t.failed = storage.CheckKey(key); t.failed != nil {
		return t.failed
	}
	if t.written == nil {
		t.written = make(map[string]int)
		t.pairs = slices.Clone(t.pairs)
	}
	t.written[string(key)] = size
	total := 0
	for _, n := range t.written {
		total += n
	}
	t.failed = storage.CheckSize(len(t.written), total)
	return t.failed
}

// Range implements [storage.Tx].
func (t *tx) Range(r storage.Range) iter.Seq2[storage.KV, error] {
	return func(yield func(storage.KV, error) bool) {
		if err := t.err(); err != nil {
			yield(storage.KV{}, err)
			return
		}
		var selected []storage.KV
		start, end := r.Bounds()
		for _, pair := range t.pairs {
			if bytes.Compare(pair.Key, start) >= 0 && (len(end) == 0 || bytes.Compare(pair.Key, end) < 0) {
				selected = append(selected, pair)
			}
		}
		if r.Reverse {
			slices.Reverse(selected)
		}
		if r.Limit > 0 && len(selected) > r.Limit {
			selected = selected[:r.Limit]
		}
		for _, pair := range selected {
			if err := t.err(); err != nil {
				yield(storage.KV{}, err)
				return
			}
			if !yield(storage.KV{Key: t.lend(pair.Key), Value: t.lend(pair.Value)}, nil) {
				return
			}
		}
	}
}

// err returns why a Range must end.
func (t *tx) err() error {
	switch {
	case t.ended:
		return storage.ErrTxDone
	case t.ctx != nil:
		return t.ctx.Err()
	}
	return nil
}

func search(pairs []storage.KV, key []byte) (int, bool) {
	return slices.BinarySearchFunc(pairs, key, func(pair storage.KV, key []byte) int {
		return bytes.Compare(pair.Key, key)
	})
}
