package tools

import (
	"strconv"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// maxChanged is how many characters of a text a change shows, and maxNote how many of a check-in's note. The whole stands
// in the objective or key result, or with whoever wrote it.
const maxChanged, maxNote = 120, 400

// changeOf is a change in short. name names the members that are owners; who did it has the name of that time.
func changeOf(c *okrv1.Change, name func(string) string) listedChange {
	entry := listedChange{
		Time: instant(c.GetCreateTime()), Who: nameOf(c.GetActor()), Via: spell(c.GetVia().GetSurface()), Client: clientOf(c.GetVia()),
		Kind: spell(c.GetKind()), Note: cut(c.GetCheckIn().GetNote(), maxNote),
		ProposedBy: nameOf(c.GetProposal().GetProposer()),
	}
	subject := c.GetAfter()
	if subject == nil {
		subject = c.GetBefore()
	}
	var before, after []fieldValue
	if k := subject.GetKeyResult(); k != nil {
		entry.OkrID, entry.KeyResultID, entry.Title = k.GetObjectiveId(), k.GetId(), k.GetTitle()
		before, after = keyResultValues(c.GetBefore().GetKeyResult(), name), keyResultValues(c.GetAfter().GetKeyResult(), name)
	} else {
		o := subject.GetObjective()
		entry.OkrID, entry.Title = o.GetId(), o.GetTitle()
		before, after = objectiveValues(c.GetBefore().GetObjective(), name), objectiveValues(c.GetAfter().GetObjective(), name)
	}
	if c.GetBefore() == nil || c.GetAfter() == nil { // everything or nothing
		return entry
	}
	for i := range after {
		if before[i] != after[i] {
			entry.Changed = append(entry.Changed, changedField{after[i].name, cut(before[i].value, maxChanged), cut(after[i].value, maxChanged)})
		}
	}
	return entry
}

// clientOf is the name of the application that acted, or the id where it gave none.
func clientOf(v *okrv1.Via) string {
	if v.GetClientName() != "" {
		return v.GetClientName()
	}
	return v.GetClientId()
}

// fieldValue is a field as tools call it, in words.
type fieldValue struct{ name, value string }

// objectiveValues are the fields of an objective that members and agents change, always the same in the same order.
func objectiveValues(o *okrv1.Objective, name func(string) string) []fieldValue {
	return []fieldValue{
		{"objectiveText", o.GetTitle()},
		{"description", o.GetDescription()},
		{"owner", name(o.GetOwnerId())},
		{"cycle", o.GetCycle()},
		{"startDate", o.GetStartDate()},
		{"dueDate", o.GetDueDate()},
		{"parent", o.GetParentId()},
		{"state", spell(o.GetState())},
		{"score", o.GetScore()},
		{"closingNote", o.GetClosingNote()},
	}
}

// keyResultValues is the same of a key result.
func keyResultValues(k *okrv1.KeyResult, name func(string) string) []fieldValue {
	return []fieldValue{
		{"keyResultText", k.GetTitle()},
		{"value", k.GetCurrentValue()},
		{"attainment", strconv.Itoa(int(k.GetAttainment()))},
		{"confidence", spell(k.GetConfidence())},
		{"owner", name(k.GetOwnerId())},
		{"startValue", k.GetStartValue()},
		{"targetValue", k.GetTargetValue()},
		{"unit", k.GetUnit()},
		{"format", spell(k.GetFormat())},
		{"weight", strconv.Itoa(int(k.GetWeight()))},
	}
}

// cut is the beginning of a text, as it is: the structured answer is for programs.
func cut(text string, limit int) string {
	count := 0
	for i := range text {
		if count == limit {
			return text[:i] + "…"
		}
		count++
	}
	return text
}
