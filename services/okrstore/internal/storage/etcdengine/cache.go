package etcdengine

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/overlay"
)

// Each Get of a transaction would be a call over the network, and most ask for
// what was read or written a moment ago. So values are kept, for as long as the
// head of their organization is the one that they were read under. Whether it
// is, is asked with every View and checked with every commit: nothing that was
// kept is answered on trust.
const (
	maxCaches     = 128
	maxCacheBytes = 512 << 10
	// maxCachedValue leaves room for others beside it.
	maxCachedValue = maxCacheBytes / 4
	// cachedOverhead is about what an entry costs beside its key and value.
	cachedOverhead = 64
	// maxPositionAge is how long an Update relies on a position without asking.
	// It must be shorter than etcd keeps its history, so that the reads succeed.
	maxPositionAge = 10 * time.Second
)

// caches holds those of the organizations that were used last.
type caches struct {
	recent *lru.Cache[string, *cache]
}

func newCaches() *caches {
	recent, err := lru.New[string, *cache](maxCaches)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &caches{recent}
}

// of returns the cache of an organization.
func (c *caches) of(organization string) *cache {
	if known, ok := c.recent.Get(organization); ok {
		return known
	}
	fresh := new(cache)
	if known, ok, _ := c.recent.PeekOrAdd(organization, fresh); ok {
		return known
	}
	return fresh
}

// outdated forgets a position that is older than a commit which was seen.
func (c *caches) outdated(organization string, written int64) {
	if known, ok := c.recent.Peek(organization); ok {
		known.outdated(written)
	}
}

// cache is what is known of one organization. The zero value knows nothing.
type cache struct {
	mu     sync.Mutex
	at     position
	values map[string]cached
	bytes  int
}

// cached is a value, or that there is none.
type cached struct {
	value []byte
	found bool
}

// position returns one that was the newest a short time ago.
func (c *cache) position() (position, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at, c.at.revision > 0 && time.Since(c.at.read) < maxPositionAge
}

// adopt goes on to a position that was read.
func (c *cache) adopt(p position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.revision <= c.at.revision {
		return
	}
	if p.written != c.at.written {
		c.clear()
	}
	c.at = p
}

// outdated forgets what was before a commit.
func (c *cache) outdated(written int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.revision > 0 && c.at.written < written && c.at.revision < written {
		c.at = position{}
		c.clear()
	}
}

// forget forgets everything.
func (c *cache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = position{}
	c.clear()
}

// advance goes on from a state to the one that a commit of writes made of it.
func (c *cache) advance(from, to position, writes *overlay.Writes) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to.revision <= c.at.revision {
		return
	}
	if c.at.written != from.written {
		c.clear()
	}
	c.at = to
	for w := range writes.All() {
		c.set(string(w.Key), cached{w.Value, !w.Deleted})
	}
}

// get returns what a key has in a state.
func (c *cache) get(written int64, key []byte) (cached, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.revision == 0 || c.at.written != written {
		return cached{}, false
	}
	known, ok := c.values[string(key)]
	return known, ok
}

// put keeps what a key has in a state. The value is not changed by anybody.
func (c *cache) put(written int64, key []byte, what cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.revision > 0 && c.at.written == written {
		c.set(string(key), what)
	}
}

func (c *cache) set(key string, what cached) {
	if old, ok := c.values[key]; ok {
		c.bytes -= len(key) + len(old.value) + cachedOverhead
		delete(c.values, key)
	}
	if len(what.value) > maxCachedValue {
		return
	}
	size := len(key) + len(what.value) + cachedOverhead
	if c.bytes+size > maxCacheBytes {
		c.clear()
	}
	if c.values == nil {
		c.values = make(map[string]cached)
	}
	c.values[key] = what
	c.bytes += size
}

func (c *cache) clear() { c.values, c.bytes = nil, 0 }
