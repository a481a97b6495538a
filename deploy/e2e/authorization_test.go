package e2e

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

var update = flag.Bool("update", false, "write the table of outcomes anew")

// caller is somebody, or something, that calls.
type caller struct {
	name string
	// roles are the member's; "stytch_member" is everybody's. scopes are the token's.
	roles, scopes []string
	agent         bool
	// elsewhere says that the caller works in another organization than the one the requests are about.
	elsewhere bool
	// owner says that it is the CEO whose things the requests are about.
	owner bool
	// refused is, by surface, why the credential is refused; none for one that is good.
	refused map[string]string
	// unreadable are the surfaces where the credential is of no kind that there is, which shows at first sight.
	unreadable []string
	// headers are, by surface, what the caller presents. Nil where the surface has nothing of the kind.
	headers map[string]http.Header
	// person is set for a member in person. What ends or renews a session is done with a new one.
	person *person
	email  string
}

// world is two organizations, with callers of every kind.
type world struct {
	requests *requests
	callers  []*caller
}

func header(pairs ...string) http.Header {
	h := http.Header{}
	for pair := range slices.Chunk(pairs, 2) {
		h.Set(pair[0], pair[1])
	}
	return h
}

// everywhere is a credential that is the same on all surfaces.
func everywhere(h http.Header) map[string]http.Header {
	return map[string]http.Header{"grpc": h, "rest": h, "mcp": h}
}

func bearerHeader(token string) http.Header { return header("Authorization", "Bearer "+token) }

// sessionHeaders are those of a person: cookies towards the edge, the session JWT as bearer over gRPC.
func sessionHeaders(t *testing.T, p *person) map[string]http.Header {
	t.Helper()
	return map[string]http.Header{
		"rest": header("Cookie", cookies(cookieSession, p.cookie(t, cookieSession), cookieSessionJWT, p.cookie(t, cookieSessionJWT))),
		"grpc": bearerHeader(p.cookie(t, cookieSessionJWT)),
	}
}

func cookies(pairs ...string) string {
	var list []string
	for pair := range slices.Chunk(pairs, 2) {
		list = append(list, pair[0]+"="+pair[1])
	}
	return strings.Join(list, "; ")
}

// newWorld founds the organizations and hires and lets in everybody.
func newWorld(t *testing.T, s *system) *world {
	t.Helper()
	ceo, domain := s.found(t)
	other, otherDomain := s.found(t)
	w := &world{}
	members := []*caller{
		{name: "CEO", roles: []string{"stytch_admin"}, person: ceo, email: "founder@" + domain, owner: true},
		{name: "manager", roles: []string{"manager"}, email: "manager@" + domain},
		{name: "employee", email: "employee@" + domain},
		{name: "CEO of another organization", roles: []string{"stytch_admin"}, person: other, email: "founder@" + otherDomain, elsewhere: true},
	}
	for _, c := range members {
		if c.person == nil {
			c.person = ceo.hire(t, c.email, c.roles...)
		}
		// Everybody is a plain member of the organization on the other side, too.
		if c.elsewhere {
			s.provider.addMember(t, ceo.organization, c.email)
		} else {
			s.provider.addMember(t, other.organization, c.email)
		}
		c.roles = append(c.roles, "stytch_member")
		c.headers = sessionHeaders(t, c.person)
		w.callers = append(w.callers, c)
	}

	all := []string{"read:okrs", "manage:objectives", "manage:krs", "report_kr_status", "openid"}
	for _, scope := range all {
		w.callers = append(w.callers, &caller{
			name: "agent of the CEO with " + scope, agent: true, roles: members[0].roles, scopes: []string{scope},
			headers: everywhere(bearerHeader(ceo.letIn(t, "Agent for "+scope, scope).AccessToken)),
		})
	}
	// Who could grant all scopes and then lost the role has an agent that is left with what the member is left with.
	demoted := ceo.hire(t, "demoted@"+domain, "stytch_admin")
	agent := demoted.letIn(t, "Agent of the demoted", all...)
	s.provider.setRoles(t, ceo.organization, demoted.member)
	w.callers = append(w.callers, &caller{
		name: "agent of an employee with all scopes", agent: true, roles: []string{"stytch_member"}, scopes: all,
		headers: everywhere(bearerHeader(agent.AccessToken)),
	})
	w.callers = append(w.callers, &caller{
		name: "agent of the CEO of another organization", agent: true, elsewhere: true, roles: members[3].roles, scopes: all,
		headers: everywhere(bearerHeader(other.letIn(t, "Agent elsewhere", all...).AccessToken)),
	})
	w.callers = append(w.callers, strangers(t, ceo, ceo.letIn(t, "Agent that is impersonated", all...).AccessToken)...)

	w.requests = &requests{
		proposed: make(chan string, 30),
		ceo:      ceo, elsewhere: other.organization,
		token: ceo.letIn(t, "Agent that is asked about", "read:okrs").AccessToken,
		app:   s.provider.register(t, "Agent that asks", appAddress),
	}
	w.requests.objective = w.requests.freshObjective(t)
	w.requests.keyResult = w.requests.freshKeyResult(t)
	return w
}

// strangers are the callers with credentials that are not good, though some of them are made of one that is.
func strangers(t *testing.T, ceo *person, token string) []*caller {
	t.Helper()
	const invalid = "TOKEN_INVALID"
	s := ceo.system
	answer, err := s.authenticator().Authenticate(t.Context(), &authzv1.AuthenticateRequest{
		Credential: &authzv1.AuthenticateRequest_AccessToken{AccessToken: token},
	})
	if err != nil {
		t.Fatal(err)
	}
	loggedOut := s.signIn(t, "founder@"+ceo.domain(t), ceo.organization)
	past := sessionHeaders(t, loggedOut)
	loggedOut.must(t, http.MethodDelete, "/api/v1/session", "")

	both := func(reason string) map[string]string {
		return map[string]string{"grpc": reason, "rest": reason, "mcp": reason}
	}
	return []*caller{
		{name: "nobody", refused: both("TOKEN_MISSING"), headers: everywhere(header())},
		{name: "garbage", unreadable: []string{"grpc"}, refused: both(invalid), headers: everywhere(bearerHeader("garbage"))},
		{
			name: "expired access token", refused: both("TOKEN_EXPIRED"),
			headers: everywhere(bearerHeader(s.provider.letIn(t, ceo.member, "Agent that is late", -60, "manage:krs").AccessToken)),
		},
		{name: "session that was logged out", refused: both(invalid), headers: past},
		{
			name: "access token without a signature", refused: both(invalid), unreadable: []string{"grpc"},
			headers: everywhere(bearerHeader(unsigned(t, token))),
		},
		{
			name: "transaction token as bearer", refused: both(invalid), unreadable: []string{"grpc"},
			headers: everywhere(bearerHeader(answer.GetTransactionToken())),
		},
		{
			name: "session JWT as bearer", refused: map[string]string{"rest": invalid, "mcp": invalid},
			headers: map[string]http.Header{
				"rest": bearerHeader(ceo.cookie(t, cookieSessionJWT)),
				"mcp":  bearerHeader(ceo.cookie(t, cookieSessionJWT)),
			},
		},
		{
			name: "session in cookies", refused: map[string]string{"mcp": "TOKEN_MISSING"},
			headers: map[string]http.Header{
				"mcp": header("Cookie", cookies(cookieSession, ceo.cookie(t, cookieSession), cookieSessionJWT, ceo.cookie(t, cookieSessionJWT))),
			},
		},
		{
			// It is too long for a session token.
			name: "access token as another kind", unreadable: []string{"rest"},
			refused: map[string]string{"grpc": invalid, "rest": invalid, "mcp": "TOKEN_MISSING"},
			headers: map[string]http.Header{
				"rest": header("Cookie", cookies(cookieSession, token, cookieSessionJWT, token)),
				"grpc": header("txn-token", token, "session-jwt", token),
				"mcp":  header("txn-token", token, "Cookie", cookies(cookieSession, token)),
			},
		},
		{
			name: "two credentials at once", refused: both("CREDENTIALS_AMBIGUOUS"),
			headers: map[string]http.Header{
				"rest": header("Cookie", cookies(cookieSession, ceo.cookie(t, cookieSession)), "Authorization", "Bearer "+token),
				"grpc": header("authorization", "Bearer "+token, "txn-token", answer.GetTransactionToken(),
					"session-token", ceo.cookie(t, cookieSession)),
				"mcp": {"Authorization": {"Bearer " + token, "Bearer " + token}},
			},
		},
	}
}

// domain is that of the person's address.
func (p *person) domain(t *testing.T) string {
	t.Helper()
	_, domain, _ := strings.Cut(p.must(t, http.MethodGet, "/api/v1/session", "").text("emailAddress"), "@")
	return domain
}

// unsigned is a JWT that says of itself that it needs no signature (RFC 7519 section 6).
func unsigned(t *testing.T, jwt string) string {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("the token has %d parts", len(parts))
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."
}

// present is what a caller sends along with a request; nil if the surface has nothing of the kind.
func (c *caller) present(t *testing.T, surface, rpc string, r request) http.Header {
	t.Helper()
	headers := c.headers
	if r.of != nil && c.person != nil {
		headers = sessionHeaders(t, r.of)
	}
	switch rpc {
	case "authz.v1.SessionService/RevokeSession", "authz.v1.SessionService/RefreshSession", "authz.v1.SessionService/SwitchOrganization":
		if c.person != nil {
			headers = sessionHeaders(t, c.person.system.signIn(t, c.email, c.person.organization))
		}
	}
	if headers[surface] == nil {
		return nil
	}
	h := headers[surface].Clone()
	if r.intermediate == "" {
		return h
	}
	if surface == "grpc" {
		h.Set("intermediate-session-token", r.intermediate)
		return h
	}
	cookie := cookies(cookieIntermediate, r.intermediate)
	if session := h.Get("Cookie"); session != "" {
		cookie = session + "; " + cookie
	}
	h.Set("Cookie", cookie)
	return h
}

// table is what came of every operation for every caller.
type table struct {
	mu       sync.Mutex
	outcomes map[string]outcome
}

func (o *table) set(surface string, op operation, c *caller, got outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.outcomes[surface+" "+op.name+" "+c.name] = got
}

// text is the table for people: one line for each operation and caller.
func (o *table) text(surfaces []surface, callers []*caller) string {
	var out strings.Builder
	for _, s := range surfaces {
		for _, op := range s.operations() {
			fmt.Fprintf(&out, "%s %s\n", s.name(), op.name)
			for _, c := range callers {
				if got, ok := o.outcomes[s.name()+" "+op.name+" "+c.name]; ok {
					fmt.Fprintf(&out, "    %-41s %s\n", c.name, got)
				}
			}
		}
	}
	return out.String()
}

// Every RPC, and every route of every RPC, called by everyone. The outcomes are compared twice: with the policy as it is
// written down in policy_test.go, and with the table in testdata, which is there to be read.
//
// It runs before the tests that run side by side: it keeps the identity provider busy enough.
func TestEveryoneMayDoWhatThePolicySaysAndLearnsWhyNotOtherwise(t *testing.T) {
	w := newWorld(t, running)
	surfaces := []surface{overGRPC{running}, overREST{running}, overMCP{running}}
	policy := demands()
	for _, rpc := range contract() {
		name := operation{rpc: rpc}.rpcName()
		if _, ok := policy[name]; !ok {
			t.Fatalf("policy_test.go says nothing of %s", name)
		}
	}
	if len(policy) != len(contract()) {
		t.Fatalf("policy_test.go speaks of %d RPCs, of which there are %d", len(policy), len(contract()))
	}

	found := table{outcomes: map[string]outcome{}}
	t.Run("callers", func(t *testing.T) {
		for _, c := range w.callers {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				for _, s := range surfaces {
					for _, op := range s.operations() {
						w.try(t, s, op, c, &found)
					}
				}
			})
		}
	})

	// What was refused left no trace.
	log, err := running.okr().ListChanges(w.requests.ceo.overGRPC(t), &okrv1.ListChangesRequest{OrderBy: "seq desc", PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	if last, want := log.GetChanges()[0].GetSeq(), w.requests.wrote.Load(); last != want {
		t.Errorf("the log has %d changes, and %d were allowed", last, want)
	}
	compare(t, "authorization.txt", found.text(surfaces, w.callers))
}

// try makes one call and holds what comes of it against the policy.
func (w *world) try(t *testing.T, s surface, op operation, c *caller, found *table) {
	t.Helper()
	if c.headers[s.name()] == nil {
		return
	}
	if strings.HasPrefix(op.rpcName(), scimService+"/") {
		w.requests.scim.Lock()
		defer w.requests.scim.Unlock()
	}
	r, ok := w.requests.of(t, op.rpcName())
	if !ok {
		t.Fatalf("requests_test.go makes no request of %s", op.rpcName())
	}
	got, err := s.call(t.Context(), op, c.present(t, s.name(), op.rpcName(), r), r.message)
	if err != nil {
		t.Fatalf("%s %s: %v", s.name(), op.name, err)
	}
	found.set(s.name(), op, c, got)
	if want := expect(op, s.name(), c); got.String() != want.String() {
		t.Errorf("%s %s\n got %s\nwant %s\n%s", s.name(), op.name, got, want, got.body)
	}
	if got.code == codes.OK && !c.elsewhere && writes(op.demand()) {
		w.requests.wrote.Add(1)
	}
}

// writes says whether an RPC changes objectives or key results.
func writes(d demand) bool {
	resource, action, ok := strings.Cut(d.one[0], ":")
	return ok && !strings.HasPrefix(resource, "stytch.") && action != "read" && !d.idle
}

// compare holds a text against a file in testdata, or writes it there if nothing has failed yet.
func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update && !t.Failed() {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	heading := ""
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if !strings.HasPrefix(gotLines[i], " ") {
			heading = gotLines[i]
		}
		if gotLines[i] != wantLines[i] {
			t.Errorf("%s differs from line %d, under %s\n got %s\nwant %s", path, i+1, heading, gotLines[i], wantLines[i])
			return
		}
	}
	t.Errorf("%s has %d lines, want %d", path, len(wantLines), len(gotLines))
}

// A request about what another organization has gets, to the letter, the answer of one about what nobody has.
func TestWhatBelongsToOthersLooksLikeWhatDoesNotExist(t *testing.T) {
	t.Parallel()
	owner, _ := running.found(t)
	stranger, _ := running.found(t)
	r := &requests{ceo: owner, proposed: make(chan string, 30)}
	r.objective = r.freshObjective(t)
	r.keyResult = r.freshKeyResult(t)
	headers := sessionHeaders(t, stranger)
	headers["mcp"] = bearerHeader(stranger.letIn(t, "Agent of a stranger", "read:okrs", "manage:objectives", "manage:krs").AccessToken)
	for _, s := range []surface{overGRPC{running}, overREST{running}, overMCP{running}} {
		for _, op := range s.operations() {
			if op.demand().absent == "" {
				continue
			}
			t.Run(s.name()+" "+op.name, func(t *testing.T) {
				theirs, _ := r.of(t, op.rpcName())
				answers := map[string]string{}
				for name, message := range map[string]proto.Message{"theirs": theirs.message, "nobody's": unknown(t, theirs.message)} {
					got, err := s.call(context.WithoutCancel(t.Context()), op, headers[s.name()].Clone(), message)
					if err != nil {
						t.Fatal(err)
					}
					if got.code != codes.NotFound {
						t.Errorf("about %s: %s", name, got)
					}
					answers[name] = ids.ReplaceAllString(got.String()+got.body, "${1}…")
				}
				if answers["theirs"] != answers["nobody's"] {
					t.Errorf("about theirs:\n%s\nabout nobody's:\n%s", answers["theirs"], answers["nobody's"])
				}
			})
		}
	}
}

// unknown is a message with ids that nobody has.
func unknown(t *testing.T, message proto.Message) proto.Message {
	t.Helper()
	text, err := protojson.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	out := message.ProtoReflect().New().Interface()
	if err := protojson.Unmarshal(ids.ReplaceAll(text, []byte("${1}0000000000000")), out); err != nil {
		t.Fatal(err)
	}
	return out
}
