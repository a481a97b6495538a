package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/authz/internal/seal"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// authorizationLifetime is how long a member may think about a request.
const authorizationLifetime = 10 * time.Minute

// consentService lets members let applications in. Nothing is kept between showing a request and deciding it: what was
// shown travels sealed through the browser. Its connected apps are in connected_apps.go.
type consentService struct {
	authzv1.UnimplementedConsentServiceServer
	*API
	sealer *seal.Sealer
	// decided holds the ids of authorizations that were decided by this process, so that each is good once. Another replica
	// would take one again, from the same session and within its minutes; what that gains is another code for what the
	// member has just allowed.
	decided *lru.Cache[string, struct{}]
}

func newConsentService(a *API) (*consentService, error) {
	// Every replica has the key file of transaction tokens, so what one has sealed another opens, and there is no secret to
	// set beside it.
	keys, err := a.cfg.Keys.Derive("okr-manager: authorizations of authz", seal.KeySize)
	if err != nil {
		return nil, err
	}
	sealer, err := seal.New(keys)
	if err != nil {
		return nil, err
	}
	return &consentService{API: a, sealer: sealer, decided: newCache[string, struct{}]()}, nil
}

// person is a member who makes a call in person, with the session to act by.
type person struct {
	*caller
	session stytch.Credential
	acting  *stytch.Acting
	table   *policy.Table
}

// person establishes who makes a call. The method's rule has seen to it that it is no agent.
func (s *consentService) person(ctx context.Context) (*person, error) {
	found, session, err := s.inPerson(ctx)
	if err != nil {
		return nil, err
	}
	table, err := s.table(ctx)
	if err != nil {
		return nil, err
	}
	return &person{caller: found, session: session, acting: s.cfg.Stytch.As(session, found.organization.ID), table: table}, nil
}

// StartAuthorization implements authzv1.ConsentServiceServer.
func (s *consentService) StartAuthorization(ctx context.Context, req *authzv1.StartAuthorizationRequest) (*authzv1.StartAuthorizationResponse, error) {
	p, err := s.person(ctx)
	if err != nil {
		return nil, err
	}
	target, ok := parseRedirect(req.GetRedirectUri())
	if !ok {
		return nil, redirectInvalid(errors.New("no answer is sent to an address of this form"))
	}
	if req.GetClientId() == "" {
		return nil, clientUnknown(errors.New("there is no client id"))
	}
	known, unknown := requestedScopes(req.GetScope(), p.table)
	asked := stytch.Authorization{
		ClientID: req.GetClientId(), RedirectURI: req.GetRedirectUri(), Scopes: known,
		State: req.GetState(), Nonce: req.GetNonce(), CodeChallenge: req.GetCodeChallenge(),
		Prompt: stytchPrompt(req.GetPrompt()), Resources: req.GetResource(),
	}
	if len(known) == 0 { // so that the application and its address are checked all the same
		asked.Scopes = []string{scopeOpenID}
	}
	consent, err := s.ask(ctx, p, asked)
	if err != nil {
		return nil, err
	}
	out := &authzv1.StartAuthorizationResponse{
		Client: &authzv1.ConsentClient{
			ClientId: consent.ClientID, Name: consent.ClientName, RedirectKind: target.kind, RedirectHost: target.host,
		},
		OrganizationName: consent.Organization.Name,
		AccountName:      consent.Member.Name,
		AccountEmail:     consent.Member.EmailAddress,
	}
	why := refuseRequest(req, consent.Public, s.verdicts.resources)
	if why == nil && (len(known) == 0 || len(consent.Grantable) == 0) {
		why = &oauthError{errorInvalidScope, "none of the scopes can be granted by this member"}
	}
	required := s.mustAsk(ctx, p, target, consent)
	if why == nil && required && req.GetPrompt() == promptNone {
		why = &oauthError{errorConsentRequired, "the member has to be asked"}
	}
	if why != nil {
		out.Refusal = s.refuse(ctx, p, asked, *why)
		return out, nil
	}

	asked.Scopes = consent.Grantable
	expire := s.cfg.Now().Add(authorizationLifetime)
	if out.Authorization, err = s.seal(p, newAuthorization(asked, consent, expire)); err != nil {
		return nil, err
	}
	out.Scopes = consent.Grantable
	out.Groups = consentGroups(consent.Grantable, p.table, consent.Descriptions, consent.Member.EmailAddress)
	out.LeftOut = leftOut(slices.DeleteFunc(known, func(scope string) bool { return slices.Contains(consent.Grantable, scope) }), unknown)
	out.ConsentRequired = required
	out.ExpireTime = timestamppb.New(expire)
	return out, nil
}

// ask asks Stytch about a request, and checks that the answer is about whom it was asked for.
func (s *consentService) ask(ctx context.Context, p *person, a stytch.Authorization) (*stytch.Consent, error) {
	consent, err := s.cfg.Stytch.StartAuthorization(ctx, p.session, a)
	if err != nil {
		return nil, authorizationError(err)
	}
	if consent.Member.ID != p.member.ID || consent.Organization.ID != p.organization.ID {
		return nil, unavailable(fmt.Errorf("%w: it started an authorization for another member", stytch.ErrUnavailable))
	}
	return consent, nil
}

// mustAsk says whether the member has to be asked. Going on without is for the case alone in which nothing new is granted
// and nobody but the application can receive the code: on the member's own computer any program could claim to be it (RFC
// 8252 section 8.6).
func (s *consentService) mustAsk(ctx context.Context, p *person, target redirect, consent *stytch.Consent) bool {
	if consent.Required || target.kind != authzv1.RedirectKind_REDIRECT_KIND_HTTPS {
		return true
	}
	apps, err := p.acting.ConnectedApps(ctx, p.member.ID)
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "a member is asked again, because earlier consents are not known", slog.String("error", err.Error()))
		return true
	}
	return !slices.ContainsFunc(apps, func(app stytch.ConnectedApp) bool {
		return app.ClientID == consent.ClientID && slices.Equal(slices.Sorted(slices.Values(app.Scopes)), consent.Grantable)
	})
}

// refuse prepares the way back to the application for a request that it has to be told is wrong. The address is the one
// that Stytch gives for a member who declines, with another error in it.
func (s *consentService) refuse(ctx context.Context, p *person, a stytch.Authorization, why oauthError) *authzv1.AuthorizationRefusal {
	out := &authzv1.AuthorizationRefusal{Error: why.code, Description: why.description}
	a.Resources, a.CodeChallenge = nil, challengeOrNone(a.CodeChallenge)
	declined, err := s.cfg.Stytch.Authorize(ctx, p.session, a, false)
	if err != nil {
		s.cfg.Logger.InfoContext(ctx, "there is no way back to an application", slog.String("error", err.Error()))
		return out
	}
	if back, ok := withError(declined, why); ok && leadsTo(back, a.RedirectURI) {
		out.RedirectUri = back
	}
	return out
}

// challengeOrNone leaves out what Stytch would refuse for its form.
func challengeOrNone(challenge string) string {
	if challengeForm.MatchString(challenge) {
		return challenge
	}
	return ""
}

// DecideAuthorization implements authzv1.ConsentServiceServer.
func (s *consentService) DecideAuthorization(ctx context.Context, req *authzv1.DecideAuthorizationRequest) (*authzv1.DecideAuthorizationResponse, error) {
	p, err := s.person(ctx)
	if err != nil {
		return nil, err
	}
	shown, err := s.open(p, req.GetAuthorization())
	if err != nil {
		return nil, err
	}
	if again, _ := s.decided.ContainsOrAdd(shown.ID, struct{}{}); again {
		return nil, authorizationExpired(errors.New("it was decided before"))
	}
	to, err := s.decide(ctx, p, shown, req.GetAllow())
	if errors.Is(err, stytch.ErrUnavailable) {
		s.decided.Remove(shown.ID) // nothing was decided, as far as anybody knows: the member may try again
	}
	if err != nil {
		return nil, err
	}
	return &authzv1.DecideAuthorizationResponse{RedirectUri: to}, nil
}

// decide hands the decision to Stytch: exactly the scopes that were shown, never others, and only if all that was shown is
// true still.
func (s *consentService) decide(ctx context.Context, p *person, shown *authorization, allow bool) (string, error) {
	a := shown.request()
	consent, err := s.ask(ctx, p, a)
	if err != nil {
		return "", err
	}
	if allow && !shown.holds(consent) {
		return "", rpcerr.New(codes.Aborted, accessv1.ErrorReason_ERROR_REASON_AUTHORIZATION_CHANGED,
			"what was shown is not true any more; look again")
	}
	to, err := s.cfg.Stytch.Authorize(ctx, p.session, a, allow)
	if allow {
		s.verdicts.forget(consentID(p.member.ID, consent.ClientID)) // a narrower consent narrows tokens that are out
	}
	if err != nil {
		return "", authorizationError(err)
	}
	if !leadsTo(to, a.RedirectURI) {
		return "", unavailable(fmt.Errorf("%w: it answered with another redirect address", stytch.ErrUnavailable))
	}
	return to, nil
}

// authorizationError is what the failure of an authorization means. None of these is ever told to the application.
func authorizationError(err error) error {
	switch {
	case stytch.IsType(err, "connected_app_not_found"):
		return clientUnknown(err)
	case stytch.IsType(err, "connected_app_supplied_redirect_url_not_found_in_client", "invalid_redirect_uri", "invalid_redirect_url"):
		return redirectInvalid(err)
	case stytch.IsType(err, "connected_app_not_allowed_for_org"):
		return rpcerr.New(codes.PermissionDenied, accessv1.ErrorReason_ERROR_REASON_OAUTH_CLIENT_NOT_ALLOWED,
			"your organization does not let this application in").Wrap(err)
	case stytch.CredentialIsDead(err):
		return tokenInvalid(err)
	}
	if refused, ok := errors.AsType[*stytch.APIError](err); ok && (refused.StatusCode == http.StatusBadRequest || refused.StatusCode == http.StatusNotFound) {
		return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_OAUTH_REQUEST_INVALID,
			"the authorization request is not a valid one").Wrap(err)
	}
	return signInError(err)
}

func clientUnknown(cause error) error {
	return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_OAUTH_CLIENT_UNKNOWN,
		"no application is registered under this client id").Wrap(cause)
}

func redirectInvalid(cause error) error {
	return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_OAUTH_REDIRECT_URI_INVALID,
		"the application did not register this redirect address").Wrap(cause)
}

func authorizationExpired(cause error) error {
	return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_AUTHORIZATION_EXPIRED,
		"this request was decided before, or is too old; start again").Wrap(cause)
}
