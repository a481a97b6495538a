package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"text/tabwriter"
	"time"
)

// Config says how long to measure.
type Config struct {
	// Round is how long one round of one figure takes; there are 21 of the system and 21 of its floor.
	Round time.Duration `env:"OKR_BENCH_ROUND" envDefault:"150ms"`
	// Only measures the figures whose name contains it.
	Only string `env:"OKR_BENCH_ONLY"`
	// Profile is a file to write a CPU profile to.
	Profile string `env:"OKR_BENCH_PROFILE"`
}

// Selects says whether the figures of a name are to be measured.
func (c Config) Selects(name string) bool { return strings.Contains(name, c.Only) }

// Run measures figures and writes a table of them. Each is asked for when the one before it has been measured: what only
// that one needed can be gone, so that it takes neither time nor memory from what is measured next. An error in place of a
// figure ends the run.
func Run(ctx context.Context, cfg Config, w io.Writer, figures iter.Seq2[Figure, error]) (err error) {
	stop, err := Profile(cfg.Profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	var results []result
	for figure, err := range figures {
		if err != nil {
			return err
		}
		if !cfg.Selects(figure.Name) {
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

// Profile writes a CPU profile of this process to a file until stop is called; without a file's name it does nothing.
func Profile(file string) (stop func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	profile, err := os.Create(file)
	if err != nil {
		return nil, fmt.Errorf("making the profile: %w", err)
	}
	if err := pprof.StartCPUProfile(profile); err != nil {
		return nil, errors.Join(fmt.Errorf("profiling: %w", err), profile.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return profile.Close()
	}, nil
}

// All are figures that are all ready.
func All(figures []Figure) iter.Seq2[Figure, error] {
	return func(yield func(Figure, error) bool) {
		for _, figure := range figures {
			if !yield(figure, nil) {
				return
			}
		}
	}
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
