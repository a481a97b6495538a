package api

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// CreateTotp implements authzv1.SessionServiceServer.
func (s *sessionService) CreateTotp(ctx context.Context, req *authzv1.CreateTotpRequest) (*authzv1.CreateTotpResponse, error) {
	token, err := intermediate(ctx)
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, signInExpired(errors.New("there is no intermediate session token"))
	}
	app, err := s.cfg.Stytch.CreateTOTP(ctx, entrant(token, req))
	if err != nil {
		return nil, signInError(err)
	}
	return authenticator(app), nil
}

// entrant is who a request of somebody on the way into an organization is about.
func entrant(token string, req interface {
	GetOrganizationId() string
	GetMemberId() string
},
) stytch.Entrant {
	return stytch.Entrant{OrganizationID: req.GetOrganizationId(), MemberID: req.GetMemberId(), IntermediateToken: token}
}

func authenticator(app *stytch.Authenticator) *authzv1.CreateTotpResponse {
	return &authzv1.CreateTotpResponse{Secret: app.Secret, QrPng: app.QRCode, RecoveryCodes: app.RecoveryCodes}
}

// AuthenticateTotp implements authzv1.SessionServiceServer.
func (s *sessionService) AuthenticateTotp(ctx context.Context, req *authzv1.AuthenticateTotpRequest) (*authzv1.SignIn, error) {
	return s.enter(ctx, func(token string) (*stytch.Entry, error) {
		return s.cfg.Stytch.AuthenticateTOTP(ctx, entrant(token, req), req.GetCode(), stytch.EnrollmentAsBefore)
	})
}

// AuthenticateRecoveryCode implements authzv1.SessionServiceServer.
func (s *sessionService) AuthenticateRecoveryCode(ctx context.Context, req *authzv1.AuthenticateRecoveryCodeRequest) (*authzv1.SignIn, error) {
	return s.enter(ctx, func(token string) (*stytch.Entry, error) {
		return s.cfg.Stytch.AuthenticateRecoveryCode(ctx, entrant(token, req), req.GetRecoveryCode())
	})
}

// GetSecondFactor implements authzv1.SessionServiceServer.
func (s *sessionService) GetSecondFactor(ctx context.Context, _ *authzv1.GetSecondFactorRequest) (*authzv1.SecondFactor, error) {
	who, err := s.self(ctx)
	if err != nil {
		return nil, err
	}
	factor, err := s.cfg.Stytch.OwnSecondFactor(ctx, who.OrganizationID, who.MemberID)
	if err != nil {
		return nil, ownFactorError(err)
	}
	return secondFactor(factor), nil
}

// StartTotpEnrollment implements authzv1.SessionServiceServer.
func (s *sessionService) StartTotpEnrollment(ctx context.Context, _ *authzv1.StartTotpEnrollmentRequest) (*authzv1.CreateTotpResponse, error) {
	who, err := s.self(ctx)
	if err != nil {
		return nil, err
	}
	app, err := s.cfg.Stytch.CreateTOTP(ctx, who.Entrant)
	if err != nil {
		return nil, ownFactorError(err)
	}
	return authenticator(app), nil
}

// CompleteTotpEnrollment implements authzv1.SessionServiceServer.
func (s *sessionService) CompleteTotpEnrollment(ctx context.Context, req *authzv1.CompleteTotpEnrollmentRequest) (*authzv1.SignIn, error) {
	return s.prove(ctx, s.code(req.GetCode(), stytch.EnrollmentBegins), nil)
}

// RotateRecoveryCodes implements authzv1.SessionServiceServer.
func (s *sessionService) RotateRecoveryCodes(ctx context.Context, req *authzv1.RotateRecoveryCodesRequest) (*authzv1.SignIn, error) {
	return s.prove(ctx, s.code(req.GetCode(), stytch.EnrollmentAsBefore), func(who *self, signIn *authzv1.SignIn) (err error) {
		signIn.RecoveryCodes, err = s.cfg.Stytch.RotateRecoveryCodes(ctx, who.OrganizationID, who.MemberID)
		return err
	})
}

// RemoveTotp implements authzv1.SessionServiceServer. Who lost the app stays enrolled: with a recovery code Stytch changes
// nothing about that.
func (s *sessionService) RemoveTotp(ctx context.Context, req *authzv1.RemoveTotpRequest) (*authzv1.SignIn, error) {
	by := s.code(req.GetCode(), stytch.EnrollmentEnds)
	if code := req.GetRecoveryCode(); code != "" {
		by = func(ctx context.Context, who stytch.Entrant) (*stytch.Entry, error) {
			return s.cfg.Stytch.AuthenticateRecoveryCode(ctx, who, code)
		}
	}
	return s.prove(ctx, by, func(who *self, _ *authzv1.SignIn) error {
		return s.cfg.Stytch.RemoveTOTP(ctx, who.OrganizationID, who.MemberID)
	})
}

// self is a member in person, about a second factor of their own. Whose it is says the session, never the request.
type self struct {
	stytch.Entrant
	sessionID string
}

func (s *sessionService) self(ctx context.Context) (*self, error) {
	found, session, err := s.inPerson(ctx)
	if err != nil {
		return nil, err
	}
	return &self{
		Entrant:   stytch.Entrant{OrganizationID: found.organization.ID, MemberID: found.member.ID, Session: session},
		sessionID: found.sessionID,
	}, nil
}

// proving gives a second factor.
type proving func(ctx context.Context, who stytch.Entrant) (*stytch.Entry, error)

func (s *sessionService) code(code string, then stytch.Enrollment) proving {
	return func(ctx context.Context, who stytch.Entrant) (*stytch.Entry, error) {
		return s.cfg.Stytch.AuthenticateTOTP(ctx, who, code, then)
	}
}

// prove adds a second factor to the caller's session, and then does what it was given for.
func (s *sessionService) prove(ctx context.Context, by proving, then func(*self, *authzv1.SignIn) error) (*authzv1.SignIn, error) {
	who, err := s.self(ctx)
	if err != nil {
		return nil, err
	}
	step, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	entry, err := by(ctx, who.Entrant)
	s.verdicts.forget(who.sessionID) // what is known of it says that it ends earlier, or a wrong code has ended it
	if err != nil {
		return nil, ownFactorError(err)
	}
	signIn := step.entered(ctx, entry)
	if then != nil {
		if err := then(who, signIn); err != nil {
			return nil, ownFactorError(err)
		}
	}
	return signIn, nil
}

// ownFactorError is what the failure of a step means to somebody who is signed in, and stays so.
func ownFactorError(err error) error {
	switch {
	case stytch.IsType(err, "totp_not_found", "recovery_codes_not_found"):
		return rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_TOTP_NOT_FOUND,
			"the member has no authenticator app, or its registration was not completed in time").Wrap(err)
	case stytch.IsType(err, "active_totp_exists"):
		return rpcerr.New(codes.AlreadyExists, accessv1.ErrorReason_ERROR_REASON_TOTP_EXISTS,
			"the member has an authenticator app, and can have one").Wrap(err)
	}
	return signInError(err)
}

func secondFactor(f *stytch.SecondFactor) *authzv1.SecondFactor {
	out := &authzv1.SecondFactor{
		OrganizationId: f.OrganizationID, MemberId: f.MemberID, TotpStatus: authzv1.TotpStatus_TOTP_STATUS_UNREGISTERED,
		Enrolled: f.Enrolled, Required: f.Required, RecoveryCodesRemaining: f.RecoveryCodesLeft,
	}
	switch {
	case !f.Allowed:
		out.TotpStatus = authzv1.TotpStatus_TOTP_STATUS_NOT_ALLOWED
	case f.Registered:
		out.TotpStatus = authzv1.TotpStatus_TOTP_STATUS_REGISTERED
	}
	return out
}
