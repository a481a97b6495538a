package api

import (
	"context"
	"log/slog"
	"slices"

	"google.golang.org/protobuf/proto"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
)

// UpdateOrganization implements authzv1.OrganizationServiceServer.
func (s *organizationService) UpdateOrganization(ctx context.Context, req *authzv1.UpdateOrganizationRequest) (*authzv1.Organization, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	update := req.GetOrganization()
	fields, err := selected(update, req.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	body := map[string]any{}
	var rights []policy.Right
	if fields.has("display_name") {
		rights, body[stytch.FieldName] = append(rights, policy.RenameOrganization), update.GetDisplayName()
	}
	if fields.has("slug") {
		rights, body[stytch.FieldSlug] = append(rights, policy.ChangeSlug), update.GetSlug()
	}
	if err := a.need(rights...); err != nil {
		return nil, err
	}
	if err := validated(update, "organization", fields); err != nil {
		return nil, err
	}
	if update.GetEtag() != "" {
		now, _, err := s.cfg.Stytch.Settings(ctx, a.organization.ID)
		if err != nil {
			return nil, s.refused(a, rights[0], err)
		}
		current, err := organizationMessage(now)
		if err != nil {
			return nil, err
		}
		if err := checkETag(update.GetEtag(), current.GetEtag()); err != nil {
			return nil, err
		}
	}
	updated, _, err := a.acting.UpdateOrganization(ctx, body)
	if err != nil {
		return nil, s.refused(a, rights[0], err)
	}
	s.changed(ctx, a, "the organization was changed", []string{a.organization.ID}, slog.Any("fields", []string(fields)))
	return organizationMessage(updated)
}

// GetSignInSettings implements authzv1.OrganizationServiceServer. Stytch has no permission to see settings, only such to
// change them.
func (s *organizationService) GetSignInSettings(ctx context.Context, _ *authzv1.GetSignInSettingsRequest) (*authzv1.SignInSettings, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.needOne(policy.SettingRights()...); err != nil {
		return nil, err
	}
	_, settings, err := s.cfg.Stytch.Settings(ctx, a.organization.ID)
	if err != nil {
		return nil, s.refused(a, policy.ChangeAuthMethods, err)
	}
	return settingsMessage(settings)
}

// setting ties a field of the contract to the one of Stytch, and to the right to change it.
type setting struct {
	path, field string
	right       policy.Right
	value       func(*authzv1.SignInSettings) any
}

func settings() []setting {
	return []setting{
		{"auth_methods", stytch.FieldAuthMethods, policy.ChangeAuthMethods, func(m *authzv1.SignInSettings) any { return stytchAdmission(m.GetAuthMethods()) }},
		{"allowed_auth_methods", stytch.FieldAllowedAuthMethods, policy.ChangeAuthMethods, func(m *authzv1.SignInSettings) any { return list(m.GetAllowedAuthMethods()) }},
		{"email_allowed_domains", stytch.FieldEmailAllowedDomains, policy.ChangeAllowedDomains, func(m *authzv1.SignInSettings) any { return list(m.GetEmailAllowedDomains()) }},
		{"email_jit_provisioning", stytch.FieldEmailJITProvisioning, policy.ChangeEmailJITProvisioning, func(m *authzv1.SignInSettings) any { return stytchAdmission(m.GetEmailJitProvisioning()) }},
		{"email_invites", stytch.FieldEmailInvites, policy.ChangeEmailInvites, func(m *authzv1.SignInSettings) any { return stytchAdmission(m.GetEmailInvites()) }},
		{"sso_jit_provisioning", stytch.FieldSSOJITProvisioning, policy.ChangeSSOJITProvisioning, func(m *authzv1.SignInSettings) any { return stytchAdmission(m.GetSsoJitProvisioning()) }},
		{"sso_jit_connection_ids", stytch.FieldSSOJITConnections, policy.ChangeSSOJITProvisioning, func(m *authzv1.SignInSettings) any { return list(m.GetSsoJitConnectionIds()) }},
		{"default_sso_connection_id", stytch.FieldDefaultConnection, policy.ChangeDefaultConnection, func(m *authzv1.SignInSettings) any { return m.GetDefaultSsoConnectionId() }},
		{"mfa_policy", stytch.FieldMFAPolicy, policy.ChangeMFAPolicy, func(m *authzv1.SignInSettings) any { return stytchMFAPolicy(m.GetMfaPolicy()) }},
		{"third_party_apps", stytch.FieldThirdPartyApps, policy.ChangeThirdPartyApps, func(m *authzv1.SignInSettings) any { return stytchAdmission(m.GetThirdPartyApps()) }},
		{"allowed_third_party_client_ids", stytch.FieldAllowedThirdParty, policy.ChangeThirdPartyApps, func(m *authzv1.SignInSettings) any { return list(m.GetAllowedThirdPartyClientIds()) }},
		{"first_party_apps", stytch.FieldFirstPartyApps, policy.ChangeFirstPartyApps, func(m *authzv1.SignInSettings) any { return stytchAdmission(m.GetFirstPartyApps()) }},
		{"allowed_first_party_client_ids", stytch.FieldAllowedFirstParty, policy.ChangeFirstPartyApps, func(m *authzv1.SignInSettings) any { return list(m.GetAllowedFirstPartyClientIds()) }},
	}
}

// list is never nil: an empty list is sent as one, and empties the setting.
func list(values []string) []string { return append([]string{}, values...) }

// UpdateSignInSettings implements authzv1.OrganizationServiceServer.
func (s *organizationService) UpdateSignInSettings(ctx context.Context, req *authzv1.UpdateSignInSettingsRequest) (*authzv1.SignInSettings, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	update := req.GetSignInSettings()
	fields, err := selected(update, req.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	body := map[string]any{}
	var rights []policy.Right
	for _, f := range settings() {
		if fields.has(f.path) {
			rights, body[f.field] = append(rights, f.right), f.value(update)
		}
	}
	if err := a.need(rights...); err != nil {
		return nil, err
	}
	if err := validated(update, "sign_in_settings", fields); err != nil {
		return nil, err
	}
	lock := s.locks.of(a.organization.ID)
	lock.Lock()
	defer lock.Unlock()
	_, now, err := s.cfg.Stytch.Settings(ctx, a.organization.ID)
	if err != nil {
		return nil, s.refused(a, rights[0], err)
	}
	current, err := settingsMessage(now)
	if err != nil {
		return nil, err
	}
	if err := checkETag(update.GetEtag(), current.GetEtag()); err != nil {
		return nil, err
	}
	if fields.has("auth_methods") || fields.has("allowed_auth_methods") {
		merged := proto.CloneOf(current)
		if fields.has("auth_methods") {
			merged.AuthMethods = update.GetAuthMethods()
		}
		if fields.has("allowed_auth_methods") {
			merged.AllowedAuthMethods = update.GetAllowedAuthMethods()
		}
		if !canSignIn(merged, len(now.ActiveConnections)) {
			return nil, noWayToSignIn()
		}
	}
	// What was required elsewhere may stay so; the sign-in page takes authenticator apps alone.
	required := authzv1.MfaPolicy_MFA_POLICY_REQUIRED_FOR_ALL
	if fields.has("mfa_policy") && update.GetMfaPolicy() == required && current.GetMfaPolicy() != required && !now.TOTPAllowed {
		return nil, noSecondFactor()
	}
	_, updated, err := a.acting.UpdateOrganization(ctx, body)
	if stytch.IsType(err, "organization_settings_domain_too_common") {
		return nil, domainRefused(update.GetEmailAllowedDomains(), err)
	}
	if err != nil {
		return nil, s.refused(a, rights[0], err)
	}
	s.changed(ctx, a, "the sign-in settings were changed", []string{a.organization.ID}, slog.Any("fields", []string(fields)))
	return settingsMessage(updated)
}

// canSignIn says whether the sign-in page offers one of the ways that the settings leave open. Links by e-mail are not
// among them: only who is invited gets one, once.
func canSignIn(m *authzv1.SignInSettings, activeConnections int) bool {
	if m.GetAuthMethods() != authzv1.Admission_ADMISSION_RESTRICTED {
		return true
	}
	return slices.ContainsFunc(m.GetAllowedAuthMethods(), func(method string) bool {
		return method == "email_otp" || method == "google_oauth" || method == "sso" && activeConnections > 0
	})
}

func organizationMessage(o *stytch.Organization) (*authzv1.Organization, error) {
	out := &authzv1.Organization{Id: o.ID, DisplayName: o.Name, Slug: o.Slug}
	var err error
	out.Etag, err = etagOf(out)
	return out, err
}

func settingsMessage(s *stytch.Settings) (*authzv1.SignInSettings, error) {
	out := &authzv1.SignInSettings{
		AuthMethods:            admission(s.AuthMethods),
		AllowedAuthMethods:     s.AllowedAuthMethods,
		EmailAllowedDomains:    s.EmailAllowedDomains,
		EmailJitProvisioning:   admission(s.EmailJITProvisioning),
		EmailInvites:           admission(s.EmailInvites),
		SsoJitProvisioning:     admission(s.SSOJITProvisioning),
		SsoJitConnectionIds:    s.SSOJITConnections,
		DefaultSsoConnectionId: s.DefaultConnection,

		MfaPolicy:                  mfaPolicy(s.MFAPolicy),
		ThirdPartyApps:             admission(s.ThirdPartyApps),
		AllowedThirdPartyClientIds: s.AllowedThirdParty,
		FirstPartyApps:             admission(s.FirstPartyApps),
		AllowedFirstPartyClientIds: s.AllowedFirstParty,
	}
	var err error
	out.Etag, err = etagOf(out)
	return out, err
}

func admission(s string) authzv1.Admission {
	switch s {
	case stytch.AllAllowed:
		return authzv1.Admission_ADMISSION_ALL_ALLOWED
	case stytch.Restricted:
		return authzv1.Admission_ADMISSION_RESTRICTED
	case stytch.NotAllowed:
		return authzv1.Admission_ADMISSION_NOT_ALLOWED
	}
	return authzv1.Admission_ADMISSION_UNSPECIFIED
}

func stytchAdmission(a authzv1.Admission) string {
	switch a {
	case authzv1.Admission_ADMISSION_ALL_ALLOWED:
		return stytch.AllAllowed
	case authzv1.Admission_ADMISSION_RESTRICTED:
		return stytch.Restricted
	default:
		return stytch.NotAllowed
	}
}

func mfaPolicy(s string) authzv1.MfaPolicy {
	switch s {
	case stytch.MFAOptional:
		return authzv1.MfaPolicy_MFA_POLICY_OPTIONAL
	case stytch.MFARequired:
		return authzv1.MfaPolicy_MFA_POLICY_REQUIRED_FOR_ALL
	}
	return authzv1.MfaPolicy_MFA_POLICY_UNSPECIFIED
}

func stytchMFAPolicy(p authzv1.MfaPolicy) string {
	if p == authzv1.MfaPolicy_MFA_POLICY_REQUIRED_FOR_ALL {
		return stytch.MFARequired
	}
	return stytch.MFAOptional
}
