package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// notifications are the messages of an agent's open stream. The channel is closed when the stream ends.
type notifications <-chan string

// open makes a request over the public address whose answer is a stream.
func (a mcpAgent) open(t *testing.T, method string, header http.Header, body []byte) notifications {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, a.system.PublicURL+"/mcp", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("no stream: %s %v", resp.Status, resp.Header)
	}
	messages := make(chan string, 256)
	go func() {
		defer close(messages)
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				messages <- data
			}
		}
	}()
	return messages
}

// listen subscribes in the way of 2026-07-28, and answers the stream and the URIs that it grants.
func (a mcpAgent) listen(t *testing.T, uris ...string) (notifications, string) {
	t.Helper()
	header, body, err := rpc{
		method: "subscriptions/listen", revision: modern, header: bearerHeader(a.token),
		params: fields{"notifications": fields{"resourcesListChanged": true, "resourceSubscriptions": uris}},
	}.message()
	if err != nil {
		t.Fatal(err)
	}
	stream := a.open(t, http.MethodPost, header, body)
	return stream, stream.next(t)
}

// follow subscribes in the way of 2025-11-25.
func (a mcpAgent) follow(t *testing.T, uris ...string) notifications {
	t.Helper()
	begun := a.ask(t, "initialize", fields{
		"protocolVersion": legacy, "capabilities": fields{}, "clientInfo": fields{"name": "e2e", "version": "1"},
	})
	header := bearerHeader(a.token)
	header.Set("Mcp-Session-Id", begun.header.Get("Mcp-Session-Id"))
	for _, uri := range uris {
		got, err := a.system.ask(t.Context(), rpc{method: "resources/subscribe", params: fields{"uri": uri}, header: header.Clone()})
		if err != nil || got.failure != nil {
			t.Fatalf("%v: %s", err, got.body)
		}
	}
	header.Set("Accept", "text/event-stream")
	return a.open(t, http.MethodGet, header, nil)
}

func (n notifications) next(t *testing.T) string {
	t.Helper()
	select {
	case message, open := <-n:
		if !open {
			t.Fatal("the stream has ended")
		}
		return message
	case <-time.After(patience):
		t.Fatal("nothing comes")
	}
	return ""
}

// end waits for the end of a stream, and answers what came before.
func (n notifications) end(t *testing.T) string {
	t.Helper()
	var all []string
	deadline := time.After(patience)
	for {
		select {
		case message, open := <-n:
			if !open {
				return strings.Join(all, "\n")
			}
			all = append(all, message)
		case <-deadline:
			t.Fatal("the stream does not end")
		}
	}
}

func TestAgentsHearOfChangesOfTheirOrganizationAlone(t *testing.T) {
	t.Parallel()
	ours, _ := running.found(t)
	theirs, _ := running.found(t)
	uri := "okrmanager://objectives/" + ours.objective(t, "Only ours")
	theirURI := "okrmanager://objectives/" + theirs.objective(t, "Only theirs")
	a := ours.letIn(t, "Listener", "read:okrs").overMCP(running)
	b := theirs.letIn(t, "Listener elsewhere", "read:okrs").overMCP(running)
	now, granted := a.listen(t, uri, theirURI)
	if !strings.Contains(granted, uri) || strings.Contains(granted, theirURI) {
		t.Errorf("it is granted %s", granted)
	}
	old := a.follow(t, uri)
	foreign, granted := b.listen(t, uri, theirURI)
	if strings.Contains(granted, uri) || !strings.Contains(granted, theirURI) {
		t.Errorf("the other is granted %s", granted)
	}
	if got := b.ask(t, "resources/subscribe", fields{"uri": uri}); got.failure == nil {
		t.Errorf("the other subscribes: %s", got.body)
	}
	ours.must(t, http.MethodPatch, "/api/v1/objectives/"+strings.TrimPrefix(uri, "okrmanager://objectives/"), `{"title":"Changed in the browser"}`)
	const updated = `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{%s"uri":"` + "%s" + `"}}`
	const tag = `"_meta":{"io.modelcontextprotocol/subscriptionId":"request-1"},`
	if got, want := now.next(t), fmt.Sprintf(updated, tag, uri); got != want {
		t.Errorf("it hears %s, want %s", got, want)
	}
	if got, want := old.next(t), fmt.Sprintf(updated, "", uri); got != want {
		t.Errorf("it hears %s, want %s", got, want)
	}
	theirs.must(t, http.MethodPatch, "/api/v1/objectives/"+strings.TrimPrefix(theirURI, "okrmanager://objectives/"), `{"title":"Changed"}`)
	if got, want := foreign.next(t), fmt.Sprintf(updated, tag, theirURI); got != want {
		t.Errorf("the other hears first %s, want %s", got, want)
	}
}

func TestStreamsOfAgentsEndWithTheTokenAndWithTheConsent(t *testing.T) {
	t.Parallel()
	s := ownSystem(t, time.Second)
	ceo, _ := s.found(t)
	objective := ceo.objective(t, "Grow")
	uri := "okrmanager://objectives/" + objective
	brief := s.provider.letIn(t, ceo.member, "Listener in a hurry", 4, "read:okrs").overMCP(s)
	first, _ := brief.listen(t, uri)
	second := brief.follow(t, uri)
	if got := first.end(t); !strings.Contains(got, `"resultType":"complete"`) {
		t.Errorf("it ends with %s", got)
	}
	second.end(t)
	granted := ceo.letIn(t, "Listener who goes", "read:okrs")
	revoked, _ := granted.overMCP(s).listen(t, uri)
	s.provider.throwOut(t, ceo.organization, ceo.member, granted.ClientID)
	revoked.end(t)
}

func TestAnAgentsDeleteIsConfirmedOverTwoRounds(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	a := ceo.letIn(t, "Agent that asks", everyScope()...).overMCP(running)
	b := ceo.letIn(t, "Another agent of the same person", everyScope()...).overMCP(running)
	call := func(a mcpAgent, id string, more fields) reply {
		t.Helper()
		params := fields{"name": "deleteObjective", "arguments": fields{"okrID": id}}
		maps.Copy(params, more)
		r, err := running.ask(t.Context(), rpc{
			method: "tools/call", params: params, revision: modern, header: bearerHeader(a.token),
			capabilities: fields{"elicitation": fields{}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	accept := func(asked reply) fields {
		t.Helper()
		requests, _ := asked.result["inputRequests"].(map[string]any)
		if asked.result.text("resultType") != "input_required" || len(requests) != 1 {
			t.Fatalf("nothing is asked: %s", asked.body)
		}
		for key := range requests {
			return fields{"requestState": asked.result.text("requestState"), "inputResponses": fields{key: fields{"action": "accept"}}}
		}
		return nil
	}
	kept, gone := ceo.objective(t, "Stays"), ceo.objective(t, "Goes")
	confirmed := accept(call(a, gone, nil))
	for name, r := range map[string]reply{"another objective": call(a, kept, confirmed), "another client": call(b, gone, confirmed)} {
		if r.failure == nil || r.failure.Code != -32602 {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	ceo.keyResult(t, gone, "Added after the question")
	if r := call(a, gone, confirmed); !r.isError() || !strings.Contains(r.text(), "it has changed since") {
		t.Errorf("what was not shown is deleted: %s", r.body)
	}
	if r := call(a, gone, accept(call(a, gone, nil))); r.isError() || r.failure != nil {
		t.Errorf("it is not deleted: %s", r.body)
	}
	if got := ceo.call(t, http.MethodGet, "/api/v1/objectives/"+gone, ""); got.status != http.StatusNotFound {
		t.Errorf("it is still there: %s", got.body)
	}
	ceo.must(t, http.MethodGet, "/api/v1/objectives/"+kept, "")
}

// An objective as it is read without key results has no progress either, so nothing of it changes with them: to be told
// would say that somebody reported on what the reader may not read.
func TestWhoMayReadObjectivesAloneReadsAndHearsNothingOfCheckIns(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	id, other := ceo.objective(t, "Grow"), ceo.objective(t, "Rest")
	uri, otherURI := "okrmanager://objectives/"+id, "okrmanager://objectives/"+other
	a := ceo.letIn(t, "Agent for objectives", "manage:objectives").overMCP(running)
	reader := ceo.letIn(t, "Agent that reads", "read:okrs").overMCP(running)
	now, granted := a.listen(t, uri, otherURI)
	if !strings.Contains(granted, uri) {
		t.Fatalf("it is granted %s", granted)
	}
	old, all := a.follow(t, uri, otherURI), reader.follow(t, uri)
	content := func(a mcpAgent) string { return a.read(t, uri).body }
	before, known := content(a), content(reader)

	keyResult := ceo.keyResult(t, id, "By ten")
	ceo.must(t, http.MethodPost, "/api/v1/keyResults/"+keyResult+"/checkIns", `{"value":"40","confidence":"CONFIDENCE_AT_RISK"}`)
	if after := content(a); after != before {
		t.Errorf("the objective was %s, and with a check-in it is %s", before, after)
	}
	if content(reader) == known {
		t.Error("who may read key results reads nothing of the check-in")
	}
	if got := all.next(t); !strings.Contains(got, uri) {
		t.Errorf("who may read key results hears %s", got)
	}
	ceo.must(t, http.MethodDelete, "/api/v1/keyResults/"+keyResult, "")
	if after := content(a); after != before {
		t.Errorf("the objective was %s, and after its key result it is %s", before, after)
	}

	// What is heard first is what happens last.
	ceo.must(t, http.MethodPatch, "/api/v1/objectives/"+other, `{"title":"Rest well"}`)
	for name, stream := range map[string]notifications{"listen": now, "GET": old} {
		if got := stream.next(t); !strings.Contains(got, otherURI) {
			t.Errorf("%s: it hears %s", name, got)
		}
	}
}

// What is expected of a key result by today follows from the period and the state of its objective.
func TestWhoWantsAKeyResultHearsWhenItsObjectiveChangesWhatIsExpectedOfIt(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	objective, other := ceo.objective(t, "Grow"), ceo.objective(t, "Rest")
	path, uri := "/api/v1/objectives/"+objective, "okrmanager://key_result/"+ceo.keyResult(t, objective, "By ten")
	otherURI := "okrmanager://key_result/" + ceo.keyResult(t, other, "By eight hours")
	a := ceo.letIn(t, "Agent that reads", "read:okrs").overMCP(running)
	now, _ := a.listen(t, uri, otherURI)
	old := a.follow(t, uri, otherURI)
	before := a.read(t, uri).body
	for _, change := range []struct{ method, path, body string }{
		{http.MethodPatch, path, `{"startDate":"2026-01-01","dueDate":"2026-01-02"}`},
		{http.MethodPost, path + ":archive", `{}`},
		{http.MethodPost, path + ":restore", `{}`},
	} {
		ceo.must(t, change.method, change.path, change.body)
		for name, stream := range map[string]notifications{"listen": now, "GET": old} {
			for {
				if got := stream.next(t); strings.Contains(got, uri) {
					break
				} else if !strings.Contains(got, "list_changed") {
					t.Errorf("%s: after %s %s it hears %s", name, change.path, change.body, got)
				}
			}
		}
		after := a.read(t, uri).body
		if after == before {
			t.Errorf("%s %s changes nothing of %s", change.path, change.body, after)
		}
		before = after
	}
	// A title changes nothing of a key result: the next that is heard of is another one.
	ceo.must(t, http.MethodPatch, path, `{"title":"Grow well"}`)
	ceo.must(t, http.MethodPatch, "/api/v1/objectives/"+other, `{"cycle":"2026"}`)
	if after := a.read(t, uri).body; after != before {
		t.Errorf("the key result was %s and is %s", before, after)
	}
	for name, stream := range map[string]notifications{"listen": now, "GET": old} {
		for {
			if got := stream.next(t); strings.Contains(got, otherURI) {
				break
			} else if !strings.Contains(got, "list_changed") {
				t.Errorf("%s: it hears %s", name, got)
			}
		}
	}
}
