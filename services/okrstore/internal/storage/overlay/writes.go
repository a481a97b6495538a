// Package overlay buffers the writes of transactions over a snapshot that
// knows nothing of them. It is what engines with an ordered store beneath have
// in common: they bring a [Reader], get a [storage.Tx], and afterwards apply
// the [Writes] in one piece or drop them.
package overlay

import (
	"bytes"
	"iter"
	"slices"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// Writes is a set of buffered puts and deletes, at most one for a key, in the
// order of the keys. The zero Writes is empty. Its methods do not copy keys
// and values.
type Writes struct {
	entries []Write
	// bytes is the sum over the entries of Write.size.
	bytes int
	// filter is of all entries, or tells nothing.
	filter filter
}

// Write is one buffered operation.
type Write struct {
	// Key is the key that is put or deleted.
	Key []byte
	// Value is the new value; nil when Deleted.
	Value []byte
	// Deleted says that the key is removed.
	Deleted bool
}

func (w Write) size() int { return len(w.Key) + len(w.Value) }

// Len returns the number of operations.
func (w *Writes) Len() int { return len(w.entries) }

// Bytes returns the size of all keys and values.
func (w *Writes) Bytes() int { return w.bytes }

// All yields the operations in the order of their keys.
func (w *Writes) All() iter.Seq[Write] { return slices.Values(w.entries) }

// Filtered returns the same operations in a form in which they are looked up
// faster. Neither may change any more: the two share memory.
func (w *Writes) Filtered() *Writes {
	return &Writes{entries: w.entries, bytes: w.bytes, filter: newFilter(w.entries)}
}

// find returns where key is, or would be inserted.
func (w *Writes) find(key []byte) (int, bool) {
	return slices.BinarySearchFunc(w.entries, key, func(e Write, key []byte) int {
		return bytes.Compare(e.Key, key)
	})
}

// get returns the operation on key, if there is one.
func (w *Writes) get(key []byte) (Write, bool) {
	if i, ok := w.find(key); ok {
		return w.entries[i], true
	}
	return Write{}, false
}

// sizeWith returns what Len and Bytes would be after setAt.
func (w *Writes) sizeWith(op Write, at int, found bool) (operations, bytes int) {
	if found {
		return len(w.entries), w.bytes - w.entries[at].size() + op.size()
	}
	return len(w.entries) + 1, w.bytes + op.size()
}

// Set adds op; it replaces an earlier operation on the same key.
func (w *Writes) Set(op Write) {
	at, found := w.find(op.Key)
	w.setAt(at, found, op)
}

// setAt is Set at the place that find returned.
func (w *Writes) setAt(at int, found bool, op Write) {
	switch {
	case found:
		w.bytes -= w.entries[at].size()
		w.entries[at] = op
	case w.entries == nil:
		w.entries = append(make([]Write, 0, commonWrites), op)
	default:
		w.entries = slices.Insert(w.entries, at, op)
	}
	w.bytes += op.size()
}

// SizeWith returns what Len and Bytes would be after Absorb(later).
func (w *Writes) SizeWith(later *Writes) (operations, bytes int) {
	operations, bytes = len(w.entries)+len(later.entries), w.bytes+later.bytes
	for _, e := range later.entries {
		if old, ok := w.get(e.Key); ok {
			operations--
			bytes -= old.size()
		}
	}
	return operations, bytes
}

// commonWrites is how many operations a set has room for from the start. Most
// transactions have no more.
const commonWrites = 8

// fewWrites is up to how many operations Absorb adds one by one.
const fewWrites = 16

// Absorb adds all operations of later, which replace those on the same keys.
// A commit group absorbs many sets: what is small is inserted, and anything
// else merged in one pass over both.
func (w *Writes) Absorb(later *Writes) {
	if len(later.entries) <= fewWrites {
		for _, e := range later.entries {
			w.Set(e)
		}
		return
	}
	*w = *Merge(w, later)
}

// Merge returns all operations of both, of two on the same key the one of
// later. It leaves both as they are.
func Merge(w, later *Writes) *Writes {
	merged := Writes{entries: make([]Write, 0, len(w.entries)+len(later.entries))}
	push := func(e Write) {
		merged.entries = append(merged.entries, e)
		merged.bytes += e.size()
	}
	i := 0
	for _, e := range later.entries {
		for ; i < len(w.entries) && bytes.Compare(w.entries[i].Key, e.Key) < 0; i++ {
			push(w.entries[i])
		}
		if i < len(w.entries) && bytes.Equal(w.entries[i].Key, e.Key) {
			i++
		}
		push(e)
	}
	for _, e := range w.entries[i:] {
		push(e)
	}
	return &merged
}

// within returns the operations on keys that r selects, in ascending order
// and without regard to r.Limit. The result shares memory with w.
func (w *Writes) within(r storage.Range) []Write {
	start, end := r.Bounds()
	from, _ := w.find(start)
	to := len(w.entries)
	if len(end) > 0 {
		to, _ = w.find(end)
	}
	if from >= to {
		return nil
	}
	return w.entries[from:to]
}
