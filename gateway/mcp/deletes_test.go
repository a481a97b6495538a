package mcp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// round is what a call of a delete answers: a question with the state to come back with, or the end.
type round struct {
	status     int
	ResultType string
	Questions  map[string]struct {
		Method string
		Params struct{ Message string }
	} `json:"inputRequests"`
	State   string `json:"requestState"`
	Content []struct{ Text string }
	IsError bool
	failure string
}

func (r round) text() string {
	if len(r.Content) == 0 {
		return r.failure
	}
	return r.Content[0].Text
}

// question is the key and the text of the one question.
func (r round) question(t *testing.T) (key, text string) {
	t.Helper()
	if r.ResultType != "input_required" || len(r.Questions) != 1 || r.State == "" || r.Content != nil {
		t.Fatalf("nothing is asked: %+v", r)
	}
	for key, q := range r.Questions {
		if q.Method != "elicitation/create" {
			t.Errorf("asked by %s", q.Method)
		}
		return key, q.Params.Message
	}
	return "", ""
}

const canAsk = `{"elicitation":{}}`

// round calls a tool as a client of 2026-07-28 does. more is what a further round adds.
func (w *world) round(token, capabilities, tool, arguments, more string) round {
	w.t.Helper()
	resp := w.sendModern(token, "tools/call", capabilities, `"name":"`+tool+`","arguments":`+arguments+more, "Mcp-Name", tool)
	var answer struct {
		Result round
		Error  *struct{ Message string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		w.t.Fatalf("%s: %v", resp.Status, err)
	}
	answer.Result.status = resp.StatusCode
	if answer.Error != nil {
		answer.Result.failure = answer.Error.Message
	}
	return answer.Result
}

func answering(state, key, action string) string {
	return fmt.Sprintf(`,"requestState":%q,"inputResponses":{%q:{"action":%q}}`, state, key, action)
}

// deletes are the tools that ask, with the arguments for what is known, what they ask and what they have the store do.
var deletes = map[string]struct {
	arguments, question string
	request             func(etag string) proto.Message
}{
	"deleteObjective": {
		`{"okrID":"` + knownObjective + `"}`, `Delete the objective "Grow" and its key result for good?`,
		func(etag string) proto.Message {
			return &okrv1.DeleteObjectiveRequest{ObjectiveId: knownObjective, Etag: etag}
		},
	},
	"deleteKeyResult": {
		`{"okrID":"` + knownObjective + `","keyResultID":"` + knownKeyResult + `"}`, `Delete the key result "Grow", 40%, for good?`,
		func(etag string) proto.Message {
			return &okrv1.DeleteKeyResultRequest{KeyResultId: knownKeyResult, ObjectiveId: knownObjective, Etag: etag}
		},
	},
}

// deleted is the last request of a delete that the store had.
func (w *world) deleted() proto.Message {
	switch r := w.store.last().(type) {
	case *okrv1.DeleteObjectiveRequest, *okrv1.DeleteKeyResultRequest:
		return r
	}
	return nil
}

func TestADeleteIsConfirmedByThePersonBehindTheClient(t *testing.T) {
	for tool, d := range deletes {
		etag := map[string]string{"deleteObjective": "etag-1", "deleteKeyResult": "etag-2"}[tool]
		for action, want := range map[string]string{
			"accept": "Deleted the ", "decline": "Nothing was deleted: the person said no.", "cancel": "Nothing was deleted: the person gave no answer.",
		} {
			t.Run(tool+" "+action, func(t *testing.T) {
				w := start(t)
				first := w.round("all", canAsk, tool, d.arguments, "")
				key, question := first.question(t)
				if question != d.question || w.deleted() != nil {
					t.Errorf("it asks %q, and the store was asked for %v", question, w.deleted())
				}
				second := w.round("all", canAsk, tool, d.arguments, answering(first.State, key, action))
				if !strings.HasPrefix(second.text(), want) || second.IsError != (action != "accept") {
					t.Errorf("it answers %+v", second)
				}
				switch got := w.deleted(); {
				case action == "accept" && !proto.Equal(got, d.request(etag)):
					t.Errorf("the store was asked for %v", got)
				case action != "accept" && got != nil:
					t.Errorf("the store was asked for %v", got)
				}
			})
		}
	}
}

func TestAClientThatCannotAskDeletesAsItAlwaysDid(t *testing.T) {
	for tool, d := range deletes {
		w := start(t)
		session := w.session("all") // declares elicitation, which an older revision cannot do across replicas
		for name, call := range map[string]func() string{
			"no elicitation":    func() string { return w.round("all", `{}`, tool, d.arguments, "").text() },
			"addresses alone":   func() string { return w.round("all", `{"elicitation":{"url":{}}}`, tool, d.arguments, "").text() },
			"an older revision": func() string { r := w.call("all", tool, d.arguments); return r.text() },
			"a session of an older": func() string {
				r := w.inSession("all", session, "tools/call", `{"name":"`+tool+`","arguments":`+d.arguments+`}`)
				return r.text()
			},
		} {
			w.store.change(func(f *fakeStore) { f.asked = nil })
			if text := call(); !strings.HasPrefix(text, "Deleted the ") || !proto.Equal(w.deleted(), d.request("")) {
				t.Errorf("%s of %s: %q, and the store was asked for %v", name, tool, text, w.deleted())
			}
		}
	}
}

func TestWhatWasShownIsWhatIsDeleted(t *testing.T) {
	for name, alter := range map[string]func(*okrv1.Objective){
		"another etag": func(o *okrv1.Objective) { o.Etag, o.KeyResults[0].Etag = "etag-8", "etag-9" },
		"one more key result": func(o *okrv1.Objective) {
			o.KeyResults = append(o.KeyResults, &okrv1.KeyResult{Id: "kr_2"})
			o.KeyResults[0].Etag = "etag-9"
		},
		"a changed key result": func(o *okrv1.Objective) { o.KeyResults[0].Etag = "etag-9" },
	} {
		for tool, d := range deletes {
			w := start(t)
			first := w.round("all", canAsk, tool, d.arguments, "")
			key, _ := first.question(t)
			w.store.change(func(f *fakeStore) { f.alter = alter })
			second := w.round("all", canAsk, tool, d.arguments, answering(first.State, key, "accept"))
			if !strings.Contains(second.text(), "it has changed since the person was asked") || w.deleted() != nil {
				t.Errorf("%s of %s: %+v, and the store was asked for %v", tool, name, second, w.deleted())
			}
		}
	}
}

// The store compares the etag of what was shown once more, with what it has when it deletes.
func TestAChangeInTheLastMomentIsTheStoresToRefuse(t *testing.T) {
	w := start(t)
	const arguments = `{"okrID":"` + knownObjective + `","etag":"an-old-etag"}`
	if r := w.round("all", canAsk, "deleteObjective", arguments, ""); !strings.HasPrefix(r.text(), "Deleted") {
		t.Errorf("a person is asked about a delete that cannot be: %+v", r)
	}
	if got, want := w.deleted(), (&okrv1.DeleteObjectiveRequest{ObjectiveId: knownObjective, Etag: "an-old-etag"}); !proto.Equal(got, want) {
		t.Errorf("the store was asked for %v", got)
	}
}

func TestWhatIsNotThereIsNotAskedAbout(t *testing.T) {
	w := start(t)
	w.store.change(func(f *fakeStore) {
		f.failure = rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND, "no objective")
	})
	for tool, arguments := range map[string]string{
		"deleteObjective": deletes["deleteObjective"].arguments, "deleteKeyResult": deletes["deleteKeyResult"].arguments,
	} {
		if r := w.round("all", canAsk, tool, arguments, ""); !strings.HasPrefix(r.text(), "There is no objective") || w.deleted() == nil {
			t.Errorf("%s: %+v", tool, r)
		}
	}
	w.store.change(func(f *fakeStore) { f.failure = nil })
	other := `{"okrID":"okr_another","keyResultID":"` + knownKeyResult + `"}`
	if r := w.round("all", canAsk, "deleteKeyResult", other, ""); r.ResultType != "complete" {
		t.Errorf("it is asked about a key result of another objective: %+v", r)
	}
}

func TestAConfirmationServesNothingButWhatWasAsked(t *testing.T) {
	w := start(t)
	another := agentOfCEO("read:okrs", "manage:objectives", "manage:krs")
	another.ClientId = "another-client"
	w.authz.let("another-client", another)
	w.authz.let("umbrella", kittest.Agent(kittest.CEO("umbrella"), "read:okrs", "manage:objectives"))
	const arguments = `{"okrID":"` + knownObjective + `"}`
	first := w.round("all", canAsk, "deleteObjective", arguments, "")
	key, _ := first.question(t)
	state := first.State
	tampered := "A" + state[1:]
	if tampered == state {
		tampered = "B" + state[1:]
	}
	const both = `{"okrID":"` + knownObjective + `","keyResultID":"` + knownKeyResult + `"}`
	for name, attack := range map[string]struct{ token, tool, arguments, state string }{
		"another objective":             {"all", "deleteObjective", `{"okrID":"okr_another"}`, state},
		"another argument":              {"all", "deleteObjective", `{"okrID":"` + knownObjective + `","requestId":"r"}`, state},
		"another tool":                  {"all", "deleteKeyResult", both, state},
		"another client of the member":  {"another-client", "deleteObjective", arguments, state},
		"another member":                {"employee", "deleteObjective", arguments, state},
		"another organization":          {"umbrella", "deleteObjective", arguments, state},
		"a changed state":               {"all", "deleteObjective", arguments, tampered},
		"a state that is cut":           {"all", "deleteObjective", arguments, state[:len(state)-4]},
		"a session id, sealed as it is": {"all", "deleteObjective", arguments, w.session("all")},
		"nothing":                       {"all", "deleteObjective", arguments, ""},
	} {
		r := w.round(attack.token, canAsk, attack.tool, attack.arguments, answering(attack.state, key, "accept"))
		if !strings.Contains(r.failure, "requestState is not one of this server") || w.deleted() != nil {
			t.Errorf("%s: %+v, and the store was asked for %v", name, r, w.deleted())
		}
	}
	// An answer that nobody was asked for is none, even to the key of another question.
	unasked := fmt.Sprintf(`,"inputResponses":{%q:{"action":"accept"},"confirm":{"action":"accept"}}`, key)
	if again, _ := w.round("all", canAsk, "deleteObjective", arguments, unasked).question(t); again == key || w.deleted() != nil {
		t.Errorf("the question %q is asked twice, or the store was asked for %v", again, w.deleted())
	}
	// The scope counts at the end, not when the question was asked.
	w.authz.let("narrower", agentOfCEO("read:okrs")) // of the same client
	if r := w.round("narrower", canAsk, "deleteObjective", arguments, answering(state, key, "accept")); r.status != http.StatusForbidden || w.deleted() != nil {
		t.Errorf("with a narrower token: %+v, and the store was asked for %v", r, w.deleted())
	}
}
