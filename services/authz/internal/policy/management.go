package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	managementTimeout = 15 * time.Second
	// maxManagementAnswer bounds an answer, in bytes.
	maxManagementAnswer = 4 << 20
)

// Management is Stytch's management API (Programmatic Workspace Actions) for one project.
type Management struct {
	// URL is the API's address.
	URL string
	// ProjectID is the project.
	ProjectID string
	// KeyID and KeySecret are a workspace key.
	KeyID, KeySecret string
	// HTTP makes the requests.
	HTTP *http.Client
}

// NewHTTPClient makes a client that is fit for requests that carry a workspace key: it does not wait for ever, and it does
// not follow anyone elsewhere.
func NewHTTPClient() *http.Client {
	return &http.Client{
		Timeout:       managementTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Get gets the policy.
func (m Management) Get(ctx context.Context) (Document, error) {
	var answer struct {
		Policy Document `json:"policy"`
	}
	err := m.Call(ctx, http.MethodGet, m.policyPath(), nil, &answer)
	if err == nil && answer.Policy == nil {
		err = errors.New("the answer has no policy")
	}
	if err != nil {
		return nil, fmt.Errorf("getting the policy of %s: %w", m.ProjectID, err)
	}
	return answer.Policy, nil
}

// Put replaces the policy.
func (m Management) Put(ctx context.Context, policy Document) error {
	body := map[string]any{"project_id": m.ProjectID, "policy": policy}
	if err := m.Call(ctx, http.MethodPut, m.policyPath(), body, &struct{}{}); err != nil {
		return fmt.Errorf("putting the policy of %s: %w", m.ProjectID, err)
	}
	return nil
}

func (m Management) policyPath() string {
	return "/v1/projects/" + url.PathEscape(m.ProjectID) + "/rbac_policy"
}

// Call makes a request with the workspace key, and reads the JSON of a good answer into what answer points at. body is
// sent as JSON unless it is nil. The path begins with /v1/ and may have a query.
func (m Management) Call(ctx context.Context, method, path string, body, answer any) error {
	var sent []byte
	if body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(m.URL, "/")+path, bytes.NewReader(sent))
	if err != nil {
		return err
	}
	req.SetBasicAuth(m.KeyID, m.KeySecret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := m.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxManagementAnswer))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		var failure struct {
			ErrorType    string `json:"error_type"`
			ErrorMessage string `json:"error_message"`
		}
		_ = decode(text, &failure) // what is no JSON has no reason
		return fmt.Errorf("the answer is %s: %s %s", resp.Status, plain(failure.ErrorType), plain(failure.ErrorMessage))
	}
	if err := decode(text, answer); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return nil
}
