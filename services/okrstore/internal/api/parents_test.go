package api

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

func (f *fixture) createBelow(parent, title string) (*okrv1.Objective, error) {
	return f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: title, ParentId: parent}})
}

// move puts an objective under a parent, or under none.
func (f *fixture) move(id, parent string) error {
	_, err := f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{
		Objective: &okrv1.Objective{Id: id, ParentId: parent}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"parent_id"}},
	})
	return err
}

// stack makes objectives that stand above each other, the highest first.
func (f *fixture) stack(levels int) []*okrv1.Objective {
	f.t.Helper()
	var all []*okrv1.Objective
	parent := ""
	for i := range levels {
		o := must(f.createBelow(parent, fmt.Sprint("Level ", i)))(f.t)
		all, parent = append(all, o), o.GetId()
	}
	return all
}

func (f *fixture) wantParentInvalid(err error, says string) {
	f.t.Helper()
	wantReason(f.t, err, codes.FailedPrecondition, "PARENT_INVALID")
	if err == nil || !strings.Contains(err.Error(), says) {
		f.t.Errorf("the error %v does not say %q", err, says)
	}
	want := map[string]string{"at most 10": "DEPTH", "below the objective itself": "BELOW", "no such objective": "MISSING"}[says]
	if cause := rpcerr.InfoOf(err).GetMetadata()["cause"]; cause != want {
		f.t.Errorf("the cause is %q, want %q", cause, want)
	}
}

func TestTenObjectivesStandAboveEachOtherAndNoMore(t *testing.T) {
	f := newFixture(t)
	tall := f.stack(okr.MaxLevels)
	_, err := f.createBelow(tall[9].GetId(), "One more")
	f.wantParentInvalid(err, "at most 10")
	pair := f.stack(2)
	f.wantParentInvalid(f.move(pair[0].GetId(), tall[8].GetId()), "at most 10")
	if err := f.move(pair[0].GetId(), tall[7].GetId()); err != nil {
		t.Errorf("two do not fit under the eighth: %v", err)
	}
	t.Run("of which one that was deleted is none", func(t *testing.T) {
		pair := f.stack(2)
		must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: pair[1].GetId()}))(t)
		if err := f.move(pair[0].GetId(), tall[8].GetId()); err != nil {
			t.Errorf("one does not fit under the ninth: %v", err)
		}
	})
	f.wantParentInvalid(f.move(tall[0].GetId(), f.createObjective("Above all").GetId()), "at most 10")
}

func TestNoObjectiveStandsAboveItself(t *testing.T) {
	f := newFixture(t)
	all := f.stack(4)
	for _, below := range all {
		f.wantParentInvalid(f.move(all[0].GetId(), below.GetId()), "below the objective itself")
	}
	f.wantParentInvalid(f.move(all[0].GetId(), unknownObjective), "no such objective")
	_, err := f.createBelow(unknownObjective, "Orphan")
	f.wantParentInvalid(err, "no such objective")
	t.Run("not even of another organization", func(t *testing.T) {
		_, err := f.CreateObjective(f.as(globexCEO), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Spy", ParentId: all[0].GetId()}})
		f.wantParentInvalid(err, "no such objective")
	})
	t.Run("while a stack can be turned around piece by piece", func(t *testing.T) {
		for i := range 3 {
			if err := f.move(all[i+1].GetId(), ""); err != nil {
				t.Fatal(err)
			}
			if err := f.move(all[i].GetId(), all[i+1].GetId()); err != nil {
				t.Fatal(err)
			}
		}
		if n := f.keys(acme, prefixChild); n != 3 {
			t.Errorf("the index of children has %d entries, want 3", n)
		}
	})
}

func TestAnObjectiveOutlivesItsParent(t *testing.T) {
	f := newFixture(t)
	all := f.stack(3)
	must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: all[0].GetId()}))(t)
	child := f.getObjective(all[1].GetId())
	wantEqual(t, child, all[1])

	renamed := must(f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: child.GetId(), Title: "Alone"}}))(t)
	if renamed.GetParentId() != all[0].GetId() {
		t.Errorf("the parent became %q", renamed.GetParentId())
	}
	t.Run("and can still be moved, and moved away", func(t *testing.T) {
		other := f.createObjective("Other")
		f.wantParentInvalid(f.move(other.GetId(), all[0].GetId()), "no such objective")
		for _, to := range []string{other.GetId(), ""} {
			if err := f.move(child.GetId(), to); err != nil {
				t.Error(err)
			}
		}
		if n := f.keys(acme, prefixChild); n != 1 {
			t.Errorf("the index of children has %d entries, want that of the third objective", n)
		}
	})
	t.Run("and counts from there when depth is counted", func(t *testing.T) {
		tall := f.stack(okr.MaxLevels)
		must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: tall[0].GetId()}))(t)
		must(f.createBelow(tall[9].GetId(), "One more"))(t)
	})
	t.Run("in whatever state the parent is", func(t *testing.T) {
		parent := f.createObjective("Parent")
		f.archive(parent.GetId())
		must(f.createBelow(parent.GetId(), "Child"))(t)
	})
}
