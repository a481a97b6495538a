package access

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// foreignRules are the rules of services whose contract is not ours.
func foreignRules() map[string]*accessv1.Rule {
	public := &accessv1.Rule{Public: true}
	return map[string]*accessv1.Rule{
		"grpc.health.v1.Health":                    public,
		"grpc.reflection.v1.ServerReflection":      public,
		"grpc.reflection.v1alpha.ServerReflection": public,
	}
}

// Rules collects the rule of every method that a server has, by full method name ("/okr.v1.OkrService/GetObjective").
// It fails when a method has no rule or a contradictory one: such a server must not start.
func Rules(services map[string]grpc.ServiceInfo) (map[string]*accessv1.Rule, error) {
	rules := map[string]*accessv1.Rule{}
	foreign := foreignRules()
	var errs []error
	for service, info := range services {
		for _, method := range info.Methods {
			full := "/" + service + "/" + method.Name
			if rule, ok := foreign[service]; ok {
				rules[full] = rule
				continue
			}
			rule, err := methodRule(service, method.Name)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", full, err))
			}
			rules[full] = rule
		}
	}
	return rules, errors.Join(errs...)
}

func methodRule(service, method string) (*accessv1.Rule, error) {
	descriptor, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + method))
	if err != nil {
		return nil, fmt.Errorf("finding the method's descriptor: %w", err)
	}
	return RuleOf(descriptor)
}

// RuleOf reads and checks the rule of a method.
func RuleOf(method protoreflect.Descriptor) (*accessv1.Rule, error) {
	if !proto.HasExtension(method.Options(), accessv1.E_Rule) {
		return nil, errors.New("the method has no access rule")
	}
	rule, _ := proto.GetExtension(method.Options(), accessv1.E_Rule).(*accessv1.Rule)
	set := 0
	for _, is := range []bool{
		rule.GetResource() != "", len(rule.GetAnyOf()) > 0, rule.GetMember(), rule.GetSession(), rule.GetPublic(),
	} {
		if is {
			set++
		}
	}
	if inPerson := rule.GetSession() && len(rule.GetAnyOf()) > 0; set != 1 && (!inPerson || set != 2) {
		return nil, fmt.Errorf("the access rule sets %d conditions, want exactly one, or session and any_of", set)
	}
	if rule.GetPropose() != accessv1.Action_ACTION_UNSPECIFIED && rule.GetResource() == "" {
		return nil, errors.New("the access rule says what a proposal takes and not what the write takes")
	}
	for _, p := range required(rule) {
		if p.GetResource() == "" || p.GetAction() == accessv1.Action_ACTION_UNSPECIFIED {
			return nil, errors.New("the access rule names a resource without an action, or the reverse")
		}
	}
	return rule, nil
}

// required lists the permissions of which a rule asks for one.
func required(rule *accessv1.Rule) []*accessv1.Permission {
	if rule.GetResource() != "" || rule.GetAction() != accessv1.Action_ACTION_UNSPECIFIED {
		return []*accessv1.Permission{{Resource: rule.GetResource(), Action: rule.GetAction()}}
	}
	return rule.GetAnyOf()
}

// Grantors says which roles and scopes grant a permission, so that a denial can say what would help. It answers nothing
// rather than fail. Implementations are safe for concurrent use.
type Grantors interface {
	Grantors(ctx context.Context, resource string, action accessv1.Action) (roles, scopes []string)
}

// Check answers nil when the principal may call a method with this rule, and otherwise the error for the caller:
// SESSION_REQUIRED, SCOPE_MISSING where a wider token would do, ROLE_MISSING where it would not. A write is taken for one
// that is to be made.
func Check(ctx context.Context, rule *accessv1.Rule, p *authzv1.Principal, grantors Grantors) error {
	switch {
	case rule.GetPublic():
		return nil
	case p.GetMemberId() == "" || p.GetOrganizationId() == "":
		return rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_MISSING, "sign in first")
	case rule.GetMember():
		return nil
	case rule.GetSession():
		if p.GetKind() != authzv1.PrincipalKind_PRINCIPAL_KIND_MEMBER {
			return rpcerr.New(codes.PermissionDenied, accessv1.ErrorReason_ERROR_REASON_SESSION_REQUIRED,
				"only a member in person may do this, not an agent")
		}
		if len(rule.GetAnyOf()) == 0 {
			return nil
		}
	}
	permissions := required(rule)
	for _, r := range permissions {
		if Permits(p, r.GetResource(), r.GetAction()) {
			return nil
		}
	}
	err := denied(ctx, p, permissions, grantors)
	if err.Reason() == accessv1.ErrorReason_ERROR_REASON_ROLE_MISSING && MayPropose(rule, p) {
		return err.With("mode", proposeMode)
	}
	return err
}

// proposeMode is what the mode of a request is that would be let through where its write is not.
const proposeMode = "PROPOSE"

// moded is a request that says what to do with a write.
type moded interface{ GetMode() accessv1.WriteMode }

// CheckRequest is Check for a request of the method, which may say that its write is to be proposed.
func CheckRequest(ctx context.Context, rule *accessv1.Rule, req any, p *authzv1.Principal, grantors Grantors) error {
	if m, ok := req.(moded); ok && m.GetMode() == accessv1.WriteMode_WRITE_MODE_PROPOSE {
		return checkProposal(ctx, rule, p, grantors)
	}
	return Check(ctx, rule, p, grantors)
}

// CheckUnread is Check for an edge that has not read the request: it lets through who may call the method in one of its
// modes. The service behind the edge decides by the request.
func CheckUnread(ctx context.Context, rule *accessv1.Rule, p *authzv1.Principal, grantors Grantors) error {
	err := Check(ctx, rule, p, grantors)
	if err != nil && MayPropose(rule, p) {
		return nil
	}
	return err
}

// MayPropose says whether a principal may propose the effect of a method with this rule.
func MayPropose(rule *accessv1.Rule, p *authzv1.Principal) bool {
	write := &accessv1.Permission{Resource: rule.GetResource(), Action: rule.GetAction()}
	return rule.GetPropose() != accessv1.Action_ACTION_UNSPECIFIED && p.GetOrganizationId() != "" && p.GetMemberId() != "" &&
		Permits(p, rule.GetResource(), rule.GetPropose()) && covers(p, write)
}

// checkProposal is Check for a write that is to be proposed. The scopes have to cover the write itself: a token never brings
// about, by whoever approves it, what it was not meant for.
func checkProposal(ctx context.Context, rule *accessv1.Rule, p *authzv1.Principal, grantors Grantors) error {
	if rule.GetPropose() == accessv1.Action_ACTION_UNSPECIFIED {
		return denied(ctx, p, nil, grantors)
	}
	if err := Check(ctx, &accessv1.Rule{Resource: rule.GetResource(), Action: rule.GetPropose()}, p, grantors); err != nil {
		return err
	}
	write := &accessv1.Permission{Resource: rule.GetResource(), Action: rule.GetAction()}
	if !covers(p, write) {
		return scopeMissing(ctx, write, grantors)
	}
	return nil
}

// covers says whether a principal's token is wide enough for a permission, whatever the member's roles allow. Sessions are
// as wide as their member.
func covers(p *authzv1.Principal, permission *accessv1.Permission) bool {
	return p.GetKind() == authzv1.PrincipalKind_PRINCIPAL_KIND_MEMBER ||
		contains(p.GetScopePermissions(), permission.GetResource(), permission.GetAction())
}

// Denied is the error for a principal that has none of the permissions of which one is needed.
func Denied(ctx context.Context, p *authzv1.Principal, permissions []*accessv1.Permission, grantors Grantors) error {
	return denied(ctx, p, permissions, grantors)
}

func denied(ctx context.Context, p *authzv1.Principal, permissions []*accessv1.Permission, grantors Grantors) *rpcerr.Error {
	for _, r := range permissions {
		if contains(p.GetRolePermissions(), r.GetResource(), r.GetAction()) {
			return scopeMissing(ctx, r, grantors)
		}
	}
	if len(permissions) == 0 {
		return rpcerr.New(codes.PermissionDenied, accessv1.ErrorReason_ERROR_REASON_ROLE_MISSING, "nobody may do this")
	}
	first := permissions[0]
	roles, _ := grantors.Grantors(ctx, first.GetResource(), first.GetAction())
	return rpcerr.New(codes.PermissionDenied, accessv1.ErrorReason_ERROR_REASON_ROLE_MISSING,
		"the member's role does not allow %s", PermissionString(first)).
		With("permission", PermissionString(first)).
		With("roles", strings.Join(roles, " "))
}

func scopeMissing(ctx context.Context, p *accessv1.Permission, grantors Grantors) *rpcerr.Error {
	_, scopes := grantors.Grantors(ctx, p.GetResource(), p.GetAction())
	return rpcerr.New(codes.PermissionDenied, accessv1.ErrorReason_ERROR_REASON_SCOPE_MISSING,
		"the token's scopes do not allow %s", PermissionString(p)).
		With("permission", PermissionString(p)).
		With("scopes", strings.Join(scopes, " "))
}
