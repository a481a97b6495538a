package okrclient

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// library has objectives 0 to 6 in pages of up to 3, an empty page among them, and fails after the page failAfter.
func library(t *testing.T, asked *[]*okrv1.ListObjectivesRequest, failAfter string) *scripted {
	t.Helper()
	next := map[string]string{"": "p1", "p1": "p2", "p2": "p3", "p3": ""}
	from := map[string][]int{"": {0, 1, 2}, "p1": {}, "p2": {3, 4, 5}, "p3": {6}}
	return &scripted{list: func(_ context.Context, req *okrv1.ListObjectivesRequest) (*okrv1.ListObjectivesResponse, error) {
		*asked = append(*asked, req)
		if failAfter != "" && req.GetPageToken() == failAfter {
			return nil, refusal(t, codes.InvalidArgument, "PAGE_TOKEN_INVALID")
		}
		page := &okrv1.ListObjectivesResponse{NextPageToken: next[req.GetPageToken()], Cursor: "c" + req.GetPageToken()}
		for _, n := range from[req.GetPageToken()] {
			page.Objectives = append(page.Objectives, &okrv1.Objective{Id: fmt.Sprint(n)})
		}
		return page, nil
	}}
}

func TestALoopGoesThroughAllPages(t *testing.T) {
	for _, c := range []struct {
		name      string
		req       *okrv1.ListObjectivesRequest
		leaveAt   string
		failAfter string
		want      []string
		pages     int
	}{
		{"empty ones as well", &okrv1.ListObjectivesRequest{Cycle: "2026"}, "", "", []string{"0", "1", "2", "3", "4", "5", "6"}, 4},
		{"without a request", nil, "", "", []string{"0", "1", "2", "3", "4", "5", "6"}, 4},
		{"from the page that is asked for", &okrv1.ListObjectivesRequest{Cycle: "2026", PageToken: "p2"}, "", "", []string{"3", "4", "5", "6"}, 2},
		{"and asks for no page that it does not need", &okrv1.ListObjectivesRequest{Cycle: "2026"}, "2", "", []string{"0", "1", "2"}, 1},
		{"up to an error", &okrv1.ListObjectivesRequest{Cycle: "2026"}, "", "p2", []string{"0", "1", "2"}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked []*okrv1.ListObjectivesRequest
			client, _ := client(t, library(t, &asked, c.failAfter), nil)
			given := c.req.GetPageToken()
			var got []string
			var failed error
			for objective, err := range client.Objectives(t.Context(), c.req) {
				if failed != nil {
					t.Fatal("the loop goes on after an error")
				}
				if failed = err; err != nil {
					continue
				}
				if got = append(got, objective.GetId()); objective.GetId() == c.leaveAt {
					break
				}
			}
			if !slices.Equal(got, c.want) || len(asked) != c.pages {
				t.Errorf("it goes through %v with %d pages, want %v with %d", got, len(asked), c.want, c.pages)
			}
			if (failed != nil) != (c.failAfter != "") || failed != nil && ReasonOf(failed) != accessv1.ErrorReason_ERROR_REASON_PAGE_TOKEN_INVALID {
				t.Errorf("it ends with %v", failed)
			}
			for _, req := range asked {
				if req.GetCycle() != c.req.GetCycle() {
					t.Errorf("a page is asked for by %v", req)
				}
			}
			if c.req.GetPageToken() != given {
				t.Error("the caller's request was changed")
			}
		})
	}
}

func TestASnapshotHasTheCursorOfItsFirstPage(t *testing.T) {
	var asked []*okrv1.ListObjectivesRequest
	c, _ := client(t, library(t, &asked, ""), nil)
	objectives, cursor, err := c.Snapshot(t.Context(), &okrv1.ListObjectivesRequest{})
	if err != nil || len(objectives) != 7 || cursor != "c" {
		t.Errorf("the snapshot has %d objectives and the cursor %q: %v", len(objectives), cursor, err)
	}
	asked = nil
	broken, _ := client(t, library(t, &asked, "p2"), nil)
	if objectives, cursor, err := broken.Snapshot(t.Context(), nil); err == nil || objectives != nil || cursor != "" {
		t.Errorf("half a snapshot is answered: %v %q %v", objectives, cursor, err)
	}
}
