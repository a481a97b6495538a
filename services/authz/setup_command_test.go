package authz_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/services/authz"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

// manage makes a request of the management API.
func (m *management) manage(method, path string, body any, answer any) {
	m.t.Helper()
	m.stytchAs(m.idp.WorkspaceKeyID, m.idp.WorkspaceKeySecret, method, path, body, answer)
}

// setUp runs the subcommand. What comes in is no terminal.
func (m *management) setUp(args ...string) (string, error) {
	m.t.Helper()
	var stdout, stderr bytes.Buffer
	err := authz.SetupCommand().Run(m.t.Context(), args, run.Stdio{In: strings.NewReader("y\n"), Out: &stdout, Err: &stderr})
	return stdout.String(), err
}

const (
	productURL = "https://okr.example"
	livePath   = "/v1/projects/project-live-00000000-0000-4000-8000-000000000000"
)

// newProject is a project of which another product has made something.
func newProject(t *testing.T) (m *management, path string) {
	t.Helper()
	m = newManagement(t)
	t.Setenv("OKR_PUBLIC_URL", productURL)
	path = "/v1/projects/" + m.idp.ProjectID
	m.foreign()
	m.manage(http.MethodPut, livePath, map[string]any{
		"name": "devidp", "test_idp_authorization_url": "", "test_idp_dynamic_client_registration_enabled": false,
	}, nil)
	m.manage(http.MethodPost, path+"/redirect_urls", map[string]any{"redirect_url": map[string]any{
		"url": "https://shop.example/in", "valid_types": []any{map[string]any{"type": "login", "is_default": true}},
	}}, nil)
	m.manage(http.MethodPut, path+"/sdk/b2b", map[string]any{"config": map[string]any{
		"sessions": map[string]any{"max_session_duration_minutes": 90},
		"basic":    map[string]any{"bundle_ids": []string{"shop"}, "domains": []any{map[string]any{"domain": "https://shop.example", "slug_pattern": "x"}}},
	}}, nil)
	return m, path
}

// writes counts what was written through the proxy.
func (m *management) writes() int { return m.proxy.total("PUT ") + m.proxy.total("POST ") }

// metadata is what agents read of the authorization server.
func (m *management) metadata() (authorization, registration string) {
	m.t.Helper()
	var answer struct {
		Authorization string `json:"authorization_endpoint"`
		Registration  string `json:"registration_endpoint"`
	}
	m.manage(http.MethodGet, metadataPath, nil, &answer)
	return answer.Authorization, answer.Registration
}

// starts says what a sign-in with Google that is to end at the product's page gets.
func (m *management) starts() int {
	m.t.Helper()
	resp, err := http.Get(m.idp.URL + "/v1/b2b/public/oauth/google/discovery/start?" + url.Values{
		"public_token": {m.idp.PublicToken}, "discovery_redirect_url": {productURL + "/authenticate"},
	}.Encode())
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func TestSetupGivesAProjectAllThatTheProductNeedsAndKeepsTheRest(t *testing.T) {
	m, path := newProject(t)
	if authorization, registration := m.metadata(); authorization != "" || registration != "" || m.starts() != http.StatusBadRequest {
		t.Fatalf("before, it has %q, %q and answers %d", authorization, registration, m.starts())
	}
	for name, args := range map[string][]string{"without a terminal": {}, "as a dry run": {"--dry-run"}, "as a dry run with yes": {"--dry-run", "--yes"}} {
		out, err := m.setUp(append(args, "--frontend-sdk")...)
		if (err == nil) != strings.HasPrefix(name, "as a dry run") {
			t.Errorf("%s: got %v", name, err)
		}
		for _, line := range []string{
			"+ " + productURL + "/authenticate for discovery", `= "https://shop.example/in"`, "+ authorization URL " + productURL + "/oauth/authorize",
			"+ dynamic client registration", "+ resource objective: create, read, update, delete", "= role auditor", "+ domain " + productURL,
		} {
			if !strings.Contains(out, "  "+line+"\n") {
				t.Errorf("%s, there is no line %q:\n%s", name, line, out)
			}
		}
	}
	if n := m.writes(); n != 0 {
		t.Fatalf("something was written %d times", n)
	}

	out, err := m.setUp("--yes", "--frontend-sdk")
	if err != nil || !strings.Contains(out, "Written, and read back.") || !strings.Contains(out, "Left to do by hand:") {
		t.Fatalf("%v\n%s", err, out)
	}
	if authorization, registration := m.metadata(); authorization != productURL+"/oauth/authorize" || registration == "" {
		t.Errorf("agents find %q and %q", authorization, registration)
	}
	if got := m.starts(); got != http.StatusOK {
		t.Errorf("a sign-in answers %d", got)
	}
	if out, err := m.run("", "diff"); err != nil {
		t.Errorf("the access policy: %v\n%s", err, out)
	}
	var kept struct {
		RedirectURLs json.RawMessage `json:"redirect_urls"`
	}
	m.manage(http.MethodGet, path+"/redirect_urls/all", nil, &kept)
	var sdk struct {
		Config json.RawMessage `json:"config"`
	}
	m.manage(http.MethodGet, path+"/sdk/b2b", nil, &sdk)
	for _, part := range []string{
		`{"url":"https://shop.example/in","valid_types":[{"type":"login","is_default":true}]}`, `{"type":"login","is_default":false}`,
		`{"type":"invite","is_default":true}`, `"max_session_duration_minutes":90`, `"bundle_ids":["shop"]`,
		`{"domain":"https://shop.example","slug_pattern":"x"}`, `{"domain":"` + productURL + `","slug_pattern":""}`, `"enabled":true`,
	} {
		if !bytes.Contains(append(kept.RedirectURLs, sdk.Config...), []byte(part)) {
			t.Errorf("there is no %s in\n%s\n%s", part, kept.RedirectURLs, sdk.Config)
		}
	}

	written := m.writes()
	out, err = m.setUp("--yes", "--frontend-sdk")
	if err != nil || strings.Contains(out, "Written") || m.writes() != written {
		t.Errorf("again, it writes %d times: %v\n%s", m.writes()-written, err, out)
	}
}

func TestSetupCompletesWhatIsThereInPart(t *testing.T) {
	m, path := newProject(t)
	m.manage(http.MethodPost, path+"/redirect_urls", map[string]any{"redirect_url": map[string]any{
		"url": productURL + "/authenticate", "valid_types": []any{map[string]any{"type": "reset_password", "is_default": true}},
	}}, nil)
	m.manage(http.MethodPut, livePath, map[string]any{"name": "devidp", "test_idp_authorization_url": "https://shop.example/consent"}, nil)
	out, err := m.setUp("--yes")
	if err != nil || !strings.Contains(out, `in place of "https://shop.example/consent"`) || strings.Contains(out, "Frontend SDK") {
		t.Fatalf("%v\n%s", err, out)
	}
	var got struct {
		RedirectURLs json.RawMessage `json:"redirect_urls"`
	}
	m.manage(http.MethodGet, path+"/redirect_urls/all", nil, &got)
	if !bytes.Contains(got.RedirectURLs, []byte(`[{"type":"reset_password","is_default":true},{"type":"login","is_default":false}`)) {
		t.Errorf("the landing page is registered as %s", got.RedirectURLs)
	}
}

func TestSetupSaysWhatWentWrong(t *testing.T) {
	m, path := newProject(t)
	for name, tc := range map[string]struct {
		path string
		as   http.HandlerFunc
		want string
	}{
		"the API is away":                  {"/", hangUp, "listing redirect URLs"},
		"the key is wrong":                 {"/", answering(http.StatusUnauthorized, `{"error_type":"unauthorized_credentials"}`), "unauthorized_credentials"},
		"the project is of others":         {"=/v1/projects", answering(http.StatusOK, `{"projects":[{"test_project_id":"project-test-other"}]}`), "has no project " + m.idp.ProjectID},
		"the answer is HTML":               {"/", answering(http.StatusOK, `<html>`), "reading the answer"},
		"a write is accepted and not done": {path + "/redirect_urls", answering(http.StatusOK, `{"redirect_urls":[]}`), "still lacks"},
	} {
		m.proxy.behave(tc.path, tc.as)
		if out, err := m.setUp("--yes"); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v\n%s", name, err, out)
		}
	}
	m.proxy.behave("", nil)
	for _, args := range [][]string{{"now"}, {"--force"}} {
		if _, err := m.setUp(args...); !errors.Is(err, run.ErrUsage) {
			t.Errorf("%v: got %v", args, err)
		}
	}
	t.Setenv("OKR_PUBLIC_URL", "okr.example")
	t.Setenv("OKR_STYTCH_WORKSPACE_KEY_ID", "")
	_, err := m.setUp()
	if !errors.Is(err, run.ErrUsage) || !strings.Contains(err.Error(), "OKR_PUBLIC_URL") || !strings.Contains(err.Error(), "OKR_STYTCH_WORKSPACE_KEY_ID") {
		t.Errorf("got %v", err)
	}
}
