// Package rpcerr makes the errors that leave a service: a gRPC code, a reason from the contract in google.rpc.ErrorInfo
// (AIP-193), and what helps the caller. It is the one place that turns Go errors into statuses.
package rpcerr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
)

// Domain is the domain of every ErrorInfo.
const Domain = "okr-manager"

const reasonPrefix = "ERROR_REASON_"

// Error is an error for the caller. Its methods add to it and return it, for use in one expression; after it is returned
// from a function it must not be changed.
type Error struct {
	code       codes.Code
	reason     accessv1.ErrorReason
	message    string
	metadata   map[string]string
	violations []*errdetails.BadRequest_FieldViolation
	retryAfter time.Duration
	cause      error
}

// New makes an error with a reason. The message is for people and goes to the caller: no secrets in it, and no texts of
// other organizations.
func New(code codes.Code, reason accessv1.ErrorReason, format string, args ...any) *Error {
	return &Error{code: code, reason: reason, message: fmt.Sprintf(format, args...)}
}

// FieldInvalid starts an INVALID_ARGUMENT error to which Field adds what is wrong.
func FieldInvalid() *Error {
	return &Error{code: codes.InvalidArgument, reason: accessv1.ErrorReason_ERROR_REASON_FIELD_INVALID}
}

// Unavailable makes an UNAVAILABLE error: the service is stopping, or something that it needs does not answer. Callers come
// back.
func Unavailable(format string, args ...any) *Error {
	return New(codes.Unavailable, accessv1.ErrorReason_ERROR_REASON_SERVICE_UNAVAILABLE, format, args...)
}

// With adds an entry to the ErrorInfo's metadata.
func (e *Error) With(key, value string) *Error {
	if e.metadata == nil {
		e.metadata = map[string]string{}
	}
	e.metadata[key] = value
	return e
}

// Field adds a violation of a field's rule. field is the path in the request, such as "objective.title"; rule is the
// rule's id, such as "string.max_len".
func (e *Error) Field(field, description, rule string) *Error {
	e.violations = append(e.violations, &errdetails.BadRequest_FieldViolation{
		Field: field, Description: description, Reason: rule,
	})
	return e
}

// RetryAfter says when it is worth trying again.
func (e *Error) RetryAfter(d time.Duration) *Error {
	e.retryAfter = d
	return e
}

// Wrap keeps the cause for errors.Is, errors.As and the log. It is not sent.
func (e *Error) Wrap(cause error) *Error {
	e.cause = cause
	return e
}

// Code is the gRPC code.
func (e *Error) Code() codes.Code { return e.code }

// Reason is the reason of the contract.
func (e *Error) Reason() accessv1.ErrorReason { return e.reason }

// Metadata is a copy of the ErrorInfo's metadata.
func (e *Error) Metadata() map[string]string { return maps.Clone(e.metadata) }

// Error implements error; it includes the cause.
func (e *Error) Error() string {
	text := ReasonName(e.reason) + ": " + e.text()
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// text is what the caller reads.
func (e *Error) text() string {
	if e.message != "" || len(e.violations) == 0 {
		return e.message
	}
	parts := make([]string, len(e.violations))
	for i, v := range e.violations {
		parts[i] = v.GetDescription()
		if v.GetField() != "" {
			parts[i] = v.GetField() + ": " + v.GetDescription()
		}
	}
	return strings.Join(parts, "; ")
}

// GRPCStatus implements the interface that grpc and status.FromError look for.
func (e *Error) GRPCStatus() *status.Status {
	details := []protoadapt.MessageV1{protoadapt.MessageV1Of(&errdetails.ErrorInfo{
		Reason: ReasonName(e.reason), Domain: Domain, Metadata: e.metadata,
	})}
	if len(e.violations) > 0 {
		details = append(details, protoadapt.MessageV1Of(&errdetails.BadRequest{FieldViolations: e.violations}))
	}
	if e.retryAfter > 0 {
		details = append(details, protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(e.retryAfter)}))
	}
	st, err := status.New(e.code, e.text()).WithDetails(details...)
	if err != nil { // only for code OK, which New is never called with
		return status.New(codes.Internal, "internal error")
	}
	return st
}

// ReasonName is a reason as it stands on the wire, such as "ETAG_MISMATCH".
func ReasonName(r accessv1.ErrorReason) string {
	return strings.TrimPrefix(r.String(), reasonPrefix)
}

// ReasonOf is the reason of an error that came from here or over the wire; UNSPECIFIED if it has none of ours.
func ReasonOf(err error) accessv1.ErrorReason {
	info := InfoOf(err)
	return accessv1.ErrorReason(accessv1.ErrorReason_value[reasonPrefix+info.GetReason()])
}

// InfoOf is the ErrorInfo of our domain in an error's status, or nil.
func InfoOf(err error) *errdetails.ErrorInfo {
	st, ok := status.FromError(err)
	if !ok {
		return nil
	}
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			return info
		}
	}
	return nil
}

// Public is the status that a caller gets for an error. What is not a status of ours, and whatever is INTERNAL or
// UNKNOWN, is a bug or a failure of our own: its text stays in the log.
func Public(err error) *status.Status {
	var own *Error
	if errors.As(err, &own) && own.code != codes.Internal && own.code != codes.Unknown {
		return own.GRPCStatus()
	}
	if st, ok := status.FromError(err); ok {
		switch st.Code() {
		case codes.OK, codes.Internal, codes.Unknown, codes.DataLoss:
		default:
			return st
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return status.New(codes.Canceled, "the call was canceled")
	case errors.Is(err, context.DeadlineExceeded):
		return status.New(codes.DeadlineExceeded, "the call took longer than its deadline")
	}
	return status.New(codes.Internal, "internal error")
}
