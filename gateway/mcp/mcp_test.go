package mcp

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

func TestTheDefaultsAreValidWithAnIssuer(t *testing.T) {
	if _, err := config.LoadOver[Config](map[string]string{"OKR_OAUTH_ISSUER": "https://word-word-1.customers.stytch.dev"}); err != nil {
		t.Errorf("the defaults have mistakes: %v", err)
	}
}

func TestEveryMistakeInTheSettingsIsReportedAtOnce(t *testing.T) {
	c := Config{
		Addr: "nope", AuthzAddr: "", StoreAddr: "x", PublicURL: "ftp://a", Issuer: "", IssuerInternalURL: "a", Origins: []string{"localhost"},
		SealKey: "short", BodyLimit: 1, CallerRate: -1, DrainDelay: time.Hour, MetricsAddr: "y",
		AddressRate: -1, OrganizationRate: -1, MaxRequests: -1, ProxyHeader: "X-Real-IP",
	}
	err := c.Validate()
	for _, name := range []string{
		"OKR_MCP_ADDR", "OKR_AUTHZ_ADDR", "OKR_STORE_ADDR", "OKR_PUBLIC_URL", "OKR_OAUTH_ISSUER", "OKR_OAUTH_ISSUER_INTERNAL_URL",
		"OKR_MCP_ORIGINS", "OKR_MCP_SEAL_KEY", "OKR_MCP_BODY_LIMIT", "OKR_MCP_CALLER_RATE", "OKR_MCP_DRAIN_DELAY", "OKR_MCP_METRICS_ADDR",
		"OKR_ADDRESS_RATE", "OKR_ORGANIZATION_RATE", "OKR_MCP_MAX_REQUESTS", "OKR_PROXY_HEADER",
	} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("the report lacks %s: %v", name, err)
		}
	}
}

func TestIssuers(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://word-word-1.customers.stytch.dev": true,
		"http://localhost:4000":                    true,
		"http://localhost:4000/":                   false, // the issuer of tokens and metadata has none
		"https://a.example/path":                   false,
		"https://a.example?x":                      false,
		"https://user@a.example":                   false,
		"ftp://a.example":                          false,
		"a.example":                                false,
		"":                                         false,
	} {
		if isBase(address) != ok {
			t.Errorf("%q: want %t", address, ok)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	c := Config{EdgeKey: "the-edge-key", SealKey: "the-seal-key"}
	if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, "the-edge-key") || strings.Contains(text, "the-seal-key") {
		t.Errorf("the settings print as %s", text)
	}
}

func TestProbesAndUnknownAddresses(t *testing.T) {
	w := start(t)
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/": 404, "/sse": 404, "/api/v1/objectives": 404} {
		r := w.get(path)
		if r.StatusCode != want || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.body)
		}
	}
	t.Run("ready does not ask whether others are", func(t *testing.T) {
		w := start(t, func(c *Config) { c.StoreAddr, c.AuthzAddr = "127.0.0.1:1", "127.0.0.1:1" })
		if r := w.get("/readyz"); r.StatusCode != http.StatusOK {
			t.Errorf("status %d", r.StatusCode)
		}
		if r := w.ask("all", "ping", "{}"); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
			t.Errorf("without authz: %d %s", r.StatusCode, r.body)
		}
	})
}

func TestStoppingLetsCallsFinish(t *testing.T) {
	w := start(t, func(c *Config) { c.DrainDelay = 200 * time.Millisecond })
	entered, release := make(chan struct{}), make(chan struct{})
	w.store.change(func(f *fakeStore) {
		f.hold = func() { close(entered); <-release }
	})
	answered := make(chan reply, 1)
	go func() { answered <- w.call("all", "listObjectives", "{}") }()
	<-entered
	stopped := make(chan struct{})
	go func() { defer close(stopped); w.stop() }()
	r := w.get("/readyz")
	for r.StatusCode == http.StatusOK {
		r = w.get("/readyz")
	}
	if r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("while draining, /readyz answers %d", r.StatusCode)
	}
	close(release)
	if r := <-answered; r.StatusCode != http.StatusOK || r.Result.IsError {
		t.Errorf("the call that was running got %d %s", r.StatusCode, r.body)
	}
	<-stopped
}

func TestACallThatOutlivesItsTokenIsRefused(t *testing.T) {
	w := start(t)
	release := make(chan struct{})
	w.store.change(func(f *fakeStore) { f.hold = func() { <-release } })
	defer close(release)
	late := kittest.Agent(kittest.CEO("acme"), "read:okrs")
	late.ExpireTime = timestamppb.New(time.Now().Add(500 * time.Millisecond))
	w.authz.mu.Lock()
	w.authz.principals["late"] = late
	w.authz.mu.Unlock()
	r := w.call("late", "listObjectives", "{}")
	if r.StatusCode != http.StatusUnauthorized || !strings.Contains(r.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
}

func TestMetricsAndLogsKnowToolsAndCallersAndNoTokensOrTexts(t *testing.T) {
	listener := kittest.Listen(t)
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil { // its port is free for the edge to take
		t.Fatal(err)
	}
	w := start(t, func(c *Config) { c.MetricsAddr = addr })
	w.store.change(func(f *fakeStore) { f.title = "A secret plan" })
	w.call("all", "listObjectives", "{}")
	w.call("reader", "addObjective", `{"objectiveText":"Another secret plan"}`)
	w.call("employee", "addObjective", `{"objectiveText":"Another secret plan"}`)
	w.get("/nope/" + knownObjective)
	metrics := *w
	metrics.url = "http://" + addr
	kittest.Await(t, addr)
	body := metrics.get("/metrics").body
	for _, want := range []string{
		`http_server_request_duration_seconds_count{code="200",method="POST",route="/mcp"} 2`,
		`http_server_request_duration_seconds_count{code="403",method="POST",route="/mcp"} 1`,
		`code="404",method="GET",route="none"`,
		`mcp_tool_duration_seconds_count{outcome="ok",tool="listObjectives"} 1`,
		`mcp_tool_duration_seconds_count{outcome="refused",tool="addObjective"} 1`,
		`mcp_tool_duration_seconds_count{outcome="failed",tool="addObjective"} 1`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	log := w.log.String()
	for _, want := range []string{`"organization_id":"acme"`, `"client_id":"connected-app-test"`, `"reason":"SCOPE_MISSING"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s: %s", want, log)
		}
	}
	for _, secret := range []string{"secret plan", "Bearer", "txn-of-"} {
		if strings.Contains(log+body, secret) {
			t.Errorf("the log or the metrics have %q", secret)
		}
	}
}

func TestAClientThatAsksTooOftenIsToldWhenToComeBack(t *testing.T) {
	w := start(t, func(c *Config) { c.CallerRate = 0.01 }) // one request, and the next after 100 seconds
	other := agentOfCEO("read:okrs")
	other.ClientId = "another client"
	stranger := kittest.Agent(kittest.CEO("globex"), "read:okrs")
	w.authz.principals["other"], w.authz.principals["stranger"] = other, stranger
	for _, test := range []struct {
		name, token string
		status      int
	}{
		{"a token that is not good counts for nobody", "bad", 401},
		{"the first request", "reader", 200},
		{"the second one", "reader", 429},
		{"the same client with another token", "all", 429},
		{"another client of the organization", "other", 200},
		{"the same client in another organization", "stranger", 200},
		{"a token that is not good, again", "bad", 401},
	} {
		r := w.ask(test.token, "tools/list", "{}")
		if r.StatusCode != test.status {
			t.Errorf("%s: %d %s", test.name, r.StatusCode, r.body)
		}
		if test.status == 429 && (r.Header.Get("Retry-After") != "100" || r.Error == nil || r.Error.Message != "too many calls") {
			t.Errorf("%s: it is told %v %s", test.name, r.Header, r.body)
		}
	}
}

func TestAnOrganizationThatAsksTooOftenLeavesTheOthersAlone(t *testing.T) {
	w := start(t, func(c *Config) { c.OrganizationRate = 0.01 }) // one request, and the next after 100 seconds
	other := agentOfCEO("read:okrs")
	other.ClientId, other.MemberId = "another client", "another member"
	w.authz.principals["other"], w.authz.principals["stranger"] = other, kittest.Agent(kittest.CEO("globex"), "read:okrs")
	for _, test := range []struct {
		name, token string
		status      int
	}{
		{"the first request", "reader", 200},
		{"another member's through another client", "other", 429},
		{"one of another organization", "stranger", 200},
	} {
		r := w.ask(test.token, "tools/list", "{}")
		if r.StatusCode != test.status || test.status == 429 && r.Header.Get("Retry-After") != "100" {
			t.Errorf("%s: %d %v %s", test.name, r.StatusCode, r.Header, r.body)
		}
	}
}

func TestAHeaderThatIsTooLargeIsNotRead(t *testing.T) {
	w := start(t)
	const body = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	if r := w.send("reader", http.MethodPost, body, "X-Filler", strings.Repeat("x", 128<<10)); r.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("it is answered %s", r.Status)
	}
	if again := w.ask("reader", "tools/list", "{}"); again.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %d %s", again.StatusCode, again.body)
	}
}

// The REST edge hands on what agents ask for, and says for whom.
func TestAnInventedAddressNeitherDodgesTheLimitNorLocksOthersOut(t *testing.T) {
	w := start(t, func(c *Config) { c.AddressRate, c.TrustedProxies = 0.01, []string{"127.0.0.1"} })
	const attacker, victim = "203.0.113.5", "203.0.113.6"
	ask := func(token, forwardedFor string, more ...string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/mcp", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", forwardedFor)
		r.Header.Set("Accept", "text/event-stream")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		for i := 0; i < len(more); i += 2 {
			r.Header.Set(more[i], more[i+1])
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	for _, step := range []struct {
		name, token, from string
		status            int
	}{
		{"a guess", "guessed", attacker, 401},
		{"another one", "guessed again", attacker, 429},
		{"without a token", "", attacker, 429},
		{"with an invented address before", "guessed", "198.51.100.1, " + attacker, 429},
		{"with the victim's address before", "guessed", victim + ", " + attacker, 429},
		{"with the address of a proxy before", "guessed", "127.0.0.1, " + attacker, 429},
		{"somebody else", "guessed", victim, 401},
	} {
		if got := ask(step.token, step.from); got != step.status {
			t.Errorf("%s: %d, want %d", step.name, got, step.status)
		}
	}
	if got := ask("guessed", attacker, "Forwarded", "for=198.51.100.2"); got != http.StatusTooManyRequests {
		t.Errorf("with the other header: %d", got)
	}
}

func TestAnAgentThatIsKnownIsNotKeptOutByOthersAtTheSameAddress(t *testing.T) {
	w := start(t, func(c *Config) { c.AddressRate = 0.01 })
	for _, step := range []struct {
		name, token string
		status      int
	}{
		{"an agent", "reader", 200}, // takes what the address has
		{"a guess", "bad", 429},
		{"the agent", "reader", 200},
		{"an agent that is not known yet", "all", 429},
	} {
		if r := w.ask(step.token, "tools/list", "{}"); r.StatusCode != step.status {
			t.Errorf("%s: %d %s", step.name, r.StatusCode, r.body)
		}
	}
	if r := w.get("/.well-known/oauth-protected-resource"); r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") == "" {
		t.Errorf("a document: %d %s", r.StatusCode, r.body)
	}
}
