package okr

import (
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// span is from when to when progress is expected, both days included.
type span struct{ start, due Day }

// spanOf is the span of an objective's period: its own dates, and those of its cycle where it has none of its own. It is
// false when one of them is not known.
func spanOf(o *okrv1.Objective) (span, bool) {
	first, last, inCycle := daysOfCycle(o.GetCycle())
	start, startOwn := ParseDay(o.GetStartDate())
	due, dueOwn := ParseDay(o.GetDueDate())
	if !startOwn {
		start = first
	}
	if !dueOwn {
		due = last
	}
	return span{start, due}, (startOwn || inCycle) && (dueOwn || inCycle)
}

// periodOf is spanOf as the contract says it; nil when there is none.
func periodOf(o *okrv1.Objective) *okrv1.Period {
	s, ok := spanOf(o)
	if !ok {
		return nil
	}
	return &okrv1.Period{StartDate: s.start.String(), DueDate: s.due.String()}
}

// CheckDates holds an objective's dates against the calendar and each other, those of its cycle included where it lacks
// its own. It returns a [*FieldError].
func CheckDates(o *okrv1.Objective) error {
	if err := checkDay("start_date", o.GetStartDate()); err != nil {
		return err
	}
	if err := checkDay("due_date", o.GetDueDate()); err != nil {
		return err
	}
	s, ok := spanOf(o)
	if !ok || s.due >= s.start {
		return nil
	}
	if o.GetDueDate() == "" {
		return &FieldError{
			Field:       "start_date",
			Description: "must not be after the end of the cycle, " + s.due.String() + ", unless there is a due date",
			Rule:        "date.order",
		}
	}
	return &FieldError{
		Field:       "due_date",
		Description: "must not be before the start, which is " + s.start.String(),
		Rule:        "date.order",
	}
}

// passed is how much of the span has passed by the end of a day, in percent, rounded half up. It is 0 before the first
// day, and 100 on the last day and from then on.
func (s span) passed(today Day) int32 {
	switch {
	case today < s.start:
		return 0
	case today >= s.due:
		return MaxAttainment
	}
	return roundedMean(MaxAttainment*int64(today-s.start+1), int64(s.due-s.start+1))
}

// checkDay refuses a date that is not on the calendar. It may be empty.
func checkDay(field, date string) error {
	if _, ok := ParseDay(date); date != "" && !ok {
		return &FieldError{Field: field, Description: "must be a day of the calendar", Rule: "date.calendar"}
	}
	return nil
}
