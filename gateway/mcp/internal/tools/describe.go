package tools

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// objective writes everything that there is to know of an objective, but for its id, which tools and resources call
// differently, and its key results. What it does not have is left out.
func (w *writer) objective(o *okrv1.Objective, name func(string) string) {
	w.text("objectiveText", o.GetTitle())
	w.textOrNothing("description", o.GetDescription())
	w.textOrNothing("state", spell(o.GetState()))
	w.textOrNothing("score", o.GetScore())
	w.textOrNothing("closingNote", o.GetClosingNote())
	w.person("owner", o.GetOwnerId(), name)
	w.textOrNothing("cycle", o.GetCycle())
	w.textOrNothing("startDate", o.GetStartDate())
	w.textOrNothing("dueDate", o.GetDueDate())
	if p := o.GetPeriod(); p != nil { // both days included
		w.object("period")
		w.text("startDate", p.GetStartDate())
		w.text("dueDate", p.GetDueDate())
		w.end()
	}
	w.textOrNothing("parent", o.GetParentId())
	w.percentOrNothing("progress", o.Progress)
	w.percentOrNothing("expectedProgress", o.ExpectedProgress)
}

// keyResult writes the same of a key result, but for its text as well.
func (w *writer) keyResult(k *okrv1.KeyResult, name func(string) string) {
	if isMilestone(k) {
		w.yes("milestone")
	}
	w.textOrNothing("startValue", k.GetStartValue())
	w.textOrNothing("targetValue", k.GetTargetValue())
	w.textOrNothing("currentValue", k.GetCurrentValue())
	w.textOrNothing("unit", k.GetUnit())
	w.textOrNothing("format", spell(k.GetFormat()))
	w.numberOrNothing("weight", k.GetWeight())
	w.number("attainment", k.GetAttainment())
	w.percentOrNothing("expectedAttainment", k.ExpectedAttainment)
	w.textOrNothing("confidence", spell(k.GetConfidence()))
	if k.GetStale() {
		w.yes("stale")
	}
	w.textOrNothing("lastCheckIn", instant(k.GetLastCheckInTime()))
	w.numberOrNothing("checkIns", k.GetCheckInCount())
	w.person("owner", k.GetOwnerId(), name)
	w.textOrNothing("reportedBy", reporter(k))
}

// person writes a member as others are shown one; nothing for nobody.
func (w *writer) person(field, id string, name func(string) string) {
	if id == "" {
		return
	}
	w.object(field)
	w.text("memberID", id)
	if known := name(id); known != id {
		w.text("name", known)
	}
	w.end()
}

// reporter is the name of the agent whose report of the current value nobody has confirmed yet, or its id where it gave no
// name; "" if there is none.
func reporter(k *okrv1.KeyResult) string {
	return clientOf(&okrv1.Via{ClientId: k.GetAgentReport().GetClientId(), ClientName: k.GetAgentReport().GetClientName()})
}

// instant is a time of RFC 3339 to the second; "" for none.
func instant(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Format(time.RFC3339)
}

// percentOf is a percentage in words. Absent counts as nothing.
func percentOf(value *int32) string {
	if value == nil {
		return "0%"
	}
	return strconv.Itoa(int(*value)) + "%"
}
