package stytch

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/recoverycodes"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sessions"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/totps"
)

// totpMinutes is how long Stytch gives a member for the first code of an authenticator app: as long as for the sign-in.
const totpMinutes = 10

// SecondFactor is a second factor that an organization asks a member for.
type SecondFactor struct {
	OrganizationID, MemberID string
	// Registered says that the member has an authenticator app, and Allowed that the organization takes one.
	Registered, Allowed bool
}

func newSecondFactor(doing string, m organizations.Member, o organizations.Organization) (*SecondFactor, error) {
	if m.MemberID == "" || o.OrganizationID == "" {
		return nil, nonsense(doing, "it does not say whose second factor is missing")
	}
	return &SecondFactor{
		OrganizationID: o.OrganizationID, MemberID: m.MemberID, Registered: m.TOTPRegistrationID != "", Allowed: totpAllowed(o),
	}, nil
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

// CreateTOTP begins to register an authenticator app for a member who has proven their address. AuthenticateTOTP completes it.
func (c *Client) CreateTOTP(ctx context.Context, intermediateToken, organizationID, memberID string) (*Authenticator, error) {
	const doing = "registering an authenticator app"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.TOTPs.Create(ctx, &totps.CreateParams{
		OrganizationID: organizationID, MemberID: memberID, IntermediateSessionToken: intermediateToken, ExpirationMinutes: totpMinutes,
	})
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

// AuthenticateTOTP enters an organization with a proven address and the code of an authenticator app.
func (c *Client) AuthenticateTOTP(ctx context.Context, intermediateToken, organizationID, memberID, code string) (*Entry, error) {
	const doing = "authenticating a code of an authenticator app"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.TOTPs.Authenticate(ctx, &totps.AuthenticateParams{
		OrganizationID: organizationID, MemberID: memberID, IntermediateSessionToken: intermediateToken, Code: code,
		SessionDurationMinutes: c.minutes(),
	})
	if err != nil {
		return nil, translate(doing, err)
	}
	return completed(doing, answer.MemberSession, answer.Member, answer.Organization, answer.SessionToken, answer.SessionJWT)
}

// AuthenticateRecoveryCode enters an organization with a proven address and a recovery code, which is good once.
func (c *Client) AuthenticateRecoveryCode(ctx context.Context, intermediateToken, organizationID, memberID, code string) (*Entry, error) {
	const doing = "authenticating a recovery code"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.RecoveryCodes.Recover(ctx, &recoverycodes.RecoverParams{
		OrganizationID: organizationID, MemberID: memberID, IntermediateSessionToken: intermediateToken, RecoveryCode: code,
		SessionDurationMinutes: c.minutes(),
	})
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
