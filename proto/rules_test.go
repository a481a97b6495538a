package contract_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
)

// update rewrites the golden file: go test ./... -run Golden -update.
var update = flag.Bool("update", false, "rewrite contract.golden")

const goldenFile = "contract.golden"

// binding is one HTTP address of a method.
type binding struct{ verb, path, body string }

// bindings are the HTTP addresses of a method, the first one first; none for a method that only gRPC offers.
func bindings(method protoreflect.MethodDescriptor) []binding {
	rule, _ := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	if rule == nil {
		return nil
	}
	var out []binding
	for _, r := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		b := binding{body: r.GetBody()}
		switch pattern := r.GetPattern().(type) {
		case *annotations.HttpRule_Get:
			b.verb, b.path = "GET", pattern.Get
		case *annotations.HttpRule_Post:
			b.verb, b.path = "POST", pattern.Post
		case *annotations.HttpRule_Patch:
			b.verb, b.path = "PATCH", pattern.Patch
		case *annotations.HttpRule_Put:
			b.verb, b.path = "PUT", pattern.Put
		case *annotations.HttpRule_Delete:
			b.verb, b.path = "DELETE", pattern.Delete
		}
		out = append(out, b)
	}
	return out
}

// ruleText writes an access rule in a word or two.
func ruleText(rule *accessv1.Rule) string {
	permission := func(resource string, action accessv1.Action) string {
		return resource + ":" + strings.ToLower(strings.TrimPrefix(action.String(), "ACTION_"))
	}
	switch {
	case rule.GetPublic():
		return "public"
	case rule.GetMember():
		return "member"
	case rule.GetSession() && len(rule.GetAnyOf()) == 0:
		return "session"
	case len(rule.GetAnyOf()) > 0:
		var all []string
		for _, p := range rule.GetAnyOf() {
			all = append(all, permission(p.GetResource(), p.GetAction()))
		}
		text := strings.Join(all, " or ")
		if rule.GetSession() {
			text = "session and " + text
		}
		return text
	case rule.GetPropose() != 0:
		return permission(rule.GetResource(), rule.GetAction()) + ", to propose " + permission(rule.GetResource(), rule.GetPropose())
	default:
		return permission(rule.GetResource(), rule.GetAction())
	}
}

func TestTheGoldenTableOfMethodsHolds(t *testing.T) {
	var table bytes.Buffer
	fmt.Fprintln(&table, "# Every method of the contract: who may call it, and where HTTP finds it. Rewritten by `go test -run Golden -update`.")
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "METHOD\tRULE\tVERB\tPATH\tBODY")
	for _, method := range methods(t) {
		name := string(method.FullName())
		if method.IsStreamingServer() {
			name += " (stream)"
		}
		all := bindings(method)
		if len(all) == 0 {
			all = []binding{{verb: "-", path: "-"}}
		}
		for _, b := range all {
			if b.body == "" {
				b.body = "-"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", name, ruleText(ruleOf(method)), b.verb, b.path, b.body)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(goldenFile, table.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	if got := table.String(); got != string(want) {
		t.Errorf("the contract's table has changed; if that is meant, run the test with -update. It is now:\n%s", got)
	}
}

func TestTheDataIsReachableOverREST(t *testing.T) {
	files := map[protoreflect.Name]bool{"ExportObjectives": true, "ImportObjectives": true} // the edge has handlers of its own
	for _, method := range methods(t) {
		if files[method.Name()] {
			continue
		}
		if method.Parent().FullName() == "okr.v1.OkrService" && len(bindings(method)) == 0 {
			t.Errorf("%s has no google.api.http rule", method.FullName())
		}
	}
}

func TestNoTwoMethodsShareAnAddressAndReadsHaveNoBody(t *testing.T) {
	owner := map[string]protoreflect.FullName{}
	for _, method := range methods(t) {
		for _, b := range bindings(method) {
			if !strings.HasPrefix(b.path, "/api/v1/") {
				t.Errorf("%s is at %s, not under /api/v1/", method.FullName(), b.path)
			}
			if other := owner[b.verb+" "+b.path]; other != "" {
				t.Errorf("%s and %s are both at %s %s", method.FullName(), other, b.verb, b.path)
			}
			owner[b.verb+" "+b.path] = method.FullName()
			if needsBody := slices.Contains([]string{"POST", "PATCH", "PUT"}, b.verb); needsBody != (b.body != "") {
				t.Errorf("%s: %s with the body %q", method.FullName(), b.verb, b.body)
			}
		}
	}
}
