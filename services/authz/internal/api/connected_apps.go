package api

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
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
		out.ConnectedApps = append(out.ConnectedApps, connectedApp(app, p.table, p.member.EmailAddress))
	}
	slices.SortFunc(out.ConnectedApps, byName)
	return out, nil
}

// connectedApp is an application that a member with an address has let in.
func connectedApp(app stytch.ConnectedApp, table *policy.Table, email string) *authzv1.ConnectedApp {
	scopes := slices.Compact(slices.Sorted(slices.Values(app.Scopes)))
	return &authzv1.ConnectedApp{
		ClientId: app.ClientID, Name: app.Name, Scopes: scopes,
		Groups: consentGroups(scopes, table, nil, email),
	}
}

func byName(a, b *authzv1.ConnectedApp) int {
	return cmp.Or(strings.Compare(strings.ToLower(a.GetName()), strings.ToLower(b.GetName())), strings.Compare(a.GetClientId(), b.GetClientId()))
}

// RevokeConnectedApp implements authzv1.ConsentServiceServer.
func (s *consentService) RevokeConnectedApp(ctx context.Context, req *authzv1.RevokeConnectedAppRequest) (*emptypb.Empty, error) {
	p, err := s.person(ctx)
	if err != nil {
		return nil, err
	}
	err = p.acting.RevokeConnectedApp(ctx, p.member.ID, req.GetClientId())
	s.verdicts.forget(consentID(p.member.ID, req.GetClientId())) // also on an error: it may have come about all the same
	if stytch.IsType(err, stytch.TypeConnectedAppNotFound) {
		return nil, rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_CONNECTED_APP_NOT_FOUND,
			"you have not connected an application with this client id").Wrap(err)
	}
	if err != nil {
		return nil, signInError(err)
	}
	return &emptypb.Empty{}, nil
}

// ListMemberConnectedApps implements authzv1.OrganizationServiceServer.
func (s *organizationService) ListMemberConnectedApps(ctx context.Context, _ *authzv1.ListMemberConnectedAppsRequest) (*authzv1.ListMemberConnectedAppsResponse, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.need(policy.GetConnectedApps); err != nil {
		return nil, err
	}
	apps, err := a.acting.MemberConnectedApps(ctx)
	if err != nil {
		return nil, s.refused(a, policy.GetConnectedApps, err)
	}
	out := &authzv1.ListMemberConnectedAppsResponse{}
	for _, app := range apps {
		out.MemberConnectedApps = append(out.MemberConnectedApps, &authzv1.MemberConnectedApp{
			MemberId: app.MemberID, ConnectedApp: connectedApp(app.ConnectedApp, a.table, ""),
		})
	}
	slices.SortFunc(out.MemberConnectedApps, func(a, b *authzv1.MemberConnectedApp) int {
		return cmp.Or(byName(a.GetConnectedApp(), b.GetConnectedApp()), strings.Compare(a.GetMemberId(), b.GetMemberId()))
	})
	return out, nil
}

// RevokeMemberConnectedApp implements authzv1.OrganizationServiceServer.
func (s *organizationService) RevokeMemberConnectedApp(ctx context.Context, req *authzv1.RevokeMemberConnectedAppRequest) (*emptypb.Empty, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.need(policy.RevokeConnectedApps); err != nil {
		return nil, err
	}
	if _, err := s.account(ctx, a, policy.RevokeConnectedApps, req.GetMemberId()); err != nil {
		return nil, err
	}
	err = a.acting.RevokeConnectedApp(ctx, req.GetMemberId(), req.GetClientId())
	s.verdicts.forget(consentID(req.GetMemberId(), req.GetClientId())) // also on an error: it may have come about all the same
	if err != nil {
		return nil, s.refused(a, policy.RevokeConnectedApps, err)
	}
	s.changed(ctx, a, "an application was disconnected from a member", nil,
		slog.String("target_member_id", req.GetMemberId()), slog.String("client_id", req.GetClientId()))
	return &emptypb.Empty{}, nil
}
