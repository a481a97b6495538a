// Package front is what every HTTP request passes before anything looks at its meaning: correlation id, access log,
// metrics, recovery, security headers, and the server's timeouts.
package front

import (
	"context"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
)

// record is what the layers behind learn about a request and the access log and metrics say. It is written by the
// goroutine that serves the request and read after it.
type record struct {
	route     string
	reason    string
	principal *authzv1.Principal
}

type recordKey struct{}

func recordOf(ctx context.Context) *record {
	if r, ok := ctx.Value(recordKey{}).(*record); ok {
		return r
	}
	return &record{} // a request outside the server, in a test: nobody reads it
}

// SetRoute names the route that serves a request by its pattern, never by its path: metrics must stay few.
func SetRoute(ctx context.Context, pattern string) { recordOf(ctx).route = pattern }

// SetReason notes the reason of the error that a request is answered with.
func SetReason(ctx context.Context, reason string) { recordOf(ctx).reason = reason }

// SetPrincipal notes who is calling.
func SetPrincipal(ctx context.Context, p *authzv1.Principal) { recordOf(ctx).principal = p }
