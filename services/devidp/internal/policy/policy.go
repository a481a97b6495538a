// Package policy holds the role-based access policy of the project: who may do what, and which scopes a member can
// hand to an application. It is stored once, in the shape of Stytch's management API; the runtime API's shape is
// derived from it, so that the two can never disagree.
package policy

import (
	"errors"
	"fmt"
	"slices"
)

// Roles that every project has and whose permissions the policy may extend.
const (
	RoleMember = "stytch_member" // Implicit: every member has it.
	RoleAdmin  = "stytch_admin"  // Given to whoever creates an organization.
)

// Wildcard stands for every action of a resource. There is no wildcard for resources.
const Wildcard = "*"

// Policy is the management API's view.
type Policy struct {
	StytchMember    Role       `json:"stytch_member"`
	StytchAdmin     Role       `json:"stytch_admin"`
	CustomRoles     []Role     `json:"custom_roles"`
	CustomResources []Resource `json:"custom_resources"`
	CustomScopes    []Scope    `json:"custom_scopes"`
}

// Permission allows actions on one resource.
type Permission struct {
	ResourceID string   `json:"resource_id"`
	Actions    []string `json:"actions"`
}

// Role is a named set of permissions that members have.
type Role struct {
	RoleID      string       `json:"role_id"`
	Description string       `json:"description"`
	Permissions []Permission `json:"permissions"`
}

// Resource names something that permissions speak about.
type Resource struct {
	ResourceID       string   `json:"resource_id"`
	Description      string   `json:"description"`
	AvailableActions []string `json:"available_actions"`
}

// Scope is a named set of permissions that a member grants to an application.
type Scope struct {
	Scope       string       `json:"scope"`
	Description string       `json:"description"`
	Permissions []Permission `json:"permissions"`
}

// Runtime is the same policy as GET /v1/b2b/rbac/policy answers it.
type Runtime struct {
	Roles     []Role            `json:"roles"`
	Resources []RuntimeResource `json:"resources"`
	Scopes    []Scope           `json:"scopes"`
}

// RuntimeResource is a Resource under the runtime API's field names.
type RuntimeResource struct {
	ResourceID  string   `json:"resource_id"`
	Description string   `json:"description"`
	Actions     []string `json:"actions"`
}

// Runtime derives the runtime API's view.
func (p Policy) Runtime() Runtime {
	view := Runtime{Roles: p.roles(), Resources: []RuntimeResource{}, Scopes: append([]Scope{}, p.CustomScopes...)}
	for _, r := range p.CustomResources {
		view.Resources = append(view.Resources, RuntimeResource{ResourceID: r.ResourceID, Description: r.Description, Actions: r.AvailableActions})
	}
	return view
}

// roles returns every role, with the fixed ids of the two built-in ones.
func (p Policy) roles() []Role {
	member, admin := p.StytchMember, p.StytchAdmin
	member.RoleID, admin.RoleID = RoleMember, RoleAdmin
	return append([]Role{member, admin}, p.CustomRoles...)
}

// HasRole reports whether a role of that id exists.
func (p Policy) HasRole(id string) bool {
	return slices.ContainsFunc(p.roles(), func(r Role) bool { return r.RoleID == id })
}

// GrantingRoles returns those of the given roles that allow the action, in the policy's order.
func (p Policy) GrantingRoles(roles []string, resource, action string) []string {
	var granting []string
	for _, r := range p.roles() {
		if slices.Contains(roles, r.RoleID) && allows(r.Permissions, resource, action) {
			granting = append(granting, r.RoleID)
		}
	}
	return granting
}

// Allows reports whether any of the roles allows the action.
func (p Policy) Allows(roles []string, resource, action string) bool {
	return len(p.GrantingRoles(roles, resource, action)) > 0
}

// FindScope returns the custom scope of that name.
func (p Policy) FindScope(name string) (Scope, bool) {
	i := slices.IndexFunc(p.CustomScopes, func(s Scope) bool { return s.Scope == name })
	if i < 0 {
		return Scope{}, false
	}
	return p.CustomScopes[i], true
}

// Grantable reports whether a member with these roles can grant the custom scope: the roles must cover all of its
// permissions, and a wildcard in the scope asks for every action that the resource offers.
func (p Policy) Grantable(roles []string, scope string) bool {
	s, found := p.FindScope(scope)
	if !found {
		return false
	}
	for _, perm := range s.Permissions {
		for _, action := range p.expand(perm) {
			if !p.Allows(roles, perm.ResourceID, action) {
				return false
			}
		}
	}
	return true
}

// expand replaces a wildcard by the resource's actions. A resource without a list of actions keeps the wildcard, which
// only a wildcard covers.
func (p Policy) expand(perm Permission) []string {
	if !slices.Contains(perm.Actions, Wildcard) {
		return perm.Actions
	}
	for _, r := range p.CustomResources {
		if r.ResourceID == perm.ResourceID && len(r.AvailableActions) > 0 {
			return r.AvailableActions
		}
	}
	return []string{Wildcard}
}

func allows(permissions []Permission, resource, action string) bool {
	return slices.ContainsFunc(permissions, func(perm Permission) bool {
		return perm.ResourceID == resource && (slices.Contains(perm.Actions, Wildcard) || slices.Contains(perm.Actions, action))
	})
}

// Validate reports every mistake at once: names that are empty or used twice, and permissions on custom resources or
// actions that the policy does not define. Resources that begin with "stytch." are Stytch's own and are not listed.
func (p Policy) Validate() error {
	var mistakes []error
	complain := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }

	actions := map[string][]string{}
	for _, r := range p.CustomResources {
		switch _, twice := actions[r.ResourceID]; {
		case r.ResourceID == "":
			complain("a custom resource has no resource_id")
		case isBuiltIn(r.ResourceID):
			complain("custom resource %q uses a reserved name", r.ResourceID)
		case twice:
			complain("custom resource %q is defined twice", r.ResourceID)
		case len(r.AvailableActions) == 0:
			complain("custom resource %q has no available_actions", r.ResourceID)
		}
		actions[r.ResourceID] = r.AvailableActions
	}

	checkPermissions := func(owner string, permissions []Permission) {
		for _, perm := range permissions {
			available, known := actions[perm.ResourceID]
			switch {
			case len(perm.Actions) == 0:
				complain("%s: the permission on %q has no actions", owner, perm.ResourceID)
			case isBuiltIn(perm.ResourceID):
			case !known:
				complain("%s: resource %q is not defined", owner, perm.ResourceID)
			default:
				for _, action := range perm.Actions {
					if action != Wildcard && !slices.Contains(available, action) {
						complain("%s: resource %q has no action %q", owner, perm.ResourceID, action)
					}
				}
			}
		}
	}

	roles := map[string]bool{}
	for _, r := range p.roles() {
		switch {
		case r.RoleID == "":
			complain("a custom role has no role_id")
		case roles[r.RoleID]:
			complain("role %q is defined twice", r.RoleID)
		}
		roles[r.RoleID] = true
		checkPermissions("role "+r.RoleID, r.Permissions)
	}
	scopes := map[string]bool{}
	for _, s := range p.CustomScopes {
		switch {
		case s.Scope == "":
			complain("a custom scope has no name")
		case scopes[s.Scope]:
			complain("scope %q is defined twice", s.Scope)
		case len(s.Permissions) == 0:
			complain("scope %q has no permissions", s.Scope)
		}
		scopes[s.Scope] = true
		checkPermissions("scope "+s.Scope, s.Permissions)
	}
	return errors.Join(mistakes...)
}

func isBuiltIn(resource string) bool {
	return len(resource) > len("stytch.") && resource[:len("stytch.")] == "stytch."
}
