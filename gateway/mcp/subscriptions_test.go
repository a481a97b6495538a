package mcp

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

const (
	theObjective = "okrmanager://objectives/" + knownObjective
	theKeyResult = "okrmanager://key_result/" + knownKeyResult
	elsewhere    = "okrmanager://objectives/okr_elsewhere"

	modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":%s}`
	tag        = `"_meta":{"io.modelcontextprotocol/subscriptionId":"s"}`
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// send makes a request and answers without having read the body.
func (w *world) send(token, method, body string, header ...string) *http.Response {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+"/mcp", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for pair := range slices.Chunk(header, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	resp, err := client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// sendModern makes a request of 2026-07-28 of a client with some capabilities.
func (w *world) sendModern(token, method, capabilities, params string, header ...string) *http.Response {
	w.t.Helper()
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":"s","method":%q,"params":{`+modernMeta+`,%s}}`, method, capabilities, params)
	return w.send(token, http.MethodPost, body, append(header, "Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", method)...)
}

// stream is what comes on an open stream, message by message as it was written; it is closed when the stream ends.
func stream(t *testing.T, resp *http.Response) <-chan string {
	t.Helper()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("no stream: %s %v", resp.Status, resp.Header)
	}
	messages := make(chan string, 1024)
	go func() {
		defer close(messages)
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				messages <- data
			}
		}
	}()
	return messages
}

// expect takes the next messages, which must be these.
func expect(t *testing.T, messages <-chan string, want ...string) {
	t.Helper()
	for _, one := range want {
		select {
		case got, open := <-messages:
			if !open {
				t.Fatalf("the stream has ended, want %s", one)
			}
			if got != one {
				t.Fatalf("there comes\n%s, want\n%s", got, one)
			}
		case <-time.After(patience):
			t.Fatalf("nothing comes, want %s", one)
		}
	}
}

// expectEnd waits for the end of a stream. What comes before it is none of the messages that are forbidden.
func expectEnd(t *testing.T, messages <-chan string, forbidden ...string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case got, open := <-messages:
			if !open {
				return
			}
			if slices.ContainsFunc(forbidden, func(text string) bool { return strings.Contains(got, text) }) {
				t.Errorf("there comes %s", got)
			}
		case <-deadline:
			t.Fatal("the stream does not end")
		}
	}
}

// listen opens a stream of 2026-07-28 and takes its acknowledgement, which grants what is given.
func (w *world) listen(token, wish, granted string) <-chan string {
	w.t.Helper()
	messages := stream(w.t, w.sendModern(token, "subscriptions/listen", "{}", `"notifications":`+wish))
	expect(w.t, messages, `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{`+tag+`,"notifications":`+granted+`}}`)
	return messages
}

// session begins a session of 2025-11-25.
func (w *world) session(token string) (id string) {
	w.t.Helper()
	resp := w.send(token, http.MethodPost, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"t","version":"1"}}}`)
	if id = resp.Header.Get("Mcp-Session-Id"); id == "" {
		w.t.Fatal("there is no session")
	}
	return id
}

// inSession asks something in a session.
func (w *world) inSession(token, session, method, params string) reply {
	w.t.Helper()
	resp := w.send(token, http.MethodPost, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":`+params+`}`,
		"Mcp-Session-Id", session, "Mcp-Protocol-Version", "2025-11-25")
	r := reply{Response: resp}
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
		w.t.Fatal(err)
	}
	return r
}

// changedObjective is a change of the known objective, and changedKeyResult one of its key result.
func changedObjective(kind okrv1.ChangeKind) *okrv1.Change {
	return &okrv1.Change{Kind: kind, After: &okrv1.Snapshot{Resource: &okrv1.Snapshot_Objective{
		Objective: &okrv1.Objective{Id: knownObjective, Title: "A secret title"},
	}}}
}

func changedKeyResult() *okrv1.Change {
	return &okrv1.Change{
		Kind: okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CHECKED_IN,
		After: &okrv1.Snapshot{Resource: &okrv1.Snapshot_KeyResult{
			KeyResult: &okrv1.KeyResult{Id: knownKeyResult, ObjectiveId: knownObjective, Title: "A secret title"},
		}},
	}
}

const (
	objectiveUpdated = okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_UPDATED
	objectiveCreated = okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CREATED
)

// updatedOn is the notification of an update as it stands on the wire, whole. The prefix is the tag, if there is one.
func updatedOn(prefix, uri string) string {
	return `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{` + prefix + `"uri":"` + uri + `"}}`
}

func listChangedOn(of, params string) string {
	return `{"jsonrpc":"2.0","method":"notifications/` + of + `/list_changed","params":{` + params + `}}`
}

// settle waits until something holds.
func settle(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never happens that %s", what)
		}
	}
}

// watching is how many streams of the store are open.
func (w *world) watching() int {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	return w.store.watchers
}

// twoOrganizations is a world in which acme has what is known and umbrella has one objective, elsewhere.
func twoOrganizations(t *testing.T) *world {
	t.Helper()
	w := start(t)
	scopes := []string{"read:okrs", "manage:objectives", "manage:krs"}
	w.authz.let("umbrella", kittest.Agent(kittest.CEO("umbrella"), scopes...))
	w.authz.let("scopeless", agentOfCEO())
	w.authz.let("reports", agentOfCEO("report_kr_status"))
	w.store.change(func(f *fakeStore) {
		f.has = func(organization, id string) bool {
			return (organization == "acme") == (id == knownObjective || id == knownKeyResult)
		}
	})
	return w
}

func wishFor(uris ...string) string {
	return `{"resourceSubscriptions":["` + strings.Join(uris, `","`) + `"]}`
}

func TestAStreamOf20260728TellsOfChangedResourcesAndNothingElse(t *testing.T) {
	w := twoOrganizations(t)
	messages := w.listen("all", `{"resourcesListChanged":true,"resourceSubscriptions":["`+theObjective+`","`+elsewhere+`","`+theKeyResult+`","okrmanager://unknown/1"]}`,
		`{"resourcesListChanged":true,"resourceSubscriptions":["`+theObjective+`","`+theKeyResult+`"]}`)
	w.store.append("acme", changedObjective(objectiveUpdated))
	expect(t, messages, updatedOn(tag+",", theObjective))
	w.store.append("acme", changedKeyResult())
	expect(t, messages, updatedOn(tag+",", theKeyResult), updatedOn(tag+",", theObjective))
	w.store.append("acme", changedObjective(objectiveCreated))
	expect(t, messages, updatedOn(tag+",", theObjective), listChangedOn("resources", tag))
}

func TestTheStreamOfASessionTellsOfWhatItSubscribedTo(t *testing.T) {
	w := twoOrganizations(t)
	session := w.session("all")
	for uri, code := range map[string]int{theObjective: 0, elsewhere: -32002, "okrmanager://unknown/1": -32002, theObjective + "%20": -32002} {
		r := w.inSession("all", session, "resources/subscribe", `{"uri":"`+uri+`"}`)
		if code == 0 && r.Error != nil || code != 0 && (r.Error == nil || r.Error.Code != code) {
			t.Errorf("%s: %+v, want the code %d", uri, r.Error, code)
		}
	}
	messages := stream(t, w.send("all", http.MethodGet, "", "Mcp-Session-Id", session))
	w.store.append("acme", changedKeyResult())
	expect(t, messages, updatedOn("", theObjective))
	w.store.append("acme", changedObjective(objectiveCreated))
	expect(t, messages, updatedOn("", theObjective), listChangedOn("resources", ""))
	if r := w.inSession("all", session, "resources/unsubscribe", `{"uri":"`+theObjective+`"}`); r.Error != nil {
		t.Errorf("unsubscribing: %+v", r.Error)
	}
	// What is subscribed to on the open stream is heard of on it.
	if r := w.inSession("all", session, "resources/subscribe", `{"uri":"`+theKeyResult+`"}`); r.Error != nil {
		t.Errorf("subscribing: %+v", r.Error)
	}
	settle(t, "the new wish is heard of", func() bool {
		w.store.append("acme", changedKeyResult())
		select {
		case got := <-messages:
			if got != updatedOn("", theKeyResult) {
				t.Errorf("there comes %s", got)
			}
			return true
		case <-time.After(20 * time.Millisecond):
			return false
		}
	})
}

func TestAnOrganizationIsWatchedOnceForAllWhoMayReadTheSame(t *testing.T) {
	w := twoOrganizations(t)
	var all []*http.Response
	open := func(token string) {
		resp := w.sendModern(token, "subscriptions/listen", "{}", `"notifications":{"resourcesListChanged":true}`)
		messages := stream(t, resp)
		<-messages
		all = append(all, resp)
	}
	for range 5 {
		open("all")
		open("reader")
	}
	if got := w.watching(); got != 1 {
		t.Errorf("%d streams for ten subscribers of one organization", got)
	}
	open("reports") // which may read key results alone
	open("umbrella")
	if got := w.watching(); got != 3 {
		t.Errorf("%d streams for three audiences", got)
	}
	for _, resp := range all {
		_ = resp.Body.Close()
	}
	settle(t, "nobody watches", func() bool { return w.watching() == 0 })
}

// The one in whose name the store is watched leaves, and the others miss nothing.
func TestTheOthersHearOnWhenOneLeaves(t *testing.T) {
	w := twoOrganizations(t)
	first := w.sendModern("reader", "subscriptions/listen", "{}", `"notifications":`+wishFor(theObjective))
	<-stream(t, first)
	second := w.listen("all", wishFor(theObjective), wishFor(theObjective))
	_ = first.Body.Close()
	for range 50 {
		w.store.append("acme", changedObjective(objectiveUpdated))
		expect(t, second, updatedOn(tag+",", theObjective))
	}
}

func TestNobodyHearsOfAnotherOrganization(t *testing.T) {
	w := twoOrganizations(t)
	messages := w.listen("umbrella", `{"resourcesListChanged":true,"resourceSubscriptions":["`+theObjective+`","`+theKeyResult+`","`+elsewhere+`"]}`,
		`{"resourcesListChanged":true,"resourceSubscriptions":["`+elsewhere+`"]}`)
	own := w.listen("all", wishFor(theObjective), wishFor(theObjective))
	w.store.append("acme", changedObjective(objectiveCreated), changedKeyResult())
	expect(t, own, updatedOn(tag+",", theObjective)) // it is out
	theirs := changedObjective(objectiveUpdated)
	theirs.GetAfter().GetObjective().Id = "okr_elsewhere"
	w.store.append("umbrella", theirs)
	expect(t, messages, updatedOn(tag+",", elsewhere)) // and nothing came before
}

func TestWhoMayReadKeyResultsAloneHearsOfThemAlone(t *testing.T) {
	w := twoOrganizations(t)
	messages := w.listen("reports", wishFor(theObjective, theKeyResult), wishFor(theKeyResult))
	w.store.append("acme", changedObjective(objectiveUpdated), changedKeyResult())
	expect(t, messages, updatedOn(tag+",", theKeyResult))
}

func TestATokenWithoutScopesOpensNoStream(t *testing.T) {
	w := twoOrganizations(t)
	session := w.session("scopeless")
	inSession := []string{"Mcp-Session-Id", session, "Mcp-Protocol-Version", "2025-11-25"}
	for name, resp := range map[string]*http.Response{
		"listen":         w.sendModern("scopeless", "subscriptions/listen", "{}", `"notifications":`+wishFor(theObjective)),
		"listen to list": w.sendModern("scopeless", "subscriptions/listen", "{}", `"notifications":{"toolsListChanged":true}`),
		"the GET stream": w.send("scopeless", http.MethodGet, "", inSession...),
		"subscribe": w.send("scopeless", http.MethodPost,
			`{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"`+theObjective+`"}}`, inSession...),
	} {
		if resp.StatusCode != http.StatusForbidden || !strings.Contains(resp.Header.Get("WWW-Authenticate"), `error="insufficient_scope"`) {
			t.Errorf("%s: %s %v", name, resp.Status, resp.Header)
		}
	}
	if got := w.watching(); got != 0 {
		t.Errorf("the store is watched %d times", got)
	}
}

func TestASessionIsOfNoUseWithAnotherToken(t *testing.T) {
	w := twoOrganizations(t)
	session := w.session("all")
	other := agentOfCEO("read:okrs")
	other.ClientId = "another-client"
	w.inSession("all", session, "resources/subscribe", `{"uri":"`+theObjective+`"}`)
	w.authz.let("another-client", other)
	elsewhere := agentOfCEO("read:okrs") // the ids of members are the identity provider's affair
	elsewhere.OrganizationId = "umbrella"
	w.authz.let("same-member-elsewhere", elsewhere)
	for _, token := range []string{"umbrella", "employee", "another-client", "same-member-elsewhere", "nobody"} {
		want := http.StatusNotFound
		if token == "nobody" {
			want = http.StatusUnauthorized
		}
		header := []string{"Mcp-Session-Id", session, "Mcp-Protocol-Version", "2025-11-25"}
		get := w.send(token, http.MethodGet, "", header...)
		subscribe := w.send(token, http.MethodPost,
			`{"jsonrpc":"2.0","id":1,"method":"resources/unsubscribe","params":{"uri":"`+theObjective+`"}}`, header...)
		if get.StatusCode != want || subscribe.StatusCode != want {
			t.Errorf("%s: %s and %s, want %d", token, get.Status, subscribe.Status, want)
		}
	}
	messages := stream(t, w.send("all", http.MethodGet, "", "Mcp-Session-Id", session))
	w.store.append("acme", changedObjective(objectiveUpdated))
	expect(t, messages, updatedOn("", theObjective)) // nobody took it away
}

func TestStreamsEndWithTheirToken(t *testing.T) {
	w := twoOrganizations(t)
	dying := agentOfCEO("read:okrs")
	dying.ExpireTime = timestamppb.New(time.Now().Add(2 * time.Second))
	w.authz.let("dying", dying)
	session := w.session("dying")
	modern := w.listen("dying", wishFor(theObjective), wishFor(theObjective))
	legacy := stream(t, w.send("dying", http.MethodGet, "", "Mcp-Session-Id", session))
	expect(t, modern, `{"jsonrpc":"2.0","id":"s","result":{"_meta":{"io.modelcontextprotocol/subscriptionId":"s"},"resultType":"complete"}}`)
	expectEnd(t, modern)
	expectEnd(t, legacy)
	if late := time.Since(dying.GetExpireTime().AsTime()); late < 0 {
		t.Errorf("the streams ended %s early", -late)
	}
	settle(t, "nobody watches", func() bool { return w.watching() == 0 })
}

// What is known of a caller runs out all the time here. As soon as the new is known, nothing is told on the strength of the
// old.
func TestStreamsEndWhenAccessIsWithdrawn(t *testing.T) {
	for name, then := range map[string]*authzv1.Principal{
		"the member or the client is gone": nil,
		"the scope is gone":                agentOfCEO(),
		"the role reads less":              agentOfCEO("report_kr_status"),
	} {
		t.Run(name, func(t *testing.T) {
			w := twoOrganizations(t)
			w.authz.lifetime = 1200 * time.Millisecond
			w.authz.let("changing", agentOfCEO("read:okrs"))
			messages := w.listen("changing", wishFor(theObjective), wishFor(theObjective))
			w.authz.let("changing", then)
			settle(t, "nobody watches", func() bool { return w.watching() == 0 })
			w.store.append("acme", changedObjective(objectiveUpdated))
			expectEnd(t, messages, "resources/updated")
		})
	}
}

func TestAStreamGoesOnWhenARoleChangesThatReadsTheSame(t *testing.T) {
	w := twoOrganizations(t)
	w.authz.lifetime = 1200 * time.Millisecond
	w.authz.let("changing", agentOfCEO("read:okrs"))
	messages := w.listen("changing", `{"toolsListChanged":true,"promptsListChanged":true,"resourceSubscriptions":["`+theObjective+`"]}`,
		`{"toolsListChanged":true,"promptsListChanged":true,"resourceSubscriptions":["`+theObjective+`"]}`)
	w.authz.let("changing", agentOfCEO("read:okrs", "manage:krs"))
	expect(t, messages, listChangedOn("tools", tag), listChangedOn("prompts", tag))
	w.store.append("acme", changedObjective(objectiveUpdated))
	expect(t, messages, updatedOn(tag+",", theObjective))
}

func TestNothingIsMissedWhileTheStoreIsAway(t *testing.T) {
	w := twoOrganizations(t)
	messages := w.listen("all", wishFor(theObjective, theKeyResult), wishFor(theObjective, theKeyResult))
	w.store.failWatching(status.Error(codes.Unavailable, "restarting"))
	settle(t, "the stream was cut", func() bool { return w.watching() == 0 })
	w.store.append("acme", changedKeyResult())
	w.store.failWatching(nil)
	expect(t, messages, updatedOn(tag+",", theKeyResult), updatedOn(tag+",", theObjective))
}

func TestAStoreThatIsAwayIsSaidWhenAStreamIsOpened(t *testing.T) {
	w := twoOrganizations(t)
	w.store.failWatching(status.Error(codes.Unavailable, "restarting"))
	resp := w.sendModern("all", "subscriptions/listen", "{}", `"notifications":{"resourcesListChanged":true}`)
	var answer reply
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Error == nil || !strings.Contains(answer.Error.Message, "not available right now") {
		t.Errorf("%v, %+v", err, answer.Error)
	}
}

func TestChangesAreOfferedAsTheyAreKnownToBe(t *testing.T) {
	w := twoOrganizations(t)
	for version, resp := range map[string]*http.Response{
		"2025-11-25": w.send("all", http.MethodPost, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`),
		"2026-07-28": w.sendModern("all", "server/discover", "{}", `"x":1`),
	} {
		var answer struct {
			Result struct {
				Capabilities struct {
					Tools, Resources, Prompts struct{ Subscribe, ListChanged bool }
				}
			}
		}
		err := json.NewDecoder(resp.Body).Decode(&answer)
		c := answer.Result.Capabilities
		if err != nil || !c.Resources.Subscribe || !c.Resources.ListChanged || !c.Tools.ListChanged || !c.Prompts.ListChanged {
			t.Errorf("%s: %v, %+v", version, err, c)
		}
	}
}
