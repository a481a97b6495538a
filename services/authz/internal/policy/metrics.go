package policy

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics say how old the policy is that decisions rest on.
func (s *Snapshot) Metrics() []prometheus.Collector {
	return []prometheus.Collector{prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "okr_authz_policy_age_seconds",
		Help: "Time since the access policy was fetched; +Inf before the first time.",
	}, func() float64 {
		d := s.latest.Load()
		if d == nil {
			return math.Inf(1)
		}
		return s.cfg.Now().Sub(d.fetched).Seconds()
	})}
}
