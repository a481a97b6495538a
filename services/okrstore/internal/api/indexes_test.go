package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// checkIndexes holds what leads to objectives and changes against them, as the check of a file does. It runs after each
// test with a fixture.
func checkIndexes(t testing.TB, engine storage.Engine, organization string) {
	t.Helper()
	var found Checked
	err := engine.View(context.WithoutCancel(t.Context()), organization, func(tx storage.Tx) (err error) {
		found, err = Check(tx)
		return err
	})
	if errors.Is(err, storage.ErrClosed) {
		return // by a test of how the service stops
	}
	if err != nil {
		t.Errorf("checking the records of %s: %v", organization, err)
	}
	for _, problem := range found.Problems {
		t.Errorf("%s: %s", organization, problem)
	}
}

// owned creates an objective with key results of these owners; an empty one is nobody.
func (f *fixture) owned(title, owner string, owners ...string) *okrv1.Objective {
	f.t.Helper()
	o := must(f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: title, OwnerId: owner}}))(f.t)
	for i, owner := range owners {
		must(f.CreateKeyResult(f.as(ceo), &okrv1.CreateKeyResultRequest{
			ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: fmt.Sprint(title, " ", i), OwnerId: owner},
		}))(f.t)
	}
	return f.getObjective(o.GetId())
}

func TestWhatAMemberOwnsFollowsEveryChange(t *testing.T) {
	f := newFixture(t)
	o := f.owned("O", "a", "b", "b", "")
	owners := func(want ...string) {
		t.Helper()
		var got []string
		for _, member := range []string{"a", "b", "c"} {
			if f.keys(acme, string(ownedKey(member, ""))) > 0 {
				got = append(got, member)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v own something, want %v", got, want)
		}
		checkIndexes(t, f.engine, acme)
	}
	owners("a", "b")
	results := o.GetKeyResults()
	give := func(k *okrv1.KeyResult, owner string) {
		must(f.UpdateKeyResult(f.as(ceo), &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: k.GetId(), OwnerId: owner}}))(t)
	}
	give(results[0], "c")
	owners("a", "b", "c")
	give(results[1], "c") // b's last
	owners("a", "c")
	must(f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), OwnerId: "c"}}))(t)
	owners("c")
	for _, k := range results {
		must(f.DeleteKeyResult(f.as(ceo), &okrv1.DeleteKeyResultRequest{KeyResultId: k.GetId()}))(t)
	}
	owners("c")
	must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()}))(t)
	owners()
}

// An objective with more owners than one transaction has operations.
func TestAnObjectiveOfVeryManyMembersCanBeDeleted(t *testing.T) {
	f := newFixture(t)
	o := f.owned("Of many", "")
	for i := range okr.MaxKeyResults {
		must(f.CreateKeyResult(f.as(ceo), &okrv1.CreateKeyResultRequest{
			ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: "K", OwnerId: fmt.Sprintf("m%03d", i)},
		}))(t)
	}
	must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()}))(t)
	for _, member := range []string{"m000", "m249"} {
		list := must(f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{OwnerId: member}))(t)
		due := must(f.ListDueKeyResults(f.as(ceo), &okrv1.ListDueKeyResultsRequest{OwnerId: member}))(t)
		if len(list.GetObjectives())+len(due.GetKeyResults()) != 0 {
			t.Errorf("%s still owns %v, %v", member, list, due)
		}
	}
}

func TestTheNumberOfObjectivesIsLimited(t *testing.T) {
	f := newFixture(t)
	f.server.maxObjectives = 3
	create := func(id string) (*okrv1.Objective, error) {
		return f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "O"}, RequestId: id})
	}
	first := must(create("r1"))(t)
	second := must(create("r2"))(t)
	must(f.ArchiveObjective(f.as(ceo), &okrv1.ArchiveObjectiveRequest{ObjectiveId: second.GetId()}))(t)
	must(create("r3"))(t)
	full := func() {
		t.Helper()
		_, err := create("")
		wantReason(t, err, codes.FailedPrecondition, "OBJECTIVE_LIMIT_REACHED")
		if limit := rpcerr.InfoOf(err).GetMetadata()["limit"]; limit != "3" {
			t.Errorf("the limit is said to be %q", limit)
		}
	}
	full()
	must(create("r3"))(t) // repeated, it is the same one
	must(f.CreateObjective(f.as(globexCEO), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Of another organization"}}))(t)
	must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: first.GetId()}))(t)
	must(create(""))(t)
	full()
	f.server.maxObjectives = 0
	must(create(""))(t)
}
