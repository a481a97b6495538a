package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// retryAfter is when it is worth trying again while Stytch is away or busy.
const retryAfter = 2 * time.Second

func tokenInvalid(cause error) error {
	return rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID, "the credential is not valid").Wrap(cause)
}

func unavailable(cause error) error {
	return rpcerr.New(codes.Unavailable, accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE,
		"who is calling cannot be established right now").Wrap(cause).RetryAfter(retryAfter)
}

func signInExpired(cause error) error {
	return rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_SIGN_IN_EXPIRED,
		"the sign-in was not finished in time; start again").Wrap(cause)
}

// credentialError is what the failure to establish a caller means to the caller. Only what a token proves by itself, or
// what Stytch said about it, makes a caller unauthenticated; everything else, such as a refusal of our own secret, is a
// matter between authz and Stytch.
func credentialError(err error) error {
	var ours *rpcerr.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ours), errors.Is(err, context.Canceled) && !errors.Is(err, stytch.ErrUnavailable):
		return err
	case errors.Is(err, stytch.ErrTokenExpired):
		return rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED, "the credential has expired").Wrap(err)
	case errors.Is(err, stytch.ErrTokenInvalid):
		return tokenInvalid(err)
	}
	return unavailable(err)
}

// signInError is what the failure of a step of signing in means to the caller.
func signInError(err error) error {
	if errors.Is(err, stytch.ErrUnavailable) {
		return rpcerr.New(codes.Unavailable, accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE,
			"the sign-in service does not answer right now").Wrap(err).RetryAfter(retryAfter)
	}
	refusal, ok := errors.AsType[*stytch.APIError](err)
	if !ok {
		return credentialError(err)
	}
	switch refusal.Type {
	case "otp_code_not_found", "unable_to_auth_otp_code", "invalid_code",
		"unable_to_authenticate_totp", "totp_code_already_authenticated", "invalid_totp_code", "recovery_code_used_as_totp_code",
		"unable_to_authenticate_recovery_code", "invalid_recovery_code", "totp_code_used_as_recovery_code", "recovery_codes_not_found":
		return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_CODE_INVALID,
			"the code is wrong, was used, or has expired").Wrap(err)

	case "intermediate_session_not_found", "invalid_intermediate_session_token_for_organization",
		"totp_not_found": // its registration was not completed in time
		return signInExpired(err)

	case "magic_link_not_found", "unable_to_auth_magic_link", "oauth_token_not_found", "sso_token_not_found",
		"expired_oauth_response", "invalid_token", "invalid_pkce_code_verifier", "pkce_mismatch",
		"pkce_expected_code_verifier", "pkce_did_not_expect_code_verifier":
		return rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_SIGN_IN_LINK_INVALID,
			"the sign-in link is wrong, was used, has expired, or was started in another browser").Wrap(err)

	case stytch.TypeOrganizationNotFound, "invalid_organization_id", stytch.TypeMemberNotFound,
		"member_does_not_exist_in_organization", "email_jit_provisioning_not_allowed", "invalid_email_for_jit_provisioning",
		"oauth_tenant_jit_provisioning_not_allowed", "invalid_oauth_tenant_for_jit_provisioning":
		return rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_ORGANIZATION_NOT_FOUND,
			"there is no organization with this id that you can enter").Wrap(err)

	case "organization_slug_already_used":
		return rpcerr.New(codes.AlreadyExists, accessv1.ErrorReason_ERROR_REASON_ORGANIZATION_SLUG_TAKEN,
			"the short name is taken").Wrap(err)

	case "invalid_organization_slug":
		return rpcerr.FieldInvalid().Field("slug", "cannot be used as a short name", "stytch."+refusal.Type).Wrap(err)
	case "invalid_organization_name", "organization_name_includes_banned_words":
		return rpcerr.FieldInvalid().Field("display_name", "cannot be used as a name", "stytch."+refusal.Type).Wrap(err)
	case "invalid_email", "invalid_email_domain":
		return rpcerr.FieldInvalid().Field("email_address", "is not an address that mail can be sent to", "stytch."+refusal.Type).Wrap(err)
	case "invalid_login_redirect_url", "invalid_signup_redirect_url", "invalid_discovery_redirect_url":
		return rpcerr.FieldInvalid().Field("redirect_uri", "is not registered", "stytch."+refusal.Type).Wrap(err)

	case "session_authorization_error", "session_authorization_tenancy_error", "unauthorized_action",
		"insufficient_factors", "insufficient_factors_for_session_exchange", "sso_jit_provisioning_not_allowed",
		"invalid_connection_for_jit_provisioning", "operation_restricted_by_organization_auth_methods",
		"organization_suspended", "operation_restricted_by_organization_mfa_methods", "active_totp_exists":
		return rpcerr.New(codes.PermissionDenied, accessv1.ErrorReason_ERROR_REASON_STYTCH_DENIED,
			"the access rules do not allow this").Wrap(err)

	case stytch.TypeTooManyRequests, "too_many_unverified_factors", "pending_totp_exists":
		return rpcerr.New(codes.ResourceExhausted, accessv1.ErrorReason_ERROR_REASON_RATE_LIMITED,
			"too many attempts; wait a little").Wrap(err).RetryAfter(retryAfter)
	}
	if stytch.CredentialIsDead(err) {
		return tokenInvalid(err)
	}
	return fmt.Errorf("signing in: %w", err) // INTERNAL: a mistake of ours, or of the project's settings
}
