// Package okr holds the rules about objectives and key results: what a valid state is, how one follows from another,
// and what a caller may see of it. The generated messages are its types; it does no I/O and knows no clock.
//
// What is stored of an objective follows from its changes alone. What follows from the day as well, or from other fields,
// is derived when it is read, see [Derive].
//
// No function here changes a message that it was given. Results may share parts with their arguments, so a message
// that was passed in or came out is read-only from then on, except where a comment says that the result is fresh.
package okr

import (
	"slices"
	"strings"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// MaxKeyResults is how many key results an objective can hold. Together with the limits of their texts it keeps an
// objective small enough to be read and written as one document.
const MaxKeyResults = 250

// MaxAttainment is the attainment, in percent, of a key result that was reached. The least is 0.
const MaxAttainment = 100

// A FieldError says that a field of a request breaks a rule.
type FieldError struct {
	// Field is the path of the field, relative to the message that the function was given.
	Field string
	// Description is for people and completes the sentence that starts with the field's name.
	Description string
	// Rule names the rule for programs, such as "update_mask.unknown".
	Rule string
}

// Error returns the field with the description.
func (e *FieldError) Error() string { return e.Field + ": " + e.Description }

// FindKeyResult is the objective's key result with this id, or nil.
func FindKeyResult(o *okrv1.Objective, id string) *okrv1.KeyResult {
	if at, found := search(o, id); found {
		return o.GetKeyResults()[at]
	}
	return nil
}

// WithKeyResult returns a copy of the objective in which the key result stands at its place in the order of ids,
// instead of the one with its id if there is one.
func WithKeyResult(o *okrv1.Objective, k *okrv1.KeyResult) *okrv1.Objective {
	at, found := search(o, k.GetId())
	all := slices.Clone(o.GetKeyResults())
	if found {
		all[at] = k
	} else {
		all = slices.Insert(all, at, k)
	}
	result := Copy(o)
	result.KeyResults = all
	return result
}

// WithoutKeyResult returns a copy of the objective without the key result of this id.
func WithoutKeyResult(o *okrv1.Objective, id string) *okrv1.Objective {
	result := Copy(o)
	if at, found := search(o, id); found {
		result.KeyResults = slices.Delete(slices.Clone(o.GetKeyResults()), at, at+1)
	}
	return result
}

// search finds a key result by its id; an objective keeps them in the order of ids, which is that of creation.
func search(o *okrv1.Objective, id string) (at int, found bool) {
	return slices.BinarySearchFunc(o.GetKeyResults(), id, func(k *okrv1.KeyResult, id string) int {
		return strings.Compare(k.GetId(), id)
	})
}

// OwnFields returns a copy of the objective with neither key results nor what is derived from them.
func OwnFields(o *okrv1.Objective) *okrv1.Objective {
	if o == nil {
		return nil
	}
	result := Copy(o)
	result.KeyResults = nil
	result.Progress, result.ExpectedProgress = nil, nil
	return result
}
