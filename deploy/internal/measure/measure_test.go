package measure

import (
	"testing"
	"time"
)

func TestPercentilesAreThoseOfTheNearestRank(t *testing.T) {
	t.Parallel()
	var took []time.Duration
	for i := 200; i > 0; i-- {
		took = append(took, time.Duration(i))
	}
	for _, test := range []struct {
		took    []time.Duration
		percent int
		want    time.Duration
	}{
		{took, 50, 100}, {took, 99, 198}, {took, 100, 200}, {took, 0, 1}, {[]time.Duration{7}, 99, 7}, {[]time.Duration{7}, 1, 7}, {nil, 50, 0},
	} {
		if got := Percentile(test.took, test.percent); got != test.want {
			t.Errorf("the %d %% of %d times is %d, want %d", test.percent, len(test.took), got, test.want)
		}
	}
}
