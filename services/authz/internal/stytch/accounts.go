package stytch

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/magiclinks/email"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations/members"
)

// Account is a member as administrators see it.
type Account struct {
	Member
	// EmailVerified says that the member once proved the address.
	EmailVerified bool
	// Direct are the roles that were given to the member, sorted.
	Direct []string
	// Sources are all roles of the member and where they come from, sorted by role.
	Sources []SourcedRole
	// Created and Updated are zero where Stytch does not say.
	Created, Updated time.Time
}

// SourcedRole is a role of a member.
type SourcedRole struct {
	Role    string
	Sources []RoleSource
}

// RoleSource is why a member has a role.
type RoleSource struct {
	// Type is Stytch's word for it, such as SourceDirect.
	Type string
	// Detail is the domain, the connection, or the connection and the group.
	Detail string
}

// The kinds of source. SourceImplicit is not Stytch's word: it shows the role that every member has as given directly.
const (
	SourceImplicit   = "implicit"
	SourceDirect     = "direct_assignment"
	SourceEmail      = "email_assignment"
	SourceConnection = "sso_connection"
	SourceSSOGroup   = "sso_connection_group"
	SourceSCIMGroup  = "scim_connection_group"
)

// IsActiveAdministrator says whether the member can sign in and administer the organization.
func (a *Account) IsActiveAdministrator() bool {
	return a.Status == StatusActive && slices.Contains(a.Roles, RoleAdministrator)
}

func newAccount(m organizations.Member) Account {
	account := Account{Member: newMember(m), EmailVerified: m.EmailAddressVerified, Direct: []string{}}
	if m.CreatedAt != nil {
		account.Created = *m.CreatedAt
	}
	if m.UpdatedAt != nil {
		account.Updated = *m.UpdatedAt
	}
	implicit := false
	for _, r := range m.Roles {
		role := SourcedRole{Role: r.RoleID}
		for _, s := range r.Sources {
			source := RoleSource{Type: s.Type, Detail: sourceDetail(s.Details)}
			switch {
			case source.Type != SourceDirect:
			case r.RoleID == RoleMember:
				source = RoleSource{Type: SourceImplicit}
			default:
				account.Direct = append(account.Direct, r.RoleID)
			}
			role.Sources = append(role.Sources, source)
		}
		implicit = implicit || r.RoleID == RoleMember
		account.Sources = append(account.Sources, role)
	}
	if !implicit {
		account.Sources = append(account.Sources, SourcedRole{Role: RoleMember, Sources: []RoleSource{{Type: SourceImplicit}}})
	}
	slices.Sort(account.Direct)
	account.Direct = slices.Compact(account.Direct)
	slices.SortFunc(account.Sources, func(a, b SourcedRole) int { return strings.Compare(a.Role, b.Role) })
	return account
}

// sourceDetail is what the details of a source say, whichever of their fields the kind of source has.
func sourceDetail(details map[string]any) string {
	var parts []string
	for _, field := range []string{"email_domain", "connection_id", "group", "group_id"} {
		if text, ok := details[field].(string); ok && text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, " ")
}

// Account gets a member of an organization, one that was removed too, on the product's own authority: whoever asks must
// have been allowed to. ok is false when the organization has no such member.
func (c *Client) Account(ctx context.Context, organizationID, memberID string) (account *Account, ok bool, err error) {
	const doing = "getting a member"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, false, err
	}
	// The name of the method warns of members of other organizations, which are sorted out here. No other method tells of
	// a member who was removed, searching excepted, which lags behind.
	answer, err := api.Organizations.Members.DangerouslyGet(ctx, &members.DangerouslyGetParams{MemberID: memberID, IncludeDeleted: true})
	if err != nil {
		if err = translate(doing, err); IsType(err, TypeMemberNotFound, "invalid_member_id") {
			return nil, false, nil
		}
		return nil, false, err
	}
	found := newAccount(answer.Member)
	switch {
	case found.ID == "" || found.Status == "":
		return nil, false, nonsense(doing, "the member is incomplete")
	case found.ID != memberID || found.OrganizationID != organizationID:
		return nil, false, nil
	}
	return &found, true, nil
}

// AccountByEmail finds the member with an address, unless it was removed, on the product's own authority.
func (c *Client) AccountByEmail(ctx context.Context, organizationID, address string) (account *Account, ok bool, err error) {
	const doing = "getting a member by address"
	api, err := c.connected(ctx)
	if err != nil {
		return nil, false, err
	}
	answer, err := api.Organizations.Members.Get(ctx, &members.GetParams{OrganizationID: organizationID, EmailAddress: address})
	if err != nil {
		if err = translate(doing, err); IsType(err, TypeMemberNotFound) {
			return nil, false, nil
		}
		return nil, false, err
	}
	found, err := checkedAccount(doing, organizationID, answer.Member)
	return found, err == nil, err
}

// checkedAccount refuses an answer about somebody else.
func checkedAccount(doing, organizationID string, m organizations.Member) (*Account, error) {
	if m.MemberID == "" || m.OrganizationID != organizationID || m.Status == "" {
		return nil, nonsense(doing, "it is about another member")
	}
	account := newAccount(m)
	return &account, nil
}

// OtherAdministrator says whether an organization has an active administrator beside a member.
func (c *Client) OtherAdministrator(ctx context.Context, organizationID, memberID string) (bool, error) {
	const doing = "looking for administrators"
	api, err := c.connected(ctx)
	if err != nil {
		return false, err
	}
	answer, err := api.Organizations.Members.Search(ctx, &members.SearchParams{
		OrganizationIds: []string{organizationID},
		Limit:           2,
		Query: query(
			operand("member_roles", []string{RoleAdministrator}),
			operand("statuses", []MemberStatus{StatusActive}),
		),
	})
	if err != nil {
		return false, translate(doing, err)
	}
	return slices.ContainsFunc(answer.Members, func(m organizations.Member) bool {
		found := newAccount(m)
		return found.ID != memberID && found.OrganizationID == organizationID && found.IsActiveAdministrator()
	}), nil
}

// AccountQuery says which members to find.
type AccountQuery struct {
	// MemberID is the one member that is wanted; empty for all.
	MemberID string
	// EmailContains is a part of the address; empty for every address.
	EmailContains string
	// Statuses are those that the members have one of.
	Statuses []MemberStatus
	// Cursor is where to go on; Limit is the size of a page.
	Cursor string
	Limit  int
}

// AccountPage is a page of members.
type AccountPage struct {
	Accounts []Account
	// Next is the cursor of the next page; "" for none.
	Next string
	// Total is how many members there are on all pages.
	Total int
}

// SearchAccounts finds members.
func (a *Acting) SearchAccounts(ctx context.Context, q AccountQuery) (*AccountPage, error) {
	const doing = "searching members"
	api, err := a.connected(ctx)
	if err != nil {
		return nil, err
	}
	operands := []map[string]any{operand("statuses", q.Statuses)}
	if q.MemberID != "" {
		operands = append(operands, operand("member_ids", []string{q.MemberID}))
	}
	if q.EmailContains != "" {
		operands = append(operands, operand("member_email_fuzzy", q.EmailContains))
	}
	answer, err := api.Organizations.Members.Search(ctx, &members.SearchParams{
		OrganizationIds: []string{a.organization}, Cursor: q.Cursor, Limit: uint32(q.Limit), Query: query(operands...),
	}, &members.SearchRequestOptions{Authorization: a.authorize})
	if err != nil {
		return nil, translate(doing, err)
	}
	page := &AccountPage{Next: answer.ResultsMetadata.NextCursor, Total: int(answer.ResultsMetadata.Total)}
	for _, m := range answer.Members {
		account, err := checkedAccount(doing, a.organization, m)
		if err != nil {
			return nil, err
		}
		page.Accounts = append(page.Accounts, *account)
	}
	return page, nil
}

func query(operands ...map[string]any) *organizations.SearchQuery {
	return &organizations.SearchQuery{Operator: organizations.SearchQueryOperatorAND, Operands: operands}
}

func operand(name string, value any) map[string]any {
	return map[string]any{"filter_name": name, "filter_value": value}
}

// Invitation is for somebody who shall become a member.
type Invitation struct {
	EmailAddress, Name string
	Roles              []string
	// RedirectURL is where the link in the mail leads.
	RedirectURL string
	// InvitedBy is the member who invites.
	InvitedBy string
}

// Invite adds a member, or finds the one who was invited before, and sends an invitation.
func (a *Acting) Invite(ctx context.Context, i Invitation) (*Account, error) {
	const doing = "inviting a member"
	api, err := a.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.MagicLinks.Email.Invite(ctx, &email.InviteParams{
		OrganizationID: a.organization, EmailAddress: i.EmailAddress, Name: i.Name, Roles: i.Roles,
		InviteRedirectURL: i.RedirectURL, InvitedByMemberID: i.InvitedBy,
	}, &email.InviteRequestOptions{Authorization: a.authorize})
	if err != nil {
		return nil, translate(doing, err)
	}
	return checkedAccount(doing, a.organization, answer.Member)
}

// AccountChange is what to change about a member.
type AccountChange struct {
	// Name is the new name; empty to leave it.
	Name string
	// Roles are the roles to have directly; nil to leave them.
	Roles []string
}

// UpdateAccount changes a member.
func (a *Acting) UpdateAccount(ctx context.Context, memberID string, change AccountChange) (*Account, error) {
	const doing = "updating a member"
	api, err := a.connected(ctx)
	if err != nil {
		return nil, err
	}
	params := &members.UpdateParams{OrganizationID: a.organization, MemberID: memberID, Name: change.Name}
	if change.Roles != nil {
		params.Roles = &change.Roles
	}
	answer, err := api.Organizations.Members.Update(ctx, params, &members.UpdateRequestOptions{Authorization: a.authorize})
	if err != nil {
		return nil, translate(doing, err)
	}
	return a.about(doing, memberID, answer.Member)
}

// DeactivateAccount removes a member; Stytch ends the sessions.
func (a *Acting) DeactivateAccount(ctx context.Context, memberID string) error {
	api, err := a.connected(ctx)
	if err != nil {
		return err
	}
	_, err = api.Organizations.Members.Delete(ctx, &members.DeleteParams{OrganizationID: a.organization, MemberID: memberID},
		&members.DeleteRequestOptions{Authorization: a.authorize})
	return translate("deleting a member", err)
}

// ReactivateAccount brings a removed member back.
func (a *Acting) ReactivateAccount(ctx context.Context, memberID string) (*Account, error) {
	const doing = "reactivating a member"
	api, err := a.connected(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := api.Organizations.Members.Reactivate(ctx, &members.ReactivateParams{OrganizationID: a.organization, MemberID: memberID},
		&members.ReactivateRequestOptions{Authorization: a.authorize})
	if err != nil {
		return nil, translate(doing, err)
	}
	return a.about(doing, memberID, answer.Member)
}

// about refuses an answer that is not about the member.
func (a *Acting) about(doing, memberID string, m organizations.Member) (*Account, error) {
	account, err := checkedAccount(doing, a.organization, m)
	if err != nil {
		return nil, err
	}
	if account.ID != memberID {
		return nil, nonsense(doing, "it is about %s", account.ID)
	}
	return account, nil
}
