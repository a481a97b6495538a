package policy_test

import (
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/policy"
)

func sample() policy.Policy {
	perm := func(resource string, actions ...string) policy.Permission {
		return policy.Permission{ResourceID: resource, Actions: actions}
	}
	return policy.Policy{
		StytchMember:    policy.Role{Permissions: []policy.Permission{perm("doc", "read"), perm("stytch.self", "*")}},
		StytchAdmin:     policy.Role{Permissions: []policy.Permission{perm("doc", "*"), perm("stytch.member", "*")}},
		CustomRoles:     []policy.Role{{RoleID: "writer", Permissions: []policy.Permission{perm("doc", "write")}}},
		CustomResources: []policy.Resource{{ResourceID: "doc", AvailableActions: []string{"read", "write"}}},
		CustomScopes: []policy.Scope{
			{Scope: "read:docs", Permissions: []policy.Permission{perm("doc", "read")}},
			{Scope: "all:docs", Permissions: []policy.Permission{perm("doc", "*")}},
			{Scope: "members", Permissions: []policy.Permission{perm("stytch.member", "*")}},
		},
	}
}

func TestRolesAllowActions(t *testing.T) {
	p := sample()
	for _, test := range []struct {
		name             string
		roles            []string
		resource, action string
		want             bool
	}{
		{"a listed action", []string{"stytch_member"}, "doc", "read", true},
		{"an action that is not listed", []string{"stytch_member"}, "doc", "write", false},
		{"any action under a wildcard", []string{"stytch_admin"}, "doc", "burn", true},
		{"no wildcard for resources", []string{"stytch_admin"}, "car", "read", false},
		{"any of several roles", []string{"stytch_member", "writer"}, "doc", "write", true},
		{"a role that does not exist", []string{"king"}, "doc", "read", false},
		{"no roles", nil, "doc", "read", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := p.Allows(test.roles, test.resource, test.action); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestAScopeIsGrantableByWhoeverCoversAllOfIt(t *testing.T) {
	p := sample()
	for _, test := range []struct {
		name  string
		roles []string
		scope string
		want  bool
	}{
		{"the one action", []string{"stytch_member"}, "read:docs", true},
		{"one action of a wildcard's two", []string{"stytch_member"}, "all:docs", false},
		{"both actions through two roles", []string{"stytch_member", "writer"}, "all:docs", true},
		{"a wildcard on a built-in resource needs one", []string{"stytch_member", "writer"}, "members", false},
		{"and has one in the administrator", []string{"stytch_admin"}, "members", true},
		{"a scope that does not exist", []string{"stytch_admin"}, "fly", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := p.Grantable(test.roles, test.scope); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestTheRuntimeViewRenamesAndAddsTheBuiltInRoles(t *testing.T) {
	view := sample().Runtime()
	if len(view.Roles) != 3 || view.Roles[0].RoleID != "stytch_member" || view.Roles[1].RoleID != "stytch_admin" || len(view.Resources[0].Actions) != 2 || len(view.Scopes) != 3 {
		t.Errorf("the view is %+v", view)
	}
}

func TestEveryMistakeIsReported(t *testing.T) {
	if err := sample().Validate(); err != nil {
		t.Fatalf("the sample is refused: %v", err)
	}
	p := sample()
	p.CustomResources = append(p.CustomResources, policy.Resource{ResourceID: "doc", AvailableActions: []string{"read"}}, policy.Resource{ResourceID: "stytch.x", AvailableActions: []string{"y"}}, policy.Resource{ResourceID: "idle"})
	p.CustomRoles = append(p.CustomRoles, policy.Role{RoleID: "writer"}, policy.Role{RoleID: "stytch_admin"}, policy.Role{},
		policy.Role{RoleID: "odd", Permissions: []policy.Permission{{ResourceID: "car", Actions: []string{"read"}}, {ResourceID: "doc", Actions: []string{"burn"}}, {ResourceID: "doc"}}})
	p.CustomScopes = append(p.CustomScopes, policy.Scope{Scope: "empty"}, policy.Scope{Scope: "read:docs"}, policy.Scope{})
	err := p.Validate()
	for _, want := range []string{
		`resource "doc" is defined twice`, `"stytch.x" uses a reserved name`, `"idle" has no available_actions`, `role "writer" is defined twice`,
		`role "stytch_admin" is defined twice`, "no role_id", `"car" is not defined`, `no action "burn"`, "has no actions",
		`"empty" has no permissions`, `scope "read:docs" is defined twice`, "has no name",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no mention of %q in:\n%v", want, err)
		}
	}
}
