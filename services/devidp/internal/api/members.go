package api

import (
	"slices"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/policy"
	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

type memberAnswer struct {
	MemberID     string           `json:"member_id"`
	Member       memberView       `json:"member"`
	Organization organizationView `json:"organization"`
}

func (c *call) answerMember(m state.Member, org state.Organization) memberAnswer {
	return memberAnswer{MemberID: m.MemberID, Member: c.viewMember(m, org), Organization: c.viewOrganization(org)}
}

// getMember finds a member by id, external id or address.
func (c *call) getMember(struct{}) (any, error) {
	org, err := c.organization(c.r.PathValue("organization_id"))
	if err != nil {
		return nil, err
	}
	if err := c.serverOnly(); err != nil {
		return nil, err
	}
	query := c.r.URL.Query()
	id, email := query.Get("member_id"), query.Get("email_address")
	if count(id, email) != 1 {
		return nil, badRequest("invalid_member_get_fields", "Exactly one of member_id and email_address is required.")
	}
	if id != "" {
		m, err := c.member(org, id)
		if err != nil {
			return nil, err
		}
		return c.answerMember(m, org), nil
	}
	m, found := c.tx.FindMemberByEmail(org.OrganizationID, email)
	if !found {
		return nil, notFound("member_not_found", "The member does not exist in this organization.")
	}
	return c.answerMember(m, org), nil
}

// dangerouslyGetMember finds a member of any organization by id, a deleted one too if the query says so.
func (c *call) dangerouslyGetMember(struct{}) (any, error) {
	if err := c.serverOnly(); err != nil {
		return nil, err
	}
	m, found := c.tx.Members().Get(c.r.PathValue("member_id"))
	if !found || m.Status == state.StatusDeleted && c.r.URL.Query().Get("include_deleted") != "true" {
		return nil, notFound("member_not_found", "The member does not exist.")
	}
	org, err := c.organization(m.OrganizationID)
	if err != nil {
		return nil, err
	}
	return c.answerMember(m, org), nil
}

// newMemberRequest is what creating and inviting share.
type newMemberRequest struct {
	EmailAddress      string         `json:"email_address"`
	Name              string         `json:"name"`
	Roles             []string       `json:"roles"`
	TrustedMetadata   map[string]any `json:"trusted_metadata"`
	UntrustedMetadata map[string]any `json:"untrusted_metadata"`
}

// checkNew checks the permission and the fields. Giving the new member a role is more than creating one: it needs the
// permission to change roles as well, otherwise whoever may invite could make an administrator.
func (c *call) checkNew(org state.Organization, req newMemberRequest) error {
	actions := []string{"create"}
	if len(directRoles(req.Roles)) > 0 {
		actions = append(actions, "update.settings.roles")
	}
	if err := c.allow(org.OrganizationID, resourceMember, actions...); err != nil {
		return err
	}
	if req.TrustedMetadata != nil {
		if err := c.serverOnly(); err != nil {
			return err
		}
	}
	if err := checkEmail(req.EmailAddress); err != nil {
		return err
	}
	return c.checkRoles(req.Roles)
}

func (c *call) checkRoles(roles []string) error {
	p := c.tx.Policy()
	for _, id := range roles {
		if !p.HasRole(id) {
			return badRequest("invalid_role", "The policy has no role %q.", id)
		}
	}
	return nil
}

// directRoles leaves out the role that everybody has, and duplicates.
func directRoles(roles []string) []string {
	direct := slices.DeleteFunc(slices.Clone(roles), func(id string) bool { return id == policy.RoleMember })
	slices.Sort(direct)
	return append([]string{}, slices.Compact(direct)...)
}

func (c *call) checkFree(org state.Organization, email, memberID string) error {
	if other, taken := c.tx.FindMemberByEmail(org.OrganizationID, email); taken && other.MemberID != memberID {
		return badRequest("duplicate_member_email", "The organization has a member with this address.")
	}
	return nil
}

type createMemberRequest struct {
	newMemberRequest
	CreateAsPending bool   `json:"create_member_as_pending"`
	IsBreakglass    bool   `json:"is_breakglass"`
	ExternalID      string `json:"external_id"`
}

// createMember adds a member without asking them.
func (c *call) createMember(req createMemberRequest) (any, error) {
	org, err := c.organization(c.r.PathValue("organization_id"))
	if err != nil {
		return nil, err
	}
	if err := c.checkNew(org, req.newMemberRequest); err != nil {
		return nil, err
	}
	if req.IsBreakglass {
		if err := c.allow(org.OrganizationID, resourceMember, "update.settings.is-breakglass"); err != nil {
			return nil, err
		}
	}
	if err := c.checkFree(org, req.EmailAddress, ""); err != nil {
		return nil, err
	}
	status := state.StatusActive
	if req.CreateAsPending {
		status = state.StatusPending
	}
	m := c.newMember(org, req.EmailAddress, req.Name, status)
	m.Roles, m.IsBreakglass, m.ExternalID = directRoles(req.Roles), req.IsBreakglass, req.ExternalID
	m.TrustedMetadata, m.UntrustedMetadata = req.TrustedMetadata, req.UntrustedMetadata
	c.tx.Members().Put(m.MemberID, m)
	return c.answerMember(m, org), nil
}

type updateMemberRequest struct {
	Name              *string        `json:"name"`
	EmailAddress      *string        `json:"email_address"`
	Roles             *[]string      `json:"roles"`
	IsBreakglass      *bool          `json:"is_breakglass"`
	MFAEnrolled       *bool          `json:"mfa_enrolled"`
	ExternalID        *string        `json:"external_id"`
	TrustedMetadata   map[string]any `json:"trusted_metadata"`
	UntrustedMetadata map[string]any `json:"untrusted_metadata"`
}

// updateMember changes the given fields; each needs its own permission. The roles of a running session follow at its
// next authentication.
func (c *call) updateMember(req updateMemberRequest) (any, error) {
	org, err := c.organization(c.r.PathValue("organization_id"))
	if err != nil {
		return nil, err
	}
	m, err := c.member(org, c.r.PathValue("member_id"))
	if err != nil {
		return nil, err
	}
	for _, change := range []struct {
		given  bool
		action string
		self   selfPolicy
	}{
		{req.Name != nil, "update.info.name", selfToo},
		{req.UntrustedMetadata != nil, "update.info.untrusted-metadata", selfToo},
		{req.EmailAddress != nil, "update.info.email", membersOnly},
		{req.Roles != nil, "update.settings.roles", membersOnly},
		{req.IsBreakglass != nil, "update.settings.is-breakglass", membersOnly},
		{req.MFAEnrolled != nil, "update.settings.mfa-enrolled", selfToo},
	} {
		if !change.given {
			continue
		}
		if err := c.allowOn(m, change.action, change.self); err != nil {
			return nil, err
		}
	}
	if req.TrustedMetadata != nil || req.ExternalID != nil {
		if err := c.serverOnly(); err != nil {
			return nil, err
		}
	}
	if req.EmailAddress != nil {
		if err := checkEmail(*req.EmailAddress); err != nil {
			return nil, err
		}
		if err := c.checkFree(org, *req.EmailAddress, m.MemberID); err != nil {
			return nil, err
		}
	}
	if req.Roles != nil {
		if err := c.checkRoles(*req.Roles); err != nil {
			return nil, err
		}
		m.Roles = directRoles(*req.Roles)
	}
	set(&m.Name, req.Name)
	if req.EmailAddress != nil && state.NormalEmail(*req.EmailAddress) != state.NormalEmail(m.Email) {
		// Another address is another proof: the sessions rest on the old one.
		m.Email, m.EmailID, m.EmailVerified = *req.EmailAddress, state.NewID("email"), false
		c.tx.EndSessions(m.MemberID)
	}
	set(&m.IsBreakglass, req.IsBreakglass)
	set(&m.MFAEnrolled, req.MFAEnrolled)
	set(&m.ExternalID, req.ExternalID)
	m.TrustedMetadata = mergeMetadata(m.TrustedMetadata, req.TrustedMetadata)
	m.UntrustedMetadata = mergeMetadata(m.UntrustedMetadata, req.UntrustedMetadata)
	m.UpdatedAt = c.now
	c.tx.Members().Put(m.MemberID, m)
	return c.answerMember(m, org), nil
}

type deleteMemberAnswer struct {
	MemberID string `json:"member_id"`
}

func (c *call) deleteMember(struct{}) (any, error) {
	org, err := c.organization(c.r.PathValue("organization_id"))
	if err != nil {
		return nil, err
	}
	m, err := c.member(org, c.r.PathValue("member_id"))
	if err != nil {
		return nil, err
	}
	if err := c.allowOn(m, "delete", selfToo); err != nil {
		return nil, err
	}
	c.tx.RemoveMember(m, c.now)
	return deleteMemberAnswer{MemberID: m.MemberID}, nil
}

// reactivateMember brings a deleted member back, who once proved their address; sessions, consents and tokens stay gone.
// Stytch does not say which permission that needs; here it is the one for adding members.
func (c *call) reactivateMember(struct{}) (any, error) {
	org, err := c.organization(c.r.PathValue("organization_id"))
	if err != nil {
		return nil, err
	}
	m, found := c.tx.Members().Get(c.r.PathValue("member_id"))
	if !found || m.OrganizationID != org.OrganizationID {
		return nil, notFound("member_not_found", "The member does not exist in this organization.")
	}
	if err := c.allow(org.OrganizationID, resourceMember, "create"); err != nil {
		return nil, err
	}
	switch {
	case m.Status != state.StatusDeleted:
		return nil, badRequest("member_already_active", "The member was not deleted.")
	case !m.EmailVerified:
		return nil, badRequest("cannot_reactivate_unverified_member", "The member never proved an address.")
	}
	if err := c.checkFree(org, m.Email, m.MemberID); err != nil {
		return nil, err
	}
	m.Status, m.UpdatedAt = state.StatusActive, c.now
	c.tx.Members().Put(m.MemberID, m)
	return c.answerMember(m, org), nil
}
