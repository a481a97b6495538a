package api

import (
	"context"
	"hash/maphash"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// administrator is a member in person who administers the organization, as far as the member's roles go.
//
// What the roles lack is refused here, by the same policy that Stytch has: before anything else is looked at, and with the
// roles that could. What they have is decided once more by Stytch, which knows them as of now.
type administrator struct {
	*caller
	table  *policy.Table
	acting *stytch.Acting
}

// administrator establishes who makes a call. The method's rule has seen to it that it is a member in person.
func (s *organizationService) administrator(ctx context.Context) (*administrator, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	c, err := carried(md)
	if err != nil {
		return nil, err
	}
	if !c.isSession() {
		return nil, rpcerr.New(codes.PermissionDenied, accessv1.ErrorReason_ERROR_REASON_SESSION_REQUIRED,
			"only a member in person may do this, not an agent")
	}
	found, err := s.fromMetadata(ctx, md)
	if err != nil {
		return nil, err
	}
	table, err := s.table(ctx)
	if err != nil {
		return nil, err
	}
	return &administrator{caller: found, table: table, acting: s.cfg.Stytch.As(c.session, found.organization.ID)}, nil
}

// isSelf says whether a member is the caller.
func (a *administrator) isSelf(memberID string) bool { return a.member.ID == memberID }

func (a *administrator) holds(right policy.Right) bool { return a.table.Holds(a.roles, right) }

// need refuses a caller who lacks one of the rights. STYTCH_DENIED.
func (a *administrator) need(rights ...policy.Right) error {
	for _, right := range rights {
		if !a.holds(right) {
			return a.denied(right, nil)
		}
	}
	return nil
}

// needOne refuses a caller who has none of the rights. STYTCH_DENIED, naming the first.
func (a *administrator) needOne(rights ...policy.Right) error {
	if slices.ContainsFunc(rights, a.holds) {
		return nil
	}
	return a.denied(rights[0], nil)
}

func (a *administrator) denied(right policy.Right, cause error) error {
	return rpcerr.New(codes.PermissionDenied, accessv1.ErrorReason_ERROR_REASON_STYTCH_DENIED,
		"the access rules do not allow this: it needs %s", right).
		With("permission", string(right)).With("roles", strings.Join(a.table.Holders(right), " ")).Wrap(cause)
}

// changed writes down that the caller changed something, by ids alone, and lets what is known of the subjects be asked for
// again.
func (s *organizationService) changed(ctx context.Context, a *administrator, what string, subjects []string, attrs ...slog.Attr) {
	for _, id := range subjects {
		s.verdicts.forget(id)
	}
	s.pageEpochs.end(a.organization.ID)
	s.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "an administrator changed something", append([]slog.Attr{
		slog.String("change", what), slog.String("organization_id", a.organization.ID), slog.String("member_id", a.member.ID),
	}, attrs...)...)
}

// locks lets one replica make changes that depend on each other, such as taking two administrators' roles, one after the
// other. Other replicas may come in between; Stytch has no transaction that could keep them out.
type locks struct {
	seed maphash.Seed
	all  [64]sync.Mutex
}

// of is the lock of an organization, and now and then of others.
func (l *locks) of(organizationID string) *sync.Mutex {
	return &l.all[maphash.String(l.seed, organizationID)%uint64(len(l.all))]
}

// GetAdministrationAccess implements authzv1.OrganizationServiceServer.
func (s *organizationService) GetAdministrationAccess(ctx context.Context, _ *authzv1.GetAdministrationAccessRequest) (*authzv1.AdministrationAccess, error) {
	a, err := s.administrator(ctx)
	if err != nil {
		return nil, err
	}
	out := &authzv1.AdministrationAccess{}
	for _, right := range policy.Rights() {
		out.Permissions = append(out.Permissions, &authzv1.AdministrationPermission{
			Permission: string(right), Granted: a.holds(right), Roles: a.table.Holders(right),
		})
	}
	return out, nil
}

// ListRoles implements authzv1.OrganizationServiceServer.
func (s *organizationService) ListRoles(ctx context.Context, _ *authzv1.ListRolesRequest) (*authzv1.ListRolesResponse, error) {
	table, err := s.table(ctx)
	if err != nil {
		return nil, err
	}
	roles := table.Roles()
	slices.SortStableFunc(roles, func(x, y policy.Role) int {
		switch {
		case x.ID == stytch.RoleMember:
			return -1
		case y.ID == stytch.RoleMember:
			return 1
		}
		return 0
	})
	out := &authzv1.ListRolesResponse{}
	for _, r := range roles {
		out.Roles = append(out.Roles, &authzv1.Role{
			RoleId: r.ID, DisplayName: roleName(r.ID), Description: r.Description,
			Implicit: r.ID == stytch.RoleMember, Administrator: r.ID == stytch.RoleAdministrator,
		})
	}
	return out, nil
}

// roleName is what people call a role of the product's own policy.
func roleName(id string) string {
	switch id {
	case stytch.RoleMember:
		return "Employee"
	case "manager":
		return "Manager"
	case stytch.RoleAdministrator:
		return "CEO"
	}
	return id
}
