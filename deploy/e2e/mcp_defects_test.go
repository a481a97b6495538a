package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The same application had defects of its endpoint for agents. Revoked agents are in power_test.go, all permissions in
// authorization_test.go.
func TestTheKnownDefectsOfTheAgentEndpointAreNotHere(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T){
		"another organization's token sees its own data, whatever session is named": anotherOrganizationsToken,
		"a refreshed token is used at once":                                         refreshedToken,
		"a narrower token has no more than its own scopes on the same connection":   narrowerToken,
		"a token without scopes does nothing, and is told what would help":          scopelessToken,
		"a token that expires in the middle of a connection ends there":             expiringToken,
		"200 concurrent additions leave 200":                                        concurrentCalls,
		"arguments that make no sense are refused and change nothing":               senselessArguments,
		"what does not exist is said so, to delete it too":                          unknownTargets,
		"a refusal says how to get a token, on every method and path":               refusalsChallenge,
		"a session JWT is no bearer token, and errors tell nothing of the inside":   sessionJWTAsBearer,
		"metadata is that of the public address, whatever the request says":         metadataOfThePublicAddress,
		"a resource that is missing is an error that clients understand":            missingResource,
		"no session outlives a request, and answers end at once":                    nothingIsKept,
		"pages of other origins can neither call nor read":                          foreignPages,
		"the current revisions are spoken, and answers are short and structured":    currentRevisions,
		"lists come in pages of a bounded size":                                     pagesForAgents,
		"an agent that may only report finds what to report on":                     reportersFindIDs,
		"the retired transport and unknown addresses are answered in JSON":          retiredAddresses,
	} {
		t.Run(name, test) // one after the other: founding organizations keeps the identity provider busy enough
	}
}

// everyScope are the scopes that a CEO's agent can be given.
func everyScope() []string {
	return []string{"read:okrs", "manage:objectives", "manage:krs", "report_kr_status"}
}

func anotherOrganizationsToken(t *testing.T) {
	ours, _ := running.found(t)
	theirs, _ := running.found(t)
	objective := ours.objective(t, "Only ours")
	a := ours.letIn(t, "Ours", everyScope()...).overMCP(running)
	b := theirs.letIn(t, "Theirs", everyScope()...).overMCP(running)
	begun := a.ask(t, "initialize", fields{
		"protocolVersion": legacy, "capabilities": fields{}, "clientInfo": fields{"name": "e2e", "version": "1"},
	})
	// The session of a, if there is one, must not be one for b.
	for _, session := range []string{begun.header.Get("Mcp-Session-Id"), "invented"} {
		header := bearerHeader(b.token)
		if session != "" {
			header.Set("Mcp-Session-Id", session)
		}
		got, err := running.ask(t.Context(), rpc{method: "tools/call", params: fields{"name": "listObjectives"}, header: header})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(got.body, objective) || strings.Contains(got.body, "Only ours") {
			t.Errorf("with the session %q it sees %s", session, got.body)
		}
	}
	if got := b.call(t, "deleteObjective", "okrID", objective); !got.isError() {
		t.Errorf("it deletes what is not its own: %s", got.body)
	}
	if got := a.must(t, "listObjectives"); !strings.Contains(got.text(), objective) {
		t.Errorf("the owner sees %s", got.body)
	}
}

func refreshedToken(t *testing.T) {
	ceo, _ := running.found(t)
	first := running.provider.letIn(t, ceo.member, "Agent that stays", 3600, "read:okrs", "offline_access")
	first.overMCP(running).must(t, "whoAmI")
	second := running.provider.refresh(t, first)
	if second.AccessToken == first.AccessToken {
		t.Fatal("the token is the same")
	}
	if got := second.overMCP(running).must(t, "whoAmI"); got.structured().text("client", "id") != first.ClientID {
		t.Errorf("it is %s", got.body)
	}
}

func narrowerToken(t *testing.T) {
	ceo, _ := running.found(t)
	wide := ceo.letIn(t, "Wide agent", everyScope()...).overMCP(running)
	narrow := ceo.letIn(t, "Narrow agent", "read:okrs").overMCP(running)
	for range 2 { // whoever comes first
		wide.must(t, "addObjective", "objectiveText", "Grow")
		if got := narrow.call(t, "addObjective", "objectiveText", "Grow"); got.status != http.StatusForbidden ||
			!strings.Contains(got.header.Get("WWW-Authenticate"), `error="insufficient_scope"`) ||
			!strings.Contains(got.header.Get("WWW-Authenticate"), ` scope="manage:objectives"`) {
			t.Errorf("%d %v %s", got.status, got.header, got.body)
		}
		if names := narrow.ask(t, "tools/list", nil).names("tools", "name"); !slices.Equal(names, []string{"whoAmI", "listObjectives", "getObjective", "changesSince", "listProposals"}) {
			t.Errorf("the narrow one is shown %v", names)
		}
	}
	if got := wide.must(t, "listObjectives").structured().list("objectives"); len(got) != 2 {
		t.Errorf("there are %d objectives", len(got))
	}
}

func scopelessToken(t *testing.T) {
	ceo, _ := running.found(t)
	objective := ceo.objective(t, "Grow")
	a := ceo.letIn(t, "Agent without scopes", "openid").overMCP(running)
	if names := a.ask(t, "tools/list", nil).names("tools", "name"); !slices.Equal(names, []string{"whoAmI"}) {
		t.Errorf("it is shown %v", names)
	}
	who := a.must(t, "whoAmI").structured()
	if allowed, _ := who["allowed"].([]any); len(allowed) != 0 || len(who.list("denied")) != 8 || who.list("denied")[0]["anyOfScopes"] == nil {
		t.Errorf("it is told %v", who)
	}
	for tool, arguments := range map[string][]any{
		"listObjectives":  nil,
		"addObjective":    {"objectiveText", "More"},
		"deleteObjective": {"okrID", objective},
	} {
		if got := a.call(t, tool, arguments...); got.status != http.StatusForbidden || got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", tool, got.status, got.body)
		}
	}
	if got := a.ask(t, "resources/list", nil); len(got.result.list("resources")) != 0 || got.failure != nil {
		t.Errorf("it is shown %s", got.body)
	}
	if got := a.read(t, "okrmanager://objectives/"+objective); got.status != http.StatusForbidden {
		t.Errorf("it reads: %d %s", got.status, got.body)
	}
}

func expiringToken(t *testing.T) {
	ceo, _ := running.found(t)
	a := running.provider.letIn(t, ceo.member, "Agent in a hurry at the endpoint", 4, "read:okrs").overMCP(running)
	a.must(t, "listObjectives")
	var last reply
	eventually(t, "the token is refused", func() bool {
		last = a.call(t, "listObjectives")
		return last.status != http.StatusOK
	})
	if challenge := last.header.Get("WWW-Authenticate"); last.status != http.StatusUnauthorized ||
		!strings.Contains(challenge, `error="invalid_token", error_description="the token has expired"`) {
		t.Errorf("%d %s", last.status, challenge)
	}
	running.provider.letIn(t, ceo.member, "Agent in a hurry at the endpoint", 3600, "read:okrs").overMCP(running).must(t, "listObjectives")
}

func concurrentCalls(t *testing.T) {
	const additions = 200
	ceo, _ := running.found(t)
	objective := ceo.objective(t, "Grow")
	a := ceo.letIn(t, "Busy agent", everyScope()...).overMCP(running)
	made := make([]string, additions)
	var work sync.WaitGroup
	for i := range additions {
		work.Go(func() {
			made[i] = a.call(t, "addKeyResult", "okrID", objective, "keyResultText", fmt.Sprintf("Key result %d", i)).structured().text("keyResultID")
		})
	}
	work.Wait()
	slices.Sort(made)
	if made[0] == "" || len(slices.Compact(slices.Clone(made))) != additions {
		t.Errorf("the ids are %v", made)
	}
	if kept := ceo.must(t, http.MethodGet, "/api/v1/objectives/"+objective, "").list("keyResults"); len(kept) != additions {
		t.Errorf("%d key results are left", len(kept))
	}
}

func senselessArguments(t *testing.T) {
	ceo, _ := running.found(t)
	objective := ceo.objective(t, "Grow")
	keyResult := ceo.keyResult(t, objective, "By ten")
	a := ceo.letIn(t, "Confused agent", everyScope()...).overMCP(running)
	a.must(t, "setKeyResultAttainment", "okrID", objective, "keyResultID", keyResult, "attainment", 35)
	before := ceo.must(t, http.MethodGet, "/api/v1/objectives", "").text("cursor")
	set := func(attainment any) []any {
		return []any{"setKeyResultAttainment", "okrID", objective, "keyResultID", keyResult, "attainment", attainment}
	}
	for name, call := range map[string][]any{
		"attainment 1000":                   set(1000),
		"attainment -5":                     set(-5),
		"attainment 50.5":                   set(50.5),
		"attainment in letters":             set("abc"),
		"attainment as a text":              set("75"),
		"attainment null":                   set(nil),
		"attainment true":                   set(true),
		"attainment 1e308":                  set(1e308),
		"attainment a list":                 set([]int{1}),
		"no attainment":                     {"setKeyResultAttainment", "okrID", objective, "keyResultID", keyResult},
		"no text":                           {"addObjective"},
		"an empty text":                     {"addObjective", "objectiveText", ""},
		"spaces":                            {"addObjective", "objectiveText", "  "},
		"a text of two lines":               {"addObjective", "objectiveText", "a\nb"},
		"a text that turns the line around": {"addObjective", "objectiveText", "a\u202eb"},
		"501 characters":                    {"addObjective", "objectiveText", strings.Repeat("x", 501)},
		"an object as text":                 {"addObjective", "objectiveText", fields{"a": 1}},
		"an unknown argument":               {"addObjective", "objectiveText", "a", "organization", "another"},
		"a bad requestId":                   {"addObjective", "objectiveText", "a", "requestId", "a b"},
		"an invented cursor":                {"listObjectives", "cursor", "invented"},
	} {
		t.Run(name, func(t *testing.T) {
			got := a.call(t, call[0].(string), call[1:]...)
			if got.status != http.StatusOK || !got.isError() || got.text() == "" {
				t.Errorf("%d %s", got.status, got.body)
			}
			if len(got.text()) > 600 || strings.Contains(got.body, "rpc error") || strings.Contains(got.body, "goroutine") {
				t.Errorf("a model reads %s", got.text())
			}
		})
	}
	if after := ceo.must(t, http.MethodGet, "/api/v1/objectives", "").text("cursor"); after != before {
		t.Error("something was written")
	}
}

func unknownTargets(t *testing.T) {
	ceo, _ := running.found(t)
	objective := ceo.objective(t, "Grow")
	other := ceo.objective(t, "Grow elsewhere")
	keyResult := ceo.keyResult(t, other, "By ten")
	a := ceo.letIn(t, "Agent in the dark", everyScope()...).overMCP(running)
	const unknown = "okr_0000000000000"
	for name, call := range map[string][]any{
		"delete an unknown objective":              {"deleteObjective", "okrID", unknown},
		"add to an unknown objective":              {"addKeyResult", "okrID", unknown, "keyResultText", "a"},
		"set an unknown key result":                {"setKeyResultAttainment", "okrID", objective, "keyResultID", "kr_0000000000000", "attainment", 1},
		"set a key result of another objective":    {"setKeyResultAttainment", "okrID", objective, "keyResultID", keyResult, "attainment", 1},
		"delete an unknown key result":             {"deleteKeyResult", "okrID", objective, "keyResultID", "kr_0000000000000"},
		"delete a key result of another objective": {"deleteKeyResult", "okrID", objective, "keyResultID", keyResult},
	} {
		got := a.call(t, call[0].(string), call[1:]...)
		if !got.isError() || !strings.HasPrefix(got.text(), "There is no ") {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

// bare makes a bare request of the public address.
func bare(t *testing.T, method, path, body string, header http.Header) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, running.PublicURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		req.Host = host
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func refusalsChallenge(t *testing.T) {
	metadata := `resource_metadata="` + running.PublicURL + `/.well-known/oauth-protected-resource/mcp"`
	const scopes = `scope="openid profile email offline_access read:okrs manage:objectives manage:krs report_kr_status"`
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete, http.MethodPut, http.MethodHead} {
		for _, path := range []string{"/mcp", "/mcp/", "/mcp/more"} {
			for token, want := range map[string]string{
				"":                 "Bearer " + metadata + ", " + scopes,
				"Bearer garbage":   `Bearer error="invalid_token", error_description="the token is not valid here", ` + metadata + ", " + scopes,
				"Basic Z2FyYmFnZQ": `Bearer error="invalid_token", error_description="the token is not valid here", ` + metadata + ", " + scopes,
			} {
				h := http.Header{"Origin": {"http://localhost:6274"}}
				if token != "" {
					h.Set("Authorization", token)
				}
				resp := bare(t, method, path, "", h)
				if got := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != http.StatusUnauthorized || got != want {
					t.Errorf("%s %s with %q: %d %s", method, path, token, resp.StatusCode, got)
				}
				if path == "/mcp" && !strings.Contains(strings.ToLower(resp.Header.Get("Access-Control-Expose-Headers")), "www-authenticate") {
					t.Errorf("%s: a web page may not read the challenge: %v", method, resp.Header)
				}
			}
		}
	}
}

func sessionJWTAsBearer(t *testing.T) {
	ceo, _ := running.found(t)
	for _, token := range []string{ceo.cookie(t, cookieSessionJWT), ceo.cookie(t, cookieSession)} {
		got := mcpAgent{running, token}.call(t, "whoAmI")
		if got.status != http.StatusUnauthorized || !strings.Contains(got.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("%d %s", got.status, got.body)
		}
		for _, inside := range []string{"undefined", "TypeError", "JWT", "stytch", "rpc error"} {
			if strings.Contains(got.body, inside) {
				t.Errorf("the answer tells %q: %s", inside, got.body)
			}
		}
	}
}

func metadataOfThePublicAddress(t *testing.T) {
	for path, resource := range map[string]string{
		"/.well-known/oauth-protected-resource":     running.PublicURL,
		"/.well-known/oauth-protected-resource/mcp": running.PublicURL + "/mcp",
	} {
		resp := bare(t, http.MethodGet, path, "", http.Header{"X-Forwarded-Host": {"forged.example"}, "Host": {"forged.example"}})
		var got struct {
			Resource string   `json:"resource"`
			Servers  []string `json:"authorization_servers"`
			Scopes   []string `json:"scopes_supported"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got.Resource != resource || !slices.Equal(got.Servers, []string{running.DevidpURL}) || len(got.Scopes) != 8 ||
			resp.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %+v %v", path, got, resp.Header)
		}
	}
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/mcp", "/.well-known/openid-configuration"} {
		resp := bare(t, http.MethodGet, path, "", nil)
		var got fields
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
			t.Fatalf("%s: %s %v", path, resp.Status, err)
		}
		if got.text("issuer") != running.DevidpURL || got.text("authorization_endpoint") != running.PublicURL+"/oauth/authorize" ||
			got.text("registration_endpoint") == "" || got.text("token_endpoint") == "" {
			t.Errorf("%s: %v", path, got)
		}
	}
	ceo, _ := running.found(t)
	for _, audience := range []string{running.PublicURL, running.PublicURL + "/mcp"} {
		var a agent
		running.provider.call(t, http.MethodPost, "/_dev/tokens", fields{
			"member_id": ceo.member, "client_name": "Agent of " + audience, "scopes": []string{"read:okrs"}, "resources": []string{audience},
		}, &a)
		a.overMCP(running).must(t, "listObjectives")
	}
	var foreign agent
	running.provider.call(t, http.MethodPost, "/_dev/tokens", fields{
		"member_id": ceo.member, "client_name": "Agent of others", "scopes": []string{"read:okrs"}, "resources": []string{"https://other.example/mcp"},
	}, &foreign)
	if got := foreign.overMCP(running).call(t, "listObjectives"); got.status != http.StatusUnauthorized {
		t.Errorf("a token for another resource: %d %s", got.status, got.body)
	}
}

func missingResource(t *testing.T) {
	ceo, _ := running.found(t)
	a := ceo.letIn(t, "Agent that reads", "read:okrs").overMCP(running)
	for revision, code := range map[string]int{legacy: -32002, modern: -32602} {
		for _, uri := range []string{
			"okrmanager://objectives/okr_0000000000000", "okrmanager://key_result/kr_0000000000000", "okrmanager://objectives/nope",
			"okrmanager://nope/okr_0000000000000", "file:///etc/passwd", "okrmanager://objectives/" + strings.Repeat("x", 100),
		} {
			got := a.askAs(t, revision, "resources/read", fields{"uri": uri})
			if got.failure == nil || got.failure.Code != code || got.failure.Data.text("uri") != uri {
				t.Errorf("%s %s: %d %s", revision, uri, got.status, got.body)
			}
		}
	}
}

func nothingIsKept(t *testing.T) {
	ceo, _ := running.found(t)
	a := ceo.letIn(t, "Agent that comes and goes", "read:okrs").overMCP(running)
	begin := fields{"protocolVersion": legacy, "capabilities": fields{}, "clientInfo": fields{"name": "e2e", "version": "1"}}
	for range 20 { // each answer is read to its end, which took ten seconds
		a.ask(t, "initialize", begin)
		a.must(t, "listObjectives")
	}
	// No session is needed, and an old one or an invented one opens nothing to who has no token.
	for _, header := range []http.Header{{"Mcp-Session-Id": {"invented"}}, {}} {
		resp := bare(t, http.MethodPost, "/mcp", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, header)
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%v: %d", header, resp.StatusCode)
		}
	}
}

func foreignPages(t *testing.T) {
	ceo, _ := running.found(t)
	token := ceo.letIn(t, "Agent of a page", "read:okrs").AccessToken
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoAmI","arguments":{}}}`
	usual := func(pairs ...string) http.Header {
		return header(append([]string{
			"Authorization", "Bearer " + token, "Content-Type", "application/json", "Accept", "application/json, text/event-stream",
			"MCP-Protocol-Version", legacy,
		}, pairs...)...)
	}
	for name, test := range map[string]struct {
		header http.Header
		status int
	}{
		"no page":                    {usual(), 200},
		"our own page":               {usual("Origin", running.PublicURL), 200},
		"a tool's page on localhost": {usual("Origin", "http://localhost:6274"), 200},
		"a page of another origin":   {usual("Origin", "https://evil.example"), 403},
		"a page without an origin":   {usual("Origin", "null"), 403},
		"a host that was rebound":    {usual("Host", "evil.example"), 403},
		"a form's content type":      {usual("Content-Type", "text/plain"), 415},
	} {
		resp := bare(t, http.MethodPost, "/mcp", body, test.header)
		if resp.StatusCode != test.status {
			text, _ := io.ReadAll(resp.Body)
			t.Errorf("%s: %d %s", name, resp.StatusCode, text)
		}
		if allowed := resp.Header.Get("Access-Control-Allow-Origin"); test.status == 403 && allowed != "" {
			t.Errorf("%s: %q may read", name, allowed)
		}
		if resp.Header.Get("Access-Control-Allow-Credentials") != "" || resp.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %v", name, resp.Header)
		}
	}
}

func currentRevisions(t *testing.T) {
	ceo, _ := running.found(t)
	a := ceo.letIn(t, "Current agent", everyScope()...).overMCP(running)
	begin := func(version string) string {
		return a.ask(t, "initialize", fields{
			"protocolVersion": version, "capabilities": fields{}, "clientInfo": fields{"name": "e2e", "version": "1"},
		}).result.text("protocolVersion")
	}
	for asked, want := range map[string]string{"2025-11-25": "2025-11-25", "2025-06-18": "2025-06-18", "1999-01-01": "2025-11-25"} {
		if got := begin(asked); got != want {
			t.Errorf("asked for %s it answers %s", asked, got)
		}
	}
	discovered := a.askAs(t, modern, "server/discover", nil)
	if versions, _ := discovered.result["supportedVersions"].([]any); !slices.Contains(versions, any(modern)) {
		t.Errorf("it discovers %s", discovered.body)
	}
	header := bearerHeader(a.token)
	header.Set("MCP-Protocol-Version", "bogus")
	header.Set("Content-Type", "application/json")
	header.Set("Accept", "application/json, text/event-stream")
	if resp := bare(t, http.MethodPost, "/mcp", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, header); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a bogus revision: %d", resp.StatusCode)
	}
	objective := a.must(t, "addObjective", "objectiveText", strings.Repeat("Grow ", 100)).structured().text("okrID")
	for range 60 {
		ceo.keyResult(t, objective, "By ten")
	}
	for _, revision := range []string{legacy, modern} {
		got := a.askAs(t, revision, "tools/call", fields{"name": "addKeyResult", "arguments": fields{"okrID": objective, "keyResultText": "By twenty"}})
		structured, err := json.Marshal(got.structured())
		if err != nil || got.structured().text("keyResultID") == "" || len(structured)+len(got.text()) > 400 {
			t.Errorf("%s: a write answers %s", revision, got.body)
		}
	}
	for _, tool := range a.ask(t, "tools/list", nil).result.list("tools") {
		hints, _ := tool["annotations"].(map[string]any)
		for _, hint := range []string{"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"} {
			if _, explicit := hints[hint].(bool); !explicit {
				t.Errorf("%s leaves %s open", tool.text("name"), hint)
			}
		}
		if tool.text("title") == "" || tool["outputSchema"] == nil {
			t.Errorf("%v", tool)
		}
	}
}

func reportersFindIDs(t *testing.T) {
	ceo, _ := running.found(t)
	objective := ceo.objective(t, "Secret plan")
	keyResult := ceo.keyResult(t, objective, "By ten")
	for _, scope := range []string{"report_kr_status", "manage:krs"} {
		a := ceo.letIn(t, "Agent with "+scope, scope).overMCP(running)
		got := a.must(t, "listObjectives")
		listed := got.structured().list("objectives")
		if len(listed) != 1 || listed[0].text("okrID") != objective || len(listed[0].list("keyResults")) != 1 || strings.Contains(got.body, "Secret plan") {
			t.Fatalf("%s: %s", scope, got.body)
		}
		a.must(t, "setKeyResultAttainment", "okrID", listed[0].text("okrID"), "keyResultID", listed[0].list("keyResults")[0].text("keyResultID"), "attainment", 40)
		resources := a.ask(t, "resources/list", nil)
		if uris := resources.names("resources", "uri"); !slices.Equal(uris, []string{"okrmanager://key_result/" + keyResult}) {
			t.Errorf("%s: resources/list shows %v: %s", scope, uris, resources.body)
		}
		if got := a.read(t, "okrmanager://key_result/"+keyResult); !strings.Contains(got.text(), keyResult) {
			t.Errorf("%s: %s", scope, got.body)
		}
	}
	manager := ceo.letIn(t, "Agent with manage:objectives", "manage:objectives").overMCP(running)
	if got := manager.must(t, "listObjectives"); strings.Contains(got.body, keyResult) || !strings.Contains(got.body, "Secret plan") {
		t.Errorf("without the permission to read key results: %s", got.body)
	}
	if got := manager.read(t, "okrmanager://objectives/"+objective); strings.Contains(got.body, keyResult) || !strings.Contains(got.text(), "Secret plan") {
		t.Errorf("its resource shows %s", got.body)
	}
}

func retiredAddresses(t *testing.T) {
	for _, path := range []string{"/sse", "/sse/message?sessionId=1", "/.well-known/oauth-nope", "/.well-known/oauth-protected-resource/sse", "/.well-known/nope"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			resp := bare(t, method, path, "", nil)
			text, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != http.StatusNotFound || reasonIn(text) != "ROUTE_NOT_FOUND" {
				t.Errorf("%s %s: %d %s", method, path, resp.StatusCode, text)
			}
		}
	}
}
