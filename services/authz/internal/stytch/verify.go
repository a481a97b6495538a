package stytch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/b2bstytchapi"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/idp"
)

// Failures of a token that are certain without asking Stytch, and the one that is not.
var (
	// ErrTokenInvalid says that a token is malformed, forged, made for someone else or of another kind.
	ErrTokenInvalid = errors.New("the token is not valid")
	// ErrTokenExpired says that a token was good and has expired.
	ErrTokenExpired = errors.New("the token has expired")
	// ErrKeyUnknown says that a token names a key that is not in the key set. It comes together with ErrTokenInvalid when
	// the key set is fresh, and with ErrUnavailable when it could not be refreshed.
	ErrKeyUnknown = errors.New("the token names an unknown key")
)

const (
	// algorithm is the only one that Stytch signs with. A key set may leave it open; we do not.
	algorithm = "RS256"
	// maxKeyID bounds a key id, in bytes.
	maxKeyID = 256
	// anyAge switches off the SDK's limit on a session JWT's age, for which 0 does not mean "none". What ends a JWT is its
	// own expiry.
	anyAge = 100 * 365 * 24 * time.Hour
)

// SessionJWT is what a verified session JWT says.
type SessionJWT struct {
	SessionID, MemberID, OrganizationID string
	// Expire is when the JWT itself expires; the session lives longer.
	Expire time.Time
}

// AccessToken is what a verified access token of a Connected App says.
type AccessToken struct {
	MemberID, OrganizationID, ClientID string
	Scopes                             []string
	Audience                           []string
	Expire                             time.Time
}

// unverified are the claims that decide how a token has to be verified. They are not to be believed. The session claim is
// in every session JWT and in no access token.
type unverified struct {
	Session json.RawMessage `json:"https://stytch.com/session"`
	jwt.RegisteredClaims
	keyID string
}

// inspect takes a token apart without verifying it, and refuses what cannot be a token of Stytch's. Tokens without the
// time claims end here: the SDK would panic on the one kind and accept the other for ever.
func inspect(token string) (*unverified, error) {
	var claims unverified
	parsed, _, err := jwt.NewParser().ParseUnverified(token, &claims)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTokenInvalid, err)
	}
	keyID, _ := parsed.Header["kid"].(string)
	switch {
	case parsed.Header["alg"] != algorithm:
		return nil, fmt.Errorf("%w: it is not signed with %s", ErrTokenInvalid, algorithm)
	case keyID == "" || len(keyID) > maxKeyID:
		return nil, fmt.Errorf("%w: it names no key", ErrTokenInvalid)
	case claims.ExpiresAt == nil || claims.IssuedAt == nil:
		return nil, fmt.Errorf("%w: it has no exp or no iat", ErrTokenInvalid)
	case claims.Subject == "":
		return nil, fmt.Errorf("%w: it has no subject", ErrTokenInvalid)
	}
	claims.keyID = keyID
	return &claims, nil
}

func (u *unverified) isSession() bool {
	return len(u.Session) > 0 && string(u.Session) != "null"
}

// IsSessionJWT says which kind of token this claims to be; verification has yet to show whether it is.
func IsSessionJWT(token string) (bool, error) {
	claims, err := inspect(token)
	if err != nil {
		return false, err
	}
	return claims.isSession(), nil
}

// VerifySessionJWT verifies a session JWT by the project's keys, without asking Stytch. ErrTokenInvalid, ErrTokenExpired,
// ErrKeyUnknown, ErrUnavailable.
func (c *Client) VerifySessionJWT(ctx context.Context, token string) (_ *SessionJWT, err error) {
	defer recovered(&err)
	api, claims, err := c.prepare(ctx, token)
	if err != nil {
		return nil, err
	}
	if !claims.isSession() {
		return nil, fmt.Errorf("%w: it is not a session JWT", ErrTokenInvalid)
	}
	session, err := api.Sessions.AuthenticateJWTLocal(ctx, token, anyAge, nil)
	if err != nil {
		return nil, c.classify(api, claims, err)
	}
	if session.MemberSessionID == "" || session.MemberID == "" || session.OrganizationID == "" {
		return nil, fmt.Errorf("%w: it names no session, member or organization", ErrTokenInvalid)
	}
	if err := c.notExpired(claims); err != nil {
		return nil, err
	}
	return &SessionJWT{
		SessionID:      session.MemberSessionID,
		MemberID:       session.MemberID,
		OrganizationID: session.OrganizationID,
		Expire:         claims.ExpiresAt.Time, // of the claims that the SDK has just verified
	}, nil
}

// VerifyAccessToken verifies an access token by the project's keys, without asking Stytch. The SDK takes a session JWT for
// an access token without client and scope, and a session's custom claims can imitate those; neither passes here.
// ErrTokenInvalid, ErrTokenExpired, ErrKeyUnknown, ErrUnavailable.
func (c *Client) VerifyAccessToken(ctx context.Context, token string) (_ *AccessToken, err error) {
	defer recovered(&err)
	api, claims, err := c.prepare(ctx, token)
	if err != nil {
		return nil, err
	}
	if claims.isSession() {
		return nil, fmt.Errorf("%w: it is a session JWT", ErrTokenInvalid)
	}
	answer, err := api.IDP.IntrospectTokenLocal(ctx, &idp.IntrospectTokenLocalParams{Token: token})
	if err != nil {
		return nil, c.classify(api, claims, err)
	}
	if answer.ClientID == "" || answer.Scope == "" || answer.Organization.OrganizationID == "" || answer.Expiry == nil {
		return nil, fmt.Errorf("%w: it names no client, scope, organization or expiry", ErrTokenInvalid)
	}
	if err := c.notExpired(claims); err != nil {
		return nil, err
	}
	return &AccessToken{
		MemberID:       answer.Subject,
		OrganizationID: answer.Organization.OrganizationID,
		ClientID:       answer.ClientID,
		Scopes:         strings.Fields(answer.Scope),
		Audience:       answer.Audience,
		Expire:         answer.Expiry.Time,
	}, nil
}

func (c *Client) prepare(ctx context.Context, token string) (*b2bstytchapi.API, *unverified, error) {
	claims, err := inspect(token)
	if err != nil {
		return nil, nil, err
	}
	api, err := c.connected(ctx)
	return api, claims, err
}

// classify says what the SDK's refusal of a token means.
func (c *Client) classify(api *b2bstytchapi.API, claims *unverified, err error) error {
	if !slices.Contains(api.IDP.JWKS.KIDs(), claims.keyID) {
		if c.transport.keysInDoubt.Load() {
			return fmt.Errorf("%w, and the key set cannot be refreshed: %w", ErrKeyUnknown, ErrUnavailable)
		}
		return fmt.Errorf("%w: %w", ErrTokenInvalid, ErrKeyUnknown)
	}
	// The SDK tries two issuers and reports the second attempt, so that an expired token of the first issuer is also one
	// of a wrong issuer. By now the signature was found good: the issuer can be read from the claims.
	ours := claims.Issuer == "stytch.com/"+c.cfg.ProjectID || claims.Issuer == c.cfg.BaseURI
	if errors.Is(err, jwt.ErrTokenExpired) && ours && slices.Contains(claims.Audience, c.cfg.ProjectID) {
		return fmt.Errorf("%w: %w", ErrTokenExpired, err)
	}
	return fmt.Errorf("%w: %w", ErrTokenInvalid, err)
}

// notExpired judges by the client's clock what the SDK judged by the system's.
func (c *Client) notExpired(claims *unverified) error {
	if !c.cfg.Now().Before(claims.ExpiresAt.Time) {
		return ErrTokenExpired
	}
	return nil
}

// recovered turns a panic of the SDK, which some tokens cause, into ErrTokenInvalid.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: verifying it panicked: %v", ErrTokenInvalid, r)
	}
}
