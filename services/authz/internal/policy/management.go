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

// Management is Stytch's management API for the access policy of one project.
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
	policy, err := m.call(ctx, http.MethodGet, nil)
	if err != nil {
		return nil, fmt.Errorf("getting the policy of %s: %w", m.ProjectID, err)
	}
	return policy, nil
}

// Put replaces the policy.
func (m Management) Put(ctx context.Context, policy Document) error {
	body, err := json.Marshal(map[string]any{"project_id": m.ProjectID, "policy": policy})
	if err == nil {
		_, err = m.call(ctx, http.MethodPut, body)
	}
	if err != nil {
		return fmt.Errorf("putting the policy of %s: %w", m.ProjectID, err)
	}
	return nil
}

func (m Management) call(ctx context.Context, method string, body []byte) (Document, error) {
	address := strings.TrimRight(m.URL, "/") + "/v1/projects/" + url.PathEscape(m.ProjectID) + "/rbac_policy"
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(m.KeyID, m.KeySecret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := m.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxManagementAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	var answer struct {
		Policy       Document `json:"policy"`
		ErrorType    string   `json:"error_type"`
		ErrorMessage string   `json:"error_message"`
	}
	err = decode(text, &answer)
	switch {
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated:
		return nil, fmt.Errorf("the answer is %s: %s %s", resp.Status, plain(answer.ErrorType), plain(answer.ErrorMessage))
	case err != nil:
		return nil, fmt.Errorf("reading the answer: %w", err)
	case method == http.MethodGet && answer.Policy == nil:
		return nil, errors.New("the answer has no policy")
	}
	return answer.Policy, nil
}
