package api

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// SearchMembers implements authzv1.OrganizationServiceServer.
func (s *organizationService) SearchMembers(ctx context.Context, req *authzv1.SearchMembersRequest) (*authzv1.SearchMembersResponse, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.need(policy.SearchMembers); err != nil {
		return nil, err
	}
	query := stytch.AccountQuery{EmailContains: req.GetEmailContains(), Limit: pageSize(req.GetPageSize())}
	for _, status := range req.GetStatuses() {
		query.Statuses = append(query.Statuses, stytchStatus(status))
	}
	if slices.Sort(query.Statuses); len(query.Statuses) == 0 {
		query.Statuses = []stytch.MemberStatus{stytch.StatusActive, stytch.StatusInvited, stytch.StatusPending}
	}
	// A page token is good for the same search in the same organization.
	search := fmt.Sprintf("%s\x00search\x00%q\x00%q", a.organization.ID, query.EmailContains, query.Statuses)
	if query.Cursor, err = s.cursor(search, req.GetPageToken()); err != nil {
		return nil, err
	}
	page, err := a.acting.SearchAccounts(ctx, query)
	if err != nil {
		return nil, s.refused(a, policy.SearchMembers, err)
	}
	out := &authzv1.SearchMembersResponse{NextPageToken: s.pageToken(search, page.Next), TotalSize: int32(page.Total)}
	for _, found := range page.Accounts {
		account, err := memberAccount(&found)
		if err != nil {
			return nil, err
		}
		out.Members = append(out.Members, account)
	}
	return out, nil
}

// GetMember implements authzv1.OrganizationServiceServer.
func (s *organizationService) GetMember(ctx context.Context, req *authzv1.GetMemberRequest) (*authzv1.MemberAccount, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.need(policy.SearchMembers); err != nil {
		return nil, err
	}
	page, err := a.acting.SearchAccounts(ctx, stytch.AccountQuery{
		MemberID: req.GetMemberId(), Limit: 1,
		Statuses: []stytch.MemberStatus{stytch.StatusActive, stytch.StatusInvited, stytch.StatusPending, stytch.StatusDeleted},
	})
	if err != nil {
		return nil, s.refused(a, policy.SearchMembers, err)
	}
	if len(page.Accounts) != 1 || page.Accounts[0].ID != req.GetMemberId() {
		return nil, memberNotFound()
	}
	return memberAccount(&page.Accounts[0])
}

// InviteMember implements authzv1.OrganizationServiceServer.
func (s *organizationService) InviteMember(ctx context.Context, req *authzv1.InviteMemberRequest) (*authzv1.MemberAccount, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	// Giving a role is more than inviting: otherwise whoever may invite could make an administrator.
	roles := assignable(req.GetRoles())
	need := []policy.Right{policy.CreateMembers}
	if len(roles) > 0 {
		need = append(need, policy.ChangeRoles)
	}
	if err := a.need(need...); err != nil {
		return nil, err
	}
	if err := a.known("roles", roles); err != nil {
		return nil, err
	}
	// Stytch takes a second invitation for another letter to the same person, and would change name and roles on the way.
	existing, exists, err := s.cfg.Stytch.AccountByEmail(ctx, a.organization.ID, req.GetEmailAddress())
	if err != nil {
		return nil, s.refused(a, policy.CreateMembers, err)
	}
	if exists {
		return nil, rpcerr.New(codes.AlreadyExists, accessv1.ErrorReason_ERROR_REASON_MEMBER_EXISTS,
			"the organization has a member with this address").
			With("member_id", existing.ID).With("status", strings.TrimPrefix(memberStatus(existing.Status).String(), "MEMBER_STATUS_"))
	}
	invited, err := a.acting.Invite(ctx, stytch.Invitation{
		EmailAddress: req.GetEmailAddress(), Name: req.GetDisplayName(), Roles: roles, RedirectURL: s.invitationURL, InvitedBy: a.member.ID,
	})
	if err != nil {
		return nil, s.refused(a, policy.CreateMembers, err)
	}
	s.changed(ctx, a, "a member was invited", nil, slog.String("target_member_id", invited.ID), slog.Any("roles", roles))
	return memberAccount(invited)
}

// ResendInvitation implements authzv1.OrganizationServiceServer.
func (s *organizationService) ResendInvitation(ctx context.Context, req *authzv1.ResendInvitationRequest) (*emptypb.Empty, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.need(policy.CreateMembers); err != nil {
		return nil, err
	}
	target, err := s.account(ctx, a, policy.CreateMembers, req.GetMemberId())
	if err != nil {
		return nil, err
	}
	switch target.Status {
	case stytch.StatusDeleted:
		return nil, memberDeactivated()
	case stytch.StatusActive:
		return nil, memberActive()
	}
	// Without roles, those of the first invitation stay, whoever may give them.
	_, err = a.acting.Invite(ctx, stytch.Invitation{
		EmailAddress: target.EmailAddress, Name: target.Name, RedirectURL: s.invitationURL, InvitedBy: a.member.ID,
	})
	if err != nil {
		return nil, s.refused(a, policy.CreateMembers, err)
	}
	s.changed(ctx, a, "an invitation was sent again", nil, slog.String("target_member_id", target.ID))
	return &emptypb.Empty{}, nil
}

// UpdateMember implements authzv1.OrganizationServiceServer.
func (s *organizationService) UpdateMember(ctx context.Context, req *authzv1.UpdateMemberRequest) (*authzv1.MemberAccount, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	fields, err := selected(req.GetMember(), req.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	id, right := req.GetMember().GetMemberId(), policy.RenameMembers
	if fields.has("roles") {
		right = policy.ChangeRoles
		if err := a.need(right); err != nil {
			return nil, err
		}
	}
	if fields.has("display_name") {
		allowed := []policy.Right{policy.RenameMembers}
		if a.isSelf(id) {
			allowed = append(allowed, policy.RenameSelf)
		}
		if err := a.needOne(allowed...); err != nil {
			return nil, err
		}
	}
	if err := validated(req.GetMember(), "member", fields); err != nil {
		return nil, err
	}

	lock := s.locks.of(a.organization.ID)
	lock.Lock()
	defer lock.Unlock()
	target, err := s.current(ctx, a, right, id, req.GetMember().GetEtag())
	if err != nil {
		return nil, err
	}
	if target.Status == stytch.StatusDeleted {
		return nil, memberDeactivated()
	}
	change, err := s.change(ctx, a, target, req.GetMember(), fields)
	if err != nil {
		return nil, err
	}
	if change.Name == "" && change.Roles == nil { // it asks for what is the case
		return memberAccount(target)
	}
	updated, err := a.acting.UpdateAccount(ctx, id, change)
	s.verdicts.forget(id) // also where no answer came: the change may have been made
	if err != nil {
		return nil, s.refused(a, right, err)
	}
	attrs := []slog.Attr{slog.String("target_member_id", id), slog.Bool("name_changed", change.Name != "")}
	if change.Roles != nil {
		attrs = append(attrs, slog.Any("roles_before", target.Direct), slog.Any("roles", change.Roles))
	}
	s.changed(ctx, a, "a member was changed", []string{id}, attrs...)
	return memberAccount(updated)
}

// change is what an update really changes about a member. OWN_ACCOUNT, LAST_ADMINISTRATOR, FIELD_INVALID.
func (s *organizationService) change(
	ctx context.Context, a *administrator, target *stytch.Account, update *authzv1.MemberAccount, fields selection,
) (stytch.AccountChange, error) {
	var change stytch.AccountChange
	if fields.has("display_name") && update.GetDisplayName() != target.Name {
		change.Name = update.GetDisplayName()
	}
	roles := assignable(update.GetRoles())
	if !fields.has("roles") || slices.Equal(roles, target.Direct) {
		return change, nil
	}
	if a.isSelf(target.ID) {
		return change, ownAccount("changes their own roles")
	}
	added := slices.DeleteFunc(slices.Clone(roles), func(r string) bool { return slices.Contains(target.Direct, r) })
	if err := a.known("member.roles", added); err != nil {
		return change, err
	}
	change.Roles = roles
	if target.IsActiveAdministrator() && !slices.Contains(roles, stytch.RoleAdministrator) && !administratesAnyway(target) {
		return change, s.checkNotLast(ctx, a, policy.ChangeRoles, target)
	}
	return change, nil
}

// administratesAnyway says whether a member is an administrator also without having been given the role.
func administratesAnyway(target *stytch.Account) bool {
	return slices.ContainsFunc(target.Sources, func(r stytch.SourcedRole) bool {
		return r.Role == stytch.RoleAdministrator &&
			slices.ContainsFunc(r.Sources, func(source stytch.RoleSource) bool { return source.Type != stytch.SourceDirect })
	})
}

// DeactivateMember implements authzv1.OrganizationServiceServer.
func (s *organizationService) DeactivateMember(ctx context.Context, req *authzv1.DeactivateMemberRequest) (*authzv1.MemberAccount, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.need(policy.DeleteMembers); err != nil {
		return nil, err
	}
	if a.isSelf(req.GetMemberId()) {
		return nil, ownAccount("removes themselves")
	}
	lock := s.locks.of(a.organization.ID)
	lock.Lock()
	defer lock.Unlock()
	target, err := s.current(ctx, a, policy.DeleteMembers, req.GetMemberId(), req.GetEtag())
	if err != nil {
		return nil, err
	}
	if target.Status == stytch.StatusDeleted {
		return nil, memberDeactivated()
	}
	if target.IsActiveAdministrator() {
		if err := s.checkNotLast(ctx, a, policy.DeleteMembers, target); err != nil {
			return nil, err
		}
	}
	err = a.acting.DeactivateAccount(ctx, target.ID)
	s.verdicts.forget(target.ID) // also where no answer came: the change may have been made
	if err != nil {
		return nil, s.refused(a, policy.DeleteMembers, err)
	}
	s.changed(ctx, a, "a member was removed", []string{target.ID}, slog.String("target_member_id", target.ID))
	target.Status = stytch.StatusDeleted
	return memberAccount(target)
}

// ReactivateMember implements authzv1.OrganizationServiceServer.
func (s *organizationService) ReactivateMember(ctx context.Context, req *authzv1.ReactivateMemberRequest) (*authzv1.MemberAccount, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.need(policy.CreateMembers); err != nil {
		return nil, err
	}
	target, err := s.current(ctx, a, policy.CreateMembers, req.GetMemberId(), req.GetEtag())
	if err != nil {
		return nil, err
	}
	switch {
	case target.Status != stytch.StatusDeleted:
		return nil, memberActive()
	case !target.EmailVerified:
		return nil, rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_MEMBER_UNVERIFIED,
			"the member never proved the e-mail address; invite the person again")
	case len(target.Direct) > 0: // the roles come back with the member
		if err := a.need(policy.ChangeRoles); err != nil {
			return nil, err
		}
	}
	back, err := a.acting.ReactivateAccount(ctx, target.ID)
	if err != nil {
		return nil, s.refused(a, policy.CreateMembers, err)
	}
	s.changed(ctx, a, "a member was brought back", []string{target.ID},
		slog.String("target_member_id", target.ID), slog.Any("roles", back.Direct))
	return memberAccount(back)
}

// account gets a member of the caller's organization. MEMBER_NOT_FOUND.
func (s *organizationService) account(ctx context.Context, a *administrator, right policy.Right, id string) (*stytch.Account, error) {
	found, ok, err := s.cfg.Stytch.Account(ctx, a.organization.ID, id)
	if err != nil {
		return nil, s.refused(a, right, err)
	}
	if !ok {
		return nil, memberNotFound()
	}
	return found, nil
}

// current is account for a change that was made from a certain state. ETAG_MISMATCH.
func (s *organizationService) current(ctx context.Context, a *administrator, right policy.Right, id, etag string) (*stytch.Account, error) {
	found, err := s.account(ctx, a, right, id)
	if err != nil {
		return nil, err
	}
	message, err := memberAccount(found)
	if err != nil {
		return nil, err
	}
	return found, checkETag(etag, message.GetEtag())
}

// checkNotLast refuses to go on with an administrator who is the only one. LAST_ADMINISTRATOR.
func (s *organizationService) checkNotLast(ctx context.Context, a *administrator, right policy.Right, target *stytch.Account) error {
	other, err := s.cfg.Stytch.OtherAdministrator(ctx, a.organization.ID, target.ID)
	if err != nil {
		return s.refused(a, right, err)
	}
	if !other {
		return lastAdministrator()
	}
	return nil
}

// assignable sorts roles and leaves out the one that every member has.
func assignable(roles []string) []string {
	direct := slices.DeleteFunc(slices.Clone(roles), func(r string) bool { return r == stytch.RoleMember })
	slices.Sort(direct)
	return append([]string{}, slices.Compact(direct)...)
}

// known refuses roles that the access policy does not have. FIELD_INVALID.
func (a *administrator) known(field string, roles []string) error {
	for _, role := range roles {
		if !a.table.HasRole(role) {
			return rpcerr.FieldInvalid().Field(field, fmt.Sprintf("the access policy has no role %q", role), "roles.unknown")
		}
	}
	return nil
}

// memberAccount is a member as the contract shows it to administrators.
func memberAccount(m *stytch.Account) (*authzv1.MemberAccount, error) {
	out := &authzv1.MemberAccount{
		MemberId: m.ID, EmailAddress: m.EmailAddress, DisplayName: m.Name, Status: memberStatus(m.Status), Roles: m.Direct,
		CreateTime: optionalTime(m.Created),
	}
	for _, r := range m.Sources {
		role := &authzv1.MemberRole{RoleId: r.Role}
		for _, source := range r.Sources {
			role.Sources = append(role.Sources, &authzv1.RoleSource{Kind: sourceKind(source.Type), Detail: source.Detail})
		}
		out.EffectiveRoles = append(out.EffectiveRoles, role)
	}
	var err error
	out.Etag, err = etagOf(out)
	out.UpdateTime = optionalTime(m.Updated) // Stytch moves it for reasons that nobody sees here
	return out, err
}

func optionalTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func sourceKind(source string) authzv1.RoleSource_Kind {
	switch source {
	case stytch.SourceImplicit:
		return authzv1.RoleSource_KIND_IMPLICIT
	case stytch.SourceDirect:
		return authzv1.RoleSource_KIND_DIRECT
	case stytch.SourceEmail:
		return authzv1.RoleSource_KIND_EMAIL_DOMAIN
	case stytch.SourceConnection:
		return authzv1.RoleSource_KIND_SSO_CONNECTION
	case stytch.SourceSSOGroup:
		return authzv1.RoleSource_KIND_SSO_GROUP
	case stytch.SourceSCIMGroup:
		return authzv1.RoleSource_KIND_SCIM_GROUP
	}
	return authzv1.RoleSource_KIND_UNSPECIFIED
}

func stytchStatus(status authzv1.MemberStatus) stytch.MemberStatus {
	switch status {
	case authzv1.MemberStatus_MEMBER_STATUS_INVITED:
		return stytch.StatusInvited
	case authzv1.MemberStatus_MEMBER_STATUS_PENDING:
		return stytch.StatusPending
	case authzv1.MemberStatus_MEMBER_STATUS_DELETED:
		return stytch.StatusDeleted
	default:
		return stytch.StatusActive
	}
}
