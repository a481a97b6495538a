package okrstore_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore"
)

// start runs okr-store on a real file with the production interceptors, and callers of two organizations.
func start(t *testing.T) okrv1.OkrServiceClient {
	t.Helper()
	ceo := kittest.CEO("acme")
	listener := kittest.Listen(t)
	cfg := okrstore.Config{
		DataDir: t.TempDir(), Listener: listener, Heartbeat: 15 * time.Second, ProposalLifetime: time.Hour, Logger: slog.New(slog.DiscardHandler),
		Authenticator: kittest.Authenticator{
			"ceo": ceo, "manager": kittest.Manager("acme"), "employee": kittest.Employee("acme"), "other": kittest.CEO("globex"),
			"objectives-agent": kittest.Agent(ceo, "manage:objectives"), "reporter": kittest.Agent(ceo, "report_kr_status"),
		},
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	stopped := make(chan error, 1)
	go func() { stopped <- okrstore.Run(ctx, cfg) }()
	client := okrv1.NewOkrServiceClient(kittest.Dial(t, listener.Addr().String()))
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			t.Errorf("okr-store stopped with: %v", err)
		}
	})
	return client
}

func create(t *testing.T, c okrv1.OkrServiceClient, title string) *okrv1.Objective {
	t.Helper()
	objective, err := c.CreateObjective(kittest.As(t.Context(), "ceo"), &okrv1.CreateObjectiveRequest{
		Objective: &okrv1.Objective{Title: title},
	})
	if err != nil {
		t.Fatal(err)
	}
	return objective
}

func addKeyResult(ctx context.Context, c okrv1.OkrServiceClient, objective, title string) (*okrv1.KeyResult, error) {
	return c.CreateKeyResult(ctx, &okrv1.CreateKeyResultRequest{
		ObjectiveId: objective, KeyResult: &okrv1.KeyResult{Title: title},
	})
}

func wantReason(t *testing.T, err error, code codes.Code, reason string) {
	t.Helper()
	if got := rpcerr.ReasonName(rpcerr.ReasonOf(err)); status.Code(err) != code || got != reason {
		t.Errorf("got %v with reason %s, want %s with %s", err, got, code, reason)
	}
}

func TestTwoHundredConcurrentAddsLeaveTwoHundredWithDistinctIDs(t *testing.T) {
	c := start(t)
	objective := create(t, c, "Grow")
	var wait sync.WaitGroup
	for i := range 200 {
		wait.Go(func() {
			if _, err := addKeyResult(kittest.As(t.Context(), "ceo"), c, objective.GetId(), fmt.Sprint("result ", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	got, err := c.GetObjective(kittest.As(t.Context(), "ceo"), &okrv1.GetObjectiveRequest{ObjectiveId: objective.GetId()})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, k := range got.GetKeyResults() {
		ids[k.GetId()] = true
	}
	if len(got.GetKeyResults()) != 200 || len(ids) != 200 {
		t.Errorf("%d key results with %d ids, want 200", len(got.GetKeyResults()), len(ids))
	}
	changes, err := c.ListChanges(kittest.As(t.Context(), "ceo"), &okrv1.ListChangesRequest{PageSize: 1, OrderBy: "seq desc"})
	if err != nil || changes.GetChanges()[0].GetSeq() != 201 {
		t.Errorf("the log ends with %v, %v, want the 201st change", changes, err)
	}
}

func TestAnotherOrganizationsResourcesLookLikeThoseThatDoNotExist(t *testing.T) {
	c := start(t)
	objective := create(t, c, "Secret of Acme")
	result, err := addKeyResult(kittest.As(t.Context(), "ceo"), c, objective.GetId(), "Known to Acme")
	if err != nil {
		t.Fatal(err)
	}
	other := kittest.As(t.Context(), "other")
	for name, call := range map[string]func(objective, result string) error{
		"GetObjective": func(o, _ string) error {
			_, err := c.GetObjective(other, &okrv1.GetObjectiveRequest{ObjectiveId: o})
			return err
		},
		"UpdateObjective": func(o, _ string) error {
			_, err := c.UpdateObjective(other, &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: o, Title: "x"}})
			return err
		},
		"DeleteObjective": func(o, _ string) error {
			_, err := c.DeleteObjective(other, &okrv1.DeleteObjectiveRequest{ObjectiveId: o})
			return err
		},
		"CreateKeyResult": func(o, _ string) error { _, err := addKeyResult(other, c, o, "x"); return err },
		"GetKeyResult": func(_, k string) error {
			_, err := c.GetKeyResult(other, &okrv1.GetKeyResultRequest{KeyResultId: k})
			return err
		},
		"SetKeyResultAttainment": func(_, k string) error {
			_, err := c.SetKeyResultAttainment(other, &okrv1.SetKeyResultAttainmentRequest{KeyResultId: k, Attainment: proto.Int32(1)})
			return err
		},
		"DeleteKeyResult": func(_, k string) error {
			_, err := c.DeleteKeyResult(other, &okrv1.DeleteKeyResultRequest{KeyResultId: k})
			return err
		},
	} {
		foreign, unknown := call(objective.GetId(), result.GetId()), call("okr_0000000000000", "kr_0000000000000")
		if status.Code(foreign) != codes.NotFound {
			t.Errorf("%s: %v, want NotFound", name, foreign)
		}
		blank := strings.NewReplacer(objective.GetId(), "ID", result.GetId(), "ID", "okr_0000000000000", "ID", "kr_0000000000000", "ID")
		if a, b := blank.Replace(foreign.Error()), blank.Replace(unknown.Error()); a != b {
			t.Errorf("%s tells a foreign id from an unknown one: %q, %q", name, a, b)
		}
	}
	list, err := c.ListObjectives(other, &okrv1.ListObjectivesRequest{})
	if err != nil || len(list.GetObjectives()) != 0 {
		t.Errorf("the other organization lists %v, %v", list, err)
	}
	changes, err := c.ListChanges(other, &okrv1.ListChangesRequest{})
	if err != nil || len(changes.GetChanges()) != 0 {
		t.Errorf("the other organization sees the changes %v, %v", changes, err)
	}
}

func TestWhatTheCallerMayNotReadIsTakenOutOfAnswers(t *testing.T) {
	c := start(t)
	objective := create(t, c, "Grow")
	result, err := addKeyResult(kittest.As(t.Context(), "ceo"), c, objective.GetId(), "By ten")
	if err != nil {
		t.Fatal(err)
	}
	agent, reporter := kittest.As(t.Context(), "objectives-agent"), kittest.As(t.Context(), "reporter")
	got, err := c.GetObjective(agent, &okrv1.GetObjectiveRequest{ObjectiveId: objective.GetId()})
	if err != nil || len(got.GetKeyResults()) != 0 || got.Progress != nil {
		t.Errorf("an agent without key_result:read got %v, %v", got, err)
	}
	changes, err := c.ListChanges(agent, &okrv1.ListChangesRequest{})
	if err != nil || len(changes.GetChanges()) != 1 || changes.GetChanges()[0].GetAfter().GetObjective() == nil {
		t.Errorf("it saw the changes %v, %v, want the objective's alone", changes, err)
	}
	list, err := c.ListKeyResults(reporter, &okrv1.ListKeyResultsRequest{})
	if err != nil || len(list.GetKeyResults()) != 1 || list.GetKeyResults()[0].GetId() != result.GetId() {
		t.Errorf("an agent that may report finds %v, %v", list, err)
	}
	_, err = c.ListObjectives(reporter, &okrv1.ListObjectivesRequest{})
	wantReason(t, err, codes.PermissionDenied, "SCOPE_MISSING")
	_, err = c.CreateObjective(kittest.As(t.Context(), "employee"), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "x"}})
	wantReason(t, err, codes.PermissionDenied, "ROLE_MISSING")
}

func TestARequestIDMakesACallSafeToRepeat(t *testing.T) {
	c := start(t)
	ctx := kittest.As(t.Context(), "ceo")
	req := &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Once"}, RequestId: "r-1"}
	first, err := c.CreateObjective(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.CreateObjective(ctx, req)
	if err != nil || !proto.Equal(first, again) {
		t.Errorf("repeated: %v, %v, want %v", again, err, first)
	}
	_, err = c.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Twice"}, RequestId: "r-1"})
	wantReason(t, err, codes.InvalidArgument, "REQUEST_ID_REUSED")
	list, err := c.ListObjectives(ctx, &okrv1.ListObjectivesRequest{})
	if err != nil || len(list.GetObjectives()) != 1 {
		t.Errorf("there are %d objectives, want 1: %v", len(list.GetObjectives()), err)
	}
}

func TestOfConcurrentUpdatesWithTheSameEtagOneWins(t *testing.T) {
	c := start(t)
	objective := create(t, c, "Grow")
	ctx := kittest.As(t.Context(), "ceo")
	errs := make([]error, 16)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() {
			_, errs[i] = c.UpdateObjective(ctx, &okrv1.UpdateObjectiveRequest{
				Objective:  &okrv1.Objective{Id: objective.GetId(), Etag: objective.GetEtag(), Title: fmt.Sprint("title ", i)},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"title"}},
			})
		})
	}
	wait.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		wantReason(t, err, codes.Aborted, "ETAG_MISMATCH")
	}
	if won != 1 {
		t.Errorf("%d updates won, want 1", won)
	}
}

func TestBadValuesAreRefusedWithTheFieldAndLoseNothing(t *testing.T) {
	c := start(t)
	objective := create(t, c, "Grow")
	ctx := kittest.As(t.Context(), "ceo")
	result, err := addKeyResult(ctx, c, objective.GetId(), "By ten")
	if err != nil {
		t.Fatal(err)
	}
	for _, attainment := range []*int32{proto.Int32(1000), proto.Int32(-5), proto.Int32(101), nil} {
		_, err := c.SetKeyResultAttainment(ctx, &okrv1.SetKeyResultAttainmentRequest{KeyResultId: result.GetId(), Attainment: attainment})
		wantReason(t, err, codes.InvalidArgument, "FIELD_INVALID")
	}
	for _, title := range []string{"", " \t", "a\x00b", "a\u202eb", strings.Repeat("x", 501), strings.Repeat("x", 1<<20)} {
		_, err := addKeyResult(ctx, c, objective.GetId(), title)
		wantReason(t, err, codes.InvalidArgument, "FIELD_INVALID")
		_, err = c.UpdateObjective(ctx, &okrv1.UpdateObjectiveRequest{
			Objective: &okrv1.Objective{Id: objective.GetId(), Title: title}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"title"}},
		})
		wantReason(t, err, codes.InvalidArgument, "FIELD_INVALID")
	}
	got, err := c.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: objective.GetId()})
	if err != nil || got.GetTitle() != "Grow" || len(got.GetKeyResults()) != 1 || got.GetKeyResults()[0].GetAttainment() != 0 {
		t.Errorf("the objective became %v, %v", got, err)
	}
}

func TestPagesHoldEveryObjectiveOnceAndTokensServeTheirRequestAlone(t *testing.T) {
	c := start(t)
	ctx := kittest.As(t.Context(), "ceo")
	var want, got []string
	for i := range 7 {
		want = append(want, create(t, c, fmt.Sprint("objective ", i)).GetId())
	}
	var token, first string
	for {
		page, err := c.ListObjectives(ctx, &okrv1.ListObjectivesRequest{PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.GetObjectives() {
			got = append(got, o.GetId())
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
		if first == "" {
			first = token
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the pages hold %v, want %v", got, want)
	}
	_, err := c.ListKeyResults(ctx, &okrv1.ListKeyResultsRequest{PageToken: first})
	wantReason(t, err, codes.InvalidArgument, "PAGE_TOKEN_INVALID")
	_, err = c.ListObjectives(ctx, &okrv1.ListObjectivesRequest{PageToken: first[:len(first)-2] + "xx"})
	wantReason(t, err, codes.InvalidArgument, "PAGE_TOKEN_INVALID")
	_, err = c.ListObjectives(kittest.As(t.Context(), "other"), &okrv1.ListObjectivesRequest{PageToken: first})
	wantReason(t, err, codes.InvalidArgument, "PAGE_TOKEN_INVALID")
}

func TestAWatcherThatDropsAndResumesMissesNothingAndSeesNothingTwice(t *testing.T) {
	c := start(t)
	objective := create(t, c, "Grow")
	ctx := kittest.As(t.Context(), "ceo")
	const writes, resumes = 200, 300 // package api's own test resumes a thousand times
	var wait sync.WaitGroup
	wait.Go(func() {
		for i := range writes {
			if _, err := addKeyResult(ctx, c, objective.GetId(), fmt.Sprint("result ", i)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	list, err := c.ListChanges(ctx, &okrv1.ListChangesRequest{PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	cursor, last := list.GetChanges()[0].GetCursor(), list.GetChanges()[0].GetSeq()
	for resumed := 0; resumed < resumes || last < writes+1; resumed++ {
		dropped, drop := context.WithCancel(ctx)
		stream, err := c.WatchChanges(dropped, &okrv1.WatchChangesRequest{AfterCursor: cursor})
		for range 1 + resumed%3 { // the heartbeat first, then up to two changes that may have come
			if err != nil {
				break
			}
			var message *okrv1.WatchChangesResponse
			if message, err = stream.Recv(); err != nil {
				break
			}
			cursor = message.GetCursor()
			if change := message.GetChange(); change != nil {
				if change.GetSeq() != last+1 {
					t.Fatalf("after change %d came %d", last, change.GetSeq())
				}
				last = change.GetSeq()
			}
			if last == writes+1 {
				break
			}
		}
		drop()
		if err != nil {
			t.Fatal(err)
		}
	}
	wait.Wait()
}
