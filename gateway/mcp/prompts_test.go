package mcp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// listedPrompt is a prompt as clients are shown it.
type listedPrompt struct {
	Name, Title, Description string
	Arguments                []struct {
		Name, Title, Description string
		Required                 bool
	}
}

func (w *world) prompts(token string) []listedPrompt {
	w.t.Helper()
	var answer struct {
		Result struct{ Prompts []listedPrompt }
	}
	if err := json.Unmarshal([]byte(w.ask(token, "prompts/list", "{}").body), &answer); err != nil {
		w.t.Fatal(err)
	}
	return answer.Result.Prompts
}

func contains(text, part string) bool { return strings.Contains(text, part) }

func TestPromptsAreShownToWhoCanFollowThem(t *testing.T) {
	w := start(t)
	w.authz.let("scopeless", agentOfCEO())
	w.authz.let("reports", agentOfCEO("report_kr_status"))
	w.authz.let("objectives", agentOfCEO("manage:objectives"))
	for token, want := range map[string][]string{
		"all": {"weekly_check_in", "draft_key_results"}, "reader": nil, "scopeless": nil, "objectives": nil, "reports": {"weekly_check_in"},
	} {
		var names []string
		for _, p := range w.prompts(token) {
			names = append(names, p.Name)
			if p.Title == "" || p.Description == "" {
				t.Errorf("%s is not described", p.Name)
			}
			for _, a := range p.Arguments {
				if a.Title == "" || a.Description == "" {
					t.Errorf("the argument %s of %s is not described", a.Name, p.Name)
				}
			}
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s is shown %v, want %v", token, names, want)
		}
	}
	// Hiding protects nothing: getting does.
	for _, get := range []string{`{"name":"weekly_check_in"}`, `{"name":"draft_key_results","arguments":{"okrID":"` + knownObjective + `"}}`} {
		w.store.change(func(f *fakeStore) { f.asked = nil })
		r := w.ask("scopeless", "prompts/get", get)
		if r.StatusCode != http.StatusForbidden || !contains(r.Header.Get("WWW-Authenticate"), "insufficient_scope") || w.store.last() != nil {
			t.Errorf("%s: %s %s", get, r.Status, r.body)
		}
	}
	if r := w.ask("employee", "prompts/get", `{"name":"draft_key_results","arguments":{"okrID":"`+knownObjective+`"}}`); r.StatusCode != http.StatusOK || r.Error == nil || !contains(r.Error.Message, "role") {
		t.Errorf("a role that may not: %s %s", r.Status, r.body)
	}
}

func TestThePromptOfTheWeekShowsWhatIsDue(t *testing.T) {
	w := start(t)
	for arguments, owner := range map[string]string{`{}`: "", `{"owner":"me"}`: "member-ceo-acme", `{"owner":"Max"}`: "member-2"} {
		r := w.ask("all", "prompts/get", `{"name":"weekly_check_in","arguments":`+arguments+`}`)
		request, _ := w.store.last().(*okrv1.ListDueKeyResultsRequest)
		if r.Error != nil || request.GetOwnerId() != owner || !contains(r.body, knownKeyResult) {
			t.Errorf("%s asks for %v: %s", arguments, request, r.body)
		}
	}
	if r := w.ask("all", "prompts/get", `{"name":"weekly_check_in","arguments":{"owner":"Eve"}}`); r.Error == nil || !contains(r.Error.Message, `there is no member "Eve"`) {
		t.Errorf("of nobody: %s", r.body)
	}
}

func TestThePromptForKeyResultsEmbedsTheObjective(t *testing.T) {
	w := start(t)
	type message struct {
		Content struct {
			Type, Text string
			Resource   struct{ URI, MIMEType, Text string }
		}
	}
	get := func() []message {
		var answer struct{ Result struct{ Messages []message } }
		r := w.ask("all", "prompts/get", `{"name":"draft_key_results","arguments":{"okrID":"`+knownObjective+`"}}`)
		if err := json.Unmarshal([]byte(r.body), &answer); err != nil || len(answer.Result.Messages) != 2 {
			t.Fatalf("%v: %s", err, r.body)
		}
		return answer.Result.Messages
	}
	var read struct {
		Result struct{ Contents []struct{ Text string } }
	}
	if err := json.Unmarshal([]byte(w.ask("all", "resources/read", `{"uri":"`+theObjective+`"}`).body), &read); err != nil {
		t.Fatal(err)
	}
	embedded := get()[1].Content
	if embedded.Type != "resource" || embedded.Resource.URI != theObjective || embedded.Resource.Text != read.Result.Contents[0].Text {
		t.Errorf("it embeds %+v", embedded)
	}
	w.store.change(func(f *fakeStore) {
		f.alter = func(o *okrv1.Objective) {
			for i := range 250 {
				o.KeyResults = append(o.KeyResults, &okrv1.KeyResult{Id: fmt.Sprintf("kr_%d", i), ObjectiveId: o.GetId(), Title: strings.Repeat("growth ", 70)})
			}
		}
	})
	if long := get()[1].Content; long.Type != "text" || count(t, long.Text) > 2000 || !contains(long.Text, knownObjective) {
		t.Errorf("a long objective is embedded as %.200s", long.Text)
	}
	for name, arguments := range map[string]string{"no argument": `{}`, "another argument": `{"okrID":"` + knownObjective + `","x":"1"}`} {
		if r := w.ask("all", "prompts/get", `{"name":"draft_key_results","arguments":`+arguments+`}`); r.Error == nil || r.Error.Code != -32602 {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	w.store.change(func(f *fakeStore) {
		f.failure = rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND, "no objective")
	})
	if r := w.ask("all", "prompts/get", `{"name":"draft_key_results","arguments":{"okrID":"okr_another"}}`); r.Error == nil || r.Error.Code != -32602 || !contains(r.Error.Message, "no objective with this id") {
		t.Errorf("an objective that is not there: %s", r.body)
	}
}

func TestArgumentsOfPromptsAreCompleted(t *testing.T) {
	w := start(t)
	w.authz.members = append(w.authz.members, &authzv1.MemberName{MemberId: "member-3", DisplayName: "Mélanie"}, &authzv1.MemberName{MemberId: "member-4"})
	for name, test := range map[string]struct{ token, ref, argument, value, want string }{
		"ids":                       {"all", `{"type":"ref/prompt","name":"draft_key_results"}`, "okrID", "okr_", `["` + knownObjective + `"]`},
		"no ids":                    {"all", `{"type":"ref/prompt","name":"draft_key_results"}`, "okrID", "x", `[]`},
		"everybody":                 {"all", `{"type":"ref/prompt","name":"weekly_check_in"}`, "owner", "", `["me","Ada","Max","Mélanie"]`},
		"names in whatever case":    {"all", `{"type":"ref/prompt","name":"weekly_check_in"}`, "owner", "mA", `["Max"]`},
		"half a character":          {"all", `{"type":"ref/prompt","name":"weekly_check_in"}`, "owner", "Mé", `["Mélanie"]`},
		"a prompt that is hidden":   {"reader", `{"type":"ref/prompt","name":"draft_key_results"}`, "okrID", "", `[]`},
		"a resource":                {"all", `{"type":"ref/resource","uri":"okrmanager://objectives/{id}"}`, "id", "", `["` + knownObjective + `"]`},
		"a prompt without scopes":   {"scopeless", `{"type":"ref/prompt","name":"weekly_check_in"}`, "owner", "", `[]`},
		"a resource without scopes": {"scopeless", `{"type":"ref/resource","uri":"okrmanager://objectives/{id}"}`, "id", "", `[]`},
	} {
		w.authz.let("scopeless", agentOfCEO())
		var answer struct {
			Result struct {
				Completion struct{ Values json.RawMessage }
			}
		}
		r := w.ask(test.token, "completion/complete", `{"ref":`+test.ref+`,"argument":{"name":"`+test.argument+`","value":"`+test.value+`"}}`)
		if err := json.Unmarshal([]byte(r.body), &answer); err != nil || string(answer.Result.Completion.Values) != test.want {
			t.Errorf("%s: %s, want %s", name, r.body, test.want)
		}
	}
}
