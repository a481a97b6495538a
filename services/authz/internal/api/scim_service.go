package api

import (
	"cmp"
	"context"
	"log/slog"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// scimService is what administrators do about the connection that manages members.
type scimService struct {
	authzv1.UnimplementedScimServiceServer
	administration *organizationService
}

// ListScimConnections implements authzv1.ScimServiceServer.
func (s *scimService) ListScimConnections(ctx context.Context, _ *authzv1.ListScimConnectionsRequest) (*authzv1.ListScimConnectionsResponse, error) {
	_, found, err := s.current(ctx, policy.GetSCIM)
	if err != nil {
		return nil, err
	}
	out := &authzv1.ListScimConnectionsResponse{}
	if found != nil {
		message, err := scimMessage(found)
		if err != nil {
			return nil, err
		}
		out.ScimConnections = append(out.ScimConnections, message)
	}
	return out, nil
}

// CreateScimConnection implements authzv1.ScimServiceServer.
func (s *scimService) CreateScimConnection(ctx context.Context, req *authzv1.CreateScimConnectionRequest) (*authzv1.ScimConnection, error) {
	a, err := s.administration.administrator(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.need(policy.CreateSCIM); err != nil {
		return nil, err
	}
	created, err := a.acting.CreateSCIMConnection(ctx, req.GetDisplayName(), cmp.Or(req.GetIdentityProvider(), "generic"))
	if err != nil {
		return nil, s.administration.refused(a, policy.CreateSCIM, err)
	}
	s.administration.changed(ctx, a, "a SCIM connection was created", nil, slog.String("connection_id", created.ID))
	return scimMessage(created)
}

// StartScimTokenRotation implements authzv1.ScimServiceServer. Where a rotation is under way, Stytch makes another second
// token.
func (s *scimService) StartScimTokenRotation(ctx context.Context, req *authzv1.StartScimTokenRotationRequest) (*authzv1.ScimConnection, error) {
	return s.rotate(ctx, req.GetScimConnectionId(), false, "started", (*stytch.Acting).StartSCIMRotation)
}

// CompleteScimTokenRotation implements authzv1.ScimServiceServer.
func (s *scimService) CompleteScimTokenRotation(ctx context.Context, req *authzv1.CompleteScimTokenRotationRequest) (*authzv1.ScimConnection, error) {
	return s.rotate(ctx, req.GetScimConnectionId(), true, "completed", (*stytch.Acting).CompleteSCIMRotation)
}

// CancelScimTokenRotation implements authzv1.ScimServiceServer.
func (s *scimService) CancelScimTokenRotation(ctx context.Context, req *authzv1.CancelScimTokenRotationRequest) (*authzv1.ScimConnection, error) {
	return s.rotate(ctx, req.GetScimConnectionId(), true, "cancelled", (*stytch.Acting).CancelSCIMRotation)
}

// rotate takes a step of a rotation; underWay says that it goes on with one.
func (s *scimService) rotate(
	ctx context.Context, id string, underWay bool, done string, step func(*stytch.Acting, context.Context, string) (*stytch.SCIMConnection, error),
) (*authzv1.ScimConnection, error) {
	a, found, err := s.named(ctx, policy.UpdateSCIM, id)
	if err != nil {
		return nil, err
	}
	if underWay && found.NextLastFour == "" {
		return nil, rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_SCIM_ROTATION_NOT_STARTED,
			"no rotation of the bearer token is under way")
	}
	after, err := step(a.acting, ctx, id)
	if err != nil {
		return nil, s.administration.refused(a, policy.UpdateSCIM, err)
	}
	s.administration.changed(ctx, a, "the rotation of a SCIM token was "+done, nil, slog.String("connection_id", id))
	return scimMessage(after)
}

// DeleteScimConnection implements authzv1.ScimServiceServer.
func (s *scimService) DeleteScimConnection(ctx context.Context, req *authzv1.DeleteScimConnectionRequest) (*emptypb.Empty, error) {
	a, found, err := s.named(ctx, policy.DeleteSCIM, req.GetScimConnectionId())
	if err != nil {
		return nil, err
	}
	message, err := scimMessage(found)
	if err != nil {
		return nil, err
	}
	if err := checkETag(req.GetEtag(), message.GetEtag()); err != nil {
		return nil, err
	}
	if err := a.acting.DeleteSCIMConnection(ctx, found.ID); err != nil {
		return nil, s.administration.refused(a, policy.DeleteSCIM, err)
	}
	// Roles that came with a group of it are gone.
	s.administration.changed(ctx, a, "a SCIM connection was deleted", []string{a.organization.ID}, slog.String("connection_id", found.ID))
	return &emptypb.Empty{}, nil
}

// current gets the organization's connection, nil for none, for a caller who has the right and may see it.
func (s *scimService) current(ctx context.Context, right policy.Right) (*administrator, *stytch.SCIMConnection, error) {
	a, err := s.administration.administrator(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := a.need(right, policy.GetSCIM); err != nil {
		return nil, nil, err
	}
	found, err := a.acting.SCIMConnection(ctx)
	if err != nil {
		return nil, nil, s.administration.refused(a, policy.GetSCIM, err)
	}
	return a, found, nil
}

// named is current where the connection has to be there, under this id. SCIM_CONNECTION_NOT_FOUND.
func (s *scimService) named(ctx context.Context, right policy.Right, id string) (*administrator, *stytch.SCIMConnection, error) {
	a, found, err := s.current(ctx, right)
	if err == nil && (found == nil || found.ID != id) {
		err = scimConnectionNotFound()
	}
	return a, found, err
}

func scimConnectionNotFound() *rpcerr.Error {
	return rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_SCIM_CONNECTION_NOT_FOUND,
		"the organization has no SCIM connection with this id")
}

func scimMessage(c *stytch.SCIMConnection) (*authzv1.ScimConnection, error) {
	out := &authzv1.ScimConnection{
		Id: c.ID, DisplayName: c.DisplayName, IdentityProvider: c.IdentityProvider, BaseUrl: c.BaseURL,
		BearerTokenLastFour: c.LastFour, BearerTokenExpireTime: optionalTime(c.Expire),
		NextBearerTokenLastFour: c.NextLastFour, NextBearerTokenExpireTime: optionalTime(c.NextExpire),
	}
	var err error
	out.Etag, err = etagOf(out)
	out.BearerToken = c.Token
	return out, err
}
