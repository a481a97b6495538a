package policy

import (
	"slices"
	"strings"
)

// Right is an action on one of Stytch's own resources, "<resource>:<action>": what administering an organization needs.
type Right string

// The rights that the product's methods need. Resources and actions are Stytch's.
const (
	RenameOrganization         Right = "stytch.organization:update.info.name"
	ChangeSlug                 Right = "stytch.organization:update.info.slug"
	ChangeAuthMethods          Right = "stytch.organization:update.settings.allowed-auth-methods"
	ChangeAllowedDomains       Right = "stytch.organization:update.settings.allowed-domains"
	ChangeEmailJITProvisioning Right = "stytch.organization:update.settings.email-jit-provisioning"
	ChangeEmailInvites         Right = "stytch.organization:update.settings.email-invites"
	ChangeSSOJITProvisioning   Right = "stytch.organization:update.settings.sso-jit-provisioning"
	ChangeDefaultConnection    Right = "stytch.organization:update.settings.default-sso-connection"
	ChangeMFAPolicy            Right = "stytch.organization:update.settings.mfa-policy"
	ChangeThirdPartyApps       Right = "stytch.organization:update.settings.third-party-connected-apps"
	ChangeFirstPartyApps       Right = "stytch.organization:update.settings.first-party-connected-apps"
	SearchMembers              Right = "stytch.member:search"
	CreateMembers              Right = "stytch.member:create"
	DeleteMembers              Right = "stytch.member:delete"
	RenameMembers              Right = "stytch.member:update.info.name"
	ChangeRoles                Right = "stytch.member:update.settings.roles"
	RenameSelf                 Right = "stytch.self:update.info.name"
	GetConnections             Right = "stytch.sso:get"
	CreateConnections          Right = "stytch.sso:create"
	UpdateConnections          Right = "stytch.sso:update"
	DeleteConnections          Right = "stytch.sso:delete"
	GetConnectedApps           Right = "stytch.organization:get.connected-apps"
	RevokeConnectedApps        Right = "stytch.member:revoke.connected-app"
	RevokeSessions             Right = "stytch.member:revoke-sessions"
	RevokeOwnSessions          Right = "stytch.self:revoke-sessions"
	GetSCIM                    Right = "stytch.scim:get"
	CreateSCIM                 Right = "stytch.scim:create"
	UpdateSCIM                 Right = "stytch.scim:update"
	DeleteSCIM                 Right = "stytch.scim:delete"
)

// Rights lists all rights that the product's methods need.
func Rights() []Right {
	return append([]Right{
		RenameOrganization, ChangeSlug, SearchMembers, CreateMembers, DeleteMembers, RenameMembers, ChangeRoles, RenameSelf,
		GetConnections, CreateConnections, UpdateConnections, DeleteConnections, GetConnectedApps, RevokeConnectedApps,
		RevokeSessions, RevokeOwnSessions, GetSCIM, CreateSCIM, UpdateSCIM, DeleteSCIM,
	}, SettingRights()...)
}

// SettingRights lists the rights to change a sign-in setting.
func SettingRights() []Right {
	return []Right{
		ChangeAuthMethods, ChangeAllowedDomains, ChangeEmailJITProvisioning, ChangeEmailInvites, ChangeSSOJITProvisioning,
		ChangeDefaultConnection, ChangeMFAPolicy, ChangeThirdPartyApps, ChangeFirstPartyApps,
	}
}

// Role is a role of the policy.
type Role struct{ ID, Description string }

// administration is what a policy says about the rights.
type administration struct {
	roles   []Role
	holders map[Right][]string
}

func compileAdministration(source Source) administration {
	a := administration{holders: map[Right][]string{}}
	for _, id := range source.Roles() {
		a.roles = append(a.roles, Role{ID: id, Description: source.RoleDescription(id)})
		for _, right := range Rights() {
			resource, action, _ := strings.Cut(string(right), ":")
			if source.RoleGrants(id, resource, action) {
				a.holders[right] = append(a.holders[right], id)
			}
		}
	}
	for _, holders := range a.holders {
		slices.Sort(holders)
	}
	return a
}

// Roles lists the roles in the order of the policy.
func (t *Table) Roles() []Role { return slices.Clone(t.administration.roles) }

// HasRole says whether the policy has a role.
func (t *Table) HasRole(id string) bool {
	return slices.ContainsFunc(t.administration.roles, func(r Role) bool { return r.ID == id })
}

// Holders are the roles that have a right, sorted.
func (t *Table) Holders(right Right) []string { return slices.Clone(t.administration.holders[right]) }

// Holds says whether one of the roles has a right.
func (t *Table) Holds(roles []string, right Right) bool {
	return slices.ContainsFunc(t.administration.holders[right], func(id string) bool { return slices.Contains(roles, id) })
}
