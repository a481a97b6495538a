package session

import (
	"context"
	"strings"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// StoreMetadata is what okr-store may see of a caller: the transaction token, and not the credential that it stands for.
// A token that is about to expire, after a slow upload say, is exchanged first.
func (g *Gate) StoreMetadata(ctx context.Context, _ string) ([]string, error) {
	c, ok := callerFrom(ctx)
	if !ok || c.answer == nil {
		return nil, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_MISSING, "sign in first")
	}
	answer, err := g.resolver.Fresh(ctx, c.request(), c.answer)
	if err != nil {
		return nil, err
	}
	return []string{access.MetadataTxnToken, answer.GetTransactionToken()}, nil
}

// AuthzMetadata is what authz may see: the edge's own key, by which it knows the surface, and for the calls that act
// through a person's session that session itself. Asking who somebody is carries the credential in the request instead.
// A bearer token goes on only where it was established that it is an access token: authz takes session JWTs as bearer,
// too, and here they are for cookies alone.
func AuthzMetadata(edgeKey config.Secret) func(context.Context, string) ([]string, error) {
	return func(ctx context.Context, method string) ([]string, error) {
		var pairs []string
		add := func(key, value string) {
			if value != "" {
				pairs = append(pairs, key, value)
			}
		}
		add(access.MetadataEdgeKey, string(edgeKey))
		c, ok := callerFrom(ctx)
		if !ok || strings.HasPrefix(method, "/"+authzv1.AuthzService_ServiceDesc.ServiceName+"/") {
			return pairs, nil
		}
		session := c.session
		if renewed := c.answer.GetRenewedSession(); renewed != nil {
			session = renewed
		}
		add(access.MetadataSessionToken, session.GetSessionToken())
		add(access.MetadataSessionJWT, session.GetSessionJwt())
		add(access.MetadataIntermediateSessionToken, c.session.GetIntermediateSessionToken())
		if c.token != "" && c.answer != nil {
			add(access.MetadataAuthorization, "Bearer "+c.token)
		}
		return pairs, nil
	}
}
