package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const inspector = "../../.tools/node/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"

// inspect runs the protocol's Inspector on the command line, in one of the protocol's eras, and answers its result.
func inspect(t *testing.T, token, era string, arguments ...string) fields {
	t.Helper()
	script, err := filepath.Abs(inspector)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, append([]string{ //nolint:gosec // our own paths
		script, "--cli", running.PublicURL + "/mcp", "--transport", "http", "--header", "Authorization: Bearer " + token,
		"--protocol-era", era, "--format", "json",
	}, arguments...)...)
	cmd.Env = append(os.Environ(), "MCP_STORAGE_DIR="+t.TempDir(), "MCP_AUTO_OPEN_ENABLED=false")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the Inspector fails with %v: %s: %s%s", arguments, err, out, stderr.String())
	}
	var answer struct {
		Result fields `json:"result"`
	}
	if err := json.Unmarshal(out, &answer); err != nil || answer.Result == nil {
		t.Fatalf("the Inspector says %s", out)
	}
	return answer.Result
}

func TestTheInspectorCallsToolsInBothEras(t *testing.T) {
	t.Parallel()
	a := newAgent(t, founder(t, "Inspected"), nil)
	a.connect(t)
	for _, era := range []string{"legacy", "modern"} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			call := func(tool string, arguments fields) fields {
				t.Helper()
				text, err := json.Marshal(arguments)
				if err != nil {
					t.Fatal(err)
				}
				answer := inspect(t, a.token.AccessToken, era, "--method", "tools/call", "--tool-name", tool, "--tool-args-json", string(text))
				if answer["isError"] == true {
					t.Errorf("%s: %v", tool, answer)
				}
				content, _ := answer["structuredContent"].(map[string]any)
				return content
			}
			call("whoAmI", fields{})
			objective := idOf(t, call("addObjective", fields{"objectiveText": "Grow"}), "okrID")
			keyResult := idOf(t, call("addKeyResult", fields{"okrID": objective, "keyResultText": "Ten customers"}), "keyResultID")
			call("setKeyResultAttainment", fields{"okrID": objective, "keyResultID": keyResult, "attainment": 40})
			read := inspect(t, a.token.AccessToken, era, "--method", "resources/read", "--uri", "okrmanager://key_result/"+keyResult)
			text, err := json.Marshal(read)
			if err != nil || !strings.Contains(string(text), "Ten customers") {
				t.Errorf("the resource reads %s, %v", text, err)
			}
			call("listObjectives", fields{})
			call("deleteKeyResult", fields{"okrID": objective, "keyResultID": keyResult})
			call("deleteObjective", fields{"okrID": objective})
		})
	}
}

// Left to itself it finds out that the server speaks the newest revision.
func TestTheInspectorFindsOutTheEra(t *testing.T) {
	t.Parallel()
	a := newAgent(t, founder(t, "Inspected"), nil)
	a.connect(t)
	for era, want := range map[string]string{"legacy": "2025-11-25", "auto": "2026-07-28", "modern": "2026-07-28"} {
		if answer := inspect(t, a.token.AccessToken, era, "--method", "initialize"); answer["protocolVersion"] != want {
			t.Errorf("%s: it speaks %v", era, answer)
		}
		answer := inspect(t, a.token.AccessToken, era, "--method", "tools/call", "--tool-name", "whoAmI", "--tool-args-json", "{}")
		if answer["isError"] == true || answer["structuredContent"] == nil {
			t.Errorf("%s: whoAmI answers %v", era, answer)
		}
	}
}
