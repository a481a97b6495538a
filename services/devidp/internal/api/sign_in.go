package api

import (
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
	"github.com/df0f9dda/okr-manager/services/devidp/internal/token"
)

// Lengths of a session, in minutes.
const (
	defaultSessionMinutes = 60
	minSessionMinutes     = 5
	maxSessionMinutes     = 527_040
)

// sessionRequest is the part that all requests which may start or extend a session share.
type sessionRequest struct {
	SessionDurationMinutes *int           `json:"session_duration_minutes"`
	SessionCustomClaims    map[string]any `json:"session_custom_claims"`
}

// life returns the asked-for length of the session, or zero if none was asked for.
func (r sessionRequest) life() (time.Duration, error) {
	if r.SessionDurationMinutes == nil {
		return 0, nil
	}
	minutes := *r.SessionDurationMinutes
	if minutes < minSessionMinutes || minutes > maxSessionMinutes {
		return 0, badRequest("invalid_session_duration_minutes", "session_duration_minutes must be from %d to %d.", minSessionMinutes, maxSessionMinutes)
	}
	return time.Duration(minutes) * time.Minute, nil
}

// mergeClaims applies the request's custom claims to the session's: null removes one.
func (r sessionRequest) mergeClaims(s *state.Session) error {
	for name, value := range r.SessionCustomClaims {
		if slices.Contains(token.ReservedClaims(), name) {
			return badRequest("reserved_claims_in_custom_claims", "%q is a reserved claim.", name)
		}
		if s.CustomClaims == nil {
			s.CustomClaims = map[string]any{}
		}
		if value == nil {
			delete(s.CustomClaims, name)
		} else {
			s.CustomClaims[name] = value
		}
	}
	return nil
}

// signedIn is the answer to everything that ends in a session, or falls short of one.
type signedIn struct {
	MemberID                 string           `json:"member_id"`
	OrganizationID           string           `json:"organization_id"`
	Member                   memberView       `json:"member"`
	Organization             organizationView `json:"organization"`
	MemberAuthenticated      bool             `json:"member_authenticated"`
	MemberSession            *sessionView     `json:"member_session"`
	SessionToken             string           `json:"session_token"`
	SessionJWT               string           `json:"session_jwt"`
	IntermediateSessionToken string           `json:"intermediate_session_token"`
	MFARequired              *mfaRequired     `json:"mfa_required"`
	PrimaryRequired          *primaryRequired `json:"primary_required"`
	MethodID                 string           `json:"method_id,omitempty"`
	ResetSessions            bool             `json:"reset_sessions"`
}

// primaryRequired says how the member must prove themselves before this organization lets them in.
type primaryRequired struct {
	AllowedAuthMethods []string `json:"allowed_auth_methods"`
}

// mfaRequired says that the member is asked for a second factor, and which one they have.
type mfaRequired struct {
	MemberOptions          *memberOptions `json:"member_options"`
	SecondaryAuthInitiated *string        `json:"secondary_auth_initiated"`
}

type memberOptions struct {
	MFAPhoneNumber     string `json:"mfa_phone_number"`
	TOTPRegistrationID string `json:"totp_registration_id"`
}

// secondFactor returns what a member is asked for after the first factor, or nil.
func secondFactor(m state.Member, org state.Organization) *mfaRequired {
	if org.MFAPolicy != state.RequiredForAll && !m.MFAEnrolled {
		return nil
	}
	if id := totpRegistration(m); id != "" {
		return &mfaRequired{MemberOptions: &memberOptions{TOTPRegistrationID: id}}
	}
	return &mfaRequired{}
}

// totpRegistration is the id of the member's authenticator app, if they have one.
func totpRegistration(m state.Member) string {
	if m.TOTP == nil || !m.TOTP.Verified {
		return ""
	}
	return m.TOTP.RegistrationID
}

// proof is an address and how it was proven.
type proof struct {
	email, name string
	factors     []state.Factor
}

// portable reports whether the proof holds beyond one organization. What an organization's own identity provider says
// about an address binds that organization alone.
func (p proof) portable() bool {
	return slices.ContainsFunc(p.factors, func(f state.Factor) bool { return f.OIDCSSOFactor == nil && f.SAMLSSOFactor == nil })
}

// missing returns what the organization asks for beyond the proof, or nil.
func (c *call) missing(p proof, org state.Organization) *primaryRequired {
	for _, f := range p.factors {
		var method string
		local := true
		switch {
		case f.OIDCSSOFactor != nil:
			method, local = "sso", c.hasConnection(org, f.OIDCSSOFactor.ProviderID)
		case f.SAMLSSOFactor != nil:
			method, local = "sso", c.hasConnection(org, f.SAMLSSOFactor.ProviderID)
		case f.GoogleOAuthFactor != nil:
			method = "google_oauth"
		default:
			method = f.Type // email_otp, magic_link
		}
		if local && (org.AuthMethods != state.Restricted || slices.Contains(org.AllowedAuthMethods, method)) {
			return nil
		}
	}
	if org.AuthMethods == state.Restricted {
		return &primaryRequired{AllowedAuthMethods: org.AllowedAuthMethods}
	}
	return &primaryRequired{AllowedAuthMethods: []string{"email_otp", "google_oauth", "magic_link"}}
}

func (c *call) hasConnection(org state.Organization, connectionID string) bool {
	conn, found := c.tx.Connections().Get(connectionID)
	return found && conn.OrganizationID == org.OrganizationID
}

// signIn starts a session for the member, who thereby accepts an invitation. If the organization asks for more than
// the proof, the answer carries an intermediate session instead.
func (c *call) signIn(m state.Member, org state.Organization, p proof, req sessionRequest) (*signedIn, error) {
	return c.signInWith(m, org, p, nil, req)
}

// signInWith is signIn with the second factors that the member has given.
func (c *call) signInWith(m state.Member, org state.Organization, p proof, second []state.Factor, req sessionRequest) (*signedIn, error) {
	life, err := req.life()
	if err != nil {
		return nil, err
	}
	answer := &signedIn{MemberID: m.MemberID, OrganizationID: org.OrganizationID, Organization: c.viewOrganization(org)}
	if answer.PrimaryRequired = c.missing(p, org); answer.PrimaryRequired == nil && len(second) == 0 {
		if answer.MFARequired = secondFactor(m, org); answer.MFARequired != nil {
			c.tx.Members().Put(m.MemberID, m) // who joins by the domain of their address, too, to register an authenticator app
		}
	}
	if answer.PrimaryRequired != nil || answer.MFARequired != nil {
		answer.Member = c.viewMember(m, org)
		answer.IntermediateSessionToken = c.startIntermediate(p)
		return answer, nil
	}

	if m.Status != state.StatusActive || !m.EmailVerified {
		m.Status, m.EmailVerified, m.UpdatedAt = state.StatusActive, true, c.now
	}
	if m.Name == "" {
		m.Name = p.name
	}
	c.tx.Members().Put(m.MemberID, m)

	if life == 0 {
		life = defaultSessionMinutes * time.Minute
	}
	session := state.Session{
		SessionID: state.NewID("member-session"), MemberID: m.MemberID, OrganizationID: org.OrganizationID,
		StartedAt: c.now, LastAccessedAt: c.now, ExpiresAt: c.now.Add(life), Factors: append(ofMember(p.factors, m), second...),
	}
	if err := req.mergeClaims(&session); err != nil {
		return nil, err
	}
	c.tx.Sessions().Put(session.SessionID, session)

	answer.Member = c.viewMember(m, org)
	answer.MemberAuthenticated = true
	view := c.viewSession(session, m, org)
	answer.MemberSession = &view
	answer.SessionToken = c.mac.SessionToken(session.SessionID)
	answer.SessionJWT, err = c.signSession(session, m, org)
	return answer, err
}

// ofMember fills in the ids that a factor gets once it belongs to a member.
func ofMember(factors []state.Factor, m state.Member) []state.Factor {
	own := slices.Clone(factors)
	for i, f := range own {
		if f.EmailFactor != nil {
			own[i].EmailFactor = &state.EmailFactor{EmailID: m.EmailID, EmailAddress: f.EmailFactor.EmailAddress}
		}
		if f.GoogleOAuthFactor != nil {
			google := *f.GoogleOAuthFactor
			google.EmailID = m.EmailID
			own[i].GoogleOAuthFactor = &google
		}
	}
	return own
}

// startIntermediate remembers a proof for the next step and returns its token.
func (c *call) startIntermediate(p proof) string {
	secret := state.NewSecret()
	c.tx.IntermediateSessions().Put(state.Hash(secret), state.IntermediateSession{
		Email: p.email, Name: p.name, Factors: p.factors, ExpiresAt: c.now.Add(state.IntermediateSessionLife),
	})
	return secret
}

// intermediate returns the proof behind a token.
func (c *call) intermediate(secret string) (proof, error) {
	s, found := c.tx.IntermediateSessions().Get(state.Hash(secret))
	if !found || !c.now.Before(s.ExpiresAt) {
		return proof{}, notFound("intermediate_session_not_found", "The intermediate session does not exist, has expired or was used.")
	}
	return proof{email: s.Email, name: s.Name, factors: s.Factors}, nil
}

func (c *call) newFactor(kind, delivery string) state.Factor {
	return state.Factor{Type: kind, DeliveryMethod: delivery, LastAuthenticatedAt: c.now, CreatedAt: c.now, UpdatedAt: c.now}
}

func (c *call) emailFactor(kind, email string) state.Factor {
	f := c.newFactor(kind, "email")
	f.EmailFactor = &state.EmailFactor{EmailAddress: email}
	return f
}

// checkEmail accepts a bare address such as a@b.test.
func checkEmail(email string) error {
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || !strings.Contains(state.Domain(email), ".") || len(email) > 254 {
		return badRequest("invalid_email", "The e-mail address is not valid.")
	}
	return nil
}

// organization finds an organization by id or slug.
func (c *call) organization(idOrSlug string) (state.Organization, error) {
	org, found := c.tx.FindOrganization(idOrSlug)
	if !found {
		return state.Organization{}, notFound("organization_not_found", "The organization does not exist.")
	}
	return org, nil
}

// member finds a member of the organization by id or external id.
func (c *call) member(org state.Organization, id string) (state.Member, error) {
	m, found := c.tx.FindMember(org.OrganizationID, id)
	if !found {
		return state.Member{}, notFound("member_not_found", "The member does not exist in this organization.")
	}
	return m, nil
}

// checkPKCE compares the verifier with the challenge that the flow began with (RFC 7636, S256).
func checkPKCE(challenge, verifier string) *Error {
	switch {
	case challenge == "" && verifier == "":
		return nil
	case challenge == "":
		return badRequest("pkce_did_not_expect_code_verifier", "The flow began without a code challenge.")
	case verifier == "":
		return badRequest("pkce_expected_code_verifier", "The flow began with a code challenge.")
	case !same(challenge, token.S256(verifier)):
		return refuse(http.StatusUnauthorized, "pkce_mismatch", "The code verifier does not fit the code challenge.")
	default:
		return nil
	}
}
