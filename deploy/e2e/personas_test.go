package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// Organizations that the identity provider has from the beginning.
const (
	acme   = "organization-test-a0000000-0000-4000-8000-000000000001"
	globex = "organization-test-b0000000-0000-4000-8000-000000000002"
)

// browse opens an address of the edge as browsers do, follows where it leads, and answers the address of the page.
func (p *person) browse(t *testing.T, target string) (page *url.URL, status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := p.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.Request.URL, resp.StatusCode
}

// signInBy signs in through a page of another provider, by choosing a person there.
func (s *system) signInBy(t *testing.T, start, email string) *person {
	t.Helper()
	p := s.newPerson(t)
	chooser, status := p.browse(t, s.PublicURL+start)
	if status != http.StatusOK || !strings.HasPrefix(chooser.String(), s.DevidpURL) {
		t.Fatalf("%s leads to %s with %d", start, chooser, status)
	}
	landed, status := p.browse(t, choose(t, chooser.String(), email).String())
	if status != http.StatusOK || landed.Path != "/" {
		t.Fatalf("the sign-in ends at %s with %d", landed, status)
	}
	return p
}

func (s *system) signInByGoogle(t *testing.T, email, organization string) *person {
	t.Helper()
	p := s.signInBy(t, "/signin/google", email)
	p.join(t, organization)
	return p
}

func (s *system) signInBySSO(t *testing.T, email, slug string) *person {
	t.Helper()
	return s.signInBy(t, "/signin/sso?organization="+slug, email)
}

func TestEachPersonaMayDoWhatTheRoleAllowsAndLearnsWhyNotOtherwise(t *testing.T) {
	t.Parallel()
	ceo := running.signIn(t, "ada@acme.test", acme)
	for _, persona := range []struct {
		name   string
		signIn func(t *testing.T) *person
		// want are the statuses of what the persona tries below, in that order.
		want [8]int
	}{
		{
			"the CEO, by e-mail",
			func(t *testing.T) *person { return running.signIn(t, "ada@acme.test", acme) },
			[8]int{200, 201, 200, 201, 200, 200, 204, 204},
		},
		{
			"the manager, by Google",
			func(t *testing.T) *person { return running.signInByGoogle(t, "max@acme.test", acme) },
			[8]int{200, 403, 403, 201, 200, 200, 204, 403},
		},
		{
			"an employee, by the company's own provider",
			func(t *testing.T) *person { return running.signInBySSO(t, "emma@acme.test", "acme") },
			[8]int{200, 403, 403, 403, 200, 200, 403, 403},
		},
		{
			"the CEO of another company, by Google",
			func(t *testing.T) *person { return running.signInByGoogle(t, "gina@globex.test", globex) },
			[8]int{200, 201, 404, 404, 404, 404, 404, 404},
		},
	} {
		t.Run(persona.name, func(t *testing.T) {
			t.Parallel()
			p := persona.signIn(t)
			objective := ceo.objective(t, "Grow")
			keyResult := ceo.keyResult(t, objective, "By ten")
			results := "/api/v1/objectives/" + objective + "/keyResults"
			for i, call := range []struct{ method, path, body string }{
				{http.MethodGet, "/api/v1/objectives", ""},
				{http.MethodPost, "/api/v1/objectives", `{"title":"Another"}`},
				{http.MethodPatch, "/api/v1/objectives/" + objective, `{"title":"Grow faster"}`},
				{http.MethodPost, results, `{"title":"Another"}`},
				{http.MethodPatch, "/api/v1/keyResults/" + keyResult, `{"title":"By twenty"}`},
				{http.MethodPost, "/api/v1/keyResults/" + keyResult + ":setAttainment", `{"attainment":40}`},
				{http.MethodDelete, "/api/v1/keyResults/" + keyResult, ""},
				{http.MethodDelete, "/api/v1/objectives/" + objective, ""},
			} {
				got := p.call(t, call.method, call.path, call.body)
				if got.status != persona.want[i] {
					t.Errorf("%s %s: %d %s, want %d", call.method, call.path, got.status, got.body, persona.want[i])
				}
				if got.status == http.StatusForbidden && (got.reason != "ROLE_MISSING" || !strings.Contains(got.body, `"roles":"`)) {
					t.Errorf("%s %s is refused with %s", call.method, call.path, got.body)
				}
			}
			if strings.Contains(persona.name, "another company") {
				if seen := p.call(t, http.MethodGet, "/api/v1/objectives?pageSize=200", ""); strings.Contains(seen.body, objective) {
					t.Errorf("the other company sees %s", seen.body)
				}
			}
		})
	}
}

func TestSomebodyOfTwoOrganizationsIsInOneAtATime(t *testing.T) {
	t.Parallel()
	ceo, domain := running.found(t)
	other, _ := running.found(t)
	email := "both@" + domain
	running.provider.addMember(t, other.organization, email)
	p := ceo.hire(t, email, "manager")
	ours, theirs := ceo.objective(t, "Ours"), other.objective(t, "Theirs")

	sees := func(want, not string) {
		t.Helper()
		got := p.call(t, http.MethodGet, "/api/v1/objectives", "")
		if !strings.Contains(got.body, want) || strings.Contains(got.body, not) {
			t.Errorf("sees %s, want %s", got.body, want)
		}
	}
	sees(ours, theirs)
	listed := p.call(t, http.MethodGet, "/api/v1/session/organizations", "").body
	for _, organization := range []string{ceo.organization, other.organization} {
		if !strings.Contains(listed, organization) {
			t.Errorf("%s is not among %s", organization, listed)
		}
	}
	before := p.cookie(t, cookieSession)
	p.signedIn(t, p.must(t, http.MethodPost, "/api/v1/session:switchOrganization", `{"organizationId":"`+other.organization+`"}`))
	if p.organization != other.organization || p.cookie(t, cookieSession) == before {
		t.Errorf("after the switch it is still the session of %s", p.organization)
	}
	sees(theirs, ours)
	if got := p.call(t, http.MethodPost, "/api/v1/objectives/"+theirs+"/keyResults", `{"title":"As a manager"}`); got.reason != "ROLE_MISSING" {
		t.Errorf("the role of the one organization counts in the other: %d %s", got.status, got.body)
	}
	if got := p.call(t, http.MethodPost, "/api/v1/session:switchOrganization", `{"organizationId":"`+globex+`"}`); got.reason != "ORGANIZATION_NOT_FOUND" {
		t.Errorf("entering an organization of others: %d %s", got.status, got.body)
	}

	p.signedIn(t, p.must(t, http.MethodPost, "/api/v1/session:refresh", `{}`))
	sees(theirs, ours)
	old := sessionHeaders(t, p)["rest"]
	p.must(t, http.MethodDelete, "/api/v1/session", "")
	if got := p.call(t, http.MethodGet, "/api/v1/objectives", ""); got.status != http.StatusUnauthorized || got.reason != "TOKEN_MISSING" {
		t.Errorf("after the logout: %d %s", got.status, got.body)
	}
	copied := running.newPerson(t)
	eventually(t, "a copy of the cookies is worth nothing", func() bool {
		return copied.call(t, http.MethodGet, "/api/v1/objectives", "", "Cookie", old.Get("Cookie")).reason == "TOKEN_INVALID"
	})
}

func TestAnswersToBrowsersHoldNoSecretsOfASession(t *testing.T) {
	t.Parallel()
	p := running.newPerson(t)
	p.prove(t, "gus@globex.test")
	got := p.call(t, http.MethodPost, "/api/v1/session:joinOrganization", `{"organizationId":"`+globex+`"}`)
	for _, name := range []string{cookieSession, cookieSessionJWT} {
		if value := p.cookie(t, name); value == "" || strings.Contains(got.body, value) {
			t.Errorf("%s is %q, and the body is %s", name, value, got.body)
		}
	}
	for _, line := range got.header.Values("Set-Cookie") {
		if !strings.Contains(line, "HttpOnly") || !strings.Contains(line, "SameSite=Lax") {
			t.Errorf("a script or another site can use %s", line)
		}
	}
}

// Who did something, and through which door, is established from credentials and never from what a caller says.
func TestTheLogSaysWhoDidItAndThroughWhichDoor(t *testing.T) {
	t.Parallel()
	ceo, _ := running.found(t)
	let := ceo.letIn(t, "Planner", "manage:objectives")
	ceo.objective(t, "By hand")
	running.asAgent(let.AccessToken).objective(t, "By an agent")
	claiming := metadata.AppendToOutgoingContext(ceo.overGRPC(t), "surface", "SURFACE_MCP", "x-forwarded-for", "10.0.0.1")
	if _, err := running.okr().CreateObjective(claiming, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "By hand over gRPC"}}); err != nil {
		t.Fatal(err)
	}
	log := ceo.must(t, http.MethodGet, "/api/v1/changes", "").list("changes")
	if len(log) != 3 {
		t.Fatalf("the log has %v", log)
	}
	for i, want := range []struct{ surface, client, name string }{
		{"SURFACE_REST", "", ""}, {"SURFACE_REST", let.ClientID, "Planner"}, {"SURFACE_GRPC", "", ""},
	} {
		c := log[i]
		if c.text("via", "surface") != want.surface || c.text("via", "clientId") != want.client || c.text("via", "clientName") != want.name ||
			c.text("actor", "memberId") != ceo.member || c.text("correlationId") == "" {
			t.Errorf("change %d says %v, want %v", i+1, c, want)
		}
	}
	// An edge is known by its key, which cannot be made up.
	forged := metadata.AppendToOutgoingContext(t.Context(), "edge-key", "0123456789abcdef0123456789abcdef")
	_, err := running.authenticator().Authenticate(forged, &authzv1.AuthenticateRequest{
		Credential: &authzv1.AuthenticateRequest_AccessToken{AccessToken: let.AccessToken},
	})
	if rpcerr.InfoOf(err).GetReason() != "TOKEN_INVALID" {
		t.Errorf("a forged edge key gets %v", err)
	}
}
