package api

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// history asks for every page, in pages of a size, and returns the positions of what is listed.
func (f *fixture) history(caller string, req *okrv1.ListChangesRequest, size int32) []int64 {
	f.t.Helper()
	var all []int64
	req = proto.CloneOf(req)
	req.PageSize = size
	eachPage(f.t, func(token string) string {
		req.PageToken = token
		page := must(f.ListChanges(f.as(caller), req))(f.t)
		all = append(all, seqs(page.GetChanges())...)
		return page.GetNextPageToken()
	})
	return all
}

func TestListChangesByWhatIsAskedFor(t *testing.T) {
	f := newFixture(t)
	start := f.clock.Now()
	step := func() { f.clock.advance(time.Minute) }
	o := f.createObjective("O") // 1, at minute 0
	step()
	k := f.createKeyResult(o.GetId(), "K") // 2, at minute 1
	l := f.createKeyResult(o.GetId(), "L") // 3, at minute 1
	step()
	p := f.createObjective("P")                                       // 4, at minute 2
	must(f.CreateCheckIn(f.as(employee), &okrv1.CreateCheckInRequest{ // 5, at minute 2
		KeyResultId: k.GetId(), CheckIn: &okrv1.CheckIn{Value: "10"},
	}))(t)
	step()
	must(f.SetKeyResultAttainment(f.as(reporter), &okrv1.SetKeyResultAttainmentRequest{ // 6, at minute 3
		KeyResultId: l.GetId(), Attainment: new(int32(5)),
	}))(t)
	must(f.CloseObjective(f.as(ceo), &okrv1.CloseObjectiveRequest{ObjectiveId: o.GetId(), Score: "0.5"}))(t) // 7, at minute 3
	step()
	must(f.DeleteKeyResult(f.as(ceo), &okrv1.DeleteKeyResultRequest{KeyResultId: k.GetId()}))(t)                                             // 8, at minute 4
	must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()}))(t)                                             // 9, at minute 4
	must(f.UpdateObjective(f.as(objectivesAgent), &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: p.GetId(), Title: "Q"}}))(t) // 10

	minute := func(n float64) *timestamppb.Timestamp {
		return timestamppb.New(start.Add(time.Duration(n * float64(time.Minute))))
	}
	kinds := func(k ...okrv1.ChangeKind) *okrv1.ListChangesRequest { return &okrv1.ListChangesRequest{Kinds: k} }
	for name, test := range map[string]struct {
		req    *okrv1.ListChangesRequest
		caller string
		want   []int64
	}{
		"a deleted objective, with its key results": {req: &okrv1.ListChangesRequest{ObjectiveId: o.GetId()}, want: []int64{1, 2, 3, 5, 6, 7, 8, 9}},
		"an objective":                             {req: &okrv1.ListChangesRequest{ObjectiveId: p.GetId()}, want: []int64{4, 10}},
		"an objective, without its key results":    {req: &okrv1.ListChangesRequest{ObjectiveId: o.GetId()}, caller: objectivesAgent, want: []int64{1, 7, 9}},
		"an objective, the key results alone":      {req: &okrv1.ListChangesRequest{ObjectiveId: o.GetId()}, caller: reporter, want: []int64{2, 3, 5, 6, 8}},
		"a key result that was deleted":            {req: &okrv1.ListChangesRequest{KeyResultId: k.GetId()}, want: []int64{2, 5, 8}},
		"a key result whose objective was deleted": {req: &okrv1.ListChangesRequest{KeyResultId: l.GetId()}, want: []int64{3, 6}},
		"a key result in its objective":            {req: &okrv1.ListChangesRequest{KeyResultId: l.GetId(), ObjectiveId: o.GetId()}, want: []int64{3, 6}},
		"a key result in another objective":        {req: &okrv1.ListChangesRequest{KeyResultId: l.GetId(), ObjectiveId: p.GetId()}},
		"a key result that never was":              {req: &okrv1.ListChangesRequest{KeyResultId: unknownKeyResult}},
		"an objective that never was":              {req: &okrv1.ListChangesRequest{ObjectiveId: unknownObjective}},
		"a key result, for who may not read any":   {req: &okrv1.ListChangesRequest{KeyResultId: k.GetId()}, caller: objectivesAgent},
		"the other organization's":                 {req: &okrv1.ListChangesRequest{ObjectiveId: o.GetId()}, caller: globexCEO},
		"a member, in person or through an agent":  {req: &okrv1.ListChangesRequest{MemberId: "member-ceo-acme"}, want: []int64{1, 2, 3, 4, 6, 7, 8, 9, 10}},
		"me":                                  {req: &okrv1.ListChangesRequest{MemberId: "me"}, caller: employee, want: []int64{5}},
		"a client":                            {req: &okrv1.ListChangesRequest{ClientId: "connected-app-test"}, want: []int64{6, 10}},
		"a client that did nothing":           {req: &okrv1.ListChangesRequest{ClientId: "connected"}},
		"a surface":                           {req: &okrv1.ListChangesRequest{Surface: accessv1.Surface_SURFACE_MCP}, want: []int64{6, 10}},
		"a kind":                              {req: kinds(okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CHECKED_IN), want: []int64{5, 6}},
		"kinds":                               {req: kinds(okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CLOSED, okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_DELETED), want: []int64{7, 8}},
		"from a time on":                      {req: &okrv1.ListChangesRequest{StartTime: minute(3)}, want: []int64{6, 7, 8, 9, 10}},
		"from between two times on":           {req: &okrv1.ListChangesRequest{StartTime: minute(2.5)}, want: []int64{6, 7, 8, 9, 10}},
		"before a time":                       {req: &okrv1.ListChangesRequest{EndTime: minute(2)}, want: []int64{1, 2, 3}},
		"between two times":                   {req: &okrv1.ListChangesRequest{StartTime: minute(1), EndTime: minute(3)}, want: []int64{2, 3, 4, 5}},
		"between two times that are the same": {req: &okrv1.ListChangesRequest{StartTime: minute(1), EndTime: minute(1)}},
		"after the end before the beginning":  {req: &okrv1.ListChangesRequest{StartTime: minute(3), EndTime: minute(1)}},
		"before everything":                   {req: &okrv1.ListChangesRequest{EndTime: minute(-1)}},
		"after everything":                    {req: &okrv1.ListChangesRequest{StartTime: minute(60)}},
		"from the beginning of time on":       {req: &okrv1.ListChangesRequest{StartTime: &timestamppb.Timestamp{Seconds: -62135596800}}, want: []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		"an objective between two times":      {req: &okrv1.ListChangesRequest{ObjectiveId: o.GetId(), StartTime: minute(1), EndTime: minute(3)}, want: []int64{2, 3, 5}},
		"an objective after a position":       {req: &okrv1.ListChangesRequest{ObjectiveId: o.GetId(), AfterCursor: f.server.cursor(acme, 6)}, want: []int64{7, 8, 9}},
		"a member, a kind and a surface":      {req: &okrv1.ListChangesRequest{MemberId: "me", Kinds: []okrv1.ChangeKind{okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CREATED}, Surface: accessv1.Surface_SURFACE_GRPC}, want: []int64{1, 4}},
		"a time and a position, whichever is the later": {req: &okrv1.ListChangesRequest{AfterCursor: f.server.cursor(acme, 7), StartTime: minute(1)}, want: []int64{8, 9, 10}},
		"a position and a time, whichever is the later": {req: &okrv1.ListChangesRequest{AfterCursor: f.server.cursor(acme, 1), StartTime: minute(3)}, want: []int64{6, 7, 8, 9, 10}},
	} {
		t.Run(name, func(t *testing.T) {
			caller := test.caller
			if caller == "" {
				caller = ceo
			}
			for _, size := range []int32{0, 1, 3} {
				test.req.OrderBy = ""
				if got := f.history(caller, test.req, size); !slices.Equal(got, test.want) {
					t.Errorf("in pages of %d: %v, want %v", size, got, test.want)
				}
				test.req.OrderBy = newestFirst
				got := f.history(caller, test.req, size)
				slices.Reverse(got)
				if !slices.Equal(got, test.want) {
					t.Errorf("newest first in pages of %d: %v, want %v", size, got, test.want)
				}
			}
		})
	}
	t.Run("a token belongs to its conditions and to who me is", func(t *testing.T) {
		token := must(f.ListChanges(f.as(ceo), &okrv1.ListChangesRequest{MemberId: "me", PageSize: 1}))(t).GetNextPageToken()
		for caller, req := range map[string]*okrv1.ListChangesRequest{
			employee: {MemberId: "me"}, ceo: {MemberId: "me", ObjectiveId: o.GetId()}, reporter: {},
		} {
			req.PageToken = token
			_, err := f.ListChanges(f.as(caller), req)
			wantReason(t, err, codes.InvalidArgument, "PAGE_TOKEN_INVALID")
		}
	})
	t.Run("a kind that is none is refused", func(t *testing.T) {
		_, err := f.ListChanges(f.as(ceo), kinds(0))
		wantReason(t, err, codes.InvalidArgument, "FIELD_INVALID")
	})
}

// A long log with one thing to find in it: a page reads as much as it may and no more.
func TestALogThatMatchesLittleHasShortPagesAndAnEnd(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("O")
	k := f.createKeyResult(o.GetId(), "K")
	l := f.createKeyResult(o.GetId(), "L")
	f.server.pageScan = smallScan
	const n = 2*smallScan/minScanCost + 100
	filler := f.changes(ceo)[2]
	for i := 0; i < n; i += 40 {
		err := f.engine.Update(t.Context(), acme, func(tx storage.Tx) error {
			r := records{tx, &f.server.documents}
			head, err := r.head()
			if err != nil {
				return err
			}
			for j := range 40 {
				c := proto.CloneOf(filler)
				c.Cursor, c.Seq = "", head.GetSeq()+1+int64(j)
				if head.hash, err = r.putChange(c, head.hash); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	f.setAttainment(k.GetId(), 5)
	f.setAttainment(l.GetId(), 5)
	for name, req := range map[string]*okrv1.ListChangesRequest{
		"of everything":   {Kinds: []okrv1.ChangeKind{okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CHECKED_IN}},
		"of a key result": {KeyResultId: k.GetId()},
	} {
		for _, order := range []string{"", newestFirst} {
			t.Run(name+" "+order, func(t *testing.T) {
				req.OrderBy = order
				found, pages := 0, 0
				eachPage(t, func(token string) string {
					pages++
					req.PageToken = token
					page := must(f.ListChanges(f.as(ceo), req))(t)
					found += len(page.GetChanges())
					return page.GetNextPageToken()
				})
				if found != 2 || pages != 3 {
					t.Errorf("%d found in %d pages", found, pages)
				}
			})
		}
	}
}

// The place of a time in the log, by looking at a few entries, is what looking at all of them says.
func TestTheFirstChangeAtATime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		engine := newEngine(t)
		gaps := rapid.SliceOfN(rapid.Int64Range(0, 2), 0, 20).Draw(rt, "seconds between changes")
		at := rapid.Int64Range(-1, 20).Draw(rt, "second")
		want, now := int64(len(gaps)+1), int64(0)
		err := engine.Update(t.Context(), acme, func(tx storage.Tx) error {
			var hash chainHash
			for i, gap := range gaps {
				now += gap
				seq := int64(i + 1)
				if now >= at && seq < want {
					want = seq
				}
				c := &okrv1.Change{Seq: seq, CreateTime: &timestamppb.Timestamp{Seconds: now}, After: snapshotOfObjective(&okrv1.Objective{Id: fmt.Sprint("o", i)})}
				var err error
				if hash, err = (records{tx: tx}).putChange(c, hash); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			rt.Fatal(err)
		}
		err = engine.View(t.Context(), acme, func(tx storage.Tx) error {
			got, err := records{tx: tx}.firstChangeAt(time.Unix(at, 0), int64(len(gaps)))
			if err == nil && got != want {
				rt.Errorf("the first change at second %d is %d, want %d", at, got, want)
			}
			return err
		})
		if err != nil {
			rt.Fatal(err)
		}
	})
}
