package ratelimit_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/df0f9dda/okr-manager/services/kit/ratelimit"
)

func TestWhatIsRefusedIsCounted(t *testing.T) {
	buckets := ratelimit.New(0.001)
	if err := buckets.Take("one"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if buckets.Take("one") == nil {
			t.Error("there is no limit")
		}
	}
	for limit, want := range map[string]string{"caller": "2", "address": "0"} {
		counted := buckets
		if limit == "address" {
			counted = nil // no limit
		}
		err := testutil.CollectAndCompare(ratelimit.Metric(limit, counted), strings.NewReader(
			"# HELP okr_rate_limited_total Calls that a rate limit refused.\n# TYPE okr_rate_limited_total counter\n"+
				`okr_rate_limited_total{limit="`+limit+`"} `+want+"\n"))
		if err != nil {
			t.Error(err)
		}
	}
}
