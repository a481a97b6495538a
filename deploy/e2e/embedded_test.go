package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// history is an organization in which everything has happened once.
type history struct {
	ceo *person
	// kept has key results and stays; deleted is to be deleted, with its key result, by the test.
	kept, deleted string
	// start is the cursor before the first change but one.
	start string
}

const (
	// secret is in the title of every key result, and of nothing else.
	secret = "a measure"
	// aim is in the title of every objective, and of nothing else.
	aim = "an aim"
)

// ofKeyResults matches what only key results have, or what follows from them.
var ofKeyResults = regexp.MustCompile(secret + `|\bkr_[0-9A-Z]{13}|progress"?:|keyResult"?:|key_result|attainment`)

func newHistory(t *testing.T) *history {
	t.Helper()
	ceo, _ := running.found(t)
	h := &history{ceo: ceo}
	gone := ceo.objective(t, aim+" that was given up")
	h.start = ceo.must(t, http.MethodGet, "/api/v1/changes", "").text("cursor")
	h.kept = ceo.objective(t, aim)
	h.deleted = ceo.objective(t, aim+" to delete")
	for _, objective := range []string{gone, h.kept, h.kept, h.deleted} {
		keyResult := ceo.keyResult(t, objective, secret)
		ceo.must(t, http.MethodPost, "/api/v1/keyResults/"+keyResult+":setAttainment", `{"attainment":70}`)
	}
	ceo.must(t, http.MethodDelete, "/api/v1/objectives/"+gone, "")
	return h
}

// request is a message that asks for as much as the RPC can tell.
func (h *history) request(rpc string) proto.Message {
	switch rpc {
	case "okr.v1.OkrService/CreateObjective":
		return &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: aim}}
	case "okr.v1.OkrService/GetObjective":
		return &okrv1.GetObjectiveRequest{ObjectiveId: h.kept}
	case "okr.v1.OkrService/ListObjectives":
		return &okrv1.ListObjectivesRequest{PageSize: 200}
	case "okr.v1.OkrService/UpdateObjective":
		return &okrv1.UpdateObjectiveRequest{Objective: &okrv1.Objective{Id: h.kept, Title: aim + " again"}}
	case "okr.v1.OkrService/ListChanges":
		return &okrv1.ListChangesRequest{PageSize: 200}
	}
	return nil
}

// An agent that may not read key results learns nothing of them through what embeds them.
func TestWhoMayNotReadKeyResultsSeesNoneInObjectivesNorInChanges(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	headers := bearerHeader(h.ceo.letIn(t, "Agent for objectives", "manage:objectives").AccessToken)
	control := sessionHeaders(t, h.ceo)
	for _, s := range []surface{overGRPC{running}, overREST{running}} {
		t.Run(s.name(), func(t *testing.T) {
			streamed := running.watch(t, s.name(), headers, h.start)
			asked := 0
			for _, op := range s.operations() {
				message := h.request(op.rpcName())
				if message == nil {
					continue
				}
				asked++
				got, err := s.call(t.Context(), op, headers.Clone(), message)
				if err != nil || got.code != codes.OK {
					t.Fatalf("%s: %s, %v", op.name, got, err)
				}
				if text := ofKeyResults.FindString(got.body); text != "" {
					t.Errorf("%s tells of %s: %s", op.name, text, got.body)
				}
				if !strings.Contains(got.body, aim) {
					t.Errorf("%s does not tell of objectives: %s", op.name, got.body)
				}
				// The same does tell those of it who may know.
				if strings.Contains(op.rpcName(), "Create") {
					continue
				}
				if got, err := s.call(t.Context(), op, control[s.name()].Clone(), message); err != nil || !strings.Contains(got.body, secret) {
					t.Errorf("%s does not tell the CEO: %s, %v", op.name, got.body, err)
				}
			}
			if asked != 5 {
				t.Errorf("%d operations were asked, want 5", asked)
			}
			h.ceo.objective(t, aim+" at the end of "+s.name())
			changes := until(t, streamed, "at the end of "+s.name())
			deletions := 0
			for _, change := range changes {
				if text := ofKeyResults.FindString(fmt.Sprint(change)); text != "" {
					t.Errorf("the stream tells of %s: %v", text, change)
				}
				if change["after"] == nil {
					deletions++
				}
			}
			if deletions != 1 {
				t.Errorf("the stream tells of %d deletions, want 1: %v", deletions, changes)
			}
		})
	}
}

// An agent that may only report on key results finds them, without learning of objectives.
func TestWhoMayOnlyReportFindsTheKeyResultsAndNothingElse(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	token := h.ceo.letIn(t, "Reporter", "report_kr_status").AccessToken
	reporter := running.asAgent(token)

	found := reporter.must(t, http.MethodGet, "/api/v1/keyResults", "").list("keyResults")
	objectives := map[string]int{}
	for _, keyResult := range found {
		objectives[keyResult.text("objectiveId")]++
	}
	if len(found) != 3 || objectives[h.kept] != 2 || objectives[h.deleted] != 1 {
		t.Fatalf("the reporter finds %v", found)
	}
	for _, keyResult := range found {
		reporter.must(t, http.MethodPost, "/api/v1/keyResults/"+keyResult.text("id")+":setAttainment", `{"attainment":80}`)
	}
	if got := reporter.call(t, http.MethodGet, "/api/v1/objectives", ""); got.status != http.StatusForbidden || got.reason != "SCOPE_MISSING" {
		t.Errorf("the reporter lists objectives: %d %s", got.status, got.body)
	}
	for _, surface := range []string{"grpc", "rest"} {
		streamed := running.watch(t, surface, bearerHeader(token), h.start)
		h.ceo.keyResult(t, h.kept, secret+" at the end of "+surface)
		for _, change := range until(t, streamed, "at the end of "+surface) {
			if text := fmt.Sprint(change); strings.Contains(text, aim) || !strings.Contains(text, secret) {
				t.Errorf("over %s, the stream tells of %v", surface, change)
			}
		}
	}
	log := reporter.must(t, http.MethodGet, "/api/v1/changes?pageSize=200", "").list("changes")
	if len(log) == 0 {
		t.Error("the log is empty")
	}
	for _, change := range log {
		if text := fmt.Sprint(change); strings.Contains(text, aim) || !strings.Contains(text, secret) {
			t.Errorf("the log tells of %v", change)
		}
	}
}
