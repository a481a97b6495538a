package overlay

import (
	"bytes"
	"context"
	"iter"
	"slices"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// Tx is a [storage.Tx] over a Reader. It lends what the Reader and the Writes
// below it have.
type Tx struct {
	base     Reader
	readOnly bool
	// ctx ends a View's Range; nil in an Update, whose function runs to its end.
	ctx    context.Context
	writes Writes
	// failed is the first error of a Put or Delete: it dooms the transaction.
	failed error
	ended  bool
}

// NewView returns a transaction that cannot write and whose Range ends with
// ctx.
func NewView(ctx context.Context, base Reader) *Tx {
	return &Tx{base: base, readOnly: true, ctx: ctx}
}

// NewUpdate returns a transaction that buffers its writes.
func NewUpdate(base Reader) *Tx {
	return &Tx{base: base}
}

// Run calls fn with the transaction and ends it. The error is fn's, or a
// [*storage.PanicError], or the first failure of a Put or Delete that fn kept
// to itself. The transaction ends also when fn leaves by runtime.Goexit.
func (t *Tx) Run(fn func(storage.Tx) error) error {
	defer func() { t.ended = true }()
	if err := storage.Call(fn, t); err != nil {
		return err
	}
	if t.readOnly {
		return nil
	}
	return t.failed
}

// Writes returns what the transaction wrote. It is for the engine, after Run
// returned nil.
func (t *Tx) Writes() *Writes { return &t.writes }

// Get implements [storage.Tx].
func (t *Tx) Get(key []byte) ([]byte, error) {
	if t.ended {
		return nil, storage.ErrTxDone
	}
	value, err := layer{t.base, &t.writes}.Get(key)
	if err != nil {
		return nil, err
	}
	return slices.Clip(value), nil
}

// Put implements [storage.Tx].
func (t *Tx) Put(key, value []byte) error {
	return t.write(Write{Key: key, Value: value})
}

// Delete implements [storage.Tx].
func (t *Tx) Delete(key []byte) error {
	return t.write(Write{Key: key, Deleted: true})
}

func (t *Tx) write(op Write) error {
	switch {
	case t.ended:
		return storage.ErrTxDone
	case t.readOnly:
		return storage.ErrReadOnly
	case t.failed != nil:
		return t.failed
	}
	if t.failed = storage.CheckKey(op.Key); t.failed != nil {
		return t.failed
	}
	at, found := t.writes.find(op.Key)
	if t.failed = storage.CheckSize(t.writes.sizeWith(op, at, found)); t.failed != nil {
		return t.failed
	}
	op.Key = bytes.Clone(op.Key)
	if op.Value == nil && !op.Deleted {
		op.Value = []byte{}
	}
	t.writes.setAt(at, found, op)
	return nil
}

// Range implements [storage.Tx].
func (t *Tx) Range(r storage.Range) iter.Seq2[storage.KV, error] {
	return func(yield func(storage.KV, error) bool) {
		if err := t.err(); err != nil {
			yield(storage.KV{}, err)
			return
		}
		// The loop's body may write, which moves the buffered entries.
		own := slices.Clone(t.writes.within(r))
		left := r.Limit
		for kv, err := range merge(t.base, own, r) {
			if err != nil {
				yield(storage.KV{}, err)
				return
			}
			if !yield(storage.KV{Key: slices.Clip(kv.Key), Value: slices.Clip(kv.Value)}, nil) {
				return
			}
			if left--; left == 0 {
				return
			}
			// Asked before the next pair is read: an iterator that outlives
			// its function (iter.Pull) must not touch the snapshot again.
			if err := t.err(); err != nil {
				yield(storage.KV{}, err)
				return
			}
		}
	}
}

// err returns why a Range must end.
func (t *Tx) err() error {
	switch {
	case t.ended:
		return storage.ErrTxDone
	case t.ctx != nil:
		return t.ctx.Err()
	}
	return nil
}
