package grpcserver

import (
	"context"
	"net"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// Limits are the calls a second that one source may make; up to twice as many may come at once. Zero means no limit. They
// hold for one replica.
type Limits struct {
	// PerAddress counts before it is known who calls.
	PerAddress float64
	// PerCaller counts by organization and client.
	PerCaller float64
}

// limitedSources bounds how many sources are remembered; who is forgotten starts afresh.
const limitedSources = 10_000

type limiter struct {
	addresses, callers *buckets
}

func newLimiter(l Limits) *limiter {
	return &limiter{addresses: newBuckets(l.PerAddress), callers: newBuckets(l.PerCaller)}
}

// buckets holds one token bucket for each source.
type buckets struct {
	perSecond float64
	byKey     *lru.Cache[string, *rate.Limiter]
}

func newBuckets(perSecond float64) *buckets {
	if perSecond <= 0 {
		return nil
	}
	byKey, err := lru.New[string, *rate.Limiter](limitedSources)
	if err != nil { // only for a size below 1
		panic(err)
	}
	return &buckets{perSecond: perSecond, byKey: byKey}
}

// take takes one call's token, or says when one will be there.
func (b *buckets) take(key string) error {
	if b == nil {
		return nil
	}
	bucket, ok := b.byKey.Get(key)
	if !ok {
		bucket = rate.NewLimiter(rate.Limit(b.perSecond), max(1, int(2*b.perSecond)))
		if earlier, raced, _ := b.byKey.PeekOrAdd(key, bucket); raced {
			bucket = earlier
		}
	}
	if bucket.Allow() {
		return nil
	}
	wait := time.Duration(float64(time.Second) / b.perSecond)
	return rpcerr.New(codes.ResourceExhausted, accessv1.ErrorReason_ERROR_REASON_RATE_LIMITED, "too many calls").
		RetryAfter(wait)
}

func (l *limiter) address(ctx context.Context) error {
	p, ok := peer.FromContext(ctx)
	if !ok || l.addresses == nil {
		return nil
	}
	host, _, err := net.SplitHostPort(p.Addr.String())
	if err != nil {
		host = p.Addr.String()
	}
	return l.addresses.take(host)
}

func (l *limiter) caller(ctx context.Context) error {
	p := access.PrincipalFrom(ctx)
	if p == nil || l.callers == nil {
		return nil
	}
	return l.callers.take(p.GetOrganizationId() + "\x00" + p.GetClientId())
}

func (c *chain) limitAddress(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if err := c.limiter.address(ctx); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (c *chain) limitAddressStream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if err := c.limiter.address(ss.Context()); err != nil {
		return err
	}
	return next(srv, ss)
}

func (c *chain) limitCaller(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if err := c.limiter.caller(ctx); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (c *chain) limitCallerStream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if err := c.limiter.caller(ss.Context()); err != nil {
		return err
	}
	return next(srv, ss)
}
