package api

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// due lists what a member is to report on, page by page, as the titles of the key results.
func (f *fixture) due(caller, owner string, size int32) []string {
	f.t.Helper()
	var titles []string
	eachPage(f.t, func(token string) string {
		page := must(f.ListDueKeyResults(f.as(caller), &okrv1.ListDueKeyResultsRequest{OwnerId: owner, PageSize: size, PageToken: token}))(f.t)
		for _, d := range page.GetKeyResults() {
			titles = append(titles, d.GetKeyResult().GetTitle())
		}
		return page.GetNextPageToken()
	})
	return titles
}

func TestWhatAMemberIsToReportOn(t *testing.T) {
	f := newFixture(t)
	const me = "member-ceo-acme"
	add := func(o *okrv1.Objective, title, owner string) string {
		f.clock.advance(time.Hour)
		return must(f.CreateKeyResult(f.as(ceo), &okrv1.CreateKeyResultRequest{
			ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: title, OwnerId: owner},
		}))(t).GetId()
	}
	mine, theirs := f.owned("Mine", me), f.owned("Theirs", "other")
	done, away := f.owned("Done", me), f.owned("Away", me)
	first := add(mine, "first", "")
	add(theirs, "second", me)
	add(mine, "of another", "other")
	add(theirs, "of nobody in theirs", "")
	reached := add(mine, "reached", me)
	add(mine, "third", me)
	add(done, "in a closed one", me)
	add(away, "in an archived one", me)
	f.setAttainment(reached, 100)
	must(f.CloseObjective(f.as(ceo), &okrv1.CloseObjectiveRequest{ObjectiveId: done.GetId(), Score: "1"}))(t)
	must(f.ArchiveObjective(f.as(ceo), &okrv1.ArchiveObjectiveRequest{ObjectiveId: away.GetId()}))(t)
	want := func(caller, owner string, titles ...string) {
		t.Helper()
		for _, size := range []int32{0, 1, 2} {
			if got := f.due(caller, owner, size); !slices.Equal(got, titles) {
				t.Errorf("in pages of %d: %q, want %q", size, got, titles)
			}
		}
	}
	want(ceo, "", "first", "second", "third")
	want(ceo, "me", "first", "second", "third")
	want(employee, me, "first", "second", "third")
	want(employee, "")
	want(ceo, "other", "of another", "of nobody in theirs")

	f.clock.advance(time.Hour)
	must(f.CreateCheckIn(f.as(ceo), &okrv1.CreateCheckInRequest{KeyResultId: first, CheckIn: &okrv1.CheckIn{Note: "Still at it."}}))(t)
	want(ceo, "", "second", "third", "first")
	f.setAttainment(reached, 90)
	want(ceo, "", "second", "third", "first", "reached")
	must(f.ReopenObjective(f.as(ceo), &okrv1.ReopenObjectiveRequest{ObjectiveId: done.GetId()}))(t)
	want(ceo, "", "second", "third", "in a closed one", "first", "reached")

	t.Run("with the objective's title for those who may read it", func(t *testing.T) {
		for caller, title := range map[string]string{reader: "Theirs", reporter: ""} {
			got := must(f.ListDueKeyResults(f.as(caller), &okrv1.ListDueKeyResultsRequest{}))(t).GetKeyResults()[0]
			if got.GetObjectiveTitle() != title || got.GetKeyResult().GetTitle() != "second" {
				t.Errorf("%s sees %v", caller, got)
			}
		}
		_, err := f.ListDueKeyResults(f.as(objectivesAgent), &okrv1.ListDueKeyResultsRequest{})
		wantReason(t, err, codes.PermissionDenied, "SCOPE_MISSING")
	})
	t.Run("with what is derived from the day", func(t *testing.T) {
		f.clock.advance(20 * 24 * time.Hour)
		if k := must(f.ListDueKeyResults(f.as(ceo), &okrv1.ListDueKeyResultsRequest{}))(t).GetKeyResults()[0].GetKeyResult(); !k.GetStale() {
			t.Errorf("after 20 days it is %v", k)
		}
	})
	t.Run("a token belongs to whose list it is", func(t *testing.T) {
		token := must(f.ListDueKeyResults(f.as(ceo), &okrv1.ListDueKeyResultsRequest{PageSize: 1}))(t).GetNextPageToken()
		must(f.ListDueKeyResults(f.as(ceo), &okrv1.ListDueKeyResultsRequest{OwnerId: "me", PageToken: token}))(t)
		_, err := f.ListDueKeyResults(f.as(employee), &okrv1.ListDueKeyResultsRequest{PageToken: token})
		wantReason(t, err, codes.InvalidArgument, "PAGE_TOKEN_INVALID")
	})
}

// What a member owns may be more than a page may read: then nothing is left out and nothing comes twice, and each part is
// in order.
func TestADueListOfVeryMuchComesInParts(t *testing.T) {
	f := newFixture(t)
	f.server.pageScan = smallScan
	const n = 2*smallScan/minScanCost + 10
	for i := 0; i < n; i += 25 {
		err := f.engine.Update(t.Context(), acme, func(tx storage.Tx) error {
			for j := i; j < min(i+25, n); j++ {
				id := fmt.Sprintf("%06d", j)
				o := &okrv1.Objective{Id: "okr_" + id, Title: "O", State: active, OwnerId: "m", KeyResults: []*okrv1.KeyResult{{
					Id: "kr_" + id, ObjectiveId: "okr_" + id, Title: id, CreateTime: timestamppb.New(time.Unix(int64(n-j), 0)),
				}}}
				r := records{tx, &f.server.documents}
				if err := errors.Join(r.putObjective(o), r.putKeyResultParent(o.GetKeyResults()[0])); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	titles := f.due(ceo, "m", 200)
	turns := 0
	for i := 1; i < len(titles); i++ {
		if titles[i-1] < titles[i] { // the youngest objective has the key result that waited longest
			turns++
		}
	}
	slices.SortFunc(titles, strings.Compare)
	if len(slices.Compact(titles)) != n || turns != 2 {
		t.Errorf("%d of %d are listed, in %d parts", len(titles), n, turns+1)
	}
}
