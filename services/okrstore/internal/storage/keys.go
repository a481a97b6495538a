package storage

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// PrefixEnd returns the lowest key above all keys that start with prefix, or
// nil when there is none (prefix is empty or all 0xff bytes). The result is
// fresh memory.
func PrefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := bytes.Clone(prefix[:i+1])
			end[i]++
			return end
		}
	}
	return nil
}

// AppendUint64 appends n so that the order of the bytes is the order of the
// numbers, as a sequence number at the end of a key wants it.
func AppendUint64(key []byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(key, n)
}

// CutUint64 takes the number that AppendUint64 appended off the end of key.
func CutUint64(key []byte) (rest []byte, n uint64, err error) {
	at := len(key) - 8
	if at < 0 {
		return nil, 0, fmt.Errorf("%w: %d bytes hold no number", ErrInvalidKey, len(key))
	}
	return key[:at], binary.BigEndian.Uint64(key[at:]), nil
}

// Bounds returns the range as one half-open interval of keys: start ≤ key <
// end, where an empty end means no upper bound. The result may share memory
// with r. The interval is empty when end is not empty and start ≥ end.
func (r Range) Bounds() (start, end []byte) {
	start, end = r.Start, r.End
	if bytes.Compare(start, r.Prefix) < 0 {
		start = r.Prefix
	}
	if above := PrefixEnd(r.Prefix); above != nil && (len(end) == 0 || bytes.Compare(above, end) < 0) {
		end = above
	}
	return start, end
}
