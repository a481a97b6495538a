// Package policy knows what roles and scopes allow. It keeps a snapshot of the project's access policy for answering
// quickly, and pushes the product's own policy to a project.
package policy

import (
	"slices"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
)

// Source is an access policy that can be asked, slowly, what it grants.
type Source interface {
	Roles() []string
	RoleDescription(role string) string
	Scopes() []string
	RoleGrants(role, resource, action string) bool
	ScopeGrants(scope, resource, action string) bool
}

// Table is what a policy says about the product's permissions and about administering an organization, compiled for quick lookups. It does not change.
type Table struct {
	// permissions are the product's, and behind them the one that stands for all rights to change settings of the
	// organization, which roles alone have.
	permissions []*accessv1.Permission
	roles       map[string]set
	scopes      map[string]set

	administration administration
}

// set has bit i for permission i of the table.
type set uint64

// Compile asks the policy everything that will ever be asked of the table.
func Compile(source Source) *Table {
	t := &Table{
		permissions: access.AllPermissions(), roles: map[string]set{}, scopes: map[string]set{},
		administration: compileAdministration(source),
	}
	for _, role := range source.Roles() {
		t.roles[role] = t.compile(role, source.RoleGrants)
		if t.holdsAll(role, SettingRights()) {
			t.roles[role] |= 1 << len(t.permissions)
		}
	}
	for _, scope := range source.Scopes() {
		t.scopes[scope] = t.compile(scope, source.ScopeGrants)
	}
	t.permissions = append(t.permissions, access.ChangeOrganization())
	return t
}

// holdsAll says whether one role has each of some rights.
func (t *Table) holdsAll(role string, rights []Right) bool {
	return !slices.ContainsFunc(rights, func(r Right) bool { return !t.Holds([]string{role}, r) })
}

func (t *Table) compile(name string, grants func(name, resource, action string) bool) set {
	var granted set
	for i, p := range t.permissions {
		if grants(name, p.GetResource(), access.ActionName(p.GetAction())) {
			granted |= 1 << i
		}
	}
	return granted
}

// HasScope says whether the policy has a scope of this name. Those that are Stytch's own, such as "openid", are not in it.
func (t *Table) HasScope(name string) bool {
	_, ok := t.scopes[name]
	return ok
}

// RolePermissions is what any of the roles allows. The permissions are shared: never change them.
func (t *Table) RolePermissions(roles []string) []*accessv1.Permission {
	return t.union(t.roles, roles)
}

// ScopePermissions is what any of the scopes allows. The permissions are shared: never change them.
func (t *Table) ScopePermissions(scopes []string) []*accessv1.Permission {
	return t.union(t.scopes, scopes)
}

func (t *Table) union(grants map[string]set, names []string) []*accessv1.Permission {
	var granted set
	for _, name := range names {
		granted |= grants[name]
	}
	var permissions []*accessv1.Permission
	for i, p := range t.permissions {
		if granted&(1<<i) != 0 {
			permissions = append(permissions, p)
		}
	}
	return permissions
}

// AccessPolicy says of each permission which roles and scopes grant it, by name.
func (t *Table) AccessPolicy() *authzv1.AccessPolicy {
	policy := &authzv1.AccessPolicy{}
	for i, p := range t.permissions {
		policy.Grants = append(policy.Grants, &authzv1.PermissionGrants{
			Permission: p, Roles: holders(t.roles, i), Scopes: holders(t.scopes, i),
		})
	}
	return policy
}

func holders(grants map[string]set, permission int) []string {
	var names []string
	for name, granted := range grants {
		if granted&(1<<permission) != 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
