package devidp_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/b2bstytchapi"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/idp"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/idp/oauth"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations/members"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations/members/connectedapps"

	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
)

const callback = "http://127.0.0.1:7777/callback"

// client is an application as seen from itself.
type client struct {
	t        *testing.T
	s        *devidptest.Server
	id       string
	secret   string // Empty for a public one.
	verifier string
}

type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
	Scope        string `json:"scope"`
	TokenType    string `json:"token_type"`
	Error        string `json:"error"`
}

func (tk tokens) agent(c *client) devidptest.Agent {
	return devidptest.Agent{AccessToken: tk.AccessToken, ClientID: c.id}
}

func register(t *testing.T, s *devidptest.Server, metadata string) (*client, response) {
	t.Helper()
	got := do(t, http.MethodPost, s.URL+"/v1/oauth2/register", metadata, "Content-Type: application/json")
	var answer struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	}
	ok(t, json.Unmarshal([]byte(got.body), &answer))
	return &client{t, s, answer.ClientID, answer.ClientSecret, rand.Text() + rand.Text()}, got
}

func publicClient(t *testing.T, s *devidptest.Server) *client {
	c, _ := register(t, s, `{"client_name":"Agent","redirect_uris":["`+callback+`"]}`)
	return c
}

// post sends a form, with the client's secret if it has one.
func (c *client) post(path string, form url.Values) response {
	form.Set("client_id", c.id)
	if c.secret != "" {
		form.Set("client_secret", c.secret)
	}
	return do(c.t, http.MethodPost, c.s.URL+path, form.Encode(), "Content-Type: application/x-www-form-urlencoded")
}

func (c *client) token(form url.Values) tokens {
	c.t.Helper()
	var answer tokens
	ok(c.t, json.Unmarshal([]byte(c.post("/v1/oauth2/token", form).body), &answer))
	return answer
}

func (c *client) redeem(code string) tokens {
	return c.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {c.verifier}})
}

func (c *client) refresh(token string) tokens {
	return c.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// authorize lets the member consent, as the application's consent page does, and returns the code.
func (c *client) authorize(api *b2bstytchapi.API, sessionJWT string, scopes ...string) string {
	c.t.Helper()
	answer, err := api.IDP.OAuth.Authorize(c.t.Context(), &oauth.AuthorizeParams{
		ConsentGranted: true, ClientID: c.id, RedirectURI: callback, ResponseType: "code", Scopes: scopes, SessionJWT: sessionJWT,
		State: "s t&te", Nonce: "n", CodeChallenge: challengeOf(c.verifier), Resources: []string{"http://localhost:3000/mcp"},
	})
	ok(c.t, err)
	u, err := url.Parse(answer.RedirectURI)
	ok(c.t, err)
	if u.Query().Get("code") != answer.AuthorizationCode || u.Query().Get("state") != "s t&te" || u.Query().Get("iss") != c.s.URL || !strings.HasPrefix(answer.RedirectURI, callback+"?") {
		c.t.Fatalf("the browser goes to %s", u)
	}
	return answer.AuthorizationCode
}

func TestAnAgentConnectsWithTheConsentOfAMember(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	c := publicClient(t, s)
	session := signIn(t, s, api, devidptest.EmmaEmail, devidptest.Acme)
	scopes := []string{"openid", "email", "profile", "offline_access", "read:okrs", "manage:objectives"}
	begin := func() *oauth.AuthorizeStartResponse {
		answer, err := api.IDP.OAuth.AuthorizeStart(t.Context(), &oauth.AuthorizeStartParams{
			ClientID: c.id, RedirectURI: callback, ResponseType: "code", Scopes: scopes, SessionJWT: session.SessionJWT,
		})
		ok(t, err)
		return answer
	}
	started := begin()
	if !started.ConsentRequired || started.Client.ClientName != "Agent" || started.MemberID != devidptest.Emma || len(started.ScopeResults) != len(scopes) {
		t.Errorf("to show: %+v", started)
	}
	for _, result := range started.ScopeResults {
		if result.IsGrantable != (result.Scope != "manage:objectives") {
			t.Errorf("an employee can grant %s: %v", result.Scope, result.IsGrantable)
		}
	}

	got := c.redeem(c.authorize(api, session.SessionJWT, scopes...))
	if got.Scope != "email offline_access openid profile read:okrs" || got.TokenType != "bearer" || got.RefreshToken == "" {
		t.Errorf("issued %+v", got)
	}
	local, err := api.IDP.IntrospectTokenLocal(t.Context(), &idp.IntrospectTokenLocalParams{Token: got.AccessToken})
	ok(t, err)
	if !slices.Equal(local.Audience, []string{s.ProjectID, "http://localhost:3000/mcp"}) {
		t.Errorf("the audience is %v", local.Audience)
	}
	wantActive(t, api.IDP.IntrospectTokenNetwork, got.agent(c))

	var claims jwt.MapClaims
	_, _, err = jwt.NewParser().ParseUnverified(got.IDToken, &claims)
	ok(t, err)
	if claims["iss"] != s.URL || claims["nonce"] != "n" || claims["email"] != devidptest.EmmaEmail || claims["name"] != "Emma Eriksen" || claims["sub"] != devidptest.Emma {
		t.Errorf("the ID token says %v", claims)
	}
	info := do(t, http.MethodGet, s.URL+"/v1/oauth2/userinfo", "", "Authorization: Bearer "+got.AccessToken)
	if info.status != http.StatusOK || !strings.Contains(info.body, devidptest.EmmaEmail) {
		t.Errorf("userinfo: %d %s", info.status, info.body)
	}
	if again := begin(); !again.ConsentRequired {
		t.Error("offline_access without asking")
	}
	scopes = []string{"read:okrs"}
	c.redeem(c.authorize(api, session.SessionJWT, scopes...))
	if again := begin(); again.ConsentRequired {
		t.Error("the same scopes ask for consent again")
	}
	scopes = []string{"read:okrs", "report_kr_status"}
	if wider := begin(); !wider.ConsentRequired {
		t.Error("wider scopes do not ask for consent")
	}
}

func TestADeclinedConsentIsAnError(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	c := publicClient(t, s)
	answer, err := api.IDP.OAuth.Authorize(t.Context(), &oauth.AuthorizeParams{
		ClientID: c.id, RedirectURI: callback, ResponseType: "code", Scopes: []string{"read:okrs"},
		OrganizationID: devidptest.Acme, MemberID: devidptest.Ada, State: "x", CodeChallenge: challengeOf(c.verifier),
	})
	ok(t, err)
	if u, err := url.Parse(answer.RedirectURI); err != nil || u.Query().Get("error") != "access_denied" || u.Query().Get("state") != "x" || u.Query().Get("iss") != s.URL || answer.AuthorizationCode != "" {
		t.Errorf("the browser goes to %s", answer.RedirectURI)
	}
}

func TestAuthorizationsAreRefused(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	c := publicClient(t, s)
	good := oauth.AuthorizeParams{
		ConsentGranted: true, ClientID: c.id, RedirectURI: callback, ResponseType: "code", Scopes: []string{"read:okrs"},
		OrganizationID: devidptest.Acme, MemberID: devidptest.Ada, CodeChallenge: challengeOf(c.verifier),
	}
	for _, test := range []struct {
		name      string
		change    func(*oauth.AuthorizeParams)
		status    int
		errorType string
	}{
		{"an unknown client", func(p *oauth.AuthorizeParams) { p.ClientID = "connected-app-test-x" }, 404, "connected_app_not_found"},
		{"another redirect address", func(p *oauth.AuthorizeParams) { p.RedirectURI = "http://evil.test/callback" }, 400, "connected_app_supplied_redirect_url_not_found_in_client"},
		{"another path", func(p *oauth.AuthorizeParams) { p.RedirectURI = "http://127.0.0.1:7777/callback/../x" }, 400, "connected_app_supplied_redirect_url_not_found_in_client"},
		{"no PKCE", func(p *oauth.AuthorizeParams) { p.CodeChallenge = "" }, 400, "pkce_required_for_idp_authorization_flow"},
		{"a plain challenge", func(p *oauth.AuthorizeParams) { p.CodeChallenge = "plain" }, 400, "invalid_pkce_code_challenge"},
		{"another response type", func(p *oauth.AuthorizeParams) { p.ResponseType = "token" }, 400, "invalid_argument"},
		{"an unknown scope", func(p *oauth.AuthorizeParams) { p.Scopes = []string{"full_access"} }, 400, "oauth_invalid_scope_requested"},
		{"a member of another organization", func(p *oauth.AuthorizeParams) { p.MemberID = devidptest.Gina }, 404, "member_not_found"},
		{"nobody", func(p *oauth.AuthorizeParams) { p.MemberID, p.OrganizationID = "", "" }, 400, "no_session_arguments"},
	} {
		t.Run(test.name, func(t *testing.T) {
			params := good
			test.change(&params)
			_, err := api.IDP.OAuth.Authorize(t.Context(), &params)
			wantError(t, err, test.status, test.errorType)
		})
	}
	t.Run("an application that the organization does not allow", func(t *testing.T) {
		_, err := api.Organizations.Update(t.Context(), &organizations.UpdateParams{
			OrganizationID: devidptest.Globex, ThirdPartyConnectedAppsAllowedType: new(organizations.UpdateRequestThirdPartyConnectedAppsAllowedTypeRESTRICTED),
		})
		ok(t, err)
		params := good
		params.OrganizationID, params.MemberID = devidptest.Globex, devidptest.Gina
		_, err = api.IDP.OAuth.Authorize(t.Context(), &params)
		wantError(t, err, http.StatusForbidden, "connected_app_not_allowed_for_org")
	})
	t.Run("but loopback takes any port", func(t *testing.T) {
		params := good
		params.RedirectURI = "http://127.0.0.1:51234/callback"
		_, err := api.IDP.OAuth.Authorize(t.Context(), &params)
		ok(t, err)
	})
}

func TestACodeIsGoodOnceAndForItsClientOnly(t *testing.T) {
	t.Parallel()
	now := newClock()
	s, api := start(t, devidp.Config{Clock: now.Now})
	c := publicClient(t, s)
	session := signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme)
	code := func() string { return c.authorize(api, session.SessionJWT, "read:okrs", "offline_access") }
	wantGrantError := func(t *testing.T, got tokens) {
		t.Helper()
		if got.Error != "invalid_grant" || got.AccessToken != "" {
			t.Fatalf("got %+v, want invalid_grant", got)
		}
	}
	t.Run("a replay takes back what the code gave", func(t *testing.T) {
		replayed := code()
		first := c.redeem(replayed)
		wantActive(t, api.IDP.IntrospectTokenNetwork, first.agent(c))
		wantGrantError(t, c.redeem(replayed))
		wantInactive(t, api.IDP.IntrospectTokenNetwork, first.agent(c))
		wantGrantError(t, c.refresh(first.RefreshToken))
	})
	t.Run("another verifier spends the code", func(t *testing.T) {
		stolen := code()
		thief := *c
		thief.verifier = rand.Text() + rand.Text()
		wantGrantError(t, thief.redeem(stolen))
		wantGrantError(t, c.redeem(stolen))
	})
	t.Run("another client cannot use it", func(t *testing.T) {
		other, _ := register(t, s, `{"client_name":"Other","redirect_uris":["`+callback+`"]}`)
		other.verifier = c.verifier
		mine := code()
		wantGrantError(t, other.redeem(mine))
		if got := c.redeem(mine); got.AccessToken == "" {
			t.Errorf("another client's try spent the code: %+v", got)
		}
	})
	t.Run("another redirect address does not do", func(t *testing.T) {
		wantGrantError(t, c.token(url.Values{"grant_type": {"authorization_code"}, "code": {code()}, "redirect_uri": {callback + "2"}, "code_verifier": {c.verifier}}))
	})
	t.Run("it expires after a minute", func(t *testing.T) {
		late := code()
		now.Advance(time.Minute)
		wantGrantError(t, c.redeem(late))
	})
	t.Run("another resource is refused", func(t *testing.T) {
		got := c.token(url.Values{"grant_type": {"authorization_code"}, "code": {code()}, "redirect_uri": {callback}, "code_verifier": {c.verifier}, "resource": {"http://evil.test"}})
		if got.Error != "invalid_target" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("of many at once one wins", func(t *testing.T) {
		contested := code()
		var won atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if c.redeem(contested).AccessToken != "" {
					won.Add(1)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
	})
}

func TestRefreshTokensRotateAndReuseEndsTheFamily(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	c := publicClient(t, s)
	session := signIn(t, s, api, devidptest.MaxEmail, devidptest.Acme)
	first := c.redeem(c.authorize(api, session.SessionJWT, "manage:krs", "read:okrs", "offline_access"))
	second := c.refresh(first.RefreshToken)
	if second.RefreshToken == "" || second.RefreshToken == first.RefreshToken || second.Scope != first.Scope {
		t.Fatalf("refreshed to %+v", second)
	}
	narrow := c.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {second.RefreshToken}, "scope": {"read:okrs"}})
	if narrow.Scope != "read:okrs" {
		t.Errorf("narrowed to %q", narrow.Scope)
	}
	if wide := c.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {narrow.RefreshToken}, "scope": {"manage:objectives"}}); wide.Error != "invalid_scope" {
		t.Errorf("widened to %+v", wide)
	}

	// A demotion narrows what a refresh gives; the scope comes back with the role.
	_, err := api.Organizations.Members.Update(t.Context(), &members.UpdateParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Max, Roles: &[]string{}})
	ok(t, err)
	demoted := c.refresh(narrow.RefreshToken)
	if demoted.Scope != "offline_access read:okrs" {
		t.Errorf("after the demotion the scope is %q", demoted.Scope)
	}

	if reused := c.refresh(first.RefreshToken); reused.Error != "invalid_grant" {
		t.Errorf("a rotated token gave %+v", reused)
	}
	if last := c.refresh(demoted.RefreshToken); last.Error != "invalid_grant" {
		t.Errorf("the family outlived the reuse: %+v", last)
	}
	wantInactive(t, api.IDP.IntrospectTokenNetwork, demoted.agent(c))
}

// What a member consents to anew is all that the application has, also by what it holds from before.
func TestANarrowerConsentNarrowsWhatARefreshGives(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	c := publicClient(t, s)
	session := signIn(t, s, api, devidptest.MaxEmail, devidptest.Acme)
	held := c.redeem(c.authorize(api, session.SessionJWT, "manage:krs", "read:okrs", "offline_access"))
	pending := c.authorize(api, session.SessionJWT, "manage:krs", "read:okrs", "offline_access")
	c.authorize(api, session.SessionJWT, "read:okrs", "offline_access")
	if got := c.refresh(held.RefreshToken); got.Scope != "offline_access read:okrs" {
		t.Errorf("the refresh token gives %+v", got)
	}
	if got := c.redeem(pending); got.Scope != "offline_access read:okrs" {
		t.Errorf("the code gives %+v", got)
	}
}

func TestARevokedConsentEndsRefreshing(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	c := publicClient(t, s)
	session := signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme)
	code := c.authorize(api, session.SessionJWT, "read:okrs", "offline_access")
	held := c.redeem(code)
	pending := c.authorize(api, session.SessionJWT, "read:okrs", "offline_access")
	_, err := api.Organizations.Members.ConnectedApps.Revoke(t.Context(), &connectedapps.RevokeParams{OrganizationID: devidptest.Acme, MemberID: devidptest.Ada, ConnectedAppID: c.id})
	ok(t, err)
	wantInactive(t, api.IDP.IntrospectTokenNetwork, held.agent(c))
	for name, got := range map[string]tokens{"refresh token": c.refresh(held.RefreshToken), "code": c.redeem(pending)} {
		if got.Error != "invalid_grant" {
			t.Errorf("the %s survived the revocation: %+v", name, got)
		}
	}
}

func TestTokensAreRevokedByTheirClient(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	c := publicClient(t, s)
	session := signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme)
	held := c.redeem(c.authorize(api, session.SessionJWT, "read:okrs", "offline_access"))
	other, _ := register(t, s, `{"client_name":"Other","redirect_uris":["`+callback+`"]}`)
	for _, token := range []string{held.AccessToken, held.RefreshToken} {
		if got := other.post("/v1/oauth2/revoke", url.Values{"token": {token}}); got.status != http.StatusBadRequest {
			t.Errorf("another client revoked a token: %d %s", got.status, got.body)
		}
	}
	next := c.refresh(held.RefreshToken)
	if got := c.post("/v1/oauth2/revoke", url.Values{"token": {next.AccessToken}}); got.status != http.StatusOK {
		t.Errorf("revoking: %d %s", got.status, got.body)
	}
	wantInactive(t, api.IDP.IntrospectTokenNetwork, next.agent(c))
	wantActive(t, api.IDP.IntrospectTokenNetwork, held.agent(c))
	c.post("/v1/oauth2/revoke", url.Values{"token": {next.RefreshToken}})
	wantInactive(t, api.IDP.IntrospectTokenNetwork, held.agent(c))
	if got := c.post("/v1/oauth2/revoke", url.Values{"token": {"nonsense"}}); got.status != http.StatusOK {
		t.Errorf("revoking nonsense: %d %s", got.status, got.body)
	}
}

func TestIntrospectionTellsAClientAboutItsOwnTokensOnly(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	agent := s.MintAgent(devidptest.Ada, "read:okrs")
	session := signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme)
	c := publicClient(t, s)
	for name, token := range map[string]string{"another client's token": agent.AccessToken, "a session JWT": session.SessionJWT, "nonsense": "x"} {
		for _, path := range []string{"/v1/oauth2/introspect", "/v1/public/" + s.ProjectID + "/oauth2/introspect"} {
			if got := c.post(path, url.Values{"token": {token}}); got.status != http.StatusOK || !strings.Contains(got.body, `"active":false`) {
				t.Errorf("%s at %s: %d %s", name, path, got.status, got.body)
			}
		}
	}
	if got := do(t, http.MethodPost, s.URL+"/v1/public/project-test-other/oauth2/introspect", "token=x", "Content-Type: application/x-www-form-urlencoded"); got.status != http.StatusNotFound {
		t.Errorf("another project: %d", got.status)
	}
}

func TestConfidentialClientsProveThemselves(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	c, got := register(t, s, `{"client_name":"Server","redirect_uris":["`+callback+`"],"token_endpoint_auth_method":"client_secret_basic"}`)
	if got.status != http.StatusCreated || c.secret == "" || !strings.Contains(got.body, `"client_secret_expires_at":0`) {
		t.Fatalf("registered %d %s", got.status, got.body)
	}
	session := signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme)
	held := c.redeem(c.authorize(api, session.SessionJWT, "read:okrs", "offline_access"))
	again := c.refresh(held.RefreshToken)
	if again.RefreshToken != held.RefreshToken || again.AccessToken == "" {
		t.Errorf("a confidential client's token rotated: %+v", again)
	}
	basic := do(t, http.MethodPost, s.URL+"/v1/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {held.RefreshToken}}.Encode(),
		"Content-Type: application/x-www-form-urlencoded", "Authorization: Basic "+basicAuth(c.id, c.secret))
	if basic.status != http.StatusOK {
		t.Errorf("by Basic authentication: %d %s", basic.status, basic.body)
	}
	for name, secret := range map[string]string{"no secret": "", "a wrong secret": "guess"} {
		impostor := *c
		impostor.secret = secret
		if got := impostor.post("/v1/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {held.RefreshToken}}); got.status != http.StatusUnauthorized ||
			!strings.Contains(got.body, "invalid_client") || got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

func TestRegistrationsAreChecked(t *testing.T) {
	t.Parallel()
	s, _ := start(t, devidp.Config{})
	first, _ := register(t, s, `{"client_name":"Same","redirect_uris":["cursor://callback","https://app.test/cb"]}`)
	if again, _ := register(t, s, `{"redirect_uris":["cursor://callback","https://app.test/cb"],"client_name":"Same"}`); again.id != first.id {
		t.Error("the same public application was registered twice")
	}
	for name, test := range map[string]struct{ metadata, want string }{
		"no redirect address":        {`{"client_name":"x"}`, "invalid_redirect_uri"},
		"a script":                   {`{"redirect_uris":["javascript:alert(1)"]}`, "invalid_redirect_uri"},
		"a script in capitals":       {`{"redirect_uris":["JAVASCRIPT:alert(1)"]}`, "invalid_redirect_uri"},
		"a document":                 {`{"redirect_uris":["data:text/html,x"]}`, "invalid_redirect_uri"},
		"plain http elsewhere":       {`{"redirect_uris":["http://app.test/cb"]}`, "invalid_redirect_uri"},
		"plain http on a lookalike":  {`{"redirect_uris":["http://localhost.evil.test/cb"]}`, "invalid_redirect_uri"},
		"a fragment":                 {`{"redirect_uris":["https://app.test/#x"]}`, "invalid_redirect_uri"},
		"the implicit flow":          {`{"redirect_uris":["https://app.test/"],"response_types":["token"]}`, "invalid_client_metadata"},
		"the password grant":         {`{"redirect_uris":["https://app.test/"],"grant_types":["password"]}`, "invalid_client_metadata"},
		"an unknown way to prove it": {`{"redirect_uris":["https://app.test/"],"token_endpoint_auth_method":"private_key_jwt"}`, "invalid_client_metadata"},
		"an endless link":            {`{"redirect_uris":["https://app.test/"],"client_uri":"https://app.test/` + strings.Repeat("x", 3000) + `"}`, "invalid_client_metadata"},
		"a form":                     {`redirect_uris=x`, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, got := register(t, s, test.metadata); got.status != http.StatusBadRequest || !strings.Contains(got.body, `"error":"`+test.want+`"`) {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
}

func TestTokenRequestsAreRefused(t *testing.T) {
	t.Parallel()
	s, _ := start(t, devidp.Config{})
	c := publicClient(t, s)
	form := "Content-Type: application/x-www-form-urlencoded"
	for name, test := range map[string]struct{ body, want string }{
		"an unknown client":       {"grant_type=authorization_code&client_id=x", "invalid_client"},
		"no grant type":           {"client_id=" + c.id, "invalid_request"},
		"another grant type":      {"client_id=" + c.id + "&grant_type=password", "unsupported_grant_type"},
		"a parameter twice":       {"client_id=" + c.id + "&client_id=" + c.id, "invalid_request"},
		"an unknown code":         {"client_id=" + c.id + "&grant_type=authorization_code&code=x", "invalid_grant"},
		"an unknown refresh":      {"client_id=" + c.id + "&grant_type=refresh_token&refresh_token=x", "invalid_grant"},
		"a body of two megabytes": {"client_id=" + strings.Repeat("x", 2<<20), "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			got := do(t, http.MethodPost, s.URL+"/v1/oauth2/token", test.body, form)
			if !strings.Contains(got.body, `"error":"`+test.want+`"`) || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
}

func TestTheAuthorizationServerDescribesItself(t *testing.T) {
	t.Parallel()
	s, _ := start(t, devidp.Config{})
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/mcp", "/.well-known/openid-configuration"} {
		got := do(t, http.MethodGet, s.URL+path, "")
		var m map[string]any
		ok(t, json.Unmarshal([]byte(got.body), &m))
		if m["issuer"] != s.URL || m["token_endpoint"] != s.URL+"/v1/oauth2/token" || m["authorization_endpoint"] != "http://localhost:3000/oauth/authorize" ||
			m["authorization_response_iss_parameter_supported"] != true || !slices.Contains(m["scopes_supported"].([]any), any("manage:krs")) || got.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s says %s", path, got.body)
		}
		keys := do(t, http.MethodGet, m["jwks_uri"].(string), "")
		if !strings.Contains(keys.body, `"alg":"RS256"`) || !strings.Contains(keys.body, `"use":"sig"`) || strings.Contains(keys.body, `"d":`) {
			t.Errorf("the keys are %s", keys.body)
		}
	}
	preflight := do(t, http.MethodOptions, s.URL+"/v1/oauth2/token", "", "Origin: http://agent.test", "Access-Control-Request-Method: POST")
	if preflight.status != http.StatusNoContent || !strings.Contains(preflight.header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight: %d %v", preflight.status, preflight.header)
	}
}

func TestUserinfoAsksForATokenWithOpenID(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	session := signIn(t, s, api, devidptest.AdaEmail, devidptest.Acme)
	for name, test := range map[string]struct {
		token  string
		status int
	}{
		"no token":            {"", 401},
		"a session JWT":       {session.SessionJWT, 401},
		"a token without it":  {s.MintAgent(devidptest.Ada, "read:okrs").AccessToken, 403},
		"a token that has it": {s.MintAgent(devidptest.Max, "openid").AccessToken, 200},
	} {
		t.Run(name, func(t *testing.T) {
			got := do(t, http.MethodGet, s.URL+"/v1/oauth2/userinfo", "", "Authorization: Bearer "+test.token)
			if got.status != test.status || (got.status != 200) != strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
}
