package okr

import (
	"strings"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// The values of a key result that goes from nothing to everything, which is every milestone and each that was made
// without saying more.
const (
	valueNone = "0"
	valueAll  = "100"
)

// attainmentOf is how far a key result has come, in percent.
func attainmentOf(k *okrv1.KeyResult) int32 {
	return percentOfWay(parseDecimal(k.GetStartValue()), parseDecimal(k.GetCurrentValue()), parseDecimal(k.GetTargetValue()))
}

// NewKeyResult returns a fresh key result at its start, from the fields that a caller can set and with what the server
// chooses where the caller says nothing. It returns a [*FieldError] when the fields do not go together.
func NewKeyResult(given *okrv1.KeyResult) (*okrv1.KeyResult, error) {
	k := Copy(given)
	if err := measure(k); err != nil {
		return nil, err
	}
	k.CurrentValue = k.GetStartValue()
	k.Attainment = new(attainmentOf(k))
	return k, nil
}

// ReviseKeyResult returns what becomes of a key result when an update has been merged into it: with what the server
// chooses where the update emptied a field, and with the attainment that follows from the new start and target. A key
// result that has never been reported on moves with its start. It returns a [*FieldError] when the fields do not go
// together, or when the update would change the kind.
func ReviseKeyResult(current, merged *okrv1.KeyResult) (*okrv1.KeyResult, error) {
	k := Copy(merged)
	switch k.GetKind() {
	case okrv1.KeyResultKind_KEY_RESULT_KIND_UNSPECIFIED: // a wildcard without it: nobody asks for another kind
		k.Kind = current.GetKind()
	case current.GetKind():
	default:
		return nil, &FieldError{
			Field:       "kind",
			Description: "cannot be changed: make another key result instead",
			Rule:        "kind.immutable",
		}
	}
	if err := measure(k); err != nil {
		return nil, err
	}
	if current.GetCheckInCount() == 0 && sameValue(current.GetCurrentValue(), current.GetStartValue()) {
		k.CurrentValue = k.GetStartValue()
	}
	k.Attainment = new(attainmentOf(k))
	return k, nil
}

// measure fills in how a fresh key result is measured where that is empty, and checks it as a whole.
func measure(k *okrv1.KeyResult) error {
	if err := cleanValue(&k.StartValue, "start_value"); err != nil {
		return err
	}
	if err := cleanValue(&k.TargetValue, "target_value"); err != nil {
		return err
	}
	fillMeasure(k)
	if k.GetKind() == okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE {
		if !sameValue(k.GetStartValue(), valueNone) {
			return &FieldError{Field: "start_value", Description: `must be "0" for a milestone`, Rule: "milestone.start_value"}
		}
		if !sameValue(k.GetTargetValue(), valueAll) {
			return &FieldError{Field: "target_value", Description: `must be "100" for a milestone`, Rule: "milestone.target_value"}
		}
		k.StartValue, k.TargetValue = valueNone, valueAll
	}
	if sameValue(k.GetStartValue(), k.GetTargetValue()) {
		return &FieldError{Field: "target_value", Description: "must differ from start_value", Rule: "target_value.differs"}
	}
	if k.GetFormat() == okrv1.ValueFormat_VALUE_FORMAT_CURRENCY && !isCurrencyCode(k.GetUnit()) {
		return &FieldError{
			Field:       "unit",
			Description: `must be an ISO 4217 code such as "EUR" where the format is CURRENCY`,
			Rule:        "unit.currency",
		}
	}
	return nil
}

// fillMeasure fills in how a fresh key result is measured where that is empty.
func fillMeasure(k *okrv1.KeyResult) {
	if k.GetKind() == okrv1.KeyResultKind_KEY_RESULT_KIND_UNSPECIFIED {
		k.Kind = okrv1.KeyResultKind_KEY_RESULT_KIND_METRIC
	}
	if k.GetStartValue() == "" {
		k.StartValue = valueNone
	}
	if k.GetTargetValue() == "" {
		k.TargetValue = valueAll
	}
	if k.GetFormat() == okrv1.ValueFormat_VALUE_FORMAT_UNSPECIFIED {
		k.Format = okrv1.ValueFormat_VALUE_FORMAT_NUMBER
		if fromNoneToAll(k) && k.GetUnit() == "" {
			k.Format = okrv1.ValueFormat_VALUE_FORMAT_PERCENT
		}
	}
	if k.Weight == nil {
		k.Weight = new(int32(1))
	}
}

// cleanValue brings a decimal number in a fresh message into the form in which it is kept. It may be empty.
func cleanValue(value *string, field string) error {
	if *value == "" {
		return nil
	}
	clean, ok := canonical(*value)
	if !ok {
		return &FieldError{
			Field:       field,
			Description: `must be a decimal number such as "-12.50", of at most 18 digits`,
			Rule:        "decimal",
		}
	}
	*value = clean
	return nil
}

func fromNoneToAll(k *okrv1.KeyResult) bool {
	return sameValue(k.GetStartValue(), valueNone) && sameValue(k.GetTargetValue(), valueAll)
}

// IsPercentage reports whether the attainment of a key result is its value itself.
func IsPercentage(k *okrv1.KeyResult) bool {
	return k.GetKind() == okrv1.KeyResultKind_KEY_RESULT_KIND_METRIC &&
		k.GetFormat() == okrv1.ValueFormat_VALUE_FORMAT_PERCENT && fromNoneToAll(k)
}

// isCurrencyCode reports whether a unit has the form of ISO 4217, without which no browser formats an amount.
func isCurrencyCode(unit string) bool {
	return len(unit) == 3 && strings.Trim(unit, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
