package api

import (
	"slices"
	"strings"
	"time"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/policy"
	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
	"github.com/df0f9dda/okr-manager/services/devidp/internal/token"
)

// memberView is a member as the API shows it.
type memberView struct {
	OrganizationID         string         `json:"organization_id"`
	MemberID               string         `json:"member_id"`
	EmailAddress           string         `json:"email_address"`
	Status                 string         `json:"status"`
	Name                   string         `json:"name"`
	SSORegistrations       []any          `json:"sso_registrations"`
	IsBreakglass           bool           `json:"is_breakglass"`
	MemberPasswordID       string         `json:"member_password_id"`
	OAuthRegistrations     []any          `json:"oauth_registrations"`
	EmailAddressVerified   bool           `json:"email_address_verified"`
	MFAPhoneNumberVerified bool           `json:"mfa_phone_number_verified"`
	IsAdmin                bool           `json:"is_admin"`
	TOTPRegistrationID     string         `json:"totp_registration_id"`
	RetiredEmailAddresses  []any          `json:"retired_email_addresses"`
	IsLocked               bool           `json:"is_locked"`
	MFAEnrolled            bool           `json:"mfa_enrolled"`
	MFAPhoneNumber         string         `json:"mfa_phone_number"`
	DefaultMFAMethod       string         `json:"default_mfa_method"`
	Roles                  []memberRole   `json:"roles"`
	TrustedMetadata        map[string]any `json:"trusted_metadata"`
	UntrustedMetadata      map[string]any `json:"untrusted_metadata"`
	ExternalID             string         `json:"external_id"`
	CreatedAt              time.Time      `json:"created_at"`
	UpdatedAt              time.Time      `json:"updated_at"`
}

type memberRole struct {
	RoleID  string       `json:"role_id"`
	Sources []roleSource `json:"sources"`
}

type roleSource struct {
	Type    string         `json:"type"`
	Details map[string]any `json:"details"`
}

// viewMember shows a member with all their roles and where each comes from.
func (c *call) viewMember(m state.Member, org state.Organization) memberView {
	view := memberView{
		OrganizationID: m.OrganizationID, MemberID: m.MemberID, EmailAddress: m.Email, Status: m.Status, Name: m.Name,
		IsBreakglass: m.IsBreakglass, EmailAddressVerified: m.EmailVerified, ExternalID: m.ExternalID,
		SSORegistrations: []any{}, OAuthRegistrations: []any{}, RetiredEmailAddresses: []any{}, Roles: []memberRole{},
		TrustedMetadata: m.TrustedMetadata, UntrustedMetadata: m.UntrustedMetadata,
		MFAEnrolled: m.MFAEnrolled, TOTPRegistrationID: totpRegistration(m),
		CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
	}
	if view.TOTPRegistrationID != "" {
		view.DefaultMFAMethod = "totp"
	}
	for _, id := range m.EffectiveRoles(org, c.tx.Policy()) {
		view.Roles = append(view.Roles, memberRole{RoleID: id, Sources: sources(id, m, org)})
		view.IsAdmin = view.IsAdmin || id == policy.RoleAdmin
	}
	return view
}

// sources lists every reason why a member has a role; there can be two.
func sources(role string, m state.Member, org state.Organization) []roleSource {
	list := []roleSource{}
	if role == policy.RoleMember || slices.Contains(m.Roles, role) {
		list = append(list, roleSource{Type: "direct_assignment", Details: map[string]any{}})
	}
	for _, assignment := range org.ImplicitRoles {
		if assignment.RoleID == role && strings.EqualFold(assignment.Domain, state.Domain(m.Email)) {
			list = append(list, roleSource{Type: "email_assignment", Details: map[string]any{"email_domain": state.Domain(m.Email)}})
		}
	}
	return list
}

// organizationView is an organization with what is derived.
type organizationView struct {
	state.Organization
	SSOActiveConnections []activeConnection `json:"sso_active_connections"`
	SCIMActiveConnection *activeSCIM        `json:"scim_active_connection"`
	AllowedOAuthTenants  map[string]any     `json:"allowed_oauth_tenants"`
}

type activeConnection struct {
	ConnectionID     string `json:"connection_id"`
	DisplayName      string `json:"display_name"`
	IdentityProvider string `json:"identity_provider"`
}

type activeSCIM struct {
	ConnectionID         string    `json:"connection_id"`
	DisplayName          string    `json:"display_name"`
	BearerTokenLastFour  string    `json:"bearer_token_last_four"`
	BearerTokenExpiresAt time.Time `json:"bearer_token_expires_at"`
}

func (c *call) viewOrganization(org state.Organization) organizationView {
	view := organizationView{Organization: org, SSOActiveConnections: []activeConnection{}, AllowedOAuthTenants: map[string]any{}}
	for _, conn := range c.tx.OrganizationConnections(org.OrganizationID) {
		if conn.Status() != state.ConnectionActive {
			continue
		}
		view.SSOActiveConnections = append(view.SSOActiveConnections, activeConnection{conn.ConnectionID, conn.DisplayName, conn.IdentityProvider})
	}
	if scim, found := c.tx.SCIMConnections().Get(org.OrganizationID); found {
		view.SCIMActiveConnection = &activeSCIM{scim.ConnectionID, scim.DisplayName, scim.Token.LastFour, scim.Token.ExpiresAt}
	}
	return view
}

// sessionView is a session as the API shows it.
type sessionView struct {
	MemberSessionID       string         `json:"member_session_id"`
	MemberID              string         `json:"member_id"`
	OrganizationID        string         `json:"organization_id"`
	OrganizationSlug      string         `json:"organization_slug"`
	StartedAt             time.Time      `json:"started_at"`
	LastAccessedAt        time.Time      `json:"last_accessed_at"`
	ExpiresAt             time.Time      `json:"expires_at"`
	AuthenticationFactors []state.Factor `json:"authentication_factors"`
	Roles                 []string       `json:"roles"`
	CustomClaims          map[string]any `json:"custom_claims"`
}

func (c *call) viewSession(s state.Session, m state.Member, org state.Organization) sessionView {
	return sessionView{
		MemberSessionID: s.SessionID, MemberID: s.MemberID, OrganizationID: org.OrganizationID, OrganizationSlug: org.Slug,
		StartedAt: s.StartedAt, LastAccessedAt: s.LastAccessedAt, ExpiresAt: s.ExpiresAt, AuthenticationFactors: s.Factors,
		Roles: m.EffectiveRoles(org, c.tx.Policy()), CustomClaims: s.CustomClaims,
	}
}

// signSession makes a new JWT for the session, with the member's roles of now.
func (c *call) signSession(s state.Session, m state.Member, org state.Organization) (string, error) {
	return c.tokens.SignSession(token.Session{
		ID: s.SessionID, MemberID: m.MemberID, Organization: token.Organization{ID: org.OrganizationID, Slug: org.Slug},
		Roles: m.EffectiveRoles(org, c.tx.Policy()), Factors: s.Factors, StartedAt: s.StartedAt,
		LastAccessedAt: s.LastAccessedAt, ExpiresAt: s.ExpiresAt, CustomClaims: s.CustomClaims,
	}, c.now)
}
