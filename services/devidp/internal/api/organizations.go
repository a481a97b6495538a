package api

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

// organizationSettings are the fields that creating and updating an organization share. An absent one is left as it is;
// an empty list, which the SDK cannot send but the API takes, empties it.
type organizationSettings struct {
	Name                           *string                       `json:"organization_name"`
	Slug                           *string                       `json:"organization_slug"`
	LogoURL                        *string                       `json:"organization_logo_url"`
	ExternalID                     *string                       `json:"organization_external_id"`
	SSODefaultConnectionID         *string                       `json:"sso_default_connection_id"`
	SSOJITProvisioning             *string                       `json:"sso_jit_provisioning"`
	SSOJITAllowedConnections       *[]string                     `json:"sso_jit_provisioning_allowed_connections"`
	EmailAllowedDomains            *[]string                     `json:"email_allowed_domains"`
	EmailJITProvisioning           *string                       `json:"email_jit_provisioning"`
	EmailInvites                   *string                       `json:"email_invites"`
	AuthMethods                    *string                       `json:"auth_methods"`
	AllowedAuthMethods             *[]string                     `json:"allowed_auth_methods"`
	MFAPolicy                      *string                       `json:"mfa_policy"`
	MFAMethods                     *string                       `json:"mfa_methods"`
	AllowedMFAMethods              *[]string                     `json:"allowed_mfa_methods"`
	ImplicitRoles                  *[]state.DomainRoleAssignment `json:"rbac_email_implicit_role_assignments"`
	FirstPartyConnectedApps        *string                       `json:"first_party_connected_apps_allowed_type"`
	AllowedFirstPartyConnectedApps *[]string                     `json:"allowed_first_party_connected_apps"`
	ThirdPartyConnectedApps        *string                       `json:"third_party_connected_apps_allowed_type"`
	AllowedThirdPartyConnectedApps *[]string                     `json:"allowed_third_party_connected_apps"`
	TrustedMetadata                map[string]any                `json:"trusted_metadata"`
}

// actions names the permissions on stytch.organization that these changes need. The second result is whether all of
// them can be had by a member at all.
func (o organizationSettings) actions() (actions []string, forMembers bool) {
	need := func(given bool, action string) {
		if given && !slices.Contains(actions, action) {
			actions = append(actions, action)
		}
	}
	need(o.Name != nil, "update.info.name")
	need(o.Slug != nil, "update.info.slug")
	need(o.LogoURL != nil, "update.info.logo-url")
	need(o.SSODefaultConnectionID != nil, "update.settings.default-sso-connection")
	need(o.SSOJITProvisioning != nil || o.SSOJITAllowedConnections != nil, "update.settings.sso-jit-provisioning")
	need(o.EmailAllowedDomains != nil, "update.settings.allowed-domains")
	need(o.EmailJITProvisioning != nil, "update.settings.email-jit-provisioning")
	need(o.EmailInvites != nil, "update.settings.email-invites")
	need(o.AuthMethods != nil || o.AllowedAuthMethods != nil, "update.settings.allowed-auth-methods")
	need(o.MFAPolicy != nil, "update.settings.mfa-policy")
	need(o.MFAMethods != nil || o.AllowedMFAMethods != nil, "update.settings.allowed-mfa-methods")
	need(o.ImplicitRoles != nil, "update.settings.implicit-roles")
	need(o.FirstPartyConnectedApps != nil || o.AllowedFirstPartyConnectedApps != nil, "update.settings.first-party-connected-apps")
	need(o.ThirdPartyConnectedApps != nil || o.AllowedThirdPartyConnectedApps != nil, "update.settings.third-party-connected-apps")
	return actions, o.TrustedMetadata == nil && o.ExternalID == nil
}

var (
	slugForm  = regexp.MustCompile(`^[a-z0-9._~-]{2,128}$`)
	authNames = []string{"sso", "magic_link", "email_otp", "password", "google_oauth", "microsoft_oauth", "slack_oauth", "github_oauth", "hubspot_oauth"}

	// Domains in which anybody can get an address: Stytch takes none of the common ones.
	commonDomains = []string{"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "yahoo.com", "icloud.com", "proton.me", "protonmail.com", "aol.com", "gmx.de", "gmx.net"}
)

// apply checks the settings and puts them into org, which is not stored here.
func (c *call) apply(org *state.Organization, o organizationSettings) error {
	if o.Name != nil && (*o.Name == "" || len(*o.Name) > maxOrganizationName) {
		return badRequest("invalid_organization_name", "The name must have from 1 to %d bytes.", maxOrganizationName)
	}
	if o.Slug != nil && *o.Slug != org.Slug {
		if !slugForm.MatchString(*o.Slug) {
			return badRequest("invalid_organization_slug", "The slug must be 2 to 128 of a-z, 0-9 and . _ ~ -")
		}
		if other, taken := c.tx.FindOrganization(*o.Slug); taken && other.OrganizationID != org.OrganizationID {
			return badRequest("organization_slug_already_used", "The slug belongs to another organization.")
		}
	}
	for _, setting := range []struct {
		value *string
		among []string
	}{
		{o.SSOJITProvisioning, []string{state.AllAllowed, state.Restricted, state.NotAllowed}},
		{o.EmailJITProvisioning, []string{state.Restricted, state.NotAllowed}},
		{o.EmailInvites, []string{state.AllAllowed, state.Restricted, state.NotAllowed}},
		{o.AuthMethods, []string{state.AllAllowed, state.Restricted}},
		{o.MFAPolicy, []string{state.Optional, state.RequiredForAll}},
		{o.MFAMethods, []string{state.AllAllowed, state.Restricted}},
		{o.FirstPartyConnectedApps, []string{state.AllAllowed, state.Restricted, state.NotAllowed}},
		{o.ThirdPartyConnectedApps, []string{state.AllAllowed, state.Restricted, state.NotAllowed}},
	} {
		if setting.value != nil && !slices.Contains(setting.among, *setting.value) {
			return badRequest("invalid_organization_auth_factor_setting", "%q is not one of %s.", *setting.value, strings.Join(setting.among, ", "))
		}
	}
	if o.EmailAllowedDomains != nil {
		for _, domain := range *o.EmailAllowedDomains {
			if slices.Contains(commonDomains, strings.ToLower(domain)) {
				return badRequest("organization_settings_domain_too_common", "Anybody can get an address in %s.", domain)
			}
			if checkEmail("x@"+domain) != nil {
				return badRequest("organization_settings_invalid_domain", "%q is not a domain.", domain)
			}
		}
	}
	if o.AllowedAuthMethods != nil {
		for _, method := range *o.AllowedAuthMethods {
			if !slices.Contains(authNames, method) {
				return badRequest("invalid_organization_allowed_auth_methods", "%q is not an authentication method.", method)
			}
		}
	}
	if o.AllowedMFAMethods != nil {
		for _, method := range *o.AllowedMFAMethods {
			if method != "sms_otp" && method != "totp" {
				return badRequest("invalid_organization_allowed_mfa_methods", "%q is not a second factor.", method)
			}
		}
	}
	if o.SSODefaultConnectionID != nil && *o.SSODefaultConnectionID != "" && !c.hasConnection(*org, *o.SSODefaultConnectionID) {
		return notFound("sso_connection_not_found", "The organization has no such connection.")
	}
	if o.ImplicitRoles != nil {
		for _, assignment := range *o.ImplicitRoles {
			if !c.tx.Policy().HasRole(assignment.RoleID) {
				return badRequest("invalid_rbac_role_assignment", "The policy has no role %q.", assignment.RoleID)
			}
		}
	}

	set(&org.Name, o.Name)
	set(&org.Slug, o.Slug)
	set(&org.LogoURL, o.LogoURL)
	set(&org.ExternalID, o.ExternalID)
	set(&org.SSODefaultConnectionID, o.SSODefaultConnectionID)
	set(&org.SSOJITProvisioning, o.SSOJITProvisioning)
	set(&org.SSOJITAllowedConnections, o.SSOJITAllowedConnections)
	set(&org.EmailAllowedDomains, o.EmailAllowedDomains)
	set(&org.EmailJITProvisioning, o.EmailJITProvisioning)
	set(&org.EmailInvites, o.EmailInvites)
	set(&org.AuthMethods, o.AuthMethods)
	set(&org.AllowedAuthMethods, o.AllowedAuthMethods)
	set(&org.MFAPolicy, o.MFAPolicy)
	set(&org.MFAMethods, o.MFAMethods)
	set(&org.AllowedMFAMethods, o.AllowedMFAMethods)
	set(&org.ImplicitRoles, o.ImplicitRoles)
	set(&org.FirstPartyConnectedApps, o.FirstPartyConnectedApps)
	set(&org.AllowedFirstPartyConnectedApps, o.AllowedFirstPartyConnectedApps)
	set(&org.ThirdPartyConnectedApps, o.ThirdPartyConnectedApps)
	set(&org.AllowedThirdPartyConnectedApps, o.AllowedThirdPartyConnectedApps)
	org.TrustedMetadata = mergeMetadata(org.TrustedMetadata, o.TrustedMetadata)
	org.UpdatedAt = c.now
	return nil
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// mergeMetadata merges at the top level; null removes a key.
func mergeMetadata(old, changes map[string]any) map[string]any {
	if len(changes) == 0 {
		return old
	}
	merged := maps.Clone(old)
	if merged == nil {
		merged = map[string]any{}
	}
	for key, value := range changes {
		if value == nil {
			delete(merged, key)
		} else {
			merged[key] = value
		}
	}
	return merged
}

type organizationAnswer struct {
	Organization organizationView `json:"organization"`
}

func (c *call) getOrganization(struct{}) (any, error) {
	org, err := c.organization(c.r.PathValue("organization_id"))
	if err != nil {
		return nil, err
	}
	if err := c.serverOnly(); err != nil {
		return nil, err
	}
	return organizationAnswer{c.viewOrganization(org)}, nil
}

// updateOrganization changes settings. An organization that no longer allows an application loses the consents that its
// members gave it.
func (c *call) updateOrganization(req organizationSettings) (any, error) {
	org, err := c.organization(c.r.PathValue("organization_id"))
	if err != nil {
		return nil, err
	}
	actions, forMembers := req.actions()
	if err := c.allow(org.OrganizationID, resourceOrganization, actions...); err != nil {
		return nil, err
	}
	if !forMembers {
		if err := c.serverOnly(); err != nil {
			return nil, err
		}
	}
	if err := c.apply(&org, req); err != nil {
		return nil, err
	}
	c.tx.Organizations().Put(org.OrganizationID, org)
	c.dropForbiddenApps(org)
	return organizationAnswer{c.viewOrganization(org)}, nil
}
