// Package access decides who may call what: the rules that stand at the methods in the contract, the principal that
// authz established for a credential, and the transaction token that carries it between services.
package access

import (
	"strings"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
)

// The resources of the access policy.
const (
	ResourceObjective = "objective"
	ResourceKeyResult = "key_result"
	// ResourceOrganization is Stytch's own. A member whose roles hold the right to change every setting of the organization
	// has the action to update it; scopes never have.
	ResourceOrganization = "stytch.organization"
)

// AllPermissions lists the eight permissions of the product in a stable order.
func AllPermissions() []*accessv1.Permission {
	var all []*accessv1.Permission
	for _, resource := range []string{ResourceObjective, ResourceKeyResult} {
		for _, action := range []accessv1.Action{
			accessv1.Action_ACTION_CREATE, accessv1.Action_ACTION_READ,
			accessv1.Action_ACTION_UPDATE, accessv1.Action_ACTION_DELETE,
		} {
			all = append(all, &accessv1.Permission{Resource: resource, Action: action})
		}
	}
	return all
}

// ChangeOrganization is the permission to change the settings of the organization, which no token has.
func ChangeOrganization() *accessv1.Permission {
	return &accessv1.Permission{Resource: ResourceOrganization, Action: accessv1.Action_ACTION_UPDATE}
}

// ActionName is an action as the Stytch policy writes it, such as "create".
func ActionName(a accessv1.Action) string {
	return strings.ToLower(strings.TrimPrefix(a.String(), "ACTION_"))
}

// PermissionString writes a permission as "objective:create".
func PermissionString(p *accessv1.Permission) string {
	return p.GetResource() + ":" + ActionName(p.GetAction())
}

// ParsePermission reads what PermissionString wrote.
func ParsePermission(s string) (*accessv1.Permission, bool) {
	resource, name, ok := strings.Cut(s, ":")
	action := accessv1.Action_value["ACTION_"+strings.ToUpper(name)]
	if !ok || resource == "" || action == 0 {
		return nil, false
	}
	return &accessv1.Permission{Resource: resource, Action: accessv1.Action(action)}, true
}

// Permits says whether a principal may do something: what the member's roles allow, and for an agent only what the
// token's scopes allow as well. Nil may do nothing.
func Permits(p *authzv1.Principal, resource string, action accessv1.Action) bool {
	if !contains(p.GetRolePermissions(), resource, action) {
		return false
	}
	switch p.GetKind() {
	case authzv1.PrincipalKind_PRINCIPAL_KIND_MEMBER:
		return true
	case authzv1.PrincipalKind_PRINCIPAL_KIND_AGENT:
		return contains(p.GetScopePermissions(), resource, action)
	default:
		return false
	}
}

func contains(permissions []*accessv1.Permission, resource string, action accessv1.Action) bool {
	for _, p := range permissions {
		if p.GetResource() == resource && p.GetAction() == action {
			return true
		}
	}
	return false
}
