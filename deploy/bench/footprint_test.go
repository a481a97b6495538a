package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestTheFootprintIsTheMedianBesideWhatIsAsked(t *testing.T) {
	t.Parallel()
	of := func(ready time.Duration, authz float64) start {
		return start{
			ready: ready, answered: 2 * ready,
			resident:     map[string]float64{"authz": authz, "rest": 20},
			proportional: map[string]float64{"authz": authz - 1, "rest": 20},
		}
	}
	var out strings.Builder
	if err := reportFootprint(&out, []start{of(3*time.Second, 10), of(700*time.Millisecond, 200), of(500*time.Millisecond, 150)}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"start to ready 0.70 s ≤ 1.00 s met 0.43–2.18 s to its first page",
		"resident memory, idle 170 MiB ≤ 120 MiB MISSED 156–514 MiB, 2–7 processes",
		"the same, shared pages once 169 MiB 132–450 MiB",
		"of it authz 150 MiB",
	} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), row) {
			t.Errorf("no row %q in\n%s", row, &out)
		}
	}
}

func TestTheMemoryOfAProcessIsRead(t *testing.T) {
	t.Parallel()
	resident, proportional, err := memoryOf(os.Getpid())
	if err != nil || proportional <= 1 || resident < proportional {
		t.Errorf("%f MiB resident, %f proportional, %v", resident, proportional, err)
	}
}
