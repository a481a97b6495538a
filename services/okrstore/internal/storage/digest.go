package storage

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// A Digest is the SHA-256 of pairs in the order in which they are added: of each
// the key and then the value, with its length before it as 8 big-endian bytes.
// Equal digests are of the same pairs.
type Digest struct {
	hash hash.Hash
}

// NewDigest returns the digest of nothing.
func NewDigest() Digest { return Digest{sha256.New()} }

// Add makes a pair part of the digest.
func (d Digest) Add(kv KV) {
	for _, part := range [][]byte{kv.Key, kv.Value} {
		d.hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part)))) // never fails
		d.hash.Write(part)
	}
}

// Sum returns the digest of what was added so far.
func (d Digest) Sum() [sha256.Size]byte { return [sha256.Size]byte(d.hash.Sum(nil)) }
