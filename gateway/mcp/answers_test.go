package mcp

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// structured is what a tool answers for programs.
func structured[T any](t *testing.T, r reply) T {
	t.Helper()
	var out T
	if err := json.Unmarshal(r.Result.StructuredContent, &out); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	return out
}

func TestArgumentsBecomeTheRequestThatTheyMean(t *testing.T) {
	w := start(t)
	const ceo = "member-ceo-acme"
	for name, test := range map[string]struct{ tool, arguments, want string }{
		"an objective with everything": {
			"addObjective", `{"objectiveText":"Grow","description":"Because","owner":"me","cycle":"2026-Q3","startDate":"2026-07-02","dueDate":"2026-09-29","parent":"okr_1","requestId":"r"}`,
			`{"objective":{"title":"Grow","description":"Because","ownerId":"` + ceo + `","cycle":"2026-Q3","startDate":"2026-07-02","dueDate":"2026-09-29","parentId":"okr_1"},"requestId":"r"}`,
		},
		"fields to change": {
			"updateObjective", `{` + objectiveArgument + `,"objectiveText":"Grow faster","cycle":"2026","etag":"e","requestId":"r"}`,
			`{"objective":{"id":"` + knownObjective + `","title":"Grow faster","cycle":"2026","etag":"e"},"updateMask":"title,cycle","requestId":"r"}`,
		},
		"fields to empty": {
			"updateObjective", `{` + objectiveArgument + `,"owner":"","dueDate":"","parent":""}`,
			`{"objective":{"id":"` + knownObjective + `"},"updateMask":"dueDate,parentId,ownerId"}`,
		},
		"closing": {
			"updateObjective", `{` + objectiveArgument + `,"action":"close","score":"0.7","closingNote":"Nearly","etag":"e","requestId":"r"}`,
			`{"objectiveId":"` + knownObjective + `","score":"0.7","closingNote":"Nearly","etag":"e","requestId":"r"}`,
		},
		"reopening": {
			"updateObjective", `{` + objectiveArgument + `,"action":"reopen","etag":"e"}`, `{"objectiveId":"` + knownObjective + `","etag":"e"}`,
		},
		"archiving": {
			"updateObjective", `{` + objectiveArgument + `,"action":"archive","requestId":"r"}`, `{"objectiveId":"` + knownObjective + `","requestId":"r"}`,
		},
		"restoring": {
			"updateObjective", `{` + objectiveArgument + `,"action":"restore"}`, `{"objectiveId":"` + knownObjective + `"}`,
		},
		"a key result that is measured": {
			"addKeyResult", `{` + objectiveArgument + `,"keyResultText":"Faster","startValue":"3.5","targetValue":"-1","unit":"EUR","format":"currency","weight":3,"owner":"member-2"}`,
			`{"objectiveId":"` + knownObjective + `","keyResult":{"title":"Faster","ownerId":"member-2","startValue":"3.5","targetValue":"-1","unit":"EUR","format":"VALUE_FORMAT_CURRENCY","weight":3}}`,
		},
		"a milestone": {
			"addKeyResult", `{` + objectiveArgument + `,"keyResultText":"Launched","milestone":true}`,
			`{"objectiveId":"` + knownObjective + `","keyResult":{"title":"Launched","kind":"KEY_RESULT_KIND_MILESTONE"}}`,
		},
		"another measure": {
			"updateKeyResult", `{"keyResultID":"kr_1","targetValue":"12.50","unit":"","weight":1,"format":"number","etag":"e"}`,
			`{"keyResult":{"id":"kr_1","targetValue":"12.50","weight":1,"format":"VALUE_FORMAT_NUMBER","etag":"e"},"updateMask":"targetValue,unit,format,weight"}`,
		},
		"a check-in with everything": {
			"checkIn", `{"keyResultID":"kr_1","value":"12.50","confidence":"offTrack","note":"Two lines\nof it","evidence":[{"url":"https://a.example/b","observedValue":"12,50","observedTime":"2026-11-23T12:00:00Z"},{"url":"http://c.example"}],"etag":"e","requestId":"r"}`,
			`{"keyResultId":"kr_1","checkIn":{"value":"12.50","confidence":"CONFIDENCE_OFF_TRACK","note":"Two lines\nof it","evidence":[{"url":"https://a.example/b","observedValue":"12,50","observedTime":"2026-11-23T12:00:00Z"},{"url":"http://c.example"}]},"etag":"e","requestId":"r"}`,
		},
		"a selection": {
			"listObjectives", `{"cycle":"2026-Q3","owner":"me","state":"archived","text":"grow fast"}`,
			`{"pageSize":6,"pageTokens":true,"cycle":"2026-Q3","ownerId":"` + ceo + `","states":["OBJECTIVE_STATE_ARCHIVED"],"text":"grow fast"}`,
		},
		"what is due for the caller":    {"listObjectives", `{"due":true}`, `{"pageSize":30,"pageTokens":true}`},
		"what is due for somebody else": {"listObjectives", `{"due":true,"owner":"MAX"}`, `{"ownerId":"member-2","pageSize":30,"pageTokens":true}`},
		"the history of a key result": {
			"changesSince", `{"keyResultID":"kr_1","okrID":"okr_1","cursor":"c"}`,
			`{"afterCursor":"c","objectiveId":"okr_1","keyResultId":"kr_1","pageSize":40}`,
		},
	} {
		r := w.call("all", test.tool, test.arguments)
		if r.Result.IsError || r.Error != nil {
			t.Errorf("%s: %s", name, r.body)
			continue
		}
		got := w.store.last()
		want := got.ProtoReflect().New().Interface()
		if err := protojson.Unmarshal([]byte(test.want), want); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !proto.Equal(got, want) {
			t.Errorf("%s asks for %v, want %v", name, got, want)
		}
	}
}

func TestMembersAreFoundAsPeopleCallThem(t *testing.T) {
	w := start(t)
	w.authz.members = []*authzv1.MemberName{
		{MemberId: "member-ada", DisplayName: "Ada Albright"},
		{MemberId: "member-max", DisplayName: "Max Moreau"},
		{MemberId: "member-mia", DisplayName: "Mia Moreau"},
		{MemberId: "member-single", DisplayName: "Albright"},
		{MemberId: "member-nameless"},
	}
	for called, want := range map[string]string{
		"me": "member-ceo-acme", "member-nameless": "member-nameless", "Max Moreau": "member-max", "mia": "member-mia",
		"albright": "member-single", // the whole name goes before a part of another
		"Moreau":   "", "Ma": "", "Max Albright": "", " ": "",
	} {
		w.store.change(func(f *fakeStore) { f.asked = nil })
		r := w.call("all", "addObjective", `{"objectiveText":"a","owner":"`+called+`"}`)
		request, _ := w.store.last().(*okrv1.CreateObjectiveRequest)
		if got := request.GetObjective().GetOwnerId(); got != want || r.Result.IsError != (want == "") {
			t.Errorf("%q is %q, want %q: %s", called, got, want, r.body)
		}
	}
}

func TestArgumentsThatDoNotGoTogetherAreExplained(t *testing.T) {
	w := start(t)
	w.authz.members = append(w.authz.members, &authzv1.MemberName{MemberId: "member-3", DisplayName: "max"})
	for name, test := range map[string]struct{ tool, arguments, want string }{
		"nothing to change":      {"updateObjective", `{` + objectiveArgument + `}`, "give a field to change, or an action"},
		"an action and fields":   {"updateObjective", `{` + objectiveArgument + `,"action":"reopen","cycle":""}`, "Make two calls"},
		"a score without action": {"updateObjective", `{` + objectiveArgument + `,"score":"1"}`, `go with the action "close"`},
		"a note when archiving":  {"updateObjective", `{` + objectiveArgument + `,"action":"archive","closingNote":"x"}`, `go with the action "close"`},
		"no field of a key result": {
			"updateKeyResult", `{"keyResultID":"kr_1","etag":"e"}`, "give a field to change. Progress is reported by checkIn",
		},
		"a member who is not there": {
			"addObjective", `{"objectiveText":"a","owner":"Eve"}`, `owner: there is no member "Eve". Give "me" or one of: member-1 "Ada", member-2 "Max", member-3 "max".`,
		},
		"a name that two have": {"listObjectives", `{"owner":"Max"}`, `several members are called "Max". Give the id: member-2 "Max", member-3 "max".`},
		"a due list of a cycle": {
			"listObjectives", `{"due":true,"cycle":"2026"}`, "due goes with owner and cursor alone",
		},
	} {
		w.store.change(func(f *fakeStore) { f.asked = nil })
		r := w.call("all", test.tool, test.arguments)
		if !r.Result.IsError || !strings.Contains(r.text(), test.want) || w.store.last() != nil {
			t.Errorf("%s: %s, want %q, and the store was asked for %v", name, r.body, test.want, w.store.last())
		}
	}
}

// What the store says of fields is said of arguments, and of an id, whose rule is a pattern, what it is.
func TestBrokenRulesNameTheArgumentAndTheFix(t *testing.T) {
	w := start(t)
	const pattern = "does not match regex pattern `^x$`"
	for field, test := range map[string]struct{ said, want string }{
		"key_result.title":                   {"must not contain control characters or bidirectional overrides", "keyResultText must not contain control characters or bidirectional overrides."},
		"objective.due_date":                 {"must not be before the start, which is 2026-07-01", "dueDate must not be before the start, which is 2026-07-01."},
		"key_result.target_value":            {"must differ from start_value", "targetValue must differ from startValue."},
		"key_result.unit":                    {`must be an ISO 4217 code such as "EUR" where the format is CURRENCY`, `unit must be an ISO 4217 code such as "EUR" where the format is CURRENCY.`},
		"objective.start_date":               {`must be a day such as "2026-07-01"`, `startDate must be a day such as "2026-07-01".`},
		"objective.owner_id":                 {pattern, "owner must be a member's id."},
		"objective.parent_id":                {pattern, "parent must be an objective's id."},
		"check_in.evidence[0].url":           {"must be an http or https address without a name or password in it", "evidence[0].url must be an http or https address without a name or password in it."},
		"check_in.evidence[0].observed_time": {"must be a time from the year 1 to the year 9999", "evidence[0].observedTime must be a time from the year 1 to the year 9999."},
		"request_id":                         {pattern, "requestId must be of letters, digits, - and _."},
		"objective.id":                       {"value is required", "okrID value is required."},
	} {
		w.store.change(func(f *fakeStore) { f.failure = rpcerr.FieldInvalid().Field(field, test.said, "rule") })
		if got := w.call("all", "addObjective", goodCalls()["addObjective"]).text(); got != "Nothing was changed: "+test.want {
			t.Errorf("%s: %q, want %q", field, got, test.want)
		}
	}
}

func TestWhatCannotBeDoneNowSaysWhatToDoFirst(t *testing.T) {
	w := start(t)
	precondition := func(r accessv1.ErrorReason) *rpcerr.Error {
		return rpcerr.New(codes.FailedPrecondition, r, "text of the store")
	}
	for name, test := range map[string]struct {
		failure error
		want    string
	}{
		"an attainment of what is measured": {
			precondition(accessv1.ErrorReason_ERROR_REASON_ATTAINMENT_NOT_SETTABLE).With("start_value", "10").With("target_value", "40").With("unit", `cu"stomers`),
			`Nothing was changed: this key result is no percentage. It goes from 10 to 40 "cu\"stomers". ` +
				"Call checkIn with the value that it has come to in that measure; for a milestone 0 or 100.",
		},
		"an objective that is archived": {
			precondition(accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_STATE_CONFLICT).With("state", "ARCHIVED"),
			`Nothing was changed: the objective is archived. Call updateObjective with the action "restore" first.`,
		},
		"a parent that there is not": {
			precondition(accessv1.ErrorReason_ERROR_REASON_PARENT_INVALID).With("cause", "MISSING"),
			"Nothing was changed: there is no objective with the id that parent names in your organization. listObjectives shows those that there are.",
		},
		"a parent that stands below": {
			precondition(accessv1.ErrorReason_ERROR_REASON_PARENT_INVALID).With("cause", "BELOW"),
			"Nothing was changed: parent is this objective itself or stands below it. Name one that does not, or give that one another parent first.",
		},
		"a parent that stands too deep": {
			precondition(accessv1.ErrorReason_ERROR_REASON_PARENT_INVALID).With("cause", "DEPTH"),
			"Nothing was changed: at most 10 objectives stand above each other, and there would be more. Name a parent that stands higher.",
		},
		"a parent that cannot be for a reason of a newer store": {
			precondition(accessv1.ErrorReason_ERROR_REASON_PARENT_INVALID),
			"Nothing was changed: the objective cannot stand under this parent.",
		},
		"an organization that is full": {
			precondition(accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_LIMIT_REACHED).With("limit", "10000"),
			`Nothing was added: the organization holds at most "10000" objectives.`,
		},
		"a disk that is full": {
			rpcerr.New(codes.Unavailable, accessv1.ErrorReason_ERROR_REASON_STORAGE_FULL, "text of the store"),
			"Nothing was changed: the server has no room to write. Reading works. Do not repeat it before somebody who runs the server has made room.",
		},
		"an organization that was deleted": {
			rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_ORGANIZATION_DELETED, "text of the store"),
			"The data of your organization was deleted. There is nothing to read or change any more.",
		},
		"a cursor from before a restore": {
			rpcerr.New(codes.OutOfRange, accessv1.ErrorReason_ERROR_REASON_CURSOR_TOO_OLD, "text of the store"),
			"The cursor is from before the data was restored from a backup. Call again without one, and read anew what you need.",
		},
	} {
		w.store.change(func(f *fakeStore) { f.failure = test.failure })
		if r := w.call("all", "changesSince", "{}"); !r.Result.IsError || r.text() != test.want {
			t.Errorf("%s: %q, want %q", name, r.text(), test.want)
		}
	}
}

func TestAValueThatNobodyHasConfirmedSaysWhichAgentReportedIt(t *testing.T) {
	w := start(t)
	w.store.change(func(f *fakeStore) {
		f.alter = func(o *okrv1.Objective) {
			o.KeyResults[0].AgentReport = &okrv1.AgentReport{CheckInId: "chk_1", ClientId: "client-1", ClientName: "Weekly \"Reporter\""}
		}
	})
	type answer struct{ KeyResults []struct{ ReportedBy string } }
	list, got := w.call("all", "listObjectives", "{}"), w.call("all", "getObjective", "{"+objectiveArgument+"}")
	for name, shown := range map[string]answer{
		"listObjectives": structured[struct{ Objectives []answer }](t, list).Objectives[0], "getObjective": structured[answer](t, got),
	} {
		if by := shown.KeyResults[0].ReportedBy; by != `Weekly "Reporter"` {
			t.Errorf("%s says %q", name, by)
		}
	}
	for _, r := range []reply{list, got} {
		if !strings.Contains(r.text(), `not confirmed, reported by "Weekly \"Reporter\""`) {
			t.Errorf("in words: %s", r.text())
		}
	}
}

func TestOwnersAreShownByName(t *testing.T) {
	w := start(t)
	w.store.change(func(f *fakeStore) {
		f.alter = func(o *okrv1.Objective) { o.OwnerId, o.KeyResults[0].OwnerId = "member-2", "member-gone" }
	})
	type owned struct {
		Owner      string
		KeyResults []struct{ Owner string }
	}
	shown := func() owned {
		t.Helper()
		return structured[struct{ Objectives []owned }](t, w.call("all", "listObjectives", "{}")).Objectives[0]
	}
	if got := shown(); got.Owner != "Max" || got.KeyResults[0].Owner != "member-gone" {
		t.Errorf("owners are %+v", got)
	}
	shown()
	if w.authz.listed != 1 {
		t.Errorf("the members were asked for %d times for two lists", w.authz.listed)
	}
	got := structured[struct {
		Owner struct{ MemberID, Name string }
	}](t, w.call("all", "getObjective", "{"+objectiveArgument+"}"))
	if got.Owner.MemberID != "member-2" || got.Owner.Name != "Max" {
		t.Errorf("the owner is %+v", got.Owner)
	}
	t.Run("lists do without where names are not to be had", func(t *testing.T) {
		w := start(t)
		w.authz.listingFails = status.Error(codes.Unavailable, "away")
		w.store.change(func(f *fakeStore) { f.alter = func(o *okrv1.Objective) { o.OwnerId = "member-2" } })
		r := w.call("all", "listObjectives", "{}")
		if r.Result.IsError || !strings.Contains(r.text(), "member-2") {
			t.Errorf("%s", r.body)
		}
		if r := w.call("all", "listObjectives", `{"owner":"Max"}`); !r.Result.IsError || !strings.Contains(r.text(), "not available") {
			t.Errorf("a name that cannot be looked up: %s", r.body)
		}
	})
	t.Run("nobody is asked for where nobody is to be named", func(t *testing.T) {
		w := start(t)
		w.call("all", "listObjectives", `{"owner":"me"}`)
		if w.authz.listed != 0 {
			t.Errorf("the members were asked for %d times", w.authz.listed)
		}
	})
}

// Not all members of a large organization are read. An id is then taken as it is.
func TestALargeOrganizationIsNotReadToItsEnd(t *testing.T) {
	w := start(t)
	w.authz.endless = true
	if r := w.call("all", "addObjective", `{"objectiveText":"a","owner":"member-of-a-later-page"}`); r.Result.IsError {
		t.Errorf("%s", r.body)
	}
	request, _ := w.store.last().(*okrv1.CreateObjectiveRequest)
	if request.GetObjective().GetOwnerId() != "member-of-a-later-page" || w.authz.listed != 5 {
		t.Errorf("the owner is %q after %d pages", request.GetObjective().GetOwnerId(), w.authz.listed)
	}
}

// Who may read key results alone can list them, and be told what is due, and nothing else.
func TestWhatASelectionTakesIsAskedFor(t *testing.T) {
	w := start(t)
	w.authz.mu.Lock()
	w.authz.principals["reporter"] = agentOfCEO("report_kr_status")
	w.authz.principals["planner"] = agentOfCEO("manage:objectives")
	w.authz.mu.Unlock()
	for _, test := range []struct {
		token, arguments string
		want             int
		challenge        string
	}{
		{"reporter", `{"due":true}`, 200, ""},
		{"reporter", `{"cycle":"2026"}`, 403, `scope="read:okrs`},
		{"planner", `{"cycle":"2026"}`, 200, ""},
		{"planner", `{"due":true}`, 403, `scope="`},
	} {
		r := w.call(test.token, "listObjectives", test.arguments)
		if r.StatusCode != test.want || !strings.Contains(r.Header.Get("WWW-Authenticate"), test.challenge) {
			t.Errorf("%s with %s: %d %s %s", test.token, test.arguments, r.StatusCode, r.Header.Get("WWW-Authenticate"), r.body)
		}
	}
}

// changed is the answer of changesSince.
type changed struct {
	Changes []struct {
		Title, Who, Via, Client, Kind, Note string
		Changed                             []struct{ Field, Before, After string }
	}
	Cursor string
	More   bool
}

func TestChangesComeInShortPagesThatMissNothing(t *testing.T) {
	w := start(t)
	long := strings.Repeat("A plan with a long text ", 20)
	var log []*okrv1.Change
	for i := range 100 {
		o := &okrv1.Objective{Id: fmt.Sprintf("okr_%013d", i), Title: fmt.Sprintf("%d %s", i, long)}
		log = append(log, &okrv1.Change{
			Seq: int64(i + 1), Cursor: fmt.Sprintf("cursor-%d", i+1), CreateTime: timestamppb.New(time.Unix(int64(i), 0)),
			Actor: &okrv1.Member{MemberId: "member-1", DisplayName: "Ada"}, Via: &okrv1.Via{Surface: accessv1.Surface_SURFACE_REST},
			Kind:  okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CREATED,
			After: &okrv1.Snapshot{Resource: &okrv1.Snapshot_Objective{Objective: o}},
		})
	}
	w.store.change(func(f *fakeStore) { f.changes = log })
	var titles []string
	cursor, pages := "cursor-0", 0
	for more := true; more; pages++ {
		r := w.call("all", "changesSince", `{"cursor":"`+cursor+`"}`)
		page := structured[changed](t, r)
		if size := count(t, r.text(), string(r.Result.StructuredContent)); size > 2000 {
			t.Errorf("a page takes %d tokens", size)
		}
		for _, c := range page.Changes {
			titles = append(titles, c.Title)
		}
		if cursor, more = page.Cursor, page.More; !strings.Contains(r.text(), cursor) {
			t.Errorf("the words do not say how to go on: %s", r.text())
		}
	}
	var want []string
	for _, c := range log {
		want = append(want, c.GetAfter().GetObjective().GetTitle())
	}
	if !slices.Equal(titles, want) || pages < 3 || cursor != "cursor-100" {
		t.Errorf("%d changes in %d pages up to %s", len(titles), pages, cursor)
	}
	if again := structured[changed](t, w.call("all", "changesSince", `{"cursor":"`+cursor+`"}`)); len(again.Changes) != 0 || again.Cursor != cursor || again.More {
		t.Errorf("after the end there is %+v", again)
	}
	t.Run("without a cursor it is the newest, and where to go on", func(t *testing.T) {
		r := w.call("all", "changesSince", "{}")
		page := structured[changed](t, r)
		n := len(page.Changes)
		if n == 0 || page.Changes[n-1].Title != want[99] || page.Changes[0].Title != want[100-n] || page.Cursor != cursor || page.More {
			t.Errorf("%+v", page)
		}
		if !strings.Contains(r.text(), "Older changes are not shown.") {
			t.Errorf("%s", r.text())
		}
	})
}

func TestAChangeSaysWhoWhatAndBeforeAndAfter(t *testing.T) {
	w := start(t)
	r := w.call("all", "changesSince", "{}")
	page := structured[changed](t, r)
	c := page.Changes[0]
	if c.Who != "Ada" || c.Via != "mcp" || c.Client != "Grow" || c.Kind != "keyResultCheckedIn" || c.Note != "Grow" || len(c.Changed) != 2 ||
		c.Changed[0].Field != "value" || c.Changed[0].Before != "10" || c.Changed[0].After != "40" {
		t.Errorf("%+v", c)
	}
	const want = `2026-11-23T12:00:00Z "Ada" through "Grow" (mcp): keyResultCheckedIn kr_0123456789abc "Grow": ` +
		`value "10" → "40", attainment "10" → "40". Note: "Grow"` + "\nThe cursor for the next call is cursor-1"
	if r.text() != want {
		t.Errorf("%s", r.text())
	}
}

// An objective that is more than a page comes in several, the key results each once.
func TestAnObjectiveWithManyKeyResultsComesInPages(t *testing.T) {
	w := start(t)
	w.store.change(func(f *fakeStore) {
		f.alter = func(o *okrv1.Objective) {
			o.Description = strings.Repeat("Why. ", 50)
			first := o.KeyResults[0]
			o.KeyResults = nil
			for i := range 60 {
				k := proto.CloneOf(first)
				k.Id, k.Title = fmt.Sprintf("kr_%013d", i), strings.Repeat("Measure it well. ", i%20)
				o.KeyResults = append(o.KeyResults, k)
			}
		}
	})
	type objective struct {
		OkrID, Description, Etag, NextCursor string
		KeyResults                           []struct{ KeyResultID string }
	}
	var got []string
	arguments, pages := objectiveArgument, 0
	for arguments != "" {
		r := w.call("all", "getObjective", "{"+arguments+"}")
		page := structured[objective](t, r)
		if size := count(t, r.text(), string(r.Result.StructuredContent)); size > 2000 {
			t.Errorf("page %d takes %d tokens", pages, size)
		}
		if first := pages == 0; (page.Description != "") != first || (page.Etag != "") != first || page.OkrID != knownObjective {
			t.Errorf("page %d has %+v", pages, page)
		}
		for _, k := range page.KeyResults {
			got = append(got, k.KeyResultID)
		}
		arguments = ""
		if page.NextCursor != "" {
			arguments = objectiveArgument + `,"cursor":"` + page.NextCursor + `"`
		}
		pages++
	}
	if len(got) != 60 || !slices.IsSorted(got) || pages < 3 || len(slices.Compact(slices.Clone(got))) != 60 {
		t.Errorf("%d key results in %d pages: %v", len(got), pages, got)
	}
}
