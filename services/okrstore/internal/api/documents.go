package api

import (
	"sync"

	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

// document is a stored objective, decoded. Calls share it, so like everything that package okr works on it is read-only.
type document struct {
	stored *okrv1.Objective
	// whole is what those see of it who may read everything, which nearly all may.
	whole *okrv1.Objective
	// size is the encoded length of whole.
	size int
}

// visible is what a caller may see of the objective, with its encoded length.
func (d *document) visible(r okr.Readable) (o *okrv1.Objective, size int) {
	if r == okr.Everything() {
		return d.whole, d.size
	}
	o = r.Objective(d.stored)
	return o, proto.Size(o)
}

// maxGenerationBytes bounds the stored values of one generation of documents. Decoded they take three times as much, so
// both generations come to 64 MiB at most.
const maxGenerationBytes = 8 << 20

// documents remembers decoded objectives: to decode them again for every call would be most of the work of a list. It
// finds them by the stored bytes themselves. So nothing can be out of date, whatever was committed, rolled back or
// restored meanwhile, and no caller gets anything but the meaning of the bytes that its own transaction read.
//
// There are two generations: when the recent one is full it takes the place of the older, which is dropped, and what is
// used of the older one moves back. That keeps what is in use almost as well as an order of use would. The zero value
// is ready; it is safe for concurrent use.
type documents struct {
	mu            sync.Mutex
	recent, older map[string]*document
	bytes         int // of the values in recent
}

// decode reads a stored objective.
func (c *documents) decode(value []byte) (*document, error) {
	if d := c.find(value); d != nil {
		return d, nil
	}
	o, err := decode(value, new(okrv1.Objective))
	if err != nil {
		return nil, err
	}
	whole := okr.Everything().Objective(o)
	d := &document{stored: o, whole: whole, size: proto.Size(whole)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(string(value), d)
	return d, nil
}

func (c *documents) find(value []byte) *document {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.recent[string(value)] // the compiler makes no copy for a lookup
	if d == nil {
		if d = c.older[string(value)]; d != nil {
			c.add(string(value), d)
		}
	}
	return d
}

// add puts a document into the recent generation. The caller holds mu.
func (c *documents) add(value string, d *document) {
	if c.recent == nil || c.bytes+len(value) > maxGenerationBytes {
		c.recent, c.older, c.bytes = make(map[string]*document), c.recent, 0
	}
	if _, there := c.recent[value]; !there {
		c.recent[value] = d
		c.bytes += len(value)
	}
}
