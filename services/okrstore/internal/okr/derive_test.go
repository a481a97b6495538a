package okr_test

import (
	"fmt"
	"math/big"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

const (
	active   = okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE
	closed   = okrv1.ObjectiveState_OBJECTIVE_STATE_CLOSED
	archived = okrv1.ObjectiveState_OBJECTIVE_STATE_ARCHIVED
)

func show(n *int32) string {
	if n == nil {
		return "absent"
	}
	return fmt.Sprint(*n)
}

func same(a, b *int32) bool { return show(a) == show(b) }

func TestProgress(t *testing.T) {
	weighted := func(k []*okrv1.KeyResult, weights ...int32) []*okrv1.KeyResult {
		for i, w := range weights {
			k[i].Weight = &w
		}
		return k
	}
	tests := map[string]struct {
		keyResults []*okrv1.KeyResult
		want       *int32
	}{
		"is absent without key results":                   {nil, nil},
		"of one key result is its attainment":             {keyResults(37), new(int32(37))},
		"rounds a half up":                                {keyResults(0, 1), new(int32(1))},
		"rounds less than a half down":                    {keyResults(0, 0, 1), new(int32(0))},
		"is 100 when every key result is at 100":          {keyResults(100, 100, 100), new(int32(100))},
		"is 99 when the mean only rounds to 100":          {keyResults(100, 100, 99), new(int32(99))},
		"is 0, and not absent, when nothing was achieved": {keyResults(0, 0), new(int32(0))},
		"counts a key result as often as it weighs":       {weighted(keyResults(0, 100), 1, 3), new(int32(75))},
		"counts a key result without a weight once":       {weighted(keyResults(0, 100, 100), 2), new(int32(50))},
		"is 99 when little that weighs little is missing": {weighted(keyResults(100, 99), 100, 1), new(int32(99))},
		"counts one without an attainment as 0":           {append(keyResults(50), &okrv1.KeyResult{Id: "kr_x"}), new(int32(25))},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := okr.Progress(test.keyResults); !same(got, test.want) {
				t.Errorf("Progress(%v) = %v, want %v", test.keyResults, show(got), show(test.want))
			}
		})
	}
}

// The property is stated in exact fractions, another way than the code computes it.
func TestProgressIsTheRoundedWeightedMeanAndHonestAt100(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := keyResults(rapid.SliceOfN(rapid.Int32Range(0, 100), 1, okr.MaxKeyResults).Draw(t, "attainments")...)
		sum, weights, done := new(big.Rat), new(big.Rat), true
		for _, k := range all {
			w := rapid.Int32Range(1, 100).Draw(t, "weight")
			k.Weight = &w
			weights.Add(weights, big.NewRat(int64(w), 1))
			sum.Add(sum, big.NewRat(int64(w)*int64(k.GetAttainment()), 1))
			done = done && k.GetAttainment() == 100
		}
		got, mean := *okr.Progress(all), new(big.Rat).Quo(sum, weights)
		if (got == 100) != done {
			t.Fatalf("progress %d, all key results at 100: %t", got, done)
		}
		low, high := new(big.Rat).Sub(mean, big.NewRat(1, 2)), new(big.Rat).Add(mean, big.NewRat(1, 2))
		if g := big.NewRat(int64(got), 1); g.Cmp(low) <= 0 && got != 99 || g.Cmp(high) > 0 {
			t.Fatalf("progress %d for the mean %s", got, mean.FloatString(3))
		}
	})
}

func TestWhatIsExpectedOfAKeyResultByADay(t *testing.T) {
	quarter := &okrv1.Objective{State: active, Cycle: "2026-Q4"} // 92 days
	short := &okrv1.Objective{State: active, StartDate: "2026-11-23", DueDate: "2026-11-24"}
	one := &okrv1.Objective{State: active, StartDate: "2026-11-23", DueDate: "2026-11-23"}
	tests := map[string]struct {
		objective    *okrv1.Objective
		today        string
		metric, step *int32
	}{
		"is nothing before the first day":          {quarter, "2026-09-30", new(int32(0)), new(int32(0))},
		"is a first bit by the end of the first":   {quarter, "2026-10-01", new(int32(1)), new(int32(0))},
		"is a half by the end of half the days":    {quarter, "2026-11-15", new(int32(50)), new(int32(0))},
		"rounds half up":                           {&okrv1.Objective{State: active, StartDate: "2026-01-01", DueDate: "2026-07-19"}, "2026-01-01", new(int32(1)), new(int32(0))},
		"may round to everything before the last":  {&okrv1.Objective{State: active, Cycle: "2026"}, "2026-12-30", new(int32(100)), new(int32(0))},
		"is everything on the last day":            {quarter, "2026-12-31", new(int32(100)), new(int32(100))},
		"is everything after it":                   {quarter, "2027-06-01", new(int32(100)), new(int32(100))},
		"is a half on the first of two days":       {short, "2026-11-23", new(int32(50)), new(int32(0))},
		"is everything on the only day":            {one, "2026-11-23", new(int32(100)), new(int32(100))},
		"is not known without a period":            {&okrv1.Objective{State: active, StartDate: "2026-01-01"}, "2026-11-23", nil, nil},
		"is not known where the objective is over": {&okrv1.Objective{State: closed, Cycle: "2026"}, "2026-11-23", nil, nil},
		"is not known where it was put away":       {&okrv1.Objective{State: archived, Cycle: "2026"}, "2026-11-23", nil, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := okr.Copy(test.objective)
			o.KeyResults = []*okrv1.KeyResult{{Id: "kr_1", Kind: metric}, {Id: "kr_2", Kind: milestone, Weight: new(int32(3))}}
			got := okr.Derive(o, day(test.today))
			for i, want := range []*int32{test.metric, test.step} {
				k := got.GetKeyResults()[i]
				if !same(k.ExpectedAttainment, want) {
					t.Errorf("a %s: %s, want %s", k.GetKind(), show(k.ExpectedAttainment), show(want))
				}
				if alone := okr.DeriveKeyResult(o, o.GetKeyResults()[i], day(test.today)); !proto.Equal(alone, k) {
					t.Errorf("alone it is %v, in its objective %v", alone, k)
				}
			}
			var want *int32
			if test.metric != nil {
				want = new((2*(*test.metric+3**test.step) + 4) / 8)
			}
			if !same(got.ExpectedProgress, want) {
				t.Errorf("of the objective: %s, want %s", show(got.ExpectedProgress), show(want))
			}
		})
	}
	t.Run("of an objective is not known without key results", func(t *testing.T) {
		if got := okr.Derive(quarter, day("2026-11-15")); got.ExpectedProgress != nil || got.Progress != nil {
			t.Errorf("it is %v", got)
		}
	})
}

func TestExpectationsNeverFallAndAreCompleteFromTheLastDayOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := okr.Day(rapid.IntRange(0, 40_000).Draw(t, "start"))
		due := start + okr.Day(rapid.IntRange(0, 1000).Draw(t, "length"))
		o := &okrv1.Objective{State: active, StartDate: start.String(), DueDate: due.String()}
		of := func(kind okrv1.KeyResultKind, d okr.Day) int32 {
			return okr.DeriveKeyResult(o, &okrv1.KeyResult{Kind: kind}, d).GetExpectedAttainment()
		}
		today := start + okr.Day(rapid.IntRange(-10, 1010).Draw(t, "today"))
		for _, kind := range []okrv1.KeyResultKind{metric, milestone} {
			got, next := of(kind, today), of(kind, today+1)
			if got < 0 || got > next || next > 100 || today < start && got != 0 || today >= due && got != 100 {
				t.Fatalf("%s from %s to %s expects %d on %s and %d a day later", kind, start, due, got, today, next)
			}
		}
		if today >= start && today < due {
			exact := big.NewRat(100*int64(today-start+1), int64(due-start+1))
			off := new(big.Rat).Sub(big.NewRat(int64(of(metric, today)), 1), exact)
			if off.Cmp(big.NewRat(-1, 2)) <= 0 || off.Cmp(big.NewRat(1, 2)) > 0 {
				t.Fatalf("from %s to %s it expects %d on %s, exactly %s", start, due, of(metric, today), today, exact.FloatString(3))
			}
		}
	})
}

func TestAKeyResultIsStaleWhenNobodyStoodByItFor14DaysOfUTC(t *testing.T) {
	evening := time.Date(2026, 11, 1, 23, 59, 59, 0, time.UTC)
	tests := map[string]struct {
		state              okrv1.ObjectiveState
		created, checkedIn time.Time
		attainment         int32
		today              string
		want               bool
	}{
		"not 13 days after its creation":             {active, evening, time.Time{}, 40, "2026-11-14", false},
		"from the 14th day on, whatever the hour":    {active, evening, time.Time{}, 40, "2026-11-15", true},
		"not 13 days after the last check-in":        {active, evening.AddDate(-1, 0, 0), evening, 40, "2026-11-14", false},
		"from the 14th day after the check-in on":    {active, evening.AddDate(-1, 0, 0), evening, 40, "2026-11-15", true},
		"not when the target is reached":             {active, evening, evening, 100, "2027-11-15", false},
		"not when the objective is closed":           {closed, evening, evening, 40, "2027-11-15", false},
		"not when the objective is archived":         {archived, evening, evening, 40, "2027-11-15", false},
		"not when it comes from the future":          {active, evening, evening, 40, "2026-10-01", false},
		"not when nothing is known of when it began": {active, time.Time{}, time.Time{}, 40, "2026-11-15", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := &okrv1.KeyResult{Attainment: &test.attainment}
			if !test.created.IsZero() {
				k.CreateTime = timestamppb.New(test.created)
			}
			if !test.checkedIn.IsZero() {
				k.LastCheckInTime = timestamppb.New(test.checkedIn)
			}
			o := &okrv1.Objective{State: test.state, KeyResults: []*okrv1.KeyResult{k}}
			if got := okr.Derive(o, day(test.today)).GetKeyResults()[0].GetStale(); got != test.want {
				t.Errorf("stale: %t", got)
			}
		})
	}
}

func TestDerivingTwiceIsDerivingOnceAndChangesNothingThatIsStored(t *testing.T) {
	if okr.Derive(nil, 0) != nil {
		t.Error("something was derived from nothing")
	}
	rapid.Check(t, func(t *rapid.T) {
		o := drawObjective(t, "objective")
		o.State = okrv1.ObjectiveState(rapid.Int32Range(0, 3).Draw(t, "state"))
		o.Cycle = rapid.SampledFrom([]string{"", "2026", "2026-Q1"}).Draw(t, "cycle")
		before, today := proto.Clone(o), okr.DayOf(now)
		once := okr.Derive(o, today)
		if !proto.Equal(o, before) {
			t.Fatalf("the stored objective was changed to %v", o)
		}
		if twice := okr.Derive(once, today); !proto.Equal(once, twice) {
			t.Fatalf("deriving twice gives %v, once %v", twice, once)
		}
	})
}
