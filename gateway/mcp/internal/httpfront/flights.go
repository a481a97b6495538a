package httpfront

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// errTakenBack ends a request that its client cancelled.
var errTakenBack = errors.New("the client took the request back")

// flights are the requests of older revisions that run and may be cancelled by another request. The zero value has none.
type flights struct {
	mu  sync.Mutex
	all map[flightKey][]*flight
}

// flightKey tells requests apart. Ids are the clients' own, so two programs with one credential may use the same.
type flightKey struct{ caller, session, id string }

type flight struct{ cancel context.CancelCauseFunc }

// start notes a request until land is called.
func (f *flights) start(key flightKey, cancel context.CancelCauseFunc) (land func()) {
	one := &flight{cancel}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = make(map[flightKey][]*flight)
	}
	f.all[key] = append(f.all[key], one)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		rest := slices.DeleteFunc(f.all[key], func(other *flight) bool { return other == one })
		if len(rest) == 0 {
			delete(f.all, key)
			return
		}
		f.all[key] = rest
	}
}

// cancel ends the request that is meant. Where two could be, none is: cancelling is a favour, and must not hit others.
func (f *flights) cancel(key flightKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if found := f.all[key]; len(found) == 1 {
		found[0].cancel(errTakenBack)
	}
}
