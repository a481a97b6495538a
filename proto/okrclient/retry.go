package okrclient

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
)

const (
	firstDelay = 100 * time.Millisecond
	// maxDelay bounds the growth of the delay, and so how long a server is back before a call notices; a server that asks for
	// more gets more.
	maxDelay = 2 * time.Second

	// All calls of a client send again out of one budget: each repeat costs one, budgetSize are there at first and at most,
	// and a success gives back a tenth, as in gRPC's own retry throttling (proposal A6). That gives a call up when too much
	// fails. Here its repeat waits instead, for its deadline is what ends it, and budgetRate come back each second: however
	// many calls wait for a server that is down, it is asked no more often than that beside what is new.
	budgetSize   = 10
	budgetRefill = 0.1
	budgetRate   = 10
)

// retrier decides whether and when a call is sent again.
type retrier struct {
	// maxAttempts is how often a call is sent at most; 0 is as often as its deadline allows.
	maxAttempts int
	// sleep waits, or ends with the context's error.
	sleep func(context.Context, time.Duration) error

	mu     sync.Mutex
	budget float64
	// counted is when the budget was that.
	counted time.Time
}

// attempts is what became of one call so far.
type attempts struct {
	// sent is how often it was sent, and waited how often it waited: a repeat may find the budget empty.
	sent, waited int
}

func newRetrier(maxAttempts int) *retrier {
	return &retrier{maxAttempts: maxAttempts, sleep: sleep, budget: budgetSize, counted: time.Now()}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// succeeded gives back to the budget.
func (r *retrier) succeeded() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.budget = min(budgetSize, r.budget+budgetRefill)
}

// spend takes a repeat out of the budget, and reports whether there was one.
func (r *retrier) spend() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.budget = min(budgetSize, r.budget+budgetRate*now.Sub(r.counted).Seconds())
	r.counted = now
	if r.budget < 1 {
		return false
	}
	r.budget--
	return true
}

// again reports whether a call that has failed may be sent once more, and waits until it is time for it.
func (r *retrier) again(ctx context.Context, a *attempts, err error) bool {
	if !passing(err) || a.sent == r.maxAttempts {
		return false
	}
	for {
		a.waited++
		delay := delayAfter(a.waited, err)
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < delay {
			return false // the caller learns now what waiting would not change
		}
		if r.sleep(ctx, delay) != nil {
			return false
		}
		if r.spend() {
			return true
		}
	}
}

// passing reports whether a failure passes by itself: the server could not be reached, is stopping, does not reach what it
// needs or could not establish who calls, or said when to come back.
func passing(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case codes.Unavailable:
		return e.ReasonName == "" || e.Reason == accessv1.ErrorReason_ERROR_REASON_SERVICE_UNAVAILABLE ||
			e.Reason == accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE
	case codes.ResourceExhausted:
		return e.Reason == accessv1.ErrorReason_ERROR_REASON_RATE_LIMITED && e.RetryAfter > 0
	default:
		return false
	}
}

// delayAfter is how long to wait after a number of failures in a row: it doubles, and a random half of it is left out, so
// that clients which failed together do not come back together. What the server asks for is the least.
func delayAfter(failures int, err error) time.Duration {
	delay := maxDelay
	if failures < 8 { // a shift by many more would overflow
		delay = min(maxDelay, firstDelay<<(failures-1))
	}
	delay = delay/2 + rand.N(delay/2)
	if e := (*Error)(nil); errors.As(err, &e) {
		delay = max(delay, e.RetryAfter)
	}
	return delay
}
