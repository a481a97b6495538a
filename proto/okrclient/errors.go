package okrclient

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
)

const (
	errorDomain  = "okr-manager"
	reasonPrefix = "ERROR_REASON_"
)

// Error is how every call fails: what the server says in its status and the details of it (AIP-193).
type Error struct {
	// Code is the kind of failure.
	Code codes.Code
	// Reason is why, in the words of the contract; UNSPECIFIED where no service of ours gave one, as when there is no
	// connection, or gave one that is newer than this package.
	Reason accessv1.ErrorReason
	// ReasonName is the reason as it stands on the wire, such as "ETAG_MISMATCH"; empty if there is none.
	ReasonName string
	// Message is for people and may change.
	Message string
	// Metadata belongs to the reason: the contract says at each reason what it has, such as "etag" or "scopes".
	Metadata map[string]string
	// Violations are the rules of fields that the request breaks.
	Violations []Violation
	// RetryAfter is how long the server asks to wait before the next try; zero if it does not say.
	RetryAfter time.Duration

	status *status.Status
	cause  error
}

// Violation is a rule of a field that is broken.
type Violation struct {
	// Field is the path in the request, such as "objective.title".
	Field string
	// Description says what is wrong.
	Description string
	// Rule is the rule's id, such as "string.max_len".
	Rule string
}

// Error implements error.
func (e *Error) Error() string {
	name := e.ReasonName
	if name == "" {
		name = e.Code.String()
	}
	return name + ": " + e.Message
}

// Unwrap gives what caused it on this side, if anything did.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is find the context's errors, which gRPC turns into codes.
func (e *Error) Is(target error) bool {
	return target == context.Canceled && e.Code == codes.Canceled ||
		target == context.DeadlineExceeded && e.Code == codes.DeadlineExceeded
}

// GRPCStatus makes status.FromError and status.Code find the status as it came.
func (e *Error) GRPCStatus() *status.Status {
	if e.status == nil {
		return status.New(e.Code, e.Message)
	}
	return e.status
}

// ReasonOf is the reason in an error of this package; UNSPECIFIED if it has none.
func ReasonOf(err error) accessv1.ErrorReason {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Reason
	}
	return accessv1.ErrorReason_ERROR_REASON_UNSPECIFIED
}

// typed makes an Error of what gRPC answers.
func typed(err error) error {
	if err == nil {
		return nil
	}
	if own := (*Error)(nil); errors.As(err, &own) {
		return err
	}
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	e := &Error{Code: st.Code(), Message: st.Message(), status: st}
	for _, detail := range st.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.GetDomain() == errorDomain {
				e.ReasonName, e.Metadata = detail.GetReason(), detail.GetMetadata()
				e.Reason = accessv1.ErrorReason(accessv1.ErrorReason_value[reasonPrefix+detail.GetReason()])
			}
		case *errdetails.BadRequest:
			for _, v := range detail.GetFieldViolations() {
				e.Violations = append(e.Violations, Violation{Field: v.GetField(), Description: v.GetDescription(), Rule: v.GetReason()})
			}
		case *errdetails.RetryInfo:
			e.RetryAfter = detail.GetRetryDelay().AsDuration()
		}
	}
	e.Message = strings.TrimPrefix(e.Message, e.ReasonName+": ")
	return e
}
