package api

import (
	"github.com/df0f9dda/okr-manager/services/devidp/internal/policy"
)

type runtimePolicyAnswer struct {
	Policy policy.Runtime `json:"policy"`
}

// runtimePolicy answers the policy as the SDK's local checks read it.
func (c *call) runtimePolicy(struct{}) (any, error) {
	return runtimePolicyAnswer{c.tx.Policy().Runtime()}, nil
}

type managedPolicy struct {
	ProjectID string        `json:"project_id"`
	Policy    policy.Policy `json:"policy"`
}

// managedPolicy answers the policy as the management API does.
func (c *call) managedPolicy(struct{}) (any, error) {
	if err := c.checkProject(); err != nil {
		return nil, err
	}
	return managedPolicy{c.ProjectID, c.tx.Policy()}, nil
}

type replacePolicyRequest struct {
	ProjectID string         `json:"project_id"`
	Policy    *policy.Policy `json:"policy"`
}

// replacePolicy replaces the whole policy: what the caller leaves out is gone.
func (c *call) replacePolicy(req replacePolicyRequest) (any, error) {
	if err := c.checkProject(); err != nil {
		return nil, err
	}
	if req.Policy == nil || req.ProjectID != "" && req.ProjectID != c.ProjectID {
		return nil, badRequest("invalid_argument", "The body must carry a policy for this project.")
	}
	if err := req.Policy.Validate(); err != nil {
		return nil, badRequest("invalid_argument", "The policy is not valid: %v", err)
	}
	p := *req.Policy
	p.StytchMember.RoleID, p.StytchAdmin.RoleID = policy.RoleMember, policy.RoleAdmin
	c.tx.SetPolicy(p)
	return managedPolicy{c.ProjectID, p}, nil
}

func (c *call) checkProject() error {
	if c.r.PathValue("project_id") != c.ProjectID {
		return notFound("project_not_found", "The project does not exist.")
	}
	return nil
}
