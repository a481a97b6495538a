package tools

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// objectiveDetails is everything that there is to know of an objective, but for its id, which tools and resources call
// differently, and its key results.
type objectiveDetails struct {
	ObjectiveText    string   `json:"objectiveText"`
	Description      string   `json:"description,omitempty"`
	State            string   `json:"state,omitempty"`
	Score            string   `json:"score,omitempty"`
	ClosingNote      string   `json:"closingNote,omitempty"`
	Owner            *person  `json:"owner,omitempty"`
	Cycle            string   `json:"cycle,omitempty"`
	StartDate        string   `json:"startDate,omitempty"`
	DueDate          string   `json:"dueDate,omitempty"`
	Period           *between `json:"period,omitempty"`
	Parent           string   `json:"parent,omitempty"`
	Progress         *int32   `json:"progress,omitempty"`
	ExpectedProgress *int32   `json:"expectedProgress,omitempty"`
}

// keyResultDetails is the same of a key result.
type keyResultDetails struct {
	Milestone          bool    `json:"milestone,omitempty"`
	StartValue         string  `json:"startValue,omitempty"`
	TargetValue        string  `json:"targetValue,omitempty"`
	CurrentValue       string  `json:"currentValue,omitempty"`
	Unit               string  `json:"unit,omitempty"`
	Format             string  `json:"format,omitempty"`
	Weight             int32   `json:"weight,omitempty"`
	Attainment         int32   `json:"attainment"`
	ExpectedAttainment *int32  `json:"expectedAttainment,omitempty"`
	Confidence         string  `json:"confidence,omitempty"`
	Stale              bool    `json:"stale,omitempty"`
	LastCheckIn        string  `json:"lastCheckIn,omitempty"`
	CheckIns           int32   `json:"checkIns,omitempty"`
	Owner              *person `json:"owner,omitempty"`
	// ReportedBy is the agent whose report nobody has confirmed yet.
	ReportedBy string `json:"reportedBy,omitempty"`
}

// person is a member as others are shown one.
type person struct {
	MemberID string `json:"memberID"`
	Name     string `json:"name,omitempty"`
}

// between is a span of days, both included.
type between struct {
	StartDate string `json:"startDate"`
	DueDate   string `json:"dueDate"`
}

func describeObjective(o *okrv1.Objective, name func(string) string) objectiveDetails {
	d := objectiveDetails{
		ObjectiveText: o.GetTitle(), Description: o.GetDescription(),
		State: spell(o.GetState()), Score: o.GetScore(), ClosingNote: o.GetClosingNote(), Owner: whois(o.GetOwnerId(), name),
		Cycle: o.GetCycle(), StartDate: o.GetStartDate(), DueDate: o.GetDueDate(), Parent: o.GetParentId(),
		Progress: o.Progress, ExpectedProgress: o.ExpectedProgress,
	}
	if p := o.GetPeriod(); p != nil {
		d.Period = &between{p.GetStartDate(), p.GetDueDate()}
	}
	return d
}

func describeKeyResult(k *okrv1.KeyResult, name func(string) string) keyResultDetails {
	return keyResultDetails{
		Milestone: isMilestone(k), StartValue: k.GetStartValue(), TargetValue: k.GetTargetValue(), CurrentValue: k.GetCurrentValue(),
		Unit: k.GetUnit(), Format: spell(k.GetFormat()), Weight: k.GetWeight(),
		Attainment: k.GetAttainment(), ExpectedAttainment: k.ExpectedAttainment,
		Confidence: spell(k.GetConfidence()), Stale: k.GetStale(),
		LastCheckIn: instant(k.GetLastCheckInTime()), CheckIns: k.GetCheckInCount(),
		Owner: whois(k.GetOwnerId(), name), ReportedBy: reporter(k),
	}
}

// reporter is the name of the agent whose report of the current value nobody has confirmed yet, or its id where it gave no
// name; "" if there is none.
func reporter(k *okrv1.KeyResult) string {
	return clientOf(&okrv1.Via{ClientId: k.GetAgentReport().GetClientId(), ClientName: k.GetAgentReport().GetClientName()})
}

// whois is the member with an id; nil for nobody.
func whois(id string, name func(string) string) *person {
	if id == "" {
		return nil
	}
	p := &person{MemberID: id}
	if known := name(id); known != id {
		p.Name = known
	}
	return p
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
