package clients

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// atTheBrowser is the address at which a script, which has no browser of its own, asks a person to visit the authorization
// endpoint, and gets the tokens of an application that has been away for long.
func atTheBrowser(t *testing.T, p *person) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /authorize", func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			Address string `json:"address"`
			Allow   bool   `json:"allow"`
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		asked, to, err := p.authorize(r.Context(), request.Address, request.Allow)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(fields{"location": to.String(), "scopes": asked.Scopes})
	})
	mux.HandleFunc("POST /expired", func(w http.ResponseWriter, r *http.Request) {
		answer, err := mint(r.Context(), fields{
			"member_id": persona, "client_name": "Test of the TypeScript client",
			"scopes": []string{"read:okrs", "offline_access"}, "resources": []string{running.PublicURL + "/mcp"},
			"expires_in_seconds": -60,
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(fields{
			"client_id": answer.ClientID, "access_token": answer.AccessToken, "refresh_token": answer.RefreshToken,
		})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// The scripts say what each version of the SDK has to do; here they get a system and a person. A script that runs fewer
// flows than it should fails, too.
func TestTheTypeScriptClientsConnectAndWork(t *testing.T) {
	t.Parallel()
	program, err := filepath.Abs(node)
	if err != nil {
		t.Fatal(err)
	}
	for script, flows := range map[string]int{"v1.test.mjs": 3, "v2.test.mjs": 8} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, program, "--test-reporter=spec", filepath.Join("typescript", script)) //nolint:gosec // our own paths
			cmd.Env = append(os.Environ(), "CLIENTS_SERVER="+running.PublicURL+"/mcp", "CLIENTS_PERSON="+atTheBrowser(t, founder(t, "TypeScript")))
			report, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s fails, with the packages that `make clients` installs: %v\n%s", script, err, report)
			}
			passed := regexp.MustCompile(`(?m)^ℹ pass (\d+)$`).FindSubmatch(report)
			if passed == nil || string(passed[1]) != strconv.Itoa(flows) {
				t.Errorf("%d flows should pass:\n%s", flows, report)
			}
			t.Logf("%d flows\n%s", flows, report)
		})
	}
}
