package token

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// SessionLife is Stytch's fixed life of a session JWT, whatever the session's own.
const SessionLife = 5 * time.Minute

const (
	sessionClaim      = "https://stytch.com/session"
	organizationClaim = "https://stytch.com/organization"
)

// ErrInvalid means that a token is not one of this issuer's, or not of the kind asked for.
var ErrInvalid = errors.New("invalid token")

// Issuer signs and checks tokens. It is safe for concurrent use.
type Issuer struct {
	Key       *Key
	ProjectID string
}

// Name is the issuer that stytch-go accepts at whatever address it reaches the API.
func (i Issuer) Name() string { return "stytch.com/" + i.ProjectID }

// Organization is the tenant that a token is good for.
type Organization struct {
	ID   string `json:"organization_id"`
	Slug string `json:"slug"`
}

// Session is what a session JWT says.
type Session struct {
	ID             string
	MemberID       string
	Organization   Organization
	Roles          []string
	Factors        any // As the session carries them.
	StartedAt      time.Time
	LastAccessedAt time.Time
	ExpiresAt      time.Time // Of the session.
	CustomClaims   map[string]any
}

// ReservedClaims are the claims that custom ones may not replace.
func ReservedClaims() []string {
	return []string{"iss", "aud", "sub", "iat", "nbf", "exp", "jti", "client_id", "scope", sessionClaim, organizationClaim}
}

// SignSession signs a session JWT.
func (i Issuer) SignSession(s Session, now time.Time) (string, error) {
	claims := jwt.MapClaims(maps.Clone(s.CustomClaims))
	if claims == nil {
		claims = jwt.MapClaims{}
	}
	maps.Copy(claims, jwt.MapClaims{
		"iss": i.Name(), "aud": []string{i.ProjectID}, "sub": s.MemberID,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(SessionLife).Unix(),
		sessionClaim: map[string]any{
			"id": s.ID, "started_at": stamp(s.StartedAt), "last_accessed_at": stamp(s.LastAccessedAt),
			"expires_at": stamp(s.ExpiresAt), "attributes": map[string]string{"ip_address": "", "user_agent": ""},
			"roles": s.Roles, "authentication_factors": s.Factors,
		},
		organizationClaim: s.Organization,
	})
	return i.sign(claims)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Access is what an access token says.
type Access struct {
	ID           string // jti
	MemberID     string
	ClientID     string
	Scope        string
	Resources    []string // In the audience beside the project id (RFC 8707).
	Organization Organization
	IssuedAt     time.Time
	ExpiresAt    time.Time
}

// Audience is the token's aud claim.
func (i Issuer) Audience(a Access) []string { return append([]string{i.ProjectID}, a.Resources...) }

// SignAccess signs an access token.
func (i Issuer) SignAccess(a Access) (string, error) {
	return i.sign(jwt.MapClaims{
		"iss": i.Name(), "aud": i.Audience(a), "sub": a.MemberID, "jti": a.ID, "client_id": a.ClientID, "scope": a.Scope,
		"iat": a.IssuedAt.Unix(), "nbf": a.IssuedAt.Unix(), "exp": a.ExpiresAt.Unix(), organizationClaim: a.Organization,
	})
}

// SignID signs an OpenID Connect ID token with these claims.
func (i Issuer) SignID(claims map[string]any) (string, error) { return i.sign(claims) }

func (i Issuer) sign(claims jwt.MapClaims) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header["kid"] = i.Key.id
	signed, err := t.SignedString(i.Key.private)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return signed, nil
}

// claims are those that the checks below read, of every kind of token.
type claims struct {
	jwt.RegisteredClaims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
	Session  *struct {
		ID string `json:"id"`
	} `json:"https://stytch.com/session"`
	Organization *Organization `json:"https://stytch.com/organization"`
}

// SessionID returns the session that a session JWT belongs to. An expired one is accepted: the session itself decides,
// and Stytch refreshes such a token as well.
func (i Issuer) SessionID(raw string) (string, error) {
	c, err := i.parse(raw)
	if err != nil {
		return "", err
	}
	if c.Session == nil || c.Session.ID == "" || c.ClientID != "" {
		return "", fmt.Errorf("%w: not a session token", ErrInvalid)
	}
	return c.Session.ID, nil
}

// Access reads an access token that has not expired.
func (i Issuer) Access(raw string, now time.Time) (Access, error) {
	c, err := i.parse(raw)
	if err != nil {
		return Access{}, err
	}
	if c.Session != nil || c.ClientID == "" || c.Organization == nil || c.ID == "" || c.ExpiresAt == nil || c.IssuedAt == nil {
		return Access{}, fmt.Errorf("%w: not an access token", ErrInvalid)
	}
	if !now.Before(c.ExpiresAt.Time) {
		return Access{}, fmt.Errorf("%w: expired", ErrInvalid)
	}
	resources := slices.DeleteFunc(slices.Clone([]string(c.Audience)), func(a string) bool { return a == i.ProjectID })
	return Access{
		ID: c.ID, MemberID: c.Subject, ClientID: c.ClientID, Scope: c.Scope, Resources: resources,
		Organization: *c.Organization, IssuedAt: c.IssuedAt.Time, ExpiresAt: c.ExpiresAt.Time,
	}, nil
}

// parse checks signature, issuer and audience, but no times.
func (i Issuer) parse(raw string) (claims, error) {
	var c claims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithoutClaimsValidation())
	if _, err := parser.ParseWithClaims(raw, &c, func(*jwt.Token) (any, error) { return &i.Key.private.PublicKey, nil }); err != nil {
		return claims{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if c.Issuer != i.Name() || !slices.Contains(c.Audience, i.ProjectID) {
		return claims{}, fmt.Errorf("%w: for another project", ErrInvalid)
	}
	return c, nil
}

// S256 is the code challenge of a verifier (RFC 7636, section 4.2).
func S256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
