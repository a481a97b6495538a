package devidp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/idp"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations/members"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations/members/connectedapps"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/rbac"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sessions"
	"github.com/stytchauth/stytch-go/v16/stytch/stytcherror"

	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
)

func TestAMintedAgentHoldsARealAccessToken(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	agent := s.Mint(devidptest.Mint{
		MemberID: devidptest.Emma, ClientName: "Reporter", Scopes: []string{"report_kr_status", "read:okrs"}, Resources: []string{"http://localhost:3000/mcp"},
	})
	local, err := api.IDP.IntrospectTokenLocal(t.Context(), &idp.IntrospectTokenLocalParams{Token: agent.AccessToken})
	ok(t, err)
	if !local.Active || local.Subject != devidptest.Emma || local.ClientID != agent.ClientID || local.Scope != "read:okrs report_kr_status" || local.Organization.OrganizationID != devidptest.Acme {
		t.Errorf("the token says %+v", local)
	}
	if !slices.Equal(local.Audience, []string{s.ProjectID, "http://localhost:3000/mcp"}) {
		t.Errorf("its audience is %v", local.Audience)
	}
	if got := time.Until(time.Unix(local.Expiry.Unix(), 0)); got < 59*time.Minute || got > time.Hour {
		t.Errorf("it lives for %v", got)
	}
	// The SDK's own check of scopes agrees with the policy.
	check := func(action string) error {
		_, err := api.IDP.IntrospectTokenLocal(t.Context(), &idp.IntrospectTokenLocalParams{
			Token: agent.AccessToken, AuthorizationCheck: &sessions.AuthorizationCheck{OrganizationID: devidptest.Acme, ResourceID: "key_result", Action: action},
		})
		return err
	}
	ok(t, check("update"))
	if check("delete") == nil {
		t.Error("a reporter may delete")
	}
	network, err := api.IDP.IntrospectTokenNetwork(t.Context(), &idp.IntrospectTokenNetworkParams{Token: agent.AccessToken, ClientID: agent.ClientID})
	ok(t, err)
	if !network.Active || network.Scope != local.Scope || network.Subject != devidptest.Emma {
		t.Errorf("over the network the token says %+v", network)
	}
	if again := s.Mint(devidptest.Mint{MemberID: devidptest.Emma, ClientName: "Reporter", Scopes: []string{"read:okrs"}}); again.ClientID != agent.ClientID || again.AccessToken == agent.AccessToken {
		t.Error("the same name is another application")
	}
}

func TestAMintedTokenMayHaveExpired(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	agent := s.Mint(devidptest.Mint{MemberID: devidptest.Ada, ClientName: "Late", Scopes: []string{"read:okrs"}, ExpiresInSeconds: new(-10)})
	if _, err := api.IDP.IntrospectTokenLocal(t.Context(), &idp.IntrospectTokenLocalParams{Token: agent.AccessToken}); err == nil {
		t.Error("the SDK takes an expired token")
	}
}

func TestARevokedAgentIsGone(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	agent := s.MintAgent(devidptest.Max, "read:okrs", "offline_access")
	other := s.MintAgent(devidptest.Ada, "read:okrs")
	m := api.Organizations.Members
	apps := func() []organizations.MemberConnectedApp {
		listed, err := m.GetConnectedApps(t.Context(), &members.GetConnectedAppsParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Max})
		ok(t, err)
		return listed.ConnectedApps
	}
	if a := apps(); len(a) != 1 || a[0].ConnectedAppID != agent.ClientID || a[0].ScopesGranted != "offline_access read:okrs" || a[0].ClientType != "third_party_public" {
		t.Errorf("Max's applications are %+v", a)
	}
	app, err := api.Organizations.GetConnectedApp(t.Context(), &organizations.GetConnectedAppParams{OrganizationID: devidptest.Acme, ConnectedAppID: agent.ClientID})
	ok(t, err)
	if len(app.ActiveMembers) != 2 {
		t.Errorf("the application acts for %+v", app.ActiveMembers)
	}
	listed, err := api.Organizations.ConnectedApps(t.Context(), &organizations.ConnectedAppsParams{OrganizationID: devidptest.Acme})
	ok(t, err)
	if len(listed.ConnectedApps) != 1 || listed.ConnectedApps[0].ConnectedAppID != agent.ClientID {
		t.Errorf("Acme's applications are %+v", listed.ConnectedApps)
	}

	revoke := func() error {
		_, err := m.ConnectedApps.Revoke(t.Context(), &connectedapps.RevokeParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Max, ConnectedAppID: agent.ClientID})
		return err
	}
	ok(t, revoke())
	if a := apps(); len(a) != 0 {
		t.Errorf("after the revocation Max's applications are %+v", a)
	}
	wantInactive(t, api.IDP.IntrospectTokenNetwork, agent)
	wantActive(t, api.IDP.IntrospectTokenNetwork, other)
	wantError(t, revoke(), http.StatusNotFound, "connected_app_not_found")

	// A new consent does not bring the old token back.
	fresh := s.MintAgent(devidptest.Max, "read:okrs")
	wantActive(t, api.IDP.IntrospectTokenNetwork, fresh)
	wantInactive(t, api.IDP.IntrospectTokenNetwork, agent)
}

func TestConnectedAppsAreTheMembersOwnAffair(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	agent := s.MintAgent(devidptest.Max, "read:okrs")
	emma := as(signIn(t, s, api, devidptest.EmmaEmail, devidptest.Acme))
	owner := as(signIn(t, s, api, devidptest.MaxEmail, devidptest.Acme))
	gina := as(signIn(t, s, api, devidptest.GinaEmail, devidptest.Globex))
	list := func(auth authorization) error {
		_, err := api.Organizations.Members.GetConnectedApps(t.Context(),
			&members.GetConnectedAppsParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Max}, &members.GetConnectedAppsRequestOptions{Authorization: auth})
		return err
	}
	revoke := func(auth authorization) error {
		_, err := api.Organizations.Members.ConnectedApps.Revoke(t.Context(),
			&connectedapps.RevokeParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Max, ConnectedAppID: agent.ClientID}, &connectedapps.RevokeRequestOptions{Authorization: auth})
		return err
	}
	wantError(t, list(emma), http.StatusForbidden, "session_authorization_error")
	wantError(t, revoke(emma), http.StatusForbidden, "session_authorization_error")
	wantError(t, revoke(gina), http.StatusForbidden, "session_authorization_tenancy_error")
	ok(t, list(owner))
	ok(t, revoke(owner))
}

func TestAgentsLoseTheirTokensWithTheirMemberOrTheirOrganizationsLeave(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	ofMax, ofAda := s.MintAgent(devidptest.Max, "read:okrs"), s.MintAgent(devidptest.Ada, "read:okrs")
	_, err := api.Organizations.Members.Delete(t.Context(), &members.DeleteParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Max})
	ok(t, err)
	wantInactive(t, api.IDP.IntrospectTokenNetwork, ofMax)
	wantActive(t, api.IDP.IntrospectTokenNetwork, ofAda)
	_, err = api.Organizations.Update(t.Context(), &organizations.UpdateParams{
		OrganizationID: devidptest.Acme, ThirdPartyConnectedAppsAllowedType: new(organizations.UpdateRequestThirdPartyConnectedAppsAllowedTypeNOTALLOWED),
	})
	ok(t, err)
	wantInactive(t, api.IDP.IntrospectTokenNetwork, ofAda)
}

func TestMintingIsHeldToRolesAndRules(t *testing.T) {
	t.Parallel()
	s, _ := start(t, devidp.Config{})
	for name, test := range map[string]struct {
		body, want string
	}{
		"a scope beyond the member's roles": {`{"member_id":"` + devidptest.Emma + `","client_name":"a","scopes":["manage:objectives"]}`, "oauth_invalid_scope_requested"},
		"a scope that does not exist":       {`{"member_id":"` + devidptest.Ada + `","client_name":"a","scopes":["fly"]}`, "oauth_invalid_scope_requested"},
		"an unknown member":                 {`{"member_id":"member-test-x","client_name":"a","scopes":["read:okrs"]}`, "member_not_found"},
		"no scopes":                         {`{"member_id":"` + devidptest.Ada + `","client_name":"a"}`, "invalid_argument"},
		"a life of a week":                  {`{"member_id":"` + devidptest.Ada + `","client_name":"a","scopes":["read:okrs"],"expires_in_seconds":604800}`, "invalid_argument"},
		"what is not JSON":                  {`{`, "json_error"},
	} {
		t.Run(name, func(t *testing.T) {
			got := do(t, http.MethodPost, s.URL+"/_dev/tokens", test.body, "Content-Type: application/json")
			if !strings.Contains(got.body, `"error_type":"`+test.want+`"`) {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
}

func TestAResetPutsBackTheSeedAndKeepsTheKey(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	session := signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme)
	_, err := api.Organizations.Members.Delete(t.Context(), &members.DeleteParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Emma})
	ok(t, err)
	s.Reset()
	_, err = api.Sessions.Authenticate(t.Context(), &sessions.AuthenticateParams{SessionToken: session.SessionToken})
	wantError(t, err, http.StatusNotFound, "session_not_found")
	_, err = api.Sessions.AuthenticateJWTLocal(t.Context(), session.SessionJWT, time.Minute, nil) // The same key.
	ok(t, err)
	if len(s.Outbox("")) != 0 {
		t.Error("the outbox survived")
	}
	signIn(t, s, api, devidptest.EmmaEmail, devidptest.Acme)
}

func TestFaultsMakeTheProviderDownSlowAndLying(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	policy := func() (*rbac.PolicyResponse, error) { return api.RBAC.Policy(t.Context(), &rbac.PolicyParams{}) }

	s.Fault(devidptest.Fault{PathPrefix: "/v1/b2b/rbac", Status: 503, ErrorType: "service_unavailable", Count: 2})
	for range 2 {
		_, err := policy()
		wantError(t, err, http.StatusServiceUnavailable, "service_unavailable")
	}
	_, err := policy()
	ok(t, err)

	s.Fault(devidptest.Fault{PathPrefix: "/v1/b2b/rbac", Body: new("<html>hello</html>"), Count: 1})
	_, err = policy()
	if refusal := (stytcherror.Error{}); err == nil || errors.As(err, &refusal) {
		t.Errorf("a page in place of JSON gave %v", err)
	}
	s.Fault(devidptest.Fault{PathPrefix: "/", Status: 500})
	_, err = policy()
	wantError(t, err, http.StatusInternalServerError, "internal_server_error")
	if got := do(t, http.MethodGet, s.URL+"/_dev/personas", ""); got.status != http.StatusOK {
		t.Errorf("a fault hit the controls: %d", got.status)
	}
	s.ClearFaults()
	_, err = policy()
	ok(t, err)

	s.Fault(devidptest.Fault{PathPrefix: "/v1/b2b/rbac", DelayMS: 60_000, Count: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := api.RBAC.Policy(ctx, &rbac.PolicyParams{}); err == nil {
		t.Error("a delayed request was answered at once")
	}
	if bad := do(t, http.MethodPost, s.URL+"/_dev/faults", `{"path_prefix":"/","status":99}`, "Content-Type: application/json"); bad.status != http.StatusBadRequest {
		t.Errorf("a fault with a nonsensical status: %d", bad.status)
	}
}

// Of a request whose body is unread, a server does not notice that its client is gone: only the fault keeps it.
func TestADelayedRequestHoldsUpNeitherWhoClearsFaultsNorTheStop(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(s *devidptest.Server){
		"the faults are cleared": (*devidptest.Server).ClearFaults,
		"the provider stops":     (*devidptest.Server).Stop,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := start(t, devidp.Config{})
			s.Fault(devidptest.Fault{PathPrefix: "/v1/", DelayMS: 60_000})
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "http://"))
			ok(t, err)
			defer func() { _ = conn.Close() }()
			_, err = io.WriteString(conn, "POST /v1/b2b/sessions/authenticate HTTP/1.1\r\nHost: devidp\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
			ok(t, err)
			do(t, http.MethodGet, s.URL+"/_dev/personas", "") // By now the one before it waits.
			answered := make(chan error, 1)
			go func() {
				answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err == nil {
					err = answer.Body.Close()
				}
				answered <- err
			}()
			end(s)
			select {
			case err := <-answered:
				ok(t, err)
			case <-time.After(30 * time.Second):
				t.Error("the request still waits")
			}
		})
	}
}

func TestPersonasAreListedWithTheirRolesOfNow(t *testing.T) {
	t.Parallel()
	s, _ := start(t, devidp.Config{})
	var answer struct {
		Personas []struct {
			Email       string `json:"email"`
			Name        string `json:"name"`
			Memberships []struct {
				OrganizationSlug string   `json:"organization_slug"`
				Roles            []string `json:"roles"`
			} `json:"memberships"`
		} `json:"personas"`
	}
	ok(t, json.Unmarshal([]byte(do(t, http.MethodGet, s.URL+"/_dev/personas", "").body), &answer))
	if p := answer.Personas; len(p) != 5 || p[0].Email != devidptest.AdaEmail || len(p[1].Memberships) != 2 || !slices.Contains(p[1].Memberships[0].Roles, "manager") {
		t.Errorf("the personas are %+v", p)
	}
}
