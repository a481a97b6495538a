package api

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

func (f *fixture) archive(id string) *okrv1.Objective {
	f.t.Helper()
	return must(f.ArchiveObjective(f.as(ceo), &okrv1.ArchiveObjectiveRequest{ObjectiveId: id}))(f.t)
}

func TestTheLifeOfAnObjective(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	f.setAttainment(f.createKeyResult(o.GetId(), "By ten").GetId(), 40)
	want := f.getObjective(o.GetId())
	step := func(name string, call func() (*okrv1.Objective, error), edit func(now *timestamppb.Timestamp)) {
		t.Helper()
		f.clock.advance(time.Minute)
		log := len(f.changes(ceo))
		got, err := call()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		changed := edit != nil
		if changed {
			edit(timestamppb.New(f.clock.Now()))
			if got.GetEtag() == want.GetEtag() {
				t.Errorf("%s: the etag stays", name)
			}
			want.Etag, want.UpdateTime = got.GetEtag(), timestamppb.New(f.clock.Now())
		}
		wantEqual(t, got, want)
		wantEqual(t, f.getObjective(o.GetId()), want)
		if n := len(f.changes(ceo)) - log; (n == 1) != changed || n > 1 {
			t.Errorf("%s: %d changes", name, n)
		}
	}
	closing := func(score, note string) func() (*okrv1.Objective, error) {
		return func() (*okrv1.Objective, error) {
			return f.CloseObjective(f.as(ceo), &okrv1.CloseObjectiveRequest{ObjectiveId: o.GetId(), Score: score, ClosingNote: note})
		}
	}
	reopening := func() (*okrv1.Objective, error) {
		return f.ReopenObjective(f.as(ceo), &okrv1.ReopenObjectiveRequest{ObjectiveId: o.GetId()})
	}
	archiving := func() (*okrv1.Objective, error) {
		return f.ArchiveObjective(f.as(ceo), &okrv1.ArchiveObjectiveRequest{ObjectiveId: o.GetId()})
	}
	restoring := func() (*okrv1.Objective, error) {
		return f.RestoreObjective(f.as(ceo), &okrv1.RestoreObjectiveRequest{ObjectiveId: o.GetId()})
	}
	const (
		active   = okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE
		closed   = okrv1.ObjectiveState_OBJECTIVE_STATE_CLOSED
		archived = okrv1.ObjectiveState_OBJECTIVE_STATE_ARCHIVED
	)
	step("reopening what is active", reopening, nil)
	step("restoring what is active", restoring, nil)
	step("closing", closing("0.7", "Nearly"), func(now *timestamppb.Timestamp) {
		want.State, want.Score, want.ClosingNote, want.CloseTime = closed, "0.7", "Nearly", now
	})
	step("closing again in the same words", closing("0.7", "Nearly"), nil)
	step("closing with another score", closing("0.8", ""), func(*timestamppb.Timestamp) { want.Score, want.ClosingNote = "0.8", "" })
	step("archiving what is closed", archiving, func(now *timestamppb.Timestamp) { want.State, want.ArchiveTime = archived, now })
	step("archiving again", archiving, nil)
	for name, call := range map[string]func() (*okrv1.Objective, error){"closing": closing("1", ""), "reopening": reopening} {
		_, err := call()
		wantReason(t, err, codes.FailedPrecondition, "OBJECTIVE_STATE_CONFLICT")
		if got := rpcerr.InfoOf(err).GetMetadata()["state"]; got != "ARCHIVED" {
			t.Errorf("%s what is archived: the error's state is %q", name, got)
		}
	}
	step("restoring what was closed", restoring, func(*timestamppb.Timestamp) { want.State, want.ArchiveTime = closed, nil })
	step("reopening", reopening, func(*timestamppb.Timestamp) {
		want.State, want.Score, want.ClosingNote, want.CloseTime = active, "", "", nil
	})
	step("archiving what is active", archiving, func(now *timestamppb.Timestamp) { want.State, want.ArchiveTime = archived, now })
	step("restoring what was active", restoring, func(*timestamppb.Timestamp) { want.State, want.ArchiveTime = active, nil })
	t.Run("which an old etag cannot go on with", func(t *testing.T) {
		for name, err := range map[string]error{
			"close":   second(f.CloseObjective(f.as(ceo), &okrv1.CloseObjectiveRequest{ObjectiveId: o.GetId(), Score: "1", Etag: o.GetEtag()})),
			"reopen":  second(f.ReopenObjective(f.as(ceo), &okrv1.ReopenObjectiveRequest{ObjectiveId: o.GetId(), Etag: o.GetEtag()})),
			"archive": second(f.ArchiveObjective(f.as(ceo), &okrv1.ArchiveObjectiveRequest{ObjectiveId: o.GetId(), Etag: o.GetEtag()})),
			"restore": second(f.RestoreObjective(f.as(ceo), &okrv1.RestoreObjectiveRequest{ObjectiveId: o.GetId(), Etag: o.GetEtag()})),
		} {
			if rpcerr.ReasonName(rpcerr.ReasonOf(err)) != "ETAG_MISMATCH" {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestWhatIsArchivedIsRestoredBeforeItChangesAndCanBeDeleted(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	k := f.createKeyResult(o.GetId(), "By ten")
	f.archive(o.GetId())
	before, log := f.getObjective(o.GetId()), len(f.changes(ceo))
	all := methods()
	for _, name := range []string{
		"UpdateObjective", "CloseObjective", "ReopenObjective", "CreateKeyResult", "UpdateKeyResult", "SetKeyResultAttainment",
		"CreateCheckIn", "DeleteKeyResult",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := all[name](f, f.as(ceo), o.GetId(), k.GetId())
			wantReason(t, err, codes.FailedPrecondition, "OBJECTIVE_STATE_CONFLICT")
			if got := rpcerr.InfoOf(err).GetMetadata()["state"]; got != "ARCHIVED" || !strings.Contains(err.Error(), "restore it first") {
				t.Errorf("state %q in %v", got, err)
			}
		})
	}
	wantEqual(t, f.getObjective(o.GetId()), before)
	if n := len(f.changes(ceo)); n != log {
		t.Errorf("%d changes were written", n-log)
	}
	for _, name := range []string{"GetObjective", "GetKeyResult", "ListCheckIns", "DeleteObjective"} {
		must(all[name](f, f.as(ceo), o.GetId(), k.GetId()))(t)
	}
	t.Run("while what is closed can be corrected", func(t *testing.T) {
		o := f.createObjective("Grow")
		k := f.createKeyResult(o.GetId(), "By ten")
		must(f.CloseObjective(f.as(ceo), &okrv1.CloseObjectiveRequest{ObjectiveId: o.GetId(), Score: "0.5"}))(t)
		for _, name := range []string{"UpdateObjective", "CreateKeyResult", "UpdateKeyResult", "SetKeyResultAttainment", "CreateCheckIn", "DeleteKeyResult"} {
			must(all[name](f, f.as(ceo), o.GetId(), k.GetId()))(t)
		}
	})
}

func TestKeyResultsOfArchivedObjectivesAreListedUnderTheirObjectiveAlone(t *testing.T) {
	f := newFixture(t)
	var kept []string
	for i, title := range []string{"A", "B", "C", "D"} {
		o := f.createObjective(title)
		k := f.createKeyResult(o.GetId(), title)
		if i%2 == 0 {
			f.archive(o.GetId())
			alone := must(f.ListKeyResults(f.as(reporter), &okrv1.ListKeyResultsRequest{ObjectiveId: o.GetId()}))(t).GetKeyResults()
			if len(alone) != 1 || alone[0].GetId() != k.GetId() {
				t.Errorf("under its objective %v is listed", alone)
			}
			continue
		}
		kept = append(kept, k.GetId())
	}
	for size := int32(1); size <= 4; size++ {
		var got []string
		eachPage(t, func(token string) string {
			page := must(f.ListKeyResults(f.as(reporter), &okrv1.ListKeyResultsRequest{PageSize: size, PageToken: token}))(t)
			for _, k := range page.GetKeyResults() {
				got = append(got, k.GetId())
			}
			return page.GetNextPageToken()
		})
		if !slices.Equal(got, kept) {
			t.Errorf("in pages of %d: %v, want %v", size, got, kept)
		}
	}
}

// What follows from the day is the same wherever it is read, moves on at midnight without a change, and is in no change.
func TestWhatFollowsFromTheDayMovesOnWithIt(t *testing.T) {
	f := newFixture(t) // 2026-11-23
	o := must(f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{
		Title: "Grow", StartDate: "2026-11-23", DueDate: "2026-12-12", OwnerId: "me",
	}}))(t)
	if o.GetOwnerId() != "member-ceo-acme" || o.ExpectedProgress != nil {
		t.Errorf("created as %v", o)
	}
	wantEqual(t, o.GetPeriod(), &okrv1.Period{StartDate: "2026-11-23", DueDate: "2026-12-12"})
	k := f.createKeyResult(o.GetId(), "By ten")
	log := len(f.changes(ceo))
	check := func(expected int32, stale bool) {
		t.Helper()
		whole := f.getObjective(o.GetId())
		one := f.getKeyResult(k.GetId())
		if one.GetExpectedAttainment() != expected || one.GetStale() != stale || whole.GetExpectedProgress() != expected {
			t.Errorf("expected %d, stale %t, of the objective %d; want %d, %t", one.GetExpectedAttainment(), one.GetStale(), whole.GetExpectedProgress(), expected, stale)
		}
		wantEqual(t, whole.GetKeyResults()[0], one)
		wantEqual(t, must(f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{}))(t).GetObjectives()[0], whole)
		wantEqual(t, must(f.ListKeyResults(f.as(ceo), &okrv1.ListKeyResultsRequest{}))(t).GetKeyResults()[0], one)
		unchanged := must(f.UpdateKeyResult(f.as(ceo), &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: k.GetId(), Title: "By ten"}}))(t)
		wantEqual(t, unchanged, one)
		same := must(f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: "Grow"}}))(t)
		wantEqual(t, same, whole)
		if hidden := must(f.GetObjective(f.as(objectivesAgent), &okrv1.GetObjectiveRequest{ObjectiveId: o.GetId()}))(t); hidden.ExpectedProgress != nil ||
			hidden.Progress != nil || hidden.KeyResults != nil || hidden.GetPeriod() == nil {
			t.Errorf("who may not read key results sees %v", hidden)
		}
	}
	check(5, false)
	f.clock.advance(15*time.Hour - time.Millisecond) // the day's last moment
	check(5, false)
	f.clock.advance(time.Millisecond)
	check(10, false)
	f.clock.advance(13 * 24 * time.Hour)
	check(75, true)
	f.clock.advance(30 * 24 * time.Hour)
	check(100, true)
	if n := len(f.changes(ceo)); n != log {
		t.Errorf("%d changes were written", n-log)
	}
	f.setAttainment(k.GetId(), 40)
	check(100, false)
	last := f.changes(ceo)[log]
	for _, s := range []*okrv1.Snapshot{last.GetBefore(), last.GetAfter()} {
		if k := s.GetKeyResult(); k.ExpectedAttainment != nil || k.GetStale() {
			t.Errorf("the change has %v", k)
		}
	}
}

func TestAnAnswerUnderARequestIDIsTheFirstOneAlsoOnTheNextDay(t *testing.T) {
	f := newFixture(t)
	f.clock.advance(14*time.Hour + 50*time.Minute) // 23:50
	o := must(f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Grow", Cycle: "2026-Q4"}}))(t)
	f.createKeyResult(o.GetId(), "By ten")
	req := &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: "Faster"}, RequestId: "r"}
	first := must(f.UpdateObjective(f.as(ceo), req))(t)
	f.clock.advance(20 * time.Minute)
	wantEqual(t, must(f.UpdateObjective(f.as(ceo), req))(t), first)
	if now := f.getObjective(o.GetId()); now.GetExpectedProgress() == first.GetExpectedProgress() {
		t.Errorf("the expectation did not move on from %d", now.GetExpectedProgress())
	}
}

func TestDatesAndCyclesAreCheckedAsAWhole(t *testing.T) {
	f := newFixture(t)
	o := must(f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Grow", Cycle: "2026-Q4"}}))(t)
	for field, edit := range map[string]*okrv1.Objective{
		"due_date":   {DueDate: "2026-09-30"},
		"start_date": {StartDate: "2027-01-01"},
		"cycle":      {Cycle: "2026-Q9"},
	} {
		create := okr.Copy(edit)
		create.Title = "Grow"
		if create.Cycle == "" {
			create.Cycle = "2026-Q4"
		}
		update := okr.Copy(edit)
		update.Id = o.GetId()
		_, createErr := f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: create})
		_, updateErr := f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{Objective: update})
		for _, err := range []error{createErr, updateErr} {
			wantReason(t, err, codes.InvalidArgument, "FIELD_INVALID")
			if !strings.Contains(err.Error(), "objective."+field+": ") {
				t.Errorf("the error %v does not name %s", err, field)
			}
		}
	}
	if got := f.getObjective(o.GetId()); !proto.Equal(got, o) {
		t.Errorf("the objective became %v", got)
	}
}
