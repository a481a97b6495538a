package e2e

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const (
	appAddress  = "https://agent.example/callback"
	appVerifier = "the-verifier-of-an-application-for-these-tests-only"
	startPath   = "/api/v1/oauth/authorization:start"
	decidePath  = "/api/v1/oauth/authorization:decide"
	tokenPath   = "/v1/oauth2/token"
)

func (f fields) json(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// with is the same with some fields changed.
func (f fields) with(pairs ...any) fields {
	changed := maps.Clone(f)
	for pair := range slices.Chunk(pairs, 2) {
		name, _ := pair[0].(string)
		changed[name] = pair[1]
	}
	return changed
}

// authorizationRequest is a good request of an application.
func authorizationRequest(client string) fields {
	return fields{
		"clientId": client, "redirectUri": appAddress, "scope": "openid read:okrs manage:krs offline_access", "state": "the state",
		"codeChallenge": challengeOf(appVerifier), "codeChallengeMethod": "S256", "resource": []string{running.PublicURL + "/mcp"},
	}
}

// show is what the consent page does first, with a request that there is something to decide about.
func (p *person) show(t *testing.T, request fields) fields {
	t.Helper()
	shown := p.must(t, http.MethodPost, startPath, request.json(t))
	if shown.text("authorization") == "" {
		t.Fatalf("there is nothing to decide: %v", shown)
	}
	return shown
}

// decide is what the consent page does when the person has decided.
func (p *person) decide(t *testing.T, authorization string, allow bool) answer {
	t.Helper()
	return p.call(t, http.MethodPost, decidePath, fields{"authorization": authorization, "allow": allow}.json(t))
}

// received is the query that an application receives in the end.
func received(t *testing.T, got answer) url.Values {
	t.Helper()
	to, err := url.Parse(parse(t, got.body).text("redirectUri"))
	if err != nil || got.status != http.StatusOK || !strings.HasPrefix(to.String(), appAddress+"?") {
		t.Fatalf("deciding: %d %s, %v", got.status, got.body, err)
	}
	return to.Query()
}

// redeem is how an application exchanges a code.
func redeem(client, code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "client_id": {client}, "code": {code}, "redirect_uri": {appAddress}, "code_verifier": {appVerifier},
	}
}

// connect lets an application in on the long way, and answers its tokens.
func (p *person) connect(t *testing.T, client string) agent {
	t.Helper()
	code := received(t, p.decide(t, p.show(t, authorizationRequest(client)).text("authorization"), true)).Get("code")
	got := running.provider.form(t, tokenPath, redeem(client, code))
	a := agent{ClientID: client}
	if err := json.Unmarshal([]byte(got.body), &a); err != nil || a.AccessToken == "" || a.RefreshToken == "" {
		t.Fatalf("redeeming: %d %s", got.status, got.body)
	}
	return a
}

// Somebody who wants an application let in, and is not the member who has to allow it, fails in each of these ways.
func TestAttacksOnConsentFail(t *testing.T) {
	t.Parallel()
	for name, attack := range map[string]func(*testing.T, *person, string){
		"framing the page":                          framing,
		"posting a decision from another site":      forgedPost,
		"changing what was shown":                   changedWhatWasShown,
		"using what another session was shown":      othersAuthorization,
		"deciding twice":                            decidingTwice,
		"deciding as an agent":                      decidingAsAnAgent,
		"leading the answer elsewhere":              openRedirect,
		"redirecting to a script":                   scriptRedirect,
		"downgrading the challenge":                 downgradedChallenge,
		"redeeming a code twice":                    replayedCode,
		"redeeming a code that was stolen":          stolenCode,
		"using a refresh token that was copied":     copiedRefreshToken,
		"asking for more at a refresh":              widenedRefresh,
		"going on after the consent was taken back": revokedConsent,
		"asking for a token for another service":    foreignResource,
		"naming oneself after somebody else":        misleadingName,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			victim, _ := running.found(t)
			attack(t, victim, running.provider.register(t, "Agent of "+name, appAddress))
		})
	}
}

func framing(t *testing.T, victim *person, client string) {
	page := victim.call(t, http.MethodGet, "/oauth/authorize?client_id="+client+"&redirect_uri="+url.QueryEscape(appAddress), "")
	if page.status != http.StatusOK || page.header.Get("X-Frame-Options") != "DENY" ||
		!strings.Contains(page.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("the page may be framed: %d %v", page.status, page.header)
	}
	if page.header.Get("Cache-Control") != "no-store" || page.header.Get("Referrer-Policy") != "no-referrer" || page.header.Get("Cross-Origin-Opener-Policy") != "same-origin" {
		t.Errorf("the page tells others where it was: %v", page.header)
	}
	if strings.Contains(page.body, client) {
		t.Error("the page repeats its query")
	}
}

func forgedPost(t *testing.T, victim *person, client string) {
	request := authorizationRequest(client).json(t)
	decision := fields{"authorization": victim.show(t, authorizationRequest(client)).text("authorization"), "allow": true}.json(t)
	for path, body := range map[string]string{startPath: request, decidePath: decision, "/api/v1/connectedApps/" + client: ""} {
		method := http.MethodPost
		if body == "" {
			method = http.MethodDelete
		}
		for name, headers := range map[string][]string{
			"another site":              {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
			"another site, old browser": {"Origin", "https://evil.example"},
			"another port of this host": {"Sec-Fetch-Site", "same-site", "Origin", "http://localhost:1"},
			"a sandboxed frame":         {"Origin", "null"},
		} {
			if got := victim.call(t, method, path, body, headers...); got.status != http.StatusForbidden || got.reason != "CROSS_ORIGIN" {
				t.Errorf("%s, %s: %d %s", path, name, got.status, got.body)
			}
		}
		if body == "" {
			continue
		}
		// A form needs no permission to be sent, and cannot say that it is JSON.
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
			if got := victim.call(t, method, path, body, "Content-Type", kind); got.status != http.StatusUnsupportedMediaType {
				t.Errorf("%s as %s: %d %s", path, kind, got.status, got.body)
			}
		}
		// Nor is a link a decision.
		if got := victim.call(t, http.MethodGet, path, ""); got.status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", path, got.status)
		}
	}
	if apps := victim.must(t, http.MethodGet, "/api/v1/connectedApps", "").list("connectedApps"); len(apps) != 0 {
		t.Errorf("let in was %v", apps)
	}
}

func changedWhatWasShown(t *testing.T, victim *person, client string) {
	shown := victim.show(t, authorizationRequest(client).with("scope", "read:okrs"))
	authorization := shown.text("authorization")
	// There is nowhere to put other scopes or another address.
	for _, more := range []fields{
		{"scope": "manage:objectives"}, {"scopes": []string{"manage:objectives"}}, {"redirectUri": "https://evil.example/"}, {"clientId": "x"},
	} {
		body := fields{"authorization": authorization, "allow": true}
		maps.Copy(body, more)
		if got := victim.call(t, http.MethodPost, decidePath, body.json(t)); got.status != http.StatusBadRequest || got.reason != "REQUEST_MALFORMED" {
			t.Errorf("with %v: %d %s", more, got.status, got.body)
		}
	}
	for i := 0; i < len(authorization); i += 29 {
		flipped := "A"
		if authorization[i] == 'A' {
			flipped = "B"
		}
		changed := authorization[:i] + flipped + authorization[i+1:]
		if got := victim.decide(t, changed, true); got.status != http.StatusBadRequest || got.reason != "AUTHORIZATION_INVALID" {
			t.Fatalf("changed at %d: %d %s", i, got.status, got.body)
		}
	}
	code := received(t, victim.decide(t, authorization, true)).Get("code")
	got := running.provider.form(t, tokenPath, redeem(client, code))
	if parse(t, got.body).text("scope") != "read:okrs" {
		t.Errorf("granted is %s", got.body)
	}
}

func othersAuthorization(t *testing.T, victim *person, client string) {
	domain := victim.domain(t)
	attacker := victim.hire(t, "attacker@"+domain, "stytch_admin")
	stranger, _ := running.found(t)
	again := running.signIn(t, "founder@"+domain, victim.organization)
	// The attacker's own request, decided by the victim: the application would act for the victim in the attacker's name.
	lure := attacker.show(t, authorizationRequest(client)).text("authorization")
	own := victim.show(t, authorizationRequest(client)).text("authorization")
	for name, try := range map[string]struct {
		who           *person
		authorization string
	}{
		"the victim, with the attacker's":  {victim, lure},
		"a colleague, with the victim's":   {attacker, own},
		"somebody of another organization": {stranger, own},
		"the victim in another session":    {again, own},
	} {
		if got := try.who.decide(t, try.authorization, true); got.status != http.StatusBadRequest || got.reason != "AUTHORIZATION_INVALID" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if got := running.newPerson(t).decide(t, own, true); got.status != http.StatusUnauthorized {
		t.Errorf("nobody: %d %s", got.status, got.body)
	}
	// The same browser after a change of organization is in another session.
	running.provider.addMember(t, stranger.organization, "founder@"+domain)
	again.must(t, http.MethodPost, "/api/v1/session:switchOrganization", `{"organizationId":"`+stranger.organization+`"}`)
	if got := again.decide(t, own, true); got.reason != "AUTHORIZATION_INVALID" {
		t.Errorf("the victim in another organization: %d %s", got.status, got.body)
	}
}

func decidingTwice(t *testing.T, victim *person, client string) {
	authorization := victim.show(t, authorizationRequest(client)).text("authorization")
	if q := received(t, victim.decide(t, authorization, false)); q.Get("error") != "access_denied" || q.Get("state") != "the state" || q.Has("code") {
		t.Errorf("after declining the application receives %v", q)
	}
	if got := victim.decide(t, authorization, true); got.status != http.StatusBadRequest || got.reason != "AUTHORIZATION_EXPIRED" {
		t.Errorf("changing one's mind by hand: %d %s", got.status, got.body)
	}
}

func decidingAsAnAgent(t *testing.T, victim *person, client string) {
	authorization := victim.show(t, authorizationRequest(client)).text("authorization")
	agent := running.asAgent(victim.letIn(t, "Agent that wants a friend", everyScope()...).AccessToken)
	for _, got := range []answer{
		agent.call(t, http.MethodPost, startPath, authorizationRequest(client).json(t)),
		agent.decide(t, authorization, true),
		agent.call(t, http.MethodGet, "/api/v1/connectedApps", ""),
		agent.call(t, http.MethodDelete, "/api/v1/connectedApps/"+client, ""),
	} {
		if got.status != http.StatusForbidden || got.reason != "SESSION_REQUIRED" {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	// A session JWT as bearer is no session at the edge.
	thief := running.asAgent(victim.cookie(t, cookieSessionJWT))
	if got := thief.decide(t, authorization, true); got.status != http.StatusUnauthorized {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// refusedWithoutAWay holds an answer to be an error that leads nowhere.
func refusedWithoutAWay(t *testing.T, name string, got answer, reason string) {
	t.Helper()
	if got.status != http.StatusBadRequest || got.reason != reason || strings.Contains(got.body, "redirectUri") || got.header.Get("Location") != "" {
		t.Errorf("%s: %d %s", name, got.status, got.body)
	}
}

func openRedirect(t *testing.T, victim *person, client string) {
	for _, address := range []string{
		"https://evil.example/callback", appAddress + "/..", appAddress + "?x=1", "https://agent.example.evil.example/callback",
		"https://agent.example@evil.example/callback", `https://evil.example\@agent.example/callback`, "//evil.example/callback",
		"https://AGENT.example:444/callback", "http://agent.example/callback", "",
	} {
		request := authorizationRequest(client).with("redirectUri", address)
		refusedWithoutAWay(t, address, victim.call(t, http.MethodPost, startPath, request.json(t)), "OAUTH_REDIRECT_URI_INVALID")
	}
	unknown := authorizationRequest("connected-app-test-a0000000-0000-4000-8000-000000000009").with("scope", "nothing")
	refusedWithoutAWay(t, "an unknown application", victim.call(t, http.MethodPost, startPath, unknown.json(t)), "OAUTH_CLIENT_UNKNOWN")
}

func scriptRedirect(t *testing.T, victim *person, client string) {
	for _, address := range []string{
		"javascript:alert(document.cookie)", "JAVASCRIPT:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,<script>",
		"vbscript:x", "file:///etc/passwd", "blob:" + appAddress, "view-source:" + appAddress, "filesystem:" + appAddress,
	} {
		request := authorizationRequest(client).with("redirectUri", address)
		refusedWithoutAWay(t, address, victim.call(t, http.MethodPost, startPath, request.json(t)), "OAUTH_REDIRECT_URI_INVALID")
	}
}

func downgradedChallenge(t *testing.T, victim *person, client string) {
	for name, request := range map[string]fields{
		"plain":              authorizationRequest(client).with("codeChallengeMethod", "plain", "codeChallenge", appVerifier),
		"no method":          authorizationRequest(client).with("codeChallengeMethod", ""),
		"no challenge":       authorizationRequest(client).with("codeChallengeMethod", "", "codeChallenge", ""),
		"a method by itself": authorizationRequest(client).with("codeChallenge", ""),
	} {
		got := victim.must(t, http.MethodPost, startPath, request.json(t))
		if got.text("authorization") != "" || got.text("refusal", "error") != "invalid_request" {
			t.Errorf("%s: %v", name, got)
		}
		if back := got.text("refusal", "redirectUri"); !strings.HasPrefix(back, appAddress+"?") || strings.Contains(back, "code=") {
			t.Errorf("%s leads back to %s", name, back)
		}
	}
}

func replayedCode(t *testing.T, victim *person, client string) {
	code := received(t, victim.decide(t, victim.show(t, authorizationRequest(client)).text("authorization"), true)).Get("code")
	first := running.provider.form(t, tokenPath, redeem(client, code))
	if first.status != http.StatusOK {
		t.Fatalf("the first time: %s", first.body)
	}
	token := parse(t, first.body).text("access_token")
	refresh := parse(t, first.body).text("refresh_token")
	if again := running.provider.form(t, tokenPath, redeem(client, code)); again.reason != "invalid_grant" {
		t.Errorf("the second time: %s", again.body)
	}
	// Who came first may have been the thief: what the code gave is taken back.
	got := running.provider.form(t, tokenPath, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {client}})
	if got.reason != "invalid_grant" {
		t.Errorf("the refresh token of the first lives on: %s", got.body)
	}
	if got := running.provider.form(t, "/v1/oauth2/introspect", url.Values{"token": {token}, "client_id": {client}}); !strings.Contains(got.body, `"active":false`) {
		t.Errorf("the access token of the first lives on: %s", got.body)
	}
}

func stolenCode(t *testing.T, victim *person, client string) {
	other := running.provider.register(t, "Thief of "+client, appAddress)
	for name, change := range map[string]func(url.Values){
		"without a verifier":     func(form url.Values) { form.Del("code_verifier") },
		"with a wrong verifier":  func(form url.Values) { form.Set("code_verifier", appVerifier+"x") },
		"with the challenge":     func(form url.Values) { form.Set("code_verifier", challengeOf(appVerifier)) },
		"as another application": func(form url.Values) { form.Set("client_id", other) },
		"at another address":     func(form url.Values) { form.Set("redirect_uri", "https://evil.example/") },
		"for another service":    func(form url.Values) { form.Set("resource", "https://other.example/mcp") },
	} {
		form := redeem(client, received(t, victim.decide(t, victim.show(t, authorizationRequest(client)).text("authorization"), true)).Get("code"))
		change(form)
		if got := running.provider.form(t, tokenPath, form); got.status != http.StatusBadRequest || got.reason != "invalid_grant" && got.reason != "invalid_target" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

func copiedRefreshToken(t *testing.T, victim *person, client string) {
	first := victim.connect(t, client)
	second := running.provider.refresh(t, first)
	second.overMCP(running).must(t, "whoAmI")
	copied := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.RefreshToken}, "client_id": {client}}
	if got := running.provider.form(t, tokenPath, copied); got.reason != "invalid_grant" {
		t.Errorf("the copy: %s", got.body)
	}
	copied.Set("refresh_token", second.RefreshToken)
	if got := running.provider.form(t, tokenPath, copied); got.reason != "invalid_grant" {
		t.Errorf("the family lives on: %s", got.body)
	}
}

func widenedRefresh(t *testing.T, victim *person, client string) {
	a := victim.connect(t, client)
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.RefreshToken}, "client_id": {client}, "scope": {"read:okrs manage:objectives"}}
	if got := running.provider.form(t, tokenPath, form); got.status != http.StatusBadRequest || got.reason != "invalid_scope" {
		t.Errorf("%d %s", got.status, got.body)
	}
	form.Set("scope", "read:okrs")
	form.Set("resource", "https://other.example/mcp")
	if got := running.provider.form(t, tokenPath, form); got.status != http.StatusBadRequest || got.reason != "invalid_target" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func revokedConsent(t *testing.T, victim *person, client string) {
	a := victim.connect(t, client)
	a.overMCP(running).must(t, "whoAmI")
	apps := victim.must(t, http.MethodGet, "/api/v1/connectedApps", "").list("connectedApps")
	if len(apps) != 1 || apps[0].text("clientId") != client {
		t.Fatalf("connected are %v", apps)
	}
	if got := victim.call(t, http.MethodDelete, "/api/v1/connectedApps/"+client, ""); got.status != http.StatusNoContent {
		t.Fatalf("revoking: %d %s", got.status, got.body)
	}
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.RefreshToken}, "client_id": {client}}
	if got := running.provider.form(t, tokenPath, refresh); got.reason != "invalid_grant" {
		t.Errorf("the refresh token lives on: %s", got.body)
	}
	// What the edge knows of the token lasts as long as a transaction token.
	eventually(t, "the access token is refused", func() bool {
		return a.overMCP(running).call(t, "whoAmI").status == http.StatusUnauthorized
	})
	if got := victim.call(t, http.MethodDelete, "/api/v1/connectedApps/"+client, ""); got.status != http.StatusNotFound || got.reason != "CONNECTED_APP_NOT_FOUND" {
		t.Errorf("revoking again: %d %s", got.status, got.body)
	}
	if !victim.show(t, authorizationRequest(client).with("scope", "read:okrs")).truth("consentRequired") {
		t.Error("the member is not asked again")
	}
}

func foreignResource(t *testing.T, victim *person, client string) {
	for _, resource := range []string{"https://other.example/mcp", running.PublicURL + ".evil.example/mcp", running.PublicURL + "/mcp/../api", "/mcp", running.PublicURL + "/MCP"} {
		got := victim.must(t, http.MethodPost, startPath, authorizationRequest(client).with("resource", []string{resource}).json(t))
		if got.text("refusal", "error") != "invalid_target" || got.text("authorization") != "" {
			t.Errorf("%s: %v", resource, got)
		}
	}
}

// A name is a claim. What is known, where the answer goes, stands beside it and cannot be pushed away.
func misleadingName(t *testing.T, victim *person, _ string) {
	client := running.provider.register(t, "Claude\u202e\n\nby Anthropic "+strings.Repeat("!", 150), appAddress)
	shown := victim.show(t, authorizationRequest(client))
	if name := shown.text("client", "name"); strings.ContainsAny(name, "\u202e\n") || len([]rune(name)) > 80 {
		t.Errorf("the name is shown as %q", name)
	}
	if shown.text("client", "redirectHost") != "agent.example" || shown.text("client", "redirectKind") != "REDIRECT_KIND_HTTPS" {
		t.Errorf("it is shown as %v", shown)
	}
	for _, field := range []string{"logoUrl", "logoUri", "clientUri"} {
		if client, _ := shown["client"].(map[string]any); client[field] != nil {
			t.Errorf("the page is told %s", field)
		}
	}
}

// truth is a field that is true or false.
func (f fields) truth(name string) bool {
	value, _ := f[name].(bool)
	return value
}
