package measure

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"text/tabwriter"
	"time"
)

// Config says how long to measure.
type Config struct {
	// Round is how long one round of one figure takes; there are six of the system and six of its floor.
	Round time.Duration `env:"OKR_BENCH_ROUND" envDefault:"500ms"`
	// Only measures the figures whose name contains it.
	Only string `env:"OKR_BENCH_ONLY"`
	// Profile is a file to write a CPU profile to.
	Profile string `env:"OKR_BENCH_PROFILE"`
}

// Run measures figures and writes a table of them.
func Run(ctx context.Context, cfg Config, w io.Writer, figures []Figure) error {
	if cfg.Profile != "" {
		profile, err := os.Create(cfg.Profile)
		if err != nil {
			return fmt.Errorf("making the profile: %w", err)
		}
		if err := pprof.StartCPUProfile(profile); err != nil {
			return fmt.Errorf("profiling: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	var results []result
	for _, figure := range figures {
		if !strings.Contains(figure.Name, cfg.Only) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s, %d callers\n", figure.Name, figure.Callers)
		r, err := measure(ctx, figure, cfg.Round)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	return report(w, results)
}

// short is a time in milliseconds, as exactly as anybody can tell it.
func short(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

func report(w io.Writer, results []result) error {
	fmt.Fprintf(w, "%s, %s/%s, %d cores. Medians of %d rounds; a ratio is the system's rate by its floor's.\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tcallers\tsystem/s\tp50\tp99\tfloor/s\tratio\tasked\t\tfloor")
	for _, r := range results {
		asked, verdict := "", ""
		if r.Least > 0 {
			asked, verdict = fmt.Sprintf("≥ %.2f", r.Least), "met"
			if r.ratio < r.Least {
				verdict = "MISSED"
			}
		}
		fmt.Fprintf(table, "%s\t%d\t%.0f\t%s\t%s\t%.0f\t%.2f\t%s\t%s\t%s\n",
			r.Name, r.Callers, r.systemRate, short(r.p50), short(r.p99), r.floorRate, r.ratio, asked, verdict, r.FloorName)
	}
	return table.Flush()
}
