package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/metadata"
)

// Cookies of the REST edge on localhost.
const (
	cookieSession      = "okr_session"
	cookieSessionJWT   = "okr_session_jwt"
	cookieIntermediate = "okr_signin"
)

// person is somebody with a browser. Once signed in, it stands for a member.
type person struct {
	system *system
	http   *http.Client
	// organization and member are where the person is signed in, as what.
	organization, member string
}

// answer is what a person or program gets over REST.
type answer struct {
	status int
	header http.Header
	body   string
	reason string
}

// newPerson is somebody who has not signed in. Redirects are followed, with cookies.
func (s *system) newPerson(t *testing.T) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{system: s, http: &http.Client{Jar: jar}}
}

// call makes a request of the REST API. Headers are names and values by turns.
func (p *person) call(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.system.PublicURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for header := range slices.Chunk(headers, 2) {
		req.Header.Set(header[0], header[1])
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
	return answer{resp.StatusCode, resp.Header, string(text), reasonIn(text)}
}

// reasonIn is the reason of an error of the REST API; "" for what is none.
func reasonIn(body []byte) string {
	var failure struct {
		Error struct {
			Reason string `json:"reason"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &failure)
	return failure.Error.Reason
}

// must makes a request that has to succeed.
func (p *person) must(t *testing.T, method, path, body string) fields {
	t.Helper()
	got := p.call(t, method, path, body)
	if got.status/100 != 2 {
		t.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
	}
	return parse(t, got.body)
}

// fields are those of a JSON object.
type fields map[string]any

func parse(t *testing.T, body string) fields {
	t.Helper()
	f := fields{}
	if body == "" {
		return f
	}
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return f
}

// text is a field under a path of names; "" if there is none.
func (f fields) text(names ...string) string {
	var value any = map[string]any(f)
	for _, name := range names {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	s, _ := value.(string)
	return s
}

// list is a field that is a list of objects.
func (f fields) list(name string) []fields {
	var objects []fields
	values, _ := f[name].([]any)
	for _, value := range values {
		object, _ := value.(map[string]any)
		objects = append(objects, object)
	}
	return objects
}

// objective creates an objective and answers its id.
func (p *person) objective(t *testing.T, title string) string {
	t.Helper()
	return p.must(t, http.MethodPost, "/api/v1/objectives", `{"title":"`+title+`"}`).text("id")
}

// keyResult creates a key result and answers its id.
func (p *person) keyResult(t *testing.T, objective, title string) string {
	t.Helper()
	return p.must(t, http.MethodPost, "/api/v1/objectives/"+objective+"/keyResults", `{"title":"`+title+`"}`).text("id")
}

// prove proves an e-mail address by the code that is sent to it.
func (p *person) prove(t *testing.T, email string) {
	t.Helper()
	p.must(t, http.MethodPost, "/api/v1/session:sendEmailCode", `{"emailAddress":"`+email+`"}`)
	answer := p.must(t, http.MethodPost, "/api/v1/session:authenticateEmailCode",
		`{"emailAddress":"`+email+`","code":"`+p.system.provider.code(t, email)+`"}`)
	if step := answer.text("step"); step != "SIGN_IN_STEP_CHOOSE_ORGANIZATION" {
		t.Fatalf("after the code the step is %s", step)
	}
}

// join makes the last step of signing in.
func (p *person) join(t *testing.T, organization string) {
	t.Helper()
	p.signedIn(t, p.must(t, http.MethodPost, "/api/v1/session:joinOrganization", `{"organizationId":"`+organization+`"}`))
}

// signedIn takes note of where the person is.
func (p *person) signedIn(t *testing.T, signIn fields) {
	t.Helper()
	if step := signIn.text("step"); step != "SIGN_IN_STEP_DONE" {
		t.Fatalf("the sign-in is not done: %s", step)
	}
	p.organization = signIn.text("session", "principal", "organizationId")
	p.member = signIn.text("session", "principal", "memberId")
}

// signIn signs somebody in by e-mail.
func (s *system) signIn(t *testing.T, email, organization string) *person {
	t.Helper()
	p := s.newPerson(t)
	p.prove(t, email)
	p.join(t, organization)
	return p
}

// founded counts organizations, whose names and addresses must differ.
var founded atomic.Int64

// found signs in somebody who is new and creates an organization, of which that person is the CEO. The domain of the
// organization's addresses goes with it.
func (s *system) found(t *testing.T) (ceo *person, domain string) {
	t.Helper()
	name := fmt.Sprintf("Company %d", founded.Add(1))
	domain = strings.ReplaceAll(strings.ToLower(name), " ", "-") + ".test"
	ceo = s.newPerson(t)
	ceo.prove(t, "founder@"+domain)
	ceo.signedIn(t, ceo.must(t, http.MethodPost, "/api/v1/session:createOrganization", `{"displayName":"`+name+`"}`))
	return ceo, domain
}

// hire makes somebody a member of the organization of the person and signs them in.
func (p *person) hire(t *testing.T, email string, roles ...string) *person {
	t.Helper()
	p.system.provider.addMember(t, p.organization, email, roles...)
	return p.system.signIn(t, email, p.organization)
}

// cookie is the value of one of the person's cookies; "" if there is none.
func (p *person) cookie(t *testing.T, name string) string {
	t.Helper()
	at, err := url.Parse(p.system.PublicURL)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range p.http.Jar.Cookies(at) {
		if cookie.Name == name {
			return cookie.Value
		}
	}
	return ""
}

// overGRPC is a context for calls of the person over gRPC.
func (p *person) overGRPC(t *testing.T) context.Context {
	t.Helper()
	return bearing(t.Context(), p.cookie(t, cookieSessionJWT))
}

// letIn lets an agent in, for an hour.
func (p *person) letIn(t *testing.T, name string, scopes ...string) agent {
	t.Helper()
	return p.system.provider.letIn(t, p.member, name, 3600, scopes...)
}

// asAgent is a program that uses the REST API with an access token.
func (s *system) asAgent(token string) *person {
	return &person{system: s, http: &http.Client{Transport: bearerTransport{token}}}
}

// bearerTransport adds an access token to every request.
type bearerTransport struct{ token string }

// RoundTrip implements http.RoundTripper.
func (b bearerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+b.token)
	return http.DefaultTransport.RoundTrip(req)
}

// bearing is a context for gRPC calls with a token.
func bearing(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}
