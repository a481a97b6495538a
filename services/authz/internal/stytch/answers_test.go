package stytch_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
)

const (
	authenticatePath  = "/v1/b2b/sessions/authenticate"
	revokePath        = "/v1/b2b/sessions/revoke"
	memberPath        = "/v1/b2b/organizations/" + organization + "/member"
	connectedAppsPath = "/v1/b2b/organizations/" + organization + "/members/" + member + "/connected_apps"
	policyPath        = "/v1/b2b/rbac/policy"
	searchPath        = "/v1/b2b/organizations/members/search"

	goodMember       = `{"organization_id":"` + organization + `","member_id":"` + member + `","status":"active","name":"Ada","email_address":"ada@one.test","roles":[{"role_id":"manager","sources":[]}]}`
	goodOrganization = `{"organization_id":"` + organization + `","organization_name":"One","organization_slug":"one"}`
	goodSession      = `{"member_session_id":"` + sessionID + `","member_id":"` + member + `","organization_id":"` + organization + `","expires_at":"2099-01-01T00:00:00Z","roles":["manager"]}`
)

// asks are the questions about a credential, each with an answer that means yes.
func asks() map[string]struct {
	path, good string
	ask        func(t *testing.T, c *stytch.Client) error
} {
	return map[string]struct {
		path, good string
		ask        func(t *testing.T, c *stytch.Client) error
	}{
		"a session": {
			authenticatePath,
			`{"status_code":200,"session_token":"t","session_jwt":"j","member_session":` + goodSession + `,"member":` + goodMember + `,"organization":` + goodOrganization + `}`,
			func(t *testing.T, c *stytch.Client) error {
				_, err := c.AuthenticateSession(t.Context(), stytch.Credential{Token: "t", JWT: "j"}, false)
				return err
			},
		},
		"a member": {
			memberPath,
			`{"status_code":200,"member_id":"` + member + `","member":` + goodMember + `,"organization":` + goodOrganization + `}`,
			func(t *testing.T, c *stytch.Client) error {
				_, _, err := c.Member(t.Context(), organization, member)
				return err
			},
		},
		"a member's applications": {
			connectedAppsPath,
			`{"status_code":200,"connected_apps":[]}`,
			func(t *testing.T, c *stytch.Client) error {
				_, err := c.ConnectedApps(t.Context(), organization, member)
				return err
			},
		},
	}
}

func TestWhatStytchSaysAboutACredential(t *testing.T) {
	t.Parallel()
	refusal := func(status int, errorType string) http.HandlerFunc {
		return reply(status, `{"error_type":"`+errorType+`","error_message":"no"}`)
	}
	for what, q := range asks() {
		for name, tc := range map[string]struct {
			answer http.HandlerFunc
			want   error
		}{
			"yes":                              {reply(http.StatusOK, q.good), nil},
			"the session is gone":              {refusal(http.StatusNotFound, "session_not_found"), stytch.ErrTokenInvalid},
			"the member is gone":               {refusal(http.StatusNotFound, "member_not_found"), stytch.ErrTokenInvalid},
			"the organization is gone":         {refusal(http.StatusNotFound, "organization_not_found"), stytch.ErrTokenInvalid},
			"our secret is wrong":              {refusal(http.StatusUnauthorized, "unauthorized_credentials"), nil},
			"we ask too often":                 {refusal(http.StatusTooManyRequests, "too_many_requests"), nil},
			"there is no such route":           {refusal(http.StatusNotFound, "route_not_found"), nil},
			"it is broken":                     {refusal(http.StatusInternalServerError, "internal_server_error"), stytch.ErrUnavailable},
			"it is broken, about the session":  {refusal(http.StatusBadGateway, "session_not_found"), stytch.ErrUnavailable},
			"a page, with 404":                 {reply(http.StatusNotFound, `<html>not found</html>`), stytch.ErrUnavailable},
			"JSON without a type, with 401":    {reply(http.StatusUnauthorized, `{}`), stytch.ErrUnavailable},
			"a page, with 200":                 {reply(http.StatusOK, `<html>welcome</html>`), stytch.ErrUnavailable},
			"nothing, with 200":                {reply(http.StatusOK, ``), stytch.ErrUnavailable},
			"an empty object, with 200":        {reply(http.StatusOK, `{}`), stytch.ErrUnavailable},
			"null, with 200":                   {reply(http.StatusOK, `null`), stytch.ErrUnavailable},
			"other types of value, with 200":   {reply(http.StatusOK, `{"member":5,"member_session":"x","connected_apps":{}}`), stytch.ErrUnavailable},
			"a list, with 200":                 {reply(http.StatusOK, `[]`), stytch.ErrUnavailable},
			"half of an answer, with 200":      {reply(http.StatusOK, q.good[:len(q.good)/2]), stytch.ErrUnavailable},
			"it breaks off":                    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, stytch.ErrUnavailable},
			"it sends us to another page, 302": {reply(http.StatusFound, ``), stytch.ErrUnavailable},
		} {
			t.Run(what+": "+name, func(t *testing.T) {
				t.Parallel()
				f := newFake(t)
				c := f.connected(t)
				f.answer(q.path, tc.answer)
				err := q.ask(t, c)
				switch {
				case tc.want != nil && !errors.Is(err, tc.want):
					t.Errorf("got %v, want %v", err, tc.want)
				case tc.want != stytch.ErrTokenInvalid && errors.Is(err, stytch.ErrTokenInvalid):
					t.Errorf("got %v, which condemns the credential", err)
				case name == "yes" && err != nil:
					t.Error(err)
				case name != "yes" && err == nil:
					t.Error("it was taken for a yes")
				}
			})
		}
	}
}

func TestAnAnswerAboutSomeoneElseIsNotBelieved(t *testing.T) {
	t.Parallel()
	const other = `{"organization_id":"organization-test-2","member_id":"member-test-2","status":"active"}`
	for name, tc := range map[string]struct{ path, answer string }{
		"a session with another member": {
			authenticatePath, `{"session_token":"t","session_jwt":"j","member_session":` + goodSession + `,"member":` + other + `,"organization":` + goodOrganization + `}`,
		},
		"a session without credentials": {
			authenticatePath, `{"member_session":` + goodSession + `,"member":` + goodMember + `,"organization":` + goodOrganization + `}`,
		},
		"another member": {
			memberPath, `{"member":` + other + `,"organization":` + goodOrganization + `}`,
		},
		"a member of another organization": {
			memberPath, `{"member":` + goodMember + `,"organization":{"organization_id":"organization-test-2"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			c := f.connected(t)
			f.answer(tc.path, reply(http.StatusOK, tc.answer))
			_, sessionErr := c.AuthenticateSession(t.Context(), stytch.Credential{Token: "t"}, false)
			_, _, memberErr := c.Member(t.Context(), organization, member)
			err := sessionErr
			if tc.path == memberPath {
				err = memberErr
			}
			if !errors.Is(err, stytch.ErrUnavailable) || errors.Is(err, stytch.ErrTokenInvalid) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("a list of another organization's members", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		c := f.connected(t)
		f.answer(searchPath, reply(http.StatusOK, `{"members":[`+other+`]}`))
		if _, _, err := c.Members(t.Context(), organization, "", 10); !errors.Is(err, stytch.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
}

func TestRevokingASessionThatIsOverSucceeds(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.connected(t)
	f.answer(revokePath, reply(http.StatusNotFound, `{"error_type":"session_not_found"}`))
	if err := c.RevokeSession(t.Context(), stytch.Credential{Token: "t"}); err != nil {
		t.Error(err)
	}
	f.answer(revokePath, reply(http.StatusServiceUnavailable, `{}`))
	if err := c.RevokeSession(t.Context(), stytch.Credential{Token: "t"}); !errors.Is(err, stytch.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// The SDK would go on with an answer that has no policy, and panic at the next check.
func TestAPolicyThatCannotBeOneIsNotTaken(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"no policy":             reply(http.StatusOK, `{"status_code":200}`),
		"a null policy":         reply(http.StatusOK, `{"policy":null}`),
		"an empty policy":       reply(http.StatusOK, `{"policy":{}}`),
		"a policy for nobody":   reply(http.StatusOK, `{"policy":{"roles":[{"role_id":"manager"}]}}`),
		"a page":                reply(http.StatusOK, `<html>`),
		"a policy with numbers": reply(http.StatusOK, `{"policy":{"roles":7}}`),
		"an error":              reply(http.StatusBadGateway, `{}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			c := f.connected(t)
			f.answer(policyPath, answer)
			if p, err := c.Policy(t.Context()); !errors.Is(err, stytch.ErrUnavailable) {
				t.Errorf("got %v, %v", p, err)
			}
		})
	}
}

func TestAPolicyGrantsWhatItSays(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.connected(t)
	f.answer(policyPath, reply(http.StatusOK, `{"status_code":200,"policy":{
		"roles":[
			{"role_id":"stytch_member","permissions":[{"resource_id":"objective","actions":["read"]}]},
			{"role_id":"stytch_admin","permissions":[{"resource_id":"objective","actions":["*"]}]}],
		"scopes":[{"scope":"read:okrs","permissions":[{"resource_id":"key_result","actions":["read"]}]}]}}`))
	p, err := c.Policy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		got  bool
		want bool
	}{
		{"a role grants its action", p.RoleGrants("stytch_member", "objective", "read"), true},
		{"a role does not grant another action", p.RoleGrants("stytch_member", "objective", "create"), false},
		{"a role does not grant on another resource", p.RoleGrants("stytch_member", "key_result", "read"), false},
		{"a wildcard grants every action", p.RoleGrants("stytch_admin", "objective", "delete"), true},
		{"an unknown role grants nothing", p.RoleGrants("nobody", "objective", "read"), false},
		{"a scope grants its action", p.ScopeGrants("read:okrs", "key_result", "read"), true},
		{"a scope is not a role", p.RoleGrants("read:okrs", "key_result", "read"), false},
		{"a role is not a scope", p.ScopeGrants("stytch_admin", "objective", "read"), false},
	} {
		if tc.got != tc.want {
			t.Error("not so: " + tc.name)
		}
	}
}
