package okr

import (
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// StaleDays is after how many days without a check-in what a key result says is old.
const StaleDays = 14

// Progress is the weighted mean of the attainments in percent, rounded half up, and 100 only when every key result is at
// 100. It is nil without key results. A key result without an attainment counts as 0, one without a weight once.
func Progress(keyResults []*okrv1.KeyResult) *int32 {
	var sum, weights int64
	for _, k := range keyResults {
		sum += weightOf(k) * int64(k.GetAttainment())
		weights += weightOf(k)
	}
	if weights == 0 {
		return nil
	}
	progress := roundedMean(sum, weights)
	if progress >= MaxAttainment && sum < MaxAttainment*weights {
		progress = MaxAttainment - 1
	}
	return &progress
}

func weightOf(k *okrv1.KeyResult) int64 {
	if k.Weight == nil {
		return 1
	}
	return int64(k.GetWeight())
}

// WithProgress returns a copy of the objective that has its progress.
func WithProgress(o *okrv1.Objective) *okrv1.Objective {
	if o == nil {
		return nil
	}
	result := Copy(o)
	result.Progress = Progress(o.GetKeyResults())
	return result
}

// Derive returns a copy of an objective with what is derived from the rest of it and from the day, and never stored: its
// period, its progress, how far it should have come, and the same of its key results.
func Derive(o *okrv1.Objective, today Day) *okrv1.Objective {
	if o == nil {
		return nil
	}
	result := WithProgress(o)
	result.Period = periodOf(o)
	d := deriving(o, today)
	var sum, weights int64
	if n := len(o.GetKeyResults()); n > 0 {
		result.KeyResults = make([]*okrv1.KeyResult, n)
	}
	for i, k := range o.GetKeyResults() {
		result.KeyResults[i] = d.keyResult(k)
		sum += weightOf(k) * int64(d.expected(k))
		weights += weightOf(k)
	}
	result.ExpectedProgress = nil
	if d.expects && weights > 0 {
		result.ExpectedProgress = new(roundedMean(sum, weights))
	}
	return result
}

// DeriveKeyResult returns a key result of the objective with what [Derive] gives it.
func DeriveKeyResult(o *okrv1.Objective, k *okrv1.KeyResult, today Day) *okrv1.KeyResult {
	return deriving(o, today).keyResult(k)
}

// derivation is what the key results of one objective derive from it and from the day.
type derivation struct {
	today   Day
	active  bool
	expects bool // whether it says how far they should have come
	span    span
}

func deriving(o *okrv1.Objective, today Day) derivation {
	d := derivation{today: today, active: o.GetState() == okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE}
	var known bool
	d.span, known = spanOf(o)
	d.expects = known && d.active
	return d
}

// keyResult returns the key result itself where it derives nothing.
func (d derivation) keyResult(k *okrv1.KeyResult) *okrv1.KeyResult {
	stale := d.stale(k)
	if !stale && !d.expects {
		return k
	}
	result := Copy(k)
	result.Stale = stale
	if d.expects {
		result.ExpectedAttainment = new(d.expected(k))
	}
	return result
}

// expected is how far a key result should have come. A milestone is not expected before the last day.
func (d derivation) expected(k *okrv1.KeyResult) int32 {
	if k.GetKind() == okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE && d.today < d.span.due {
		return 0
	}
	return d.span.passed(d.today)
}

func (d derivation) stale(k *okrv1.KeyResult) bool {
	last := k.GetLastCheckInTime()
	if last == nil {
		last = k.GetCreateTime()
	}
	return d.active && k.GetAttainment() < MaxAttainment && last != nil && d.today-DayOf(last.AsTime()) >= StaleDays
}
