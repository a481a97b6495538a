// Package resourceauth is the MCP edge as an OAuth resource server (MCP specification, "Authorization"): it takes access
// tokens and nothing else, verifies the one of each request anew, says what would help where it refuses, and serves the
// documents by which clients find the authorization server.
package resourceauth

import (
	"context"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// maxToken is the longest token that authz looks at, in bytes.
const maxToken = 16 << 10

// Guard establishes who is calling. It is safe for concurrent use.
type Guard struct {
	resolver *access.Resolver
	origin   string
	limiter  *front.Limiter
	expired  *refusal // for what was still running when its token expired
}

// NewGuard makes a guard of the endpoint at the public origin, which asks authz through the resolver, and lets everybody in
// as often as the limiter does.
func NewGuard(resolver *access.Resolver, origin string, limiter *front.Limiter) *Guard {
	g := &Guard{resolver: resolver, origin: origin, limiter: limiter}
	g.expired = g.refuse(context.Background(),
		rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED, "the token has expired"), true)
	return g
}

// caller is who a request comes from.
type caller struct {
	token   string
	request *authzv1.AuthenticateRequest
	answer  *authzv1.AuthenticateResponse
}

type callerKey struct{}

// Authenticate establishes who is calling by the request's own token. The context that it answers carries the caller to
// StoreMetadata and to access.PrincipalFrom, and ends when the token expires. Its errors are engine.Refusals, except for
// failures of our own.
func (g *Guard) Authenticate(r *http.Request) (context.Context, error) {
	ctx := r.Context()
	token, err := bearer(r)
	c := caller{
		token:   token,
		request: &authzv1.AuthenticateRequest{Credential: &authzv1.AuthenticateRequest_AccessToken{AccessToken: token}},
	}
	asStranger := func() error { return g.limiter.Stranger(ctx) }
	if err != nil {
		if limited := asStranger(); limited != nil {
			return nil, g.refuseRequest(ctx, limited, true)
		}
		return nil, g.refuseRequest(ctx, err, len(r.Header.Values("Authorization")) > 0)
	}
	if c.answer, err = g.resolver.ResolveStranger(ctx, c.request, asStranger); err != nil {
		return nil, g.refuseRequest(ctx, err, true)
	}
	p := c.answer.GetPrincipal()
	front.SetPrincipal(ctx, p)
	if err := g.limiter.Caller(p); err != nil {
		return nil, g.refuseRequest(ctx, err, true)
	}
	expiring, cancel := context.WithDeadlineCause(ctx, p.GetExpireTime().AsTime(), g.expired)
	front.WhenAnswered(ctx, cancel) // as a rule before the token expires
	return access.WithPrincipal(context.WithValue(expiring, callerKey{}, c), p), nil
}

// Renew establishes anew who is calling, for what goes on after its request was authenticated. The context that it answers
// ends when the one that it is given does, which is to be one of Authenticate's; what it says of the caller is to be
// believed until the time given. An error with the code UNAUTHENTICATED says that the token is not good any more.
func (g *Guard) Renew(ctx context.Context) (renewed context.Context, until time.Time, err error) {
	c, ok := ctx.Value(callerKey{}).(caller)
	if !ok {
		return nil, time.Time{}, signInFirst()
	}
	if c.answer, err = g.resolver.Resolve(ctx, c.request); err != nil {
		return nil, time.Time{}, err
	}
	// StoreMetadata, asked next, must not come to another answer.
	if c.answer, err = g.resolver.Fresh(ctx, c.request, c.answer); err != nil {
		return nil, time.Time{}, err
	}
	renewed = access.WithPrincipal(context.WithValue(ctx, callerKey{}, c), c.answer.GetPrincipal())
	return renewed, c.answer.GetExpireTime().AsTime(), nil
}

func signInFirst() error {
	return rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_MISSING, "sign in first")
}

// bearer takes the token out of a request. It is looked for in the header alone: never in the query, where it would end in
// logs, and never in a cookie, which a browser sends for others.
func bearer(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	switch {
	case len(headers) == 0:
		return "", rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_MISSING,
			"the endpoint needs an access token: Authorization: Bearer <token>")
	case len(headers) > 1:
		return "", rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_CREDENTIALS_AMBIGUOUS,
			"the request carries more than one credential")
	}
	token, err := access.BearerToken(headers[0])
	if err != nil {
		return "", err
	}
	if len(token) > maxToken {
		return "", rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID, "the token is too long")
	}
	return token, nil
}

// StoreMetadata is what okr-store may see of a caller: the transaction token, and never the token that it stands for
// ("token passthrough", which MCP forbids).
func (g *Guard) StoreMetadata(ctx context.Context, _ string) ([]string, error) {
	c, ok := ctx.Value(callerKey{}).(caller)
	if !ok {
		return nil, signInFirst()
	}
	answer, err := g.resolver.Fresh(ctx, c.request, c.answer)
	if err != nil {
		return nil, err
	}
	return []string{access.MetadataTxnToken, answer.GetTransactionToken()}, nil
}

// AuthzMetadata is what authz may see: the edge's own key, by which authz knows the surface, and for the calls that a
// caller makes there the token, which was established to be an access token. Asking who somebody is carries the token in
// the request instead.
func AuthzMetadata(edgeKey config.Secret) func(context.Context, string) ([]string, error) {
	return func(ctx context.Context, method string) ([]string, error) {
		var pairs []string
		if edgeKey != "" {
			pairs = append(pairs, access.MetadataEdgeKey, string(edgeKey))
		}
		c, ok := ctx.Value(callerKey{}).(caller)
		if !ok || strings.HasPrefix(method, "/"+authzv1.AuthzService_ServiceDesc.ServiceName+"/") {
			return pairs, nil
		}
		return append(pairs, access.MetadataAuthorization, "Bearer "+c.token), nil
	}
}

// CallerID names the caller: organization, member and client.
func CallerID(ctx context.Context) string {
	p := access.PrincipalFrom(ctx)
	return strings.Join([]string{p.GetOrganizationId(), p.GetMemberId(), p.GetClientId()}, "\x00")
}
