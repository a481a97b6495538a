package access

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// Keys of gRPC metadata that carry identity.
const (
	// MetadataAuthorization carries "Bearer" and an access token or session JWT (RFC 6750).
	MetadataAuthorization = "authorization"
	// MetadataTxnToken carries a transaction token, the only credential that edges send to okr-store.
	MetadataTxnToken = "txn-token"
	// MetadataEdgeKey carries an edge's own identity key towards authz.
	MetadataEdgeKey = "edge-key"
	// MetadataSessionToken, MetadataSessionJWT and MetadataIntermediateSessionToken carry a browser's session to authz.
	MetadataSessionToken             = "session-token"
	MetadataSessionJWT               = "session-jwt"
	MetadataIntermediateSessionToken = "intermediate-session-token"
)

// Identity is a principal for as long as it may be relied on.
type Identity struct {
	// Principal is who is calling. It is shared: never change it.
	Principal *authzv1.Principal
	// Expire is when the identity has to be established anew. A stream ends then.
	Expire time.Time
}

// Authenticator establishes who is calling from the metadata of a call, which its context has. A call without a credential
// gets TOKEN_MISSING. Implementations are safe for concurrent use.
type Authenticator interface {
	Authenticate(ctx context.Context) (*Identity, error)
}

type principalKey struct{}

// WithPrincipal returns a context for a call by the principal.
func WithPrincipal(ctx context.Context, p *authzv1.Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom is the principal of a call, or nil in a public method: those do not look at credentials.
func PrincipalFrom(ctx context.Context) *authzv1.Principal {
	p, _ := ctx.Value(principalKey{}).(*authzv1.Principal)
	return p
}

// Caller is what a store method needs to know of the one who calls it.
type Caller struct {
	*authzv1.Principal
	CorrelationID string
}

// CallerFrom is the caller of a method that is not public. TOKEN_MISSING if there is none, which the interceptors make
// impossible.
func CallerFrom(ctx context.Context) (Caller, error) {
	p := PrincipalFrom(ctx)
	if p == nil {
		return Caller{}, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_MISSING, "sign in first")
	}
	return Caller{Principal: p, CorrelationID: telemetry.CorrelationID(ctx)}, nil
}
