// Package measure compares the running system with its floors: the least that the same bytes cost on the same machine in
// the same run. What it answers are ratios; times of different runs or machines say nothing.
package measure

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Operation is one call of what is measured; caller tells concurrent callers apart.
type Operation func(ctx context.Context, caller int) error

// Throughput calls an operation from so many callers, each waiting for its answer before the next call, and answers the
// calls a second.
func Throughput(ctx context.Context, callers int, d time.Duration, op Operation) (float64, error) {
	rate, _, err := Sample(ctx, callers, d, op)
	return rate, err
}

// Sample is Throughput, and answers also how long each call took.
func Sample(ctx context.Context, callers int, d time.Duration, op Operation) (rate float64, took []time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	each := make([][]time.Duration, callers)
	var wait sync.WaitGroup
	start := time.Now()
	for caller := range callers {
		wait.Go(func() {
			for begun := start; begun.Sub(start) < d && ctx.Err() == nil; {
				if err := op(ctx, caller); err != nil {
					cancel(err)
					return
				}
				now := time.Now()
				each[caller] = append(each[caller], now.Sub(begun))
				begun = now
			}
		})
	}
	wait.Wait()
	if err := context.Cause(ctx); err != nil {
		return 0, nil, err
	}
	took = slices.Concat(each...)
	return float64(len(took)) / time.Since(start).Seconds(), took, nil
}

// Percentile is the time within which so many percent of the calls were answered, by nearest rank; 0 where there are none.
// It sorts them.
func Percentile(took []time.Duration, percent int) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[max(0, (len(took)*percent+99)/100-1)]
}

// Figure is one row of the result: the system beside a floor.
type Figure struct {
	Name    string
	Callers int
	System  Operation
	Floor   Operation
	// FloorName says what the floor is.
	FloorName string
	// FloorGroup is how many of the system's calls one call of the floor stands for; it is then called by one caller. 0
	// for a floor that is called like the system.
	FloorGroup int
	// Least is the ratio that is asked for; 0 for none.
	Least float64
}

// result is a measured figure.
type result struct {
	Figure
	systemRate, floorRate, ratio float64
	// p50 and p99 are of all the system's calls that were counted.
	p50, p99 time.Duration
}

// rounds are short and take turns between system and floor, so that a disturbance of the machine hits both; and many, so
// that one which hits only one of them is not the median.
const rounds = 20

func measure(ctx context.Context, f Figure, d time.Duration) (result, error) {
	var systems, floors, ratios []float64
	var all []time.Duration
	for round := range rounds + 1 {
		floorCallers := f.Callers
		if f.FloorGroup > 0 {
			floorCallers = 1
		}
		floor, err := Throughput(ctx, floorCallers, d, f.Floor)
		if err != nil {
			return result{}, fmt.Errorf("%s, floor: %w", f.Name, err)
		}
		floor *= float64(max(1, f.FloorGroup))
		system, took, err := Sample(ctx, f.Callers, d, f.System)
		if err != nil {
			return result{}, fmt.Errorf("%s: %w", f.Name, err)
		}
		if round == 0 {
			continue // warms both up
		}
		systems, floors, ratios = append(systems, system), append(floors, floor), append(ratios, system/floor)
		all = append(all, took...)
	}
	return result{f, median(systems), median(floors), median(ratios), Percentile(all, 50), Percentile(all, 99)}, nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
