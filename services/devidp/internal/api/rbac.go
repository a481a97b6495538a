package api

import (
	"slices"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

// Stytch's own resources, on which roles may have permissions.
const (
	resourceOrganization = "stytch.organization"
	resourceMember       = "stytch.member"
	resourceSelf         = "stytch.self"
	resourceSSO          = "stytch.sso"
	resourceSCIM         = "stytch.scim"
)

// selfPolicy says whether members may do a thing to themselves through their permissions on stytch.self.
type selfPolicy bool

const (
	membersOnly selfPolicy = false // Needs a permission on stytch.member, also for oneself: a wildcard on stytch.self must not raise one's own role.
	selfToo     selfPolicy = true
)

// acting resolves the member on whose behalf the call is made: the one whose session the headers carry. Without one the
// project's secret alone decides, which may do everything.
func (c *call) acting() (*identity, error) {
	sessionToken, sessionJWT := c.r.Header.Get("X-Stytch-Member-Session"), c.r.Header.Get("X-Stytch-Member-SessionJWT")
	if sessionToken == "" && sessionJWT == "" {
		return nil, nil
	}
	who, err := c.identify(sessionToken, sessionJWT)
	if err != nil {
		return nil, err
	}
	return &who, nil
}

// allow asks whether the call may do all of the actions on a resource of the organization.
func (c *call) allow(organizationID, resource string, actions ...string) error {
	who, err := c.acting()
	if who == nil || err != nil {
		return err
	}
	if who.org.OrganizationID != organizationID {
		return wrongTenant()
	}
	p := c.tx.Policy()
	roles := who.member.EffectiveRoles(who.org, p)
	for _, action := range actions {
		if !p.Allows(roles, resource, action) {
			return notAuthorized()
		}
	}
	return nil
}

// allowOn asks whether the call may do the action to a member.
func (c *call) allowOn(target state.Member, action string, self selfPolicy) error {
	who, err := c.acting()
	if who == nil || err != nil {
		return err
	}
	if who.org.OrganizationID != target.OrganizationID {
		return wrongTenant()
	}
	p := c.tx.Policy()
	roles := who.member.EffectiveRoles(who.org, p)
	resources := []string{resourceMember}
	if self == selfToo && who.member.MemberID == target.MemberID {
		resources = append(resources, resourceSelf)
	}
	if !slices.ContainsFunc(resources, func(r string) bool { return p.Allows(roles, r, action) }) {
		return notAuthorized()
	}
	return nil
}

// serverOnly refuses what a member's session may never do, whatever its roles.
func (c *call) serverOnly() error {
	who, err := c.acting()
	if err != nil {
		return err
	}
	if who != nil {
		return notAuthorized()
	}
	return nil
}

func wrongTenant() *Error {
	return forbidden("session_authorization_tenancy_error", "The session belongs to another organization.")
}

func notAuthorized() *Error {
	return forbidden("session_authorization_error", "The member's roles do not allow this.")
}
