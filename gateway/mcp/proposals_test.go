package mcp

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// writesInMode is a good call of every tool that writes, in a mode.
func writesInMode(mode string) map[string]string {
	writes := map[string]string{}
	for tool, call := range calls {
		if !call.reads {
			writes[tool] = strings.TrimSuffix(goodCalls()[tool], "}") + `,"mode":"` + mode + `"}`
		}
	}
	return writes
}

func waiting(reason accessv1.ErrorReason) error {
	return rpcerr.New(codes.FailedPrecondition, reason, "text of the store").With("proposal_id", "prp_0123456789abc")
}

// modeOf is the mode of the last request that the store had.
func (w *world) modeOf() accessv1.WriteMode {
	m := w.store.last().ProtoReflect()
	field := m.Descriptor().Fields().ByName("mode")
	if field == nil {
		return -1
	}
	return accessv1.WriteMode(m.Get(field).Enum())
}

func TestAWriteThatIsProposedSaysThatNothingChangedYet(t *testing.T) {
	const want = "Nothing was changed yet. It waits as the proposal prp_0123456789abc for a member who may do it to approve it; " +
		"listProposals tells what became of it."
	w := start(t)
	w.store.change(func(f *fakeStore) { f.failure = waiting(accessv1.ErrorReason_ERROR_REASON_PROPOSED) })
	for _, token := range []string{"all", "employee"} { // an employee may do little of it, and propose all of it
		for tool, arguments := range writesInMode("propose") {
			r := w.call(token, tool, arguments)
			if r.StatusCode != http.StatusOK || r.Result.IsError || r.text() != want ||
				string(r.Result.StructuredContent) != `{"proposalID":"prp_0123456789abc"}` || w.modeOf() != accessv1.WriteMode_WRITE_MODE_PROPOSE {
				t.Errorf("%s by %s: %d %s", tool, token, r.StatusCode, r.body)
			}
		}
	}
	w.store.change(func(f *fakeStore) { f.failure = waiting(accessv1.ErrorReason_ERROR_REASON_PROPOSE_ONLY) })
	r := w.call("all", "addObjective", goodCalls()["addObjective"])
	if r.Result.IsError || r.text() != want || w.modeOf() != accessv1.WriteMode_WRITE_MODE_UNSPECIFIED {
		t.Errorf("a client that only proposes: %s", r.body)
	}
}

func TestAWriteThatIsTriedSaysSo(t *testing.T) {
	w := start(t)
	for tool, arguments := range writesInMode("validate") {
		r := w.call("all", tool, arguments)
		if r.Result.IsError || !strings.HasPrefix(r.text(), "Nothing was changed, it was only tried. It would be answered: ") ||
			string(r.Result.StructuredContent) != `{"tried":true}` || w.modeOf() != accessv1.WriteMode_WRITE_MODE_VALIDATE {
			t.Errorf("%s: %s", tool, r.body)
		}
	}
	if r := w.call("employee", "addObjective", writesInMode("validate")["addObjective"]); !r.Result.IsError {
		t.Errorf("who may not do it is told that it would be done: %s", r.body)
	}
	if r := w.call("all", "addObjective", writesInMode("sometimes")["addObjective"]); r.Error == nil && !r.Result.IsError {
		t.Errorf("an unknown mode: %s", r.body)
	}
}

func TestNobodyIsAskedToConfirmWhatIsOnlyProposed(t *testing.T) {
	w := start(t)
	w.store.change(func(f *fakeStore) { f.failure = waiting(accessv1.ErrorReason_ERROR_REASON_PROPOSED) })
	for tool := range deletes {
		r := w.round("all", canAsk, tool, writesInMode("propose")[tool], "")
		if r.ResultType == "input_required" || w.deleted() == nil {
			t.Errorf("%s: %+v", tool, r)
		}
	}
}

func TestScopesHaveToCoverWhatIsProposed(t *testing.T) {
	w := start(t)
	w.authz.principals["half"] = kittest.Agent(kittest.Employee("acme"), "read:okrs", "manage:krs")
	r := w.call("half", "addObjective", writesInMode("propose")["addObjective"])
	if challenge := r.Header.Get("WWW-Authenticate"); r.StatusCode != http.StatusForbidden || !strings.Contains(challenge, `scope="manage:objectives"`) {
		t.Errorf("%d %s %s", r.StatusCode, challenge, r.body)
	}
	if !strings.Contains(r.body, "/agents") {
		t.Errorf("there is no link in %s", r.body)
	}
	listed := w.ask("half", "tools/list", "{}").body
	if strings.Contains(listed, `"addObjective"`) || !strings.Contains(listed, `"deleteKeyResult"`) {
		t.Errorf("listed are %s", listed)
	}
	if listed := w.ask("employee", "tools/list", "{}").body; !strings.Contains(listed, `"addObjective"`) {
		t.Error("who can propose to add an objective is not shown the tool")
	}
}

// What decides on proposals is for members in person. Not even its name is anywhere near an agent.
func TestNoToolDecidesOnAProposal(t *testing.T) {
	w := start(t)
	for _, l := range w.listings() {
		if text := strings.ToLower(l.Name + string(l.InputSchema)); strings.Contains(text, "approve\"") || strings.Contains(text, "reject") && l.Name != "listProposals" {
			t.Errorf("%s", text)
		}
	}
	for _, name := range []string{"approveProposal", "rejectProposal", "setProposeOnly"} {
		if r := w.call("all", name, `{"proposalID":"prp_0123456789abc"}`); r.Error == nil && !r.Result.IsError {
			t.Errorf("%s: %s", name, r.body)
		}
	}
}

func TestListProposalsTellsWhatBecameOfTheMembers(t *testing.T) {
	w := start(t)
	r := w.call("all", "listProposals", `{"state":"rejected"}`)
	const want = `prp_0123456789abc is rejected by "Ada", because "Grow": 2026-11-23T12:00:00Z "Ada" through "Grow" (mcp): ` +
		`objectiveUpdated okr_0123456789abc "Grow": objectiveText "Before" → "Grow"`
	if r.text() != want {
		t.Errorf("it says %s", r.text())
	}
	asked, _ := w.store.last().(*okrv1.ListProposalsRequest)
	if asked.GetMemberId() != "me" || asked.GetState() != okrv1.ProposalState_PROPOSAL_STATE_REJECTED {
		t.Errorf("asked was %v", asked)
	}
	w.call("all", "listProposals", `{"proposalID":"prp_0123456789abc"}`)
	if got := w.store.last().ProtoReflect().Descriptor().Name(); got != "GetProposalRequest" {
		t.Errorf("asked was %s", got)
	}
}

func TestWhoAmISaysWhatCanBeProposedAndWhoOnlyProposes(t *testing.T) {
	w := start(t)
	text := w.call("employee", "whoAmI", "{}").text()
	if !strings.Contains(text, "objective:create (takes the role stytch_admin; you may propose it)") || strings.Contains(text, "becomes a proposal") {
		t.Errorf("it says %s", text)
	}
	w.store.change(func(f *fakeStore) { f.proposeOnly = true })
	r := w.call("all", "whoAmI", "{}")
	if !strings.Contains(r.text(), "Whatever you write becomes a proposal") || !strings.Contains(string(r.Result.StructuredContent), `"proposeOnly":true`) {
		t.Errorf("it says %s", r.body)
	}
}
