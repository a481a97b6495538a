package stytch

import (
	"context"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/rbac"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sessions"
	"github.com/stytchauth/stytch-go/v16/stytch/shared"
)

// Policy is the project's access policy. What it grants is decided by the SDK's own functions, so that it means exactly
// what it means to Stytch. They are slow: ask once and keep the answers. It is safe for concurrent use.
type Policy struct {
	policy *rbac.Policy
}

// NewPolicy is a policy in the SDK's own form.
func NewPolicy(p *rbac.Policy) *Policy { return &Policy{p} }

// anyOrganization stands for the organization that the SDK's checks compare: the policy is the same for all of them.
const anyOrganization = "any"

// Policy gets the access policy. The SDK keeps one itself, behind no lock, and panics on an answer without one; that part
// of the SDK stays unused.
func (c *Client) Policy(ctx context.Context) (*Policy, error) {
	const doing = "getting the access policy"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.RBAC.Policy(ctx, &rbac.PolicyParams{})
	if err != nil {
		return nil, translate(doing, err)
	}
	if answer.Policy == nil {
		return nil, nonsense(doing, "there is no policy")
	}
	for _, r := range answer.Policy.Roles {
		if r.RoleID == RoleMember {
			return NewPolicy(answer.Policy), nil
		}
	}
	return nil, nonsense(doing, "it does not have the role %s, which every policy has", RoleMember)
}

// Roles lists the roles of the policy.
func (p *Policy) Roles() []string {
	roles := make([]string, len(p.policy.Roles))
	for i, r := range p.policy.Roles {
		roles[i] = r.RoleID
	}
	return roles
}

// RoleDescription is what the policy says about a role; "" for nothing.
func (p *Policy) RoleDescription(role string) string {
	for _, r := range p.policy.Roles {
		if r.RoleID == role {
			return r.Description
		}
	}
	return ""
}

// Scopes lists the scopes of the policy.
func (p *Policy) Scopes() []string {
	scopes := make([]string, len(p.policy.Scopes))
	for i, s := range p.policy.Scopes {
		scopes[i] = s.Scope
	}
	return scopes
}

// RoleGrants says whether a role grants an action on a resource.
func (p *Policy) RoleGrants(role, resource, action string) bool {
	return shared.PerformB2BAuthorizationCheck(p.policy, []string{role}, anyOrganization, check(resource, action)) == nil
}

// ScopeGrants says whether a scope grants an action on a resource.
func (p *Policy) ScopeGrants(scope, resource, action string) bool {
	return shared.PerformB2BScopeAuthorizationCheck(p.policy, []string{scope}, anyOrganization, check(resource, action)) == nil
}

func check(resource, action string) *sessions.AuthorizationCheck {
	return &sessions.AuthorizationCheck{OrganizationID: anyOrganization, ResourceID: resource, Action: action}
}
