package okr

import "time"

// A Day is a day of the calendar in UTC, as the number of days since 1970-01-01.
type Day int64

const secondsPerDay = 24 * 60 * 60

// DayOf is the day in UTC that an instant falls on.
func DayOf(t time.Time) Day {
	s := t.Unix()
	d := s / secondsPerDay
	if s%secondsPerDay < 0 {
		d--
	}
	return Day(d)
}

// ParseDay reads a day as String writes it. It is false for what is no day of the calendar, such as "2026-02-30".
func ParseDay(text string) (Day, bool) {
	if len(text) != len(time.DateOnly) { // an objective without dates is asked for them by every write
		return 0, false
	}
	t, err := time.Parse(time.DateOnly, text)
	return DayOf(t), err == nil
}

// String writes the day as "2026-07-01".
func (d Day) String() string {
	return time.Unix(int64(d)*secondsPerDay, 0).UTC().Format(time.DateOnly)
}

// daysOfCycle are the first and the last day of a cycle: a year "2026", a half "2026-H1" or a quarter "2026-Q3" of the
// calendar. It is false for what is no cycle, the empty text included.
func daysOfCycle(cycle string) (first, last Day, ok bool) {
	const yearLength, labelLength = len("2026"), len("2026-Q3")
	if len(cycle) != yearLength && (len(cycle) != labelLength || cycle[yearLength] != '-') {
		return 0, 0, false
	}
	start, err := time.Parse("2006", cycle[:yearLength])
	if err != nil {
		return 0, 0, false
	}
	part, months := 0, 12
	if len(cycle) == labelLength {
		months = map[byte]int{'H': 6, 'Q': 3}[cycle[labelLength-2]]
		part = int(cycle[labelLength-1] - '1')
		if months == 0 || part < 0 || part >= 12/months {
			return 0, 0, false
		}
	}
	start = start.AddDate(0, part*months, 0)
	return DayOf(start), DayOf(start.AddDate(0, months, 0)) - 1, true
}
