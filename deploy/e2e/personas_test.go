// Package e2e tests the running system from outside, as its users meet it.
package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/deploy/internal/stack"
)

const (
	acme   = "organization-test-a0000000-0000-4000-8000-000000000001"
	globex = "organization-test-b0000000-0000-4000-8000-000000000002"
)

// person is someone with a browser.
type person struct {
	system *stack.Stack
	http   *http.Client
}

// answer is what a person gets.
type answer struct {
	status int
	body   string
	reason string
}

func start(t *testing.T) *stack.Stack {
	t.Helper()
	system, err := stack.Start(t.Context(), stack.Config{
		EphemeralPorts: true,
		Environment:    map[string]string{"OKR_DATA_DIR": t.TempDir()},
		Logger:         slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := system.Close(); err != nil {
			t.Errorf("stopping the system: %v", err)
		}
	})
	return system
}

func (p *person) call(t *testing.T, method, path, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.system.PublicURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := p.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var failure struct {
		Error struct {
			Reason string `json:"reason"`
		} `json:"error"`
	}
	_ = json.Unmarshal(text, &failure) // only errors have one
	return answer{resp.StatusCode, string(text), failure.Error.Reason}
}

// must is a call that has to succeed; field takes one field out of the answer.
func (p *person) must(t *testing.T, method, path, body, field string) string {
	t.Helper()
	got := p.call(t, method, path, body)
	if got.status/100 != 2 {
		t.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
	}
	var fields map[string]any
	if field == "" {
		return got.body
	}
	if err := json.Unmarshal([]byte(got.body), &fields); err != nil {
		t.Fatal(err)
	}
	value, _ := fields[field].(string)
	return value
}

// signIn signs in by the code that was sent by e-mail, into an organization.
func signIn(t *testing.T, system *stack.Stack, email, organization string) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{system, &http.Client{Jar: jar}}
	p.must(t, http.MethodPost, "/api/v1/session:sendEmailCode", `{"emailAddress":"`+email+`"}`, "")
	step := p.must(t, http.MethodPost, "/api/v1/session:authenticateEmailCode",
		`{"emailAddress":"`+email+`","code":"`+code(t, system, email)+`"}`, "step")
	if step != "SIGN_IN_STEP_CHOOSE_ORGANIZATION" {
		t.Fatalf("after the code: %s", step)
	}
	if organization == "" {
		return p
	}
	step = p.must(t, http.MethodPost, "/api/v1/session:joinOrganization", `{"organizationId":"`+organization+`"}`, "step")
	if step != "SIGN_IN_STEP_DONE" {
		t.Fatalf("after joining: %s", step)
	}
	return p
}

// code reads the newest code in the outbox of the local identity provider.
func code(t *testing.T, system *stack.Stack, email string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, system.DevidpURL+"/_dev/outbox?format=json&to="+email, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var outbox struct {
		Messages []struct {
			Code string `json:"code"`
		} `json:"messages"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&outbox); err != nil || len(outbox.Messages) == 0 {
		t.Fatalf("the outbox of %s: %v, %v", email, outbox, err)
	}
	return outbox.Messages[0].Code
}

func TestEachPersonaMayDoWhatTheRoleAllowsAndLearnsWhyNotOtherwise(t *testing.T) {
	system := start(t)
	ceo := signIn(t, system, "ada@acme.test", acme)
	for _, persona := range []struct {
		email        string
		organization string
		// The statuses of: list, create objective, create key result, set attainment, delete key result, delete objective.
		want [6]int
	}{
		{"ada@acme.test", acme, [6]int{200, 201, 201, 200, 204, 204}},
		{"max@acme.test", acme, [6]int{200, 403, 201, 200, 204, 403}},
		{"emma@acme.test", acme, [6]int{200, 403, 403, 200, 403, 403}},
		{"gina@globex.test", globex, [6]int{200, 201, 404, 404, 404, 404}},
	} {
		t.Run(persona.email, func(t *testing.T) {
			p := signIn(t, system, persona.email, persona.organization)
			objective := ceo.must(t, http.MethodPost, "/api/v1/objectives", `{"title":"Grow"}`, "id")
			results := "/api/v1/objectives/" + objective + "/keyResults"
			keyResult := ceo.must(t, http.MethodPost, results, `{"title":"By ten"}`, "id")
			for i, call := range []struct{ method, path, body string }{
				{http.MethodGet, "/api/v1/objectives", ""},
				{http.MethodPost, "/api/v1/objectives", `{"title":"Another"}`},
				{http.MethodPost, results, `{"title":"Another"}`},
				{http.MethodPost, "/api/v1/keyResults/" + keyResult + ":setAttainment", `{"attainment":40}`},
				{http.MethodDelete, "/api/v1/keyResults/" + keyResult, ""},
				{http.MethodDelete, "/api/v1/objectives/" + objective, ""},
			} {
				got := p.call(t, call.method, call.path, call.body)
				if got.status != persona.want[i] {
					t.Errorf("%s %s: %d %s, want %d", call.method, call.path, got.status, got.body, persona.want[i])
				}
				if got.status == http.StatusForbidden && got.reason != "ROLE_MISSING" {
					t.Errorf("%s %s is refused for %q, want ROLE_MISSING", call.method, call.path, got.reason)
				}
			}
			seen := p.must(t, http.MethodGet, "/api/v1/objectives", "", "")
			if persona.organization == globex && strings.Contains(seen, objective) {
				t.Errorf("the other organization sees %s", seen)
			}
		})
	}
}

func TestTheFirstWriteOfANewOrganizationShowsNowhereElse(t *testing.T) {
	system := start(t)
	var people []*person
	for _, name := range []string{"First", "Second"} {
		p := signIn(t, system, strings.ToLower(name)+"@new.test", "")
		p.must(t, http.MethodPost, "/api/v1/session:createOrganization", `{"displayName":"`+name+`"}`, "")
		people = append(people, p)
	}
	people[0].must(t, http.MethodPost, "/api/v1/objectives", `{"title":"Only ours"}`, "id")
	if seen := people[1].must(t, http.MethodGet, "/api/v1/objectives", "", ""); strings.Contains(seen, "Only ours") {
		t.Errorf("the second organization sees %s", seen)
	}
}

func TestALoggedOutSessionIsOver(t *testing.T) {
	system := start(t)
	p := signIn(t, system, "emma@acme.test", acme)
	p.must(t, http.MethodDelete, "/api/v1/session", "", "")
	if got := p.call(t, http.MethodGet, "/api/v1/objectives", ""); got.status != http.StatusUnauthorized || got.reason != "TOKEN_MISSING" {
		t.Errorf("after the logout: %d %s", got.status, got.body)
	}
}

func TestBadBodiesGetAReasonAndLoseNothing(t *testing.T) {
	system := start(t)
	p := signIn(t, system, "ada@acme.test", acme)
	objective := p.must(t, http.MethodPost, "/api/v1/objectives", `{"title":"Grow"}`, "id")
	keyResult := p.must(t, http.MethodPost, "/api/v1/objectives/"+objective+"/keyResults", `{"title":"By ten"}`, "id")
	attainment := "/api/v1/keyResults/" + keyResult + ":setAttainment"
	huge := string(bytes.Repeat([]byte("x"), 2<<20))
	for _, bad := range []struct {
		path, body string
		status     int
	}{
		{attainment, `{"attainment":1000}`, 400},
		{attainment, `{"attainment":-5}`, 400},
		{attainment, `{"attainment":"abc"}`, 400},
		{attainment, `{"attainment":50.5}`, 400},
		{attainment, `{"attainment":true}`, 400},
		{attainment, `{"attainment":null}`, 400},
		{attainment, `{}`, 400},
		{attainment, `nope`, 400},
		{attainment, `[]`, 400},
		{"/api/v1/objectives", `{"title":""}`, 400},
		{"/api/v1/objectives", `{}`, 400},
		{"/api/v1/objectives", `{"title":"x","organizationId":"other"}`, 400},
		{"/api/v1/objectives", `{"title":"` + huge + `"}`, 413},
		{"/api/v1/keyResults/kr_0000000000000:setAttainment", `{"attainment":1}`, 404},
	} {
		if got := p.call(t, http.MethodPost, bad.path, bad.body); got.status != bad.status || got.reason == "" {
			t.Errorf("POST %s %.40s: %d %s, want %d with a reason", bad.path, bad.body, got.status, got.body, bad.status)
		}
	}
	got := p.must(t, http.MethodGet, "/api/v1/objectives", "", "")
	if strings.Count(got, `"okr_`) != 2 || !strings.Contains(got, `"attainment":0`) { // once as its id, once in its key result
		t.Errorf("afterwards there is %s", got)
	}
}
