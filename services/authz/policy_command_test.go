package authz_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/services/authz"
	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

// management is a project whose policy the subcommand is run on, with the management API behind a proxy.
type management struct {
	*world
	path string
}

func newManagement(t *testing.T) *management {
	t.Helper()
	idp := devidptest.Start(t, devidp.Config{})
	w := &world{t: t, idp: idp, proxy: newProxy(t, idp.URL)}
	t.Setenv("OKR_STYTCH_PROJECT_ID", idp.ProjectID)
	t.Setenv("OKR_STYTCH_WORKSPACE_KEY_ID", idp.WorkspaceKeyID)
	t.Setenv("OKR_STYTCH_WORKSPACE_KEY_SECRET", idp.WorkspaceKeySecret)
	t.Setenv("OKR_STYTCH_MANAGEMENT_URL", w.proxy.URL)
	return &management{w, "/v1/projects/" + idp.ProjectID + "/rbac_policy"}
}

func (m *management) get() map[string]any {
	m.t.Helper()
	var answer struct {
		Policy map[string]any `json:"policy"`
	}
	m.stytchAs(m.idp.WorkspaceKeyID, m.idp.WorkspaceKeySecret, "GET", m.path, nil, &answer)
	return answer.Policy
}

func (m *management) put(policy map[string]any) {
	m.t.Helper()
	m.stytchAs(m.idp.WorkspaceKeyID, m.idp.WorkspaceKeySecret, "PUT", m.path, map[string]any{"policy": policy}, nil)
}

// foreign puts the policy of another product: some of ours, some of its own.
func (m *management) foreign() map[string]any {
	m.t.Helper()
	var policy map[string]any
	if err := json.Unmarshal([]byte(`{
		"stytch_member": {"role_id": "stytch_member", "permissions": [{"resource_id": "stytch.self", "actions": ["*"]}]},
		"stytch_admin": {"role_id": "stytch_admin", "permissions": [{"resource_id": "stytch.member", "actions": ["*"]}, {"resource_id": "invoice", "actions": ["read"]}]},
		"custom_roles": [
			{"role_id": "auditor", "description": "Audits", "permissions": [{"resource_id": "invoice", "actions": ["read"]}]},
			{"role_id": "manager", "description": "Theirs", "permissions": [{"resource_id": "invoice", "actions": ["read", "pay"]}]}],
		"custom_resources": [{"resource_id": "invoice", "description": "An invoice", "available_actions": ["read", "pay"]}],
		"custom_scopes": [{"scope": "read:invoices", "description": "Read invoices", "permissions": [{"resource_id": "invoice", "actions": ["read"]}]}]}`), &policy); err != nil {
		m.t.Fatal(err)
	}
	m.put(policy)
	return m.get()
}

// run runs the subcommand. What comes in is no terminal.
func (m *management) run(in string, args ...string) (out string, err error) {
	m.t.Helper()
	var stdout, stderr bytes.Buffer
	err = authz.PolicyCommand().Run(m.t.Context(), args, run.Stdio{In: strings.NewReader(in), Out: &stdout, Err: &stderr})
	return stdout.String(), err
}

func TestPushAddsWhatIsMissingAndKeepsTheRest(t *testing.T) {
	m := newManagement(t)
	before := m.foreign()

	out, err := m.run("", "diff")
	if err == nil || errors.Is(err, run.ErrUsage) {
		t.Errorf("diff of a policy that lacks something: got %v", err)
	}
	for _, line := range []string{
		"+ resource objective: create, read, update, delete", "+ scope manage:krs: key_result: *",
		"~ role manager: objective: read; key_result: *; stytch.member: create, search",
		"~ role stytch_member: objective: read; key_result: read, update",
		"= role auditor", "= scope read:invoices", "= resource invoice", "= role manager (invoice: read, pay)",
	} {
		if !strings.Contains(out, line+"\n") {
			t.Errorf("the difference lacks %q:\n%s", line, out)
		}
	}
	for name, args := range map[string][]string{"without a terminal": {"push"}, "as a dry run": {"push", "--dry-run"}, "as a dry run with yes": {"push", "--dry-run", "--yes"}} {
		out, err := m.run("y\n", args...)
		if (err == nil) != strings.HasPrefix(name, "as a dry run") || !strings.Contains(out, "+ resource objective") {
			t.Errorf("%s: got %v:\n%s", name, err, out)
		}
		if n := m.proxy.total("PUT "); n != 0 {
			t.Fatalf("%s, something was written", name)
		}
	}
	if !reflect.DeepEqual(m.get(), before) {
		t.Fatal("the policy was changed")
	}

	out, err = m.run("", "push", "--yes")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := m.proxy.total("PUT "); n != 1 {
		t.Errorf("got %d writes", n)
	}
	after, _ := json.Marshal(m.get())
	for _, kept := range []string{
		`"description":"Audits","permissions":[{"actions":["read"],"resource_id":"invoice"}]`, `"description":"Theirs"`, `{"actions":["read","pay"],"resource_id":"invoice"}`,
		`"scope":"read:invoices"`, `"description":"An invoice"`, `{"actions":["read"],"resource_id":"invoice"}`,
		`{"actions":["*"],"resource_id":"stytch.member"}`, `{"actions":["*"],"resource_id":"stytch.scim"}`, `{"actions":["*"],"resource_id":"stytch.self"}`,
		`"scope":"report_kr_status"`,
	} {
		if !bytes.Contains(after, []byte(kept)) {
			t.Errorf("the policy lacks %s:\n%s", kept, after)
		}
	}

	for _, args := range [][]string{{"diff"}, {"push"}, {"push", "--yes"}} {
		out, err := m.run("", args...)
		if err != nil || !strings.Contains(out, "has all that the product needs") {
			t.Errorf("%v again: got %v:\n%s", args, err, out)
		}
	}
	if n := m.proxy.total("PUT "); n != 1 {
		t.Errorf("a push with nothing to do wrote")
	}
}

func TestDevidpsSeedHasAllThatTheProductNeeds(t *testing.T) {
	m := newManagement(t)
	if out, err := m.run("", "diff"); err != nil {
		t.Errorf("got %v:\n%s", err, out)
	}
}

func TestPushSaysWhatWentWrong(t *testing.T) {
	m := newManagement(t)
	m.foreign()
	for name, tc := range map[string]struct {
		as   http.HandlerFunc
		want string
	}{
		"the API is away":     {hangUp, "getting the policy"},
		"the key is wrong":    {answering(http.StatusUnauthorized, `{"error_type":"unauthorized_credentials","error_message":"wrong key"}`), "unauthorized_credentials wrong key"},
		"the answer is empty": {answering(http.StatusOK, `{}`), "no policy"},
		"the answer is odd":   {answering(http.StatusOK, `{"policy":{"custom_roles":5}}`), "custom_roles"},
		"the answer is HTML":  {answering(http.StatusOK, `<html>`), "reading the answer"},
		"it sends us on": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}, "302"},
	} {
		m.proxy.behave("/", tc.as)
		if out, err := m.run("", "push", "--yes"); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v\n%s", name, err, out)
		}
	}
	// A write that is accepted and not done is noticed.
	policy, _ := json.Marshal(map[string]any{"policy": m.get()})
	m.proxy.behave("/", answering(http.StatusOK, string(policy)))
	if _, err := m.run("", "push", "--yes"); err == nil || !strings.Contains(err.Error(), "read back") {
		t.Errorf("got %v", err)
	}
	// So is someone else's change between the look and the write.
	m.proxy.behave("", nil)
	changed := m.get()
	gets := 0
	m.proxy.behave("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			t.Error("it was written over someone else's change")
		}
		if gets++; gets == 2 {
			changed["custom_scopes"] = []any{}
		}
		text, _ := json.Marshal(map[string]any{"policy": changed})
		answering(http.StatusOK, string(text))(w, r)
	})
	if _, err := m.run("", "push", "--yes"); err == nil || !strings.Contains(err.Error(), "someone else") {
		t.Errorf("got %v", err)
	}
}

func TestThePolicyCommandRefusesWhatItDoesNotKnow(t *testing.T) {
	m := newManagement(t)
	for _, args := range [][]string{{}, {"pull"}, {"push", "now"}, {"push", "--force"}, {"diff", "--yes"}, {"diff", "--dry-run"}} {
		if _, err := m.run("", args...); !errors.Is(err, run.ErrUsage) {
			t.Errorf("%v: got %v", args, err)
		}
	}
	t.Setenv("OKR_STYTCH_MANAGEMENT_URL", "http://127.0.0.1:1")
	if _, err := m.run("", "diff", "--management-url", m.proxy.URL); err != nil {
		t.Errorf("the flag does not go before the environment: %v", err)
	}
	if _, err := m.run("", "diff", "--management-url", "http://management.example"); !errors.Is(err, run.ErrUsage) {
		t.Errorf("the workspace key would go over a network in clear: %v", err)
	}
	t.Setenv("OKR_STYTCH_PROJECT_ID", "")
	t.Setenv("OKR_STYTCH_WORKSPACE_KEY_SECRET", "")
	_, err := m.run("", "diff", "--management-url", "ftp://x")
	for _, want := range []string{"OKR_STYTCH_PROJECT_ID", "OKR_STYTCH_WORKSPACE_KEY_SECRET", "OKR_STYTCH_MANAGEMENT_URL"} {
		if !errors.Is(err, run.ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a complaint about %s", err, want)
		}
	}
}
