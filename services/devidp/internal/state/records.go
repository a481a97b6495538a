package state

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/policy"
)

// Lives of the short-lived records.
const (
	IntermediateSessionLife = 10 * time.Minute
	PasscodeLife            = 10 * time.Minute
	MaxPasscodeTries        = 5
	LandingTokenLife        = 10 * time.Minute
	InvitationLife          = 7 * 24 * time.Hour
)

// Values of Member.Status.
const (
	StatusPending = "pending"
	StatusInvited = "invited"
	StatusActive  = "active"
	StatusDeleted = "deleted"
)

// Values of the organization settings that this provider acts on.
const (
	AllAllowed = "ALL_ALLOWED"
	Restricted = "RESTRICTED"
	NotAllowed = "NOT_ALLOWED"
	Optional   = "OPTIONAL"
	// RequiredForAll asks everybody for a second factor; Optional those alone who are enrolled.
	RequiredForAll = "REQUIRED_FOR_ALL"
)

// Organization is a tenant. Its JSON is also what the API answers.
type Organization struct {
	OrganizationID                 string                 `json:"organization_id"`
	Name                           string                 `json:"organization_name"`
	LogoURL                        string                 `json:"organization_logo_url"`
	Slug                           string                 `json:"organization_slug"`
	ExternalID                     string                 `json:"organization_external_id"`
	SSOJITProvisioning             string                 `json:"sso_jit_provisioning"`
	SSOJITAllowedConnections       []string               `json:"sso_jit_provisioning_allowed_connections"`
	SSODefaultConnectionID         string                 `json:"sso_default_connection_id"`
	EmailAllowedDomains            []string               `json:"email_allowed_domains"`
	EmailJITProvisioning           string                 `json:"email_jit_provisioning"`
	EmailInvites                   string                 `json:"email_invites"`
	AuthMethods                    string                 `json:"auth_methods"`
	AllowedAuthMethods             []string               `json:"allowed_auth_methods"`
	MFAPolicy                      string                 `json:"mfa_policy"`
	MFAMethods                     string                 `json:"mfa_methods"`
	AllowedMFAMethods              []string               `json:"allowed_mfa_methods"`
	ImplicitRoles                  []DomainRoleAssignment `json:"rbac_email_implicit_role_assignments"`
	OAuthTenantJITProvisioning     string                 `json:"oauth_tenant_jit_provisioning"`
	ClaimedEmailDomains            []string               `json:"claimed_email_domains"`
	FirstPartyConnectedApps        string                 `json:"first_party_connected_apps_allowed_type"`
	AllowedFirstPartyConnectedApps []string               `json:"allowed_first_party_connected_apps"`
	ThirdPartyConnectedApps        string                 `json:"third_party_connected_apps_allowed_type"`
	AllowedThirdPartyConnectedApps []string               `json:"allowed_third_party_connected_apps"`
	TrustedMetadata                map[string]any         `json:"trusted_metadata"`
	CreatedAt                      time.Time              `json:"created_at"`
	UpdatedAt                      time.Time              `json:"updated_at"`
}

// DomainRoleAssignment gives a role to every member whose address is in the domain.
type DomainRoleAssignment struct {
	Domain string `json:"domain"`
	RoleID string `json:"role_id"`
}

// NewOrganization returns an organization with the settings that Stytch gives a new one.
func NewOrganization(id, name, slug string, now time.Time) Organization {
	return Organization{
		OrganizationID: id, Name: name, Slug: slug,
		SSOJITProvisioning: AllAllowed, EmailJITProvisioning: NotAllowed, EmailInvites: AllAllowed,
		AuthMethods: AllAllowed, MFAPolicy: Optional, MFAMethods: AllAllowed, OAuthTenantJITProvisioning: NotAllowed,
		FirstPartyConnectedApps: AllAllowed, ThirdPartyConnectedApps: AllAllowed,
		SSOJITAllowedConnections: []string{}, EmailAllowedDomains: []string{}, AllowedAuthMethods: []string{},
		AllowedMFAMethods: []string{}, ImplicitRoles: []DomainRoleAssignment{}, ClaimedEmailDomains: []string{},
		AllowedFirstPartyConnectedApps: []string{}, AllowedThirdPartyConnectedApps: []string{},
		TrustedMetadata: map[string]any{}, CreatedAt: now, UpdatedAt: now,
	}
}

// AllowsDomain reports whether the address is in one of the organization's e-mail domains.
func (o Organization) AllowsDomain(email string) bool {
	return slices.ContainsFunc(o.EmailAllowedDomains, func(domain string) bool { return strings.EqualFold(domain, Domain(email)) })
}

// AllowsThirdPartyApp reports whether the organization lets its members connect this application.
func (o Organization) AllowsThirdPartyApp(clientID string) bool {
	switch o.ThirdPartyConnectedApps {
	case NotAllowed:
		return false
	case Restricted:
		return slices.Contains(o.AllowedThirdPartyConnectedApps, clientID)
	default:
		return true
	}
}

// Member is a person in one organization.
type Member struct {
	MemberID          string         `json:"member_id"`
	OrganizationID    string         `json:"organization_id"`
	EmailID           string         `json:"email_id"`
	Email             string         `json:"email"` // As given; compared without regard to case.
	Name              string         `json:"name"`
	Status            string         `json:"status"`
	EmailVerified     bool           `json:"email_verified"`
	IsBreakglass      bool           `json:"is_breakglass"`
	ExternalID        string         `json:"external_id"`
	Roles             []string       `json:"roles"` // Directly assigned ones only.
	TrustedMetadata   map[string]any `json:"trusted_metadata"`
	UntrustedMetadata map[string]any `json:"untrusted_metadata"`
	MFAEnrolled       bool           `json:"mfa_enrolled"`
	TOTP              *TOTP          `json:"totp,omitempty"` // The authenticator app; nil for none.
	CreatedAt         time.Time      `json:"created_at"`
	UpdatedAt         time.Time      `json:"updated_at"`
}

// EffectiveRoles are the implicit role of every member, the assigned ones and those of the e-mail domain, sorted and
// without the ones that the policy no longer has.
func (m Member) EffectiveRoles(org Organization, p policy.Policy) []string {
	roles := append([]string{policy.RoleMember}, m.Roles...)
	for _, assignment := range org.ImplicitRoles {
		if strings.EqualFold(assignment.Domain, Domain(m.Email)) {
			roles = append(roles, assignment.RoleID)
		}
	}
	slices.Sort(roles)
	roles = slices.Compact(roles)
	return slices.DeleteFunc(roles, func(id string) bool { return !p.HasRole(id) })
}

// Factor is one proof of identity, in the JSON that sessions carry.
type Factor struct {
	Type                string         `json:"type"`
	DeliveryMethod      string         `json:"delivery_method"`
	LastAuthenticatedAt time.Time      `json:"last_authenticated_at"`
	CreatedAt           time.Time      `json:"created_at"`
	UpdatedAt           time.Time      `json:"updated_at"`
	EmailFactor         *EmailFactor   `json:"email_factor,omitempty"`
	GoogleOAuthFactor   *SubjectFactor `json:"google_oauth_factor,omitempty"`
	OIDCSSOFactor       *SSOFactor     `json:"oidc_sso_factor,omitempty"`
	SAMLSSOFactor       *SSOFactor     `json:"saml_sso_factor,omitempty"`

	// Second factors, which prove no address.
	AuthenticatorAppFactor *AuthenticatorAppFactor `json:"authenticator_app_factor,omitempty"`
	RecoveryCodeFactor     *RecoveryCodeFactor     `json:"recovery_code_factor,omitempty"`
}

// Second reports whether the factor is one that comes after the proof of an address.
func (f Factor) Second() bool { return f.AuthenticatorAppFactor != nil || f.RecoveryCodeFactor != nil }

// AuthenticatorAppFactor names the authenticator app that showed a code.
type AuthenticatorAppFactor struct {
	TOTPID string `json:"totp_id"`
}

// RecoveryCodeFactor names the recovery code that was used.
type RecoveryCodeFactor struct {
	TOTPRecoveryCodeID string `json:"totp_recovery_code_id"`
}

// EmailFactor names the address that received a code or link.
type EmailFactor struct {
	EmailID      string `json:"email_id,omitempty"`
	EmailAddress string `json:"email_address"`
}

// SubjectFactor names the account at an OAuth provider.
type SubjectFactor struct {
	ID              string `json:"id"`
	ProviderSubject string `json:"provider_subject"`
	EmailID         string `json:"email_id,omitempty"`
}

// SSOFactor names the account at an organization's own identity provider.
type SSOFactor struct {
	ID         string `json:"id"`
	ProviderID string `json:"provider_id"`
	ExternalID string `json:"external_id"`
}

// Session is a member's session in one organization. Its token is not stored: it is the id with a MAC.
type Session struct {
	SessionID      string         `json:"session_id"`
	MemberID       string         `json:"member_id"`
	OrganizationID string         `json:"organization_id"`
	StartedAt      time.Time      `json:"started_at"`
	LastAccessedAt time.Time      `json:"last_accessed_at"`
	ExpiresAt      time.Time      `json:"expires_at"`
	Factors        []Factor       `json:"factors"`
	CustomClaims   map[string]any `json:"custom_claims"`
	Tries          int            `json:"tries"` // Wrong codes of a second factor since the last right one.
}

// IntermediateSession is a proven address that has not chosen an organization yet. It is stored under its token's hash.
type IntermediateSession struct {
	Email     string    `json:"email"`
	Name      string    `json:"name"`
	Factors   []Factor  `json:"factors"`
	Tries     int       `json:"tries"` // Wrong codes of a second factor so far.
	ExpiresAt time.Time `json:"expires_at"`
}

// Passcode is the one code that is outstanding for an address, stored under the lower-case address.
type Passcode struct {
	CodeMAC   string    `json:"code_mac"`
	Tries     int       `json:"tries"` // Wrong ones so far.
	Used      bool      `json:"used"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Kinds of landing token, by the value of stytch_token_type in the landing address.
const (
	LandingDiscoveryOAuth = "discovery_oauth"
	LandingSSO            = "sso"
	LandingMagicLink      = "multi_tenant_magic_links"
)

// Landing is what a single-use token in a browser's landing address stands for, stored under the token's hash.
type Landing struct {
	Kind           string    `json:"kind"`
	Email          string    `json:"email"`
	Name           string    `json:"name"`
	OrganizationID string    `json:"organization_id,omitempty"`
	MemberID       string    `json:"member_id,omitempty"`
	ConnectionID   string    `json:"connection_id,omitempty"`
	CodeChallenge  string    `json:"code_challenge,omitempty"` // RFC 7636, S256; empty without PKCE.
	Used           bool      `json:"used"`                     // Kept until it expires, to tell a replay from nonsense.
	ExpiresAt      time.Time `json:"expires_at"`
}

// Kinds of SSO connection.
const (
	ConnectionOIDC = "oidc"
	ConnectionSAML = "saml"
)

// Values of Connection.Status.
const (
	ConnectionPending = "pending"
	ConnectionActive  = "active"
)

// Connection is an organization's own identity provider, played by a persona page here. Nothing of it is ever fetched or
// verified: what is set only decides whether the connection is active.
type Connection struct {
	ConnectionID     string `json:"connection_id"`
	OrganizationID   string `json:"organization_id"`
	Kind             string `json:"kind"`
	DisplayName      string `json:"display_name"`
	IdentityProvider string `json:"identity_provider"`

	// With OIDC.
	ClientID         string `json:"client_id,omitempty"`
	ClientSecret     string `json:"client_secret,omitempty"`
	Issuer           string `json:"issuer,omitempty"`
	AuthorizationURL string `json:"authorization_url,omitempty"`
	TokenURL         string `json:"token_url,omitempty"`
	UserinfoURL      string `json:"userinfo_url,omitempty"`
	JWKSURL          string `json:"jwks_url,omitempty"`
	CustomScopes     string `json:"custom_scopes,omitempty"`
	// With SAML.
	IDPEntityID  string        `json:"idp_entity_id,omitempty"`
	IDPSSOURL    string        `json:"idp_sso_url,omitempty"`
	Certificates []Certificate `json:"certificates,omitempty"`
	// With both.
	AttributeMapping map[string]any `json:"attribute_mapping,omitempty"`
}

// Certificate is one that a SAML identity provider signs with.
type Certificate struct {
	CertificateID string    `json:"certificate_id"`
	Certificate   string    `json:"certificate"`
	Issuer        string    `json:"issuer"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
}

// Status is active as soon as nothing is missing to sign people in.
func (c Connection) Status() string {
	var needed []string
	if c.Kind == ConnectionOIDC {
		needed = []string{c.ClientID, c.ClientSecret, c.Issuer, c.AuthorizationURL, c.TokenURL, c.UserinfoURL, c.JWKSURL}
	} else {
		email, _ := c.AttributeMapping["email"].(string)
		name, _ := c.AttributeMapping["full_name"].(string)
		needed = []string{c.IDPEntityID, c.IDPSSOURL, email, name}
		if len(c.Certificates) == 0 {
			return ConnectionPending
		}
	}
	if slices.Contains(needed, "") {
		return ConnectionPending
	}
	return ConnectionActive
}

// Discover sets the endpoints of an OIDC connection as if the issuer had been asked for them (OpenID Connect Discovery).
// It reports whether it could: hosts in .invalid exist nowhere (RFC 6761), which is how an issuer is played that does not
// answer.
func (c *Connection) Discover() bool {
	issuer, err := url.Parse(c.Issuer)
	if err != nil || strings.HasSuffix(issuer.Hostname(), ".invalid") {
		return false
	}
	base := strings.TrimRight(c.Issuer, "/")
	c.AuthorizationURL, c.TokenURL = base+"/authorize", base+"/token"
	c.UserinfoURL, c.JWKSURL = base+"/userinfo", base+"/keys"
	return true
}

// SCIMConnection is the one by which an organization's identity provider would manage its members. Nobody calls it here.
type SCIMConnection struct {
	ConnectionID     string     `json:"connection_id"`
	OrganizationID   string     `json:"organization_id"`
	DisplayName      string     `json:"display_name"`
	IdentityProvider string     `json:"identity_provider"`
	Token            SCIMToken  `json:"token"`
	Next             *SCIMToken `json:"next,omitempty"` // While the token is being rotated.
}

// SCIMToken is what is kept of a bearer token.
type SCIMToken struct {
	Hash      string    `json:"hash"`
	LastFour  string    `json:"last_four"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Message is something that a real provider would have mailed.
type Message struct {
	To         string    `json:"to"`
	Subject    string    `json:"subject"`
	Code       string    `json:"code,omitempty"`
	Link       string    `json:"link,omitempty"`
	CreateTime time.Time `json:"create_time"`
}

// NormalEmail is the form in which addresses are compared.
func NormalEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// Domain returns the part of an address after the last @.
func Domain(email string) string { return email[strings.LastIndexByte(email, '@')+1:] }
