// Package storage says what okr-store demands of the place where it keeps
// its data: ordered byte keys and byte values, one key space per
// organization, and transactions that are functions.
//
// Nothing here knows what the bytes mean. The engines are
//
//   - boltengine: one file on one machine, durable, the default;
//   - etcdengine: a cluster of etcd, for several processes at once;
//   - memengine: the model, for tests.
//
// storagetest holds the suite that every engine must pass. The words must,
// must not and may in these comments are what that suite checks.
package storage

import (
	"bytes"
	"context"
	"iter"
)

// An Engine stores the data of many organizations and keeps them apart: every
// method that touches data names one organization, and within a [Tx] there is
// no way to write down a key of another one.
//
// All methods may be called from many goroutines at once. Every method must
// return [ErrClosed] after Close. An organization id that [CheckOrganization]
// refuses must be refused with its error before anything else happens. A
// context that has ended before the call must be answered with its error.
type Engine interface {
	// View calls fn with a consistent snapshot of one organization: no Update
	// that runs meanwhile is seen in part or in whole. It returns fn's error
	// unchanged, or a [*PanicError] when fn panics. Put and Delete fail with
	// [ErrReadOnly].
	//
	// fn runs on the caller's goroutine. A View that stays open for long holds
	// back the reuse of disk space, and on some engines the growth of the file,
	// so fn must not wait for the network or for another transaction. It may be
	// called more than once, as that of an Update.
	View(ctx context.Context, organization string, fn func(Tx) error) error

	// Update calls fn with a transaction and makes what fn wrote durable. It
	// must return nil only when the writes would survive the death of the
	// process and of the machine.
	//
	// Updates of one organization are serializable: fn sees every Update that
	// was answered before, and no write is lost between its reads and its
	// writes. When fn returns an error, Update applies nothing and returns
	// that error unchanged; when fn panics, it applies nothing and returns a
	// [*PanicError]. Neither may disturb any other caller. When a Put or
	// Delete failed, nothing is applied even if fn returns nil: Update then
	// returns the first such error.
	//
	// fn may be called more than once, so it must not have effects outside the
	// transaction, other than to set variables that each call sets anew. It
	// must not use the engine, nor wait for anything: other writers queue
	// behind it.
	//
	// While the call waits for its turn, an ended ctx takes it out of the queue
	// and fn is never called. Once fn was called, Update answers the true
	// outcome, however long that takes and whatever ctx says. An engine whose data
	// is elsewhere may give up on that after a bounded time, with
	// [ErrUnavailable].
	Update(ctx context.Context, organization string, fn func(Tx) error) error

	// Watch returns a channel that says "something was committed in this
	// organization", not what. After every commit that follows the return of
	// Watch there must be at least one signal; signals that nobody received
	// merge into one, and a signal without a commit is allowed. A slow receiver
	// must never hold up a writer.
	//
	// The way to follow a log and miss nothing: Watch first, then read to the
	// end, then wait for a signal, then read again.
	//
	// The channel is closed when ctx ends or the engine closes or breaks.
	Watch(ctx context.Context, organization string) (<-chan struct{}, error)

	// Ready returns nil when the engine can serve reads and writes.
	Ready(ctx context.Context) error

	// Epoch names the history that this data continues: a short string of
	// letters and digits that lasts as long as the data does, and differs
	// after a backup was restored. A position in a log is meaningful only
	// together with it. It may be called at any time, also after Close.
	Epoch() string

	// Close stops the engine. Updates whose fn was called are finished and
	// answered first; those that still wait for their turn get [ErrClosed];
	// Views are waited for. Calling it again does nothing and returns nil. It
	// must not be called from inside a transaction.
	Close() error
}

// A Tx reads and writes the keys of one organization. It is valid until the
// function that received it returns, after which every method must fail with
// [ErrTxDone], and it must not be used by two goroutines at once.
//
// What Get and Range return is lent: it may be the store's own memory, so it
// must not be changed or put again, and it is valid until the function returns.
// In return the value that is given to Put is the engine's from then on: it
// must not be changed any more. Of keys the engine keeps no reference.
type Tx interface {
	// Get returns the value of key, or [ErrNotFound]. The value of a key that
	// was put with an empty value is empty and not nil.
	Get(key []byte) ([]byte, error)

	// Put sets the value of key. It fails when [CheckKey] refuses the key,
	// with [ErrTooLarge] when the transaction would outgrow [MaxOperations] or
	// [MaxBytes], and with [ErrReadOnly] in a View.
	Put(key, value []byte) error

	// Delete removes key; to remove an absent key is no error, but counts as
	// an operation. It fails as Put does.
	Delete(key []byte) error

	// Range yields the pairs that r selects, in the order of their keys. It
	// sees what this transaction wrote before the iteration began; writes made
	// while it runs are allowed, and it does not see them. After a non-nil
	// error, which comes with an empty KV, nothing more is yielded. In a View
	// the end of the context is such an error. The sequence may be ranged
	// over more than once.
	Range(r Range) iter.Seq2[KV, error]
}

// KV is a key with its value.
type KV struct {
	Key, Value []byte
}

// Clone returns a copy that outlives the transaction which lent the pair.
func (kv KV) Clone() KV { return KV{Key: bytes.Clone(kv.Key), Value: bytes.Clone(kv.Value)} }

// Range selects keys by their bytes. The conditions add up; the zero Range
// selects everything that the organization has.
type Range struct {
	// Prefix is what a key must start with.
	Prefix []byte
	// Start is the lowest key selected. Empty: no lower bound.
	Start []byte
	// End is the lowest key above the range, not selected. Empty: no upper bound.
	End []byte
	// Reverse yields the highest key first.
	Reverse bool
	// Limit is the most pairs to yield. Zero or less: no limit.
	Limit int
}
