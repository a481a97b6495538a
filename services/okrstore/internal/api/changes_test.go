package api

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

func TestEveryMutationWritesItsChange(t *testing.T) {
	f := newFixture(t)
	created := f.createObjective("Grow")
	f.clock.advance(time.Second)
	result := f.createKeyResult(created.GetId(), "By ten")
	renamed := must(f.UpdateObjective(f.as(ceo), &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: created.GetId(), Title: "Shrink"}}))(t)
	retitled := must(f.UpdateKeyResult(f.as(ceo), &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: result.GetId(), Title: "By five"}}))(t)
	set := f.setAttainment(result.GetId(), 40)
	second := f.createKeyResult(created.GetId(), "By six")
	must(f.DeleteKeyResult(f.as(ceo), &okrv1.DeleteKeyResultRequest{KeyResultId: second.GetId()}))(t)
	id := created.GetId()
	closed := must(f.CloseObjective(f.as(ceo), &okrv1.CloseObjectiveRequest{ObjectiveId: id, Score: "0.7", ClosingNote: "Nearly"}))(t)
	reopened := must(f.ReopenObjective(f.as(ceo), &okrv1.ReopenObjectiveRequest{ObjectiveId: id}))(t)
	archived := must(f.ArchiveObjective(f.as(ceo), &okrv1.ArchiveObjectiveRequest{ObjectiveId: id}))(t)
	restored := must(f.RestoreObjective(f.as(ceo), &okrv1.RestoreObjectiveRequest{ObjectiveId: id}))(t)
	whole := f.getObjective(id)
	must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: created.GetId()}))(t)

	ofObjective, ofKeyResult := snapshotOfObjective, snapshotOfKeyResult
	want := []struct {
		permission    string
		kind          okrv1.ChangeKind
		before, after *okrv1.Snapshot
	}{
		{"objective:create", okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CREATED, nil, ofObjective(created)},
		{"key_result:create", okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CREATED, nil, ofKeyResult(result)},
		{"objective:update", okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_UPDATED, ofObjective(created), ofObjective(okr.OwnFields(renamed))},
		{"key_result:update", okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_UPDATED, ofKeyResult(result), ofKeyResult(retitled)},
		{"key_result:update", okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CHECKED_IN, ofKeyResult(retitled), ofKeyResult(set)},
		{"key_result:create", okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CREATED, nil, ofKeyResult(second)},
		{"key_result:delete", okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_DELETED, ofKeyResult(second), nil},
		{"objective:update", okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CLOSED, ofObjective(okr.OwnFields(renamed)), ofObjective(okr.OwnFields(closed))},
		{"objective:update", okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_REOPENED, ofObjective(okr.OwnFields(closed)), ofObjective(okr.OwnFields(reopened))},
		{"objective:update", okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_ARCHIVED, ofObjective(okr.OwnFields(reopened)), ofObjective(okr.OwnFields(archived))},
		{"objective:update", okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_RESTORED, ofObjective(okr.OwnFields(archived)), ofObjective(okr.OwnFields(restored))},
		{"objective:delete", okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_DELETED, ofObjective(whole), nil},
	}
	log := f.changes(ceo)
	if len(log) != len(want) {
		t.Fatalf("%d changes, want %d", len(log), len(want))
	}
	for i, c := range log {
		t.Run(fmt.Sprint(i+1, " ", want[i].permission), func(t *testing.T) {
			if c.GetSeq() != int64(i+1) {
				t.Errorf("seq %d", c.GetSeq())
			}
			if c.GetKind() != want[i].kind {
				t.Errorf("kind %s, want %s", c.GetKind(), want[i].kind)
			}
			wantEqual(t, c.GetBefore(), want[i].before)
			wantEqual(t, c.GetAfter(), want[i].after)
			if got := c.GetPermission().GetResource() + ":" + map[accessv1.Action]string{1: "create", 3: "update", 4: "delete"}[c.GetPermission().GetAction()]; got != want[i].permission {
				t.Errorf("permission %s", got)
			}
			wantEqual(t, c.GetActor(), &okrv1.Member{MemberId: "member-ceo-acme", DisplayName: "Name of member-ceo-acme"})
			wantEqual(t, c.GetVia(), &okrv1.Via{Surface: accessv1.Surface_SURFACE_GRPC})
			if c.GetCorrelationId() == "" || c.GetCursor() == "" {
				t.Errorf("correlation id %q, cursor %q", c.GetCorrelationId(), c.GetCursor())
			}
		})
	}
}

func TestAChangeNamesTheAgentThatMadeItAndTheRequest(t *testing.T) {
	f := newFixture(t)
	ctx := kittest.With(f.as(objectivesAgent), telemetry.MetadataCorrelationID, "correlation-1")
	must(f.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Grow"}, RequestId: "request-1"}))(t)
	c := f.changes(ceo)[0]
	wantEqual(t, c.GetActor(), &okrv1.Member{MemberId: "member-ceo-acme", DisplayName: "Name of member-ceo-acme"})
	wantEqual(t, c.GetVia(), &okrv1.Via{
		Surface: accessv1.Surface_SURFACE_MCP, ClientId: "connected-app-test", ClientName: "Test Agent",
	})
	if c.GetCorrelationId() != "correlation-1" || c.GetRequestId() != "request-1" {
		t.Errorf("correlation id %q, request id %q", c.GetCorrelationId(), c.GetRequestId())
	}
}

func TestAClockThatIsSetBackDoesNotTurnTheLogAround(t *testing.T) {
	f := newFixture(t)
	f.createObjective("A")
	first := f.clock.Now()
	f.clock.advance(-time.Hour)
	f.createObjective("B")
	f.clock.advance(2 * time.Hour)
	f.createObjective("C")
	log := f.changes(ceo)
	for i, want := range []time.Time{first, first, first.Add(time.Hour)} {
		wantEqual(t, log[i].GetCreateTime(), timestamppb.New(want))
	}
}

func seqs(changes []*okrv1.Change) []int64 {
	var all []int64
	for _, c := range changes {
		all = append(all, c.GetSeq())
	}
	return all
}

func TestListChanges(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("O") // 1
	for i := range 4 {
		f.createKeyResult(o.GetId(), fmt.Sprint(i)) // 2 to 5
	}
	f.createObjective("P") // 6
	cursors := map[int64]string{}
	for _, c := range f.changes(ceo) {
		cursors[c.GetSeq()] = c.GetCursor()
	}
	tests := map[string]struct {
		caller string
		after  int64
		order  string
		want   []int64
	}{
		"from the beginning":                           {caller: ceo, want: []int64{1, 2, 3, 4, 5, 6}},
		"in the named default order":                   {caller: ceo, order: "seq", want: []int64{1, 2, 3, 4, 5, 6}},
		"newest first":                                 {caller: ceo, order: "seq desc", want: []int64{6, 5, 4, 3, 2, 1}},
		"after a position":                             {caller: ceo, after: 4, want: []int64{5, 6}},
		"after a position, newest first":               {caller: ceo, after: 4, order: "seq desc", want: []int64{6, 5}},
		"after the end":                                {caller: ceo, after: 6, want: nil},
		"for who reads objectives alone":               {caller: objectivesAgent, want: []int64{1, 6}},
		"for who reads objectives alone, newest first": {caller: objectivesAgent, order: "seq desc", want: []int64{6, 1}},
		"for who reads key results alone":              {caller: reporter, want: []int64{2, 3, 4, 5}},
		"for an employee":                              {caller: employee, want: []int64{1, 2, 3, 4, 5, 6}},
		"for another organization":                     {caller: globexCEO, want: nil},
	}
	for name, test := range tests {
		for _, size := range []int32{1, 2, 5, 0} {
			t.Run(fmt.Sprintf("%s in pages of %d", name, size), func(t *testing.T) {
				var got []int64
				eachPage(t, func(token string) string {
					page := must(f.ListChanges(f.as(test.caller), &okrv1.ListChangesRequest{
						AfterCursor: cursors[test.after], OrderBy: test.order, PageSize: size, PageToken: token,
					}))(t)
					got = append(got, seqs(page.GetChanges())...)
					if test.caller != globexCEO && page.GetCursor() != cursors[6] {
						t.Error("the page's cursor is not the end of the log")
					}
					return page.GetNextPageToken()
				})
				if !slices.Equal(got, test.want) {
					t.Errorf("listed %v, want %v", got, test.want)
				}
			})
		}
	}
	t.Run("in an unknown order is refused", func(t *testing.T) {
		_, err := f.ListChanges(f.as(ceo), &okrv1.ListChangesRequest{OrderBy: "actor"})
		wantReason(t, err, codes.InvalidArgument, "FIELD_INVALID")
	})
}

func TestTheDeletionOfAnObjectiveShowsItsKeyResultsToThoseWhoMayReadThem(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("O")
	f.createKeyResult(o.GetId(), "K")
	must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()}))(t)
	last := func(caller string) *okrv1.Change {
		log := f.changes(caller)
		return log[len(log)-1]
	}
	if got := last(reader).GetBefore().GetObjective(); len(got.GetKeyResults()) != 1 {
		t.Errorf("a reader of both sees %v", got)
	}
	if got := last(objectivesAgent).GetBefore().GetObjective(); got.GetTitle() != "O" || len(got.GetKeyResults()) != 0 || got.Progress != nil {
		t.Errorf("a reader of objectives sees %v", got)
	}
	if got := seqs(f.changes(reporter)); !slices.Equal(got, []int64{2}) {
		t.Errorf("a reader of key results sees the changes %v", got)
	}
}

func TestCursors(t *testing.T) {
	f := newFixture(t)
	empty := must(f.ListChanges(f.as(ceo), &okrv1.ListChangesRequest{}))(t).GetCursor()
	for range 3 {
		f.createObjective("O")
	}
	end := must(f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{}))(t).GetCursor()
	use := func(f *fixture, caller, cursor string) ([]int64, error) {
		page, err := f.ListChanges(f.as(caller), &okrv1.ListChangesRequest{AfterCursor: cursor})
		stream, watchErr := f.WatchChanges(f.as(caller), &okrv1.WatchChangesRequest{AfterCursor: cursor})
		if watchErr == nil {
			_, watchErr = stream.Recv()
		}
		if (err == nil) != (watchErr == nil) {
			t.Errorf("ListChanges says %v, WatchChanges %v", err, watchErr)
		}
		return seqs(page.GetChanges()), err
	}
	if got := must(use(f, ceo, empty))(t); !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("after the cursor of the empty log come %v", got)
	}
	if got := must(use(f, ceo, end))(t); got != nil {
		t.Errorf("after the last cursor come %v", got)
	}
	if got := must(f.ListKeyResults(f.as(ceo), &okrv1.ListKeyResultsRequest{}))(t).GetCursor(); got != end {
		t.Errorf("ListKeyResults names the position %s, ListObjectives %s", got, end)
	}
	invalid := map[string]string{
		"beyond the end":          f.server.cursor(acme, 4),
		"far beyond the end":      f.server.cursor(acme, 1<<62),
		"of another organization": f.server.cursor(globex, 0),
		"cut short":               end[:len(end)-1],
		"made longer":             end + "AA",
		"that is not base64":      "?" + end[1:],
		"that is a page token":    "AAAA",
	}
	for i := range end {
		flipped := []byte(end)
		if flipped[i] = 'A'; end[i] == 'A' {
			flipped[i] = 'B'
		}
		invalid[fmt.Sprint("changed at ", i)] = string(flipped)
	}
	for name, cursor := range invalid {
		t.Run(name, func(t *testing.T) {
			_, err := use(f, ceo, cursor)
			wantReason(t, err, codes.InvalidArgument, "CURSOR_INVALID")
		})
	}
	t.Run("from before a restore are too old", func(t *testing.T) {
		restored := newFixtureOn(t, newEngine(t), time.Minute)
		_, err := use(restored, ceo, end)
		wantReason(t, err, codes.OutOfRange, "CURSOR_TOO_OLD")
	})
}

// Whoever folds the log has the state: history, undo and export rest on that.
func TestTheLogAloneRebuildsTheState(t *testing.T) {
	f := newFixture(t)
	for i := range 5 {
		o := f.createObjective(fmt.Sprint(i))
		for range i {
			f.setAttainment(f.createKeyResult(o.GetId(), "K").GetId(), int32(10*i))
		}
	}
	objectives := map[string]*okrv1.Objective{}
	for _, c := range f.changes(ceo) {
		switch after := c.GetAfter().GetResource().(type) {
		case *okrv1.Snapshot_Objective:
			objectives[after.Objective.GetId()] = after.Objective
		case *okrv1.Snapshot_KeyResult:
			parent := after.KeyResult.GetObjectiveId()
			objectives[parent] = okr.WithKeyResult(objectives[parent], after.KeyResult)
		}
	}
	list := must(f.ListObjectives(f.as(ceo), &okrv1.ListObjectivesRequest{}))(t)
	for _, o := range list.GetObjectives() {
		if folded := okr.Derive(objectives[o.GetId()], f.server.today()); !proto.Equal(folded, o) {
			t.Errorf("the log makes %v of %v", folded, o)
		}
	}
	if len(list.GetObjectives()) != len(objectives) {
		t.Errorf("the log knows %d objectives, the list %d", len(objectives), len(list.GetObjectives()))
	}
}
