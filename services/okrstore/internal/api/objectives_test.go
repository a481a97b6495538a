package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

const unknownObjective, unknownKeyResult = "okr_0000000000000", "kr_0000000000000"

func TestACreatedObjectiveHasWhatTheServerGivesAndNothingElseOfTheOutputOnlyFields(t *testing.T) {
	f := newFixture(t)
	got := must(f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{
		Id: "okr_mine", Title: "Grow", Progress: new(int32(100)), Etag: "mine",
		KeyResults: []*okrv1.KeyResult{{Id: "kr_mine", Title: "Smuggled"}},
		CreateTime: timestamppb.New(time.Unix(1, 0)), Creator: &okrv1.Member{MemberId: "somebody"},
		State: okrv1.ObjectiveState_OBJECTIVE_STATE_CLOSED, Score: "1", ClosingNote: "Done", CloseTime: timestamppb.New(time.Unix(1, 0)),
		ArchiveTime: timestamppb.New(time.Unix(1, 0)), ExpectedProgress: new(int32(1)), Period: &okrv1.Period{StartDate: "2026-01-01"},
	}}))(t)
	author := &okrv1.Member{MemberId: "member-ceo-acme", DisplayName: "Name of member-ceo-acme"}
	now := timestamppb.New(f.clock.Now())
	wantEqual(t, got, &okrv1.Objective{
		Id: got.GetId(), Title: "Grow", Etag: got.GetEtag(), CreateTime: now, UpdateTime: now, Creator: author, Updater: author,
		State: okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE,
	})
	if !strings.HasPrefix(got.GetId(), "okr_") || got.GetId() == "okr_mine" || got.GetEtag() == "" || got.GetEtag() == "mine" {
		t.Errorf("id %q, etag %q", got.GetId(), got.GetEtag())
	}
	wantEqual(t, f.getObjective(got.GetId()), got)
	if n := f.keys(acme, prefixKeyResult); n != 0 {
		t.Errorf("%d key results were created", n)
	}
}

func TestUpdateObjective(t *testing.T) {
	tests := map[string]struct {
		title  string
		etag   string // "current" stands for the current one
		paths  []string
		code   codes.Code
		reason string
		field  string
	}{
		"without a mask changes what is set":               {title: "New"},
		"with the mask changes the title":                  {title: "New", paths: []string{"title"}},
		"with a wildcard changes the title":                {title: "New", paths: []string{"*"}},
		"with the current etag changes the title":          {title: "New", etag: "current"},
		"with another etag is refused":                     {title: "New", etag: "0000000000000", code: codes.Aborted, reason: "ETAG_MISMATCH"},
		"must not empty the title by name":                 {paths: []string{"title"}, code: codes.InvalidArgument, reason: "FIELD_INVALID", field: "objective.title"},
		"must not empty the title by wildcard":             {paths: []string{"*"}, code: codes.InvalidArgument, reason: "FIELD_INVALID", field: "objective.title"},
		"must not make the title blank":                    {title: " \t", code: codes.InvalidArgument, reason: "FIELD_INVALID", field: "objective.title"},
		"must not make the title too long":                 {title: strings.Repeat("x", 501), code: codes.InvalidArgument, reason: "FIELD_INVALID", field: "objective.title"},
		"must not turn the text around":                    {title: "a\u202eb", code: codes.InvalidArgument, reason: "FIELD_INVALID", field: "objective.title"},
		"with a mask of an unknown field is refused":       {title: "New", paths: []string{"colour"}, code: codes.InvalidArgument, reason: "FIELD_INVALID", field: "update_mask"},
		"with a mask of output-only fields is refused":     {title: "New", paths: []string{"progress"}, code: codes.InvalidArgument, reason: "FIELD_INVALID", field: "update_mask"},
		"with nothing to change is refused":                {code: codes.InvalidArgument, reason: "FIELD_INVALID", field: "update_mask"},
		"with another etag says so before it says more":    {etag: "0000000000000", code: codes.Aborted, reason: "ETAG_MISMATCH"},
		"with output-only fields beside the title is fine": {title: "New", paths: []string{"title", "key_results", "create_time"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			o := f.createObjective("Old")
			k := f.createKeyResult(o.GetId(), "By ten")
			f.setAttainment(k.GetId(), 40)
			before, log := f.getObjective(o.GetId()), len(f.changes(ceo))
			if before.GetEtag() != o.GetEtag() {
				t.Errorf("changes of a key result changed the objective's etag")
			}
			f.clock.advance(time.Minute)

			req := &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: test.title, Etag: test.etag}}
			if test.etag == "current" {
				req.Objective.Etag = o.GetEtag()
			}
			if test.paths != nil {
				req.UpdateMask = &fieldmaskpb.FieldMask{Paths: test.paths}
			}
			got, err := f.UpdateObjective(f.as(ceo), req)
			if test.code != codes.OK {
				wantReason(t, err, test.code, test.reason)
				if test.field != "" && !strings.Contains(err.Error(), test.field+": ") {
					t.Errorf("error %v does not name %s", err, test.field)
				}
				if test.reason == "ETAG_MISMATCH" && rpcerr.InfoOf(err).GetMetadata()["etag"] != o.GetEtag() {
					t.Errorf("the error has the metadata %v", rpcerr.InfoOf(err).GetMetadata())
				}
				wantEqual(t, f.getObjective(o.GetId()), before)
				if n := len(f.changes(ceo)); n != log {
					t.Errorf("%d changes were written by a call that failed", n-log)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := before
			want.Title, want.Etag, want.UpdateTime = "New", got.GetEtag(), timestamppb.New(f.clock.Now())
			wantEqual(t, got, want)
			if got.GetEtag() == o.GetEtag() {
				t.Error("the etag did not change")
			}
			wantEqual(t, f.getObjective(o.GetId()), want)
		})
	}
}

func TestAnUpdateThatChangesNothingKeepsTheEtagAndWritesNoChange(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	k := f.createKeyResult(o.GetId(), "By ten")
	k = f.setAttainment(k.GetId(), 40)
	before := len(f.changes(ceo))
	f.clock.advance(time.Minute)

	again := must(f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: "Grow"}}))(t)
	if again.GetEtag() != o.GetEtag() || !proto.Equal(again.GetUpdateTime(), o.GetUpdateTime()) {
		t.Errorf("the objective became %v", again)
	}
	wantEqual(t, must(f.UpdateKeyResult(f.as(ceo), &okrv1.UpdateKeyResultRequest{
		KeyResult: &okrv1.KeyResult{Id: k.GetId(), Title: "By ten"},
	}))(t), k)
	wantEqual(t, f.setAttainment(k.GetId(), 40), k)
	if n := len(f.changes(ceo)); n != before {
		t.Errorf("%d changes were written", n-before)
	}
}

func TestMeIsWhoeverMakesTheCall(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	given := &okrv1.Objective{Id: o.GetId(), OwnerId: "me"}
	updated := must(f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{Objective: given}))(t)
	k := must(f.CreateKeyResult(f.as(manager), &okrv1.CreateKeyResultRequest{
		ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: "By ten", OwnerId: "me"},
	}))(t)
	if updated.GetOwnerId() != "member-ceo-acme" || k.GetOwnerId() != "member-manager-acme" {
		t.Errorf("the owners are %q and %q", updated.GetOwnerId(), k.GetOwnerId())
	}
	emptied := must(f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{
		Objective: &okrv1.Objective{Id: o.GetId()}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"owner_id"}},
	}))(t)
	if emptied.GetOwnerId() != "" {
		t.Errorf("the owner is %q", emptied.GetOwnerId())
	}
}

func TestDeletingAnObjectiveTakesItsKeyResultsAlong(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	k := f.createKeyResult(o.GetId(), "By ten")
	other := f.createKeyResult(f.createObjective("Shrink").GetId(), "By five")

	_, err := f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId(), Etag: "0000000000000"})
	wantReason(t, err, codes.Aborted, "ETAG_MISMATCH")
	must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId(), Etag: o.GetEtag()}))(t)

	_, err = f.GetObjective(f.as(ceo), &okrv1.GetObjectiveRequest{ObjectiveId: o.GetId()})
	wantReason(t, err, codes.NotFound, "OBJECTIVE_NOT_FOUND")
	_, err = f.GetKeyResult(f.as(ceo), &okrv1.GetKeyResultRequest{KeyResultId: k.GetId()})
	wantReason(t, err, codes.NotFound, "KEY_RESULT_NOT_FOUND")
	_, err = f.SetKeyResultAttainment(f.as(ceo), &okrv1.SetKeyResultAttainmentRequest{KeyResultId: k.GetId(), Attainment: new(int32(1))})
	wantReason(t, err, codes.NotFound, "KEY_RESULT_NOT_FOUND")
	list := must(f.ListKeyResults(f.as(ceo), &okrv1.ListKeyResultsRequest{}))(t)
	if len(list.GetKeyResults()) != 1 || list.GetKeyResults()[0].GetId() != other.GetId() {
		t.Errorf("the key results are %v", list.GetKeyResults())
	}
}

func TestAnObjectiveThatOutgrowsOneTransactionIsRefusedAndStaysAsItWas(t *testing.T) {
	f := newFixture(t)
	n := 1
	for proto.Size(okr.Complete(bigObjective("okr_BIG", n+1))) < maxObjectiveBytes {
		n++
	}
	o := bigObjective("okr_BIG", n) // one more does not fit
	f.plant(acme, o)
	_, err := f.CreateKeyResult(f.as(ceo), &okrv1.CreateKeyResultRequest{
		ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: longTitle()},
	})
	wantReason(t, err, codes.FailedPrecondition, "TRANSACTION_TOO_LARGE")
	if got := len(f.getObjective(o.GetId()).GetKeyResults()); got != n {
		t.Errorf("%d key results, want %d", got, n)
	}
	t.Run("while the largest that fits can be updated under a request id and deleted", func(t *testing.T) {
		got := must(f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{
			Objective: &okrv1.Objective{Id: o.GetId(), Title: "Huge"}, RequestId: "r1",
		}))(t)
		if len(got.GetKeyResults()) != n {
			t.Errorf("%d key results, want %d", len(got.GetKeyResults()), n)
		}
		must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId(), RequestId: "r2"}))(t)
	})
}

func TestAnIDThatIsTakenIsDrawnAgain(t *testing.T) {
	f := newFixture(t)
	var drawn []string
	f.server.newID = func(prefix string, _ time.Time) string {
		id := fmt.Sprintf("%s%013d", prefix, len(drawn)/3) // every id comes three times
		drawn = append(drawn, id)
		return id
	}
	a, b := f.createObjective("A"), f.createObjective("B")
	if a.GetId() == b.GetId() {
		t.Fatalf("both have the id %s", a.GetId())
	}
	k, l := f.createKeyResult(a.GetId(), "K"), f.createKeyResult(a.GetId(), "L")
	if k.GetId() == l.GetId() {
		t.Fatalf("both have the id %s", k.GetId())
	}
	t.Run("and after many attempts the call fails without harm", func(t *testing.T) {
		f.server.newID = func(string, time.Time) string { return a.GetId() }
		_, err := f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "C"}})
		wantReason(t, err, codes.Internal, "UNSPECIFIED")
		if got := f.getObjective(a.GetId()); got.GetTitle() != "A" {
			t.Errorf("the objective became %v", got)
		}
	})
}
