package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/df0f9dda/okr-manager/deploy/internal/stack"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// System is a running system as it is delivered: with its access log, which goes to a file, and its metrics.
type System struct {
	*stack.Stack
	accessLog *os.File
}

// Start starts a system on free ports, with an empty folder for its data. The caller must call Close.
func Start(ctx context.Context) (*System, error) {
	dir, err := os.MkdirTemp("", "okr-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	accessLog, err := os.Create(filepath.Join(dir, "log.json"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making the log: %w", err), os.RemoveAll(dir))
	}
	started, err := stack.Start(ctx, stack.Config{
		EphemeralPorts: true,
		Environment: map[string]string{
			"OKR_DATA_DIR": dir,
			// What is measured is the system, not its limits.
			"OKR_MCP_CALLER_RATE": "0", "OKR_REST_CALLER_RATE": "0", "OKR_ORGANIZATION_RATE": "0", "OKR_ADDRESS_RATE": "0",
		},
		Logger: telemetry.NewLogger(accessLog, nil, "okr-bench"),
	})
	if err != nil {
		return nil, errors.Join(err, accessLog.Close(), os.RemoveAll(dir))
	}
	return &System{started, accessLog}, nil
}

// Close stops the system and removes its data.
func (s *System) Close() error {
	return errors.Join(s.Stack.Close(), s.accessLog.Close(), os.RemoveAll(filepath.Dir(s.accessLog.Name())))
}

// The CEOs of the two organizations that the local identity provider begins with.
const (
	Acme   = "member-test-a0000000-0000-4000-8000-000000000001"
	Globex = "member-test-b0000000-0000-4000-8000-000000000001"
)

// Token gets the credential of an agent with every scope, for a member, from the local identity provider.
func (s *System) Token(ctx context.Context, member string) (string, error) {
	return Token(ctx, s.DevidpURL, member)
}

// Token is System.Token of any system, by the address of its identity provider.
func Token(ctx context.Context, devidpURL, member string) (string, error) {
	body := `{"member_id":"` + member + `","client_name":"bench","scopes":["openid","read:okrs","manage:objectives","manage:krs","report_kr_status"]}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, devidpURL+"/_dev/tokens", bytes.NewBufferString(body))
	if err != nil {
		return "", fmt.Errorf("asking for a token: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("asking for a token: %w", err)
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken  string `json:"access_token"`
		ErrorMessage string `json:"error_message"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	if answer.AccessToken == "" {
		return "", fmt.Errorf("no token: %s", answer.ErrorMessage)
	}
	return answer.AccessToken, nil
}
