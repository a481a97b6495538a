package devidp_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations/members"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/otp/sms"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/passwords"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/scim/connection"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sessions"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sso/external"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/totps"

	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
)

func TestRoutesThatAreNotEmulatedSaySo(t *testing.T) {
	t.Parallel()
	_, api := start(t, devidp.Config{})
	ctx := t.Context()
	m := api.Organizations.Members
	for name, call := range map[string]func() error{
		"creating an organization": func() error {
			_, err := api.Organizations.Create(ctx, &organizations.CreateParams{OrganizationName: "x"})
			return err
		},
		"deleting an organization": func() error {
			_, err := api.Organizations.Delete(ctx, &organizations.DeleteParams{OrganizationID: "acme"})
			return err
		},
		"an organization's metrics": func() error {
			_, err := api.Organizations.Metrics(ctx, &organizations.MetricsParams{OrganizationID: "acme"})
			return err
		},
		"deleting a phone number": func() error {
			_, err := m.DeleteMFAPhoneNumber(ctx, &members.DeleteMFAPhoneNumberParams{OrganizationID: "acme", MemberID: "m"})
			return err
		},
		"passwords": func() error {
			_, err := api.Passwords.StrengthCheck(ctx, &passwords.StrengthCheckParams{Password: "x"})
			return err
		},
		"authenticator apps of elsewhere": func() error {
			_, err := api.TOTPs.Migrate(ctx, &totps.MigrateParams{OrganizationID: "acme"})
			return err
		},
		"text messages": func() error {
			_, err := api.OTPs.Sms.Send(ctx, &sms.SendParams{OrganizationID: "acme"})
			return err
		},
		"SCIM groups": func() error {
			_, err := api.SCIM.Connection.GetGroups(ctx, &connection.GetGroupsParams{OrganizationID: "acme", ConnectionID: "c"})
			return err
		},
		"a connection of another organization": func() error {
			_, err := api.SSO.External.CreateConnection(ctx, &external.CreateConnectionParams{OrganizationID: "acme"})
			return err
		},
		"attestation": func() error {
			_, err := api.Sessions.Attest(ctx, &sessions.AttestParams{ProfileID: "x"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, call(), http.StatusNotImplemented, "route_not_supported_in_test")
		})
	}
}

func TestRequestsThatAreNotTheAPIs(t *testing.T) {
	t.Parallel()
	s, _ := start(t, devidp.Config{})
	basic := "Authorization: Basic " + basicAuth(s.ProjectID, s.Secret)
	isJSON := "Content-Type: application/json"
	const send = "/v1/b2b/otps/email/discovery/send"
	for _, test := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		errorType                string
	}{
		{"no credentials", "GET", "/v1/b2b/rbac/policy", "", nil, 401, "unauthorized_credentials"},
		{"another secret", "GET", "/v1/b2b/rbac/policy", "", []string{"Authorization: Basic " + basicAuth(s.ProjectID, "guess")}, 401, "unauthorized_credentials"},
		{"another project", "GET", "/v1/b2b/rbac/policy", "", []string{"Authorization: Basic " + basicAuth("project-test-other", s.Secret)}, 401, "unauthorized_credentials"},
		{"the workspace key", "GET", "/v1/b2b/rbac/policy", "", []string{"Authorization: Basic " + basicAuth(s.WorkspaceKeyID, s.WorkspaceKeySecret)}, 401, "unauthorized_credentials"},
		{"a route of nothing", "GET", "/v1/b2b/nothing", "", []string{basic}, 404, "route_not_found"},
		{"another method", "GET", send, "", []string{basic}, 404, "route_not_found"},
		{"the keys of another project", "GET", "/v1/b2b/sessions/jwks/project-test-other", "", nil, 404, "project_not_found"},
		{"broken JSON", "POST", send, `{"email_address":`, []string{basic, isJSON}, 400, "json_error"},
		{"JSON of another type", "POST", send, `{"email_address":1}`, []string{basic, isJSON}, 400, "json_error"},
		{"a form", "POST", send, "email_address=ada@acme.test", []string{basic, "Content-Type: application/x-www-form-urlencoded"}, 415, "invalid_content_type"},
		{"two megabytes", "POST", send, `{"email_address":"` + strings.Repeat("x", 2<<20) + `"}`, []string{basic, isJSON}, 413, "request_body_too_large"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := do(t, test.method, s.URL+test.path, test.body, test.headers...)
			if got.status != test.status || !strings.Contains(got.body, `"error_type":"`+test.errorType+`"`) ||
				!strings.Contains(got.body, `"request_id":"request-id-test-`) || got.header.Get("Content-Type") != "application/json" {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
}

func TestTwoSessionHeadersAreRefused(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	session := signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme)
	_, err := api.Organizations.Members.Search(t.Context(), &members.SearchParams{OrganizationIds: []string{devidptest.Acme}},
		&members.SearchRequestOptions{Authorization: authorization{SessionToken: session.SessionToken, SessionJWT: session.SessionJWT}})
	wantError(t, err, http.StatusBadRequest, "too_many_session_arguments")
}
