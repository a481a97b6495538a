package httpfront

import "sync"

// limiter bounds what goes on at a time, in all and for each caller, so that one caller cannot take everybody's place.
type limiter struct {
	most, mostOfOne int

	mu  sync.Mutex
	all int
	of  map[string]int
}

func newLimiter(most, mostOfOne int) *limiter {
	return &limiter{most: most, mostOfOne: mostOfOne, of: make(map[string]int)}
}

// grant is the answer of a limiter.
type grant int

const (
	granted grant = iota
	serverFull
	callerFull
)

// take takes a place, which release gives back. It never waits: who would wait here is held better by its client.
func (l *limiter) take(caller string) (release func(), answer grant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.of[caller] >= l.mostOfOne:
		return nil, callerFull
	case l.all >= l.most:
		return nil, serverFull
	}
	l.all++
	l.of[caller]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all--
		if l.of[caller]--; l.of[caller] == 0 {
			delete(l.of, caller)
		}
	}, granted
}
