package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// overMCP is the endpoint for agents, with everything that can be asked there. Requests are those of the RPC that an
// operation comes to.
type overMCP struct{ *system }

func (overMCP) name() string { return "mcp" }

// mcpOperation is how an RPC is asked for over MCP.
type mcpOperation struct {
	method string
	// demand is what the operation asks of its caller where it is not what the RPC asks.
	demand *demand
	// params makes the parameters of the request of the RPC.
	params func(request fields) fields
	// shows are what a list shows to whom, by the permission that it takes.
	shows map[string]string
}

func constant(params fields) func(fields) fields { return func(fields) fields { return params } }

// callTool makes the parameters of a call. Arguments are pairs of a name and the path of the field that it comes from.
func callTool(tool string, arguments ...string) func(fields) fields {
	return func(request fields) fields {
		object := fields{}
		for pair := range slices.Chunk(arguments, 2) {
			var value any = map[string]any(request)
			for _, name := range strings.Split(pair[1], ".") {
				in, _ := value.(map[string]any)
				value = in[name]
			}
			object[pair[0]] = value
		}
		return fields{"name": tool, "arguments": object}
	}
}

// with adds an argument that is always the same.
func with(params func(fields) fields, name string, value any) func(fields) fields {
	return func(request fields) fields {
		call := params(request)
		if arguments, ok := call["arguments"].(fields); ok {
			arguments[name] = value
		}
		return call
	}
}

func (overMCP) operations() []operation {
	anyMember := &demand{one: []string{member}}
	reading := &demand{one: []string{"objective:read", "key_result:read"}}
	reader := func(prefix, id string) func(fields) fields {
		return func(request fields) fields { return fields{"uri": prefix + request.text(id)} }
	}
	completing := func(template string) func(fields) fields {
		return constant(fields{
			"ref":      fields{"type": "ref/resource", "uri": template},
			"argument": fields{"name": "id", "value": ""},
		})
	}
	const objectives, keyResults = "okrmanager://objectives/{id}", "okrmanager://key_result/{id}"
	kinds := map[string]string{"objectives": "objective:read", "key_result": "key_result:read"}
	tools := map[string]string{
		"whoAmI": "", "listObjectives": "objective:read key_result:read", "changesSince": "objective:read key_result:read",
		"getObjective": "objective:read", "addObjective": "objective:create", "updateObjective": "objective:update",
		"deleteObjective": "objective:delete", "addKeyResult": "key_result:create", "updateKeyResult": "key_result:update",
		"checkIn": "key_result:update", "setKeyResultAttainment": "key_result:update", "deleteKeyResult": "key_result:delete",
		"listProposals": "objective:read key_result:read",
	}
	all := []struct {
		name, rpc string
		mcpOperation
	}{
		{"initialize", "authz.v1.OrganizationService/GetOrganization", mcpOperation{method: "initialize", params: constant(fields{
			"protocolVersion": legacy, "capabilities": fields{}, "clientInfo": fields{"name": "e2e", "version": "1"},
		})}},
		{"ping", "authz.v1.OrganizationService/GetOrganization", mcpOperation{method: "ping", params: constant(nil)}},
		{"tools/list", "authz.v1.OrganizationService/GetOrganization", mcpOperation{method: "tools/list", params: constant(nil), shows: tools}},
		{"tools/call whoAmI", "authz.v1.OrganizationService/GetOrganization", mcpOperation{params: callTool("whoAmI")}},
		{"tools/call listObjectives", "okr.v1.OkrService/ListObjectives", mcpOperation{params: callTool("listObjectives"), demand: reading}},
		{"tools/call addObjective", "okr.v1.OkrService/CreateObjective", mcpOperation{params: callTool("addObjective", "objectiveText", "objective.title")}},
		{"tools/call listObjectives of a cycle", "okr.v1.OkrService/ListObjectives", mcpOperation{params: with(callTool("listObjectives"), "cycle", "2026-Q3")}},
		{"tools/call listObjectives that are due", "okr.v1.OkrService/ListDueKeyResults", mcpOperation{params: with(callTool("listObjectives"), "due", true)}},
		{"tools/call getObjective", "okr.v1.OkrService/GetObjective", mcpOperation{params: callTool("getObjective", "okrID", "objectiveId")}},
		{"tools/call updateObjective", "okr.v1.OkrService/UpdateObjective", mcpOperation{
			params: callTool("updateObjective", "okrID", "objective.id", "objectiveText", "objective.title"),
		}},
		{"tools/call updateObjective to close", "okr.v1.OkrService/CloseObjective", mcpOperation{
			params: with(callTool("updateObjective", "okrID", "objectiveId", "score", "score"), "action", "close"),
		}},
		{"tools/call updateObjective to reopen", "okr.v1.OkrService/ReopenObjective", mcpOperation{
			params: with(callTool("updateObjective", "okrID", "objectiveId"), "action", "reopen"),
		}},
		{"tools/call updateObjective to archive", "okr.v1.OkrService/ArchiveObjective", mcpOperation{
			params: with(callTool("updateObjective", "okrID", "objectiveId"), "action", "archive"),
		}},
		{"tools/call updateObjective to restore", "okr.v1.OkrService/RestoreObjective", mcpOperation{
			params: with(callTool("updateObjective", "okrID", "objectiveId"), "action", "restore"),
		}},
		{"tools/call deleteObjective", "okr.v1.OkrService/DeleteObjective", mcpOperation{params: callTool("deleteObjective", "okrID", "objectiveId")}},
		{"tools/call addKeyResult", "okr.v1.OkrService/CreateKeyResult", mcpOperation{
			params: callTool("addKeyResult", "okrID", "objectiveId", "keyResultText", "keyResult.title"),
		}},
		{"tools/call updateKeyResult", "okr.v1.OkrService/UpdateKeyResult", mcpOperation{
			params: callTool("updateKeyResult", "keyResultID", "keyResult.id", "keyResultText", "keyResult.title"),
		}},
		{"tools/call checkIn", "okr.v1.OkrService/CreateCheckIn", mcpOperation{
			params: callTool("checkIn", "keyResultID", "keyResultId", "value", "checkIn.value"),
		}},
		{"tools/call setKeyResultAttainment", "okr.v1.OkrService/SetKeyResultAttainment", mcpOperation{
			params: callTool("setKeyResultAttainment", "okrID", "objectiveId", "keyResultID", "keyResultId", "attainment", "attainment"),
		}},
		{"tools/call deleteKeyResult", "okr.v1.OkrService/DeleteKeyResult", mcpOperation{
			params: callTool("deleteKeyResult", "okrID", "objectiveId", "keyResultID", "keyResultId"),
		}},
		{"tools/call changesSince", "okr.v1.OkrService/ListChanges", mcpOperation{params: callTool("changesSince")}},
		{"tools/call listProposals", "okr.v1.OkrService/ListProposals", mcpOperation{params: callTool("listProposals")}},
		{"tools/call listProposals for one", "okr.v1.OkrService/GetProposal", mcpOperation{params: callTool("listProposals", "proposalID", "proposalId")}},
		{"resources/templates/list", "authz.v1.OrganizationService/GetOrganization", mcpOperation{
			method: "resources/templates/list", params: constant(nil), shows: kinds,
		}},
		{"resources/list", "authz.v1.OrganizationService/GetOrganization", mcpOperation{method: "resources/list", params: constant(nil), demand: anyMember}},
		{"resources/read an objective", "okr.v1.OkrService/GetObjective", mcpOperation{method: "resources/read", params: reader("okrmanager://objectives/", "objectiveId")}},
		{"resources/read a key result", "okr.v1.OkrService/GetKeyResult", mcpOperation{method: "resources/read", params: reader("okrmanager://key_result/", "keyResultId")}},
		{"completion/complete of objectives", "authz.v1.OrganizationService/GetOrganization", mcpOperation{method: "completion/complete", params: completing(objectives)}},
		{"completion/complete of key results", "authz.v1.OrganizationService/GetOrganization", mcpOperation{method: "completion/complete", params: completing(keyResults)}},
	}
	rpcs := map[string]protoreflect.MethodDescriptor{}
	for _, rpc := range contract() {
		rpcs[operation{rpc: rpc}.rpcName()] = rpc
	}
	var ops []operation
	for _, one := range all {
		if one.method == "" {
			one.method = "tools/call"
		}
		ops = append(ops, operation{name: one.name, rpc: rpcs[one.rpc], mcp: &one.mcpOperation})
	}
	return ops
}

func (s overMCP) call(ctx context.Context, op operation, headers http.Header, message proto.Message) (outcome, error) {
	text, err := protojson.Marshal(message)
	if err != nil {
		return outcome{}, err
	}
	request := fields{}
	if err := json.Unmarshal(text, &request); err != nil {
		return outcome{}, err
	}
	got, err := s.ask(ctx, rpc{method: op.mcp.method, params: op.mcp.params(request), header: headers})
	if err != nil {
		return outcome{}, err
	}
	out := outcome{http: got.status, body: steady(got.header) + got.body}
	return out, out.readReply(op, got)
}

// challengeScopes finds the scopes that a challenge names.
var challengeScopes = regexp.MustCompile(` scope="([^"]*)"`)

// readReply finds out what came of a request: from the status and the challenge of HTTP, from an error of JSON-RPC, or
// from the words that a model reads.
func (o *outcome) readReply(op operation, got reply) error {
	challenge := got.header.Get("WWW-Authenticate")
	switch {
	case got.status == http.StatusUnauthorized:
		o.code, o.reason = codes.Unauthenticated, "TOKEN_MISSING"
		switch {
		case strings.Contains(challenge, "expired"):
			o.reason = "TOKEN_EXPIRED"
		case strings.Contains(challenge, `error="invalid_token"`):
			o.reason = "TOKEN_INVALID"
		}
		if got.failure == nil || !strings.Contains(challenge, `resource_metadata="`) || !strings.Contains(challenge, "offline_access") {
			return fmt.Errorf("the refusal is %s %s", challenge, got.body)
		}
	case got.status == http.StatusForbidden:
		o.code, o.reason = codes.PermissionDenied, "SCOPE_MISSING"
		_, scopes, _ := strings.Cut(got.failure.Message, "would do: ")
		scopes, _, _ = strings.Cut(scopes, ". What the member has granted")
		o.help = map[string]string{"scopes": strings.ReplaceAll(scopes, ",", "")}
		if named := challengeScopes.FindStringSubmatch(challenge); named != nil {
			o.help["challenge"] = named[1]
		}
	case got.status == http.StatusBadRequest && strings.Contains(got.body, "more than one credential"):
		o.code, o.reason = codes.InvalidArgument, "CREDENTIALS_AMBIGUOUS"
	case got.status != http.StatusOK:
		return fmt.Errorf("%d %s", got.status, got.body)
	case got.failure != nil:
		return o.readWords(got.failure.Message)
	case got.isError():
		return o.readWords(got.text())
	case op.mcp.shows != nil:
		o.help = map[string]string{"shows": strings.Join(append(got.names("tools", "name"), kinds(got.names("resourceTemplates", "uriTemplate"))...), " ")}
	}
	return nil
}

// kinds are the kinds of resources that URIs are of.
func kinds(uris []string) []string {
	var names []string
	for _, uri := range uris {
		names = append(names, regexp.MustCompile(`^okrmanager://([a-z_]+)/`).FindStringSubmatch(uri)[1])
	}
	return names
}

var quotedWord = regexp.MustCompile(`"([a-z_]+)"`)

func (o *outcome) readWords(text string) error {
	switch {
	case strings.HasPrefix(text, "Not allowed:"):
		o.code, o.reason = codes.PermissionDenied, "ROLE_MISSING"
		text, _, _ = strings.Cut(text, " Or call again with mode")
		var roles []string
		for _, match := range quotedWord.FindAllStringSubmatch(text, -1) {
			roles = append(roles, match[1])
		}
		o.help = map[string]string{"roles": strings.Join(roles, " ")}
	case strings.HasPrefix(text, "There is no objective"):
		o.code, o.reason = codes.NotFound, noObjective
	case strings.HasPrefix(text, "There is no key result"):
		o.code, o.reason = codes.NotFound, noKeyResult
	case strings.HasPrefix(text, "There is no proposal"):
		o.code, o.reason = codes.NotFound, noProposal
	case strings.Contains(strings.ToLower(text), "resource not found"):
		o.code, o.reason = codes.NotFound, "resource not found"
	default:
		return fmt.Errorf("the answer says %q", text)
	}
	return nil
}
