package state

import (
	"slices"
	"strings"
	"time"
)

// Lives of what Connected Apps hold. Stytch documents one hour and three months; an authorization code is short, as
// RFC 6749 section 4.1.2 asks.
const (
	CodeLife         = time.Minute
	AccessTokenLife  = time.Hour
	RefreshTokenLife = 90 * 24 * time.Hour
)

// Values of App.Type that this provider makes.
const (
	AppThirdParty       = "third_party"        // With a secret.
	AppThirdPartyPublic = "third_party_public" // Without one: PKCE is mandatory and refresh tokens rotate.
)

// App is a Connected App: an OAuth client.
type App struct {
	ClientID     string    `json:"client_id"`
	Name         string    `json:"name"`
	Description  string    `json:"description"`
	Type         string    `json:"type"`
	LogoURL      string    `json:"logo_url"`
	RedirectURIs []string  `json:"redirect_uris"`
	AuthMethod   string    `json:"auth_method"` // RFC 7591, token_endpoint_auth_method.
	SecretHash   string    `json:"secret_hash,omitempty"`
	MetadataHash string    `json:"metadata_hash,omitempty"` // Of a public registration, to find it again.
	CreatedAt    time.Time `json:"created_at"`
}

// Consent is what a member lets an application do, stored under the pair of both. Everything that the application holds
// for the member names the consent by its id, so that a consent given anew does not revive old tokens.
type Consent struct {
	ConsentID      string    `json:"consent_id"`
	MemberID       string    `json:"member_id"`
	OrganizationID string    `json:"organization_id"`
	ClientID       string    `json:"client_id"`
	Scopes         []string  `json:"scopes"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// Grant is the part that codes, refresh tokens and access tokens share. A family is what descends from one code: it
// falls together when a code or a rotated refresh token comes a second time (RFC 9700, section 4.14.2).
type Grant struct {
	FamilyID       string   `json:"family_id"`
	ConsentID      string   `json:"consent_id"`
	ClientID       string   `json:"client_id"`
	MemberID       string   `json:"member_id"`
	OrganizationID string   `json:"organization_id"`
	Scopes         []string `json:"scopes"`
	Resources      []string `json:"resources"` // RFC 8707.
}

// Scope is the grant's scopes in their OAuth spelling.
func (g Grant) Scope() string { return strings.Join(g.Scopes, " ") }

// Has reports whether the grant includes the scope.
func (g Grant) Has(scope string) bool { return slices.Contains(g.Scopes, scope) }

// Code is an authorization code, stored under its hash. A used one is kept until it expires, to notice a replay.
type Code struct {
	Grant
	RedirectURI   string    `json:"redirect_uri"`
	CodeChallenge string    `json:"code_challenge"`
	Nonce         string    `json:"nonce"`
	Used          bool      `json:"used"`
	ExpiresAt     time.Time `json:"expires_at"`
}

// RefreshToken is stored under its hash. A rotated one is kept until it expires, to notice a replay.
type RefreshToken struct {
	Grant
	Rotated   bool      `json:"rotated"`
	ExpiresAt time.Time `json:"expires_at"`
}

// AccessToken records, under its jti, a token that is still good. One that is not here is revoked.
type AccessToken struct {
	Grant
	ExpiresAt time.Time `json:"expires_at"`
}

// Apps are the Connected Apps by client id.
func (tx *Tx) Apps() Table[App] { return Table[App]{tx, "apps"} }

// Consents are stored under ConsentKey.
func (tx *Tx) Consents() Table[Consent] { return Table[Consent]{tx, "consents"} }

// Codes are stored under their hash.
func (tx *Tx) Codes() Table[Code] { return Table[Code]{tx, "codes"} }

// RefreshTokens are stored under their hash.
func (tx *Tx) RefreshTokens() Table[RefreshToken] { return Table[RefreshToken]{tx, "refresh_tokens"} }

// AccessTokens are stored under their jti.
func (tx *Tx) AccessTokens() Table[AccessToken] { return Table[AccessToken]{tx, "access_tokens"} }

// ConsentKey is where the consent of a member to an application is stored.
func ConsentKey(memberID, clientID string) string { return memberID + "/" + clientID }

// GrantConsent records that the member lets the application use exactly these scopes, keeping the consent's id if there
// is one already.
func (tx *Tx) GrantConsent(member Member, clientID string, scopes []string, now time.Time) Consent {
	key := ConsentKey(member.MemberID, clientID)
	consent, found := tx.Consents().Get(key)
	if !found {
		consent = Consent{
			ConsentID: NewID("consent"), MemberID: member.MemberID, OrganizationID: member.OrganizationID,
			ClientID: clientID, CreatedAt: now,
		}
	}
	consent.Scopes, consent.UpdatedAt = scopes, now
	tx.Consents().Put(key, consent)
	return consent
}

// ConsentTo returns the consent that the grant rests on, if there still is one.
func (tx *Tx) ConsentTo(g Grant) (Consent, bool) {
	consent, found := tx.Consents().Get(ConsentKey(g.MemberID, g.ClientID))
	return consent, found && consent.ConsentID == g.ConsentID
}

// Consented reports whether the grant still rests on a consent.
func (tx *Tx) Consented(g Grant) bool {
	_, consented := tx.ConsentTo(g)
	return consented
}

// RevokeConsent takes back a consent and everything issued under it. It reports whether there was one.
func (tx *Tx) RevokeConsent(memberID, clientID string) bool {
	key := ConsentKey(memberID, clientID)
	if _, found := tx.Consents().Get(key); !found {
		return false
	}
	tx.Consents().Delete(key)
	tx.revokeGrants(func(g Grant) bool { return g.MemberID == memberID && g.ClientID == clientID })
	return true
}

// RevokeFamily takes back everything that descends from one authorization code.
func (tx *Tx) RevokeFamily(familyID string) {
	tx.revokeGrants(func(g Grant) bool { return g.FamilyID == familyID })
}

func (tx *Tx) revokeGrants(match func(Grant) bool) {
	tx.Codes().DeleteFunc(func(c Code) bool { return match(c.Grant) })
	tx.RefreshTokens().DeleteFunc(func(t RefreshToken) bool { return match(t.Grant) })
	tx.AccessTokens().DeleteFunc(func(t AccessToken) bool { return match(t.Grant) })
}
