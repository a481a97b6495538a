package grpcserver

import (
	"context"
	"net"

	"google.golang.org/grpc/peer"

	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/ratelimit"
)

// Limits are the calls a second that one source may make; up to twice as many may come at once. Zero means no limit. They
// hold for one replica.
type Limits struct {
	// PerAddress counts before it is known who calls.
	PerAddress float64
	// PerCaller counts by organization and client.
	PerCaller float64
}

type limiter struct {
	addresses, callers *ratelimit.Buckets
}

func newLimiter(l Limits) *limiter {
	return &limiter{addresses: ratelimit.New(l.PerAddress), callers: ratelimit.New(l.PerCaller)}
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
	return l.addresses.Take(host)
}

func (l *limiter) caller(ctx context.Context) error {
	p := access.PrincipalFrom(ctx)
	if p == nil || l.callers == nil {
		return nil
	}
	return l.callers.Take(p.GetOrganizationId() + "\x00" + p.GetClientId())
}
