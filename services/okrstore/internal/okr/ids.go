package okr

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"
)

// The prefixes of ids.
const (
	ObjectivePrefix = "okr_"
	KeyResultPrefix = "kr_"
	CheckInPrefix   = "chk_"
	ProposalPrefix  = "prp_"
)

// crockford are the symbols of Douglas Crockford's base 32: no I, L, O or U, and in ASCII order, so that encoded
// numbers of one length sort as the numbers do.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// encodedLength is the number of symbols for 64 bits.
const encodedLength = 13

// randomBits is the part of an id that is not time. The other 44 bits count milliseconds until the year 2527.
const randomBits = 20

// IDs makes ids: a prefix and 64 bits in 13 symbols, first the time in milliseconds, then a random number. The ids of
// one IDs are unique and rise, also within a millisecond and when the clock is set back. Those of two may collide, so
// an id must be checked before it is used. The zero value is ready; it may be used by many goroutines.
type IDs struct {
	mu   sync.Mutex
	last uint64
}

// Next makes an id.
func (g *IDs) Next(prefix string, now time.Time) string {
	n := uint64(now.UnixMilli())<<randomBits | rand.Uint64N(1<<randomBits)
	g.mu.Lock()
	n = max(n, g.last+1)
	g.last = n
	g.mu.Unlock()
	return prefix + encode(n)
}

// Etag names the state that the change with this position in the log brought about. No two states of a resource have
// the same one, because no two changes of one history have the same position, and a history that was restored from a
// backup goes on under another epoch.
func Etag(epoch string, seq int64) string {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64([]byte("etag\x00"), uint64(seq)))
	h.Write([]byte(epoch))
	return encode(binary.BigEndian.Uint64(h.Sum(nil)))
}

// ProposalsEtag names a state of an organization's proposals under an epoch: how often those about objectives, and those
// about key results, were made or decided on, and which of those that are open expires first. It says none of that.
func ProposalsEtag(epoch string, objectives, keyResults int64, first string) string {
	h := sha256.New()
	for _, n := range []int64{objectives, keyResults} {
		h.Write(binary.BigEndian.AppendUint64([]byte("proposals\x00"), uint64(n)))
	}
	h.Write([]byte(first + "\x00" + epoch))
	return encode(binary.BigEndian.Uint64(h.Sum(nil)))
}

// encode writes 64 bits as 13 symbols; the first stands for the highest four bits.
func encode(n uint64) string {
	var text [encodedLength]byte
	for i := len(text) - 1; i >= 0; i-- {
		text[i] = crockford[n&31]
		n >>= 5
	}
	return string(text[:])
}
