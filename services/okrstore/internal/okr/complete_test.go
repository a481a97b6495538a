package okr_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

func TestAnObjectiveOfTheFirstSchemaIsCompleted(t *testing.T) {
	old := &okrv1.Objective{Id: "okr_1", Title: "Grow", Etag: "E", KeyResults: []*okrv1.KeyResult{
		{Id: "kr_1", Title: "By ten", Attainment: new(int32(40)), Etag: "F"},
		{Id: "kr_2", Title: "By six"},
	}}
	before := proto.Clone(old)
	got := okr.Complete(old)
	kr := func(k *okrv1.KeyResult, value string, attainment int32) *okrv1.KeyResult {
		k.Kind, k.StartValue, k.TargetValue, k.Format, k.Weight = metric, "0", "100", percent, new(int32(1))
		k.CurrentValue, k.Attainment = value, &attainment
		return k
	}
	want := &okrv1.Objective{Id: "okr_1", Title: "Grow", Etag: "E", State: active, KeyResults: []*okrv1.KeyResult{
		kr(&okrv1.KeyResult{Id: "kr_1", Title: "By ten", Etag: "F"}, "40", 40),
		kr(&okrv1.KeyResult{Id: "kr_2", Title: "By six"}, "0", 0),
	}}
	if !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if !proto.Equal(old, before) {
		t.Errorf("the argument was changed to %v", old)
	}
	if okr.Complete(got) != got {
		t.Error("what is complete was copied")
	}
	if bare := okr.Complete(&okrv1.Objective{Id: "okr_2"}); bare.GetState() != active || bare.KeyResults != nil {
		t.Errorf("without key results it becomes %v", bare)
	}
}

func TestWhatTheServerMakesIsComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, err := okr.NewKeyResult(&okrv1.KeyResult{
			Kind: okrv1.KeyResultKind(rapid.Int32Range(0, 2).Draw(t, "kind")),
			Unit: rapid.SampledFrom([]string{"", "EUR"}).Draw(t, "unit"),
		})
		if err != nil {
			t.Fatal(err)
		}
		o := &okrv1.Objective{State: active, KeyResults: []*okrv1.KeyResult{k}}
		if okr.Complete(o) != o {
			t.Fatalf("%v was completed to %v", o, okr.Complete(o))
		}
		old := okr.CompleteKeyResult(&okrv1.KeyResult{Attainment: new(rapid.Int32Range(0, 100).Draw(t, "attainment"))})
		if !okr.IsPercentage(old) {
			t.Fatalf("the attainment of %v can no longer be set", old)
		}
	})
}

func TestAChangeOfTheFirstSchemaGetsItsKind(t *testing.T) {
	o, k := ofObjective(&okrv1.Objective{Id: "okr_1"}), ofKeyResult(&okrv1.KeyResult{Id: "kr_1", Attainment: new(int32(7))})
	tests := map[string]struct {
		before, after *okrv1.Snapshot
		want          okrv1.ChangeKind
	}{
		"an objective's creation":  {nil, o, okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CREATED},
		"an objective's update":    {o, o, okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_UPDATED},
		"an objective's deletion":  {o, nil, okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_DELETED},
		"a key result's creation":  {nil, k, okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CREATED},
		"a key result's update":    {k, k, okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_UPDATED},
		"a key result's deletion":  {k, nil, okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_DELETED},
		"a change of what unknown": {&okrv1.Snapshot{}, nil, okrv1.ChangeKind_CHANGE_KIND_UNSPECIFIED},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := &okrv1.Change{Seq: 1, Before: test.before, After: test.after}
			got := okr.CompleteChange(c)
			if got.GetKind() != test.want || c.GetKind() != okrv1.ChangeKind_CHANGE_KIND_UNSPECIFIED {
				t.Errorf("got %s, the argument has %s", got.GetKind(), c.GetKind())
			}
			for _, s := range []*okrv1.Snapshot{got.GetBefore(), got.GetAfter()} {
				if r := s.GetKeyResult(); r != nil && r.GetCurrentValue() != "7" || s.GetObjective() != nil && s.GetObjective().GetState() != active {
					t.Errorf("a snapshot is %v", s)
				}
			}
			if again := okr.CompleteChange(got); test.want != 0 && again != got {
				t.Error("what is complete was copied")
			}
		})
	}
}
