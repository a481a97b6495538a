package policy_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
)

func document(t testing.TB, text string) policy.Document {
	t.Helper()
	var d policy.Document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestMergingAddsWhatIsMissingAndNothingElse(t *testing.T) {
	t.Parallel()
	const wanted = `{
		"stytch_admin": {"role_id": "stytch_admin", "permissions": [{"resource_id": "objective", "actions": ["*"]}, {"resource_id": "stytch.member", "actions": ["*"]}]},
		"custom_roles": [{"role_id": "manager", "description": "ours", "permissions": [{"resource_id": "objective", "actions": ["read", "update"]}]}],
		"custom_resources": [{"resource_id": "objective", "description": "ours", "available_actions": ["create", "read"]}],
		"custom_scopes": [{"scope": "read:okrs", "permissions": [{"resource_id": "objective", "actions": ["read"]}]}]}`
	for name, tc := range map[string]struct{ current, merged, changes string }{
		"into an empty policy": {
			`{}`, wanted,
			"+ resource objective: create, read\n+ role stytch_admin: objective: *; stytch.member: *\n+ role manager: objective: read, update\n+ scope read:okrs: objective: read",
		},
		"into lists that are null": {
			`{"custom_roles": null, "custom_resources": null, "custom_scopes": null, "stytch_admin": null}`, wanted,
			"+ resource objective: create, read\n+ role stytch_admin: objective: *; stytch.member: *\n+ role manager: objective: read, update\n+ scope read:okrs: objective: read",
		},
		"into itself": {wanted, wanted, ""},
		"into one that has more": {
			`{
			"future": {"x": 1},
			"stytch_admin": {"role_id": "stytch_admin", "unknown": true, "permissions": [{"resource_id": "objective", "actions": ["read", "create"]}, {"resource_id": "stytch.organization", "actions": ["*"]}]},
			"custom_roles": [
				{"role_id": "auditor", "permissions": [{"resource_id": "invoice", "actions": ["read"]}]},
				{"role_id": "manager", "description": "theirs", "permissions": [{"resource_id": "invoice", "actions": ["*"]}, {"resource_id": "objective", "actions": ["delete", "read"]}]}],
			"custom_resources": [{"resource_id": "invoice", "available_actions": ["read"]}, {"resource_id": "objective", "available_actions": ["read", "archive"]}],
			"custom_scopes": [{"scope": "read:invoices", "permissions": []}, {"scope": "read:okrs", "permissions": [{"resource_id": "objective", "actions": ["*"]}]}]}`,
			`{
			"future": {"x": 1},
			"stytch_admin": {"role_id": "stytch_admin", "unknown": true, "permissions": [{"resource_id": "objective", "actions": ["*"]}, {"resource_id": "stytch.organization", "actions": ["*"]}, {"resource_id": "stytch.member", "actions": ["*"]}]},
			"custom_roles": [
				{"role_id": "auditor", "permissions": [{"resource_id": "invoice", "actions": ["read"]}]},
				{"role_id": "manager", "description": "theirs", "permissions": [{"resource_id": "invoice", "actions": ["*"]}, {"resource_id": "objective", "actions": ["delete", "read", "update"]}]}],
			"custom_resources": [{"resource_id": "invoice", "available_actions": ["read"]}, {"resource_id": "objective", "available_actions": ["read", "archive", "create"]}],
			"custom_scopes": [{"scope": "read:invoices", "permissions": []}, {"scope": "read:okrs", "permissions": [{"resource_id": "objective", "actions": ["*"]}]}]}`,
			"~ resource objective: create\n~ role stytch_admin: objective: *; stytch.member: *\n~ role manager: objective: update",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			current := document(t, tc.current)
			merged, changes, err := policy.Merge(current, document(t, wanted))
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, c := range changes {
				lines = append(lines, c.String())
			}
			if got := strings.Join(lines, "\n"); got != tc.changes {
				t.Errorf("got changes\n%s\nwant\n%s", got, tc.changes)
			}
			if got, want := normal(t, merged), document(t, tc.merged); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			if !reflect.DeepEqual(current, document(t, tc.current)) {
				t.Error("the current document was changed")
			}
		})
	}
}

// normal is a document as it looks after a journey through JSON.
func normal(t testing.TB, d policy.Document) policy.Document {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return document(t, string(text))
}

func TestAPolicyOfAnotherShapeIsNotTouched(t *testing.T) {
	t.Parallel()
	wanted, err := policy.ProductPolicy()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`{"custom_roles": {}}`,
		`{"custom_roles": [7]}`,
		`{"custom_roles": [{"name": "x"}]}`,
		`{"custom_roles": [{"role_id": "x"}, {"role_id": "x"}]}`,
		`{"stytch_admin": []}`,
		`{"stytch_admin": {"permissions": {}}}`,
		`{"stytch_admin": {"permissions": [{"actions": ["*"]}]}}`,
		`{"stytch_admin": {"permissions": [{"resource_id": "objective", "actions": "*"}]}}`,
		`{"custom_resources": [{"resource_id": "objective", "available_actions": [1]}]}`,
	} {
		if _, changes, err := policy.Merge(document(t, text), wanted); err == nil {
			t.Errorf("%s: got %v", text, changes)
		}
	}
}

// grants lists what a document grants, flat.
func grants(t testing.TB, d policy.Document) []string {
	t.Helper()
	var flat []string
	add := func(subject string, value any) {
		e, _ := value.(map[string]any)
		list, _ := e["permissions"].([]any)
		for _, item := range list {
			p, _ := item.(map[string]any)
			actions, _ := p["actions"].([]any)
			for _, action := range actions {
				flat = append(flat, subject+" "+p["resource_id"].(string)+" "+action.(string))
			}
		}
	}
	add("stytch_member", d["stytch_member"])
	add("stytch_admin", d["stytch_admin"])
	roles, _ := d["custom_roles"].([]any)
	for _, r := range roles {
		role, _ := r.(map[string]any)
		add(role["role_id"].(string), r)
	}
	return flat
}

func TestMergingLosesNothingAndHasNothingLeftToDo(t *testing.T) {
	t.Parallel()
	wanted, err := policy.ProductPolicy()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		current := drawDocument(rt)
		merged, _, err := policy.Merge(current, wanted)
		if err != nil {
			rt.Fatal(err)
		}
		merged = normal(t, merged)
		has := grants(t, merged)
		for _, d := range []policy.Document{normal(t, current), wanted} {
			for _, grant := range grants(t, d) {
				everyAction := grant[:strings.LastIndex(grant, " ")] + " *"
				if !slices.Contains(has, grant) && !slices.Contains(has, everyAction) {
					rt.Fatalf("%q is lost", grant)
				}
			}
		}
		if _, again, err := policy.Merge(merged, wanted); err != nil || len(again) != 0 {
			rt.Fatalf("a second merge changes %v, %v", again, err)
		}
	})
}

func drawDocument(t *rapid.T) policy.Document {
	role := func(id string) map[string]any {
		var permissions []any
		for _, resource := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"objective", "key_result", "stytch.member", "invoice"}), 0, 4, rapid.ID[string]).Draw(t, "resources") {
			actions := []any{"*"}
			if rapid.Bool().Draw(t, "listed") {
				actions = nil
				for _, action := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"create", "read", "update", "archive"}), 1, 3, rapid.ID[string]).Draw(t, "actions") {
					actions = append(actions, action)
				}
			}
			permissions = append(permissions, map[string]any{"resource_id": resource, "actions": actions})
		}
		return map[string]any{"role_id": id, "permissions": permissions}
	}
	d := policy.Document{"stytch_admin": role("stytch_admin"), "stytch_member": role("stytch_member")}
	var roles []any
	for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"manager", "auditor"}), 0, 2, rapid.ID[string]).Draw(t, "roles") {
		roles = append(roles, role(id))
	}
	d["custom_roles"] = roles
	return d
}
