package okr_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

func ofObjective(o *okrv1.Objective) *okrv1.Snapshot {
	return &okrv1.Snapshot{Resource: &okrv1.Snapshot_Objective{Objective: o}}
}

func ofKeyResult(k *okrv1.KeyResult) *okrv1.Snapshot {
	return &okrv1.Snapshot{Resource: &okrv1.Snapshot_KeyResult{KeyResult: k}}
}

// The reference listed objectives with their key results to callers without the permission to read key results.
func TestDefect21AnObjectiveShowsNeitherKeyResultsNorProgressWithoutThePermission(t *testing.T) {
	o := &okrv1.Objective{
		Id: "okr_1", Title: "Grow", Etag: "E", KeyResults: keyResults(30, 40), Cycle: "2026-Q4",
		State: okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE,
	}
	before := proto.Clone(o)

	got := okr.Readable{Objectives: true}.Objective(okr.Derive(o, okr.DayOf(now)))
	want := &okrv1.Objective{
		Id: "okr_1", Title: "Grow", Etag: "E", Cycle: "2026-Q4", State: okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE,
		Period: &okrv1.Period{StartDate: "2026-10-01", DueDate: "2026-12-31"},
	}
	if !proto.Equal(got, want) {
		t.Errorf("without the permission: %v, want %v", got, want)
	}
	got = okr.Readable{Objectives: true, KeyResults: true}.Objective(okr.Derive(o, okr.DayOf(now)))
	if len(got.GetKeyResults()) != 2 || got.GetProgress() != 35 || got.GetExpectedProgress() != 59 {
		t.Errorf("with the permission: %v", got)
	}
	if !proto.Equal(o, before) {
		t.Errorf("the stored objective was changed to %v", o)
	}
}

func TestReadableChange(t *testing.T) {
	var (
		own     = ofObjective(&okrv1.Objective{Id: "okr_1", Title: "Grow"})
		whole   = ofObjective(&okrv1.Objective{Id: "okr_1", Title: "Grow", KeyResults: keyResults(10)})
		shown   = ofObjective(&okrv1.Objective{Id: "okr_1", Title: "Grow", KeyResults: keyResults(10), Progress: new(int32(10))})
		kr      = ofKeyResult(&okrv1.KeyResult{Id: "kr_1", Title: "Ship"})
		nothing = okr.Readable{}
		objs    = okr.Readable{Objectives: true}
		krs     = okr.Readable{KeyResults: true}
		both    = okr.Readable{Objectives: true, KeyResults: true}
		change  = func(before, after *okrv1.Snapshot) *okrv1.Change {
			return &okrv1.Change{Seq: 7, Before: before, After: after}
		}
		checkIn  = &okrv1.Change{Seq: 7, Before: kr, After: kr, CheckIn: &okrv1.CheckIn{Id: "chk_1", Note: "Secret"}}
		astray   = &okrv1.Change{Seq: 7, Before: own, After: own, CheckIn: checkIn.CheckIn}
		unknown  = &okrv1.Snapshot{}
		deletion = change(whole, nil)
	)
	tests := map[string]struct {
		caller       okr.Readable
		change, want *okrv1.Change
	}{
		"no change is no change":                                           {both, nil, nil},
		"who may read nothing sees no objective":                           {nothing, change(nil, own), nil},
		"who may read nothing sees no key result":                          {nothing, change(nil, kr), nil},
		"who reads objectives sees an objective's update":                  {objs, change(own, own), change(own, own)},
		"who reads objectives alone sees no key result":                    {objs, change(kr, kr), nil},
		"who reads objectives alone sees a deletion without key results":   {objs, deletion, change(own, nil)},
		"who reads key results alone sees no objective":                    {krs, change(nil, own), nil},
		"who reads key results alone does not see an objective's deletion": {krs, deletion, nil},
		"who reads key results sees a key result's creation":               {krs, change(nil, kr), change(nil, kr)},
		"who reads both sees a deletion with key results and progress":     {both, deletion, change(shown, nil)},
		"who reads key results sees a check-in":                            {krs, checkIn, checkIn},
		"who reads objectives alone sees no check-in":                      {objs, checkIn, nil},
		"nor one that stands at an objective's change":                     {objs, astray, nil},
		"a kind of resource that is not known is shown to nobody":          {both, change(unknown, nil), nil},
		"a change of nothing is shown to nobody":                           {both, change(nil, nil), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before := proto.Clone(test.change)
			got := test.caller.Change(test.change)
			if (got == nil) != (test.want == nil) || !proto.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if !proto.Equal(test.change, before) {
				t.Errorf("the stored change was changed to %v", test.change)
			}
		})
	}
}

func TestFiltersAreIdempotentAndNilSafe(t *testing.T) {
	if (okr.Readable{}).Objective(nil) != nil || (okr.Readable{KeyResults: true}).Objective(nil) != nil {
		t.Error("an objective came out of none")
	}
	rapid.Check(t, func(t *rapid.T) {
		r := okr.Readable{Objectives: true, KeyResults: rapid.Bool().Draw(t, "key results")}
		once := r.Objective(drawObjective(t, "objective"))
		if twice := r.Objective(once); !proto.Equal(once, twice) {
			t.Fatalf("filtering twice gives %v, once %v", twice, once)
		}
	})
}
