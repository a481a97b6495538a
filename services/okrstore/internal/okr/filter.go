package okr

import (
	"slices"
	"strings"
	"unicode"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// ObjectiveFilter says which objectives a list holds. Its conditions add up; a field that is empty is none, except that
// without states the archived ones are left out.
type ObjectiveFilter struct {
	Cycle    string
	OwnerID  string
	ParentID string
	States   []okrv1.ObjectiveState
	// Words are to be folded, see Words.
	Words []string
}

// Words splits a text into the words that a list is filtered by.
func Words(text string) []string { return strings.Fields(fold(text)) }

// Matches reports whether a list for a caller holds the objective. What the caller may not read has no say in it: else
// the list would tell of it.
func (f *ObjectiveFilter) Matches(o *okrv1.Objective, visible Readable) bool {
	switch {
	case !f.matchesState(o.GetState()),
		f.Cycle != "" && f.Cycle != o.GetCycle(),
		f.ParentID != "" && f.ParentID != o.GetParentId():
		return false
	}
	var keyResults []*okrv1.KeyResult
	if visible.KeyResults {
		keyResults = o.GetKeyResults()
	}
	return f.matchesOwner(o, keyResults) && f.matchesText(o, keyResults)
}

func (f *ObjectiveFilter) matchesState(state okrv1.ObjectiveState) bool {
	archived := state == okrv1.ObjectiveState_OBJECTIVE_STATE_ARCHIVED
	if len(f.States) == 0 {
		return !archived
	}
	return slices.ContainsFunc(f.States, func(wanted okrv1.ObjectiveState) bool {
		return wanted == state || wanted == okrv1.ObjectiveState_OBJECTIVE_STATE_UNSPECIFIED && !archived
	})
}

func (f *ObjectiveFilter) matchesOwner(o *okrv1.Objective, keyResults []*okrv1.KeyResult) bool {
	return f.OwnerID == "" || f.OwnerID == o.GetOwnerId() ||
		slices.ContainsFunc(keyResults, func(k *okrv1.KeyResult) bool { return f.OwnerID == k.GetOwnerId() })
}

func (f *ObjectiveFilter) matchesText(o *okrv1.Objective, keyResults []*okrv1.KeyResult) bool {
	if len(f.Words) == 0 {
		return true
	}
	texts := make([]string, 0, 2+len(keyResults))
	texts = append(texts, fold(o.GetTitle()), fold(o.GetDescription()))
	for _, k := range keyResults {
		texts = append(texts, fold(k.GetTitle()))
	}
	for _, word := range f.Words {
		if !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, word) }) {
			return false
		}
	}
	return true
}

// fold makes texts the same that differ in capitals alone. By way of the capital, because some letters have two small
// forms: a word in Greek ends in another sigma than it has within.
func fold(text string) string {
	return strings.Map(func(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }, text)
}

// Owners lists who owns the objective or a key result of it, each once and in order.
func Owners(o *okrv1.Objective) []string {
	var owners []string
	if id := o.GetOwnerId(); id != "" {
		owners = append(owners, id)
	}
	for _, k := range o.GetKeyResults() {
		if id := k.GetOwnerId(); id != "" {
			owners = append(owners, id)
		}
	}
	slices.Sort(owners)
	return slices.Compact(owners)
}

// Due lists the key results that a member is to report on: those of an active objective that are not reached and that
// the member owns, or that nobody owns in an objective of the member's.
func Due(o *okrv1.Objective, memberID string) []*okrv1.KeyResult {
	if o.GetState() != okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE {
		return nil
	}
	var due []*okrv1.KeyResult
	for _, k := range o.GetKeyResults() {
		owner := k.GetOwnerId()
		if owner == "" {
			owner = o.GetOwnerId()
		}
		if owner == memberID && k.GetAttainment() < MaxAttainment {
			due = append(due, k)
		}
	}
	return due
}
