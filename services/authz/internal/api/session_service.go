package api

import (
	"context"
	"errors"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// sessionService is what a person does with a session. The steps that lead to one are in sign_in.go.
type sessionService struct {
	authzv1.UnimplementedSessionServiceServer
	*API
}

// GetSession implements authzv1.SessionServiceServer.
func (s *sessionService) GetSession(ctx context.Context, _ *authzv1.GetSessionRequest) (*authzv1.Session, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	found, err := s.fromMetadata(ctx, md)
	if err != nil {
		return nil, err
	}
	return session(found.verdict, found.principal), nil
}

// session describes a verdict. An agent learns the e-mail address only with the scope for it.
func session(v *verdict, p *authzv1.Principal) *authzv1.Session {
	out := &authzv1.Session{
		Principal:        p,
		OrganizationName: v.organization.Name,
		OrganizationSlug: v.organization.Slug,
		ExpireTime:       timestamppb.New(v.expire),
	}
	if v.clientID == "" || slices.Contains(v.scopes, "email") {
		out.EmailAddress = v.member.EmailAddress
	}
	return out
}

// RefreshSession implements authzv1.SessionServiceServer.
func (s *sessionService) RefreshSession(ctx context.Context, _ *authzv1.RefreshSessionRequest) (*authzv1.SignIn, error) {
	credential, err := ownSession(ctx)
	if err != nil {
		return nil, err
	}
	step, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	extended, err := s.cfg.Stytch.AuthenticateSession(ctx, credential, true)
	if err != nil {
		return nil, credentialError(err)
	}
	s.verdicts.forget(extended.ID) // what is known of it says that it ends earlier
	return step.done(ctx, extended), nil
}

// SwitchOrganization implements authzv1.SessionServiceServer. Whether the old session lives on is Stytch's affair: the next
// use of it asks.
func (s *sessionService) SwitchOrganization(ctx context.Context, req *authzv1.SwitchOrganizationRequest) (*authzv1.SignIn, error) {
	credential, err := ownSession(ctx)
	if err != nil {
		return nil, err
	}
	step, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	old := s.sessionID(ctx, credential)
	entry, err := s.cfg.Stytch.Switch(ctx, credential, req.GetOrganizationId())
	s.verdicts.forget(old)
	if err != nil {
		return nil, signInError(err)
	}
	return step.entered(ctx, entry), nil
}

// RevokeSession implements authzv1.SessionServiceServer. What is no session, or none any more, is logged out already.
func (s *sessionService) RevokeSession(ctx context.Context, _ *authzv1.RevokeSessionRequest) (*emptypb.Empty, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	c, err := carried(md)
	if reason := rpcerr.ReasonOf(err); reason == accessv1.ErrorReason_ERROR_REASON_CREDENTIALS_AMBIGUOUS {
		return nil, err
	}
	if err != nil || !c.isSession() {
		return &emptypb.Empty{}, nil //nolint:nilerr // what cannot be read is no session
	}
	// A forged JWT is not worth asking about. An expired one still names its session.
	_, err = s.verdicts.prove(ctx, c)
	if c.session.Token == "" && errors.Is(err, stytch.ErrTokenInvalid) {
		return &emptypb.Empty{}, nil
	}
	old := s.sessionID(ctx, c.session)
	err = s.cfg.Stytch.RevokeSession(ctx, c.session)
	s.verdicts.forget(old)
	if err != nil {
		return nil, signInError(err)
	}
	return &emptypb.Empty{}, nil
}

// inPerson establishes which member makes a call, and with which session.
func (a *API) inPerson(ctx context.Context) (*caller, stytch.Credential, error) {
	session, err := ownSession(ctx)
	if err != nil {
		return nil, stytch.Credential{}, err
	}
	md, _ := metadata.FromIncomingContext(ctx)
	found, err := a.fromMetadata(ctx, md)
	return found, session, err
}

// ownSession is the session that a call was made with. The method's rule has seen to it that there is one.
func ownSession(ctx context.Context) (stytch.Credential, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	c, err := carried(md)
	if err != nil {
		return stytch.Credential{}, err
	}
	if !c.isSession() {
		return stytch.Credential{}, rpcerr.New(codes.PermissionDenied, accessv1.ErrorReason_ERROR_REASON_SESSION_REQUIRED,
			"only a member in person may do this, not an agent")
	}
	return c.session, nil
}

// sessionID is the id of a session as far as it is known here, without asking. A session of which nothing is known has
// no verdict that could be forgotten, except under another credential; that one ends at its next question to Stytch.
func (s *sessionService) sessionID(ctx context.Context, c stytch.Credential) string {
	if found, ok := s.verdicts.known.Get(credential{session: c}.key()); ok {
		return found.sessionID
	}
	if jwt, err := s.verdicts.local.session(ctx, c.JWT); err == nil {
		return jwt.SessionID
	}
	return ""
}

// intermediate is the intermediate session token of a call; "" for none.
func intermediate(ctx context.Context) (string, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	return single(md, access.MetadataIntermediateSessionToken)
}
