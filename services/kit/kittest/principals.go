// Package kittest helps tests of services: principals of every kind, an authenticator for them, and a running server with
// the production interceptors.
package kittest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const allActions = "create read update delete"

// administrator is the role that may change the settings of the organization, too.
const administrator = "stytch_admin"

// rolePermissions is the access policy of the product by role: what the actions on objectives and on key results are.
func rolePermissions() map[string][2]string {
	return map[string][2]string{
		administrator:   {allActions, allActions},
		"manager":       {"read", allActions},
		"stytch_member": {"read", "read update"},
	}
}

// scopePermissions is the same by scope.
func scopePermissions() map[string][2]string {
	return map[string][2]string{
		"read:okrs":         {"read", "read"},
		"manage:objectives": {allActions, ""},
		"manage:krs":        {"", allActions},
		"report_kr_status":  {"", "read update"},
	}
}

func permissions(table map[string][2]string, names ...string) []*accessv1.Permission {
	granted := map[string]bool{}
	for _, name := range names {
		for _, action := range strings.Fields(table[name][0]) {
			granted[access.ResourceObjective+":"+action] = true
		}
		for _, action := range strings.Fields(table[name][1]) {
			granted[access.ResourceKeyResult+":"+action] = true
		}
	}
	var out []*accessv1.Permission
	for _, p := range access.AllPermissions() {
		if granted[access.PermissionString(p)] {
			out = append(out, p)
		}
	}
	if slices.Contains(names, administrator) {
		out = append(out, access.ChangeOrganization())
	}
	return out
}

// Member is a member in person, in an organization, with roles of the product's policy ("stytch_member" is implied).
func Member(organization, member string, roles ...string) *authzv1.Principal {
	roles = append([]string{"stytch_member"}, roles...)
	return &authzv1.Principal{
		OrganizationId:  organization,
		MemberId:        member,
		DisplayName:     "Name of " + member,
		Kind:            authzv1.PrincipalKind_PRINCIPAL_KIND_MEMBER,
		Roles:           roles,
		RolePermissions: permissions(rolePermissions(), roles...),
		ExpireTime:      timestamppb.New(time.Now().Add(time.Hour)),
		Surface:         accessv1.Surface_SURFACE_GRPC,
	}
}

// CEO is the persona who may do everything; with Manager and Employee one of the three personas of the product.
func CEO(organization string) *authzv1.Principal {
	return Member(organization, "member-ceo-"+organization, administrator)
}

// Manager is the persona with the role "manager".
func Manager(organization string) *authzv1.Principal {
	return Member(organization, "member-manager-"+organization, "manager")
}

// Employee is the persona with no role but the one of every member.
func Employee(organization string) *authzv1.Principal {
	return Member(organization, "member-employee-"+organization)
}

// Agent is an agent of the member with scopes of the product's policy.
func Agent(member *authzv1.Principal, scopes ...string) *authzv1.Principal {
	return &authzv1.Principal{
		OrganizationId:   member.GetOrganizationId(),
		MemberId:         member.GetMemberId(),
		DisplayName:      member.GetDisplayName(),
		Kind:             authzv1.PrincipalKind_PRINCIPAL_KIND_AGENT,
		Roles:            member.GetRoles(),
		Scopes:           scopes,
		ClientId:         "connected-app-test",
		ClientName:       "Test Agent",
		RolePermissions:  member.GetRolePermissions(),
		ScopePermissions: permissions(scopePermissions(), scopes...),
		ExpireTime:       member.GetExpireTime(),
		Surface:          accessv1.Surface_SURFACE_MCP,
	}
}

// Authenticator knows principals by bearer token. It is an access.Authenticator and access.Grantors.
type Authenticator map[string]*authzv1.Principal

// Authenticate implements access.Authenticator.
func (a Authenticator) Authenticate(ctx context.Context) (*access.Identity, error) {
	values := metadata.ValueFromIncomingContext(ctx, access.MetadataAuthorization)
	if len(values) == 0 {
		return nil, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_MISSING, "no token")
	}
	token, err := access.BearerToken(values[0])
	if err != nil {
		return nil, err
	}
	p, ok := a[token]
	if !ok {
		return nil, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID, "unknown token")
	}
	expire := p.GetExpireTime().AsTime()
	if !time.Now().Before(expire) {
		return nil, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED, "expired")
	}
	return &access.Identity{Principal: p, Expire: expire}, nil
}

// Grantors implements access.Grantors by the product's policy.
func (a Authenticator) Grantors(_ context.Context, resource string, action accessv1.Action) (roles, scopes []string) {
	want := access.PermissionString(&accessv1.Permission{Resource: resource, Action: action})
	return granting(rolePermissions(), want), granting(scopePermissions(), want)
}

func granting(table map[string][2]string, want string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(table)) {
		for _, p := range permissions(table, name) {
			if access.PermissionString(p) == want {
				names = append(names, name)
			}
		}
	}
	return names
}
