package front

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/ratelimit"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// Rates are requests a second; up to twice as many may come at once. They hold for one replica. Zero means no limit.
type Rates struct {
	// Address is for requests without a credential that is known here, by the address that they come from.
	Address float64
	// Caller is for each member, and for each client of a member.
	Caller float64
	// Organization is for all who belong to one.
	Organization float64
}

// Validate says which rate cannot be meant, by the name of the setting for the caller's.
func (r Rates) Validate(callerSetting string) error {
	var errs []error
	for name, rate := range map[string]float64{
		"OKR_ADDRESS_RATE": r.Address, callerSetting: r.Caller, "OKR_ORGANIZATION_RATE": r.Organization,
	} {
		if !(rate >= 0) { // NaN is not, either
			errs = append(errs, errors.New(name+" must not be negative"))
		}
	}
	return errors.Join(errs...)
}

// Limiter counts requests. It is safe for concurrent use. Nil limits nobody.
type Limiter struct {
	addresses, callers, organizations *ratelimit.Buckets
}

// NewLimiter makes a limiter.
func NewLimiter(r Rates) *Limiter {
	return &Limiter{
		addresses: ratelimit.New(r.Address), callers: ratelimit.New(r.Caller), organizations: ratelimit.New(r.Organization),
	}
}

// Register makes it count in the metrics what it refuses.
func (l *Limiter) Register(registry prometheus.Registerer) error {
	err := errors.Join(
		registry.Register(ratelimit.Metric("address", l.addresses)),
		registry.Register(ratelimit.Metric("caller", l.callers)),
		registry.Register(ratelimit.Metric("organization", l.organizations)),
	)
	if err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	return nil
}

// Stranger counts a request before it is known who it comes from. Who has a credential that was found good a moment ago
// is none, so that nobody is kept out by others at the same address.
func (l *Limiter) Stranger(ctx context.Context) error {
	if l == nil {
		return nil
	}
	return l.addresses.Take(source(Client(ctx)))
}

// Caller counts a request of somebody who is known.
func (l *Limiter) Caller(p *authzv1.Principal) error {
	if l == nil {
		return nil
	}
	if err := l.callers.Take(p.GetOrganizationId() + "\x00" + p.GetMemberId() + "\x00" + p.GetClientId()); err != nil {
		return err
	}
	return l.organizations.Take(p.GetOrganizationId())
}

// source is what an address counts as: whoever has one of IPv6 has all 2^64 of its network.
func source(addr netip.Addr) string {
	if addr.Is6() {
		if network, err := addr.Prefix(64); err == nil {
			return network.String()
		}
	}
	return addr.String()
}

// busy is the answer while as many requests are running as may.
func busy() error {
	return rpcerr.New(codes.ResourceExhausted, accessv1.ErrorReason_ERROR_REASON_RATE_LIMITED,
		"the server has too much to do right now").RetryAfter(time.Second)
}
