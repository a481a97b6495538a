package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// refused is what Stytch's answer to an administrator's request means to the administrator. right is what the request
// needed first of all.
func (s *organizationService) refused(a *administrator, right policy.Right, err error) error {
	if errors.Is(err, stytch.ErrUnavailable) {
		return rpcerr.New(codes.Unavailable, accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE,
			"Stytch does not answer right now; the change may have been made or not").Wrap(err).RetryAfter(retryAfter)
	}
	refusal, ok := errors.AsType[*stytch.APIError](err)
	if !ok {
		return credentialError(err)
	}
	switch refusal.Type {
	case "session_authorization_error", "session_authorization_tenancy_error", "unauthorized_action":
		// What is known of the caller's roles allowed it, so it is out of date.
		s.verdicts.forget(a.member.ID)
		return a.denied(right, err)

	case stytch.TypeSessionNotFound, "invalid_session_token", "unable_to_parse_session_jwt", "user_unauthenticated":
		s.verdicts.forget(a.sessionID)
		return tokenInvalid(err)

	case stytch.TypeMemberNotFound, "member_does_not_exist_in_organization":
		return memberNotFound().Wrap(err)
	case "sso_connection_not_found", "invalid_connection_id", "invalid_sso_connection_id":
		return connectionNotFound().Wrap(err)
	case stytch.TypeSCIMConnectionNotFound:
		return scimConnectionNotFound().Wrap(err)
	case stytch.TypeSCIMConnectionExists:
		return rpcerr.New(codes.AlreadyExists, accessv1.ErrorReason_ERROR_REASON_SCIM_CONNECTION_EXISTS,
			"the organization has a SCIM connection, and can have one").Wrap(err)
	case stytch.TypeConnectedAppNotFound:
		return rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_CONNECTED_APP_NOT_FOUND,
			"the member has not connected an application with this client id").Wrap(err)

	case "duplicate_member_email", "member_email_already_exists":
		return rpcerr.New(codes.AlreadyExists, accessv1.ErrorReason_ERROR_REASON_MEMBER_EXISTS,
			"the organization has a member with this address").Wrap(err)
	case "member_already_active":
		return memberActive().Wrap(err)
	case "invalid_email_for_invites", "email_invites_not_allowed":
		return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_INVITATION_NOT_ALLOWED,
			"the organization's settings do not let this address be invited").Wrap(err)
	case "invalid_email", "invalid_email_domain":
		return rpcerr.FieldInvalid().Field("email_address", "is not an address that mail can be sent to", "stytch."+refusal.Type).Wrap(err)
	case "invalid_role", "invalid_rbac_role_assignment":
		return rpcerr.FieldInvalid().Field("roles", "has a role that the access policy does not have", "stytch."+refusal.Type).Wrap(err)

	case "organization_slug_already_used":
		return rpcerr.New(codes.AlreadyExists, accessv1.ErrorReason_ERROR_REASON_ORGANIZATION_SLUG_TAKEN, "the short name is taken").Wrap(err)
	case "invalid_organization_slug":
		return rpcerr.FieldInvalid().Field("organization.slug", "cannot be used as a short name", "stytch."+refusal.Type).Wrap(err)
	case "invalid_organization_name", "organization_name_includes_banned_words":
		return rpcerr.FieldInvalid().Field("organization.display_name", "cannot be used as a name", "stytch."+refusal.Type).Wrap(err)
	case "organization_settings_invalid_domain":
		return rpcerr.FieldInvalid().Field("sign_in_settings.email_allowed_domains", "has something that is not a domain", "stytch."+refusal.Type).Wrap(err)

	case "invalid_saml_metadata_url":
		return rpcerr.FieldInvalid().Field("sso_connection.saml.metadata_url", "cannot be read", "stytch."+refusal.Type).Wrap(err)
	case "invalid_x509_certificate":
		return rpcerr.FieldInvalid().Field("sso_connection.saml.x509_certificate", "is not a certificate in PEM", "stytch."+refusal.Type).Wrap(err)
	case "invalid_issuer":
		return rpcerr.FieldInvalid().Field("sso_connection.oidc.issuer", "is not an issuer", "stytch."+refusal.Type).Wrap(err)

	case stytch.TypeTooManyRequests:
		return rpcerr.New(codes.ResourceExhausted, accessv1.ErrorReason_ERROR_REASON_RATE_LIMITED,
			"too many changes; wait a little").Wrap(err).RetryAfter(retryAfter)
	}
	// The SDK's errors are many, and new ones come. A 400 is about what the caller wants to set; anything else is a mistake
	// of ours or of the project's settings.
	if refusal.StatusCode == http.StatusBadRequest {
		return rpcerr.FieldInvalid().Field("", "Stytch does not take it: "+refusal.Type, "stytch."+refusal.Type).Wrap(err)
	}
	return signInError(err)
}

// domainRefused names the domain that Stytch refused, where its message does.
func domainRefused(domains []string, err error) error {
	out := rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_EMAIL_DOMAIN_REFUSED,
		"anybody can get an address in one of the domains").Wrap(err)
	refusal, _ := errors.AsType[*stytch.APIError](err)
	i := slices.IndexFunc(domains, func(d string) bool { return strings.Contains(refusal.Message, d) })
	if i >= 0 {
		out = out.With("domain", domains[i])
	}
	return out
}

func memberNotFound() *rpcerr.Error {
	return rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_MEMBER_NOT_FOUND, "the organization has no member with this id")
}

func connectionNotFound() *rpcerr.Error {
	return rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_SSO_CONNECTION_NOT_FOUND,
		"the organization has no single sign-on connection with this id")
}

func memberActive() *rpcerr.Error {
	return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_MEMBER_ACTIVE, "the member was not removed, or has signed in already")
}

func memberDeactivated() *rpcerr.Error {
	return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_MEMBER_DEACTIVATED, "the member was removed; reactivate the member first")
}

func ownAccount(what string) *rpcerr.Error {
	return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_OWN_ACCOUNT, "nobody %s; another administrator can", what)
}

func lastAdministrator() *rpcerr.Error {
	return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_LAST_ADMINISTRATOR,
		"the member is the only active administrator; give the role to another member first")
}

func noWayToSignIn() *rpcerr.Error {
	return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_NO_WAY_TO_SIGN_IN,
		"nobody could sign in any more: allow one-time codes, Google, or single sign-on with an active connection")
}

func noSecondFactor() *rpcerr.Error {
	return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_NO_WAY_TO_SIGN_IN,
		"nobody could sign in any more: the organization does not take authenticator apps, and the sign-in page nothing else").With("field", "mfa_policy")
}
