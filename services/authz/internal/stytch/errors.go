package stytch

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/stytchauth/stytch-go/v16/stytch/stytcherror"
)

// ErrUnavailable says that Stytch did not answer, or not in a way that can be relied on. It tells nothing about the
// credential that was asked about.
var ErrUnavailable = errors.New("stytch is not available")

// APIError is a refusal by Stytch.
type APIError struct {
	// StatusCode is the HTTP status, below 500.
	StatusCode int
	// Type is Stytch's error_type, such as TypeSessionNotFound.
	Type string
	// Message is Stytch's explanation for developers.
	Message string
	// RequestID is what Stytch's support asks for.
	RequestID string
}

// Error implements error.
func (e *APIError) Error() string {
	return fmt.Sprintf("stytch refused: %d %s: %s (%s)", e.StatusCode, e.Type, e.Message, e.RequestID)
}

// Values of error_type that callers tell apart.
const (
	TypeSessionNotFound      = "session_not_found"
	TypeMemberNotFound       = "member_not_found"
	TypeConnectedAppNotFound = "connected_app_not_found"
	TypeOrganizationNotFound = "organization_not_found"
	TypeTooManyRequests      = "too_many_requests"
)

// IsType says whether Stytch refused with one of the types.
func IsType(err error, types ...string) bool {
	refusal, ok := errors.AsType[*APIError](err)
	return ok && slices.Contains(types, refusal.Type)
}

// CredentialIsDead lists the types that say for certain that a session is over or was never there. Everything else that
// Stytch can refuse with, such as a wrong project secret or too many requests, says nothing about the session.
func CredentialIsDead(err error) bool {
	return IsType(err, TypeSessionNotFound, TypeMemberNotFound, TypeOrganizationNotFound,
		"invalid_session_token", "invalid_session_id", "unable_to_parse_session_jwt",
		"jwt_invalid_audience", "jwt_invalid_claims", "jwt_invalid_issuer",
		"member_does_not_exist_in_organization", "user_unauthenticated")
}

// translate makes an *APIError or an ErrUnavailable of the SDK's error.
func translate(doing string, err error) error {
	if err == nil {
		return nil
	}
	refusal, ok := errors.AsType[stytcherror.Error](err)
	if !ok || refusal.StatusCode < http.StatusBadRequest || refusal.StatusCode >= http.StatusInternalServerError || refusal.ErrorType == "" {
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err)
	}
	return fmt.Errorf("%s: %w", doing, &APIError{
		StatusCode: refusal.StatusCode,
		Type:       string(refusal.ErrorType),
		Message:    string(refusal.ErrorMessage),
		RequestID:  refusal.RequestID,
	})
}

// nonsense is for an answer of 200 that cannot be right.
func nonsense(doing, format string, args ...any) error {
	return fmt.Errorf("%w: %s: the answer makes no sense: %s", ErrUnavailable, doing, fmt.Sprintf(format, args...))
}
