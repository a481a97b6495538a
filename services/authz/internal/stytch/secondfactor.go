package stytch

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations/members"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/recoverycodes"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sessions"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/totps"
)

// totpMinutes is how long Stytch gives a member for the first code of an authenticator app: as long as for the sign-in.
const totpMinutes = 10

// SecondFactor is a second factor that a member has, or that an organization asks for.
type SecondFactor struct {
	OrganizationID, MemberID string
	// Registered says that the member has an authenticator app, and Allowed that the organization takes one.
	Registered, Allowed bool
	// Enrolled says that the member is asked for it at every sign-in, and Required that all members are.
	Enrolled, Required bool
	// RecoveryCodesLeft is set by OwnSecondFactor, where there is an app.
	RecoveryCodesLeft *int32
}

func newSecondFactor(doing string, m organizations.Member, o organizations.Organization) (*SecondFactor, error) {
	if m.MemberID == "" || o.OrganizationID == "" {
		return nil, nonsense(doing, "it does not say whose second factor is missing")
	}
	return &SecondFactor{
		OrganizationID: o.OrganizationID, MemberID: m.MemberID, Registered: m.TOTPRegistrationID != "", Allowed: totpAllowed(o),
		Enrolled: m.MFAEnrolled, Required: o.MFAPolicy == "REQUIRED_FOR_ALL",
	}, nil
}

// Entrant is who registers an authenticator app or gives its code: on the way into an organization, or with a session.
type Entrant struct {
	OrganizationID, MemberID string
	// IntermediateToken stands for the proof of the member's address; empty with a session.
	IntermediateToken string
	Session           Credential
}

// Enrollment is what a code does to whether the member is asked for codes from then on, in Stytch's words.
type Enrollment string

// The kinds of Enrollment. An organization that asks all its members leaves none to choose.
const (
	EnrollmentAsBefore Enrollment = ""
	EnrollmentBegins   Enrollment = "enroll"
	EnrollmentEnds     Enrollment = "unenroll"
)

// OwnSecondFactor says what second factor a member has, on the product's own authority: whoever asks has to be that member.
func (c *Client) OwnSecondFactor(ctx context.Context, organizationID, memberID string) (*SecondFactor, error) {
	const doing = "getting a member's second factor"
	answer, err := c.getMember(ctx, doing, organizationID, memberID)
	if err != nil {
		return nil, err
	}
	factor, err := newSecondFactor(doing, answer.Member, answer.Organization)
	if err != nil || !factor.Registered {
		return factor, err
	}
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	codes, err := api.RecoveryCodes.Get(ctx, &recoverycodes.GetParams{OrganizationID: organizationID, MemberID: memberID})
	if err = translate("counting recovery codes", err); err != nil && !IsType(err, "recovery_codes_not_found") {
		return nil, err
	}
	left := int32(len(codes.RecoveryCodes))
	factor.RecoveryCodesLeft = &left
	return factor, nil
}

func totpAllowed(o organizations.Organization) bool {
	return o.MFAMethods != "RESTRICTED" || slices.Contains(o.AllowedMFAMethods, "totp")
}

// Authenticator is what a member needs to register an authenticator app.
type Authenticator struct {
	// Secret is that of the app, in base32.
	Secret string
	// QRCode is a PNG of it; nil where Stytch gave none that can be read.
	QRCode []byte
	// RecoveryCodes take the place of the app's codes.
	RecoveryCodes []string
}

// CreateTOTP begins to register an authenticator app. AuthenticateTOTP completes it.
func (c *Client) CreateTOTP(ctx context.Context, who Entrant) (*Authenticator, error) {
	const doing = "registering an authenticator app"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	params := &totps.CreateParams{
		OrganizationID: who.OrganizationID, MemberID: who.MemberID, IntermediateSessionToken: who.IntermediateToken, ExpirationMinutes: totpMinutes,
	}
	params.SessionToken, params.SessionJWT = who.Session.only()
	answer, err := api.TOTPs.Create(ctx, params)
	if err != nil {
		return nil, translate(doing, err)
	}
	if answer.Secret == "" || len(answer.RecoveryCodes) == 0 {
		return nil, nonsense(doing, "there is no secret, or there are no recovery codes")
	}
	out := &Authenticator{Secret: answer.Secret, RecoveryCodes: answer.RecoveryCodes}
	if image, ok := strings.CutPrefix(answer.QrCode, "data:image/png;base64,"); ok {
		if png, err := base64.StdEncoding.DecodeString(strings.TrimSpace(image)); err == nil {
			out.QRCode = png // the secret alone will do, too
		}
	}
	return out, nil
}

// AuthenticateTOTP enters an organization with a proven address and the code of an authenticator app, or adds the code to a
// session, which lasts its full length from then on.
func (c *Client) AuthenticateTOTP(ctx context.Context, who Entrant, code string, then Enrollment) (*Entry, error) {
	const doing = "authenticating a code of an authenticator app"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	params := &totps.AuthenticateParams{
		OrganizationID: who.OrganizationID, MemberID: who.MemberID, IntermediateSessionToken: who.IntermediateToken, Code: code,
		SessionDurationMinutes: c.minutes(), SetMFAEnrollment: string(then),
	}
	params.SessionToken, params.SessionJWT = who.Session.only()
	answer, err := api.TOTPs.Authenticate(ctx, params)
	if err != nil {
		return nil, translate(doing, err)
	}
	return completed(doing, answer.MemberSession, answer.Member, answer.Organization, answer.SessionToken, answer.SessionJWT)
}

// RotateRecoveryCodes replaces a member's recovery codes, on the product's own authority: whoever asks has just given a code.
func (c *Client) RotateRecoveryCodes(ctx context.Context, organizationID, memberID string) ([]string, error) {
	const doing = "rotating recovery codes"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.RecoveryCodes.Rotate(ctx, &recoverycodes.RotateParams{OrganizationID: organizationID, MemberID: memberID})
	if err != nil {
		return nil, translate(doing, err)
	}
	if len(answer.RecoveryCodes) == 0 {
		return nil, nonsense(doing, "there are no recovery codes")
	}
	return answer.RecoveryCodes, nil
}

// RemoveTOTP takes a member's authenticator app away, on the product's own authority: whoever asks has just given a code.
func (c *Client) RemoveTOTP(ctx context.Context, organizationID, memberID string) error {
	api, err := c.connected(ctx)
	if err != nil {
		return err
	}
	_, err = api.Organizations.Members.DeleteTOTP(ctx, &members.DeleteTOTPParams{OrganizationID: organizationID, MemberID: memberID})
	return translate("removing an authenticator app", err)
}

// AuthenticateRecoveryCode enters an organization with a proven address and a recovery code, which is good once, or adds it
// to a session, which lasts its full length from then on.
func (c *Client) AuthenticateRecoveryCode(ctx context.Context, who Entrant, code string) (*Entry, error) {
	const doing = "authenticating a recovery code"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	params := &recoverycodes.RecoverParams{
		OrganizationID: who.OrganizationID, MemberID: who.MemberID, IntermediateSessionToken: who.IntermediateToken, RecoveryCode: code,
		SessionDurationMinutes: c.minutes(),
	}
	params.SessionToken, params.SessionJWT = who.Session.only()
	answer, err := api.RecoveryCodes.Recover(ctx, params)
	if err != nil {
		return nil, translate(doing, err)
	}
	entry, err := completed(doing, answer.MemberSession, answer.Member, answer.Organization, answer.SessionToken, answer.SessionJWT)
	if err != nil {
		return nil, err
	}
	entry.RecoveryCodesLeft = &answer.RecoveryCodesRemaining
	return entry, nil
}

// completed is an entry after which nothing is missing.
func completed(
	doing string, session *sessions.MemberSession, m organizations.Member, o organizations.Organization, token, jwt string,
) (*Entry, error) {
	return entered{authenticated: true, session: session, member: m, organization: o, token: token, jwt: jwt}.entry(doing)
}
