package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The application that this one replaces had defects that were measured. Each has a test here, over REST, or where it is
// said so in another file: revoked sessions (power_test.go), an outage of Stytch (outage_test.go), what scopes hide
// (embedded_test.go).
func TestTheKnownDefectsAreNotHere(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T){
		"the first write of a new organization shows nowhere else":                 firstWrite,
		"a huge first write breaks nobody":                                         hugeWrite,
		"200 concurrent additions leave 200, with 200 ids":                         concurrentAdditions,
		"values that make no sense are refused and lose nothing":                   senselessValues,
		"a missing permission is 403 and not 401":                                  missingPermission,
		"what does not exist is 404, to delete it too":                             unknownIDs,
		"answers say what was made and where it is, and not everything there is":   answersOfWrites,
		"reading writes nothing":                                                   readingWritesNothing,
		"a session JWT is no bearer token":                                         sessionAsBearer,
		"other sites can neither write nor read":                                   otherSites,
		"lists come in pages":                                                      pages,
		"unknown addresses are 404 in JSON, and wrong methods say which are right": unknownAddresses,
		"pages come with the headers that protect browsers":                        protection,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

func firstWrite(t *testing.T) {
	first, _ := running.found(t)
	second, _ := running.found(t)
	first.objective(t, "Only ours")
	third, _ := running.found(t)
	for _, p := range []*person{second, third} {
		if seen := p.must(t, http.MethodGet, "/api/v1/objectives", "").list("objectives"); len(seen) != 0 {
			t.Errorf("another organization sees %v", seen)
		}
	}
}

func hugeWrite(t *testing.T) {
	p, _ := running.found(t)
	if got := p.call(t, http.MethodPost, "/api/v1/objectives", `{"title":"`+strings.Repeat("x", 2<<20)+`"}`); got.status != http.StatusRequestEntityTooLarge || got.reason != "BODY_TOO_LARGE" {
		t.Errorf("2 MB: %d %.200s", got.status, got.body)
	}
	newcomer, _ := running.found(t)
	for _, p := range []*person{p, newcomer} {
		if seen := p.must(t, http.MethodGet, "/api/v1/objectives", "").list("objectives"); len(seen) != 0 {
			t.Errorf("there is %v", seen)
		}
	}
}

func concurrentAdditions(t *testing.T) {
	const additions = 200
	p, _ := running.found(t)
	objective := p.objective(t, "Grow")
	made := make([]string, 2*additions)
	var work sync.WaitGroup
	for i := range additions {
		work.Go(func() {
			got := p.call(t, http.MethodPost, "/api/v1/objectives/"+objective+"/keyResults", fmt.Sprintf(`{"title":"Key result %d"}`, i))
			made[i] = ids.FindString(got.header.Get("Location"))
		})
		work.Go(func() {
			got := p.call(t, http.MethodPost, "/api/v1/objectives", fmt.Sprintf(`{"title":"Objective %d"}`, i))
			made[additions+i] = ids.FindString(got.header.Get("Location"))
		})
	}
	work.Wait()
	slices.Sort(made)
	if made[0] == "" || len(slices.Compact(slices.Clone(made))) != 2*additions {
		t.Errorf("the ids are %v", made)
	}
	if kept := p.must(t, http.MethodGet, "/api/v1/objectives/"+objective, "").list("keyResults"); len(kept) != additions {
		t.Errorf("%d key results are left", len(kept))
	}
	objectives := map[string]bool{objective: true}
	for _, o := range wholeList(t, p, "objectives") {
		objectives[o.text("id")] = true
	}
	if len(objectives) != additions+1 {
		t.Errorf("%d objectives are left", len(objectives))
	}
}

// wholeList reads a whole list in pages of 200.
func wholeList(t *testing.T, p *person, name string) []fields {
	t.Helper()
	var all []fields
	for token := ""; ; {
		page := p.must(t, http.MethodGet, "/api/v1/"+name+"?pageSize=200&pageToken="+token, "")
		all = append(all, page.list(name)...)
		if token = page.text("nextPageToken"); token == "" {
			return all
		}
	}
}

func senselessValues(t *testing.T) {
	p, _ := running.found(t)
	objective := p.objective(t, "Grow")
	keyResult := p.keyResult(t, objective, "By ten")
	megabyte := strings.Repeat("x", 1<<20)
	objectives, keyResults := "/api/v1/objectives", "/api/v1/objectives/"+objective+"/keyResults"
	attainment := "/api/v1/keyResults/" + keyResult + ":setAttainment"
	p.must(t, http.MethodPost, attainment, `{"attainment":35}`)
	before := p.must(t, http.MethodGet, "/api/v1/objectives", "").text("cursor")
	for _, bad := range []struct {
		path, body string
		status     int
		reason     string
	}{
		{attainment, `{"attainment":1000}`, 400, "FIELD_INVALID"},
		{attainment, `{"attainment":-5}`, 400, "FIELD_INVALID"},
		{attainment, `{"attainment":101}`, 400, "FIELD_INVALID"},
		{attainment, `{"attainment":"abc"}`, 400, "REQUEST_MALFORMED"},
		{attainment, `{"attainment":50.5}`, 400, "REQUEST_MALFORMED"},
		{attainment, `{"attainment":1e308}`, 400, "REQUEST_MALFORMED"},
		{attainment, `{"attainment":true}`, 400, "REQUEST_MALFORMED"},
		{attainment, `{"attainment":[1]}`, 400, "REQUEST_MALFORMED"},
		{attainment, `{"attainment":{"a":1}}`, 400, "REQUEST_MALFORMED"},
		{attainment, `{"attainment":null}`, 400, "FIELD_INVALID"},
		{attainment, `{}`, 400, "FIELD_INVALID"},
		{attainment, `{"attainment":1,"attainment":2}`, 400, "REQUEST_MALFORMED"},
		{attainment, `{"attainment":1} {}`, 400, "REQUEST_MALFORMED"},
		{attainment, ``, 400, "FIELD_INVALID"},
		{objectives, `nope`, 400, "REQUEST_MALFORMED"},
		{objectives, `{"title":`, 400, "REQUEST_MALFORMED"},
		{objectives, `null`, 400, "REQUEST_MALFORMED"},
		{objectives, `[]`, 400, "REQUEST_MALFORMED"},
		{objectives, `{}`, 400, "FIELD_INVALID"},
		{objectives, `{"title":""}`, 400, "FIELD_INVALID"},
		{objectives, `{"title":" \t"}`, 400, "FIELD_INVALID"},
		{objectives, `{"title":{"a":1}}`, 400, "REQUEST_MALFORMED"},
		{objectives, `{"title":"a\u0000b"}`, 400, "FIELD_INVALID"},
		{objectives, `{"title":"a\u202eb"}`, 400, "FIELD_INVALID"},
		{objectives, `{"title":"` + strings.Repeat("x", 501) + `"}`, 400, "FIELD_INVALID"},
		{objectives, `{"title":"x","organizationId":"other"}`, 400, "REQUEST_MALFORMED"},
		{objectives, `{"title":"` + megabyte + `"}`, 413, "BODY_TOO_LARGE"},
		{keyResults, `{}`, 400, "FIELD_INVALID"},
		{keyResults, `{"title":"` + strings.Repeat("x", 501) + `"}`, 400, "FIELD_INVALID"},
		{keyResults, `{"title":"` + megabyte + `"}`, 413, "BODY_TOO_LARGE"},
	} {
		if got := p.call(t, http.MethodPost, bad.path, bad.body); got.status != bad.status || got.reason != bad.reason {
			t.Errorf("POST %s %.60s: %d %.300s, want %d %s", bad.path, bad.body, got.status, got.body, bad.status, bad.reason)
		}
	}
	after := p.must(t, http.MethodGet, "/api/v1/objectives", "")
	if after.text("cursor") != before || len(after.list("objectives")) != 1 {
		t.Errorf("afterwards there is %v", after)
	}
	if kept := p.must(t, http.MethodGet, "/api/v1/keyResults/"+keyResult, ""); kept["attainment"] != 35.0 {
		t.Errorf("the key result is now %v", kept)
	}
}

func missingPermission(t *testing.T) {
	ceo, domain := running.found(t)
	employee := ceo.hire(t, "employee@"+domain)
	got := employee.call(t, http.MethodPost, "/api/v1/objectives", `{"title":"Grow"}`)
	if got.status != http.StatusForbidden || got.reason != "ROLE_MISSING" || got.header.Get("WWW-Authenticate") != "" {
		t.Errorf("%d %v %s", got.status, got.header, got.body)
	}
	got = running.asAgent(ceo.letIn(t, "Reader", "read:okrs").AccessToken).call(t, http.MethodPost, "/api/v1/objectives", `{"title":"Grow"}`)
	if challenge := got.header.Get("WWW-Authenticate"); got.status != http.StatusForbidden || !strings.Contains(challenge, `error="insufficient_scope"`) {
		t.Errorf("%d %s %s", got.status, challenge, got.body)
	}
	got = running.newPerson(t).call(t, http.MethodGet, "/api/v1/objectives", "")
	if challenge := got.header.Get("WWW-Authenticate"); got.status != http.StatusUnauthorized || !strings.HasPrefix(challenge, "Bearer") || strings.Contains(challenge, "error") {
		t.Errorf("nobody: %d %s %s", got.status, challenge, got.body)
	}
}

func unknownIDs(t *testing.T) {
	p, _ := running.found(t)
	gone := p.objective(t, "Gone")
	p.must(t, http.MethodDelete, "/api/v1/objectives/"+gone, "")
	for _, call := range []struct{ method, path, body, reason string }{
		{http.MethodGet, "/api/v1/objectives/okr_0000000000000", "", noObjective},
		{http.MethodPatch, "/api/v1/objectives/okr_0000000000000", `{"title":"x"}`, noObjective},
		{http.MethodDelete, "/api/v1/objectives/okr_0000000000000", "", noObjective},
		{http.MethodDelete, "/api/v1/objectives/" + gone, "", noObjective},
		{http.MethodGet, "/api/v1/objectives/%00", "", noObjective},
		{http.MethodGet, "/api/v1/objectives/nonsense", "", noObjective},
		{http.MethodPost, "/api/v1/objectives/okr_0000000000000/keyResults", `{"title":"x"}`, noObjective},
		{http.MethodGet, "/api/v1/objectives/okr_0000000000000/keyResults", "", noObjective},
		{http.MethodGet, "/api/v1/keyResults/kr_0000000000000", "", noKeyResult},
		{http.MethodPatch, "/api/v1/keyResults/kr_0000000000000", `{"title":"x"}`, noKeyResult},
		{http.MethodPost, "/api/v1/keyResults/kr_0000000000000:setAttainment", `{"attainment":1}`, noKeyResult},
		{http.MethodDelete, "/api/v1/keyResults/kr_0000000000000", "", noKeyResult},
	} {
		if got := p.call(t, call.method, call.path, call.body); got.status != http.StatusNotFound || got.reason != call.reason {
			t.Errorf("%s %s: %d %s", call.method, call.path, got.status, got.body)
		}
	}
}

func answersOfWrites(t *testing.T) {
	p, _ := running.found(t)
	p.objective(t, "Not asked for")
	made := p.call(t, http.MethodPost, "/api/v1/objectives", `{"title":"Grow"}`)
	location := made.header.Get("Location")
	if made.status != http.StatusCreated || location == "" || made.header.Get("Content-Type") != "application/json" || strings.Contains(made.body, "Not asked for") {
		t.Errorf("%d %v %s", made.status, made.header, made.body)
	}
	if got := p.call(t, http.MethodGet, location, ""); got.body != made.body {
		t.Errorf("at %s there is %s, and made was %s", location, got.body, made.body)
	}
	if got := p.call(t, http.MethodDelete, location, ""); got.status != http.StatusNoContent || got.body != "" {
		t.Errorf("the deletion is answered with %d %s", got.status, got.body)
	}
}

func readingWritesNothing(t *testing.T) {
	p, _ := running.found(t)
	for _, path := range []string{"/api/v1/objectives", "/api/v1/keyResults", "/api/v1/session", "/api/v1/changes", "/api/v1/objectives"} {
		p.must(t, http.MethodGet, path, "")
	}
	if got := p.must(t, http.MethodGet, "/api/v1/changes", "").list("changes"); len(got) != 0 {
		t.Errorf("reading has made %v", got)
	}
	if got := p.must(t, http.MethodGet, "/api/v1/objectives", "").list("objectives"); len(got) != 0 {
		t.Errorf("a new organization has %v", got)
	}
}

func sessionAsBearer(t *testing.T) {
	p, _ := running.found(t)
	program := running.asAgent(p.cookie(t, cookieSessionJWT))
	got := program.call(t, http.MethodGet, "/api/v1/objectives", "")
	if got.status != http.StatusUnauthorized || got.reason != "TOKEN_INVALID" || strings.Contains(got.body, "Error:") {
		t.Errorf("%d %s", got.status, got.body)
	}
	program.call(t, http.MethodDelete, "/api/v1/session", "") // is nothing that a bearer token does
	p.must(t, http.MethodGet, "/api/v1/objectives", "")
}

func otherSites(t *testing.T) {
	p, _ := running.found(t)
	for name, headers := range map[string][]string{
		"a page of another site":      {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
		"an old browser's":            {"Origin", "https://evil.example"},
		"a page of another port here": {"Sec-Fetch-Site", "same-site", "Origin", "http://localhost:1"},
	} {
		got := p.call(t, http.MethodPost, "/api/v1/objectives", `{"title":"Planted"}`, headers...)
		if got.status != http.StatusForbidden || got.reason != "CROSS_ORIGIN" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		got = p.call(t, http.MethodGet, "/api/v1/objectives", "", headers...)
		if allowed := got.header.Get("Access-Control-Allow-Origin"); allowed != "" {
			t.Errorf("%s may read: %s", name, allowed)
		}
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		got := p.call(t, http.MethodPost, "/api/v1/objectives", `{"title":"Planted"}`, "Content-Type", kind)
		if got.status != http.StatusUnsupportedMediaType || got.reason != "CONTENT_TYPE_UNSUPPORTED" {
			t.Errorf("%s: %d %s", kind, got.status, got.body)
		}
	}
	if seen := p.must(t, http.MethodGet, "/api/v1/objectives", "").list("objectives"); len(seen) != 0 {
		t.Errorf("there is %v", seen)
	}
}

func pages(t *testing.T) {
	p, _ := running.found(t)
	const objectives, keyResults = 7, 3
	for i := range objectives {
		objective := p.objective(t, fmt.Sprint("Objective ", i))
		for j := range keyResults {
			p.keyResult(t, objective, fmt.Sprint("Key result ", j))
		}
	}
	for name, want := range map[string]int{"objectives": objectives, "keyResults": objectives * keyResults, "changes": objectives * (1 + keyResults)} {
		var listed []string
		count := 0
		for token := ""; ; {
			page := p.must(t, http.MethodGet, "/api/v1/"+name+"?pageSize=2&pageToken="+token, "")
			if len(page.list(name)) > 2 {
				t.Errorf("a page of %s has %d", name, len(page.list(name)))
			}
			for _, one := range page.list(name) {
				listed = append(listed, one.text("id")+one.text("seq"))
			}
			if token = page.text("nextPageToken"); token == "" || count > 2*want {
				break
			}
			count++
		}
		slices.Sort(listed)
		if len(listed) != want || len(slices.Compact(listed)) != want {
			t.Errorf("the pages of %s hold %d, want %d", name, len(listed), want)
		}
	}
}

func unknownAddresses(t *testing.T) {
	p, _ := running.found(t)
	for _, path := range []string{"/api/nope", "/api/v1/nope", "/api/v1/objectives/", "/api", "/.well-known/nope", "/api/v1/../v1/objectives"} {
		got := p.call(t, http.MethodGet, path, "")
		if got.status != http.StatusNotFound || got.reason != "ROUTE_NOT_FOUND" || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("GET %s: %d %s %.200s", path, got.status, got.header.Get("Content-Type"), got.body)
		}
	}
	got := p.call(t, http.MethodPut, "/api/v1/objectives", `{}`)
	if got.status != http.StatusMethodNotAllowed || got.reason != "METHOD_NOT_ALLOWED" || got.header.Get("Allow") != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("PUT: %d %s %s", got.status, got.header.Get("Allow"), got.body)
	}
	if got := p.call(t, http.MethodGet, "/no/such/page", ""); got.status != http.StatusNotFound || !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
		t.Errorf("a page that is not there: %d %s", got.status, got.header.Get("Content-Type"))
	}
}

func protection(t *testing.T) {
	p := running.newPerson(t)
	page := p.call(t, http.MethodGet, "/", "")
	policy := page.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy of pages is %q", policy)
	}
	for _, got := range []answer{page, p.call(t, http.MethodGet, "/api/v1/objectives", "")} {
		if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Referrer-Policy") == "" {
			t.Errorf("the headers are %v", got.header)
		}
	}
	assets := regexp.MustCompile(`(?:src|href)="(/[^"]+\.(?:js|css))"`).FindAllStringSubmatch(page.body, -1)
	if len(assets) == 0 {
		t.Fatalf("the page has neither scripts nor styles: %s", page.body)
	}
	for _, asset := range assets {
		if got := p.call(t, http.MethodGet, asset[1], ""); got.status != http.StatusOK || !strings.Contains(got.header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", asset[1], got.status, got.header)
		}
	}
}
