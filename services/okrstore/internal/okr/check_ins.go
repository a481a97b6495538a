package okr

import (
	"fmt"
	"strings"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// CheckIn returns what becomes of a key result by a check-in, and the check-in as it is kept: with the value that the
// key result had before and has now, and with its attainment. Both are fresh; who made it, when and through what is for
// the caller to add. given has the fields that a caller can set. It returns a [*FieldError] when the check-in says
// nothing, or something that cannot be.
func CheckIn(current *okrv1.KeyResult, given *okrv1.CheckIn) (*okrv1.KeyResult, *okrv1.CheckIn, error) {
	c := Copy(given)
	if err := cleanValue(&c.Value, "value"); err != nil {
		return nil, nil, err
	}
	if c.GetValue() == "" && c.GetConfidence() == okrv1.Confidence_CONFIDENCE_UNSPECIFIED && strings.TrimSpace(c.GetNote()) == "" {
		return nil, nil, &FieldError{Field: "value", Description: "must be there unless there is a confidence or a note", Rule: "check_in.empty"}
	}
	if c.GetValue() != "" && current.GetKind() == okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE {
		switch {
		case sameValue(c.GetValue(), valueNone):
			c.Value = valueNone
		case sameValue(c.GetValue(), valueAll):
			c.Value = valueAll
		default:
			return nil, nil, &FieldError{Field: "value", Description: `must be "0" or "100" for a milestone`, Rule: "milestone.value"}
		}
	}
	for i, e := range c.GetEvidence() {
		if at := e.GetObservedTime(); at != nil && !at.IsValid() {
			return nil, nil, &FieldError{
				Field:       fmt.Sprintf("evidence[%d].observed_time", i),
				Description: "must be a time from the year 1 to the year 9999",
				Rule:        "timestamp",
			}
		}
	}
	k := Copy(current)
	c.PreviousValue = current.GetCurrentValue()
	if c.GetValue() == "" {
		c.Value = c.GetPreviousValue()
	}
	k.CurrentValue = c.GetValue()
	k.Attainment = new(attainmentOf(k))
	c.Attainment = k.Attainment
	if c.GetConfidence() != okrv1.Confidence_CONFIDENCE_UNSPECIFIED {
		k.Confidence = c.GetConfidence()
	}
	k.CheckInCount++
	return k, c, nil
}
