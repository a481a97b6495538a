package api

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// ListConnectedApps implements authzv1.ConsentServiceServer.
func (s *consentService) ListConnectedApps(ctx context.Context, _ *authzv1.ListConnectedAppsRequest) (*authzv1.ListConnectedAppsResponse, error) {
	p, err := s.person(ctx)
	if err != nil {
		return nil, err
	}
	apps, err := p.acting.ConnectedApps(ctx, p.member.ID)
	if err != nil {
		return nil, signInError(err)
	}
	out := &authzv1.ListConnectedAppsResponse{}
	for _, app := range apps {
		scopes := slices.Compact(slices.Sorted(slices.Values(app.Scopes)))
		out.ConnectedApps = append(out.ConnectedApps, &authzv1.ConnectedApp{
			ClientId: app.ClientID, Name: shownName(app.Name, app.ClientID), Scopes: scopes,
			Groups: consentGroups(scopes, p.table, nil, p.member.EmailAddress),
		})
	}
	slices.SortFunc(out.ConnectedApps, func(a, b *authzv1.ConnectedApp) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.GetName()), strings.ToLower(b.GetName())), strings.Compare(a.GetClientId(), b.GetClientId()))
	})
	return out, nil
}

// RevokeConnectedApp implements authzv1.ConsentServiceServer.
func (s *consentService) RevokeConnectedApp(ctx context.Context, req *authzv1.RevokeConnectedAppRequest) (*emptypb.Empty, error) {
	p, err := s.person(ctx)
	if err != nil {
		return nil, err
	}
	err = p.acting.RevokeConnectedApp(ctx, p.member.ID, req.GetClientId())
	s.verdicts.forget(consentID(p.member.ID, req.GetClientId())) // also on an error: it may have come about all the same
	if stytch.IsType(err, "connected_app_not_found") {
		return nil, rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_CONNECTED_APP_NOT_FOUND,
			"you have not connected an application with this client id").Wrap(err)
	}
	if err != nil {
		return nil, signInError(err)
	}
	return &emptypb.Empty{}, nil
}
