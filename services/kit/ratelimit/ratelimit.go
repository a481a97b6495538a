// Package ratelimit bounds how often each of many sources may do something.
package ratelimit

import (
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// sources bounds how many are remembered; who is forgotten starts afresh.
const sources = 10_000

// Buckets holds one token bucket for each source, in this process. It is safe for concurrent use. Nil limits nobody.
type Buckets struct {
	perSecond float64
	refused   atomic.Uint64
	byKey     *lru.Cache[string, *rate.Limiter]
}

// New makes buckets that give so many tokens a second and hold twice as many; nil when that is not above zero.
func New(perSecond float64) *Buckets {
	if perSecond <= 0 {
		return nil
	}
	byKey, err := lru.New[string, *rate.Limiter](sources)
	if err != nil { // only for a size below 1
		panic(err)
	}
	return &Buckets{perSecond: perSecond, byKey: byKey}
}

// Take takes a token of a source. Where there is none it answers RATE_LIMITED, and says when to come back.
func (b *Buckets) Take(source string) error {
	if b == nil {
		return nil
	}
	bucket, ok := b.byKey.Get(source)
	if !ok {
		bucket = rate.NewLimiter(rate.Limit(b.perSecond), max(1, int(2*b.perSecond)))
		if earlier, raced, _ := b.byKey.PeekOrAdd(source, bucket); raced {
			bucket = earlier
		}
	}
	if bucket.Allow() {
		return nil
	}
	b.refused.Add(1)
	wait := time.Duration(float64(time.Second) / b.perSecond)
	return rpcerr.New(codes.ResourceExhausted, accessv1.ErrorReason_ERROR_REASON_RATE_LIMITED, "too many calls").
		RetryAfter(wait)
}

// Metric counts what a limit has refused, whose name says what it goes by. It is 0 for ever where buckets is nil.
func Metric(limit string, buckets *Buckets) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name:        "okr_rate_limited_total",
		Help:        "Calls that a rate limit refused.",
		ConstLabels: prometheus.Labels{"limit": limit},
	}, func() float64 {
		if buckets == nil {
			return 0
		}
		return float64(buckets.refused.Load())
	})
}
