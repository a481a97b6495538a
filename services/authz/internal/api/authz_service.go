package api

import (
	"context"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
)

// renewBefore is how long before its expiry a browser's session JWT is renewed.
const renewBefore = time.Minute

type authzService struct {
	authzv1.UnimplementedAuthzServiceServer
	*API
}

// Authenticate implements authzv1.AuthzServiceServer.
func (s *authzService) Authenticate(ctx context.Context, req *authzv1.AuthenticateRequest) (*authzv1.AuthenticateResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	surface, err := s.surface(md)
	if err != nil {
		return nil, err
	}
	c, err := presented(req)
	if err != nil {
		return nil, err
	}
	found, err := s.identify(ctx, c, surface)
	if err != nil {
		return nil, err
	}
	token, expire, err := s.signer.Sign(found.principal)
	if err != nil {
		return nil, err
	}
	return &authzv1.AuthenticateResponse{
		Principal:        found.principal,
		TransactionToken: token,
		ExpireTime:       timestamppb.New(expire),
		RenewedSession:   s.renewed(c, found),
	}, nil
}

// renewed are the credentials that replace the ones that were presented, where the session JWT is missing, has expired,
// or is about to; nil where there is nothing better.
func (s *authzService) renewed(c credential, found *caller) *authzv1.SessionCredentials {
	if c.session.Token == "" {
		return nil
	}
	now := s.cfg.Now()
	presentedExpire := now
	if found.proof.session != nil {
		presentedExpire = found.proof.session.Expire
	}
	if presentedExpire.Sub(now) > renewBefore || !found.jwtExpire.After(presentedExpire) {
		return nil
	}
	return credentials(found.verdict)
}

func credentials(v *verdict) *authzv1.SessionCredentials {
	return &authzv1.SessionCredentials{
		SessionToken: v.credentials.Token,
		SessionJwt:   v.credentials.JWT,
		ExpireTime:   timestamppb.New(v.expire),
	}
}

// GetTransactionTokenKeys implements authzv1.AuthzServiceServer.
func (s *authzService) GetTransactionTokenKeys(context.Context, *authzv1.GetTransactionTokenKeysRequest) (*authzv1.GetTransactionTokenKeysResponse, error) {
	return &authzv1.GetTransactionTokenKeysResponse{Jwks: s.jwks}, nil
}

// GetAccessPolicy implements authzv1.AuthzServiceServer.
func (s *authzService) GetAccessPolicy(ctx context.Context, _ *authzv1.GetAccessPolicyRequest) (*authzv1.AccessPolicy, error) {
	table, err := s.table(ctx)
	if err != nil {
		return nil, err
	}
	return table.AccessPolicy(), nil
}
