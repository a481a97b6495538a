package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// proposal is the id in the answer to a write that waits.
func (a answer) proposal(t *testing.T) string {
	t.Helper()
	var failure struct {
		Error struct {
			Details []struct{ Metadata map[string]string }
		}
	}
	if err := json.Unmarshal([]byte(a.body), &failure); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	for _, detail := range failure.Error.Details {
		if id := detail.Metadata["proposal_id"]; id != "" {
			return id
		}
	}
	t.Fatalf("there is no proposal in %d %s", a.status, a.body)
	return ""
}

// office is an organization with an employee whose agent has more scopes than the employee has rights.
type office struct {
	ceo, employee *person
	agent         agent
}

func newOffice(t *testing.T) office {
	t.Helper()
	ceo, domain := running.found(t)
	// Scopes are granted by who holds them, and stay with the token when the role goes.
	employee := ceo.hire(t, "employee@"+domain, "stytch_admin")
	let := employee.letIn(t, "Assistant", everyScope()...)
	running.provider.setRoles(t, ceo.organization, employee.member)
	return office{ceo, running.signIn(t, "employee@"+domain, ceo.organization), let}
}

func (o office) overMCP() mcpAgent { return o.agent.overMCP(running) }

func TestAnEmployeesAgentProposesAndTheCEODecides(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	mcp := o.overMCP()

	// The agent may not add an objective, is told who may and that it may propose, and proposes.
	denied := mcp.call(t, "addObjective", "objectiveText", "Grow")
	if !denied.isError() || !strings.Contains(denied.text(), `"stytch_admin"`) || !strings.Contains(denied.text(), `mode "propose"`) {
		t.Errorf("the agent is told %s", denied.text())
	}
	parked := mcp.must(t, "addObjective", "objectiveText", "Grow", "mode", "propose")
	id := parked.structured().text("proposalID")
	if id == "" || !strings.HasPrefix(parked.text(), "Nothing was changed yet.") {
		t.Fatalf("the agent is told %s", parked.body)
	}
	if list := o.ceo.must(t, http.MethodGet, "/api/v1/objectives", ""); list["objectives"] != nil && len(list["objectives"].([]any)) > 0 {
		t.Fatalf("there is something already: %v", list)
	}

	// The employee sees it and cannot approve it, and neither can the agent.
	if got := o.employee.must(t, http.MethodGet, "/api/v1/proposals/"+id, ""); got.text("state") != "PROPOSAL_STATE_OPEN" {
		t.Errorf("the employee sees %v", got)
	}
	if got := o.employee.call(t, http.MethodPost, "/api/v1/proposals/"+id+":approve", "{}"); got.status != http.StatusForbidden || got.reason != "ROLE_MISSING" {
		t.Errorf("the employee gets %d %s", got.status, got.body)
	}
	if got := running.asAgent(o.agent.AccessToken).call(t, http.MethodPost, "/api/v1/proposals/"+id+":approve", "{}"); got.reason != "SESSION_REQUIRED" {
		t.Errorf("the agent gets %d %s", got.status, got.body)
	}

	// The CEO approves, and it is there.
	done := o.ceo.must(t, http.MethodPost, "/api/v1/proposals/"+id+":approve", "{}")
	if done.text("state") != "PROPOSAL_STATE_APPROVED" || done.text("decider", "memberId") != o.ceo.member {
		t.Errorf("approved it is %v", done)
	}
	objective := o.ceo.must(t, http.MethodGet, "/api/v1/objectives/"+done.text("objectiveId"), "")
	if objective.text("title") != "Grow" || objective.text("creator", "memberId") != o.ceo.member {
		t.Errorf("the objective is %v", objective)
	}
	if told := mcp.must(t, "listProposals", "proposalID", id).text(); !strings.Contains(told, "is approved by") {
		t.Errorf("the agent is told %s", told)
	}
	changes := o.ceo.must(t, http.MethodGet, "/api/v1/changes?clientId="+o.agent.ClientID, "")["changes"].([]any)
	change := fields(changes[0].(map[string]any))
	if change.text("actor", "memberId") != o.ceo.member || change.text("proposal", "proposer", "memberId") != o.employee.member ||
		change.text("proposal", "via", "clientId") != o.agent.ClientID || change.text("proposal", "via", "surface") != "SURFACE_MCP" {
		t.Errorf("the change is %v", change)
	}

	// What the agent brought about is undone with everything else that it did.
	undone := o.ceo.must(t, http.MethodPost, "/api/v1/changes:undoClient", `{"clientId":"`+o.agent.ClientID+`"}`)
	if undone["undone"] != 1.0 {
		t.Errorf("undone is %v", undone)
	}
}

func TestNoAccessTokenDecidesOverAnySurface(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	// This agent has every scope of somebody who may do everything.
	token := ceo.letIn(t, "Deputy", everyScope()...)
	objective := ceo.objective(t, "Grow")
	overREST := running.asAgent(token.AccessToken)
	id := overREST.call(t, http.MethodDelete, "/api/v1/objectives/"+objective+"?mode=WRITE_MODE_PROPOSE", "").proposal(t)

	for _, path := range []string{
		"/api/v1/proposals/" + id + ":approve", "/api/v1/proposals/" + id + ":reject", "/api/v1/agentSettings:setProposeOnly",
	} {
		if got := overREST.call(t, http.MethodPost, path, "{}"); got.status != http.StatusForbidden || got.reason != "SESSION_REQUIRED" {
			t.Errorf("over REST, %s: %d %s", path, got.status, got.body)
		}
		// Both at once is no way around.
		both := ceo.call(t, http.MethodPost, path, "{}", "Authorization", "Bearer "+token.AccessToken)
		if both.reason != "CREDENTIALS_AMBIGUOUS" {
			t.Errorf("over REST with a session beside, %s: %d %s", path, both.status, both.body)
		}
	}
	ctx := bearing(t.Context(), token.AccessToken)
	_, approve := running.okr().ApproveProposal(ctx, &okrv1.ApproveProposalRequest{ProposalId: id})
	_, reject := running.okr().RejectProposal(ctx, &okrv1.RejectProposalRequest{ProposalId: id})
	_, only := running.okr().SetProposeOnly(ctx, &okrv1.SetProposeOnlyRequest{})
	for what, err := range map[string]error{"approve": approve, "reject": reject, "propose only": only} {
		if status.Code(err) != codes.PermissionDenied || rpcerr.ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_SESSION_REQUIRED {
			t.Errorf("over gRPC, %s: %v", what, err)
		}
	}
	mcp := token.overMCP(running)
	for _, tool := range []string{"approveProposal", "rejectProposal", "ApproveProposal"} {
		if got := mcp.call(t, tool, "proposalID", id); got.failure == nil && !got.isError() {
			t.Errorf("over MCP, %s: %s", tool, got.body)
		}
	}
	// The gateway's own path, which the edge for agents does not have.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, running.PublicURL+"/mcp/api/v1/proposals/"+id+":approve", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.AccessToken)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		t.Errorf("a path below the endpoint answers %s", resp.Status)
	}
	if got := ceo.must(t, http.MethodGet, "/api/v1/proposals/"+id, ""); got.text("state") != "PROPOSAL_STATE_OPEN" {
		t.Errorf("the proposal is %v", got)
	}
	ceo.must(t, http.MethodGet, "/api/v1/objectives/"+objective, "")
}

func TestAProposalDoesNotApplyToWhatHasMovedSince(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	objective := o.ceo.objective(t, "Grow")
	id := o.overMCP().must(t, "updateObjective", "okrID", objective, "objectiveText", "Shrink", "mode", "propose").structured().text("proposalID")
	o.ceo.must(t, http.MethodPatch, "/api/v1/objectives/"+objective, `{"title":"Grow faster"}`)
	got := o.ceo.call(t, http.MethodPost, "/api/v1/proposals/"+id+":approve", "{}")
	if got.status != http.StatusConflict || got.reason != "PROPOSAL_SUPERSEDED" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if title := o.ceo.must(t, http.MethodGet, "/api/v1/objectives/"+objective, "").text("title"); title != "Grow faster" {
		t.Errorf("the objective is %s", title)
	}
	if told := o.overMCP().must(t, "listProposals").text(); !strings.Contains(told, id+" is superseded") {
		t.Errorf("the agent is told %s", told)
	}
}

func TestAnAdminLetsAnAgentOnlyPropose(t *testing.T) {
	t.Parallel()
	ceo, domain := running.found(t)
	token := ceo.letIn(t, "Deputy", everyScope()...)
	manager := ceo.hire(t, "manager@"+domain, "manager")
	body := `{"clientId":"` + token.ClientID + `","proposeOnly":true}`
	if got := manager.call(t, http.MethodPost, "/api/v1/agentSettings:setProposeOnly", body); got.reason != "ROLE_MISSING" {
		t.Errorf("a manager gets %d %s", got.status, got.body)
	}
	ceo.must(t, http.MethodPost, "/api/v1/agentSettings:setProposeOnly", body)

	told := token.overMCP(running).must(t, "addObjective", "objectiveText", "Grow")
	if told.structured().text("proposalID") == "" || !strings.HasPrefix(told.text(), "Nothing was changed yet.") {
		t.Errorf("over MCP: %s", told.body)
	}
	if got := running.asAgent(token.AccessToken).call(t, http.MethodPost, "/api/v1/objectives", `{"title":"Grow"}`); got.status != http.StatusBadRequest || got.reason != "PROPOSE_ONLY" {
		t.Errorf("over REST: %d %s", got.status, got.body)
	}
	_, err := running.okr().CreateObjective(bearing(t.Context(), token.AccessToken), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Grow"}})
	if rpcerr.ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_PROPOSE_ONLY {
		t.Errorf("over gRPC: %v", err)
	}
	if list := ceo.must(t, http.MethodGet, "/api/v1/proposals?state=PROPOSAL_STATE_OPEN&clientId="+token.ClientID, ""); len(list["proposals"].([]any)) != 3 {
		t.Errorf("the proposals are %v", list)
	}
	if who := token.overMCP(running).must(t, "whoAmI").text(); !strings.Contains(who, "becomes a proposal") {
		t.Errorf("the agent is told %s", who)
	}
	ceo.objective(t, "Grow") // a member in person writes as ever
}
