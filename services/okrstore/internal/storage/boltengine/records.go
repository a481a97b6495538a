package boltengine

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"iter"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

var recordsBucket = []byte("records")

// castagnoli is the polynomial of CRC-32C, which processors compute.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// organizationPrefix is what the stored keys of an organization start with.
// Its first byte is at most storage.MaxOrganizationBytes.
func organizationPrefix(organization string) []byte {
	return append([]byte{byte(len(organization))}, organization...)
}

// joinKey returns the stored key in fresh memory.
func joinKey(prefix, key []byte) []byte {
	stored := make([]byte, 0, len(prefix)+len(key))
	return append(append(stored, prefix...), key...)
}

// checksumBytes is how many bytes a stored form has before the value.
const checksumBytes = 4

// seal returns the stored form of a value.
func seal(storedKey, value []byte) []byte {
	return sealed(storedKey, append(make([]byte, checksumBytes, checksumBytes+len(value)), value...))
}

// sealed returns a stored form whose value is there, with the checksum in its
// place.
func sealed(storedKey, stored []byte) []byte {
	binary.BigEndian.PutUint32(stored, checksum(storedKey, stored[checksumBytes:]))
	return stored
}

// unseal returns the value within its stored form.
func unseal(storedKey, stored []byte) ([]byte, error) {
	if len(stored) < checksumBytes || binary.BigEndian.Uint32(stored) != checksum(storedKey, stored[checksumBytes:]) {
		return nil, damage("the record at key %q fails its checksum", storedKey)
	}
	return stored[checksumBytes:], nil
}

// A memory is for the stored forms of one transaction of bbolt, which wants to
// have them until it ends, and then of the next. The zero memory is ready.
type memory struct{ block []byte }

// maxKeptMemory bounds what a memory keeps of a large transaction.
const maxKeptMemory = 1 << 20

// reset makes all of it free again.
func (m *memory) reset() {
	if m.block = m.block[:0]; cap(m.block) > maxKeptMemory {
		m.block = nil
	}
}

// room returns the room for a checksum, with capacity for a value of this size.
func (m *memory) room(size int) []byte {
	size += checksumBytes
	if size > cap(m.block)-len(m.block) { // what is in use of the block before stays with who uses it
		m.block = make([]byte, 0, max(size, 2*cap(m.block)))
	}
	at := len(m.block)
	m.block = m.block[:at+size]
	return m.block[at : at+checksumBytes : at+size]
}

func (m *memory) seal(storedKey, value []byte) []byte {
	return sealed(storedKey, append(m.room(len(value)), value...))
}

// checksum covers the key as well: a record that turns up at another place
// is damage too.
func checksum(storedKey, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(storedKey, castagnoli), castagnoli, value)
}

// A reader is the overlay.Reader of one organization in a bbolt transaction
// that nobody writes to, or of a whole bucket if it has no prefix. What it
// returns is the memory map of the file. It is for one goroutine.
type reader struct {
	records *bolt.Bucket
	prefix  []byte
	// cursor and stored, a key, are those of the Get before, whose memory is
	// used again: a write asks for ten keys.
	cursor *bolt.Cursor
	stored []byte
}

func newReader(tx *bolt.Tx, organization string) *reader {
	return readerOf(tx.Bucket(recordsBucket), organizationPrefix(organization))
}

func readerOf(records *bolt.Bucket, prefix []byte) *reader {
	return &reader{records: records, prefix: prefix, cursor: records.Cursor()}
}

// Get implements [overlay.Reader].
func (r *reader) Get(key []byte) ([]byte, error) {
	r.stored = append(append(r.stored[:0], r.prefix...), key...)
	found, value := r.cursor.Seek(r.stored)
	if !bytes.Equal(found, r.stored) {
		return nil, storage.ErrNotFound
	}
	return unseal(r.stored, value)
}

// Range implements [overlay.Reader].
func (r *reader) Range(q storage.Range) iter.Seq2[storage.KV, error] {
	return func(yield func(storage.KV, error) bool) {
		start, end := q.Bounds()
		start = joinKey(r.prefix, start)
		if len(end) > 0 {
			end = joinKey(r.prefix, end)
		} else {
			end = storage.PrefixEnd(r.prefix)
		}
		for k, v := range ascendOrDescend(r.records.Cursor(), start, end, q.Reverse) {
			value, err := unseal(k, v)
			if err != nil {
				yield(storage.KV{}, err)
				return
			}
			if !yield(storage.KV{Key: k[len(r.prefix):], Value: value}, nil) {
				return
			}
		}
	}
}

// ascendOrDescend yields what c has in start ≤ key < end, which is without
// bound if it is nil, from the one end or from the other.
func ascendOrDescend(c *bolt.Cursor, start, end []byte, reverse bool) iter.Seq2[[]byte, []byte] {
	if !reverse {
		return func(yield func(k, v []byte) bool) {
			for k, v := c.Seek(start); k != nil && (end == nil || bytes.Compare(k, end) < 0); k, v = c.Next() {
				if !yield(k, v) {
					return
				}
			}
		}
	}
	return func(yield func(k, v []byte) bool) {
		var k, v []byte
		if end == nil {
			k, v = c.Last()
		} else if above, _ := c.Seek(end); above != nil {
			k, v = c.Prev()
		} else {
			k, v = c.Last()
		}
		for ; k != nil && bytes.Compare(k, start) >= 0; k, v = c.Prev() {
			if !yield(k, v) {
				return
			}
		}
	}
}
