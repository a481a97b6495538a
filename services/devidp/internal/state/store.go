// Package state keeps everything that devidp remembers in one bbolt file: one bucket per kind of record, JSON values.
// The data is a handful of test organizations, so look-ups other than by key simply scan.
package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// lockTimeout bounds the wait for another process to let go of the file.
const lockTimeout = 800 * time.Millisecond

// Store is the open file. It is safe for concurrent use.
type Store struct {
	db *bbolt.DB
}

// Open opens or creates the file, readable by its owner alone: it holds the signing key. A file that another process
// has open is refused within a second.
func Open(path string) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%s is in use by another process: stop it, or choose another data directory: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return &Store{db: db}, nil
}

// Close waits for the running transactions and releases the file.
func (s *Store) Close() error { return s.db.Close() }

// View runs fn on a snapshot.
func (s *Store) View(fn func(*Tx) error) error {
	return s.db.View(func(btx *bbolt.Tx) error { return run(btx, fn) })
}

// Update runs fn alone among the writers. Its changes are kept, and on disk when Update returns, if fn returns nil.
func (s *Store) Update(fn func(*Tx) error) error {
	return s.db.Update(func(btx *bbolt.Tx) error { return run(btx, fn) })
}

func run(btx *bbolt.Tx, fn func(*Tx) error) error {
	tx := &Tx{btx: btx}
	if err := fn(tx); err != nil {
		return errors.Join(err, tx.err)
	}
	return tx.err
}

// Tx is one transaction. Failures of the file or of a stored value stick to the transaction and come back from View or
// Update, which then keeps nothing; so tables need no error at every step.
type Tx struct {
	btx *bbolt.Tx
	err error
}

func (tx *Tx) fail(err error) {
	if tx.err == nil {
		tx.err = err
	}
}

// Table gives typed access to one bucket. A bucket appears with its first record.
type Table[T any] struct {
	tx   *Tx
	name string
}

// Get returns the record under key.
func (t Table[T]) Get(key string) (T, bool) {
	var value T
	bucket := t.tx.btx.Bucket([]byte(t.name))
	if bucket == nil {
		return value, false
	}
	data := bucket.Get([]byte(key))
	if data == nil {
		return value, false
	}
	if err := json.Unmarshal(data, &value); err != nil {
		t.tx.fail(fmt.Errorf("reading %s %q: %w", t.name, key, err))
		return value, false
	}
	return value, true
}

// Put writes the record under key.
func (t Table[T]) Put(key string, value T) {
	data, err := json.Marshal(value)
	if err == nil {
		var bucket *bbolt.Bucket
		if bucket, err = t.tx.btx.CreateBucketIfNotExists([]byte(t.name)); err == nil {
			err = bucket.Put([]byte(key), data)
		}
	}
	if err != nil {
		t.tx.fail(fmt.Errorf("writing %s %q: %w", t.name, key, err))
	}
}

// Delete removes the record, if it is there.
func (t Table[T]) Delete(key string) {
	bucket := t.tx.btx.Bucket([]byte(t.name))
	if bucket == nil {
		return
	}
	if err := bucket.Delete([]byte(key)); err != nil {
		t.tx.fail(fmt.Errorf("deleting %s %q: %w", t.name, key, err))
	}
}

// DeleteFunc removes every record for which remove is true and returns how many there were.
func (t Table[T]) DeleteFunc(remove func(T) bool) int {
	var keys []string // bbolt cursors do not survive a deletion under them.
	for key, value := range t.All() {
		if remove(value) {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		t.Delete(key)
	}
	return len(keys)
}

// All yields the records in the order of their keys. The table must not be changed meanwhile.
func (t Table[T]) All() iter.Seq2[string, T] { return t.Holding("") }

// Holding is All without the records in which a text stands nowhere, in small letters or capitals. They are not decoded,
// which is most of what it costs to look at one; in which field the text stands the caller sees.
func (t Table[T]) Holding(text string) iter.Seq2[string, T] {
	quoted, err := json.Marshal(strings.ToLower(text))
	if err != nil { // only for what is no text
		panic(err)
	}
	stored := quoted[1 : len(quoted)-1]
	return func(yield func(string, T) bool) {
		bucket := t.tx.btx.Bucket([]byte(t.name))
		if bucket == nil {
			return
		}
		cursor := bucket.Cursor()
		for key, data := cursor.First(); key != nil; key, data = cursor.Next() {
			if len(stored) > 0 && !bytes.Contains(bytes.ToLower(data), stored) {
				continue
			}
			var value T
			if err := json.Unmarshal(data, &value); err != nil {
				t.tx.fail(fmt.Errorf("reading %s %q: %w", t.name, key, err))
				return
			}
			if !yield(string(key), value) {
				return
			}
		}
	}
}

// next returns a number that grows with every call on this table.
func (t Table[T]) next() uint64 {
	bucket, err := t.tx.btx.CreateBucketIfNotExists([]byte(t.name))
	if err == nil {
		var n uint64
		if n, err = bucket.NextSequence(); err == nil {
			return n
		}
	}
	t.tx.fail(fmt.Errorf("numbering %s: %w", t.name, err))
	return 0
}
