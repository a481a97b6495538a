package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// maxWriteTokens is how much the answer of a write may take.
const maxWriteTokens = 150

// What changes an objective or key result, or reports on one, is answered in a few words, can be made safe against others
// with an etag, and can be repeated with a request id.
func TestChangesByAgentsAreShortGuardedAndRepeatable(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	a := ceo.letIn(t, "Agent that reports", everyScope()...).overMCP(running)
	long := strings.Repeat("A long text of a plan ", 22)
	objective := a.must(t, "addObjective", "objectiveText", long, "description", long+long, "owner", "me", "cycle", "2026-Q3").structured().text("okrID")
	made := a.must(t, "addKeyResult", "okrID", objective, "keyResultText", long, "startValue", "-999999999.999999999",
		"targetValue", "999999999.999999999", "unit", strings.Repeat("unit ", 6)).structured()
	keyResult := made.text("keyResultID")
	objectiveArgs, keyResultArgs := []any{"okrID", objective}, []any{"keyResultID", keyResult}
	for i, write := range []struct {
		tool      string
		arguments []any
		// want is in the words of the answer.
		want string
	}{
		{"updateObjective", append(slices.Clone(objectiveArgs), "description", long, "objectiveText", "Grow", "owner", ""), "is changed"},
		{"updateObjective", append(slices.Clone(objectiveArgs), "action", "close", "score", "0.75", "closingNote", long), "closed with the score 0.75"},
		{"updateObjective", append(slices.Clone(objectiveArgs), "action", "reopen"), "is active"},
		{"updateObjective", append(slices.Clone(objectiveArgs), "action", "archive"), "is archived"},
		{"updateObjective", append(slices.Clone(objectiveArgs), "action", "restore"), "is restored and active"},
		{"updateKeyResult", append(slices.Clone(keyResultArgs), "keyResultText", long, "weight", 3, "format", "number"), "is changed: 0%, now -999999999.999999999"},
		{"checkIn", append(slices.Clone(keyResultArgs), "value", "-999999999.999999998", "confidence", "offTrack", "note", long), "went from -999999999.999999999 to -999999999.999999998, attainment 0%"},
		{"checkIn", append(slices.Clone(keyResultArgs), "note", long), "stays at -999999999.999999998"},
	} {
		arguments := append(slices.Clone(write.arguments), "requestId", fmt.Sprintf("request-%d", i))
		stale := a.call(t, write.tool, append(slices.Clone(write.arguments), "etag", "another")...)
		if !stale.isError() || !strings.Contains(stale.text(), "somebody else was faster") {
			t.Errorf("%s with a stale etag: %s", write.tool, stale.body)
		}
		got := a.must(t, write.tool, arguments...)
		if size := got.size(t); size > maxWriteTokens || !strings.Contains(got.text(), write.want) {
			t.Errorf("%s answers %d tokens: %s", write.tool, size, got.body)
		}
		if again := a.must(t, write.tool, arguments...); again.body != got.body {
			t.Errorf("%s repeated answers %s, before it was %s", write.tool, again.body, got.body)
		}
	}
	// Everything was done once: what was made, five steps of the objective, one of the key result, two check-ins.
	if log := ceo.must(t, http.MethodGet, "/api/v1/changes", "").list("changes"); len(log) != 10 {
		t.Errorf("the log has %d changes", len(log))
	}
}

// reported is an organization with much to report on: measured key results of a manager with long texts, each checked in on.
func reported(t *testing.T) (ceo, manager *person, keyResults []string) {
	t.Helper()
	ceo, domain := running.found(t)
	manager = ceo.hire(t, "manager@"+domain, "manager")
	note := strings.Repeat("成長 is what we want. ", 100)
	for i := range 3 {
		objective := ceo.objective(t, fmt.Sprintf("Objective %d %s", i, strings.Repeat("long ", 60)))
		for j := range 10 {
			made := manager.must(t, http.MethodPost, "/api/v1/objectives/"+objective+"/keyResults", fmt.Sprintf(
				`{"title":"Key result %d of %d %s","ownerId":"me","startValue":"10","targetValue":"40","unit":"customers"}`, j, i, strings.Repeat("long ", 40)))
			keyResults = append(keyResults, made.text("id"))
			manager.must(t, http.MethodPost, "/api/v1/keyResults/"+made.text("id")+"/checkIns",
				`{"value":"12.50","confidence":"CONFIDENCE_AT_RISK","note":"`+note+`"}`)
		}
	}
	return ceo, manager, keyResults
}

func TestWhatIsDueAndWhatHasChangedComesInShortPages(t *testing.T) {
	t.Parallel()
	ceo, manager, keyResults := reported(t)
	a := ceo.letIn(t, "Agent that looks after", "read:okrs").overMCP(running)

	t.Run("what is due for somebody who is called by name", func(t *testing.T) {
		name := ""
		for _, m := range ceo.must(t, http.MethodGet, "/api/v1/members", "").list("members") {
			if m.text("memberId") == manager.member {
				name = m.text("displayName")
			}
		}
		arguments := []any{"due", true, "owner", name}
		var due []string
		for pages := 0; arguments != nil; pages++ {
			got := a.must(t, "listObjectives", arguments...)
			if size := got.size(t); size > maxPageTokens {
				t.Errorf("page %d takes %d tokens", pages, size)
			}
			for _, o := range got.structured().list("objectives") {
				for _, k := range o.list("keyResults") {
					due = append(due, k.text("keyResultID"))
					if k.text("owner") != name || k.text("status") != "atRisk" || k.text("currentValue") != "12.50" || k.text("unit") != "customers" {
						t.Errorf("it shows %v", k)
					}
				}
			}
			if arguments = nil; got.structured().text("nextCursor") != "" {
				arguments = []any{"due", true, "owner", name, "cursor", got.structured().text("nextCursor")}
			}
		}
		if !slices.Equal(due, keyResults) {
			t.Errorf("due are %v, want %v", due, keyResults)
		}
		got := a.call(t, "listObjectives", "due", true, "owner", "Nobody of that name")
		if !got.isError() || !strings.Contains(got.text(), manager.member) {
			t.Errorf("a name that nobody has: %s", got.body)
		}
	})

	t.Run("what has changed", func(t *testing.T) {
		log := ceo.must(t, http.MethodGet, "/api/v1/changes?pageSize=200", "").list("changes")
		newest := a.must(t, "changesSince").structured()
		shown := newest.list("changes")
		if last := shown[len(shown)-1]; last.text("keyResultID") != keyResults[len(keyResults)-1] || last.text("kind") != "keyResultCheckedIn" {
			t.Errorf("the newest change is %v", last)
		}
		cursor, told := log[0].text("cursor"), 1
		for more := true; more; {
			got := a.must(t, "changesSince", "cursor", cursor)
			if size := got.size(t); size > maxPageTokens {
				t.Errorf("after %d changes a page takes %d tokens", told, size)
			}
			for _, c := range got.structured().list("changes") {
				want := log[told]
				told++
				if id := want.text("after", "keyResult", "id"); c.text("keyResultID") != id || c.text("via") != "rest" || c.text("client") != "" {
					t.Errorf("change %d is told as %v", told, c)
				}
			}
			cursor, more = got.structured().text("cursor"), got.structured()["more"] == true
		}
		if told != len(log) || cursor != newest.text("cursor") {
			t.Errorf("of %d changes %d are told, up to %s; the newest is at %s", len(log), told, cursor, newest.text("cursor"))
		}
	})

	t.Run("who may read key results alone is told of them alone", func(t *testing.T) {
		reporter := ceo.letIn(t, "Agent that reports alone", "report_kr_status").overMCP(running)
		changes := reporter.must(t, "changesSince").structured().list("changes")
		if len(changes) == 0 || slices.ContainsFunc(changes, func(c fields) bool { return c.text("keyResultID") == "" }) {
			t.Errorf("it is told of %v", changes)
		}
		got := reporter.must(t, "listObjectives", "due", true, "owner", manager.member)
		if first := got.structured().list("objectives")[0]; first.text("objectiveText") != "" {
			t.Errorf("it is shown the objective %v", first)
		}
	})
}

// An attainment of a key result that is measured is refused with what to do instead, which then works.
func TestASetAttainmentThatCannotBeLeadsToACheckIn(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	a := ceo.letIn(t, "Agent that learns", everyScope()...).overMCP(running)
	objective := a.must(t, "addObjective", "objectiveText", "Grow").structured().text("okrID")
	keyResult := a.must(t, "addKeyResult", "okrID", objective, "keyResultText", "Customers", "startValue", "10", "targetValue", "40", "unit", "customers").
		structured().text("keyResultID")
	got := a.call(t, "setKeyResultAttainment", "okrID", objective, "keyResultID", keyResult, "attainment", 50)
	const want = `Nothing was changed: this key result is no percentage. It goes from 10 to 40 "customers". ` +
		"Call checkIn with the value that it has come to in that measure; for a milestone 0 or 100."
	if !got.isError() || got.text() != want {
		t.Errorf("%s", got.body)
	}
	if got := a.must(t, "checkIn", "keyResultID", keyResult, "value", "25").structured(); got["attainment"] != 50.0 {
		t.Errorf("%v", got)
	}
}
