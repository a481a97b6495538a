package e2e

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
)

// What follows is the access policy of the product once more, in words of its own: neither the code that decides nor the
// contract's options are asked. The table of outcomes is held against it.

// grants say what a role or scope allows to do: with objectives, and with key results.
type grants struct{ objective, keyResult string }

const everything = "create read update delete"

func roleGrants() map[string]grants {
	return map[string]grants{
		"stytch_admin":  {everything, everything},
		"manager":       {"read", everything},
		"stytch_member": {"read", "read update"},
	}
}

func scopeGrants() map[string]grants {
	return map[string]grants{
		"read:okrs":         {"read", "read"},
		"manage:objectives": {everything, ""},
		"manage:krs":        {"", everything},
		"report_kr_status":  {"", "read update"},
	}
}

func (g grants) allow(permission string) bool {
	resource, action, _ := strings.Cut(permission, ":")
	actions := g.objective
	if resource == "key_result" {
		actions = g.keyResult
	}
	return slices.Contains(strings.Fields(actions), action)
}

// anyAllows says whether one of some roles or scopes allows something.
func anyAllows(table map[string]grants, names []string, permission string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return table[name].allow(permission) })
}

// whoAllow are the roles or scopes that allow something, as an error lists them.
func whoAllow(table map[string]grants, permission string) string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if table[name].allow(permission) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// stytchGrants say what a role allows to do with Stytch's own resources: an organization, its people, its connections.
func stytchGrants() map[string][]string {
	return map[string][]string{
		"stytch_admin":  {"stytch.organization:", "stytch.member:", "stytch.sso:", "stytch.scim:"},
		"manager":       {"stytch.member:create", "stytch.member:search"},
		"stytch_member": {"stytch.self:"},
	}
}

// whoAdminister are the roles that allow something with Stytch's own resources, as an error lists them. A resource alone
// stands for everything that can be done with it.
func whoAdminister(permission string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(stytchGrants())) {
		allows := func(granted string) bool {
			return granted == permission || strings.HasSuffix(granted, ":") && strings.HasPrefix(permission, granted)
		}
		if slices.ContainsFunc(stytchGrants()[name], allows) {
			names = append(names, name)
		}
	}
	return names
}

// demand is what an RPC asks of its caller, and what its answer is to who may not know what the request is about.
type demand struct {
	// one lists the permissions of which one is needed; or it is one of anyone and the like. A permission on one of Stytch's
	// own resources stands alone, and needs a member in person.
	one []string
	// absent is the reason for a caller in whose organization there is no such thing; "" where the request names none.
	absent string
	// others is the reason for every member in person but the one whose the thing is that the request is about.
	others string
	// created is whether success creates something, emptied whether it leaves nothing to tell: for the status of HTTP.
	created, emptied bool
	// idle says that the request changes nothing, whatever the permission is for.
	idle bool
	// person says that it takes a member in person, too.
	person bool
	// sees is a permission without which there is no such thing for the caller, either.
	sees string
	// owned says that there is no such thing for anybody but the one whose it is, in person.
	owned bool
	// byRule says that the contract's rule decides about one of Stytch's own resources, and not Stytch.
	byRule bool
}

const (
	// anyone may call, and services do not look at credentials.
	anyone = "anyone"
	// anyoneAsOne may call, but not as two at once.
	anyoneAsOne = "anyone with at most one credential"
	// signingIn is anyone whose sign-in is under way, which browsers do: programs with a token have none at the edge.
	signingIn = "anyone in the middle of a sign-in"
	// signingInOrIn is the same or who has a session, for which the service reads the credential itself.
	signingInOrIn = "anyone in the middle of a sign-in, or after it"
	member        = "member"
	inPerson      = "member in person"
)

const (
	noObjective = "OBJECTIVE_NOT_FOUND"
	noKeyResult = "KEY_RESULT_NOT_FOUND"
	noMember    = "MEMBER_NOT_FOUND"
	noSSO       = "SSO_CONNECTION_NOT_FOUND"
	noSCIM      = "SCIM_CONNECTION_NOT_FOUND"
	noProposal  = "PROPOSAL_NOT_FOUND"
)

func demands() map[string]demand {
	anything := []string{"objective:read", "key_result:read"}
	anyWrite := []string{
		"objective:create", "objective:update", "objective:delete", "key_result:create", "key_result:update", "key_result:delete",
	}
	return map[string]demand{
		"okr.v1.OkrService/CreateObjective":        {one: []string{"objective:create"}, created: true},
		"okr.v1.OkrService/GetObjective":           {one: []string{"objective:read"}, absent: noObjective},
		"okr.v1.OkrService/ListObjectives":         {one: []string{"objective:read"}},
		"okr.v1.OkrService/UpdateObjective":        {one: []string{"objective:update"}, absent: noObjective},
		"okr.v1.OkrService/CloseObjective":         {one: []string{"objective:update"}, absent: noObjective},
		"okr.v1.OkrService/ReopenObjective":        {one: []string{"objective:update"}, absent: noObjective},
		"okr.v1.OkrService/ArchiveObjective":       {one: []string{"objective:update"}, absent: noObjective},
		"okr.v1.OkrService/RestoreObjective":       {one: []string{"objective:update"}, absent: noObjective},
		"okr.v1.OkrService/DeleteObjective":        {one: []string{"objective:delete"}, absent: noObjective, emptied: true},
		"okr.v1.OkrService/CreateKeyResult":        {one: []string{"key_result:create"}, absent: noObjective, created: true},
		"okr.v1.OkrService/GetKeyResult":           {one: []string{"key_result:read"}, absent: noKeyResult},
		"okr.v1.OkrService/ListKeyResults":         {one: []string{"key_result:read"}, absent: noObjective},
		"okr.v1.OkrService/ListDueKeyResults":      {one: []string{"key_result:read"}},
		"okr.v1.OkrService/UpdateKeyResult":        {one: []string{"key_result:update"}, absent: noKeyResult},
		"okr.v1.OkrService/SetKeyResultAttainment": {one: []string{"key_result:update"}, absent: noKeyResult},
		"okr.v1.OkrService/CreateCheckIn":          {one: []string{"key_result:update"}, absent: noKeyResult},
		"okr.v1.OkrService/ConfirmCheckIn":         {one: []string{"key_result:update"}, absent: noKeyResult, person: true, idle: true},
		"okr.v1.OkrService/ListCheckIns":           {one: []string{"key_result:read"}, absent: noKeyResult},
		"okr.v1.OkrService/DeleteKeyResult":        {one: []string{"key_result:delete"}, absent: noKeyResult, emptied: true},
		"okr.v1.OkrService/ListChanges":            {one: anything},
		"okr.v1.OkrService/GetChangeLogHead":       {one: anything},
		"okr.v1.OkrService/UndoChange":             {one: anyWrite, absent: "CHANGE_NOT_FOUND", idle: true},
		"okr.v1.OkrService/UndoClientChanges":      {one: anyWrite, idle: true},
		"okr.v1.OkrService/WatchChanges":           {one: anything},
		"okr.v1.OkrService/ExportObjectives":       {one: []string{"objective:read"}},
		"okr.v1.OkrService/ImportObjectives":       {one: []string{"objective:create"}, idle: true},
		"okr.v1.OkrService/ListProposals":          {one: anything},
		"okr.v1.OkrService/GetProposal":            {one: anything, absent: noProposal, sees: "objective:read"},
		"okr.v1.OkrService/ApproveProposal":        {one: []string{"objective:update"}, absent: noProposal, person: true},
		"okr.v1.OkrService/RejectProposal":         {one: []string{"objective:update"}, absent: noProposal, person: true, idle: true},
		"okr.v1.OkrService/WithdrawProposal":       {one: anything, absent: noProposal, owned: true},
		"okr.v1.OkrService/GetAgentSettings":       {one: anything},
		"okr.v1.OkrService/SetProposeOnly":         {one: []string{"stytch.organization:update"}, byRule: true},
		"okr.v1.OkrService/SetTrustReports":        {one: []string{"stytch.organization:update"}, byRule: true},
		"okr.v1.OkrService/ListClientActivity":     {one: anything},

		"authz.v1.AuthzService/Authenticate":            {one: []string{anyone}},
		"authz.v1.AuthzService/GetTransactionTokenKeys": {one: []string{anyone}},
		"authz.v1.AuthzService/GetAccessPolicy":         {one: []string{anyone}},

		"authz.v1.SessionService/SendEmailCode":               {one: []string{anyone}, emptied: true},
		"authz.v1.SessionService/AuthenticateEmailCode":       {one: []string{anyone}},
		"authz.v1.SessionService/StartOAuth":                  {one: []string{anyone}},
		"authz.v1.SessionService/StartSso":                    {one: []string{anyone}},
		"authz.v1.SessionService/AuthenticateRedirect":        {one: []string{anyone}},
		"authz.v1.SessionService/ListDiscoveredOrganizations": {one: []string{signingInOrIn}},
		"authz.v1.SessionService/JoinOrganization":            {one: []string{signingIn}},
		"authz.v1.SessionService/CreateOrganization":          {one: []string{signingIn}},
		"authz.v1.SessionService/CreateTotp":                  {one: []string{signingIn}},
		"authz.v1.SessionService/AuthenticateTotp":            {one: []string{signingIn}},
		"authz.v1.SessionService/AuthenticateRecoveryCode":    {one: []string{signingIn}},
		"authz.v1.SessionService/GetSecondFactor":             {one: []string{inPerson}},
		"authz.v1.SessionService/StartTotpEnrollment":         {one: []string{inPerson}},
		"authz.v1.SessionService/CompleteTotpEnrollment":      {one: []string{inPerson}},
		"authz.v1.SessionService/RotateRecoveryCodes":         {one: []string{inPerson}},
		"authz.v1.SessionService/RemoveTotp":                  {one: []string{inPerson}},
		"authz.v1.SessionService/SwitchOrganization":          {one: []string{inPerson}},
		"authz.v1.SessionService/GetSession":                  {one: []string{member}},
		"authz.v1.SessionService/RefreshSession":              {one: []string{inPerson}},
		"authz.v1.SessionService/RevokeSession":               {one: []string{anyoneAsOne}, emptied: true},

		"authz.v1.ConsentService/StartAuthorization":  {one: []string{inPerson}},
		"authz.v1.ConsentService/DecideAuthorization": {one: []string{inPerson}, others: "AUTHORIZATION_INVALID"},
		"authz.v1.ConsentService/ListConnectedApps":   {one: []string{inPerson}},
		"authz.v1.ConsentService/RevokeConnectedApp":  {one: []string{inPerson}, others: "CONNECTED_APP_NOT_FOUND", emptied: true},

		"authz.v1.OrganizationService/GetOrganization":         {one: []string{member}},
		"authz.v1.OrganizationService/UpdateOrganization":      {one: []string{"stytch.organization:update.info.name"}},
		"authz.v1.OrganizationService/GetSignInSettings":       {one: []string{"stytch.organization:update.settings.allowed-auth-methods"}},
		"authz.v1.OrganizationService/UpdateSignInSettings":    {one: []string{"stytch.organization:update.settings.email-invites"}},
		"authz.v1.OrganizationService/GetAdministrationAccess": {one: []string{inPerson}},
		"authz.v1.OrganizationService/ListRoles":               {one: []string{inPerson}},
		"authz.v1.OrganizationService/ListMembers":             {one: []string{member}},
		"authz.v1.OrganizationService/SearchMembers":           {one: []string{"stytch.member:search"}},
		"authz.v1.OrganizationService/GetMember":               {one: []string{"stytch.member:search"}, absent: noMember},
		"authz.v1.OrganizationService/InviteMember":            {one: []string{"stytch.member:create"}},
		"authz.v1.OrganizationService/ResendInvitation":        {one: []string{"stytch.member:create"}, absent: noMember, emptied: true},
		"authz.v1.OrganizationService/UpdateMember":            {one: []string{"stytch.member:update.settings.roles"}, absent: noMember},
		"authz.v1.OrganizationService/DeactivateMember":        {one: []string{"stytch.member:delete"}, absent: noMember},
		"authz.v1.OrganizationService/ReactivateMember":        {one: []string{"stytch.member:create"}, absent: noMember},
		"authz.v1.OrganizationService/ListSsoConnections":      {one: []string{"stytch.sso:get"}},
		"authz.v1.OrganizationService/GetSsoConnection":        {one: []string{"stytch.sso:get"}, absent: noSSO},
		"authz.v1.OrganizationService/CreateSsoConnection":     {one: []string{"stytch.sso:create"}, created: true},
		"authz.v1.OrganizationService/UpdateSsoConnection":     {one: []string{"stytch.sso:update"}, absent: noSSO},
		"authz.v1.OrganizationService/ListMemberConnectedApps": {one: []string{"stytch.organization:get.connected-apps"}},
		"authz.v1.OrganizationService/RevokeMemberConnectedApp": {
			one: []string{"stytch.member:revoke.connected-app"}, absent: noMember, emptied: true,
		},
		"authz.v1.OrganizationService/ListMemberSessions": {one: []string{"stytch.member:revoke-sessions"}, absent: noMember},
		"authz.v1.OrganizationService/RevokeMemberSession": {
			one: []string{"stytch.member:revoke-sessions"}, absent: noMember, emptied: true,
		},
		"authz.v1.OrganizationService/RevokeAllMemberSessions": {
			one: []string{"stytch.member:revoke-sessions"}, absent: noMember, emptied: true,
		},
		"authz.v1.ScimService/ListScimConnections":       {one: []string{"stytch.scim:get"}},
		"authz.v1.ScimService/CreateScimConnection":      {one: []string{"stytch.scim:create"}},
		"authz.v1.ScimService/StartScimTokenRotation":    {one: []string{"stytch.scim:update"}, absent: noSCIM},
		"authz.v1.ScimService/CompleteScimTokenRotation": {one: []string{"stytch.scim:update"}, absent: noSCIM},
		"authz.v1.ScimService/CancelScimTokenRotation":   {one: []string{"stytch.scim:update"}, absent: noSCIM},
		"authz.v1.ScimService/DeleteScimConnection":      {one: []string{"stytch.scim:delete"}, absent: noSCIM, emptied: true},

		"authz.v1.OrganizationService/DeleteSsoConnection": {one: []string{"stytch.sso:delete"}, absent: noSSO, emptied: true},
	}
}

// expect is what has to come of a valid call of an operation, on a surface, by a caller.
func expect(op operation, surface string, c *caller) outcome {
	d := op.demand()
	out := c.expect(d, surface)
	switch surface {
	case "grpc":
		return out
	case "mcp":
		return c.expectOverMCP(op, out)
	}
	out.http = map[codes.Code]int{
		codes.OK:               http.StatusOK,
		codes.InvalidArgument:  http.StatusBadRequest,
		codes.Unauthenticated:  http.StatusUnauthorized,
		codes.PermissionDenied: http.StatusForbidden,
		codes.NotFound:         http.StatusNotFound,
	}[out.code]
	switch {
	case out.code == codes.OK && d.created:
		out.http = http.StatusCreated
	case out.code == codes.OK && d.emptied:
		out.http = http.StatusNoContent
	}
	return out
}

// expectOverMCP is the same as HTTP, the challenge and the lists of MCP say it. What a model can do something about is 200.
func (c *caller) expectOverMCP(op operation, out outcome) outcome {
	out.http = http.StatusOK
	switch {
	case out.code == codes.InvalidArgument:
		out.http = http.StatusBadRequest
	case out.code == codes.Unauthenticated:
		out.http = http.StatusUnauthorized
	case out.reason == "SCOPE_MISSING":
		out.http = http.StatusForbidden
		out.help["challenge"] = narrowest(strings.Fields(out.help["scopes"]))
	case out.code == codes.NotFound && op.mcp.method == "resources/read":
		out.reason = "resource not found"
	case out.code == codes.OK && op.mcp.shows != nil:
		var shown []string
		for name, permissions := range op.mcp.shows {
			// What writes is shown to who can propose it, too: by the scopes, and by what the role lets read.
			allowed := func(p string) bool {
				resource, _, _ := strings.Cut(p, ":")
				read := resource + ":read"
				return anyAllows(scopeGrants(), c.scopes, p) && (anyAllows(roleGrants(), c.roles, p) ||
					anyAllows(roleGrants(), c.roles, read) && anyAllows(scopeGrants(), c.scopes, read))
			}
			if permissions == "" || slices.ContainsFunc(strings.Fields(permissions), allowed) {
				shown = append(shown, name)
			}
		}
		out.help = map[string]string{"shows": strings.Join(shown, " ")}
	}
	return out
}

// narrowest is the scope that allows the least: a challenge should not make a client ask for more than it needs.
func narrowest(scopes []string) string {
	slices.Sort(scopes)
	return slices.MinFunc(scopes, func(a, b string) int {
		size := func(scope string) int {
			g := scopeGrants()[scope]
			return len(strings.Fields(g.objective)) + len(strings.Fields(g.keyResult))
		}
		return size(a) - size(b)
	})
}

// expect is the same without the status of HTTP.
func (c *caller) expect(d demand, surface string) outcome {
	const ambiguous = "CREDENTIALS_AMBIGUOUS"
	refused := c.refused[surface]
	if refused == ambiguous && (surface == "rest" || d.one[0] != anyone && d.one[0] != signingIn) {
		return outcome{code: codes.InvalidArgument, reason: ambiguous} // the edge does not choose, whatever it is for
	}
	switch d.one[0] {
	case signingIn, signingInOrIn:
		switch {
		case surface == "rest" && c.headers[surface].Get("Authorization") != "":
			return outcome{code: codes.Unauthenticated, reason: "SIGN_IN_EXPIRED"}
		case d.one[0] == signingInOrIn && slices.Contains(c.unreadable, surface):
			return outcome{code: codes.Unauthenticated, reason: "TOKEN_INVALID"}
		}
		return outcome{}
	case anyone, anyoneAsOne:
		return outcome{}
	}
	switch {
	case refused != "":
		return outcome{code: codes.Unauthenticated, reason: refused}
	case d.others == "CONNECTED_APP_NOT_FOUND" && !c.agent && !c.owner:
		return outcome{code: codes.NotFound, reason: d.others}
	case d.others != "" && !c.agent && !c.owner:
		return outcome{code: codes.InvalidArgument, reason: d.others}
	case d.one[0] == member, d.one[0] == inPerson && !c.agent:
		return outcome{}
	case d.one[0] == inPerson, c.agent && (d.person || strings.HasPrefix(d.one[0], "stytch.")):
		return outcome{code: codes.PermissionDenied, reason: "SESSION_REQUIRED"}
	case strings.HasPrefix(d.one[0], "stytch."):
		return c.expectOfStytch(d)
	}
	byRole := func(p string) bool { return anyAllows(roleGrants(), c.roles, p) }
	byBoth := func(p string) bool { return byRole(p) && (!c.agent || anyAllows(scopeGrants(), c.scopes, p)) }
	switch i := slices.IndexFunc(d.one, byRole); {
	case slices.ContainsFunc(d.one, byBoth) && (d.sees != "" && !byBoth(d.sees) || d.owned && !c.owner):
		return outcome{code: codes.NotFound, reason: d.absent}
	case slices.ContainsFunc(d.one, byBoth) && c.elsewhere && d.absent != "":
		return outcome{code: codes.NotFound, reason: d.absent}
	case slices.ContainsFunc(d.one, byBoth):
		return outcome{}
	case i >= 0:
		return outcome{
			code: codes.PermissionDenied, reason: "SCOPE_MISSING",
			help: map[string]string{"scopes": whoAllow(scopeGrants(), d.one[i])},
		}
	default:
		return outcome{
			code: codes.PermissionDenied, reason: "ROLE_MISSING",
			help: map[string]string{"roles": whoAllow(roleGrants(), d.one[0])},
		}
	}
}

// expectOfStytch is what has to come of a call that Stytch's own access rules decide.
func (c *caller) expectOfStytch(d demand) outcome {
	roles := whoAdminister(d.one[0])
	switch {
	case !slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(c.roles, r) }):
		reason := "STYTCH_DENIED"
		if d.byRule {
			reason = "ROLE_MISSING"
		}
		return outcome{code: codes.PermissionDenied, reason: reason, help: map[string]string{"roles": strings.Join(roles, " ")}}
	case c.elsewhere && d.absent != "":
		return outcome{code: codes.NotFound, reason: d.absent}
	}
	return outcome{}
}
