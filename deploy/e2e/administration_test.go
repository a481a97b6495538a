package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// An administrator's day over REST, in an organization of her own.
func TestACEOAdministersMembersOverREST(t *testing.T) {
	t.Parallel()
	ceo, domain := running.found(t)
	manager := ceo.hire(t, "manager@"+domain, "manager")
	employee := ceo.hire(t, "employee@"+domain)

	// The manager invites; the link in the letter leads through our own door into the organization.
	invited := manager.must(t, http.MethodPost, "/api/v1/members:invite", `{"emailAddress":"nora@`+domain+`","displayName":"Nora North"}`)
	if invited.text("status") != "MEMBER_STATUS_INVITED" {
		t.Errorf("invited %v", invited)
	}
	nora := running.newPerson(t)
	link := running.provider.link(t, "nora@"+domain)
	if !strings.HasPrefix(link, running.PublicURL+"/authenticate?") {
		t.Errorf("the letter leads to %s", link)
	}
	enter(t, nora, link)
	if session := nora.must(t, http.MethodGet, "/api/v1/session", ""); session.text("principal", "memberId") != invited.text("memberId") ||
		session.text("principal", "organizationId") != ceo.organization {
		t.Errorf("Nora is %v", session)
	}

	// She gets a role and loses it again, and her session says so with her next request.
	path := "/api/v1/members/" + invited.text("memberId")
	roles := func() string {
		principal, _ := nora.must(t, http.MethodGet, "/api/v1/session", "")["principal"].(map[string]any)
		return fmt.Sprint(principal["roles"])
	}
	promoted := ceo.must(t, http.MethodPatch, path, `{"roles":["manager"]}`)
	if got := roles(); got != "[manager stytch_member]" {
		t.Errorf("promoted, she has %s", got)
	}
	if got := ceo.call(t, http.MethodPatch, path+"?updateMask=roles", `{}`, "If-Match", `"another-etag"`); got.status != http.StatusPreconditionFailed {
		t.Errorf("with another etag: %d %s", got.status, got.body)
	}
	demoted := ceo.call(t, http.MethodPatch, path+"?updateMask=roles", `{}`, "If-Match", `"`+promoted.text("etag")+`"`)
	if demoted.status != http.StatusOK {
		t.Errorf("taking the role: %d %s", demoted.status, demoted.body)
	}
	if got := roles(); got != "[stytch_member]" {
		t.Errorf("demoted, she has %s", got)
	}
	objective := ceo.objective(t, "Grow")
	if got := nora.call(t, http.MethodPost, "/api/v1/objectives/"+objective+"/keyResults", `{"title":"By ten"}`); got.reason != "ROLE_MISSING" {
		t.Errorf("demoted, she creates a key result: %d %s", got.status, got.body)
	}

	// She is removed, with her agent; she comes back, and has to sign in anew.
	nora.organization, nora.member = ceo.organization, invited.text("memberId")
	agent := running.asAgent(nora.letIn(t, "Nora's agent", "read:okrs").AccessToken)
	agent.must(t, http.MethodGet, "/api/v1/objectives", "")
	ceo.must(t, http.MethodPost, path+":deactivate", `{}`)
	for who, p := range map[string]*person{"Nora": nora, "her agent": agent} {
		if got := p.call(t, http.MethodGet, "/api/v1/organization", ""); got.status != http.StatusUnauthorized {
			t.Errorf("removed, %s gets %d %s", who, got.status, got.body)
		}
		// What okr-store was told before is good for as long as a transaction token is.
		eventually(t, who+" is out", func() bool {
			return p.call(t, http.MethodGet, "/api/v1/objectives", "").status == http.StatusUnauthorized
		})
	}
	if got := ceo.call(t, http.MethodPost, path+":deactivate", `{}`); got.status != http.StatusBadRequest || got.reason != "MEMBER_DEACTIVATED" {
		t.Errorf("removing again: %d %s", got.status, got.body)
	}
	manager.must(t, http.MethodPost, path+":reactivate", `{}`)
	if got := nora.call(t, http.MethodGet, "/api/v1/objectives", ""); got.status != http.StatusUnauthorized {
		t.Errorf("back, with the session of before: %d %s", got.status, got.body)
	}
	running.signIn(t, "nora@"+domain, ceo.organization).must(t, http.MethodGet, "/api/v1/objectives", "")

	// What goes wrong says why.
	for _, test := range []struct {
		name               string
		who                *person
		method, path, body string
		status             int
		reason             string
	}{
		{"the CEO demotes herself", ceo, "PATCH", "/api/v1/members/" + ceo.member, `{"roles":["manager"]}`, 400, "OWN_ACCOUNT"},
		{"the CEO removes herself", ceo, "POST", "/api/v1/members/" + ceo.member + ":deactivate", `{}`, 400, "OWN_ACCOUNT"},
		{"the manager invites an administrator", manager, "POST", "/api/v1/members:invite", `{"emailAddress":"x@` + domain + `","roles":["stytch_admin"]}`, 403, "STYTCH_DENIED"},
		{"the manager promotes herself", manager, "PATCH", "/api/v1/members/" + manager.member, `{"roles":["stytch_admin"]}`, 403, "STYTCH_DENIED"},
		{"the employee searches", employee, "GET", "/api/v1/members:search", "", 403, "STYTCH_DENIED"},
		{"the same person is invited twice", ceo, "POST", "/api/v1/members:invite", `{"emailAddress":"employee@` + domain + `"}`, 409, "MEMBER_EXISTS"},
		{"an address that is none", ceo, "POST", "/api/v1/members:invite", `{"emailAddress":"employee"}`, 400, "FIELD_INVALID"},
		{"a field that there is not", ceo, "PATCH", path, `{"shoeSize":42}`, 400, "REQUEST_MALFORMED"},
		{"a search by two characters", ceo, "GET", "/api/v1/members:search?emailContains=no", "", 400, "FIELD_INVALID"},
		{"a status that there is not", ceo, "GET", "/api/v1/members:search?statuses=ASLEEP", "", 400, "REQUEST_MALFORMED"},
	} {
		if got := test.who.call(t, test.method, test.path, test.body); got.status != test.status || got.reason != test.reason {
			t.Errorf("%s: %d %s", test.name, got.status, got.body)
		}
	}
	found := manager.must(t, http.MethodGet, "/api/v1/members:search?emailContains=nora&statuses=MEMBER_STATUS_ACTIVE&statuses=MEMBER_STATUS_INVITED", "")
	if members := found.list("members"); len(members) != 1 || members[0].text("emailAddress") != "nora@"+domain {
		t.Errorf("found %v", found)
	}
	named := employee.must(t, http.MethodPatch, "/api/v1/members/"+employee.member, `{"displayName":"Emil"}`)
	if named.text("displayName") != "Emil" {
		t.Errorf("the employee's own name is %v", named)
	}
}

// enter opens an invitation, and agrees on the page that asks first whether the sign-in that was not started in this
// browser is meant.
func enter(t *testing.T, p *person, link string) {
	t.Helper()
	page := p.call(t, http.MethodGet, strings.TrimPrefix(link, running.PublicURL), "")
	field := regexp.MustCompile(`name="link" value="([\w-]+)"`).FindStringSubmatch(page.body)
	if page.status != http.StatusOK || field == nil {
		t.Fatalf("the invitation opens %d %s", page.status, page.body)
	}
	form := url.Values{"link": {field[1]}}.Encode()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, running.PublicURL+"/authenticate", strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := p.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("agreeing leads to %s with %d", resp.Request.URL, resp.StatusCode)
	}
}

func TestACEOSetsUpSignInOverREST(t *testing.T) {
	t.Parallel()
	ceo, domain := running.found(t)
	employee := ceo.hire(t, "employee@"+domain)
	slug := ceo.must(t, http.MethodGet, "/api/v1/organization", "").text("slug")

	renamed := ceo.must(t, http.MethodPatch, "/api/v1/organization", `{"displayName":"Renamed"}`)
	if got := employee.must(t, http.MethodGet, "/api/v1/organization", ""); got.text("displayName") != "Renamed" || got.text("etag") != renamed.text("etag") {
		t.Errorf("an employee sees %v", got)
	}
	if got := employee.must(t, http.MethodGet, "/api/v1/session", ""); got.text("organizationName") != "Renamed" {
		t.Errorf("the session says %v", got)
	}

	const settings = "/api/v1/organization/signInSettings"
	ceo.must(t, http.MethodPatch, settings, `{"emailAllowedDomains":["`+domain+`"],"emailJitProvisioning":"ADMISSION_RESTRICTED"}`)
	newcomer := running.signIn(t, "newcomer@"+domain, ceo.organization)
	if newcomer.organization != ceo.organization {
		t.Errorf("the newcomer is in %s", newcomer.organization)
	}
	emptied := ceo.must(t, http.MethodPatch, settings+"?updateMask=emailAllowedDomains,emailJitProvisioning", `{"emailJitProvisioning":"ADMISSION_NOT_ALLOWED"}`)
	if domains, _ := emptied["emailAllowedDomains"].([]any); len(domains) != 0 || emptied.text("emailJitProvisioning") != "ADMISSION_NOT_ALLOWED" {
		t.Errorf("after emptying: %v", emptied)
	}
	late := running.newPerson(t)
	late.prove(t, "late@"+domain)
	if got := late.call(t, http.MethodPost, "/api/v1/session:joinOrganization", `{"organizationId":"`+ceo.organization+`"}`); got.status != http.StatusNotFound {
		t.Errorf("a newcomer who is late: %d %s", got.status, got.body)
	}
	for name, test := range map[string]struct{ body, reason string }{
		"a domain where anybody gets an address": {`{"emailAllowedDomains":["gmail.com"]}`, "EMAIL_DOMAIN_REFUSED"},
		"nothing but passwords":                  {`{"authMethods":"ADMISSION_RESTRICTED","allowedAuthMethods":["password"]}`, "NO_WAY_TO_SIGN_IN"},
		"single sign-on that there is not":       {`{"authMethods":"ADMISSION_RESTRICTED","allowedAuthMethods":["sso"]}`, "NO_WAY_TO_SIGN_IN"},
	} {
		if got := ceo.call(t, http.MethodPatch, settings, test.body); got.status != http.StatusBadRequest || got.reason != test.reason {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}

	created := ceo.call(t, http.MethodPost, "/api/v1/ssoConnections", `{"kind":"SSO_CONNECTION_KIND_OIDC","displayName":"Company login"}`)
	conn := parse(t, created.body)
	if created.status != http.StatusCreated || created.header.Get("Location") != "/api/v1/ssoConnections/"+conn.text("id") {
		t.Fatalf("creating a connection: %d, at %q: %s", created.status, created.header.Get("Location"), created.body)
	}
	path := "/api/v1/ssoConnections/" + conn.text("id")
	active := ceo.must(t, http.MethodPatch, path, `{"oidc":{"issuer":"https://login.example","clientId":"okr","clientSecret":"very-secret"}}`)
	if active.text("status") != "SSO_CONNECTION_STATUS_ACTIVE" || active.text("oidc", "clientSecret") != "" {
		t.Errorf("configured: %v", active)
	}
	if got := ceo.call(t, http.MethodGet, path, ""); strings.Contains(got.body, "very-secret") {
		t.Errorf("the secret came back: %s", got.body)
	}
	employee.must(t, http.MethodDelete, "/api/v1/session", "")
	bySSO := running.signInBySSO(t, "employee@"+domain, slug)
	if got := bySSO.must(t, http.MethodGet, "/api/v1/session", ""); got.text("principal", "memberId") != employee.member {
		t.Errorf("by single sign-on: %v", got)
	}
	ceo.must(t, http.MethodPatch, settings, `{"authMethods":"ADMISSION_RESTRICTED","allowedAuthMethods":["sso"]}`)
	if got := ceo.call(t, http.MethodDelete, path, ""); got.status != http.StatusBadRequest || got.reason != "NO_WAY_TO_SIGN_IN" {
		t.Errorf("deleting the only door: %d %s", got.status, got.body)
	}
	ceo.must(t, http.MethodPatch, settings+"?updateMask=authMethods,allowedAuthMethods", `{"authMethods":"ADMISSION_ALL_ALLOWED"}`)
	ceo.must(t, http.MethodDelete, path, "")
}
