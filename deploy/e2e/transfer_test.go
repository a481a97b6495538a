package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// exported is an organization's file without who made what in it.
func (p *person) exported(t *testing.T, format string) string {
	t.Helper()
	got := p.call(t, http.MethodGet, "/api/v1/export?format="+format, "")
	if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment; ") {
		t.Fatalf("exporting: %d %v %s", got.status, got.header, got.body)
	}
	return got.body
}

// imports uploads a file and answers the summary, which is the last line.
func (p *person) imports(t *testing.T, query, kind, file string) (summary fields, lines []fields) {
	t.Helper()
	got := p.call(t, http.MethodPost, "/api/v1/import"+query, file, "Content-Type", kind)
	if got.status != http.StatusOK {
		t.Fatalf("importing: %d %s", got.status, got.body)
	}
	for line := range strings.Lines(got.body) {
		lines = append(lines, parse(t, line))
	}
	last := lines[len(lines)-1]
	summary, _ = last["summary"].(map[string]any)
	return summary, lines
}

// anonymous takes the people out of an exported document: they are of the organization that it came from.
func anonymous(t *testing.T, file string) string {
	t.Helper()
	var strip func(value any)
	strip = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			delete(value, "creator")
			delete(value, "author")
			delete(value, "changeLogHead") // which is of the organization that it was exported from
			for _, below := range value {
				strip(below)
			}
		case []any:
			for _, below := range value {
				strip(below)
			}
		}
	}
	document := map[string]any(parse(t, file))
	strip(document)
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAnOrganizationMovesByItsFile(t *testing.T) {
	t.Parallel()
	from, _ := running.found(t)
	to, _ := running.found(t)
	objective := from.objective(t, "=1+1")
	keyResult := from.keyResult(t, objective, "By ten")
	from.must(t, http.MethodPost, "/api/v1/keyResults/"+keyResult+"/checkIns", `{"value":"40","note":"So far","confidence":"CONFIDENCE_AT_RISK"}`)
	from.must(t, http.MethodPost, "/api/v1/objectives/"+from.objective(t, "Done")+":close", `{"score":"0.7","closingNote":"Nearly"}`)

	file := from.exported(t, "json")
	dry, _ := to.imports(t, "?dryRun=true", "application/json", file)
	if dry["objectivesCreated"] != float64(2) || to.exported(t, "json") == file {
		t.Errorf("a dry run says %v", dry)
	}
	done, lines := to.imports(t, "", "application/json", file)
	if done["objectivesCreated"] != float64(2) || done["keyResultsCreated"] != float64(1) || done["checkInsCreated"] != float64(1) || done["failed"] != float64(0) {
		t.Errorf("it answers %v", lines)
	}
	if again := to.exported(t, "json"); anonymous(t, again) != anonymous(t, file) {
		t.Errorf("exported again:\n%s\nwant\n%s", again, file)
	}
	table := from.exported(t, "csv")
	if !strings.Contains(table, ",'=1+1,") {
		t.Errorf("the table has a formula: %s", table)
	}
	same, lines := to.imports(t, "", "text/csv", table)
	if same["unchanged"] != float64(4) || same["failed"] != float64(0) {
		t.Errorf("the table answers %v", lines)
	}
	if text := from.exported(t, "markdown"); !strings.Contains(text, "## Done") || !strings.Contains(text, "40") {
		t.Errorf("the text is %s", text)
	}
	history := to.must(t, http.MethodGet, "/api/v1/changes?keyResultId="+keyResult, "").list("changes")
	if len(history) != 2 || history[1].text("actor", "memberId") != to.member || history[1].text("via", "surface") != "SURFACE_REST" {
		t.Errorf("the history in the new organization is %v", history)
	}
}

func TestFilesAreForThoseWhoMayHaveThem(t *testing.T) {
	t.Parallel()
	ceo, domain := running.found(t)
	ceo.keyResult(t, ceo.objective(t, "Ours"), "Of our own")
	employee := ceo.hire(t, "employee@"+domain)
	const empty = `{"format":"okr-manager","version":1,"objectives":[]}`
	agents := map[string]http.Header{
		"manage:objectives": bearerHeader(ceo.letIn(t, "Objectives", "manage:objectives").AccessToken),
		"report_kr_status":  bearerHeader(ceo.letIn(t, "Reporter", "report_kr_status").AccessToken),
	}
	for name, test := range map[string]struct {
		headers        http.Header
		export, upload string
	}{
		"the CEO":                          {sessionHeaders(t, ceo)["rest"], "", ""},
		"an employee":                      {sessionHeaders(t, employee)["rest"], "", "ROLE_MISSING"},
		"an agent that manages objectives": {agents["manage:objectives"], "", ""},
		"an agent that reports":            {agents["report_kr_status"], "SCOPE_MISSING", "SCOPE_MISSING"},
		"nobody":                           {http.Header{}, "TOKEN_MISSING", "TOKEN_MISSING"},
	} {
		t.Run(name, func(t *testing.T) {
			nobody := running.newPerson(t)
			var headers []string
			for key := range test.headers {
				headers = append(headers, key, test.headers.Get(key))
			}
			got := nobody.call(t, http.MethodGet, "/api/v1/export", "", headers...)
			if got.reason != test.export || (test.export == "") != (got.status == http.StatusOK) {
				t.Errorf("exporting: %d %s", got.status, got.body)
			}
			if name == "an agent that manages objectives" && strings.Contains(got.body, "Of our own") {
				t.Errorf("it gets key results: %s", got.body)
			}
			got = nobody.call(t, http.MethodPost, "/api/v1/import", empty, headers...)
			if got.reason != test.upload || (test.upload == "") != (got.status == http.StatusOK) {
				t.Errorf("importing: %d %s", got.status, got.body)
			}
		})
	}
}

// A browser that loses its connection asks again for the address that it began with, and says in a header where it is.
func TestABrowserThatReconnectsMissesNothingAndSeesNothingTwice(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	headers := sessionHeaders(t, ceo)["rest"]
	start := ceo.must(t, http.MethodGet, "/api/v1/changes", "").text("cursor")
	const rounds = 8
	var seen, want []string
	last := ""
	for round := range rounds {
		for n := range 3 {
			title := fmt.Sprintf("Round %d, number %d", round, n)
			ceo.objective(t, title)
			want = append(want, title)
		}
		h := headers.Clone()
		if last != "" {
			h.Set("Last-Event-ID", last)
		}
		stream := running.watch(t, "rest", h, start)
		for taken := 0; taken < 2 || round == rounds-1 && len(seen) < len(want); { // of what there is, it sees a part
			e := stream.next(t)
			if e.end != "" {
				t.Fatalf("the stream ended: %s", e.end)
			}
			if e.cursor != "" {
				last = e.cursor
			}
			if e.change != nil {
				seen = append(seen, e.change.text("after", "objective", "title"))
				taken++
			}
		}
	}
	if !slices.Equal(seen, want) {
		t.Errorf("it saw %q, want %q", seen, want)
	}
}
