package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/rbac"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sessions"
	"github.com/stytchauth/stytch-go/v16/stytch/shared"
	"pgregory.net/rapid"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/kit/access"
)

// drawPolicy draws a policy of few names, so that roles and scopes overlap, with names and actions that the product does
// not know among them.
func drawPolicy(t *rapid.T) *rbac.Policy {
	actions := rapid.SliceOfN(rapid.SampledFrom([]string{"create", "read", "update", "delete", "*", "archive", "READ", ""}), 0, 3)
	resource := rapid.SampledFrom([]string{"objective", "key_result", "stytch.member", "*", "", "objective.x"})
	name := rapid.SampledFrom([]string{"stytch_member", "stytch_admin", "manager", "read:okrs", ""})
	p := &rbac.Policy{}
	for range rapid.IntRange(0, 5).Draw(t, "roles") {
		role := rbac.PolicyRole{RoleID: name.Draw(t, "role")}
		for range rapid.IntRange(0, 3).Draw(t, "permissions") {
			role.Permissions = append(role.Permissions, rbac.PolicyRolePermission{
				ResourceID: resource.Draw(t, "resource"), Actions: actions.Draw(t, "actions"),
			})
		}
		p.Roles = append(p.Roles, role)
	}
	for range rapid.IntRange(0, 5).Draw(t, "scopes") {
		scope := rbac.PolicyScope{Scope: name.Draw(t, "scope")}
		for range rapid.IntRange(0, 3).Draw(t, "permissions") {
			scope.Permissions = append(scope.Permissions, rbac.PolicyScopePermission{
				ResourceID: resource.Draw(t, "resource"), Actions: actions.Draw(t, "actions"),
			})
		}
		p.Scopes = append(p.Scopes, scope)
	}
	return p
}

// A table has to say what Stytch's SDK says of the same roles and scopes together, for every permission.
func TestATableAgreesWithStytch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		table := policy.Compile(stytch.NewPolicy(p))
		names := rapid.SliceOfN(rapid.SampledFrom([]string{"stytch_member", "stytch_admin", "manager", "read:okrs", "", "unknown"}), 0, 4).Draw(t, "names")
		byRole, byScope := table.RolePermissions(names), table.ScopePermissions(names)
		for _, permission := range access.AllPermissions() {
			check := &sessions.AuthorizationCheck{
				OrganizationID: "o", ResourceID: permission.GetResource(), Action: access.ActionName(permission.GetAction()),
			}
			for what, c := range map[string]struct {
				got  []*accessv1.Permission
				want error
			}{
				"roles":  {byRole, shared.PerformB2BAuthorizationCheck(p, names, "o", check)},
				"scopes": {byScope, shared.PerformB2BScopeAuthorizationCheck(p, names, "o", check)},
			} {
				if got, want := has(c.got, permission), c.want == nil; got != want {
					t.Fatalf("%s %q grant %s: the table says %v, Stytch %v", what, names, access.PermissionString(permission), got, want)
				}
			}
		}
	})
}

func has(permissions []*accessv1.Permission, p *accessv1.Permission) bool {
	return slices.ContainsFunc(permissions, func(q *accessv1.Permission) bool {
		return access.PermissionString(p) == access.PermissionString(q)
	})
}

func permissionsOf(grants []*authzv1.PermissionGrants) []*accessv1.Permission {
	var all []*accessv1.Permission
	for _, g := range grants {
		all = append(all, g.GetPermission())
	}
	return all
}

func TestARoleMayChangeTheOrganizationWhenItMayChangeEachOfItsSettings(t *testing.T) {
	t.Parallel()
	settings := func(from int) []string {
		var actions []string
		for _, right := range policy.SettingRights()[from:] {
			actions = append(actions, strings.TrimPrefix(string(right), "stytch.organization:"))
		}
		return actions
	}
	for _, test := range []struct {
		name    string
		actions []string
		want    bool
	}{
		{"every action", []string{"*"}, true},
		{"each setting by name", settings(0), true},
		{"all settings but one", settings(1), false},
		{"the name of the organization", []string{"update.info.name"}, false},
		{"an action that is named like the permission", []string{"update"}, false},
		{"nothing", nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			permissions := []rbac.PolicyRolePermission{{ResourceID: "stytch.organization", Actions: test.actions}}
			table := policy.Compile(stytch.NewPolicy(&rbac.Policy{
				Roles: []rbac.PolicyRole{{RoleID: "chief", Permissions: permissions}},
				Scopes: []rbac.PolicyScope{{Scope: "all", Permissions: []rbac.PolicyScopePermission{
					{ResourceID: "stytch.organization", Actions: []string{"*"}},
				}}},
			}))
			if got := has(table.RolePermissions([]string{"chief"}), access.ChangeOrganization()); got != test.want {
				t.Errorf("the role has it: %v", got)
			}
			if has(table.ScopePermissions([]string{"all"}), access.ChangeOrganization()) {
				t.Error("a scope has it")
			}
		})
	}
}

func TestTheAccessPolicyNamesWhoGrantsWhat(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		source := stytch.NewPolicy(drawPolicy(t))
		table := policy.Compile(source)
		grants := table.AccessPolicy().GetGrants()
		if len(grants) != len(access.AllPermissions())+1 || !has(permissionsOf(grants), access.ChangeOrganization()) {
			t.Fatalf("got %d grants", len(grants))
		}
		for _, g := range grants {
			for _, role := range source.Roles() {
				if got, want := slices.Contains(g.GetRoles(), role), has(table.RolePermissions([]string{role}), g.GetPermission()); got != want {
					t.Fatalf("role %q on %s: got %v, want %v", role, access.PermissionString(g.GetPermission()), got, want)
				}
			}
			for _, scope := range source.Scopes() {
				if got, want := slices.Contains(g.GetScopes(), scope), has(table.ScopePermissions([]string{scope}), g.GetPermission()); got != want {
					t.Fatalf("scope %q on %s: got %v, want %v", scope, access.PermissionString(g.GetPermission()), got, want)
				}
			}
			if !slices.IsSorted(g.GetRoles()) || !slices.IsSorted(g.GetScopes()) {
				t.Fatalf("not sorted: %v", fmt.Sprint(g))
			}
		}
	})
}
