package api

import "github.com/prometheus/client_golang/prometheus"

// What becomes of the question who a credential belongs to.
const (
	verdictForged      = "forged"      // the tokens themselves prove it bad
	verdictKnown       = "known"       // the last verdict serves
	verdictRefused     = "refused"     // Stytch said no, now or a moment ago
	verdictAsked       = "asked"       // Stytch said yes
	verdictStale       = "stale"       // Stytch does not answer, and the last verdict serves on
	verdictUnavailable = "unavailable" // Stytch does not answer, and there is none
)

func newVerdictCounter() *prometheus.CounterVec {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "okr_authz_verdicts_total",
		Help: "Verdicts on credentials, by where they came from.",
	}, []string{"source"})
	for _, source := range []string{verdictForged, verdictKnown, verdictRefused, verdictAsked, verdictStale, verdictUnavailable} {
		counter.WithLabelValues(source) // so that each is there from the beginning
	}
	return counter
}

// Metrics are those of the services beside their calls.
func (a *API) Metrics() []prometheus.Collector {
	return []prometheus.Collector{
		a.verdicts.counter,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "okr_authz_cached_verdicts",
			Help: "Verdicts that are kept.",
		}, func() float64 { return float64(a.verdicts.known.Len()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "okr_authz_cached_refusals",
			Help: "Refusals that are kept.",
		}, func() float64 { return float64(a.verdicts.refusals.entries.Len()) }),
	}
}

// count counts a verdict.
func (v *verdicts) count(source string) { v.counter.WithLabelValues(source).Inc() }
