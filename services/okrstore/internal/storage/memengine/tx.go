package memengine

import (
	"bytes"
	"context"
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
}

func (t *tx) run(fn func(storage.Tx) error) error {
	defer func() { t.ended = true }()
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
	return append([]byte{}, t.pairs[i].Value...), nil
}

// Put implements [storage.Tx].
func (t *tx) Put(key, value []byte) error {
	if err := t.prepare(key, len(key)+len(value)); err != nil {
		return err
	}
	pair := storage.KV{Key: bytes.Clone(key), Value: append([]byte{}, value...)}
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
			if !yield(storage.KV{Key: bytes.Clone(pair.Key), Value: append([]byte{}, pair.Value...)}, nil) {
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
