package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// maxPageTokens is how much a page of a list may take.
const maxPageTokens = 2000

// countTokens estimates how many tokens a text is for a model: one for each four letters of a word, for each two
// characters of what has a digit in it, and for each other character that is no space. Tokenizers count fewer.
func countTokens(text string) int {
	total := 0
	for _, word := range strings.FieldsFunc(text, func(c rune) bool { return c == ' ' }) {
		letters, digits := 0, false
		flush := func() {
			per := 4
			if digits {
				per = 2
			}
			total += (letters + per - 1) / per
			letters, digits = 0, false
		}
		for _, c := range word {
			switch {
			case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
				letters++
			case c >= '0' && c <= '9':
				letters++
				digits = true
			default:
				flush()
				total++
			}
		}
		flush()
	}
	return total
}

// size is what an answer takes, text and structured content together.
func (r reply) size(t *testing.T) int {
	t.Helper()
	structured, err := json.Marshal(r.structured())
	if err != nil {
		t.Fatal(err)
	}
	return countTokens(r.text()) + countTokens(string(structured))
}

// wholePlan reads the whole list, page by page, and answers ids in the order in which they come: objectives once, each
// followed by its key results.
func wholePlan(t *testing.T, a mcpAgent) (plan []string, pages int) {
	t.Helper()
	var arguments []any
	last := ""
	for {
		got := a.must(t, "listObjectives", arguments...)
		if size := got.size(t); size > maxPageTokens {
			t.Errorf("page %d takes %d tokens", pages, size)
		}
		pages++
		for _, o := range got.structured().list("objectives") {
			if o.text("okrID") != last {
				last = o.text("okrID")
				plan = append(plan, last)
			}
			for _, k := range o.list("keyResults") {
				plan = append(plan, k.text("keyResultID"))
			}
		}
		for _, id := range plan[max(0, len(plan)-2):] {
			if !strings.Contains(got.text(), id) {
				t.Errorf("the list in words lacks %s", id)
			}
		}
		cursor := got.structured().text("nextCursor")
		if cursor == "" {
			return plan, pages
		}
		if !strings.Contains(got.text(), cursor) {
			t.Error("the list in words does not say how to go on")
		}
		arguments = []any{"cursor", cursor}
	}
}

func pagesForAgents(t *testing.T) {
	ceo, _ := running.found(t)
	var want []string
	// Objectives of every size: without key results, with few, with as many as it takes several pages for, with long texts.
	for i, keyResults := range []int{0, 3, 0, 90, 1, 12} {
		title := fmt.Sprintf("Objective %d", i)
		if i == 4 {
			title = strings.Repeat("成", 500)
		}
		objective := ceo.objective(t, title)
		want = append(want, objective)
		for j := range keyResults {
			title := fmt.Sprintf("Key result %d of %d", j, i)
			if j%10 == 2 {
				title = strings.Repeat("🚀", 250)
			}
			want = append(want, ceo.keyResult(t, objective, title))
		}
	}
	for range 45 {
		want = append(want, ceo.objective(t, "A plain objective with a text of a usual length"))
	}
	a := ceo.letIn(t, "Agent that pages", "read:okrs").overMCP(running)
	plan, pages := wholePlan(t, a)
	if !slices.Equal(plan, want) {
		t.Errorf("it reads %d ids, want %d:\n%v\n%v", len(plan), len(want), plan, want)
	}
	if pages < 5 {
		t.Errorf("all of it in %d pages", pages)
	}

	isKeyResult := func(id string) bool { return strings.HasPrefix(id, "kr_") }
	reporter := ceo.letIn(t, "Agent that reports in pages", "report_kr_status").overMCP(running)
	plan, _ = wholePlan(t, reporter)
	keyResults := slices.DeleteFunc(slices.Clone(want), func(id string) bool { return !isKeyResult(id) })
	if got := slices.DeleteFunc(slices.Clone(plan), func(id string) bool { return !isKeyResult(id) }); !slices.Equal(got, keyResults) {
		t.Errorf("who may read key results alone reads %d, want %d", len(got), len(keyResults))
	}

	objectives := slices.DeleteFunc(slices.Clone(want), isKeyResult)
	var uris, wantURIs []string
	for _, id := range objectives {
		wantURIs = append(wantURIs, "okrmanager://objectives/"+id)
	}
	for _, id := range keyResults {
		wantURIs = append(wantURIs, "okrmanager://key_result/"+id)
	}
	params := fields{}
	for {
		got := a.ask(t, "resources/list", params)
		uris = append(uris, got.names("resources", "uri")...)
		if len(got.result.list("resources")) > 100 { // the end of the objectives and the beginning of the key results
			t.Errorf("a page of %d resources", len(got.result.list("resources")))
		}
		cursor := got.result.text("nextCursor")
		if cursor == "" {
			break
		}
		params = fields{"cursor": cursor}
	}
	if !slices.Equal(uris, wantURIs) {
		t.Errorf("resources/list shows %d, want %d", len(uris), len(wantURIs))
	}

	complete := func(template, value string) []any {
		got := a.ask(t, "completion/complete", fields{
			"ref": fields{"type": "ref/resource", "uri": template}, "argument": fields{"name": "id", "value": value},
		})
		completion, _ := got.result["completion"].(map[string]any)
		values, _ := completion["values"].([]any)
		return values
	}
	if got := complete("okrmanager://objectives/{id}", objectives[3]); len(got) != 1 || got[0] != objectives[3] {
		t.Errorf("a whole id is completed to %v", got)
	}
	if got := complete("okrmanager://key_result/{id}", "kr_"); len(got) != 100 {
		t.Errorf("%d completions", len(got))
	}
	if got := complete("okrmanager://objectives/{id}", "nope"); len(got) != 0 {
		t.Errorf("nonsense is completed to %v", got)
	}
}

// Every tool's answer to a write is short, whatever was written.
func TestAnswersOfWritesAreShort(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	a := ceo.letIn(t, "Agent that writes", everyScope()...).overMCP(running)
	long := strings.Repeat("A long text of a plan ", 22)
	check := func(name string, r reply) reply {
		if size := r.size(t); size > 150 {
			t.Errorf("%s answers %d tokens: %s", name, size, r.body)
		}
		return r
	}
	objective := check("addObjective", a.must(t, "addObjective", "objectiveText", long)).structured().text("okrID")
	made := check("addKeyResult", a.must(t, "addKeyResult", "okrID", objective, "keyResultText", long)).structured()
	keyResult := made.text("keyResultID")
	set := check("setKeyResultAttainment", a.must(t, "setKeyResultAttainment", "okrID", objective, "keyResultID", keyResult, "attainment", 40)).structured()
	if set["attainment"] != 40.0 || set.text("etag") == "" || set.text("etag") == made.text("etag") {
		t.Errorf("it answers %v", set)
	}
	stale := a.call(t, "setKeyResultAttainment", "okrID", objective, "keyResultID", keyResult, "attainment", 50, "etag", made.text("etag"))
	if !check("a stale write", stale).isError() || !strings.Contains(stale.text(), set.text("etag")) {
		t.Errorf("a stale etag: %s", stale.body)
	}
	first := a.must(t, "addKeyResult", "okrID", objective, "keyResultText", "Once", "requestId", "one-request")
	again := a.must(t, "addKeyResult", "okrID", objective, "keyResultText", "Once", "requestId", "one-request")
	if first.structured().text("keyResultID") != again.structured().text("keyResultID") {
		t.Errorf("the same request made two: %s %s", first.body, again.body)
	}
	check("deleteKeyResult", a.must(t, "deleteKeyResult", "okrID", objective, "keyResultID", keyResult))
	check("deleteObjective", a.must(t, "deleteObjective", "okrID", objective))
	if left := a.must(t, "listObjectives").structured().list("objectives"); len(left) != 0 {
		t.Errorf("there is still %v", left)
	}
	// The history says that an agent did it, and which.
	for _, change := range ceo.must(t, "GET", "/api/v1/changes", "").list("changes") {
		if change.text("via", "surface") != "SURFACE_MCP" || change.text("via", "clientName") != "Agent that writes" {
			t.Errorf("it says %v", change["via"])
		}
	}
}
