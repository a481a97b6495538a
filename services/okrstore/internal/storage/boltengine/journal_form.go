package boltengine

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/overlay"
)

// encodedSize is at least the length of what encode appends.
func (g *group) encodedSize() (size int) {
	for organization, writes := range g.writes {
		size += writes.Bytes() + writes.Len()*(1+len(organization)+2*binary.MaxVarintLen32)
	}
	return size
}

// encode appends the stored form of the group's writes. Each is the length of
// the record's stored key, the key, and 0 if the record is deleted, or the
// length of its value plus one and the value. The numbers are varints.
func (g *group) encode(encoded []byte) []byte {
	for _, organization := range slices.Sorted(maps.Keys(g.writes)) {
		prefix := organizationPrefix(organization)
		for w := range g.writes[organization].All() {
			encoded = binary.AppendUvarint(encoded, uint64(len(prefix)+len(w.Key)))
			encoded = append(append(encoded, prefix...), w.Key...)
			if w.Deleted {
				encoded = append(encoded, 0)
				continue
			}
			encoded = binary.AppendUvarint(encoded, uint64(len(w.Value))+1)
			encoded = append(encoded, w.Value...)
		}
	}
	return encoded
}

// decode adds the writes in their stored form, of which it keeps parts.
func (g *group) decode(encoded []byte) error {
	for len(encoded) > 0 {
		record, rest, ok := cutSized(encoded, 0)
		if !ok {
			return damage("the journal has a group that ends within a key")
		}
		organization, key, err := splitRecord(record)
		if err != nil {
			return err
		}
		w := overlay.Write{Key: key}
		if w.Deleted = len(rest) > 0 && rest[0] == 0; w.Deleted {
			encoded = rest[1:]
		} else if w.Value, encoded, ok = cutSized(rest, 1); !ok {
			return damage("the journal has a group that ends within a value")
		}
		g.put(organization, w)
	}
	return nil
}

// cutSized cuts off what follows its length, which is written down with more
// added to it.
func cutSized(from []byte, more uint64) (part, rest []byte, ok bool) {
	size, n := binary.Uvarint(from)
	if n <= 0 || size < more || size-more > uint64(len(from)-n) {
		return nil, nil, false
	}
	end := n + int(size-more)
	return from[n:end:end], from[end:], true
}

// readJournal returns what the journal holds, or a [storage.ErrCorrupted].
func readJournal(tx *bolt.Tx) (*recent, error) {
	r := new(recent)
	journal := tx.Bucket(journalBucket)
	if journal == nil {
		return r, nil
	}
	g, number := newGroup(), []byte(nil)
	err := journal.ForEach(func(key, stored []byte) error {
		if len(key) < groupNumberBytes {
			return damage("the journal has a key of %d bytes", len(key))
		}
		if !bytes.HasPrefix(key, number) {
			r, g = r.with(g), newGroup()
		}
		number = key[:groupNumberBytes]
		if stored != nil {
			return g.putPair(key, stored)
		}
		encoded, err := unseal(key, journal.Bucket(key).Get(groupKey))
		if err != nil {
			return err
		}
		return g.decode(slices.Clone(encoded))
	})
	if err != nil {
		return nil, err
	}
	return r.with(g), nil
}

// put adds what the journal has of a group.
func (g *group) put(organization string, w overlay.Write) {
	if g.writes[organization] == nil {
		g.writes[organization] = new(overlay.Writes)
	}
	g.writes[organization].Set(w)
	g.bytes += len(w.Key) + len(w.Value)
}

// putPair adds a write in the form of schema 5: a pair of the number of its
// group and the stored key of the record, and of the stored value, which is
// empty if the record is deleted.
func (g *group) putPair(key, stored []byte) error {
	record := slices.Clone(key[groupNumberBytes:])
	organization, key, err := splitRecord(record)
	if err != nil {
		return err
	}
	w := overlay.Write{Key: key, Deleted: len(stored) == 0}
	if !w.Deleted {
		value, err := unseal(record, stored)
		if err != nil {
			return err
		}
		w.Value = append([]byte{}, value...) // not nil
	}
	g.put(organization, w)
	return nil
}

// splitRecord splits the stored key of a record in the journal.
func splitRecord(record []byte) (organization string, key []byte, err error) {
	if len(record) == 0 || len(record) <= 1+int(record[0]) {
		return "", nil, damage("the journal has a record at key %q, which belongs to nothing", record)
	}
	n := 1 + int(record[0])
	return string(record[1:n]), record[n:], nil
}
