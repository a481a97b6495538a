package okr_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

func day(text string) okr.Day {
	d, ok := okr.ParseDay(text)
	if !ok {
		panic(text + " is no day")
	}
	return d
}

func TestAnObjectivesPeriod(t *testing.T) {
	tests := map[string]struct {
		cycle, start, due string
		wantStart, want   string
	}{
		"is a year":                                           {cycle: "2026", wantStart: "2026-01-01", want: "2026-12-31"},
		"is a leap year":                                      {cycle: "2028", wantStart: "2028-01-01", want: "2028-12-31"},
		"is the first half of a year":                         {cycle: "2026-H1", wantStart: "2026-01-01", want: "2026-06-30"},
		"is the second half of a year":                        {cycle: "2026-H2", wantStart: "2026-07-01", want: "2026-12-31"},
		"is the first quarter":                                {cycle: "2026-Q1", wantStart: "2026-01-01", want: "2026-03-31"},
		"is the second quarter":                               {cycle: "2026-Q2", wantStart: "2026-04-01", want: "2026-06-30"},
		"is the third quarter":                                {cycle: "2026-Q3", wantStart: "2026-07-01", want: "2026-09-30"},
		"is the fourth quarter":                               {cycle: "2026-Q4", wantStart: "2026-10-01", want: "2026-12-31"},
		"is in the year 0":                                    {cycle: "0000-Q1", wantStart: "0000-01-01", want: "0000-03-31"},
		"is in the year 9999":                                 {cycle: "9999", wantStart: "9999-01-01", want: "9999-12-31"},
		"is its own dates":                                    {start: "2026-02-03", due: "2026-02-04", wantStart: "2026-02-03", want: "2026-02-04"},
		"may be one day":                                      {start: "2026-02-03", due: "2026-02-03", wantStart: "2026-02-03", want: "2026-02-03"},
		"starts with its own date in a cycle":                 {cycle: "2026-Q1", start: "2026-02-03", wantStart: "2026-02-03", want: "2026-03-31"},
		"starts before its cycle":                             {cycle: "2026-Q1", start: "2025-02-03", wantStart: "2025-02-03", want: "2026-03-31"},
		"ends with its own date in a cycle":                   {cycle: "2026-Q1", due: "2026-02-03", wantStart: "2026-01-01", want: "2026-02-03"},
		"ends after its cycle":                                {cycle: "2026-Q1", due: "2027-02-03", wantStart: "2026-01-01", want: "2027-02-03"},
		"is its own dates and not its cycle's":                {cycle: "2026-Q1", start: "2020-01-01", due: "2020-01-02", wantStart: "2020-01-01", want: "2020-01-02"},
		"is not known without cycle and dates":                {},
		"is not known with a start alone":                     {start: "2026-02-03"},
		"is not known with an end alone":                      {due: "2026-02-03"},
		"is not known with a cycle that there is not":         {cycle: "2026-Q5"},
		"is not known with the zeroth quarter":                {cycle: "2026-Q0"},
		"is not known with a third half":                      {cycle: "2026-H3"},
		"is not known with a month":                           {cycle: "2026-M1"},
		"is not known with another mark":                      {cycle: "2026/Q1"},
		"is not known with a year of letters":                 {cycle: "MMXX"},
		"is not known with a quarter that is no digit at all": {cycle: "2026-QX"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := &okrv1.Objective{Cycle: test.cycle, StartDate: test.start, DueDate: test.due}
			var want *okrv1.Period
			if test.want != "" {
				want = &okrv1.Period{StartDate: test.wantStart, DueDate: test.want}
			}
			if got := okr.Derive(o, 0).GetPeriod(); !proto.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			if err := okr.CheckDates(o); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

func TestDatesThatCannotBeAreRefused(t *testing.T) {
	tests := map[string]struct{ cycle, start, due, field string }{
		"a day that February has in other years": {start: "2026-02-29", field: "start_date"},
		"a 31st of April":                        {due: "2026-04-31", field: "due_date"},
		"an end before the start":                {start: "2026-02-03", due: "2026-02-02", field: "due_date"},
		"an end before the cycle":                {cycle: "2026-Q2", due: "2026-03-31", field: "due_date"},
		"a start after the cycle":                {cycle: "2026-Q2", start: "2026-07-01", field: "start_date"},
		"an end before the start in a cycle":     {cycle: "2026-Q2", start: "2026-05-03", due: "2026-05-02", field: "due_date"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			wantFieldError(t, okr.CheckDates(&okrv1.Objective{Cycle: test.cycle, StartDate: test.start, DueDate: test.due}), test.field)
		})
	}
}

// The cycles of a year of the same length follow each other without a gap and make up the year.
func TestCyclesFillTheirYear(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		year := rapid.IntRange(0, 9999).Draw(t, "year")
		kind := rapid.SampledFrom([]struct {
			letter string
			parts  int
		}{{"H", 2}, {"Q", 4}}).Draw(t, "kind")
		next := okr.DayOf(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))
		for part := range kind.parts {
			o := &okrv1.Objective{Cycle: fmt.Sprintf("%04d-%s%d", year, kind.letter, part+1)}
			p := okr.Derive(o, 0).GetPeriod()
			if day(p.GetStartDate()) != next {
				t.Fatalf("%s starts on %s, want %s", o.GetCycle(), p.GetStartDate(), next)
			}
			next = day(p.GetDueDate()) + 1
		}
		whole := okr.Derive(&okrv1.Objective{Cycle: fmt.Sprintf("%04d", year)}, 0).GetPeriod()
		if day(whole.GetDueDate())+1 != next {
			t.Fatalf("%d ends on %s, its last part on the day before %s", year, whole.GetDueDate(), next)
		}
	})
}

func TestDaysAreThoseOfUTC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-62167219200, 253402300799).Draw(t, "seconds"), 0)
		zone := time.FixedZone("somewhere", rapid.IntRange(-14*3600, 14*3600).Draw(t, "offset"))
		d := okr.DayOf(at.In(zone))
		if want := at.UTC().Format(time.DateOnly); d.String() != want {
			t.Fatalf("%s is on %s, want %s", at, d, want)
		}
		if parsed := day(d.String()); parsed != d {
			t.Fatalf("%s was read as %s", d, parsed)
		}
	})
}
