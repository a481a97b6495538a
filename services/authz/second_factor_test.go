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

const (
	noApp     = accessv1.ErrorReason_ERROR_REASON_TOTP_NOT_FOUND
	appExists = accessv1.ErrorReason_ERROR_REASON_TOTP_EXISTS
)

// ownFactor is what a member is told of their second factor.
func (w *world) ownFactor(as *authzv1.SessionCredentials) *authzv1.SecondFactor {
	w.t.Helper()
	factor, err := w.sessions.GetSecondFactor(w.with(as), &authzv1.GetSecondFactorRequest{})
	ok(w.t, err)
	return factor
}

func (w *world) completeEnrollment(as *authzv1.SessionCredentials, code string) (*authzv1.SignIn, error) {
	return w.sessions.CompleteTotpEnrollment(w.with(as), &authzv1.CompleteTotpEnrollmentRequest{Code: code})
}

func (w *world) startEnrollment(as *authzv1.SessionCredentials) *authzv1.CreateTotpResponse {
	w.t.Helper()
	app, err := w.sessions.StartTotpEnrollment(w.with(as), &authzv1.StartTotpEnrollmentRequest{})
	ok(w.t, err)
	return app
}

func (w *world) rotate(as *authzv1.SessionCredentials, code string) (*authzv1.SignIn, error) {
	return w.sessions.RotateRecoveryCodes(w.with(as), &authzv1.RotateRecoveryCodesRequest{Code: code})
}

func (w *world) removeApp(as *authzv1.SessionCredentials, code string) (*authzv1.SignIn, error) {
	return w.sessions.RemoveTotp(w.with(as), &authzv1.RemoveTotpRequest{Proof: &authzv1.RemoveTotpRequest_Code{Code: code}})
}

func TestAMemberSetsUpAnAuthenticatorAppOfTheirOwnAccord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.idpClock.set(-time.Minute)
	emma := w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	before := w.ownFactor(emma)
	if before.GetTotpStatus() != authzv1.TotpStatus_TOTP_STATUS_UNREGISTERED || before.GetEnrolled() || before.GetRequired() ||
		before.RecoveryCodesRemaining != nil || before.GetMemberId() != devidptest.Emma {
		t.Errorf("before there is an app it is %v", before)
	}
	app := w.startEnrollment(emma)
	if _, err := png.Decode(bytes.NewReader(app.GetQrPng())); err != nil || len(app.GetRecoveryCodes()) != 10 {
		t.Errorf("the QR code: %v; the recovery codes: %v", err, app.GetRecoveryCodes())
	}
	w.signIn(devidptest.EmmaEmail, devidptest.Acme) // nobody is asked for an app that has had no code yet

	_, err := w.completeEnrollment(emma, "000000")
	expect(t, err, codeInvalid)
	w.idpClock.set(0)
	done, err := w.completeEnrollment(emma, w.shows(app.GetSecret()))
	ok(t, err)
	in := done.GetCredentials()
	if done.GetStep() != authzv1.SignInStep_SIGN_IN_STEP_DONE || in.GetSessionToken() != emma.GetSessionToken() || len(done.GetRecoveryCodes()) != 0 ||
		!in.GetExpireTime().AsTime().After(emma.GetExpireTime().AsTime()) {
		t.Errorf("after the first code the answer is %v", done)
	}
	w.authenticate(bySession(in))
	if known, err := w.sessions.GetSession(w.with(emma), &authzv1.GetSessionRequest{}); err != nil || !known.GetExpireTime().AsTime().Equal(in.GetExpireTime().AsTime()) {
		t.Errorf("the session is known as %v, %v", known, err)
	}
	after := w.ownFactor(in)
	if after.GetTotpStatus() != authzv1.TotpStatus_TOTP_STATUS_REGISTERED || !after.GetEnrolled() || after.GetRequired() || after.GetRecoveryCodesRemaining() != 10 {
		t.Errorf("with an app it is %v", after)
	}
	_, err = w.completeEnrollment(in, w.shows(app.GetSecret()))
	expect(t, err, codeInvalid) // it was used
	_, err = w.sessions.StartTotpEnrollment(w.with(in), &authzv1.StartTotpEnrollmentRequest{})
	expect(t, err, appExists)

	ctx, factor := w.secondFactor()
	if factor.GetTotpStatus() != authzv1.TotpStatus_TOTP_STATUS_REGISTERED || !factor.GetEnrolled() || factor.GetRequired() {
		t.Errorf("at the next sign-in it is %v", factor)
	}
	_, err = w.enterCode(ctx, w.shows(app.GetSecret()))
	expect(t, err, codeInvalid) // it was used
	_, err = w.enterRecoveryCode(ctx, app.GetRecoveryCodes()[0])
	ok(t, err)
	if left := w.ownFactor(in).GetRecoveryCodesRemaining(); left != 9 {
		t.Errorf("after one was used, %d recovery codes are left", left)
	}
	w.idpClock.advance(30 * time.Second)
	ctx, _ = w.secondFactor()
	_, err = w.enterCode(ctx, w.shows(app.GetSecret()))
	ok(t, err)
}

func TestRecoveryCodesAreReplacedAndAnAppIsRemovedByItsCodeAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	emma := w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	_, err := w.rotate(emma, "123456")
	expect(t, err, noApp)
	_, err = w.removeApp(emma, "123456")
	expect(t, err, noApp)
	app := w.startEnrollment(emma)
	_, err = w.completeEnrollment(emma, w.shows(app.GetSecret()))
	ok(t, err)
	for _, code := range []string{"000000", w.shows(app.GetSecret())} { // one that is wrong, and one that was used
		_, err = w.rotate(emma, code)
		expect(t, err, codeInvalid)
		_, err = w.removeApp(emma, code)
		expect(t, err, codeInvalid)
	}
	if left := w.ownFactor(emma); left.GetRecoveryCodesRemaining() != 10 || !left.GetEnrolled() {
		t.Errorf("after what was refused it is %v", left)
	}

	w.idpClock.advance(30 * time.Second)
	rotated, err := w.rotate(emma, w.shows(app.GetSecret()))
	ok(t, err)
	if len(rotated.GetRecoveryCodes()) != 10 || rotated.GetCredentials().GetSessionToken() != emma.GetSessionToken() {
		t.Errorf("after they were replaced the answer is %v", rotated)
	}
	ctx, _ := w.secondFactor()
	_, err = w.enterRecoveryCode(ctx, app.GetRecoveryCodes()[0])
	expect(t, err, codeInvalid)
	_, err = w.enterRecoveryCode(ctx, rotated.GetRecoveryCodes()[0])
	ok(t, err)

	w.idpClock.advance(30 * time.Second)
	_, err = w.removeApp(emma, w.shows(app.GetSecret()))
	ok(t, err)
	if left := w.ownFactor(emma); left.GetTotpStatus() != authzv1.TotpStatus_TOTP_STATUS_UNREGISTERED || left.GetEnrolled() || left.RecoveryCodesRemaining != nil {
		t.Errorf("after it was removed it is %v", left)
	}
	w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	if another := w.startEnrollment(emma); another.GetSecret() == app.GetSecret() {
		t.Error("another app has the secret of the one that was removed")
	}
}

func TestASecondFactorIsOfItsMemberInPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	emma, max := w.signIn(devidptest.EmmaEmail, devidptest.Acme), w.signIn(devidptest.MaxEmail, devidptest.Acme)
	app := w.startEnrollment(emma)
	_, err := w.completeEnrollment(max, w.shows(app.GetSecret()))
	expect(t, err, noApp) // it is registered with Emma's session
	if left := w.ownFactor(emma); left.GetTotpStatus() != authzv1.TotpStatus_TOTP_STATUS_UNREGISTERED || left.GetEnrolled() {
		t.Errorf("after somebody else's try it is %v", left)
	}

	agent := kittest.With(t.Context(), access.MetadataAuthorization, "Bearer "+w.idp.MintAgent(devidptest.Emma, "read:okrs").AccessToken)
	for name, ctx := range map[string]context.Context{"an agent": agent, "nobody": t.Context()} {
		want := accessv1.ErrorReason_ERROR_REASON_SESSION_REQUIRED
		if name == "nobody" {
			want = missing
		}
		_, err = w.sessions.GetSecondFactor(ctx, &authzv1.GetSecondFactorRequest{})
		expect(t, err, want)
		_, err = w.sessions.StartTotpEnrollment(ctx, &authzv1.StartTotpEnrollmentRequest{})
		expect(t, err, want)
		_, err = w.sessions.CompleteTotpEnrollment(ctx, &authzv1.CompleteTotpEnrollmentRequest{Code: w.shows(app.GetSecret())})
		expect(t, err, want)
		_, err = w.sessions.RotateRecoveryCodes(ctx, &authzv1.RotateRecoveryCodesRequest{Code: w.shows(app.GetSecret())})
		expect(t, err, want)
		_, err = w.sessions.RemoveTotp(ctx, &authzv1.RemoveTotpRequest{Proof: &authzv1.RemoveTotpRequest_Code{Code: w.shows(app.GetSecret())}})
		expect(t, err, want)
	}
	for _, code := range []string{"", "12345", "1234567", "12345a", "１２３４５６"} {
		_, err = w.completeEnrollment(emma, code)
		expect(t, err, fieldInvalid)
		_, err = w.rotate(emma, code)
		expect(t, err, fieldInvalid)
		_, err = w.removeApp(emma, code)
		expect(t, err, fieldInvalid)
	}
	_, err = w.completeEnrollment(emma, w.shows(app.GetSecret()))
	ok(t, err)
}

func TestWhoeverGuessesCodesWithASessionLosesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	emma := w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	first := w.startEnrollment(emma)
	for range 5 {
		_, err := w.completeEnrollment(emma, "000000")
		expect(t, err, codeInvalid)
	}
	_, err := w.completeEnrollment(emma, w.shows(first.GetSecret()))
	expect(t, err, noApp)
	app := w.startEnrollment(emma)
	_, err = w.completeEnrollment(emma, w.shows(app.GetSecret()))
	ok(t, err)
	w.idpClock.advance(30 * time.Second)
	for range 5 {
		_, err = w.removeApp(emma, "000000")
		expect(t, err, codeInvalid)
	}
	_, err = w.removeApp(emma, w.shows(app.GetSecret()))
	expect(t, err, invalid)
}

func TestWhereTheOrganizationDecidesAboutSecondFactorsTheMemberIsToldSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	emma := w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	w.stytch(http.MethodPut, "/v1/b2b/organizations/"+devidptest.Acme, map[string]any{"mfa_policy": "REQUIRED_FOR_ALL"})
	app := w.startEnrollment(emma)
	_, err := w.completeEnrollment(emma, w.shows(app.GetSecret()))
	ok(t, err)
	if factor := w.ownFactor(emma); !factor.GetRequired() || factor.GetEnrolled() || factor.GetTotpStatus() != authzv1.TotpStatus_TOTP_STATUS_REGISTERED {
		t.Errorf("where everybody is asked it is %v", factor)
	}
	w.stytch(http.MethodPut, "/v1/b2b/organizations/"+devidptest.Acme, map[string]any{
		"mfa_policy": "OPTIONAL", "mfa_methods": "RESTRICTED", "allowed_mfa_methods": []string{"sms_otp"},
	})
	max := w.signIn(devidptest.MaxEmail, devidptest.Acme)
	if factor := w.ownFactor(max); factor.GetRequired() || factor.GetTotpStatus() != authzv1.TotpStatus_TOTP_STATUS_NOT_ALLOWED {
		t.Errorf("where apps are not taken it is %v", factor)
	}
	_, err = w.sessions.StartTotpEnrollment(w.with(max), &authzv1.StartTotpEnrollmentRequest{})
	expect(t, err, denied)
}

func TestAnAppThatCouldNotBeRemovedIsThereAndNotAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	emma := w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	app := w.startEnrollment(emma)
	_, err := w.completeEnrollment(emma, w.shows(app.GetSecret()))
	ok(t, err)
	for _, path := range []string{"/v1/b2b/recovery_codes/rotate", "/v1/b2b/organizations/" + devidptest.Acme + "/members/" + devidptest.Emma + "/totp"} {
		w.idpClock.advance(30 * time.Second)
		w.proxy.behaveAt(path, hangUp)
		if path == "/v1/b2b/recovery_codes/rotate" {
			_, err = w.rotate(emma, w.shows(app.GetSecret()))
		} else {
			_, err = w.removeApp(emma, w.shows(app.GetSecret()))
		}
		expect(t, err, unavailable)
	}
	w.proxy.behave("", nil)
	if factor := w.ownFactor(emma); factor.GetEnrolled() || factor.GetTotpStatus() != authzv1.TotpStatus_TOTP_STATUS_REGISTERED {
		t.Errorf("it is %v", factor)
	}
	w.idpClock.advance(30 * time.Second)
	_, err = w.removeApp(emma, w.shows(app.GetSecret()))
	ok(t, err)
}

func TestWhoLostTheAppRemovesItWithARecoveryCodeAndSetsUpAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	emma := w.signIn(devidptest.EmmaEmail, devidptest.Acme)
	remove := func(code string) error {
		_, err := w.sessions.RemoveTotp(w.with(emma), &authzv1.RemoveTotpRequest{Proof: &authzv1.RemoveTotpRequest_RecoveryCode{RecoveryCode: code}})
		return err
	}
	expect(t, remove("abcd-efgh-ijkl"), noApp)
	app := w.startEnrollment(emma)
	expect(t, remove(app.GetRecoveryCodes()[0]), noApp) // it has had no code yet
	_, err := w.completeEnrollment(emma, w.shows(app.GetSecret()))
	ok(t, err)
	expect(t, remove("abcd-efgh-ijkl"), codeInvalid)
	ok(t, remove(app.GetRecoveryCodes()[0]))
	expect(t, remove(app.GetRecoveryCodes()[1]), noApp)
	if left := w.ownFactor(emma); left.GetTotpStatus() != authzv1.TotpStatus_TOTP_STATUS_UNREGISTERED || !left.GetEnrolled() {
		t.Errorf("after it was removed it is %v", left)
	}
	_, err = w.sessions.RemoveTotp(w.with(emma), &authzv1.RemoveTotpRequest{})
	expect(t, err, fieldInvalid)
	another := w.startEnrollment(emma)
	_, err = w.completeEnrollment(emma, w.shows(another.GetSecret()))
	ok(t, err)
	w.idpClock.advance(30 * time.Second)
	ctx, _ := w.secondFactor()
	_, err = w.enterCode(ctx, w.shows(another.GetSecret()))
	ok(t, err)
}
