package api

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// cachedTokens bounds each cache, in entries. Refusals have a cache of their own, so that whoever sends garbage cannot
	// push out what is worth keeping.
	cachedTokens = 16 << 10
	// refusalLifetime is how long a refusal is remembered.
	refusalLifetime = 10 * time.Second
)

func newCache[K comparable, V any]() *lru.Cache[K, V] {
	cache, err := lru.New[K, V](cachedTokens)
	if err != nil { // only for a size below 1
		panic(err)
	}
	return cache
}

// refusals remembers for a short time why credentials were refused. It is safe for concurrent use.
type refusals struct {
	now     func() time.Time
	entries *lru.Cache[digest, refusal]
}

type refusal struct {
	err   error
	until time.Time
}

func newRefusals(now func() time.Time) refusals {
	return refusals{now: now, entries: newCache[digest, refusal]()}
}

// get is the error that the credential was refused with, or nil.
func (r refusals) get(key digest) error {
	entry, ok := r.entries.Get(key)
	if !ok || !r.now().Before(entry.until) {
		return nil
	}
	return entry.err
}

func (r refusals) add(key digest, err error) {
	r.entries.Add(key, refusal{err: err, until: r.now().Add(refusalLifetime)})
}
