package devidp_test

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/b2bstytchapi"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/discovery/intermediatesessions"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations/members"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/recoverycodes"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sessions"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sso"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/totps"

	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
)

// secondFactors is a provider whose organization Acme asks everybody for a second factor, and a clock to wait for the next
// code with.
type secondFactors struct {
	*devidptest.Server
	t     *testing.T
	api   *b2bstytchapi.API
	clock *clock
}

func startSecondFactors(t *testing.T) *secondFactors {
	t.Helper()
	clock := newClock()
	s, api := start(t, devidp.Config{Clock: clock.Now})
	_, err := api.Organizations.Update(t.Context(), &organizations.UpdateParams{OrganizationID: devidptest.Acme, MFAPolicy: "REQUIRED_FOR_ALL"})
	ok(t, err)
	return &secondFactors{s, t, api, clock}
}

// enter proves Emma's address and enters Acme, which falls short of a session.
func (f *secondFactors) enter() *intermediatesessions.ExchangeResponse {
	f.t.Helper()
	answer, err := f.api.Discovery.IntermediateSessions.Exchange(f.t.Context(), &intermediatesessions.ExchangeParams{
		IntermediateSessionToken: prove(f.t, f.Server, f.api, devidptest.EmmaEmail).IntermediateSessionToken, OrganizationID: devidptest.Acme,
	})
	ok(f.t, err)
	if answer.MemberAuthenticated || answer.MFARequired == nil || answer.IntermediateSessionToken == "" {
		f.t.Fatalf("with one factor the answer is %+v", answer)
	}
	return answer
}

func (f *secondFactors) create(ist string) (*totps.CreateResponse, error) {
	return f.api.TOTPs.Create(f.t.Context(), &totps.CreateParams{
		OrganizationID: devidptest.Acme, MemberID: devidptest.Emma, IntermediateSessionToken: ist, ExpirationMinutes: 10,
	})
}

func (f *secondFactors) authenticate(ist, code string) (*totps.AuthenticateResponse, error) {
	return f.api.TOTPs.Authenticate(f.t.Context(), &totps.AuthenticateParams{
		OrganizationID: devidptest.Acme, MemberID: devidptest.Emma, IntermediateSessionToken: ist, Code: code, SessionDurationMinutes: 60,
	})
}

func (f *secondFactors) recover(ist, code string) (*recoverycodes.RecoverResponse, error) {
	return f.api.RecoveryCodes.Recover(f.t.Context(), &recoverycodes.RecoverParams{
		OrganizationID: devidptest.Acme, MemberID: devidptest.Emma, IntermediateSessionToken: ist, RecoveryCode: code, SessionDurationMinutes: 60,
	})
}

// shows is the code that an authenticator app shows now.
func (f *secondFactors) shows(secret string) string {
	return devidptest.TOTPCode(secret, f.clock.Now())
}

// enroll registers an authenticator app for Emma.
func (f *secondFactors) enroll() *totps.CreateResponse {
	f.t.Helper()
	ist := f.enter().IntermediateSessionToken
	created, err := f.create(ist)
	ok(f.t, err)
	_, err = f.authenticate(ist, f.shows(created.Secret))
	ok(f.t, err)
	f.clock.Advance(30 * time.Second)
	return created
}

func TestAnAuthenticatorAppIsRegisteredByItsFirstCodeAndAskedForThen(t *testing.T) {
	t.Parallel()
	f := startSecondFactors(t)
	first := f.enter()
	if first.MFARequired.MemberOptions != nil && first.MFARequired.MemberOptions.TOTPRegistrationID != "" {
		t.Errorf("before there is an app the options are %+v", first.MFARequired.MemberOptions)
	}
	created, err := f.create(first.IntermediateSessionToken)
	ok(t, err)
	if len(created.RecoveryCodes) != 10 || created.Member.TOTPRegistrationID != "" || created.TOTPRegistrationID == "" {
		t.Errorf("created %+v", created)
	}
	image, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(created.QrCode, "data:image/png;base64,"))
	ok(t, err)
	if _, err := png.Decode(bytes.NewReader(image)); err != nil {
		t.Errorf("the QR code is no picture: %v", err)
	}
	wrong, err := f.authenticate(first.IntermediateSessionToken, "000000")
	wantError(t, err, http.StatusUnauthorized, "unable_to_authenticate_totp")
	if wrong.SessionToken != "" {
		t.Error("a wrong code leads in")
	}
	in, err := f.authenticate(first.IntermediateSessionToken, f.shows(created.Secret))
	ok(t, err)
	factors := in.MemberSession.AuthenticationFactors
	if len(factors) != 2 || factors[1].Type != "totp" || factors[1].AuthenticatorAppFactor.TOTPID != created.TOTPRegistrationID {
		t.Errorf("the session has the factors %+v", factors)
	}
	if in.Member.TOTPRegistrationID != created.TOTPRegistrationID || in.Member.DefaultMFAMethod != "totp" {
		t.Errorf("the member is %+v", in.Member)
	}
	_, err = f.authenticate(first.IntermediateSessionToken, f.shows(created.Secret))
	wantError(t, err, http.StatusNotFound, "intermediate_session_not_found")

	second := f.enter()
	if got := second.MFARequired.MemberOptions; got == nil || got.TOTPRegistrationID != created.TOTPRegistrationID {
		t.Fatalf("with an app the options are %+v", got)
	}
	_, err = f.create(second.IntermediateSessionToken)
	wantError(t, err, http.StatusBadRequest, "active_totp_exists")
	_, err = f.authenticate(second.IntermediateSessionToken, f.shows(created.Secret))
	wantError(t, err, http.StatusBadRequest, "totp_code_already_authenticated")
	f.clock.Advance(30 * time.Second)
	_, err = f.authenticate(second.IntermediateSessionToken, f.shows(created.Secret))
	ok(t, err)
}

// What an organization's own identity provider says binds that organization alone, and a second factor given there makes
// no proof of it elsewhere.
func TestASecondFactorOfOneOrganizationProvesNothingToAnother(t *testing.T) {
	t.Parallel()
	f := startSecondFactors(t)
	entered, err := f.api.SSO.Authenticate(t.Context(), &sso.AuthenticateParams{SSOToken: f.Choose(ssoStart(f.Server), devidptest.MaxEmail).Query().Get("token")})
	ok(t, err)
	if entered.MFARequired == nil {
		t.Fatalf("after single sign-on the answer is %+v", entered)
	}
	created, err := f.api.TOTPs.Create(t.Context(), &totps.CreateParams{
		OrganizationID: devidptest.Acme, MemberID: devidptest.Max, IntermediateSessionToken: entered.IntermediateSessionToken,
	})
	ok(t, err)
	in, err := f.api.TOTPs.Authenticate(t.Context(), &totps.AuthenticateParams{
		OrganizationID: devidptest.Acme, MemberID: devidptest.Max, IntermediateSessionToken: entered.IntermediateSessionToken, Code: f.shows(created.Secret),
	})
	ok(t, err)
	switched, err := f.api.Sessions.Exchange(t.Context(), &sessions.ExchangeParams{OrganizationID: devidptest.Globex, SessionToken: in.SessionToken})
	ok(t, err)
	if switched.MemberAuthenticated || switched.PrimaryRequired == nil {
		t.Errorf("Globex lets in %+v", switched)
	}
}

func TestARecoveryCodeTakesThePlaceOfTheApp(t *testing.T) {
	t.Parallel()
	f := startSecondFactors(t)
	created := f.enroll()
	ist := f.enter().IntermediateSessionToken
	_, err := f.recover(ist, "abcd-efgh-ijkl")
	wantError(t, err, http.StatusUnauthorized, "unable_to_authenticate_recovery_code")
	in, err := f.recover(ist, created.RecoveryCodes[0])
	ok(t, err)
	if in.RecoveryCodesRemaining != 9 || in.MemberSession.AuthenticationFactors[1].RecoveryCodeFactor == nil {
		t.Errorf("%d codes remain; the factors are %+v", in.RecoveryCodesRemaining, in.MemberSession.AuthenticationFactors)
	}
	_, err = f.recover(f.enter().IntermediateSessionToken, created.RecoveryCodes[0])
	wantError(t, err, http.StatusUnauthorized, "unable_to_authenticate_recovery_code")

	emma := &recoverycodes.GetParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Emma}
	left, err := f.api.RecoveryCodes.Get(t.Context(), emma)
	ok(t, err)
	if len(left.RecoveryCodes) != 9 || left.RecoveryCodes[0] != created.RecoveryCodes[1] {
		t.Errorf("left are %v of %v", left.RecoveryCodes, created.RecoveryCodes)
	}
	rotated, err := f.api.RecoveryCodes.Rotate(t.Context(), &recoverycodes.RotateParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Emma})
	ok(t, err)
	if len(rotated.RecoveryCodes) != 10 || rotated.RecoveryCodes[0] == created.RecoveryCodes[1] {
		t.Errorf("rotated to %v", rotated.RecoveryCodes)
	}

	_, err = f.api.Organizations.Members.DeleteTOTP(t.Context(), &members.DeleteTOTPParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Emma})
	ok(t, err)
	_, err = f.api.RecoveryCodes.Get(t.Context(), emma)
	wantError(t, err, http.StatusNotFound, "recovery_codes_not_found")
	f.enroll()
}

func TestWhatASecondFactorIsRefusedFor(t *testing.T) {
	t.Parallel()
	f := startSecondFactors(t)
	ist := f.enter().IntermediateSessionToken
	_, err := f.authenticate(ist, "123456")
	wantError(t, err, http.StatusNotFound, "totp_not_found")
	_, err = f.recover(ist, "abcd-efgh-ijkl")
	wantError(t, err, http.StatusNotFound, "recovery_codes_not_found")
	_, err = f.api.TOTPs.Create(t.Context(), &totps.CreateParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Ada, IntermediateSessionToken: ist})
	wantError(t, err, http.StatusBadRequest, "invalid_intermediate_session_token_for_organization")

	created, err := f.create(ist)
	ok(t, err)
	f.clock.Advance(9*time.Minute + 59*time.Second)
	ist = f.enter().IntermediateSessionToken
	f.clock.Advance(time.Second)
	_, err = f.authenticate(ist, f.shows(created.Secret))
	wantError(t, err, http.StatusNotFound, "totp_not_found")

	created, err = f.create(ist)
	ok(t, err)
	for range 4 {
		_, err = f.authenticate(ist, "000000")
		wantError(t, err, http.StatusUnauthorized, "unable_to_authenticate_totp")
	}
	_, err = f.recover(ist, created.RecoveryCodes[0])
	wantError(t, err, http.StatusNotFound, "recovery_codes_not_found") // of an app that has had no code yet
	_, err = f.authenticate(ist, "000000")
	wantError(t, err, http.StatusUnauthorized, "unable_to_authenticate_totp")
	_, err = f.authenticate(ist, f.shows(created.Secret))
	wantError(t, err, http.StatusNotFound, "intermediate_session_not_found")

	_, err = f.api.Organizations.Update(t.Context(), &organizations.UpdateParams{OrganizationID: devidptest.Acme, MFAMethods: "RESTRICTED", AllowedMFAMethods: []string{"sms_otp"}})
	ok(t, err)
	_, err = f.create(f.enter().IntermediateSessionToken)
	wantError(t, err, http.StatusForbidden, "operation_restricted_by_organization_mfa_methods")
}

func TestWhereItIsOptionalWhoIsEnrolledIsAsked(t *testing.T) {
	t.Parallel()
	f := startSecondFactors(t)
	_, err := f.api.Organizations.Update(t.Context(), &organizations.UpdateParams{OrganizationID: devidptest.Acme, MFAPolicy: "OPTIONAL"})
	ok(t, err)
	signIn(t, f.Server, f.api, devidptest.EmmaEmail, devidptest.Acme)
	_, err = f.api.Organizations.Members.Update(t.Context(), &members.UpdateParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Emma, MFAEnrolled: true})
	ok(t, err)
	f.enroll()
	signIn(t, f.Server, f.api, devidptest.MaxEmail, devidptest.Acme)
}

// own are the requests of a member who is signed in, about a second factor of their own.
type own struct {
	*secondFactors
	member, session string
}

// startOwn is Emma with a session, where a second factor is optional.
func startOwn(t *testing.T) *own {
	t.Helper()
	f := startSecondFactors(t)
	_, err := f.api.Organizations.Update(t.Context(), &organizations.UpdateParams{OrganizationID: devidptest.Acme, MFAPolicy: "OPTIONAL"})
	ok(t, err)
	return &own{f, devidptest.Emma, signIn(t, f.Server, f.api, devidptest.EmmaEmail, devidptest.Acme).SessionToken}
}

func (o *own) create() (*totps.CreateResponse, error) {
	return o.api.TOTPs.Create(o.t.Context(), &totps.CreateParams{OrganizationID: devidptest.Acme, MemberID: o.member, SessionToken: o.session})
}

func (o *own) authenticate(code, enrollment string) (*totps.AuthenticateResponse, error) {
	return o.api.TOTPs.Authenticate(o.t.Context(), &totps.AuthenticateParams{
		OrganizationID: devidptest.Acme, MemberID: o.member, SessionToken: o.session, Code: code, SetMFAEnrollment: enrollment, SessionDurationMinutes: 120,
	})
}

func TestAMemberWithASessionRegistersAnAuthenticatorAppAndIsAskedForItFromThenOn(t *testing.T) {
	t.Parallel()
	o := startOwn(t)
	created, err := o.create()
	ok(t, err)
	if created.Member.TOTPRegistrationID != "" || created.Member.MFAEnrolled {
		t.Errorf("before the first code the member is %+v", created.Member)
	}
	if again := signIn(t, o.Server, o.api, devidptest.EmmaEmail, devidptest.Acme); again.MFARequired != nil {
		t.Error("an app that has had no code yet is asked for")
	}
	_, err = o.authenticate("000000", "enroll")
	wantError(t, err, http.StatusUnauthorized, "unable_to_authenticate_totp")
	in, err := o.authenticate(o.shows(created.Secret), "enroll")
	ok(t, err)
	if in.SessionToken != o.session || !in.Member.MFAEnrolled || in.Member.TOTPRegistrationID != created.TOTPRegistrationID {
		t.Errorf("the same session: %v; the member is %+v", in.SessionToken == o.session, in.Member)
	}
	factors := in.MemberSession.AuthenticationFactors
	if len(factors) != 2 || factors[0].Type != "email_otp" || factors[1].AuthenticatorAppFactor == nil {
		t.Errorf("the session has the factors %+v", factors)
	}
	if got, want := in.MemberSession.ExpiresAt.Sub(o.clock.Now()), 2*time.Hour-time.Second; got < want {
		t.Errorf("the session lives for %s", got)
	}
	_, err = o.api.Sessions.AuthenticateJWTLocal(t.Context(), in.SessionJWT, time.Minute, nil)
	ok(t, err)
	_, err = o.authenticate(o.shows(created.Secret), "enroll")
	wantError(t, err, http.StatusBadRequest, "totp_code_already_authenticated")
	_, err = o.create()
	wantError(t, err, http.StatusBadRequest, "active_totp_exists")

	ist := o.enter().IntermediateSessionToken
	_, err = o.secondFactors.authenticate(ist, o.shows(created.Secret))
	wantError(t, err, http.StatusBadRequest, "totp_code_already_authenticated")
	o.clock.Advance(30 * time.Second)
	_, err = o.secondFactors.authenticate(ist, o.shows(created.Secret))
	ok(t, err)

	o.clock.Advance(30 * time.Second)
	in, err = o.authenticate(o.shows(created.Secret), "unenroll")
	ok(t, err)
	if in.Member.MFAEnrolled || len(in.MemberSession.AuthenticationFactors) != 2 {
		t.Errorf("the member is %+v, with the factors %+v", in.Member, in.MemberSession.AuthenticationFactors)
	}
	signIn(t, o.Server, o.api, devidptest.EmmaEmail, devidptest.Acme)
	recovered, err := o.api.RecoveryCodes.Recover(t.Context(), &recoverycodes.RecoverParams{
		OrganizationID: devidptest.Acme, MemberID: devidptest.Emma, SessionToken: o.session, RecoveryCode: created.RecoveryCodes[0],
	})
	ok(t, err)
	if recovered.SessionToken != o.session || recovered.RecoveryCodesRemaining != 9 {
		t.Errorf("with a recovery code the answer is %+v", recovered)
	}
}

func TestWhatASecondFactorOfASessionIsRefusedFor(t *testing.T) {
	t.Parallel()
	o := startOwn(t)
	max := &own{o.secondFactors, devidptest.Emma, signIn(t, o.Server, o.api, devidptest.MaxEmail, devidptest.Acme).SessionToken}
	_, err := max.create()
	wantError(t, err, http.StatusBadRequest, "member_session_mismatch")
	created, err := o.create()
	ok(t, err)
	_, err = max.authenticate(o.shows(created.Secret), "enroll")
	wantError(t, err, http.StatusBadRequest, "member_session_mismatch")
	_, err = o.api.TOTPs.Create(t.Context(), &totps.CreateParams{OrganizationID: devidptest.Globex, MemberID: devidptest.Emma, SessionToken: o.session})
	wantError(t, err, http.StatusNotFound, "member_not_found")
	agent := o.MintAgent(devidptest.Emma, "read:okrs").AccessToken
	_, err = o.api.TOTPs.Create(t.Context(), &totps.CreateParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Emma, SessionJWT: agent})
	wantError(t, err, http.StatusUnauthorized, "unable_to_parse_session_jwt")
	_, err = o.api.TOTPs.Create(t.Context(), &totps.CreateParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Emma})
	wantError(t, err, http.StatusBadRequest, "no_session_arguments")

	// Whoever guesses loses the registration, and with one that is complete the session.
	for range 5 {
		_, err = o.authenticate("000000", "enroll")
		wantError(t, err, http.StatusUnauthorized, "unable_to_authenticate_totp")
	}
	_, err = o.authenticate(o.shows(created.Secret), "enroll")
	wantError(t, err, http.StatusNotFound, "totp_not_found")
	created, err = o.create()
	ok(t, err)
	for range 4 {
		_, err = o.authenticate("000000", "enroll")
		wantError(t, err, http.StatusUnauthorized, "unable_to_authenticate_totp")
	}
	_, err = o.authenticate(o.shows(created.Secret), "enroll")
	ok(t, err)
	for range 5 {
		_, err = o.authenticate("000000", "unenroll")
		wantError(t, err, http.StatusUnauthorized, "unable_to_authenticate_totp")
	}
	_, err = o.authenticate(o.shows(created.Secret), "unenroll")
	wantError(t, err, http.StatusNotFound, "session_not_found")

	_, err = o.api.Organizations.Update(t.Context(), &organizations.UpdateParams{OrganizationID: devidptest.Acme, MFAMethods: "RESTRICTED", AllowedMFAMethods: []string{"sms_otp"}})
	ok(t, err)
	max.member = devidptest.Max
	_, err = max.create()
	wantError(t, err, http.StatusForbidden, "operation_restricted_by_organization_mfa_methods")
}

func TestWhereASecondFactorIsRequiredNobodyChoosesNotToBeAsked(t *testing.T) {
	t.Parallel()
	f := startSecondFactors(t)
	ist := f.enter().IntermediateSessionToken
	created, err := f.create(ist)
	ok(t, err)
	in, err := f.authenticate(ist, f.shows(created.Secret))
	ok(t, err)
	o := &own{f, devidptest.Emma, in.SessionToken}
	f.clock.Advance(30 * time.Second)
	in, err = o.authenticate(f.shows(created.Secret), "enroll")
	ok(t, err)
	if in.Member.MFAEnrolled {
		t.Error("what cannot be chosen was chosen")
	}
}
