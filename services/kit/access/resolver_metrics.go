package access

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// resolverCounts are what became of the questions who a credential belongs to.
type resolverCounts struct {
	remembered, answered, refused, failed atomic.Uint64
}

// note counts a question to authz. A refusal is an answer, too: it has a reason of the contract.
func (c *resolverCounts) note(err error) {
	switch {
	case err == nil:
		c.answered.Add(1)
	case isUnavailable(err):
		c.failed.Add(1)
	default:
		c.refused.Add(1)
	}
}

// isUnavailable says whether authz said nothing about the credential.
func isUnavailable(err error) bool {
	return rpcerr.InfoOf(err) == nil || rpcerr.ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE
}

// Register registers how often who is calling was remembered from before, and what authz said where it was not.
func (r *Resolver) Register(registry prometheus.Registerer) error {
	var errs []error
	for outcome, count := range map[string]*atomic.Uint64{
		"remembered": &r.counts.remembered,
		"answered":   &r.counts.answered,
		"refused":    &r.counts.refused,
		"failed":     &r.counts.failed,
	} {
		errs = append(errs, registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "okr_authentications_total",
			Help:        "Questions who a credential belongs to: remembered from before, or asked of authz, with what came of that.",
			ConstLabels: prometheus.Labels{"outcome": outcome},
		}, func() float64 { return float64(count.Load()) })))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	return nil
}
