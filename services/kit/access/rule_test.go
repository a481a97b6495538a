package access_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// everything is how the table below writes all four actions.
const everything = "create read update delete"

func TestAPrincipalMayDoWhatRoleAndScopesBothAllow(t *testing.T) {
	ceo, manager, employee := kittest.CEO("acme"), kittest.Manager("acme"), kittest.Employee("acme")
	noRoles := kittest.Employee("acme")
	noRoles.Roles, noRoles.RolePermissions = nil, nil
	unknownKind := kittest.CEO("acme")
	unknownKind.Kind = authzv1.PrincipalKind_PRINCIPAL_KIND_UNSPECIFIED

	for _, test := range []struct {
		name                  string
		principal             *authzv1.Principal
		objective, keyResult  string // the actions that are allowed
		objScoped, keyScoped  string // the actions that the role would allow and the scopes do not
		otherwiseUnclassified bool   // denied whatever the role says, without a promise about the reason
	}{
		{name: "a CEO may do everything", principal: ceo, objective: everything, keyResult: everything},
		{name: "a manager reads objectives and may do everything with key results", principal: manager, objective: "read", keyResult: everything},
		{name: "an employee reads, and reports on key results", principal: employee, objective: "read", keyResult: "read update"},
		{name: "a member without roles may do nothing", principal: noRoles},
		{name: "nobody may do nothing", principal: nil},
		{name: "a principal of an unknown kind may do nothing", principal: unknownKind, otherwiseUnclassified: true},
		{
			name: "an agent without scopes may do nothing", principal: kittest.Agent(ceo),
			objScoped: everything, keyScoped: everything,
		},
		{
			name: "a CEO's agent with read:okrs only reads", principal: kittest.Agent(ceo, "read:okrs"),
			objective: "read", keyResult: "read", objScoped: "create update delete", keyScoped: "create update delete",
		},
		{
			name: "a CEO's agent with manage:objectives does not see key results", principal: kittest.Agent(ceo, "manage:objectives"),
			objective: everything, keyScoped: everything,
		},
		{
			name: "a CEO's agent with manage:krs does not see objectives", principal: kittest.Agent(ceo, "manage:krs"),
			keyResult: everything, objScoped: everything,
		},
		{
			name: "a CEO's agent with report_kr_status reads and updates key results", principal: kittest.Agent(ceo, "report_kr_status"),
			keyResult: "read update", objScoped: everything, keyScoped: "create delete",
		},
		{
			name: "two scopes add up", principal: kittest.Agent(ceo, "read:okrs", "report_kr_status"),
			objective: "read", keyResult: "read update", objScoped: "create update delete", keyScoped: "create delete",
		},
		{
			name: "an employee's agent gets no more than the employee from manage:objectives", principal: kittest.Agent(employee, "manage:objectives"),
			objective: "read", keyScoped: "read update",
		},
		{
			name: "an employee's agent gets no more than the employee from manage:krs", principal: kittest.Agent(employee, "manage:krs"),
			keyResult: "read update", objScoped: "read",
		},
		{
			name: "an agent of a member without roles may do nothing whatever its scopes", principal: kittest.Agent(noRoles, "manage:objectives", "manage:krs"),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			allowed := map[string]string{access.ResourceObjective: test.objective, access.ResourceKeyResult: test.keyResult}
			scoped := map[string]string{access.ResourceObjective: test.objScoped, access.ResourceKeyResult: test.keyScoped}
			for _, p := range access.AllPermissions() {
				resource, action := p.GetResource(), access.ActionName(p.GetAction())
				want := ""
				switch {
				case slices.Contains(strings.Fields(allowed[resource]), action):
				case test.principal == nil:
					want = "TOKEN_MISSING"
				case slices.Contains(strings.Fields(scoped[resource]), action):
					want = "SCOPE_MISSING"
				default:
					want = "ROLE_MISSING"
				}
				if got := access.Permits(test.principal, resource, p.GetAction()); got != (want == "") {
					t.Errorf("Permits(%s:%s) = %v", resource, action, got)
				}
				err := access.Check(t.Context(), &accessv1.Rule{Resource: resource, Action: p.GetAction()}, test.principal, kittest.Authenticator{})
				if test.otherwiseUnclassified {
					if err == nil {
						t.Errorf("Check(%s:%s) lets an unclassified principal in", resource, action)
					}
					continue
				}
				if got := reason(err); got != want {
					t.Errorf("Check(%s:%s) = %q, want %q", resource, action, got, want)
				}
			}
		})
	}
}

// reason is the wire name of an error's reason, or "" for no error.
func reason(err error) string {
	if err == nil {
		return ""
	}
	return rpcerr.ReasonName(rpcerr.ReasonOf(err))
}

func TestADenialSaysWhatWouldHelp(t *testing.T) {
	update := &accessv1.Rule{Resource: "objective", Action: accessv1.Action_ACTION_UPDATE}
	for _, test := range []struct {
		name      string
		principal *authzv1.Principal
		reason    string
		metadata  map[string]string
	}{
		{
			"an agent whose member has the role learns the scopes that would do", kittest.Agent(kittest.CEO("acme"), "read:okrs"),
			"SCOPE_MISSING",
			map[string]string{"permission": "objective:update", "scopes": "manage:objectives"},
		},
		{
			"an agent whose member lacks the role learns the roles, because no scope would do", kittest.Agent(kittest.Employee("acme"), "read:okrs"),
			"ROLE_MISSING",
			map[string]string{"permission": "objective:update", "roles": "stytch_admin"},
		},
		{
			"a member learns the roles that would do", kittest.Employee("acme"),
			"ROLE_MISSING",
			map[string]string{"permission": "objective:update", "roles": "stytch_admin"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := access.Check(t.Context(), update, test.principal, kittest.Authenticator{})
			info := rpcerr.InfoOf(err)
			if info.GetReason() != test.reason || !maps.Equal(info.GetMetadata(), test.metadata) {
				t.Errorf("the denial is %v", info)
			}
		})
	}
}

func TestRulesThatAreNotAPermission(t *testing.T) {
	member, agent := kittest.Employee("acme"), kittest.Agent(kittest.Employee("acme"))
	anyOf := &accessv1.Rule{AnyOf: []*accessv1.Permission{
		{Resource: "objective", Action: accessv1.Action_ACTION_CREATE},
		{Resource: "key_result", Action: accessv1.Action_ACTION_UPDATE},
	}}
	stranger := &authzv1.Principal{MemberId: "member-1"} // of no organization
	inPerson := &accessv1.Rule{Session: true, AnyOf: anyOf.GetAnyOf()}
	noRoles := kittest.Employee("acme")
	noRoles.Roles, noRoles.RolePermissions = nil, nil
	for _, test := range []struct {
		name      string
		rule      *accessv1.Rule
		principal *authzv1.Principal
		want      string
	}{
		{"a public method takes anyone", &accessv1.Rule{Public: true}, nil, ""},
		{"a member method takes a member", &accessv1.Rule{Member: true}, member, ""},
		{"a member method takes an agent, whatever its scopes", &accessv1.Rule{Member: true}, agent, ""},
		{"a member method refuses nobody", &accessv1.Rule{Member: true}, nil, "TOKEN_MISSING"},
		{"a member method refuses a principal without an organization", &accessv1.Rule{Member: true}, stranger, "TOKEN_MISSING"},
		{"a session method takes a member", &accessv1.Rule{Session: true}, member, ""},
		{"a session method refuses an agent", &accessv1.Rule{Session: true}, agent, "SESSION_REQUIRED"},
		{"a method for a session with a permission takes a member who has it", inPerson, member, ""},
		{"a method for a session with a permission refuses a member without it", inPerson, noRoles, "ROLE_MISSING"},
		{"a method for a session with a permission refuses an agent that has it", inPerson, kittest.Agent(kittest.CEO("acme"), "manage:objectives", "manage:krs"), "SESSION_REQUIRED"},
		{"a method for a session with a permission refuses a stranger", inPerson, stranger, "TOKEN_MISSING"},
		{"one of several permissions is enough", anyOf, member, ""},
		{"without one of several permissions the role's missing scope is named", anyOf, agent, "SCOPE_MISSING"},
		{"a rule that asks for nothing lets nobody in", &accessv1.Rule{}, kittest.CEO("acme"), "ROLE_MISSING"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := reason(access.Check(t.Context(), test.rule, test.principal, kittest.Authenticator{})); got != test.want {
				t.Errorf("Check = %q, want %q", got, test.want)
			}
		})
	}
}

func TestAWriteIsProposedByWhoseScopesCoverItAndWhoMayRead(t *testing.T) {
	deletes := &accessv1.Rule{Resource: "objective", Action: accessv1.Action_ACTION_DELETE, Propose: accessv1.Action_ACTION_READ}
	ceo, employee := kittest.CEO("acme"), kittest.Employee("acme")
	noRoles := kittest.Employee("acme")
	noRoles.Roles, noRoles.RolePermissions = nil, nil
	propose := &okrv1.DeleteObjectiveRequest{Mode: accessv1.WriteMode_WRITE_MODE_PROPOSE}
	validate := &okrv1.DeleteObjectiveRequest{Mode: accessv1.WriteMode_WRITE_MODE_VALIDATE}
	for _, test := range []struct {
		name      string
		principal *authzv1.Principal
		apply     string
		propose   string
		scopes    string // of the refusal to propose
		unread    string
		offered   bool // by the refusal to apply
	}{
		{name: "a CEO does both", principal: ceo},
		{name: "an employee proposes what the role does not allow, and is told so", principal: employee, apply: "ROLE_MISSING", offered: true},
		{name: "an employee's agent whose scopes would do proposes", principal: kittest.Agent(employee, "manage:objectives"), apply: "ROLE_MISSING", offered: true},
		{
			name: "an employee's agent whose scopes do not cover the write does not propose", principal: kittest.Agent(employee, "read:okrs", "manage:krs"),
			apply: "ROLE_MISSING", propose: "SCOPE_MISSING", scopes: "manage:objectives", unread: "ROLE_MISSING",
		},
		{
			name: "a CEO's agent that only reads does not propose", principal: kittest.Agent(ceo, "read:okrs"),
			apply: "SCOPE_MISSING", propose: "SCOPE_MISSING", scopes: "manage:objectives", unread: "SCOPE_MISSING",
		},
		{name: "who may not even read does not propose", principal: noRoles, apply: "ROLE_MISSING", propose: "ROLE_MISSING", unread: "ROLE_MISSING"},
		{name: "nobody does not propose", principal: nil, apply: "TOKEN_MISSING", propose: "TOKEN_MISSING", unread: "TOKEN_MISSING"},
	} {
		t.Run(test.name, func(t *testing.T) {
			grantors := kittest.Authenticator{}
			err := access.CheckRequest(t.Context(), deletes, &okrv1.DeleteObjectiveRequest{}, test.principal, grantors)
			if reason(err) != test.apply || (rpcerr.InfoOf(err).GetMetadata()["mode"] == "PROPOSE") != test.offered {
				t.Errorf("to apply it: %v", err)
			}
			if tried := access.CheckRequest(t.Context(), deletes, validate, test.principal, grantors); reason(tried) != test.apply {
				t.Errorf("to try it: %v", tried)
			}
			err = access.CheckRequest(t.Context(), deletes, propose, test.principal, grantors)
			if reason(err) != test.propose || rpcerr.InfoOf(err).GetMetadata()["scopes"] != test.scopes {
				t.Errorf("to propose it: %v", err)
			}
			if err := access.CheckUnread(t.Context(), deletes, test.principal, grantors); reason(err) != test.unread {
				t.Errorf("before it is read: %v", err)
			}
		})
	}
	reads := &accessv1.Rule{Resource: "objective", Action: accessv1.Action_ACTION_DELETE}
	if err := access.CheckRequest(t.Context(), reads, propose, ceo, kittest.Authenticator{}); reason(err) != "ROLE_MISSING" {
		t.Errorf("what cannot be proposed: %v", err)
	}
}

func TestAMethodHasExactlyOneWholeRule(t *testing.T) {
	read := &accessv1.Permission{Resource: "objective", Action: accessv1.Action_ACTION_READ}
	for _, test := range []struct {
		name string
		rule *accessv1.Rule
		ok   bool
	}{
		{"a permission", &accessv1.Rule{Resource: "objective", Action: accessv1.Action_ACTION_READ}, true},
		{"one of several permissions", &accessv1.Rule{AnyOf: []*accessv1.Permission{read}}, true},
		{"public", &accessv1.Rule{Public: true}, true},
		{"member", &accessv1.Rule{Member: true}, true},
		{"session", &accessv1.Rule{Session: true}, true},
		{"no rule at all", nil, false},
		{"an empty rule", &accessv1.Rule{}, false},
		{"a resource without an action", &accessv1.Rule{Resource: "objective"}, false},
		{"an action without a resource", &accessv1.Rule{Action: accessv1.Action_ACTION_READ}, false},
		{"public, with an action left over", &accessv1.Rule{Public: true, Action: accessv1.Action_ACTION_READ}, false},
		{"public and a permission", &accessv1.Rule{Public: true, Resource: "objective", Action: accessv1.Action_ACTION_READ}, false},
		{"public and member", &accessv1.Rule{Public: true, Member: true}, false},
		{"member and session", &accessv1.Rule{Member: true, Session: true}, false},
		{"several permissions and one", &accessv1.Rule{Resource: "objective", Action: accessv1.Action_ACTION_READ, AnyOf: []*accessv1.Permission{read}}, false},
		{"session and one of several permissions", &accessv1.Rule{Session: true, AnyOf: []*accessv1.Permission{read}}, true},
		{"session and a permission", &accessv1.Rule{Session: true, Resource: "objective", Action: accessv1.Action_ACTION_READ}, false},
		{"member and one of several permissions", &accessv1.Rule{Member: true, AnyOf: []*accessv1.Permission{read}}, false},
		{"a permission, and another to propose", &accessv1.Rule{Resource: "objective", Action: accessv1.Action_ACTION_DELETE, Propose: accessv1.Action_ACTION_READ}, true},
		{"something to propose that takes nothing to do", &accessv1.Rule{Member: true, Propose: accessv1.Action_ACTION_READ}, false},
		{"several permissions, one without an action", &accessv1.Rule{AnyOf: []*accessv1.Permission{read, {Resource: "objective"}}}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			rule, err := access.RuleOf(methodWith(t, test.rule))
			if (err == nil) != test.ok {
				t.Fatalf("RuleOf: %v", err)
			}
			if test.ok && !proto.Equal(rule, test.rule) {
				t.Errorf("RuleOf = %v", rule)
			}
		})
	}
}

// methodWith builds a method that carries the rule.
func methodWith(t *testing.T, rule *accessv1.Rule) protoreflect.MethodDescriptor {
	t.Helper()
	options := &descriptorpb.MethodOptions{}
	if rule != nil {
		proto.SetExtension(options, accessv1.E_Rule, rule)
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name:        new("test.proto"),
		Package:     new("test.v1"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: new("Empty")}},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name: new("TestService"),
			Method: []*descriptorpb.MethodDescriptorProto{{
				Name: new("Test"), InputType: new(".test.v1.Empty"), OutputType: new(".test.v1.Empty"), Options: options,
			}},
		}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file.Services().Get(0).Methods().Get(0)
}

func TestRulesNameEveryMethodThatHasNone(t *testing.T) {
	rules, err := access.Rules(map[string]grpc.ServiceInfo{
		okrv1.OkrService_ServiceDesc.ServiceName: {Methods: []grpc.MethodInfo{{Name: "GetObjective"}, {Name: "Undeclared"}}},
		"unknown.v1.UnknownService":              {Methods: []grpc.MethodInfo{{Name: "Call"}}},
		"grpc.health.v1.Health":                  {Methods: []grpc.MethodInfo{{Name: "Check"}}},
	})
	if err == nil {
		t.Fatal("methods without a rule were accepted")
	}
	for _, method := range []string{"/okr.v1.OkrService/Undeclared", "/unknown.v1.UnknownService/Call"} {
		if !strings.Contains(err.Error(), method) {
			t.Errorf("the error does not name %s: %v", method, err)
		}
	}
	if rule := rules["/okr.v1.OkrService/GetObjective"]; rule.GetResource() != "objective" || rule.GetAction() != accessv1.Action_ACTION_READ {
		t.Errorf("the rule of GetObjective is %v", rule)
	}
	if rule := rules["/grpc.health.v1.Health/Check"]; !rule.GetPublic() {
		t.Errorf("the rule of health is %v", rule)
	}
}

func TestPermissionsAreWrittenAndReadBack(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range access.AllPermissions() {
		text := access.PermissionString(p)
		seen[text] = true
		if back, ok := access.ParsePermission(text); !ok || !proto.Equal(back, p) {
			t.Errorf("ParsePermission(%q) = %v, %v", text, back, ok)
		}
	}
	if len(seen) != 8 || !seen["key_result:delete"] {
		t.Errorf("the permissions are %v", slices.Sorted(maps.Keys(seen)))
	}
	for _, text := range []string{"", "objective", "objective:", ":read", "objective:unspecified", "objective:fly", "objective:read:more"} {
		if p, ok := access.ParsePermission(text); ok {
			t.Errorf("ParsePermission(%q) = %v", text, fmt.Sprint(p))
		}
	}
}

func TestACallerIsThePrincipalOfTheCall(t *testing.T) {
	if _, err := access.CallerFrom(t.Context()); reason(err) != "TOKEN_MISSING" {
		t.Errorf("a call without a principal: %v", err)
	}
	caller, err := access.CallerFrom(access.WithPrincipal(t.Context(), kittest.CEO("acme")))
	if err != nil || caller.GetOrganizationId() != "acme" {
		t.Errorf("CallerFrom = %v, %v", caller, err)
	}
}
