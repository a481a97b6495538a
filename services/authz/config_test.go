package authz_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/services/authz"
	"github.com/df0f9dda/okr-manager/services/kit/config"
)

func TestAllMistakesInTheSettingsAreReportedAtOnce(t *testing.T) {
	for name, value := range map[string]string{
		"OKR_AUTHZ_ADDR": "", "OKR_STYTCH_PROJECT_ID": "", "OKR_STYTCH_SECRET": "", "OKR_STYTCH_PUBLIC_TOKEN": "",
		"OKR_STYTCH_BASE_URI": "ftp://x", "OKR_STYTCH_PUBLIC_URL": "localhost:4000", "OKR_PUBLIC_URL": "http://x?y",
		"OKR_SESSION_MINUTES": "4", "OKR_EDGE_KEY_REST": "short", "OKR_AUTHZ_CHECK_INTERVAL": "0s", "OKR_AUTHZ_STALE_LIMIT": "-1s",
		"OKR_AUTHZ_START_PATIENCE": "-1s",
	} {
		t.Setenv(name, value)
	}
	_, err := config.Load[authz.Config]()
	if err == nil {
		t.Fatal("they were taken")
	}
	for _, name := range []string{
		"OKR_STYTCH_PROJECT_ID", "OKR_STYTCH_SECRET", "OKR_STYTCH_PUBLIC_TOKEN", "OKR_STYTCH_BASE_URI",
		"OKR_STYTCH_PUBLIC_URL", "OKR_PUBLIC_URL", "OKR_SESSION_MINUTES", "OKR_EDGE_KEY_REST", "OKR_AUTHZ_CHECK_INTERVAL", "OKR_AUTHZ_STALE_LIMIT",
		"OKR_AUTHZ_START_PATIENCE",
	} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not reported: %v", name, err)
		}
	}
}

func TestTheEdgesHaveDifferentKeys(t *testing.T) {
	t.Parallel()
	cfg := authz.Config{
		Addr: "127.0.0.1:0", ProjectID: "p", Secret: "s", PublicToken: "t", PublicURL: publicURL, SessionMinutes: 60,
		CheckInterval: time.Second, StaleLimit: time.Minute, EdgeKeyREST: edgeKeyREST, EdgeKeyMCP: edgeKeyMCP,
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	cfg.EdgeKeyMCP = cfg.EdgeKeyREST
	if err := cfg.Validate(); err == nil {
		t.Error("the same key was taken for both")
	}
}

func TestKeysThatEverybodyKnowsAreForTestProjectsAlone(t *testing.T) {
	t.Parallel()
	cfg := authz.Config{
		Addr: "127.0.0.1:0", ProjectID: "project-test-1", Secret: "s", PublicToken: "t", PublicURL: publicURL, SessionMinutes: 60,
		CheckInterval: time.Second, StaleLimit: time.Minute, EdgeKeyREST: "rest-edge-key-for-this-machine-alone",
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	cfg.ProjectID = "project-live-1"
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "OKR_EDGE_KEY_REST") {
		t.Errorf("a live project takes it: %v", err)
	}
	cfg.EdgeKeyREST, cfg.EdgeKeyMCP = edgeKeyREST, "mcp-edge-key-for-this-machine-alone"
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "OKR_EDGE_KEY_MCP") {
		t.Errorf("a live project takes it: %v", err)
	}
}

func TestSecretsInTheSettingsDoNotPrint(t *testing.T) {
	t.Parallel()
	cfg := authz.Config{Secret: "hidden-1", EdgeKeyREST: "hidden-2", EdgeKeyMCP: "hidden-3"}
	management := authz.PolicyConfig{WorkspaceKeySecret: "hidden-4"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(format+format, cfg, management); strings.Contains(text, "hidden") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}
