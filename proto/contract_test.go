package contract_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	_ "github.com/df0f9dda/okr-manager/proto/gen/authz/v1" // registers the descriptors
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// files are the descriptors of our own packages, by path.
func files() []protoreflect.FileDescriptor {
	var out []protoreflect.FileDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		switch file.Package() {
		case "access.v1", "authz.v1", "okr.v1":
			out = append(out, file)
		}
		return true
	})
	slices.SortFunc(out, func(a, b protoreflect.FileDescriptor) int { return strings.Compare(a.Path(), b.Path()) })
	return out
}

// methods are all methods of all services, in the order of their declaration.
func methods(t *testing.T) []protoreflect.MethodDescriptor {
	t.Helper()
	var out []protoreflect.MethodDescriptor
	for _, file := range files() {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				out = append(out, service.Methods().Get(j))
			}
		}
	}
	if len(out) < 20 { // a test of nothing would pass
		t.Fatalf("only %d methods were found", len(out))
	}
	return out
}

// fields are the fields of a message.
func fields(m protoreflect.MessageDescriptor) []protoreflect.FieldDescriptor {
	var out []protoreflect.FieldDescriptor
	for i := range m.Fields().Len() {
		out = append(out, m.Fields().Get(i))
	}
	return out
}

// requestFields are the fields of every request and of the messages of ours inside it, without those that the server
// ignores because only it sets them.
func requestFields(t *testing.T) map[protoreflect.FullName]protoreflect.FieldDescriptor {
	t.Helper()
	out := map[protoreflect.FullName]protoreflect.FieldDescriptor{}
	var walk func(protoreflect.MessageDescriptor)
	walk = func(m protoreflect.MessageDescriptor) {
		for _, field := range fields(m) {
			if _, seen := out[field.FullName()]; seen || slices.Contains(behavior(field), annotations.FieldBehavior_OUTPUT_ONLY) {
				continue
			}
			out[field.FullName()] = field
			if inner := field.Message(); inner != nil && !strings.HasPrefix(string(inner.FullName()), "google.protobuf.") {
				walk(inner)
			}
		}
	}
	for _, method := range methods(t) {
		walk(method.Input())
	}
	return out
}

func behavior(field protoreflect.FieldDescriptor) []annotations.FieldBehavior {
	b, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return b
}

func ruleOf(method protoreflect.MethodDescriptor) *accessv1.Rule {
	rule, _ := proto.GetExtension(method.Options(), accessv1.E_Rule).(*accessv1.Rule)
	return rule
}

func constraints(field protoreflect.FieldDescriptor) *validate.FieldRules {
	rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	return rules
}

// allowed checks a table of exceptions against what was found: nothing but the exceptions may break a convention, and
// every exception has to be needed still.
func allowed(t *testing.T, convention string, found []protoreflect.FullName, exceptions map[protoreflect.FullName]string) {
	t.Helper()
	for _, name := range found {
		if exceptions[name] == "" {
			t.Errorf("%s %s", name, convention)
		}
	}
	for name := range exceptions {
		if !slices.Contains(found, name) {
			t.Errorf("%s no longer needs its exception: it does not break the convention", name)
		}
	}
}

func TestEveryMethodHasExactlyOneAccessRule(t *testing.T) {
	for _, method := range methods(t) {
		rule := ruleOf(method)
		conditions := 0
		for _, set := range []bool{
			rule.GetResource() != "", len(rule.GetAnyOf()) > 0, rule.GetMember(), rule.GetSession(), rule.GetPublic(),
		} {
			if set {
				conditions++
			}
		}
		if inPerson := rule.GetSession() && len(rule.GetAnyOf()) > 0; conditions != 1 && (!inPerson || conditions != 2) {
			t.Errorf("%s has %d conditions in its access rule, want one, or session and any_of: %v", method.FullName(), conditions, rule)
		}
		permissions := slices.Clone(rule.GetAnyOf())
		if rule.GetResource() != "" || rule.GetAction() != 0 {
			permissions = append(permissions, &accessv1.Permission{Resource: rule.GetResource(), Action: rule.GetAction()})
		}
		for _, p := range permissions {
			known := p.GetResource() == "objective" || p.GetResource() == "key_result" ||
				p.GetResource() == "stytch.organization" && p.GetAction() == accessv1.Action_ACTION_UPDATE && rule.GetSession()
			if _, defined := accessv1.Action_name[int32(p.GetAction())]; !known || !defined || p.GetAction() == 0 {
				t.Errorf("%s asks for a permission that no policy has: %v", method.FullName(), p)
			}
		}
	}
}

func TestAWriteThatCanBeProposedSaysSoInItsRuleAndInItsRequest(t *testing.T) {
	proposable := 0
	for _, method := range methods(t) {
		rule := ruleOf(method)
		mode := method.Input().Fields().ByName("mode")
		if (rule.GetPropose() == 0) != (mode == nil) {
			t.Errorf("%s: the rule's propose is %v, and the request's mode %v", method.FullName(), rule.GetPropose(), mode)
		}
		if mode == nil {
			continue
		}
		proposable++
		if rule.GetPropose() != accessv1.Action_ACTION_READ || rule.GetAction() == accessv1.Action_ACTION_READ ||
			mode.Enum() == nil || mode.Enum().FullName() != "access.v1.WriteMode" {
			t.Errorf("%s: the rule is %v, and the mode %v", method.FullName(), rule, mode)
		}
	}
	if write := new(okrv1.ProposedWrite).ProtoReflect().Descriptor().Fields().Len(); write != proposable || write < 12 {
		t.Errorf("%d methods can be proposed, and a proposal can hold %d", proposable, write)
	}
}

func TestWhatDecidesOnAProposalIsForMembersInPerson(t *testing.T) {
	for _, name := range []protoreflect.Name{"ApproveProposal", "RejectProposal", "SetProposeOnly"} {
		method := okrv1.File_okr_v1_okr_service_proto.Services().ByName("OkrService").Methods().ByName(name)
		if rule := ruleOf(method); !rule.GetSession() || len(rule.GetAnyOf()) == 0 {
			t.Errorf("%s: %v", name, rule)
		}
	}
}

func TestTheAccessRuleFitsTheMethodsName(t *testing.T) {
	actions := map[string]accessv1.Action{
		"Create": accessv1.Action_ACTION_CREATE, "Get": accessv1.Action_ACTION_READ, "List": accessv1.Action_ACTION_READ,
		"Update": accessv1.Action_ACTION_UPDATE, "Set": accessv1.Action_ACTION_UPDATE, "Delete": accessv1.Action_ACTION_DELETE,
		"Close": accessv1.Action_ACTION_UPDATE, "Reopen": accessv1.Action_ACTION_UPDATE,
		"Archive": accessv1.Action_ACTION_UPDATE, "Restore": accessv1.Action_ACTION_UPDATE,
		"Export": accessv1.Action_ACTION_READ, "Import": accessv1.Action_ACTION_CREATE,
	}
	// A check-in is no resource of the access policy: to check in is to update a key result, to list check-ins is to read one.
	others := map[protoreflect.Name]accessv1.Action{
		"CreateCheckIn": accessv1.Action_ACTION_UPDATE, "ListCheckIns": accessv1.Action_ACTION_READ,
	}
	checked := 0
	for _, method := range methods(t) {
		rule := ruleOf(method)
		if rule.GetResource() == "" {
			continue
		}
		checked++
		if action, other := others[method.Name()]; other {
			if rule.GetResource() != "key_result" || rule.GetAction() != action {
				t.Errorf("%s asks for %v on %s", method.FullName(), rule.GetAction(), rule.GetResource())
			}
			continue
		}
		verb := regexp.MustCompile(`^[A-Z][a-z]+`).FindString(string(method.Name()))
		noun := strings.TrimPrefix(strings.TrimPrefix(string(method.Name()), verb), "Due")
		noun = strings.ReplaceAll(strings.ToLower(noun), "keyresult", "key_result")
		if actions[verb] != rule.GetAction() || !strings.HasPrefix(noun, rule.GetResource()) {
			t.Errorf("%s asks for %v on %s", method.FullName(), rule.GetAction(), rule.GetResource())
		}
	}
	if checked < 10 {
		t.Errorf("only %d methods were checked", checked)
	}
}

func TestEveryMutationCanBeRepeatedByItsRequestID(t *testing.T) {
	var want *validate.FieldRules
	for _, method := range methods(t) {
		if method.Name() == "ImportObjectives" { // a file can be sent again: what is there already stays as it is
			continue
		}
		switch ruleOf(method).GetAction() {
		case accessv1.Action_ACTION_CREATE, accessv1.Action_ACTION_UPDATE, accessv1.Action_ACTION_DELETE:
		default:
			continue
		}
		field := method.Input().Fields().ByName("request_id")
		if field == nil || field.Kind() != protoreflect.StringKind {
			t.Errorf("%s has no text request_id", method.Input().FullName())
			continue
		}
		got := constraints(field)
		if want == nil {
			want = got
		}
		if got.GetString().GetMaxLen() == 0 || got.GetString().GetPattern() == "" || !proto.Equal(got, want) {
			t.Errorf("%s has the constraints %v, others have %v", field.FullName(), got, want)
		}
	}
	if want == nil {
		t.Error("no mutation was found")
	}
}

func TestEveryListIsPaged(t *testing.T) {
	var unpaged []protoreflect.FullName
	for _, method := range methods(t) {
		if !strings.HasPrefix(string(method.Name()), "List") {
			continue
		}
		size, token := method.Input().Fields().ByName("page_size"), method.Input().Fields().ByName("page_token")
		next := method.Output().Fields().ByName("next_page_token")
		if size == nil || token == nil || next == nil {
			unpaged = append(unpaged, method.FullName())
			continue
		}
		if rules := constraints(size).GetInt32(); size.Kind() != protoreflect.Int32Kind || !rules.HasGte() || rules.GetGte() != 0 {
			t.Errorf("%s must be an int32 that refuses negative values (AIP-158)", size.FullName())
		}
	}
	allowed(t, "has no page_size, page_token and next_page_token", unpaged, map[protoreflect.FullName]string{
		"authz.v1.SessionService.ListDiscoveredOrganizations":  "Stytch answers all organizations of a person at once",
		"authz.v1.ConsentService.ListConnectedApps":            "Stytch answers all applications of a member at once",
		"authz.v1.OrganizationService.ListRoles":               "the access policy holds all roles",
		"authz.v1.OrganizationService.ListMemberConnectedApps": "Stytch answers all applications of an organization at once",
		"authz.v1.OrganizationService.ListMemberSessions":      "Stytch answers all sessions of a member at once",
		"authz.v1.ScimService.ListScimConnections":             "an organization has one at most",
		"authz.v1.OrganizationService.ListSsoConnections":      "Stytch answers all connections of an organization at once",
	})
}

func TestUpdatesAndDeletionsCanBeConditional(t *testing.T) {
	updates, deletions := 0, 0
	for _, method := range methods(t) {
		input := method.Input()
		switch name := string(method.Name()); {
		case strings.HasPrefix(name, "Update"):
			updates++
			if mask := input.Fields().ByName("update_mask"); mask == nil || mask.Message().FullName() != "google.protobuf.FieldMask" {
				t.Errorf("%s has no update_mask", input.FullName())
			}
			if etag := method.Output().Fields().ByName("etag"); etag == nil || etag.Kind() != protoreflect.StringKind {
				t.Errorf("%s has no etag", method.Output().FullName())
			}
			resource := slices.IndexFunc(fields(input), func(f protoreflect.FieldDescriptor) bool { return f.Message() == method.Output() })
			if resource < 0 {
				t.Errorf("%s does not hold the resource that is updated", input.FullName())
			}
		case strings.HasPrefix(name, "Delete"):
			deletions++
			if etag := input.Fields().ByName("etag"); etag == nil {
				t.Errorf("%s has no etag", input.FullName())
			}
		}
	}
	if updates == 0 || deletions == 0 {
		t.Errorf("%d updates and %d deletions were checked", updates, deletions)
	}
}

func TestTheOrganizationIsNeverAnArgument(t *testing.T) {
	var found []protoreflect.FullName
	for name := range requestFields(t) {
		if strings.Contains(string(name.Name()), "organization") || strings.Contains(string(name.Name()), "tenant") {
			found = append(found, name)
		}
	}
	allowed(t, "names an organization, which comes only from the caller's identity", found, map[protoreflect.FullName]string{
		"authz.v1.JoinOrganizationRequest.organization_id":         "chooses where to sign in; Stytch decides whether the person may",
		"authz.v1.SwitchOrganizationRequest.organization_id":       "chooses where to sign in; Stytch decides whether the person may",
		"authz.v1.CreateTotpRequest.organization_id":               "repeats where the person signs in; Stytch compares it with what was proven",
		"authz.v1.AuthenticateTotpRequest.organization_id":         "repeats where the person signs in; Stytch compares it with what was proven",
		"authz.v1.AuthenticateRecoveryCodeRequest.organization_id": "repeats where the person signs in; Stytch compares it with what was proven",
		"authz.v1.StartSsoRequest.organization_slug":               "chooses where to sign in; single sign-on decides whether the person may",
		"authz.v1.UpdateOrganizationRequest.organization":          "holds new values for the caller's own; its id is output only",
	})
}

func TestWhatIsSecretIsRedactedWhenAMessageIsPrinted(t *testing.T) {
	secret := regexp.MustCompile(`(^|_)(token|jwt|bearer|verifier|code|secret|password|key)$`)
	paging := regexp.MustCompile(`page_token$`)
	var bare []protoreflect.FullName
	checked := 0
	for _, file := range files() {
		for i := range file.Messages().Len() {
			for _, field := range fields(file.Messages().Get(i)) {
				name := string(field.Name())
				if field.Kind() != protoreflect.StringKind || !secret.MatchString(name) || paging.MatchString(name) {
					continue
				}
				checked++
				if options, _ := field.Options().(*descriptorpb.FieldOptions); !options.GetDebugRedact() {
					bare = append(bare, field.FullName())
				}
			}
		}
	}
	if checked < 8 {
		t.Errorf("only %d secrets were found", checked)
	}
	allowed(t, "holds a secret without debug_redact", bare, map[protoreflect.FullName]string{
		"authz.v1.AuthenticateEmailCodeRequest.code": "works once, within minutes, and only beside the address that it was sent to",
	})
}

func TestEveryTextInARequestIsBounded(t *testing.T) {
	var unbounded []protoreflect.FullName
	for name, field := range requestFields(t) {
		if field.Kind() != protoreflect.StringKind && field.Kind() != protoreflect.BytesKind {
			continue
		}
		rules := constraints(field)
		if field.IsList() { // bounded are both the texts and how many there are
			if rules.GetRepeated().GetMaxItems() == 0 {
				unbounded = append(unbounded, name)
				continue
			}
			rules = rules.GetRepeated().GetItems()
		}
		text := rules.GetString()
		form := slices.ContainsFunc(rules.GetCel(), func(r *validate.Rule) bool { return strings.HasSuffix(r.GetId(), ".form") })
		if rules.GetBytes().HasMaxLen() || form { // a form is a pattern that says in words what it takes
			continue
		}
		if !text.HasMaxLen() && !text.HasMaxBytes() && !text.HasLen() && !text.HasPattern() && len(text.GetIn()) == 0 {
			unbounded = append(unbounded, name)
		}
	}
	const byMessage = "compared or passed on and never stored; the size of a message bounds it"
	allowed(t, "is a text without max_len, pattern or a list of values", unbounded, map[protoreflect.FullName]string{
		"authz.v1.SessionCredentials.session_token":              byMessage,
		"authz.v1.SessionCredentials.session_jwt":                byMessage,
		"authz.v1.SessionCredentials.intermediate_session_token": byMessage,
		"authz.v1.StartOAuthRequest.redirect_uri":                "the edge's own address; Stytch takes only those that are registered",
		"authz.v1.StartSsoRequest.redirect_uri":                  "the edge's own address; Stytch takes only those that are registered",
		"okr.v1.Objective.etag":                                  byMessage,
		"okr.v1.KeyResult.etag":                                  byMessage,
		"authz.v1.Organization.etag":                             byMessage,
		"authz.v1.SignInSettings.etag":                           byMessage,
		"authz.v1.MemberAccount.etag":                            byMessage,
		"authz.v1.SsoConnection.etag":                            byMessage,
	})
}

func TestReasonsHaveNamesOfTheirOwnOnTheWire(t *testing.T) {
	values := accessv1.ErrorReason(0).Descriptor().Values()
	names := map[string]bool{}
	for i := range values.Len() {
		name, prefixed := strings.CutPrefix(string(values.Get(i).Name()), "ERROR_REASON_")
		if !prefixed || name == "" || names[name] {
			t.Errorf("%s is written %q on the wire", values.Get(i).Name(), name)
		}
		names[name] = true
	}
}
