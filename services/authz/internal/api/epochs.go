package api

import (
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
)

// epochs dates what Stytch said about sessions, members and organizations, so that it can be declared out of date, also
// where the question is still on its way. Stytch's ids are unique over all kinds. It is safe for concurrent use.
type epochs struct {
	now atomic.Uint64
	// from holds, for each id, the epoch from which what is said about it counts again.
	from *lru.Cache[string, uint64]
}

func newEpochs() *epochs { return &epochs{from: newCache[string, uint64]()} }

// current is to be taken before asking.
func (e *epochs) current() uint64 { return e.now.Load() }

// end declares out of date whatever was asked about an id up to now.
func (e *epochs) end(id string) {
	if id != "" {
		e.from.Add(id, e.now.Add(1))
	}
}

// ended says whether what was asked about one of the ids at an epoch is out of date.
func (e *epochs) ended(at uint64, ids ...string) bool {
	for _, id := range ids {
		if from, ok := e.from.Get(id); ok && at < from {
			return true
		}
	}
	return false
}
