package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"rsc.io/qr"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

// Lengths of the time in which an authenticator app is to have its first code, in minutes.
const (
	defaultTOTPMinutes = 60
	minTOTPMinutes     = 5
	maxTOTPMinutes     = 1440
)

// secondFactorRequest names who is asked for a second factor, and the sign-in that got so far. To add a second factor to a
// session that there is already is not emulated.
type secondFactorRequest struct {
	OrganizationID           string `json:"organization_id"`
	MemberID                 string `json:"member_id"`
	IntermediateSessionToken string `json:"intermediate_session_token"`
	SessionToken             string `json:"session_token"`
	SessionJWT               string `json:"session_jwt"`
}

// entrant is a member who has proven their address, and is asked for a second factor.
type entrant struct {
	proof  proof
	org    state.Organization
	member state.Member
}

// entrant finds who a request for a second factor is about. The proof has to be of that member's address, and one that the
// organization takes.
func (c *call) entrant(req secondFactorRequest) (entrant, error) {
	if err := exactlyOne(count(req.IntermediateSessionToken, req.SessionToken, req.SessionJWT)); err != nil {
		return entrant{}, err
	}
	if req.IntermediateSessionToken == "" {
		return entrant{}, notEmulated("A second factor for a session")
	}
	p, err := c.intermediate(req.IntermediateSessionToken)
	if err != nil {
		return entrant{}, err
	}
	org, err := c.organization(req.OrganizationID)
	if err != nil {
		return entrant{}, err
	}
	m, err := c.member(org, req.MemberID)
	if err != nil {
		return entrant{}, err
	}
	if state.NormalEmail(m.Email) != state.NormalEmail(p.email) || c.missing(p, org) != nil {
		return entrant{}, badRequest("invalid_intermediate_session_token_for_organization", "The intermediate session is not of this member.")
	}
	if org.MFAMethods == state.Restricted && !slices.Contains(org.AllowedMFAMethods, "totp") {
		return entrant{}, forbidden("operation_restricted_by_organization_mfa_methods", "The organization does not take authenticator apps.")
	}
	return entrant{p, org, m}, nil
}

type createTOTPRequest struct {
	secondFactorRequest
	ExpirationMinutes *int `json:"expiration_minutes"`
}

type createTOTPAnswer struct {
	memberAnswer
	TOTPRegistrationID string   `json:"totp_registration_id"`
	Secret             string   `json:"secret"`
	QRCode             string   `json:"qr_code"`
	RecoveryCodes      []string `json:"recovery_codes"`
}

// createTOTP begins to register an authenticator app, which its first code completes. It replaces one that was not
// completed.
func (c *call) createTOTP(req createTOTPRequest) (any, error) {
	minutes := defaultTOTPMinutes
	if req.ExpirationMinutes != nil {
		minutes = *req.ExpirationMinutes
	}
	if minutes < minTOTPMinutes || minutes > maxTOTPMinutes {
		return nil, badRequest("invalid_expiration", "expiration_minutes must be from %d to %d.", minTOTPMinutes, maxTOTPMinutes)
	}
	who, err := c.entrant(req.secondFactorRequest)
	if err != nil {
		return nil, err
	}
	if who.member.TOTP != nil && who.member.TOTP.Verified {
		return nil, badRequest("active_totp_exists", "The member has an authenticator app already.")
	}
	app := state.NewTOTP(c.now.Add(time.Duration(minutes) * time.Minute))
	image, err := qrCode(who, app.Secret)
	if err != nil {
		return nil, err
	}
	who.member.TOTP, who.member.UpdatedAt = &app, c.now
	c.tx.Members().Put(who.member.MemberID, who.member)
	return createTOTPAnswer{
		memberAnswer: c.answerMember(who.member, who.org), TOTPRegistrationID: app.RegistrationID, Secret: app.Secret,
		QRCode: image, RecoveryCodes: app.RecoveryCodes,
	}, nil
}

// qrCode is what authenticator apps scan, as an image in a data URL.
func qrCode(who entrant, secret string) (string, error) {
	uri := url.URL{
		Scheme: "otpauth", Host: "totp", Path: "/" + who.org.Name + ":" + who.member.Email,
		RawQuery: url.Values{"secret": {secret}, "issuer": {who.org.Name}}.Encode(),
	}
	code, err := qr.Encode(uri.String(), qr.M)
	if err != nil {
		return "", fmt.Errorf("drawing a QR code: %w", err)
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(code.PNG()), nil
}

type authenticateTOTPRequest struct {
	sessionRequest
	secondFactorRequest
	Code             string `json:"code"`
	SetMFAEnrollment string `json:"set_mfa_enrollment"`
}

// authenticateTOTP signs in with the code that an authenticator app shows. The app's first code completes its registration.
func (c *call) authenticateTOTP(req authenticateTOTPRequest) (any, error) {
	who, err := c.entrant(req.secondFactorRequest)
	if err != nil {
		return nil, err
	}
	app := who.member.TOTP
	if !app.Usable(c.now) {
		return nil, notFound("totp_not_found", "The member has no authenticator app.")
	}
	taken, repeated := app.Take(req.Code, c.now)
	switch {
	case repeated:
		return nil, badRequest("totp_code_already_authenticated", "The code was used: wait for the next one.")
	case !taken:
		c.countWrong(req.IntermediateSessionToken)
		return nil, refuse(http.StatusUnauthorized, "unable_to_authenticate_totp", "The code is wrong.").keeping()
	}
	switch req.SetMFAEnrollment {
	case "enroll":
		who.member.MFAEnrolled = true
	case "unenroll":
		who.member.MFAEnrolled = false
	}
	factor := c.newFactor("totp", "authenticator_app")
	factor.AuthenticatorAppFactor = &state.AuthenticatorAppFactor{TOTPID: app.RegistrationID}
	return c.complete(who, factor, req.secondFactorRequest, req.sessionRequest)
}

// countWrong counts a wrong code against the sign-in, which ends with one too many.
func (c *call) countWrong(token string) {
	key := state.Hash(token)
	s, _ := c.tx.IntermediateSessions().Get(key)
	if s.Tries++; s.Tries >= state.MaxPasscodeTries {
		c.tx.IntermediateSessions().Delete(key)
		return
	}
	c.tx.IntermediateSessions().Put(key, s)
}

// complete signs in with both factors, which uses the intermediate session up.
func (c *call) complete(who entrant, second state.Factor, req secondFactorRequest, session sessionRequest) (*signedIn, error) {
	answer, err := c.signInWith(who.member, who.org, who.proof, []state.Factor{second}, session)
	if err != nil {
		return nil, err
	}
	c.tx.IntermediateSessions().Delete(state.Hash(req.IntermediateSessionToken))
	return answer, nil
}

type recoverRequest struct {
	sessionRequest
	secondFactorRequest
	RecoveryCode string `json:"recovery_code"`
}

type recoverAnswer struct {
	*signedIn
	RecoveryCodesRemaining int `json:"recovery_codes_remaining"`
}

// recoverAccount signs in with a recovery code in place of the authenticator app.
func (c *call) recoverAccount(req recoverRequest) (any, error) {
	who, err := c.entrant(req.secondFactorRequest)
	if err != nil {
		return nil, err
	}
	app := who.member.TOTP
	if app == nil || !app.Verified {
		return nil, notFound("recovery_codes_not_found", "The member has no recovery codes.")
	}
	if !app.TakeRecovery(req.RecoveryCode) {
		c.countWrong(req.IntermediateSessionToken)
		return nil, refuse(http.StatusUnauthorized, "unable_to_authenticate_recovery_code", "The recovery code is wrong, or was used.").keeping()
	}
	factor := c.newFactor("recovery_codes", "recovery_code")
	factor.RecoveryCodeFactor = &state.RecoveryCodeFactor{TOTPRecoveryCodeID: state.NewID("member-recovery-code")}
	answer, err := c.complete(who, factor, req.secondFactorRequest, req.sessionRequest)
	if err != nil {
		return nil, err
	}
	return recoverAnswer{answer, len(app.RecoveryCodes)}, nil
}

type recoveryCodesAnswer struct {
	memberAnswer
	RecoveryCodes []string `json:"recovery_codes"`
}

// getRecoveryCodes shows the codes that are left.
func (c *call) getRecoveryCodes(struct{}) (any, error) {
	m, org, err := c.registered(c.r.PathValue("organization_id"), c.r.PathValue("member_id"))
	if err != nil {
		return nil, err
	}
	return recoveryCodesAnswer{c.answerMember(m, org), m.TOTP.RecoveryCodes}, nil
}

type rotateRecoveryCodesRequest struct {
	OrganizationID string `json:"organization_id"`
	MemberID       string `json:"member_id"`
}

// rotateRecoveryCodes replaces the codes.
func (c *call) rotateRecoveryCodes(req rotateRecoveryCodesRequest) (any, error) {
	m, org, err := c.registered(req.OrganizationID, req.MemberID)
	if err != nil {
		return nil, err
	}
	m.TOTP.RecoveryCodes = state.NewRecoveryCodes()
	c.tx.Members().Put(m.MemberID, m)
	return recoveryCodesAnswer{c.answerMember(m, org), m.TOTP.RecoveryCodes}, nil
}

// registered finds a member who has an authenticator app.
func (c *call) registered(organizationID, memberID string) (state.Member, state.Organization, error) {
	org, err := c.organization(organizationID)
	if err != nil {
		return state.Member{}, org, err
	}
	m, err := c.member(org, memberID)
	if err == nil && (m.TOTP == nil || !m.TOTP.Verified) {
		err = notFound("recovery_codes_not_found", "The member has no recovery codes.")
	}
	return m, org, err
}

// deleteTOTP takes an authenticator app away, so that the member can register another one. Stytch does not say which
// permission that needs; here it is the one for the member's second factor.
func (c *call) deleteTOTP(struct{}) (any, error) {
	org, err := c.organization(c.r.PathValue("organization_id"))
	if err != nil {
		return nil, err
	}
	m, err := c.member(org, c.r.PathValue("member_id"))
	if err != nil {
		return nil, err
	}
	if err := c.allowOn(m, "update.settings.mfa-enrolled", selfToo); err != nil {
		return nil, err
	}
	m.TOTP, m.UpdatedAt = nil, c.now
	c.tx.Members().Put(m.MemberID, m)
	return c.answerMember(m, org), nil
}
