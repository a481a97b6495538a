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

// secondFactorRequest names whose second factor it is about, and the sign-in that got so far or the session.
type secondFactorRequest struct {
	OrganizationID           string `json:"organization_id"`
	MemberID                 string `json:"member_id"`
	IntermediateSessionToken string `json:"intermediate_session_token"`
	SessionToken             string `json:"session_token"`
	SessionJWT               string `json:"session_jwt"`
}

// entrant is a member who has proven their address, and is asked for a second factor or gives one of their own accord.
type entrant struct {
	proof  proof
	org    state.Organization
	member state.Member
	// session is nil while they sign in.
	session *state.Session
}

// entrant finds who a request for a second factor is about. The session has to be that member's, the proof of that member's
// address, and one that the organization takes.
func (c *call) entrant(req secondFactorRequest) (entrant, error) {
	if err := exactlyOne(count(req.IntermediateSessionToken, req.SessionToken, req.SessionJWT)); err != nil {
		return entrant{}, err
	}
	find := c.bySignIn
	if req.IntermediateSessionToken == "" {
		find = c.bySession
	}
	who, err := find(req)
	if err != nil {
		return entrant{}, err
	}
	if who.org.MFAMethods == state.Restricted && !slices.Contains(who.org.AllowedMFAMethods, "totp") {
		return entrant{}, forbidden("operation_restricted_by_organization_mfa_methods", "The organization does not take authenticator apps.")
	}
	return who, nil
}

func (c *call) bySignIn(req secondFactorRequest) (entrant, error) {
	p, err := c.intermediate(req.IntermediateSessionToken)
	if err != nil {
		return entrant{}, err
	}
	org, m, err := c.named(req)
	if err != nil {
		return entrant{}, err
	}
	if state.NormalEmail(m.Email) != state.NormalEmail(p.email) || c.missing(p, org) != nil {
		return entrant{}, badRequest("invalid_intermediate_session_token_for_organization", "The intermediate session is not of this member.")
	}
	return entrant{proof: p, org: org, member: m}, nil
}

// named is the member that a request names, and the organization.
func (c *call) named(req secondFactorRequest) (org state.Organization, m state.Member, err error) {
	if org, err = c.organization(req.OrganizationID); err == nil {
		m, err = c.member(org, req.MemberID)
	}
	return org, m, err
}

func (c *call) bySession(req secondFactorRequest) (entrant, error) {
	who, err := c.identify(req.SessionToken, req.SessionJWT)
	if err != nil {
		return entrant{}, err
	}
	org, m, err := c.named(req)
	if err != nil {
		return entrant{}, err
	}
	if m.MemberID != who.member.MemberID {
		return entrant{}, badRequest("member_session_mismatch", "The session is not of this member.")
	}
	return entrant{proof: who.proof(), org: org, member: m, session: &who.session}, nil
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

// authenticateTOTP signs in with the code that an authenticator app shows, or adds it to a session. The app's first code
// completes its registration.
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
		c.countWrong(who, req.secondFactorRequest)
		return nil, refuse(http.StatusUnauthorized, "unable_to_authenticate_totp", "The code is wrong.").keeping()
	}
	switch {
	case who.org.MFAPolicy == state.RequiredForAll: // there is nothing to choose
	case req.SetMFAEnrollment == "enroll":
		who.member.MFAEnrolled = true
	case req.SetMFAEnrollment == "unenroll":
		who.member.MFAEnrolled = false
	}
	factor := c.newFactor("totp", "authenticator_app")
	factor.AuthenticatorAppFactor = &state.AuthenticatorAppFactor{TOTPID: app.RegistrationID}
	return c.complete(who, factor, req.secondFactorRequest, req.sessionRequest)
}

// countWrong counts a wrong code against the sign-in or the session. One too many ends the sign-in; with a session it ends
// the registration of an app that has had no code yet, and the session of a member who has one.
func (c *call) countWrong(who entrant, req secondFactorRequest) {
	if who.session == nil {
		key := state.Hash(req.IntermediateSessionToken)
		s, _ := c.tx.IntermediateSessions().Get(key)
		if s.Tries++; s.Tries >= state.MaxPasscodeTries {
			c.tx.IntermediateSessions().Delete(key)
			return
		}
		c.tx.IntermediateSessions().Put(key, s)
		return
	}
	session, m := *who.session, who.member
	session.Tries++
	switch {
	case session.Tries < state.MaxPasscodeTries:
	case m.TOTP.Verified:
		c.tx.Sessions().Delete(session.SessionID)
		return
	default:
		session.Tries, m.TOTP = 0, nil
		c.tx.Members().Put(m.MemberID, m)
	}
	c.tx.Sessions().Put(session.SessionID, session)
}

// complete signs in with both factors, which uses the intermediate session up, or adds the second one to the session.
func (c *call) complete(who entrant, second state.Factor, req secondFactorRequest, session sessionRequest) (*signedIn, error) {
	if who.session != nil {
		return c.stepUp(who, second, session)
	}
	answer, err := c.signInWith(who.member, who.org, who.proof, []state.Factor{second}, session)
	if err != nil {
		return nil, err
	}
	c.tx.IntermediateSessions().Delete(state.Hash(req.IntermediateSessionToken))
	return answer, nil
}

// stepUp adds a second factor to a session, in place of an earlier one of its kind.
func (c *call) stepUp(who entrant, second state.Factor, req sessionRequest) (*signedIn, error) {
	session := *who.session
	session.Tries = 0
	session.Factors = append(
		slices.DeleteFunc(slices.Clone(session.Factors), func(f state.Factor) bool { return f.Type == second.Type }), second)
	who.member.UpdatedAt = c.now
	c.tx.Members().Put(who.member.MemberID, who.member)
	session, err := c.use(session, req)
	if err != nil {
		return nil, err
	}
	view := c.viewSession(session, who.member, who.org)
	answer := &signedIn{
		MemberID: who.member.MemberID, OrganizationID: who.org.OrganizationID, Member: c.viewMember(who.member, who.org),
		Organization: c.viewOrganization(who.org), MemberAuthenticated: true, MemberSession: &view,
		SessionToken: c.mac.SessionToken(session.SessionID),
	}
	answer.SessionJWT, err = c.signSession(session, who.member, who.org)
	return answer, err
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

// recoverAccount signs in with a recovery code in place of the authenticator app, or adds it to a session.
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
		c.countWrong(who, req.secondFactorRequest)
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
