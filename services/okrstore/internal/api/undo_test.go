package api

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/memengine"
)

const (
	undone        = okrv1.UndoOutcome_UNDO_OUTCOME_UNDONE
	alreadyUndone = okrv1.UndoOutcome_UNDO_OUTCOME_ALREADY_UNDONE
	changedSince  = okrv1.UndoOutcome_UNDO_OUTCOME_CHANGED_SINCE
	notPermitted  = okrv1.UndoOutcome_UNDO_OUTCOME_PERMISSION_MISSING
	notPossible   = okrv1.UndoOutcome_UNDO_OUTCOME_NOT_POSSIBLE
	testClient    = "connected-app-test" // of every agent of the fixture
)

// seq is the position of the last change.
func (f *fixture) seq() int64 {
	f.t.Helper()
	return must(f.GetChangeLogHead(f.as(ceo), &okrv1.GetChangeLogHeadRequest{}))(f.t).GetSeq()
}

func (f *fixture) undo(caller string, seq int64) *okrv1.UndoResult {
	f.t.Helper()
	return must(f.UndoChange(f.as(caller), &okrv1.UndoChangeRequest{Seq: seq}))(f.t).GetResult()
}

func (f *fixture) previewed(caller string, seq int64) *okrv1.UndoResult {
	f.t.Helper()
	before := f.seq()
	result := must(f.UndoChange(f.as(caller), &okrv1.UndoChangeRequest{Seq: seq, Preview: true}))(f.t).GetResult()
	if after := f.seq(); after != before {
		f.t.Errorf("a preview wrote %d changes", after-before)
	}
	return result
}

// undoClient calls until there is nothing left, and returns what became of every change.
func (f *fixture) undoClient(caller string, req *okrv1.UndoClientChangesRequest) []*okrv1.UndoResult {
	f.t.Helper()
	var all []*okrv1.UndoResult
	req = proto.CloneOf(req)
	eachPage(f.t, func(continuation string) string {
		req.Continuation = continuation
		answer := must(f.UndoClientChanges(f.as(caller), req))(f.t)
		all = append(all, answer.GetResults()...)
		return answer.GetContinuation()
	})
	return all
}

// agentOfAll is an agent of Acme's CEO that may do everything.
func agentOfAll() *authzv1.Principal {
	return kittest.Agent(kittest.CEO(acme), "manage:objectives", "manage:krs")
}

func outcomes(results []*okrv1.UndoResult) map[okrv1.UndoOutcome]int {
	counts := map[okrv1.UndoOutcome]int{}
	for _, r := range results {
		counts[r.GetOutcome()]++
	}
	return counts
}

// everything is all objectives without what every change moves on: etags, who changed them when, and how many check-ins
// there are.
func (f *fixture) everything() *okrv1.ListObjectivesResponse {
	f.t.Helper()
	list := must(f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{
		PageSize: 200, States: []okrv1.ObjectiveState{active, closed, archived},
	}))(f.t)
	list.Cursor = ""
	for _, o := range list.GetObjectives() {
		o.Etag, o.UpdateTime, o.Updater = "", nil, nil
		for _, k := range o.GetKeyResults() {
			k.Etag, k.UpdateTime, k.Updater, k.CheckInCount = "", nil, nil, 0
		}
	}
	return list
}

// inverses are changes of every kind, each with what makes it.
func inverses() map[string]func(f *fixture, o *okrv1.Objective, k *okrv1.KeyResult) {
	closeWith := func(score string) func(f *fixture, o *okrv1.Objective, _ *okrv1.KeyResult) {
		return func(f *fixture, o *okrv1.Objective, _ *okrv1.KeyResult) {
			must(f.CloseObjective(f.as(ceo), &okrv1.CloseObjectiveRequest{ObjectiveId: o.GetId(), Score: score, ClosingNote: "Nearly"}))(f.t)
		}
	}
	return map[string]func(f *fixture, o *okrv1.Objective, k *okrv1.KeyResult){
		"an objective created": func(f *fixture, o *okrv1.Objective, _ *okrv1.KeyResult) {
			must(f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "New", ParentId: o.GetId(), OwnerId: "me"}}))(f.t)
		},
		"an objective updated": func(f *fixture, o *okrv1.Objective, _ *okrv1.KeyResult) {
			must(f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{
				Objective:  &okrv1.Objective{Id: o.GetId(), Title: "Other", Cycle: "2027", OwnerId: "somebody"},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"*"}},
			}))(f.t)
		},
		"an objective closed": closeWith("0.5"),
		"a score changed": func(f *fixture, o *okrv1.Objective, k *okrv1.KeyResult) {
			closeWith("0.5")(f, o, k)
			closeWith("0.6")(f, o, k)
		},
		"an objective reopened": func(f *fixture, o *okrv1.Objective, k *okrv1.KeyResult) {
			closeWith("0.5")(f, o, k)
			must(f.ReopenObjective(f.as(ceo), &okrv1.ReopenObjectiveRequest{ObjectiveId: o.GetId()}))(f.t)
		},
		"an objective archived": func(f *fixture, o *okrv1.Objective, _ *okrv1.KeyResult) {
			must(f.ArchiveObjective(f.as(ceo), &okrv1.ArchiveObjectiveRequest{ObjectiveId: o.GetId()}))(f.t)
		},
		"an objective restored": func(f *fixture, o *okrv1.Objective, _ *okrv1.KeyResult) {
			must(f.ArchiveObjective(f.as(ceo), &okrv1.ArchiveObjectiveRequest{ObjectiveId: o.GetId()}))(f.t)
			must(f.RestoreObjective(f.as(ceo), &okrv1.RestoreObjectiveRequest{ObjectiveId: o.GetId()}))(f.t)
		},
		"an objective deleted": func(f *fixture, o *okrv1.Objective, _ *okrv1.KeyResult) {
			must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()}))(f.t)
		},
		"a key result created": func(f *fixture, o *okrv1.Objective, _ *okrv1.KeyResult) { f.createKeyResult(o.GetId(), "New") },
		"a key result updated": func(f *fixture, _ *okrv1.Objective, k *okrv1.KeyResult) {
			must(f.UpdateKeyResult(f.as(ceo), &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: k.GetId(), Title: "Other", TargetValue: "50"}}))(f.t)
		},
		"an attainment set": func(f *fixture, _ *okrv1.Objective, k *okrv1.KeyResult) { f.setAttainment(k.GetId(), 77) },
		"a check-in": func(f *fixture, _ *okrv1.Objective, k *okrv1.KeyResult) {
			must(f.CreateCheckIn(f.as(ceo), &okrv1.CreateCheckInRequest{
				KeyResultId: k.GetId(), CheckIn: &okrv1.CheckIn{Value: "60", Confidence: okrv1.Confidence_CONFIDENCE_OFF_TRACK, Note: "Bad"},
			}))(f.t)
		},
		"a key result deleted": func(f *fixture, _ *okrv1.Objective, k *okrv1.KeyResult) {
			must(f.DeleteKeyResult(f.as(ceo), &okrv1.DeleteKeyResultRequest{KeyResultId: k.GetId()}))(f.t)
		},
	}
}

// grown is a fixture with an objective below another, which has two key results, one with a check-in.
func grown(t *testing.T) (f *fixture, o *okrv1.Objective, k *okrv1.KeyResult) {
	t.Helper()
	f = newFixture(t)
	top := f.createObjective("Top")
	o = must(f.CreateObjective(f.as(ceo), &okrv1.CreateObjectiveRequest{
		Objective: &okrv1.Objective{Title: "Grow", ParentId: top.GetId(), OwnerId: "me", Cycle: "2026-Q4", Description: "By all means"},
	}))(t)
	k = f.createKeyResult(o.GetId(), "By ten")
	f.createKeyResult(o.GetId(), "By five")
	f.clock.advance(time.Hour)
	f.setAttainment(k.GetId(), 40)
	f.clock.advance(time.Hour)
	return f, o, k
}

func TestUndoingBringsBackWhatWasBeforeAndUndoingThatWhatWasAfter(t *testing.T) {
	for name, change := range inverses() {
		t.Run(name, func(t *testing.T) {
			f, o, k := grown(t)
			history := must(f.ListCheckIns(f.as(ceo), &okrv1.ListCheckInsRequest{KeyResultId: k.GetId()}))(t).GetCheckIns()
			change(f, o, k)
			last := f.changes(ceo)[f.seq()-1]
			after := f.everything()
			f.clock.advance(time.Hour)
			if got := f.previewed(ceo, last.GetSeq()); got.GetOutcome() != undone || got.GetUndoneBySeq() != 0 {
				t.Errorf("the preview is %v", got)
			}
			result := f.undo(ceo, last.GetSeq())
			u := f.changes(ceo)[f.seq()-1]
			if result.GetOutcome() != undone || result.GetUndoneBySeq() != u.GetSeq() || result.GetKind() != last.GetKind() || u.GetUndoes() != last.GetSeq() {
				t.Errorf("the result is %v, the change %v", result, u)
			}
			want := inversePermissions(last)[0]
			wantEqual(t, u.GetPermission(), want)
			before := f.everything()
			if proto.Equal(before, after) {
				t.Error("nothing has changed")
			}
			checkAsBefore(t, last, u)
			if c := must(f.ListChanges(f.as(ceo), &okrv1.ListChangesRequest{ObjectiveId: result.GetObjectiveId(), OrderBy: newestFirst, PageSize: 1}))(t).GetChanges()[0]; c.GetSeq() != u.GetSeq() {
				t.Errorf("the history of the objective ends with %v", c)
			}
			if got := f.undo(ceo, last.GetSeq()); got.GetOutcome() != alreadyUndone || got.GetUndoneBySeq() != u.GetSeq() || f.seq() != u.GetSeq() {
				t.Errorf("once more it answers %v", got)
			}
			f.undo(ceo, u.GetSeq())
			wantEqual(t, f.everything(), after)
			f.undo(ceo, f.seq())
			wantEqual(t, f.everything(), before)
			if _, err := f.GetKeyResult(f.as(ceo), &okrv1.GetKeyResultRequest{KeyResultId: k.GetId()}); err == nil {
				got := must(f.ListCheckIns(f.as(ceo), &okrv1.ListCheckInsRequest{KeyResultId: k.GetId()}))(t).GetCheckIns()
				if len(got) < len(history) || !proto.Equal(got[len(got)-1], history[0]) {
					t.Errorf("of the check-ins there are left %v", got)
				}
			}
		})
	}
}

// checkAsBefore compares what an undoing made with what was there before the change.
func checkAsBefore(t *testing.T, c, u *okrv1.Change) {
	t.Helper()
	plain := func(s *okrv1.Snapshot) *okrv1.Snapshot {
		if s = proto.CloneOf(s); s.GetObjective() != nil {
			o := s.GetObjective()
			o.Etag, o.UpdateTime, o.Updater = "", nil, nil
		}
		if k := s.GetKeyResult(); k != nil {
			k.Etag, k.UpdateTime, k.Updater, k.CheckInCount = "", nil, nil, 0
		}
		return s
	}
	wantEqual(t, plain(u.GetAfter()), plain(c.GetBefore()))
	wantEqual(t, plain(u.GetBefore()), plain(c.GetAfter()))
	if got := u.GetAfter().GetKeyResult(); got != nil && got.GetEtag() == c.GetBefore().GetKeyResult().GetEtag() {
		t.Error("the etag is that of before, which others may hold")
	}
}

func TestWhatOthersChangedSinceIsNotUndone(t *testing.T) {
	f, o, k := grown(t)
	must(f.UpdateKeyResult(f.as(ceo), &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: k.GetId(), Title: "Other"}}))(t)
	target := f.seq()
	must(f.UpdateKeyResult(f.as(manager), &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: k.GetId(), Title: "Another"}}))(t)
	later := f.seq()
	f.setAttainment(f.getObjective(o.GetId()).GetKeyResults()[1].GetId(), 5) // of another key result, which is no concern
	before := f.everything()
	_, err := f.UndoChange(f.as(ceo), &okrv1.UndoChangeRequest{Seq: target})
	wantReason(t, err, codes.Aborted, "UNDO_CONFLICT")
	got := f.previewed(ceo, target)
	if got.GetOutcome() != changedSince || got.GetChangedSinceSeq() != later || got.GetChangedSinceBy().GetMemberId() != "member-manager-acme" {
		t.Errorf("the preview is %v", got)
	}
	wantEqual(t, f.everything(), before)
	f.undo(ceo, later)
	if got := f.undo(ceo, target); got.GetOutcome() != undone {
		t.Errorf("when that was undone, it is %v", got)
	}
	t.Run("nor an objective in which others have made something", func(t *testing.T) {
		p := f.createObjective("Mine")
		created := f.seq()
		must(f.CreateKeyResult(f.as(manager), &okrv1.CreateKeyResultRequest{ObjectiveId: p.GetId(), KeyResult: &okrv1.KeyResult{Title: "Theirs"}}))(t)
		_, err := f.UndoChange(f.as(ceo), &okrv1.UndoChangeRequest{Seq: created})
		wantReason(t, err, codes.Aborted, "UNDO_CONFLICT")
	})
	t.Run("nor what is gone with its objective", func(t *testing.T) {
		f.setAttainment(k.GetId(), 50)
		reported := f.seq()
		must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()}))(t)
		deleted := f.seq()
		_, err := f.UndoChange(f.as(ceo), &okrv1.UndoChangeRequest{Seq: reported})
		wantReason(t, err, codes.Aborted, "UNDO_CONFLICT")
		f.undo(ceo, deleted)
		if got := f.undo(ceo, reported); got.GetOutcome() != undone {
			t.Errorf("when the objective is back, it is %v", got)
		}
	})
	t.Run("nor what the present state forbids", func(t *testing.T) {
		f.setAttainment(k.GetId(), 50)
		reported := f.seq()
		must(f.ArchiveObjective(f.as(ceo), &okrv1.ArchiveObjectiveRequest{ObjectiveId: o.GetId()}))(t)
		_, err := f.UndoChange(f.as(ceo), &okrv1.UndoChangeRequest{Seq: reported})
		wantReason(t, err, codes.FailedPrecondition, "OBJECTIVE_STATE_CONFLICT")
		if got := f.previewed(ceo, reported); got.GetOutcome() != notPossible || got.GetMessage() == "" {
			t.Errorf("the preview is %v", got)
		}
	})
}

// The permission that counts is the one for the inverse, whoever made the change.
func TestUndoingNeedsThePermissionOfTheInverse(t *testing.T) {
	for name, change := range inverses() {
		t.Run(name, func(t *testing.T) {
			f, o, k := grown(t)
			change(f, o, k)
			c, all := f.changes(ceo)[f.seq()-1], callers()
			for _, caller := range []string{ceo, manager, employee, objectivesAgent, reporter} {
				p := all[caller]
				may := readable(access.Caller{Principal: p}).Change(c) != nil
				lacks := false
				for _, needed := range inversePermissions(c) {
					lacks = lacks || !access.Permits(p, needed.GetResource(), needed.GetAction())
				}
				_, err := f.UndoChange(f.as(caller), &okrv1.UndoChangeRequest{Seq: c.GetSeq()})
				switch {
				case (lacks || !may) && p.GetClientId() != "":
					wantReason(t, err, codes.PermissionDenied, "SCOPE_MISSING")
				case lacks:
					wantReason(t, err, codes.PermissionDenied, "ROLE_MISSING")
				case err != nil:
					t.Errorf("%s is refused: %v", caller, err)
				default:
					f.undo(ceo, f.seq()) // as it was for the next one
					c = f.changes(ceo)[f.seq()-1]
					if u := f.changes(ceo)[f.seq()-2]; u.GetActor().GetMemberId() != p.GetMemberId() || u.GetVia().GetClientId() != p.GetClientId() {
						t.Errorf("the undoing names %v through %v", u.GetActor(), u.GetVia())
					}
				}
			}
			if _, err := f.UndoChange(f.as(reader), &okrv1.UndoChangeRequest{Seq: c.GetSeq()}); err == nil {
				t.Error("a reader may undo")
			}
		})
	}
}

func TestAChangeThatIsNoneCannotBeUndone(t *testing.T) {
	f, _, _ := grown(t)
	for _, seq := range []int64{f.seq() + 1, 1 << 62} {
		for _, preview := range []bool{false, true} {
			_, err := f.UndoChange(f.as(ceo), &okrv1.UndoChangeRequest{Seq: seq, Preview: preview})
			wantReason(t, err, codes.NotFound, "CHANGE_NOT_FOUND")
		}
	}
	_, err := f.UndoChange(f.as(ceo), &okrv1.UndoChangeRequest{})
	wantReason(t, err, codes.InvalidArgument, "FIELD_INVALID")
	_, err = f.UndoChange(f.as(globexCEO), &okrv1.UndoChangeRequest{Seq: 1})
	wantReason(t, err, codes.NotFound, "CHANGE_NOT_FOUND")
}

func TestAnUndoingIsRepeatedByItsRequestID(t *testing.T) {
	f, _, _ := grown(t)
	req := &okrv1.UndoChangeRequest{Seq: f.seq(), RequestId: "once"}
	first := must(f.UndoChange(f.as(ceo), req))(t)
	f.undo(ceo, f.seq()) // the change is there again
	head := f.seq()
	wantEqual(t, must(f.UndoChange(f.as(ceo), req))(t), first)
	if f.seq() != head {
		t.Error("it was undone again")
	}
}

func TestEverythingThatAClientDidIsUndoneWithinATime(t *testing.T) {
	f, o, k := grown(t)
	agent := f.as(objectivesAgent)
	rename := func(ctx context.Context, title string) int64 {
		f.clock.advance(time.Minute)
		must(f.UpdateObjective(ctx, &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o.GetId(), Title: title}}))(t)
		return f.seq()
	}
	early := rename(agent, "Early")
	f.clock.advance(time.Minute)
	start := timestamppb.New(f.clock.Now())
	before := f.everything()
	first := rename(agent, "First")
	second := rename(agent, "Second")
	created := must(f.CreateObjective(agent, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Made by an agent"}}))(t)
	f.setAttainment(k.GetId(), 90) // in person, which stays
	f.clock.advance(time.Minute)
	must(f.UpdateKeyResult(f.as(reporter), &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: k.GetId(), Title: "Reported"}}))(t)
	req := &okrv1.UndoClientChangesRequest{ClientId: testClient, StartTime: start}

	preview := proto.CloneOf(req)
	preview.Preview = true
	head := f.seq()
	planned := f.undoClient(ceo, preview)
	if got := outcomes(planned); got[undone] != 4 || len(got) != 1 || f.seq() != head {
		t.Errorf("the preview is %v", planned)
	}
	results := f.undoClient(ceo, req)
	if got := outcomes(results); got[undone] != 4 || len(got) != 1 || f.seq() != head+4 {
		t.Errorf("undone: %v", results)
	}
	if results[2].GetSeq() != second || results[3].GetSeq() != first {
		t.Errorf("the order is %v", results)
	}
	after := f.everything()
	if kr := after.GetObjectives()[1].GetKeyResults()[0]; kr.GetAttainment() != 90 {
		t.Errorf("what was done in person became %v", kr)
	}
	for _, list := range []*okrv1.ListObjectivesResponse{before, after} { // but for the attainment all is as before
		list.GetObjectives()[1].KeyResults[0], list.GetObjectives()[1].Progress = nil, nil
	}
	wantEqual(t, after, before)
	if _, err := f.GetObjective(f.as(ceo), &okrv1.GetObjectiveRequest{ObjectiveId: created.GetId()}); err == nil {
		t.Error("what was created is there still")
	}
	t.Run("a second time there is nothing to do", func(t *testing.T) {
		head := f.seq()
		if got := outcomes(f.undoClient(ceo, req)); got[alreadyUndone] != 4 || len(got) != 1 || f.seq() != head {
			t.Errorf("undone: %v", got)
		}
	})
	t.Run("the rest is for who may not do all of it", func(t *testing.T) {
		got := f.undoClient(employee, &okrv1.UndoClientChangesRequest{ClientId: testClient})
		last := got[len(got)-1]
		if last.GetSeq() != early || last.GetOutcome() != notPermitted || last.GetMessage() != "it needs the permission objective:update" {
			t.Errorf("for an employee: %v", last)
		}
		got = f.undoClient(reporter, &okrv1.UndoClientChangesRequest{ClientId: testClient})
		last = got[len(got)-1]
		if last.GetOutcome() != notPermitted || last.GetObjectiveId() != "" || last.GetKind() != 0 {
			t.Errorf("for who may not read objectives: %v", last)
		}
	})
	t.Run("another client or member has nothing", func(t *testing.T) {
		for _, none := range []*okrv1.UndoClientChangesRequest{
			{ClientId: "another"}, {ClientId: testClient, MemberId: "another"}, {ClientId: testClient, EndTime: timestamppb.New(time.Unix(0, 0))},
		} {
			if got := f.undoClient(ceo, none); len(got) > 0 {
				t.Errorf("undone: %v", got)
			}
		}
	})
	t.Run("an agent that undoes what it did does not undo that", func(t *testing.T) {
		mine := &okrv1.UndoClientChangesRequest{ClientId: testClient, MemberId: "me", EndTime: timestamppb.New(f.clock.Now().Add(time.Hour))}
		if got := outcomes(f.undoClient(objectivesAgent, mine)); got[undone] != 1 {
			t.Errorf("undone: %v", got)
		}
		head := f.seq()
		if got := outcomes(f.undoClient(objectivesAgent, mine)); got[undone] != 0 || f.seq() != head {
			t.Errorf("a second time: %v", got)
		}
	})
	t.Run("a continuation of something else is refused", func(t *testing.T) {
		other := proto.CloneOf(req)
		for _, continuation := range []string{"x", "AAAA", f.server.cursor(acme, 3)} {
			other.Continuation = continuation
			_, err := f.UndoClientChanges(f.as(ceo), other)
			wantReason(t, err, codes.InvalidArgument, "CONTINUATION_INVALID")
		}
		_, err := f.UndoClientChanges(f.as(ceo), &okrv1.UndoClientChangesRequest{})
		wantReason(t, err, codes.InvalidArgument, "FIELD_INVALID")
	})
}

// losing is an engine that applies an Update and loses the answer, once, as a process does that is killed.
type losing struct {
	storage.Engine
	left atomic.Int64
}

var errLost = errors.New("the answer was lost")

func (l *losing) Update(ctx context.Context, organization string, fn func(storage.Tx) error) error {
	err := l.Engine.Update(ctx, organization, fn)
	if l.left.Add(-1) == 0 && err == nil {
		return errLost
	}
	return err
}

// One client makes very many changes, others change some of it since, and the undoing is interrupted on the way.
// There are 10,000 changes, and 500 of others since; fewer with the race detector, unless OKR_TEST_UNDO says so.
func TestVeryManyChangesOfAClientAreUndoneButForWhatOthersChangedSince(t *testing.T) {
	onDisk := manyChanges
	if text := os.Getenv("OKR_TEST_UNDO"); text != "" {
		onDisk = must(strconv.Atoi(text))(t)
	}
	for name, test := range map[string]struct {
		engine           func() storage.Engine
		changes, foreign int
		cut              int64
	}{
		"in memory": {func() storage.Engine { return memengine.New() }, 600, 30, 10},
		"on a disk": {func() storage.Engine {
			return must(boltengine.Open(t.Context(), boltengine.Config{Path: t.TempDir() + "/okr.db", Upgrades: Upgrades()}))(t)
		}, onDisk, onDisk / 20, int64(onDisk / 100)},
	} {
		t.Run(name, func(t *testing.T) {
			engine := test.engine()
			defer func() {
				if err := engine.Close(); err != nil {
					t.Error(err)
				}
			}()
			lossy := &losing{Engine: engine}
			server, clock := newServer(t, lossy, time.Minute)
			agent := directly(t.Context(), agentOfAll())
			person := directly(t.Context(), callers()[manager])
			ids := massChanges(t, server, must(access.CallerFrom(agent))(t), test.changes)
			clock.advance(time.Hour)
			theirs := map[string]bool{}
			var work errgroup.Group
			work.SetLimit(64) // which share the commits
			for _, id := range ids[:test.foreign] {
				theirs[id] = true
				work.Go(func() error {
					_, err := server.UpdateKeyResult(person, &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: id, Title: "Theirs"}})
					return err
				})
			}
			if err := work.Wait(); err != nil {
				t.Fatal(err)
			}
			head := verified(t, engine, acme).Head.seq
			lossy.left.Store(test.cut)
			req := &okrv1.UndoClientChangesRequest{ClientId: testClient}
			found, interrupted, calls := map[int64]okrv1.UndoOutcome{}, 0, 0
			named := map[string]bool{}
			for {
				calls++
				answer, err := server.UndoClientChanges(agent, req)
				if errors.Is(err, errLost) { // the same call again
					interrupted++
					continue
				}
				for _, r := range must(answer, err)(t).GetResults() {
					found[r.GetSeq()] = r.GetOutcome()
					if r.GetOutcome() == changedSince && r.GetKeyResultId() != "" {
						named[r.GetKeyResultId()] = true
						if r.GetChangedSinceBy().GetMemberId() != "member-manager-acme" {
							t.Fatalf("named is %v", r)
						}
					}
				}
				if req.Continuation = answer.GetContinuation(); req.Continuation == "" {
					break
				}
			}
			counts := map[okrv1.UndoOutcome]int{}
			for _, outcome := range found {
				counts[outcome]++
			}
			objectives := test.changes / massPerObjective
			kept := (test.foreign + massPerObjective - 2) / (massPerObjective - 1) // objectives that hold what others changed
			if interrupted != 1 || counts[changedSince] != test.foreign+kept || counts[undone]+counts[alreadyUndone] != test.changes-test.foreign-kept {
				t.Errorf("interrupted %d times, in %d calls: %v", interrupted, calls, counts)
			}
			if len(named) != test.foreign {
				t.Errorf("%d key results are named", len(named))
			}
			v := verified(t, engine, acme)
			if written := v.Head.seq - head; v.Broken != nil || written != int64(test.changes-test.foreign-kept) {
				t.Errorf("%d changes were written, %v", written, v.Broken)
			}
			left := len(contents(t, engine, acme, prefixObjective))
			if left != kept || left == objectives {
				t.Errorf("%d objectives are left of %d, want %d", left, objectives, kept)
			}
			for _, value := range contents(t, engine, acme, prefixObjective) {
				for _, k := range must(decode(value, new(okrv1.Objective)))(t).GetKeyResults() {
					if !theirs[k.GetId()] || k.GetTitle() != "Theirs" {
						t.Fatalf("left is %v", k)
					}
				}
			}
		})
	}
}

// massPerObjective is how many changes make an objective and its key results, in one transaction.
const massPerObjective = 20

// massChanges makes changes by a client, an objective and then its key results at a time, and answers the key results.
func massChanges(t *testing.T, s *Server, client access.Caller, changes int) (keyResults []string) {
	t.Helper()
	for i := range changes / massPerObjective {
		err := s.engine.Update(t.Context(), acme, func(tx storage.Tx) error {
			m, err := s.newMutation(records{tx, &s.documents}, client, "", "", s.now())
			if err != nil {
				return err
			}
			o := &okrv1.Objective{Id: fmt.Sprintf("okr_%013d", i), Title: "O", State: active}
			m.stampObjective(o)
			if err := m.record(okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CREATED, nil, snapshotOfObjective(o)); err != nil {
				return err
			}
			for j := range massPerObjective - 1 {
				m.next()
				k := okr.CompleteKeyResult(&okrv1.KeyResult{Id: fmt.Sprintf("kr_%08d%05d", i, j), ObjectiveId: o.GetId(), Title: "K"})
				m.stampKeyResult(k)
				o = okr.WithKeyResult(o, k)
				err := errors.Join(m.putKeyResultParent(k), m.record(okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CREATED, nil, snapshotOfKeyResult(k)))
				if err != nil {
					return err
				}
			}
			return m.putObjective(o)
		})
		if err != nil {
			t.Fatal(err)
		}
		for j := range massPerObjective - 1 {
			keyResults = append(keyResults, fmt.Sprintf("kr_%08d%05d", i, j))
		}
	}
	return keyResults
}

// Random changes by an agent and by a person, on a few key results: of each key result, what the agent did last in a row
// is undone and nothing else, and the preview says so before.
func TestOfEachThingTheClientsLastChangesInARowAreUndone(t *testing.T) {
	agent, person := agentOfAll(), callers()[ceo]
	rapid.Check(t, func(rt *rapid.T) {
		server, clock := newServer(t, newEngine(t), time.Minute)
		asAgent, asPerson := directly(t.Context(), agent), directly(t.Context(), person)
		o := must(server.CreateObjective(asPerson, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "O"}}))(t)
		type step struct {
			agents bool
			title  string // empty: it is gone
		}
		history := map[string][]step{}
		var ids []string
		for i := range rapid.IntRange(1, 25).Draw(rt, "steps") {
			clock.advance(time.Second)
			agents := rapid.Bool().Draw(rt, "agent")
			ctx := asPerson
			if agents {
				ctx = asAgent
			}
			title := fmt.Sprint("title ", i)
			n := rapid.IntRange(0, 4).Draw(rt, "key result")
			if n >= len(ids) {
				k := must(server.CreateKeyResult(ctx, &okrv1.CreateKeyResultRequest{ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: title}}))(t)
				ids = append(ids, k.GetId())
				history[k.GetId()] = []step{{agents: agents, title: title}}
				continue
			}
			id := ids[n]
			if steps := history[id]; steps[len(steps)-1].title == "" {
				continue
			}
			if rapid.IntRange(0, 3).Draw(rt, "what") == 0 {
				must(server.DeleteKeyResult(ctx, &okrv1.DeleteKeyResultRequest{KeyResultId: id}))(t)
				title = ""
			} else {
				must(server.UpdateKeyResult(ctx, &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: id, Title: title}}))(t)
			}
			history[id] = append(history[id], step{agents, title})
		}
		req := &okrv1.UndoClientChangesRequest{ClientId: testClient, Preview: true}
		planned := must(server.UndoClientChanges(asPerson, req))(t)
		req.Preview = false
		done := must(server.UndoClientChanges(asPerson, req))(t)
		for i, r := range done.GetResults() {
			p := planned.GetResults()[i]
			if p.GetSeq() != r.GetSeq() || p.GetOutcome() != r.GetOutcome() || p.GetChangedSinceSeq() != r.GetChangedSinceSeq() {
				rt.Errorf("planned was %v, done %v", p, r)
			}
		}
		now := must(server.GetObjective(asPerson, &okrv1.GetObjectiveRequest{ObjectiveId: o.GetId()}))(t)
		for id, steps := range history {
			for len(steps) > 0 && steps[len(steps)-1].agents {
				steps = steps[:len(steps)-1]
			}
			want := ""
			if len(steps) > 0 {
				want = steps[len(steps)-1].title
			}
			if got := okr.FindKeyResult(now, id).GetTitle(); got != want {
				rt.Errorf("%s is called %q, want %q, of %+v", id, got, want, history[id])
			}
		}
	})
}

func TestWhatStandsInTheWayOfWhatWouldComeBack(t *testing.T) {
	f, o, k := grown(t)
	must(f.DeleteKeyResult(f.as(ceo), &okrv1.DeleteKeyResultRequest{KeyResultId: k.GetId()}))(t)
	deletedResult := f.seq()
	full := f.getObjective(o.GetId())
	for i := len(full.GetKeyResults()); i < okr.MaxKeyResults; i++ {
		full = okr.WithKeyResult(full, okr.CompleteKeyResult(&okrv1.KeyResult{Id: fmt.Sprintf("kr_%013d", i), ObjectiveId: o.GetId(), Title: "K"}))
	}
	f.plant(acme, full)
	_, err := f.UndoChange(f.as(ceo), &okrv1.UndoChangeRequest{Seq: deletedResult})
	wantReason(t, err, codes.FailedPrecondition, "KEY_RESULT_LIMIT_REACHED")

	must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()}))(t)
	deleted := f.seq()
	f.server.maxObjectives = 1
	_, err = f.UndoChange(f.as(ceo), &okrv1.UndoChangeRequest{Seq: deleted})
	wantReason(t, err, codes.FailedPrecondition, "OBJECTIVE_LIMIT_REACHED")
	f.server.maxObjectives = 0
	must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetParentId()}))(t)
	f.undo(ceo, deleted)
	if back := f.getObjective(o.GetId()); back.GetParentId() != o.GetParentId() || len(back.GetKeyResults()) != okr.MaxKeyResults {
		t.Errorf("what came back is %v", back)
	}
	f.undo(ceo, f.seq()-1) // the parent, which has its child again
	list := must(f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{ParentId: o.GetParentId()}))(t)
	if len(list.GetObjectives()) != 1 {
		t.Errorf("below the parent there is %v", list.GetObjectives())
	}
}
