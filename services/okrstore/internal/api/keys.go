package api

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// The keys of one organization. Numbers are big-endian, so that keys sort as the numbers do.
//
//	h                      head of the change log: the last change with nothing but seq and create_time
//	o/<objective id>       an objective with its key results, in one document
//	k/<key result id>      the id of the objective that holds the key result
//	c/<seq, 8 bytes>       an entry of the change log
//	r/<SHA-256>            a request id with the answer that it got, see requestRecord
//	t/<ms, 8 bytes><SHA-256>  the time of the entry r/<SHA-256>, in milliseconds since 1970; the value is empty
//
// A value is a format byte and what that format says, see records.go.
//
// The deletion of an objective leaves the entries k/ of its key results behind: there may be more of them than one
// transaction can delete. Such an entry leads to no objective, which means that there is no such key result. It is
// smaller than the key result's share of the change that records the deletion, and both are kept for ever.
const (
	keyHead             = "h"
	prefixObjective     = "o/"
	prefixKeyResult     = "k/"
	prefixChange        = "c/"
	prefixRequest       = "r/"
	prefixRequestByTime = "t/"
)

func objectiveKey(id string) []byte { return []byte(prefixObjective + id) }

func keyResultKey(id string) []byte { return []byte(prefixKeyResult + id) }

func changeKey(seq int64) []byte { return storage.AppendUint64([]byte(prefixChange), uint64(seq)) }

// changeSeq reads what changeKey wrote.
func changeSeq(key []byte) (int64, error) {
	prefix, seq, err := storage.CutUint64(key)
	if err != nil || string(prefix) != prefixChange || int64(seq) < 1 {
		return 0, fmt.Errorf("%w: %x is not the key of a change", storage.ErrCorrupted, key)
	}
	return int64(seq), nil
}

// requestDigest stands for a request id within its scope.
type requestDigest [sha256.Size]byte

func requestKey(d requestDigest) []byte { return append([]byte(prefixRequest), d[:]...) }

func requestTimeKey(at time.Time, d requestDigest) []byte {
	return append(requestTimeBound(at), d[:]...)
}

// requestTimeBound sorts before the time keys of this millisecond and after those of all earlier ones.
func requestTimeBound(at time.Time) []byte {
	return binary.BigEndian.AppendUint64([]byte(prefixRequestByTime), uint64(at.UnixMilli()))
}

// requestTimeDigest reads the digest that requestTimeKey wrote.
func requestTimeDigest(key []byte) (requestDigest, error) {
	var d requestDigest
	if at := len(key) - len(d); at == len(prefixRequestByTime)+8 {
		copy(d[:], key[at:])
		return d, nil
	}
	return d, fmt.Errorf("%w: %x is not the time key of a request id", storage.ErrCorrupted, key)
}

// after is the lowest key above a key.
func after(key []byte) []byte { return append(key[:len(key):len(key)], 0) }
