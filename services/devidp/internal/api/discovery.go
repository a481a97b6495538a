package api

import (
	"regexp"
	"strings"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/policy"
	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

// Values of membership.type: what stands between a person and an organization.
const (
	membershipActive    = "active_member"
	membershipPending   = "pending_member"
	membershipInvited   = "invited_member"
	membershipByDomain  = "eligible_to_join_by_email_domain"
	defaultOrganization = "Organization"
	maxOrganizationName = 128 // Bytes of a name or slug.
)

// discovery is the answer to a proven address.
type discovery struct {
	EmailAddress             string                   `json:"email_address"`
	IntermediateSessionToken string                   `json:"intermediate_session_token,omitempty"`
	DiscoveredOrganizations  []discoveredOrganization `json:"discovered_organizations"`
	OrganizationIDHint       string                   `json:"organization_id_hint,omitempty"`

	// Filled after an OAuth flow only.
	ProviderType      string   `json:"provider_type,omitempty"`
	ProviderTenantID  string   `json:"provider_tenant_id,omitempty"`
	ProviderTenantIDs []string `json:"provider_tenant_ids,omitempty"`
	FullName          string   `json:"full_name,omitempty"`
}

type discoveredOrganization struct {
	Organization        organizationView `json:"organization"`
	Membership          membership       `json:"membership"`
	MemberAuthenticated bool             `json:"member_authenticated"`
	PrimaryRequired     *primaryRequired `json:"primary_required"`
	MFARequired         *struct{}        `json:"mfa_required"`
}

type membership struct {
	Type    string         `json:"type"`
	Details map[string]any `json:"details"`
	Member  *memberView    `json:"member"`
}

// discovered starts an intermediate session and lists where it may lead.
func (c *call) discovered(p proof) discovery {
	return discovery{
		EmailAddress: p.email, IntermediateSessionToken: c.startIntermediate(p),
		DiscoveredOrganizations: c.reachable(p), FullName: p.name,
	}
}

// reachable lists the organizations that the address belongs to or may join.
func (c *call) reachable(p proof) []discoveredOrganization {
	list := []discoveredOrganization{}
	members := map[string]state.Member{} // by organization: one scan for all of them
	for _, m := range c.tx.MembersByEmail(p.email) {
		members[m.OrganizationID] = m
	}
	for _, org := range c.tx.Organizations().All() {
		m, found := members[org.OrganizationID]
		membership, ok := c.membership(p, org, m, found)
		if !ok {
			continue
		}
		missing := c.missing(p, org)
		list = append(list, discoveredOrganization{
			Organization: c.viewOrganization(org), Membership: membership,
			MemberAuthenticated: missing == nil, PrimaryRequired: missing,
		})
	}
	return list
}

// membership says how the proof stands to an organization, of which m is its member if found.
func (c *call) membership(p proof, org state.Organization, m state.Member, found bool) (membership, bool) {
	if found {
		view := c.viewMember(m, org)
		kind := map[string]string{state.StatusInvited: membershipInvited, state.StatusPending: membershipPending}[m.Status]
		if kind == "" {
			kind = membershipActive
		}
		return membership{Type: kind, Details: map[string]any{}, Member: &view}, true
	}
	if mayJoin(p, org) {
		return membership{Type: membershipByDomain, Details: map[string]any{"domain": state.Domain(p.email)}}, true
	}
	return membership{}, false
}

// mayJoin reports whether the proof lets a stranger become a member by the domain of their address.
func mayJoin(p proof, org state.Organization) bool {
	return p.portable() && org.EmailJITProvisioning == state.Restricted && org.AllowsDomain(p.email)
}

type discoverRequest struct {
	IntermediateSessionToken string `json:"intermediate_session_token"`
	SessionToken             string `json:"session_token"`
	SessionJWT               string `json:"session_jwt"`
}

// discover lists the organizations for an intermediate session or, to switch, for a session.
func (c *call) discover(req discoverRequest) (any, error) {
	given := count(req.IntermediateSessionToken, req.SessionToken, req.SessionJWT)
	if err := exactlyOne(given); err != nil {
		return nil, err
	}
	if req.IntermediateSessionToken != "" {
		p, err := c.intermediate(req.IntermediateSessionToken)
		if err != nil {
			return nil, err
		}
		return discovery{EmailAddress: p.email, DiscoveredOrganizations: c.reachable(p)}, nil
	}
	who, err := c.identify(req.SessionToken, req.SessionJWT)
	if err != nil {
		return nil, err
	}
	p := who.proof()
	return discovery{EmailAddress: p.email, DiscoveredOrganizations: c.reachable(p), OrganizationIDHint: who.org.OrganizationID}, nil
}

type exchangeIntermediateRequest struct {
	sessionRequest
	IntermediateSessionToken string `json:"intermediate_session_token"`
	OrganizationID           string `json:"organization_id"`
}

// exchangeIntermediate signs in to the chosen organization: as the member that the address belongs to, or as a new one
// where the organization takes in its e-mail domain.
func (c *call) exchangeIntermediate(req exchangeIntermediateRequest) (any, error) {
	p, err := c.intermediate(req.IntermediateSessionToken)
	if err != nil {
		return nil, err
	}
	org, err := c.organization(req.OrganizationID)
	if err != nil {
		return nil, err
	}
	m, found := c.tx.FindMemberByEmail(org.OrganizationID, p.email)
	if !found {
		switch {
		case org.EmailJITProvisioning != state.Restricted:
			return nil, forbidden("email_jit_provisioning_not_allowed", "The organization does not take in members by themselves.")
		case !mayJoin(p, org):
			return nil, forbidden("invalid_email_for_jit_provisioning", "The organization does not take in this address.")
		case c.missing(p, org) != nil:
			return nil, forbidden("insufficient_factors", "The organization asks for another way to sign in.")
		}
		m = c.newMember(org, p.email, p.name, state.StatusActive)
	}
	answer, err := c.signIn(m, org, p, req.sessionRequest)
	if err != nil {
		return nil, err
	}
	// Spent in any case: an answer that falls short of a session carries a new one.
	c.tx.IntermediateSessions().Delete(state.Hash(req.IntermediateSessionToken))
	return answer, nil
}

// newMember returns a member that is not stored yet.
func (c *call) newMember(org state.Organization, email, name, status string) state.Member {
	return state.Member{
		MemberID: state.NewID("member"), OrganizationID: org.OrganizationID, EmailID: state.NewID("email"),
		Email: email, Name: name, Status: status, Roles: []string{}, CreatedAt: c.now, UpdatedAt: c.now,
	}
}

type createDiscoveredRequest struct {
	sessionRequest
	organizationSettings
	IntermediateSessionToken string `json:"intermediate_session_token"`
}

// createDiscovered founds an organization and signs its founder in, who becomes its administrator.
func (c *call) createDiscovered(req createDiscoveredRequest) (any, error) {
	p, err := c.intermediate(req.IntermediateSessionToken)
	if err != nil {
		return nil, err
	}
	if !p.portable() {
		return nil, forbidden("insufficient_factors", "An organization's own sign-in does not reach beyond it.")
	}
	name := deref(req.Name)
	if name == "" {
		name = defaultOrganization + " of " + p.email
	}
	org := state.NewOrganization(state.NewID("organization"), name, "", c.now)
	if err := c.apply(&org, req.organizationSettings); err != nil {
		return nil, err
	}
	if org.Slug == "" {
		org.Slug = c.freeSlug(org.Name)
	}
	c.tx.Organizations().Put(org.OrganizationID, org)

	m := c.newMember(org, p.email, p.name, state.StatusActive)
	m.Roles = []string{policy.RoleAdmin}
	answer, err := c.signIn(m, org, p, req.sessionRequest)
	if err != nil {
		return nil, err
	}
	if !answer.MemberAuthenticated {
		return nil, badRequest("invalid_organization_auth_method_settings", "The founder could not sign in with these settings.")
	}
	c.tx.IntermediateSessions().Delete(state.Hash(req.IntermediateSessionToken))
	return answer, nil
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// freeSlug derives a slug that no other organization has.
func (c *call) freeSlug(name string) string {
	slug := strings.Trim(notSlug.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if len(slug) < 2 || len(slug) > maxOrganizationName {
		slug = "organization"
	}
	if _, taken := c.tx.FindOrganization(slug); taken {
		slug += "-" + strings.ToLower(state.NewSecret()[:8])
	}
	return slug
}

func count(values ...string) int {
	n := 0
	for _, v := range values {
		if v != "" {
			n++
		}
	}
	return n
}

func exactlyOne(given int) error {
	switch given {
	case 0:
		return badRequest("no_session_arguments", "One of the session arguments is required.")
	case 1:
		return nil
	default:
		return badRequest("too_many_session_arguments", "Only one of the session arguments is allowed.")
	}
}

func deref[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}
