package api

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

// document is a stored objective, decoded. Calls share it, so like everything that package okr works on it is read-only.
type document struct {
	// value is what is stored, and stored what it says.
	value  []byte
	stored *okrv1.Objective
	// latest is what the day that asked last derives from it, made for the first who asks: much of what is written is
	// replaced before. Callers of two days may undo each other's work, which only happens around midnight.
	latest atomic.Pointer[derived]
}

// derived is an objective with all that is derived from it on one day: what those see of it who may read everything,
// which nearly all may. size is its encoded length.
type derived struct {
	day   okr.Day
	whole *okrv1.Objective
	size  int
}

// on is the objective with what is derived from it on a day.
func (d *document) on(day okr.Day) *derived {
	if known := d.latest.Load(); known != nil && known.day == day {
		return known
	}
	whole := okr.Derive(d.stored, day)
	fresh := &derived{day, whole, whole.SizeVT()}
	d.latest.Store(fresh)
	return fresh
}

// visible is what a caller may see of the objective on a day, with its encoded length.
func (d *document) visible(r okr.Readable, day okr.Day) (o *okrv1.Objective, size int) {
	today := d.on(day)
	if r == okr.Everything() {
		return today.whole, today.size
	}
	o = r.Objective(today.whole)
	return o, o.SizeVT()
}

// DefaultCacheBytes is about how much memory the documents take at most, unless they are told otherwise.
const DefaultCacheBytes = 64 << 20

// bytesOfMemory is how much memory both generations together take for a byte of the stored values that one may hold:
// with what these are decoded to and what is derived from that, five and a half times as much each.
const bytesOfMemory = 11

// documents remembers decoded objectives: to decode them again for every call would be most of the work of a list, and
// a large part of a write's. It finds them by the stored bytes themselves. So nothing can be out of date, whatever was
// committed, rolled back or restored meanwhile, and no caller gets anything but the meaning of the bytes that its own
// transaction read.
//
// There are two generations: when the recent one is full it takes the place of the older, which is dropped, and what is
// used of the older one moves back. That keeps what is in use almost as well as an order of use would. The zero value
// is ready; it is safe for concurrent use.
type documents struct {
	mu            sync.Mutex
	recent, older generation
	limit         int // of bytes; 0 for what DefaultCacheBytes leaves
}

// generation holds documents by the hash of their values. Of two with the same hash it keeps the later one.
type generation struct {
	documents map[uint64]*document
	bytes     int // of their values
}

var documentSeed = maphash.MakeSeed()

func (g *generation) find(hash uint64, value []byte) *document {
	if d := g.documents[hash]; d != nil && bytes.Equal(d.value, value) {
		return d
	}
	return nil
}

func (g *generation) add(hash uint64, d *document) {
	if earlier := g.documents[hash]; earlier != nil {
		g.bytes -= len(earlier.value)
	}
	if g.documents == nil {
		g.documents = make(map[uint64]*document)
	}
	g.documents[hash] = d
	g.bytes += len(d.value)
}

func (c *documents) maxBytes() int {
	if c.limit == 0 {
		return DefaultCacheBytes / bytesOfMemory
	}
	return c.limit
}

// decode reads a stored objective, which may be lent.
func (c *documents) decode(value []byte) (*document, error) {
	hash := maphash.Bytes(documentSeed, value)
	if d := c.find(hash, value); d != nil {
		return d, nil
	}
	o, err := decode(value, new(okrv1.Objective))
	if err != nil {
		return nil, err
	}
	d := &document{value: bytes.Clone(value), stored: o}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(hash, d)
	return d, nil
}

// encoded remembers an objective for whoever reads what it was just encoded to, which is not changed any more. If the
// transaction fails, nobody does.
func (c *documents) encoded(value []byte, o *okrv1.Objective) {
	hash := maphash.Bytes(documentSeed, value)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(hash, &document{value: value, stored: o})
}

func (c *documents) find(hash uint64, value []byte) *document {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.recent.find(hash, value)
	if d == nil {
		if d = c.older.find(hash, value); d != nil {
			c.add(hash, d)
		}
	}
	return d
}

// add puts a document into the recent generation. The caller holds mu.
func (c *documents) add(hash uint64, d *document) {
	if c.recent.find(hash, d.value) != nil {
		return
	}
	if c.recent.bytes+len(d.value) > c.maxBytes() {
		c.recent, c.older = generation{}, c.recent
	}
	c.recent.add(hash, d)
}
