package authz_test

import (
	"bytes"
	"context"
	"image/png"
	"net/http"
	"testing"
	"time"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

// secondFactor proves Emma's address and enters Acme, which asks her for a second factor. The context goes on from there.
func (w *world) secondFactor() (context.Context, *authzv1.SecondFactor) {
	w.t.Helper()
	signIn, err := w.sessions.JoinOrganization(w.proven(devidptest.EmmaEmail), &authzv1.JoinOrganizationRequest{OrganizationId: devidptest.Acme})
	ok(w.t, err)
	factor := signIn.GetSecondFactor()
	if signIn.GetStep() != authzv1.SignInStep_SIGN_IN_STEP_SECOND_FACTOR || signIn.GetSession() != nil || signIn.GetCredentials().GetSessionToken() != "" ||
		factor.GetOrganizationId() != devidptest.Acme || factor.GetMemberId() != devidptest.Emma {
		w.t.Fatalf("with one factor the answer is %v", signIn)
	}
	return kittest.With(w.t.Context(), access.MetadataIntermediateSessionToken, signIn.GetCredentials().GetIntermediateSessionToken()), factor
}

// shows is what an authenticator app with the secret shows now.
func (w *world) shows(secret string) string { return devidptest.TOTPCode(secret, w.idpClock.now()) }

func (w *world) enterCode(ctx context.Context, code string) (*authzv1.SignIn, error) {
	return w.sessions.AuthenticateTotp(ctx, &authzv1.AuthenticateTotpRequest{OrganizationId: devidptest.Acme, MemberId: devidptest.Emma, Code: code})
}

func (w *world) enterRecoveryCode(ctx context.Context, code string) (*authzv1.SignIn, error) {
	return w.sessions.AuthenticateRecoveryCode(ctx, &authzv1.AuthenticateRecoveryCodeRequest{OrganizationId: devidptest.Acme, MemberId: devidptest.Emma, RecoveryCode: code})
}

func TestAMemberRegistersAnAuthenticatorAppAndSignsInWithIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ada := w.as(devidptest.AdaEmail, devidptest.Acme)
	_, err := w.organization.UpdateSignInSettings(ada, update(&authzv1.SignInSettings{MfaPolicy: authzv1.MfaPolicy_MFA_POLICY_REQUIRED_FOR_ALL}))
	ok(t, err)

	ctx, factor := w.secondFactor()
	if factor.GetTotpStatus() != authzv1.TotpStatus_TOTP_STATUS_UNREGISTERED {
		t.Errorf("before there is an app its status is %s", factor.GetTotpStatus())
	}
	app, err := w.sessions.CreateTotp(ctx, &authzv1.CreateTotpRequest{OrganizationId: devidptest.Acme, MemberId: devidptest.Emma})
	ok(t, err)
	if _, err := png.Decode(bytes.NewReader(app.GetQrPng())); err != nil || len(app.GetRecoveryCodes()) != 10 {
		t.Errorf("the QR code: %v; the recovery codes: %v", err, app.GetRecoveryCodes())
	}
	_, err = w.enterCode(ctx, "000000")
	expect(t, err, codeInvalid)
	done, err := w.enterCode(ctx, w.shows(app.GetSecret()))
	ok(t, err)
	if done.GetStep() != authzv1.SignInStep_SIGN_IN_STEP_DONE || done.GetSession().GetPrincipal().GetMemberId() != devidptest.Emma || done.RecoveryCodesRemaining != nil {
		t.Errorf("with both factors the answer is %v", done)
	}
	w.authenticate(bySession(done.GetCredentials()))
	_, err = w.enterCode(ctx, w.shows(app.GetSecret()))
	expect(t, err, signInExpired)

	ctx, factor = w.secondFactor()
	if factor.GetTotpStatus() != authzv1.TotpStatus_TOTP_STATUS_REGISTERED {
		t.Errorf("with an app its status is %s", factor.GetTotpStatus())
	}
	_, err = w.enterCode(ctx, w.shows(app.GetSecret()))
	expect(t, err, codeInvalid) // it was used
	_, err = w.sessions.CreateTotp(ctx, &authzv1.CreateTotpRequest{OrganizationId: devidptest.Acme, MemberId: devidptest.Emma})
	expect(t, err, denied)
	_, err = w.enterRecoveryCode(ctx, "abcd-efgh-ijkl")
	expect(t, err, codeInvalid)
	done, err = w.enterRecoveryCode(ctx, app.GetRecoveryCodes()[0])
	ok(t, err)
	if done.GetStep() != authzv1.SignInStep_SIGN_IN_STEP_DONE || done.RecoveryCodesRemaining == nil || done.GetRecoveryCodesRemaining() != 9 {
		t.Errorf("with a recovery code the answer is %v", done)
	}
	w.idpClock.advance(30 * time.Second)
	ctx, _ = w.secondFactor()
	_, err = w.enterCode(ctx, w.shows(app.GetSecret()))
	ok(t, err)
}

func TestASecondFactorIsAskedForWithoutASignInUnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.stytch(http.MethodPut, "/v1/b2b/organizations/"+devidptest.Acme, map[string]any{"mfa_policy": "REQUIRED_FOR_ALL"})
	w.secondFactor()
	_, err := w.sessions.CreateTotp(t.Context(), &authzv1.CreateTotpRequest{OrganizationId: devidptest.Acme, MemberId: devidptest.Emma})
	expect(t, err, signInExpired)
	_, err = w.enterCode(t.Context(), "123456")
	expect(t, err, signInExpired)
	_, err = w.enterRecoveryCode(t.Context(), "abcd-efgh-ijkl")
	expect(t, err, signInExpired)

	ctx, _ := w.secondFactor()
	_, err = w.enterCode(ctx, "123456")
	expect(t, err, signInExpired) // there is no app, or not any more
	_, err = w.sessions.CreateTotp(ctx, &authzv1.CreateTotpRequest{OrganizationId: devidptest.Acme, MemberId: devidptest.Ada})
	expect(t, err, signInExpired) // it is not her sign-in
	_, err = w.enterCode(ctx, "12345")
	expect(t, err, fieldInvalid)
}

func TestWhatStytchRefusesAboutSecondFactorsSaysWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for errorType, want := range map[string]accessv1.ErrorReason{
		"pending_totp_exists":                              accessv1.ErrorReason_ERROR_REASON_RATE_LIMITED,
		"active_totp_exists":                               denied,
		"operation_restricted_by_organization_mfa_methods": denied,
		"intermediate_session_not_found":                   signInExpired,
	} {
		w.proxy.behave("", nil)
		ctx := w.proven(devidptest.EmmaEmail)
		w.proxy.behave("/v1/b2b/totp", answering(http.StatusBadRequest, `{"status_code":400,"error_type":"`+errorType+`","error_message":"internal detail"}`))
		_, err := w.sessions.CreateTotp(ctx, &authzv1.CreateTotpRequest{OrganizationId: devidptest.Acme, MemberId: devidptest.Emma})
		expect(t, err, want)
	}
	w.proxy.behave("/v1/b2b/totp", answering(http.StatusOK, `{"status_code":200}`))
	_, err := w.sessions.CreateTotp(w.proven(devidptest.EmmaEmail), &authzv1.CreateTotpRequest{OrganizationId: devidptest.Acme, MemberId: devidptest.Emma})
	expect(t, err, unavailable)
	_, err = w.enterCode(w.proven(devidptest.EmmaEmail), "123456")
	expect(t, err, unavailable)
}
