package clients

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
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
