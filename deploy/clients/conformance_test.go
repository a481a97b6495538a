package clients

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Where `make` puts the programs that tests run.
const (
	node  = "../../.tools/node/node_modules/.bin/node"
	suite = "../../.tools/node/node_modules/@modelcontextprotocol/conformance/dist/index.js"
)

// register introduces an application to the authorization server (RFC 7591), and answers its client id.
func register(t *testing.T, redirect string) string {
	t.Helper()
	body, err := json.Marshal(fields{"client_name": "Conformance suite", "redirect_uris": []string{redirect}})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, running.DevidpURL+"/v1/oauth2/register", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		ClientID string `json:"client_id"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.ClientID == "" {
		t.Fatalf("registering: %s, %v", resp.Status, err)
	}
	return answer.ClientID
}

// freePort finds a port that the suite can listen on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The suite prints the address that a person has to visit, and listens for the answer.
func TestTheConformanceSuiteOfAuthorizationServersPasses(t *testing.T) {
	t.Parallel()
	p := founder(t, "Conforming")
	port := freePort(t)
	client := register(t, fmt.Sprintf("http://127.0.0.1:%d/callback", port))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	script, err := filepath.Abs(suite)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, node, script, "authorization", "--url", running.DevidpURL, "--client-id", client, //nolint:gosec // our own paths
		"--resource", running.PublicURL+"/mcp", "-p", strconv.Itoa(port))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting the suite, which `make clients` installs: %v", err)
	}
	visit := regexp.MustCompile(regexp.QuoteMeta(running.PublicURL) + `/oauth/authorize\?\S+`)
	var report strings.Builder
	visited := 0
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		report.WriteString(lines.Text() + "\n")
		address := visit.FindString(lines.Text())
		if address == "" {
			continue
		}
		visited++
		_, to, err := p.authorize(ctx, address, true)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			cancel()
			break
		}
		if err := p.open(ctx, to.String()); err != nil {
			t.Errorf("coming back: %v", err)
		}
	}
	err = cmd.Wait()
	t.Log("\n" + report.String())
	if err != nil {
		t.Errorf("the suite fails: %v", err)
	}
	if visited == 0 {
		t.Error("the suite asked nobody")
	}
}

// minted is what an application has that has been allowed something.
type minted struct {
	ClientID     string `json:"client_id"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

// mint has the local identity provider issue tokens without a browser.
func mint(ctx context.Context, request fields) (*minted, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, running.DevidpURL+"/_dev/tokens", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer minted
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("getting a token: %s: %w", resp.Status, err)
	}
	if answer.AccessToken == "" {
		return nil, fmt.Errorf("there is no token: %s", resp.Status)
	}
	return &answer, nil
}

// anAgentOf is the address of a proxy to the public one that adds an access token of a member, with every scope, because the
// suite has none of its own, and translates what it asks for.
func anAgentOf(t *testing.T, member string) string {
	t.Helper()
	answer, err := mint(t.Context(), fields{
		"member_id": member, "client_name": "Conformance suite",
		"scopes": []string{"openid", "read:okrs", "manage:objectives", "manage:krs", "report_kr_status"},
	})
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(running.PublicURL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Host, r.Out.URL.Scheme = target.Host, target.Scheme
			r.Out.Host = r.In.Host // which the suite forges, to see that it is refused
			r.Out.Header.Set("Authorization", "Bearer "+answer.AccessToken)
		},
	}
	suites := translationTo(t, answer.AccessToken)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := suites.translate(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_ = http.NewResponseController(w).EnableFullDuplex() // the body of a request must not end with the first byte of its answer
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// The real endpoint, behind the REST edge, with a token. The suite itself fails where more fails than testdata/conformance
// says, or less.
func TestTheConformanceSuiteOfServersPasses(t *testing.T) {
	t.Parallel()
	address := anAgentOf(t, persona)
	folder, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for revision, passing := range map[string][]string{
		"2025-11-25": {
			"server-initialize", "ping", "tools-list", "resources-list", "prompts-list", "server-sse-multiple-streams", "server-session-lifecycle", "dns-rebinding-protection",
			"completion-complete", "tools-call-simple-text", "tools-call-error", "resources-read-text", "resources-templates-read", "resources-subscribe",
			"resources-unsubscribe", "prompts-get-simple", "prompts-get-embedded-resource",
		},
		"2026-07-28": {
			"tools-list", "resources-list", "prompts-list", "caching", "sep-2164-resource-not-found", "dns-rebinding-protection", "http-header-validation",
			"server-sse-multiple-streams", "input-required-result-unsupported-methods", "completion-complete", "tools-call-simple-text",
			"tools-call-error", "resources-read-text", "resources-templates-read", "prompts-get-simple", "prompts-get-embedded-resource",
			"input-required-result-missing-input-response", "input-required-result-result-type", "input-required-result-tampered-state",
			"input-required-result-request-state", "input-required-result-validate-input",
		},
	} {
		t.Run(revision, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, filepath.Join(folder, node), filepath.Join(folder, suite), //nolint:gosec // our own paths
				"server", "--url", address+"/mcp", "--requirements", revision,
				"--expected-failures", filepath.Join(folder, "testdata", "conformance", revision+".yml"))
			report, err := cmd.CombinedOutput()
			_, summary, _ := strings.Cut(string(report), "=== SUMMARY ===")
			t.Log(summary)
			if err != nil {
				t.Errorf("the suite fails: %v\n%s", err, report)
			}
			for _, scenario := range passing {
				if !strings.Contains(summary, "✓ "+scenario+":") {
					t.Errorf("%s does not pass", scenario)
				}
			}
		})
	}
}
