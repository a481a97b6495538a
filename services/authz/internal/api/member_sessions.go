package api

import (
	"cmp"
	"context"
	"log/slog"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// ListMemberSessions implements authzv1.OrganizationServiceServer.
func (s *organizationService) ListMemberSessions(ctx context.Context, req *authzv1.ListMemberSessionsRequest) (*authzv1.ListMemberSessionsResponse, error) {
	a, found, err := s.sessionsOf(ctx, req.GetMemberId())
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(x, y stytch.MemberSession) int {
		return cmp.Or(y.LastAccessed.Compare(x.LastAccessed), y.Started.Compare(x.Started), cmp.Compare(x.ID, y.ID))
	})
	out := &authzv1.ListMemberSessionsResponse{}
	for _, session := range found {
		message := &authzv1.MemberSession{
			MemberSessionId: session.ID, StartTime: optionalTime(session.Started), LastAccessTime: optionalTime(session.LastAccessed),
			ExpireTime: optionalTime(session.Expire), Current: session.ID == a.sessionID,
		}
		for _, f := range session.Factors {
			message.Factors = append(message.Factors, &authzv1.SessionFactor{
				Type: f.Type, DeliveryMethod: f.DeliveryMethod, LastAuthenticationTime: optionalTime(f.Last),
			})
		}
		out.MemberSessions = append(out.MemberSessions, message)
	}
	return out, nil
}

// RevokeMemberSession implements authzv1.OrganizationServiceServer.
func (s *organizationService) RevokeMemberSession(ctx context.Context, req *authzv1.RevokeMemberSessionRequest) (*emptypb.Empty, error) {
	a, found, err := s.sessionsOf(ctx, req.GetMemberId())
	if err != nil {
		return nil, err
	}
	// Stytch takes a session's id without saying whose it is: only those of this member are passed on.
	id := req.GetMemberSessionId()
	if !slices.ContainsFunc(found, func(session stytch.MemberSession) bool { return session.ID == id }) {
		return nil, memberSessionNotFound()
	}
	err = a.acting.RevokeMemberSession(ctx, id)
	s.verdicts.forget(id) // also on an error: it may have come about all the same
	if stytch.IsType(err, stytch.TypeSessionNotFound) {
		return nil, memberSessionNotFound().Wrap(err)
	}
	if err != nil {
		return nil, s.refused(a, policy.RevokeSessions, err)
	}
	s.changed(ctx, a, "a session was ended", nil,
		slog.String("target_member_id", req.GetMemberId()), slog.String("target_session_id", id))
	return &emptypb.Empty{}, nil
}

// RevokeAllMemberSessions implements authzv1.OrganizationServiceServer.
func (s *organizationService) RevokeAllMemberSessions(ctx context.Context, req *authzv1.RevokeAllMemberSessionsRequest) (*emptypb.Empty, error) {
	a, found, err := s.sessionsOf(ctx, req.GetMemberId())
	if err != nil {
		return nil, err
	}
	if a.isSelf(req.GetMemberId()) {
		err = s.revokeOthers(ctx, a, found)
	} else {
		err = a.acting.RevokeMemberSessions(ctx, req.GetMemberId())
	}
	s.verdicts.forget(req.GetMemberId()) // also on an error: it may have come about all the same
	if err != nil {
		return nil, s.refused(a, policy.RevokeSessions, err)
	}
	s.changed(ctx, a, "all sessions of a member were ended", nil, slog.String("target_member_id", req.GetMemberId()))
	return &emptypb.Empty{}, nil
}

// revokeOthers ends the caller's sessions one by one, which is how Stytch lets one of them live on.
func (s *organizationService) revokeOthers(ctx context.Context, a *administrator, own []stytch.MemberSession) error {
	for _, session := range own {
		if session.ID == a.sessionID {
			continue
		}
		if err := a.acting.RevokeMemberSession(ctx, session.ID); err != nil && !stytch.IsType(err, stytch.TypeSessionNotFound) {
			return err
		}
	}
	return nil
}

// sessionsOf lists the sessions of a member, for a caller who may end them. STYTCH_DENIED, MEMBER_NOT_FOUND.
func (s *organizationService) sessionsOf(ctx context.Context, memberID string) (*administrator, []stytch.MemberSession, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, nil, err
	}
	if a.isSelf(memberID) {
		err = a.needOne(policy.RevokeSessions, policy.RevokeOwnSessions)
	} else if err = a.need(policy.RevokeSessions); err == nil {
		_, err = s.account(ctx, a, policy.RevokeSessions, memberID)
	}
	if err != nil {
		return nil, nil, err
	}
	found, err := s.cfg.Stytch.MemberSessions(ctx, a.organization.ID, memberID)
	if err != nil {
		return nil, nil, s.refused(a, policy.RevokeSessions, err)
	}
	return a, found, nil
}

func memberSessionNotFound() *rpcerr.Error {
	return rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_MEMBER_SESSION_NOT_FOUND,
		"the member has no session with this id, or not any more")
}
