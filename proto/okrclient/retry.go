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
	// maxDelay bounds the growth of the delay; a server that asks for more gets more.
	maxDelay = 10 * time.Second

	// budgetSize and budgetRefill are those of gRPC's own retry throttling (proposal A6): a failure costs one, a success
	// gives back a tenth, and nothing is sent again while less than half is left. A server that is down is so asked little
	// more often than by clients that do not retry at all.
	budgetSize   = 10
	budgetRefill = 0.1
)

// retrier decides whether and when a call is sent again.
type retrier struct {
	maxAttempts int
	// sleep waits, or ends with the context's error.
	sleep func(context.Context, time.Duration) error

	mu     sync.Mutex
	budget float64
}

func newRetrier(maxAttempts int) *retrier {
	return &retrier{maxAttempts: maxAttempts, sleep: sleep, budget: budgetSize}
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

// spend takes a failure out of the budget, and reports whether enough is left for a retry.
func (r *retrier) spend() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.budget = max(0, r.budget-1)
	return r.budget > budgetSize/2
}

// again reports whether a call that has failed may be sent once more, and waits until it is time for it. attempts is how
// often it was sent.
func (r *retrier) again(ctx context.Context, attempts int, err error) bool {
	if !passing(err) || !r.spend() || attempts >= r.maxAttempts {
		return false
	}
	delay := delayAfter(attempts, err)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < delay {
		return false // the caller learns now what waiting would not change
	}
	return r.sleep(ctx, delay) == nil
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
	if failures < 8 {
		delay = min(maxDelay, firstDelay<<(failures-1))
	}
	delay = delay/2 + rand.N(delay/2)
	if e := (*Error)(nil); errors.As(err, &e) {
		delay = max(delay, e.RetryAfter)
	}
	return delay
}
