package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var idPattern = regexp.MustCompile(`\b(okr|kr)_[0-9A-Za-z]{13}\b`)

// What a person does in a quarter.
func TestAPersonWorksWithOkrctl(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	c := ceo.terminal(t)
	top := idPattern.FindString(c.must(t, "objectives", "create", "Grow", "--cycle", "2026-Q4", "--owner", "me", "--description", "Because"))
	child := c.json(t, "o", "create", "Grow in the north", "--parent", top, "--start", "2026-10-01", "--due", "2026-11-30").text("id")
	metric := idPattern.FindString(c.must(t, "key-results", "create", top, "Sign teams", "--target", "40", "--unit", "teams", "--weight", "3", "--owner", "me"))
	down := c.json(t, "kr", "create", top, "Answer faster", "--start", "900", "--target", "300", "--unit", "ms").text("id")
	milestone := c.json(t, "kr", "create", child, "Pass the audit", "--milestone").text("id")

	if due := c.array(t, "mine"); len(due) != 2 || due[0].text("objectiveTitle") != "Grow" {
		t.Errorf("mine: %v", due)
	}
	if text := c.must(t, "mine"); !strings.Contains(text, "Sign teams") || !strings.Contains(text, "40 teams") {
		t.Errorf("mine: %s", text)
	}
	printed := c.must(t, "checkin", metric, "10", "--confidence", "at-risk", "--note", "Slow\nstart", "--evidence", "https://crm.example/teams")
	if printed != "Checked in "+metric+": 0 → 10, 25%\n" {
		t.Errorf("checkin: %q", printed)
	}
	c.must(t, "checkin", down, "1000", "-c", "off-track")
	c.must(t, "checkin", down, "--", "-3")
	c.must(t, "checkin", milestone, "done")
	if in := c.array(t, "kr", "checkins", metric); len(in) != 1 || in[0].text("note") != "Slow\nstart" || in[0].text("via", "surface") != "SURFACE_GRPC" ||
		in[0].list("evidence")[0].text("url") != "https://crm.example/teams" {
		t.Errorf("checkins: %v", in)
	}
	// A person's text breaks no table.
	if text := c.must(t, "kr", "checkins", metric); strings.Count(text, "\n") != 2 || !strings.Contains(text, "Slow start") || !strings.Contains(text, "at-risk") {
		t.Errorf("checkins: %s", text)
	}
	// The value came through an application, and no member has confirmed it yet.
	for _, args := range [][]string{{"kr", "get", metric}, {"kr", "list", "--objective", top}, {"mine"}} {
		if text := c.must(t, args...); !strings.Contains(strings.ToLower(text), "unconfirmed") || !strings.Contains(text, "okrctl") {
			t.Errorf("okrctl %s: %s", strings.Join(args, " "), text)
		}
	}
	if k := c.json(t, "kr", "get", milestone); k.text("currentValue") != "100" {
		t.Errorf("the milestone is %v", k)
	}
	if text := c.must(t, "kr", "get", milestone); !strings.Contains(text, "done, from open to done") {
		t.Errorf("the milestone is %s", text)
	}

	// An update changes what is given and nothing else; "" empties.
	before := c.json(t, "o", "get", top)
	c.must(t, "o", "update", top, "--title", "Grow faster", "--description", "", "--etag", before.text("etag"))
	after := c.json(t, "o", "get", top)
	if after.text("title") != "Grow faster" || after.text("description") != "" || after.text("cycle") != "2026-Q4" || after.text("ownerId") != ceo.member {
		t.Errorf("updated is %v", after)
	}
	if got := c.try(t, "o", "update", top, "--title", "Too late", "--etag", before.text("etag")); got.code != 1 || !strings.Contains(got.err, "ETAG_MISMATCH") {
		t.Errorf("with the old etag: %+v", got)
	}
	c.must(t, "kr", "update", metric, "--target", "50", "--format", "number")
	if got := c.try(t, "o", "update", top); got.code != 2 {
		t.Errorf("changing nothing: %+v", got)
	}

	for _, list := range []struct {
		args []string
		want int
	}{
		{[]string{"o", "list"}, 2},
		{[]string{"o", "list", "--cycle", "2026-Q4"}, 1},
		{[]string{"o", "list", "--owner", "me"}, 1},
		{[]string{"o", "list", "--parent", top}, 1},
		{[]string{"o", "list", "--text", "NORTH"}, 1},
		{[]string{"o", "list", "--state", "closed,archived"}, 0},
		{[]string{"o", "list", "--limit", "1", "--newest"}, 1},
		{[]string{"kr", "list"}, 3},
		{[]string{"kr", "list", "--objective", top}, 2},
		{[]string{"changes", "--limit", "3"}, 3},
		{[]string{"changes", "--limit", "0"}, 11},
		{[]string{"changes", "--kind", "key-result-checked-in,objective-updated"}, 5},
		{[]string{"changes", "--member", "me", "--surface", "rest"}, 0},
		{[]string{"changes", "--key-result", metric, "--oldest"}, 3},
		{[]string{"changes", "--since", "1h", "--until", "2h"}, 0},
		{[]string{"changes", "--since", "1h"}, 11},
		{[]string{"o", "history", child}, 3},
		{[]string{"kr", "history", down}, 3},
	} {
		if got := c.array(t, list.args...); len(got) != list.want {
			t.Errorf("okrctl %s: %d, want %d: %v", strings.Join(list.args, " "), len(got), list.want, got)
		}
		if text := c.must(t, list.args...); strings.Count(text, "\n") != list.want+1 {
			t.Errorf("okrctl %s: %d lines, want %d:\n%s", strings.Join(list.args, " "), strings.Count(text, "\n"), list.want+1, text)
		}
	}
	if text := c.must(t, "kr", "history", metric); !strings.Contains(text, "0 teams → 10 teams, at-risk: Slow start") || !strings.Contains(text, "GRPC, okrctl") || !strings.Contains(text, "target_value") {
		t.Errorf("history: %s", text)
	}

	// A life.
	c.must(t, "o", "close", child, "0.7", "--note", "Nearly")
	if o := c.json(t, "o", "get", child); o.text("state") != "OBJECTIVE_STATE_CLOSED" || o.text("score") != "0.7" || o.text("closingNote") != "Nearly" {
		t.Errorf("closed is %v", o)
	}
	for _, step := range []struct{ verb, want string }{{"reopen", "active"}, {"archive", "archived"}, {"restore", "active"}} {
		if text := c.must(t, "o", step.verb, child); text != "Now "+step.want+": "+child+"\n" {
			t.Errorf("%s: %q", step.verb, text)
		}
	}
	c.must(t, "o", "archive", top)
	if got := c.try(t, "checkin", metric, "11"); got.code != 1 || !strings.Contains(got.err, "OBJECTIVE_STATE_CONFLICT") {
		t.Errorf("checking in under an archived objective: %+v", got)
	}
	c.must(t, "o", "restore", top)

	// Deleting asks.
	if got := c.answering(t, "n\n", "o", "delete", top); got.code != 1 || !strings.Contains(got.err, "Archiving would keep them") {
		t.Errorf("declined: %+v", got)
	}
	if got := c.answering(t, "", "kr", "delete", metric); got.code != 1 {
		t.Errorf("without an answer: %+v", got)
	}
	if got := c.answering(t, "y\n", "kr", "delete", metric); got.code != 0 || got.out != "Deleted "+metric+"\n" {
		t.Errorf("confirmed: %+v", got)
	}
	c.must(t, "o", "delete", top, "--yes")
	if got := c.try(t, "o", "get", top); got.code != 1 || !strings.Contains(got.err, "OBJECTIVE_NOT_FOUND") {
		t.Errorf("deleted: %+v", got)
	}
}

// A script that does not know whether it was heard asks again with the same id.
func TestARequestIDMakesACommandSafeToRepeat(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	c := ceo.terminal(t)
	first := c.must(t, "o", "create", "Once", "--request-id", "script-1")
	if again := c.must(t, "o", "create", "Once", "--request-id", "script-1"); again != first {
		t.Errorf("created were %s and %s", first, again)
	}
	if got := c.array(t, "o", "list"); len(got) != 1 {
		t.Errorf("there are %v", got)
	}
}

func TestAWatchInASecondTerminalShowsWhatHappens(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	c := ceo.terminal(t)
	objective := idPattern.FindString(c.must(t, "o", "create", "Before"))
	table, lines := c.start(t, "changes", "--watch"), c.start(t, "changes", "-w", "-o", "json", "--kind", "key-result-checked-in")
	line(t, table.err, "Watching")
	line(t, lines.err, "Watching")

	keyResult := ceo.keyResult(t, objective, "By hand in the browser")
	line(t, table.out, keyResult)
	c.must(t, "checkin", keyResult, "40", "--confidence", "on-track")
	if text := line(t, table.out, "checked in"); !strings.Contains(text, `"By hand in the browser"  0% → 40%, on-track`) || !strings.Contains(text, "(GRPC, okrctl)") {
		t.Errorf("the table says %s", text)
	}
	change := parse(t, line(t, lines.out, "{"))
	if change.text("kind") != "CHANGE_KIND_KEY_RESULT_CHECKED_IN" || change.text("checkIn", "value") != "40" {
		t.Errorf("the JSON says %v", change)
	}
	for _, b := range []*background{table, lines} {
		if code := b.interrupt(t); code != 0 {
			t.Errorf("Ctrl-C ends it with %d", code)
		}
	}

	// Another watch goes on after the cursor of the last change that was seen.
	c.must(t, "checkin", keyResult, "50")
	later := c.start(t, "changes", "-w", "-o", "json", "--after", change.text("cursor"))
	if got := parse(t, line(t, later.out, "{")); got.text("checkIn", "value") != "50" {
		t.Errorf("it goes on with %v", got)
	}
}

func TestMistakesInTheCommandLineAreUsageErrors(t *testing.T) {
	t.Parallel()
	c := running.newTerminal(t)
	c.env = []string{"OKR_TOKEN=not-asked-for"}
	for _, args := range [][]string{
		{"nonsense"},
		{"objectives", "nonsense"},
		{"objectives", "get"},
		{"objectives", "get", "a", "b"},
		{"objectives", "list", "--nonsense"},
		{"objectives", "list", "--state", "nonsense"},
		{"objectives", "list", "-o", "yaml"},
		{"checkin", "kr_1"},
		{"checkin", "kr_1", "-3.5"},
		{"checkin", "kr_1", "1", "-c", "sure"},
		{"changes", "--since", "yesterday"},
		{"changes", "--kind", "nonsense"},
		{"changes", "--watch", "--since", "1h"},
		{"kr", "update", "kr_1"},
		{"kr", "update", "kr_1", "--weight", "x"},
		{"login", "--server", "http://okr.example.com"},
		{"token", "extra"},
	} {
		if got := c.try(t, args...); got.code != 2 || got.out != "" || !strings.Contains(got.err, "--help") {
			t.Errorf("okrctl %s: %+v", strings.Join(args, " "), got)
		}
	}
	if got := c.try(t, "checkin", "kr_1", "-3.5"); !strings.Contains(got.err, "two dashes, as in -- -3.5") {
		t.Errorf("a value below zero: %+v", got)
	}
	if got := c.try(t, "export", "okrs.json"); !strings.Contains(got.err, "wrong number of arguments (1) for: okrctl export") {
		t.Errorf("an argument too many: %+v", got)
	}
	for _, args := range [][]string{{}, {"help"}, {"objectives"}, {"changes", "--help"}, {"--version"}, {"completion", "bash"}} {
		if got := c.try(t, args...); got.code != 0 || got.out == "" || got.err != "" {
			t.Errorf("okrctl %s: %+v", strings.Join(args, " "), got)
		}
	}
}

func TestFailuresSayWhatToDo(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	c := running.newTerminal(t)
	for _, try := range []struct {
		name string
		env  []string
		want string
	}{
		{"a token that is none", []string{"OKR_TOKEN=nonsense"}, "TOKEN_INVALID"},
		{"a token that has expired", []string{"OKR_TOKEN=" + running.provider.letIn(t, ceo.member, "Old", -10, everyScope()...).AccessToken}, "expired"},
		{"nobody there", []string{"OKR_TOKEN=x", "OKR_STORE_ADDR=127.0.0.1:1"}, "okr-store at 127.0.0.1:1 cannot be reached"},
		{"another machine without encryption", []string{"OKR_TOKEN=x", "OKR_STORE_ADDR=" + strings.Replace(running.StoreAddr, "127.0.0.1", "0.0.0.0", 1)}, "cannot be reached"},
	} {
		c.env = try.env
		if got := c.try(t, "o", "list", "--timeout", "5s"); got.code != 1 || !strings.Contains(got.err, try.want) || got.out != "" {
			t.Errorf("%s: %+v", try.name, got)
		}
	}
}

func TestWhatIsExportedCanBeImported(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	other, _ := running.found(t)
	ours, theirs := ceo.terminal(t), other.terminal(t)
	objective := ours.json(t, "o", "create", "Grow", "--cycle", "2026-Q4").text("id")
	keyResult := ours.json(t, "kr", "create", objective, "Sign teams", "--target", "40", "--unit", "teams").text("id")
	ours.must(t, "checkin", keyResult, "10", "--note", "=Slow()")
	dir := t.TempDir()
	for _, format := range []string{"json", "csv"} {
		file := filepath.Join(dir, "okrs."+format)
		if got := ours.try(t, "export", "--file", file); got.code != 0 || got.out != "" || !strings.Contains(got.err, "Exported 1 objectives") {
			t.Errorf("export: %+v", got)
		}
		if printed := ours.must(t, "export", "--format", format); printed != read(t, file) || !strings.Contains(printed, keyResult) {
			t.Errorf("printed is %s", printed)
		}
		if got := ours.must(t, "import", file); got != "Created 0 objectives, 0 key results and 0 check-ins; 3 are there already, 0 failed\n" {
			t.Errorf("into the same organization: %s", got)
		}
		dry, real := theirs.must(t, "import", file, "--dry-run"), theirs.must(t, "import", file)
		if format == "json" && (!strings.HasPrefix(dry, "Would create 1 objectives, 1 key results and 1 check-ins") || real != strings.Replace(dry, "Would create", "Created", 1)) {
			t.Errorf("into another organization: %s, then %s", dry, real)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("left in the folder are %v, %v", entries, err)
	}
	if o := theirs.json(t, "o", "get", objective); o.text("title") != "Grow" || o.list("keyResults")[0].text("currentValue") != "10" {
		t.Errorf("imported is %v", o)
	}
	// A row that is wrong is named, makes the exit code 1, and loses nothing.
	bad := filepath.Join(dir, "bad.json")
	text := strings.Replace(read(t, filepath.Join(dir, "okrs.json")), `"Grow"`, `"Shrink"`, 1)
	if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ours.try(t, "import", bad); got.code != 1 || !strings.Contains(got.err, "objectives[0]") || !strings.Contains(got.out, "Created 0 objectives") {
		t.Errorf("a row that differs: %+v", got)
	}
	for _, args := range [][]string{{"import", "okrs.md"}, {"export", "--format", "xml"}, {"import"}} {
		if got := ours.try(t, args...); got.code != 2 {
			t.Errorf("okrctl %s: %+v", strings.Join(args, " "), got)
		}
	}
	if got := ours.try(t, "import", filepath.Join(dir, "none.json")); got.code != 1 {
		t.Errorf("no file: %+v", got)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAPersonUndoesWithOkrctl(t *testing.T) {
	t.Parallel()
	ceo, domain := running.found(t)
	c := ceo.terminal(t)
	o := c.json(t, "o", "create", "Ship").text("id")
	k := c.json(t, "kr", "create", o, "On time").text("id")
	c.must(t, "checkin", k, "10")
	seq := c.array(t, "kr", "history", k)[0].text("seq")
	if text := c.must(t, "changes"); !strings.Contains(text, seq+" ") {
		t.Errorf("changes do not show %s:\n%s", seq, text)
	}
	if text := c.must(t, "undo", seq, "--preview"); text != seq+": would be undone\n" {
		t.Errorf("the preview: %q", text)
	}
	if now := c.json(t, "kr", "get", k).text("currentValue"); now != "10" {
		t.Errorf("after the preview it is %s", now)
	}
	if text := c.must(t, "undo", seq); text != seq+": undone by 4\n" {
		t.Errorf("undone: %q", text)
	}
	if now := c.json(t, "kr", "get", k).text("currentValue"); now != "0" {
		t.Errorf("after the undoing it is %s", now)
	}
	if text := c.must(t, "undo", seq); text != seq+": undone before, by 4\n" {
		t.Errorf("once more: %q", text)
	}

	manager := ceo.hire(t, "max@"+domain, "manager")
	manager.call(t, http.MethodPatch, "/api/v1/keyResults/"+k, `{"title": "Theirs"}`)
	agents := c.array(t, "agents", "--member", "me")
	if len(agents) != 1 || agents[0].text("clientName") != "okrctl" || agents[0].text("keyResults", "changes") != "3" || agents[0].text("lastUseTime") == "" {
		t.Fatalf("agents: %v", agents)
	}
	client := agents[0].text("clientId")
	preview := c.must(t, "undo", "--client", client, "--since", "1h", "--preview")
	if strings.Count(preview, "would be undone") != 0 || !strings.Contains(preview, "stays: ") || !strings.Contains(preview, "has changed it since, by 5") {
		t.Errorf("the preview:\n%s", preview)
	}
	c.must(t, "o", "create", "A whim")
	if got := c.answering(t, "n\n", "undo", "--client", client); got.code != 1 {
		t.Errorf("not confirmed: %+v", got)
	}
	done := c.try(t, "undo", "--client", client, "--member", "me", "--yes")
	if done.code != 0 || !strings.Contains(done.err, "1 undone, 2 left as they are.") || !strings.Contains(done.out, "objective created") {
		t.Errorf("undone: %+v", done)
	}
	if left := c.array(t, "o", "list"); len(left) != 1 || left[0].text("title") != "Ship" {
		t.Errorf("left is %v", left)
	}
	for _, wrong := range [][]string{{"undo"}, {"undo", "1", "--client", "x"}, {"undo", "x"}, {"undo", "1", "--since", "1h"}, {"undo", "--client", "x", "--since", "then"}} {
		if got := c.try(t, wrong...); got.code != 2 {
			t.Errorf("okrctl %v: %+v", wrong, got)
		}
	}
}

var proposalPattern = regexp.MustCompile(`\bprp_[0-9A-Za-z]{13}\b`)

// Proposals on the command line: anybody's sign-in proposes and looks, and only a session decides.
func TestOkrctlProposesAndASessionDecides(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	objective := ceo.objective(t, "Grow")
	boss := ceo.terminal(t)
	said := boss.must(t, "objectives", "update", objective, "--title", "Shrink", "--propose")
	id := proposalPattern.FindString(said)
	if id == "" || !strings.Contains(said, "nothing was changed yet") {
		t.Fatalf("proposing says %q", said)
	}
	tried := boss.try(t, "objectives", "update", objective, "--title", "Shrink", "--try")
	if tried.code != 0 || !strings.Contains(tried.err, "only tried") || ceo.must(t, http.MethodGet, "/api/v1/objectives/"+objective, "").text("title") != "Grow" {
		t.Errorf("trying: %+v", tried)
	}
	for _, args := range [][]string{{"objectives", "list", "--propose", "--try"}, {"import", "x.json", "--propose"}, {"import", "x.json", "--try"}} {
		if got := boss.try(t, args...); got.code != 2 {
			t.Errorf("okrctl %s: %+v", strings.Join(args, " "), got)
		}
	}

	list := boss.array(t, "proposals", "list", "--state", "open", "--member", "me")
	if len(list) != 1 || list[0].text("id") != id {
		t.Errorf("list: %v", list)
	}
	if text := boss.must(t, "proposals", "list"); !strings.Contains(text, id) || !strings.Contains(text, "objective updated") {
		t.Errorf("list: %s", text)
	}
	if text := boss.must(t, "proposals", "show", id); !strings.Contains(text, "title:") || !strings.Contains(text, "Grow → Shrink") {
		t.Errorf("show: %s", text)
	}

	// The sign-in of okrctl is an application's, also that of the CEO.
	for _, verb := range []string{"approve", "reject"} {
		got := boss.try(t, "proposals", verb, id)
		if got.code != 1 || !strings.Contains(got.err, "SESSION_REQUIRED") || !strings.Contains(got.err, running.PublicURL+"/proposals") {
			t.Errorf("%s: %+v", verb, got)
		}
	}
	inPerson := *boss
	inPerson.env = []string{"OKR_TOKEN=" + ceo.cookie(t, cookieSessionJWT)}
	if text := inPerson.must(t, "proposals", "approve", id); !strings.Contains(text, "approved") {
		t.Errorf("approve: %s", text)
	}
	if title := ceo.must(t, http.MethodGet, "/api/v1/objectives/"+objective, "").text("title"); title != "Shrink" {
		t.Errorf("the title is %s", title)
	}
	other := proposalPattern.FindString(boss.must(t, "objectives", "delete", objective, "--yes", "--propose"))
	if text := inPerson.must(t, "proposals", "reject", other, "--reason", "Not now"); !strings.Contains(text, "rejected") || !strings.Contains(text, "Not now") {
		t.Errorf("reject: %s", text)
	}
	third := proposalPattern.FindString(boss.must(t, "objectives", "update", objective, "--title", "Rest", "--propose"))
	if text := boss.must(t, "proposals", "withdraw", third); !strings.Contains(text, "withdrawn") {
		t.Errorf("withdraw: %s", text)
	}
}
