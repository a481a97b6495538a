package api

import (
	"context"
	"errors"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
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
	app, err := s.cfg.Stytch.CreateTOTP(ctx, token, req.GetOrganizationId(), req.GetMemberId())
	if err != nil {
		return nil, signInError(err)
	}
	return &authzv1.CreateTotpResponse{Secret: app.Secret, QrPng: app.QRCode, RecoveryCodes: app.RecoveryCodes}, nil
}

// AuthenticateTotp implements authzv1.SessionServiceServer.
func (s *sessionService) AuthenticateTotp(ctx context.Context, req *authzv1.AuthenticateTotpRequest) (*authzv1.SignIn, error) {
	return s.enter(ctx, func(token string) (*stytch.Entry, error) {
		return s.cfg.Stytch.AuthenticateTOTP(ctx, token, req.GetOrganizationId(), req.GetMemberId(), req.GetCode())
	})
}

// AuthenticateRecoveryCode implements authzv1.SessionServiceServer.
func (s *sessionService) AuthenticateRecoveryCode(ctx context.Context, req *authzv1.AuthenticateRecoveryCodeRequest) (*authzv1.SignIn, error) {
	return s.enter(ctx, func(token string) (*stytch.Entry, error) {
		return s.cfg.Stytch.AuthenticateRecoveryCode(ctx, token, req.GetOrganizationId(), req.GetMemberId(), req.GetRecoveryCode())
	})
}

func secondFactor(f *stytch.SecondFactor) *authzv1.SecondFactor {
	out := &authzv1.SecondFactor{
		OrganizationId: f.OrganizationID, MemberId: f.MemberID, TotpStatus: authzv1.TotpStatus_TOTP_STATUS_UNREGISTERED,
	}
	switch {
	case !f.Allowed:
		out.TotpStatus = authzv1.TotpStatus_TOTP_STATUS_NOT_ALLOWED
	case f.Registered:
		out.TotpStatus = authzv1.TotpStatus_TOTP_STATUS_REGISTERED
	}
	return out
}
