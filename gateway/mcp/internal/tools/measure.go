package tools

import (
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// stale is the status of a key result that nobody has reported on for too long, whatever was thought of it before.
const stale = "stale"

// statusOf is how a key result stands: what was thought of its chances last, unless that is too long ago. It is "" where
// nothing was said.
func statusOf(k *okrv1.KeyResult) string {
	if k.GetStale() {
		return stale
	}
	return spell(k.GetConfidence())
}

// isPercentage says whether a key result's attainment is its value itself, so that the one says everything.
func isPercentage(k *okrv1.KeyResult) bool {
	switch k.GetKind() {
	case okrv1.KeyResultKind_KEY_RESULT_KIND_UNSPECIFIED:
		return true
	case okrv1.KeyResultKind_KEY_RESULT_KIND_METRIC:
		return k.GetFormat() == okrv1.ValueFormat_VALUE_FORMAT_PERCENT && k.GetStartValue() == "0" && k.GetTargetValue() == "100"
	}
	return false
}

func isMilestone(k *okrv1.KeyResult) bool {
	return k.GetKind() == okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE
}

// amount is a value in words, with the unit that it is in. Units are texts of members.
func amount(k *okrv1.KeyResult, value string) string {
	switch {
	case k.GetFormat() == okrv1.ValueFormat_VALUE_FORMAT_PERCENT:
		value += "%"
	case k.GetUnit() == "":
		return value
	}
	if k.GetUnit() == "" {
		return value
	}
	return value + " " + quote(k.GetUnit(), maxQuoted)
}

// measured is how far a key result has come, in words: "done", "40%", or "31%, now 12.50, target 40 "customers"".
func measured(k *okrv1.KeyResult) string {
	percent := percentOf(k.Attainment)
	switch {
	case isMilestone(k) && k.GetAttainment() == 0:
		return "not done"
	case isMilestone(k):
		return "done"
	case isPercentage(k):
		return percent
	}
	return percent + ", now " + k.GetCurrentValue() + ", target " + amount(k, k.GetTargetValue())
}
