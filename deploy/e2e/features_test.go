package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore"
)

// Every feature of objectives and key results, over gRPC, REST and MCP, with one expected result.
func TestFeaturesAreTheSameOnEverySurface(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join("testdata", "features", "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases (%v)", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		c := readCase(t, path, name)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var old map[string]*play
			on := running
			if section, ok := c.parts["old"]; ok {
				on, old = longAgo(t, section)
			}
			for _, surface := range []string{"grpc", "rest", "mcp"} {
				t.Run(surface, func(t *testing.T) {
					p := old[surface]
					if p == nil {
						ceo, domain := on.found(t)
						p = newPlay(&cast{ceo: ceo, domain: domain})
						if strings.Contains(c.parts[surface], "manager") {
							p.keep("manager", p.cast.actor(t, "manager").person.member)
						}
					} else {
						p.cast = &cast{ceo: on.signIn(t, "ada@acme.test", acme)}
					}
					p.keep("ceo", p.cast.ceo.member)
					p.run(t, c.parts[surface])
					if got, want := p.out.String(), c.parts["want"]; strings.TrimSpace(got) != strings.TrimSpace(want) {
						t.Errorf("it prints\n%s\nwant\n%s", got, want)
					}
				})
			}
		})
	}
}

// cast is who makes the calls of a case.
type cast struct {
	ceo     *person
	domain  string
	manager *actor
	agent   *actor // of the CEO
	// old is a connection to a store that runs in the past; the other surfaces have not begun then.
	old grpc.ClientConnInterface
}

// actor is a member, and the agent that the member has let in.
type actor struct {
	person *person
	agent  mcpAgent
}

func (c *cast) actor(t *testing.T, name string) *actor {
	t.Helper()
	switch name {
	case "ceo":
		if c.agent == nil {
			c.agent = &actor{c.ceo, c.ceo.letIn(t, "Agent", everyScope()...).overMCP(c.ceo.system)}
		}
		return c.agent
	case "manager":
		if c.manager == nil {
			m := c.ceo.hire(t, "manager@"+c.domain, "manager")
			c.manager = &actor{m, m.letIn(t, "Agent", "read:okrs", "manage:krs").overMCP(m.system)}
		}
		return c.manager
	}
	t.Fatalf("nobody is called %s", name)
	return nil
}

// call makes a call as a case writes it, and answers the answer or why it was refused.
func (c *cast) call(t *testing.T, line string) (answered fields, refused string) {
	t.Helper()
	who := "ceo"
	if rest, ok := strings.CutPrefix(line, "@"); ok {
		who, line, _ = strings.Cut(rest, " ")
	}
	head, body, _ := strings.Cut(line, " ")
	switch {
	case slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete}, head):
		path, body, _ := strings.Cut(body, " ")
		got := c.actor(t, who).person.call(t, head, path, body)
		if got.status/100 != 2 || got.reason != "" { // what was proposed is 202, and not done
			return nil, refusalOverREST(t, got)
		}
		return parse(t, got.body), ""
	case head[0] >= 'A' && head[0] <= 'Z':
		return c.callRPC(t, who, head, body)
	}
	arguments := fields{}
	if err := json.Unmarshal([]byte(body), &arguments); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	got := c.actor(t, who).agent.ask(t, "tools/call", fields{"name": head, "arguments": arguments})
	switch {
	case got.status != http.StatusOK || got.failure != nil:
		t.Fatalf("%s: %d %s", line, got.status, got.body)
	case got.isError():
		return nil, refusalInWords(t, got.text())
	case got.structured().text("proposalID") != "":
		return nil, "PROPOSED"
	}
	return got.structured(), ""
}

// callRPC calls an RPC of okr.v1 by name, with a request in JSON.
func (c *cast) callRPC(t *testing.T, who, name, body string) (answered fields, refused string) {
	t.Helper()
	rpc := okrv1.File_okr_v1_okr_service_proto.Services().ByName("OkrService").Methods().ByName(protoreflect.Name(name))
	if rpc == nil {
		t.Fatalf("there is no RPC %s", name)
	}
	message := func(d protoreflect.MessageDescriptor) protoreflect.ProtoMessage {
		kind, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
		if err != nil {
			t.Fatal(err)
		}
		return kind.New().Interface()
	}
	request, reply := message(rpc.Input()), message(rpc.Output())
	if err := protojson.Unmarshal([]byte(body), request); err != nil {
		t.Fatalf("%s %s: %v", name, body, err)
	}
	ctx, conn := bearing(t.Context(), "old"), c.old
	if conn == nil {
		p := c.actor(t, who).person
		ctx, conn = p.overGRPC(t), p.system.store
	}
	if err := conn.Invoke(ctx, "/okr.v1.OkrService/"+name, request, reply); err != nil {
		return nil, refusalOverGRPC(t, err)
	}
	text, err := protojson.Marshal(reply)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(text)), ""
}

// refusal is a reason with the fields that it is about, each once and called as tools call them.
func refusal(reason string, paths ...string) string {
	parts := []string{reason}
	for _, path := range paths {
		path = camelCase(path[strings.LastIndex(path, ".")+1:])
		if !slices.Contains(parts, path) {
			parts = append(parts, path)
		}
	}
	return strings.Join(parts, " ")
}

func refusalOverGRPC(t *testing.T, err error) string {
	t.Helper()
	var paths []string
	for _, detail := range status.Convert(err).Details() {
		if request, ok := detail.(*errdetails.BadRequest); ok {
			for _, v := range request.GetFieldViolations() {
				paths = append(paths, v.GetField())
			}
		}
	}
	reason := rpcerr.InfoOf(err).GetReason()
	if reason == "" {
		t.Fatal(err)
	}
	return refusal(reason, paths...)
}

func refusalOverREST(t *testing.T, got answer) string {
	t.Helper()
	var failure struct {
		Error struct {
			Details []struct{ FieldViolations []struct{ Field string } }
		}
	}
	if err := json.Unmarshal([]byte(got.body), &failure); err != nil || got.reason == "" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var paths []string
	for _, detail := range failure.Error.Details {
		for _, v := range detail.FieldViolations {
			paths = append(paths, v.Field)
		}
	}
	return refusal(got.reason, paths...)
}

// failedField finds the argument that a tool's failure is about.
var failedField = regexp.MustCompile(`^(?:Nothing was changed: |Invalid arguments for [a-zA-Z]+: )"?([a-zA-Z]+(?:\[\d+\]\.[a-zA-Z]+)?)"? (?:must|value)`)

// refusalInWords finds the reason that stands behind the words of a tool.
func refusalInWords(t *testing.T, text string) string {
	t.Helper()
	for words, reason := range map[string]string{
		"somebody else was faster":            "ETAG_MISMATCH",
		"this key result is no percentage":    "ATTAINMENT_NOT_SETTABLE",
		"the objective is archived":           "OBJECTIVE_STATE_CONFLICT",
		"parent is this objective itself":     "PARENT_INVALID",
		"with the id that parent names":       "PARENT_INVALID",
		"There is no objective with this id":  noObjective,
		"There is no key result with this id": noKeyResult,
		"this requestId was used for another": "REQUEST_ID_REUSED",
		"The cursor is not usable":            "CURSOR_INVALID",
		"the role of the member you act for":  "ROLE_MISSING",
	} {
		if strings.Contains(text, words) {
			return reason
		}
	}
	if match := failedField.FindStringSubmatch(text); match != nil {
		return refusal("FIELD_INVALID", match[1])
	}
	t.Fatalf("a tool says %q", text)
	return ""
}

// age is how long ago the section "old" of a case is.
const age = 15 * 24 * time.Hour

// longAgo makes the calls of a section at a store whose clock is late, for each surface anew, and then starts a system on
// what they left. They come from somebody whom that system knows, too: Ada of Acme.
func longAgo(t *testing.T, section string) (*system, map[string]*play) {
	t.Helper()
	dir := t.TempDir()
	settings, err := config.LoadOver[okrstore.Config](map[string]string{"OKR_DATA_DIR": dir})
	if err != nil {
		t.Fatal(err)
	}
	const ada = "member-test-a0000000-0000-4000-8000-000000000001"
	settings.Listener = kittest.Listen(t)
	settings.Authenticator = kittest.Authenticator{"old": kittest.Member(acme, ada, "stytch_admin")}
	settings.Now = func() time.Time { return time.Now().Add(-age) }
	settings.Logger = slog.New(slog.DiscardHandler)
	conn, err := dial(settings.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	stopped := make(chan error, 1)
	go func() { stopped <- okrstore.Run(ctx, settings) }()

	plays := map[string]*play{}
	for _, surface := range []string{"grpc", "rest", "mcp"} {
		p := newPlay(&cast{old: conn})
		p.run(t, section)
		if p.out.Len() > 0 {
			t.Errorf("fifteen days ago there was printed %s", p.out.String())
		}
		plays[surface] = p
	}
	_ = conn.Close()
	stop()
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	on, err := startSystem(t.Context(), dir, 3*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := on.close(); err != nil {
			t.Errorf("stopping the system: %v", err)
		}
	})
	return on, plays
}

// Cases are read as they are written down.
func TestCasesAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	p := newPlay(nil)
	p.keep("one", "okr_1")
	answered := fields{"id": "okr_1", "list": []any{map[string]any{"a": "x"}, map[string]any{"a": 2.0}}, "none": "", "state": "OBJECTIVE_STATE_ACTIVE", "no": false}
	for path, want := range map[string]string{
		"id": "$one", "list[].a": "x, 2", "list[1].a": "2", "list[2].a": "none", "none": "none", "state": "active", "no": "none", "nothing.at.all": "none",
	} {
		if got := p.print(at(answered, path)); got != want {
			t.Errorf("%s is printed as %s, want %s", path, got, want)
		}
	}
	path := filepath.Join(t.TempDir(), "case.txtar")
	if err := os.WriteFile(path, []byte("Words.\n-- grpc --\na\n-- rest --\nb\n-- mcp --\nc\nd\n-- want --\ne\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := readCase(t, path, "case"); fmt.Sprint(c.parts) != "map[grpc:a\n mcp:c\nd\n rest:b\n want:e\n]" {
		t.Errorf("%v", c.parts)
	}
}
