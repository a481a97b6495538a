package api

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// intermediateLifetime is how long Stytch gives a person between proving an address and entering an organization.
const intermediateLifetime = 10 * time.Minute

// SendEmailCode implements authzv1.SessionServiceServer.
func (s *sessionService) SendEmailCode(ctx context.Context, req *authzv1.SendEmailCodeRequest) (*emptypb.Empty, error) {
	if err := s.cfg.Stytch.SendCode(ctx, req.GetEmailAddress()); err != nil {
		return nil, signInError(err)
	}
	return &emptypb.Empty{}, nil
}

// AuthenticateEmailCode implements authzv1.SessionServiceServer.
func (s *sessionService) AuthenticateEmailCode(ctx context.Context, req *authzv1.AuthenticateEmailCodeRequest) (*authzv1.SignIn, error) {
	discovery, err := s.cfg.Stytch.AuthenticateCode(ctx, req.GetEmailAddress(), req.GetCode())
	if err != nil {
		return nil, signInError(err)
	}
	return s.discovered(discovery), nil
}

// StartOAuth implements authzv1.SessionServiceServer.
func (s *sessionService) StartOAuth(_ context.Context, req *authzv1.StartOAuthRequest) (*authzv1.StartOAuthResponse, error) {
	provider := strings.ToLower(strings.TrimPrefix(req.GetProvider().String(), "O_AUTH_PROVIDER_"))
	return &authzv1.StartOAuthResponse{
		AuthorizationUrl: s.cfg.Stytch.OAuthURL(provider, req.GetRedirectUri(), req.GetCodeChallenge()),
	}, nil
}

// StartSso implements authzv1.SessionServiceServer. An organization that does not exist gets the same answer as one without
// single sign-on.
func (s *sessionService) StartSso(ctx context.Context, req *authzv1.StartSsoRequest) (*authzv1.StartSsoResponse, error) {
	connection, ok, err := s.cfg.Stytch.SSOConnection(ctx, req.GetOrganizationSlug(), req.GetSsoConnectionId())
	if err != nil {
		return nil, signInError(err)
	}
	if !ok {
		return nil, rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_SSO_NOT_CONFIGURED,
			"no organization with this short name has single sign-on")
	}
	return &authzv1.StartSsoResponse{
		AuthorizationUrl: s.cfg.Stytch.SSOURL(connection, req.GetRedirectUri(), req.GetCodeChallenge()),
	}, nil
}

// AuthenticateRedirect implements authzv1.SessionServiceServer.
func (s *sessionService) AuthenticateRedirect(ctx context.Context, req *authzv1.AuthenticateRedirectRequest) (*authzv1.SignIn, error) {
	if req.GetTokenType() == authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_DISCOVERY_OAUTH {
		discovery, err := s.cfg.Stytch.AuthenticateOAuth(ctx, req.GetToken(), req.GetCodeVerifier())
		if err != nil {
			return nil, signInError(err)
		}
		return s.discovered(discovery), nil
	}
	step, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	authenticate := s.cfg.Stytch.AuthenticateMagicLink
	if req.GetTokenType() == authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_SSO {
		authenticate = s.cfg.Stytch.AuthenticateSSO
	}
	entry, err := authenticate(ctx, req.GetToken(), req.GetCodeVerifier())
	if err != nil {
		return nil, signInError(err)
	}
	return step.entered(ctx, entry), nil
}

// ListDiscoveredOrganizations implements authzv1.SessionServiceServer. A sign-in that is under way goes before a session, but
// the remains of one that was never finished do not get in the way of a session.
func (s *sessionService) ListDiscoveredOrganizations(ctx context.Context, _ *authzv1.ListDiscoveredOrganizationsRequest) (*authzv1.ListDiscoveredOrganizationsResponse, error) {
	token, err := intermediate(ctx)
	if err != nil {
		return nil, err
	}
	md, _ := metadata.FromIncomingContext(ctx)
	session, err := s.discoveringSession(md)
	if err != nil {
		return nil, err
	}
	signedIn := session != stytch.Credential{}
	if token == "" && !signedIn {
		return nil, signInExpired(errors.New("there is neither a sign-in under way nor a session"))
	}
	discovery, err := s.cfg.Stytch.Discover(ctx, token, session)
	if token != "" && signedIn && rpcerr.ReasonOf(signInError(err)) == accessv1.ErrorReason_ERROR_REASON_SIGN_IN_EXPIRED {
		discovery, err = s.cfg.Stytch.Discover(ctx, "", session)
	}
	if stytch.CredentialIsDead(err) {
		return nil, signInExpired(err)
	}
	if err != nil {
		return nil, signInError(err)
	}
	return &authzv1.ListDiscoveredOrganizationsResponse{
		EmailAddress: discovery.EmailAddress, Organizations: organizations(discovery.Organizations),
	}, nil
}

// discoveringSession is the session of a call, if it has one: in its own metadata keys or as bearer.
func (s *sessionService) discoveringSession(md metadata.MD) (stytch.Credential, error) {
	c, err := carried(md)
	if rpcerr.ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_TOKEN_MISSING {
		return stytch.Credential{}, nil
	}
	return c.session, err
}

// JoinOrganization implements authzv1.SessionServiceServer.
func (s *sessionService) JoinOrganization(ctx context.Context, req *authzv1.JoinOrganizationRequest) (*authzv1.SignIn, error) {
	return s.enter(ctx, func(token string) (*stytch.Entry, error) {
		return s.cfg.Stytch.Join(ctx, token, req.GetOrganizationId())
	})
}

// CreateOrganization implements authzv1.SessionServiceServer.
func (s *sessionService) CreateOrganization(ctx context.Context, req *authzv1.CreateOrganizationRequest) (*authzv1.SignIn, error) {
	return s.enter(ctx, func(token string) (*stytch.Entry, error) {
		return s.cfg.Stytch.CreateOrganization(ctx, token, req.GetDisplayName(), req.GetSlug())
	})
}

// enter makes the last step of a sign-in, which uses up the intermediate session token.
func (s *sessionService) enter(ctx context.Context, with func(token string) (*stytch.Entry, error)) (*authzv1.SignIn, error) {
	token, err := intermediate(ctx)
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, signInExpired(errors.New("there is no intermediate session token"))
	}
	step, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	entry, err := with(token)
	if err != nil {
		return nil, signInError(err)
	}
	return step.entered(ctx, entry), nil
}

// step is what has to be known before a step that cannot be taken twice.
type step struct {
	*sessionService
	table   *policy.Table
	surface accessv1.Surface
}

// begin prepares a step: what can fail apart from the step itself fails here.
func (s *sessionService) begin(ctx context.Context) (*step, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	surface, err := s.surface(md)
	if err != nil {
		return nil, err
	}
	table, err := s.table(ctx)
	if err != nil {
		return nil, err
	}
	return &step{s, table, surface}, nil
}

// entered says where an attempt to enter an organization stands.
func (s *step) entered(ctx context.Context, entry *stytch.Entry) *authzv1.SignIn {
	if entry.Session != nil {
		signIn := s.done(ctx, entry.Session)
		signIn.RecoveryCodesRemaining = entry.RecoveryCodesLeft
		return signIn
	}
	signIn := &authzv1.SignIn{
		Step:         authzv1.SignInStep_SIGN_IN_STEP_AUTHENTICATE_AGAIN,
		Credentials:  s.intermediateCredentials(entry.IntermediateToken),
		EmailAddress: entry.EmailAddress,
	}
	if entry.SecondFactor != nil {
		signIn.Step = authzv1.SignInStep_SIGN_IN_STEP_SECOND_FACTOR
		signIn.SecondFactor = secondFactor(entry.SecondFactor)
	} else {
		signIn.AllowedAuthMethods = entry.AllowedMethods
	}
	return signIn
}

// done describes a session that there is now.
func (s *step) done(ctx context.Context, new *stytch.Session) *authzv1.SignIn {
	v := s.verdicts.ofSession(ctx, new)
	return &authzv1.SignIn{
		Step:         authzv1.SignInStep_SIGN_IN_STEP_DONE,
		Credentials:  credentials(v),
		EmailAddress: v.member.EmailAddress,
		Session:      session(v, principal(v, s.table, s.surface)),
	}
}

// discovered asks to choose an organization.
func (s *sessionService) discovered(d *stytch.Discovery) *authzv1.SignIn {
	return &authzv1.SignIn{
		Step:          authzv1.SignInStep_SIGN_IN_STEP_CHOOSE_ORGANIZATION,
		Credentials:   s.intermediateCredentials(d.IntermediateToken),
		EmailAddress:  d.EmailAddress,
		Organizations: organizations(d.Organizations),
	}
}

func (s *sessionService) intermediateCredentials(token string) *authzv1.SessionCredentials {
	return &authzv1.SessionCredentials{
		IntermediateSessionToken: token,
		ExpireTime:               timestamppb.New(s.cfg.Now().Add(intermediateLifetime)),
	}
}

// organizations lists by name.
func organizations(found []stytch.DiscoveredOrganization) []*authzv1.DiscoveredOrganization {
	list := make([]*authzv1.DiscoveredOrganization, len(found))
	for i, o := range found {
		list[i] = &authzv1.DiscoveredOrganization{
			OrganizationId: o.ID, DisplayName: o.Name, Slug: o.Slug, Membership: membership(o.Membership),
		}
	}
	slices.SortStableFunc(list, func(a, b *authzv1.DiscoveredOrganization) int {
		return cmp.Or(
			strings.Compare(strings.ToLower(a.GetDisplayName()), strings.ToLower(b.GetDisplayName())),
			strings.Compare(a.GetOrganizationId(), b.GetOrganizationId()),
		)
	})
	return list
}

func membership(stytchType string) authzv1.Membership {
	switch stytchType {
	case "active_member":
		return authzv1.Membership_MEMBERSHIP_ACTIVE
	case "invited_member":
		return authzv1.Membership_MEMBERSHIP_INVITED
	case "pending_member":
		return authzv1.Membership_MEMBERSHIP_PENDING
	case "eligible_to_join_by_email_domain", "eligible_to_join_by_oauth_tenant":
		return authzv1.Membership_MEMBERSHIP_ELIGIBLE
	}
	return authzv1.Membership_MEMBERSHIP_UNSPECIFIED
}
