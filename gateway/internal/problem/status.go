package problem

import (
	"context"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
)

type contextKey int

const (
	conditionalKey contextKey = iota
	bearerKey
)

// WithCondition marks the context of a request that has an If-Match header: its stale etag is 412, not 409.
func WithCondition(ctx context.Context) context.Context {
	return context.WithValue(ctx, conditionalKey, true)
}

// WithBearer marks the context of a request that came with an Authorization header: a 401 says what is wrong with it.
func WithBearer(ctx context.Context) context.Context {
	return context.WithValue(ctx, bearerKey, true)
}

func marked(ctx context.Context, key contextKey) bool {
	is, _ := ctx.Value(key).(bool)
	return is
}

// httpStatus maps a gRPC code to HTTP, except for the reasons that exist in HTTP only.
func httpStatus(ctx context.Context, st *status.Status, info *errdetails.ErrorInfo) int {
	switch reasonOf(info) {
	case accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH:
		if marked(ctx, conditionalKey) {
			return http.StatusPreconditionFailed
		}
	case accessv1.ErrorReason_ERROR_REASON_PROPOSED: // accepted, to be acted upon or not (RFC 9110 section 15.3.3)
		return http.StatusAccepted
	case accessv1.ErrorReason_ERROR_REASON_CONTENT_TYPE_UNSUPPORTED:
		return http.StatusUnsupportedMediaType
	case accessv1.ErrorReason_ERROR_REASON_BODY_TOO_LARGE:
		return http.StatusRequestEntityTooLarge
	case accessv1.ErrorReason_ERROR_REASON_METHOD_NOT_ALLOWED:
		return http.StatusMethodNotAllowed
	}
	return runtime.HTTPStatusFromCode(st.Code())
}

// challenge is the WWW-Authenticate header of a 401, which must have one (RFC 9110 section 15.5.2), and of a 403 that a
// wider token would avoid. A request without a token gets no error code (RFC 6750 section 3.1). Texts are fixed: a
// message may hold characters that do not belong in a header.
func challenge(ctx context.Context, c codes.Code, info *errdetails.ErrorInfo) string {
	const scheme = `Bearer realm="okr-manager"`
	bearer := marked(ctx, bearerKey)
	switch reason := reasonOf(info); {
	case c == codes.Unauthenticated && bearer && reason == accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED:
		return scheme + `, error="invalid_token", error_description="the token has expired"`
	case c == codes.Unauthenticated && bearer:
		return scheme + `, error="invalid_token", error_description="the token is not valid here"`
	case c == codes.Unauthenticated:
		return scheme
	case reason == accessv1.ErrorReason_ERROR_REASON_SCOPE_MISSING:
		return scheme + `, error="insufficient_scope"`
	}
	return ""
}
