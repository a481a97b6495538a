package telemetry

import (
	"context"
	"regexp"

	"github.com/google/uuid"
)

// MetadataCorrelationID is the gRPC metadata key, and X-Correlation-Id the HTTP header, of the correlation id: one id
// for everything that one request causes.
const (
	MetadataCorrelationID = "x-correlation-id"
	HeaderCorrelationID   = "X-Correlation-Id"
)

var correlationIDPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

type correlationKey struct{}

// CorrelationID is the correlation id of a request, or "" outside one.
func CorrelationID(ctx context.Context) string {
	id, _ := ctx.Value(correlationKey{}).(string)
	return id
}

// WithCorrelationID returns a context for a request with the given id. An id that is not 1 to 64 of [A-Za-z0-9_-] is
// replaced by a new one: ids go into logs and must not carry anything else there.
func WithCorrelationID(ctx context.Context, id string) context.Context {
	if !correlationIDPattern.MatchString(id) {
		id = uuid.NewString()
	}
	return context.WithValue(ctx, correlationKey{}, id)
}
