package telemetry

import (
	"context"

	"github.com/google/uuid"
)

// MetadataCorrelationID is the gRPC metadata key, and X-Correlation-Id the HTTP header, of the correlation id: one id
// for everything that one request causes.
const (
	MetadataCorrelationID = "x-correlation-id"
	HeaderCorrelationID   = "X-Correlation-Id"
)

// maxCorrelationID is the most characters that a correlation id has.
const maxCorrelationID = 64

type correlationKey struct{}

// CorrelationID is the correlation id of a request, or "" outside one.
func CorrelationID(ctx context.Context) string {
	id, _ := ctx.Value(correlationKey{}).(string)
	return id
}

// WithCorrelationID returns a context for a request with the given id. An id that is not 1 to 64 of [A-Za-z0-9_-] is
// replaced by a new one: ids go into logs and must not carry anything else there.
func WithCorrelationID(ctx context.Context, id string) context.Context {
	if !wellFormed(id) {
		id = uuid.NewString()
	}
	return context.WithValue(ctx, correlationKey{}, id)
}

// wellFormed says whether an id is 1 to 64 of [A-Za-z0-9_-].
func wellFormed(id string) bool {
	if id == "" || len(id) > maxCorrelationID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
