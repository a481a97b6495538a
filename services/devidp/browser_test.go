package devidp_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/discovery/intermediatesessions"
	discoveryorganizations "github.com/stytchauth/stytch-go/v16/stytch/b2b/discovery/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/oauth/discovery"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/organizations"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sessions"
	"github.com/stytchauth/stytch-go/v16/stytch/b2b/sso"

	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/devidp/devidptest"
)

func googleStart(s *devidptest.Server, challenge string) string {
	query := url.Values{"public_token": {s.PublicToken}, "discovery_redirect_url": {s.RedirectOrigin + "/authenticate"}}
	if challenge != "" {
		query.Set("pkce_code_challenge", challenge)
	}
	return s.URL + "/v1/b2b/public/oauth/google/discovery/start?" + query.Encode()
}

// challengeOf is the S256 challenge as a client computes it (RFC 7636).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func ssoStart(s *devidptest.Server) string {
	return s.URL + "/v1/public/sso/start?" + url.Values{
		"public_token": {s.PublicToken}, "connection_id": {devidptest.AcmeConnection}, "login_redirect_url": {s.RedirectOrigin + "/authenticate"},
	}.Encode()
}

func TestAPersonaContinuesWithGoogle(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	verifier := rand.Text() + rand.Text()
	address := googleStart(s, challengeOf(verifier))
	page := do(t, http.MethodGet, address, "")
	for _, want := range []string{"Development only", `value="ada@acme.test"`, "Gina Garofalo", "manager, stytch_member at Acme", `type="email"`, s.RedirectOrigin} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q:\n%s", want, page.body)
		}
	}
	csp := page.header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "form-action 'self' "+s.RedirectOrigin) || strings.Contains(csp, "unsafe") {
		t.Errorf("the policy is %q", csp)
	}

	landing := s.Choose(address, devidptest.MaxEmail)
	if landing.Path != "/authenticate" || landing.Query().Get("stytch_token_type") != "discovery_oauth" {
		t.Fatalf("sent to %s", landing)
	}
	params := &discovery.AuthenticateParams{DiscoveryOAuthToken: landing.Query().Get("token"), PkceCodeVerifier: verifier}
	answer, err := api.OAuth.Discovery.Authenticate(t.Context(), params)
	ok(t, err)
	if answer.EmailAddress != devidptest.MaxEmail || answer.FullName != "Max Moreau" || answer.ProviderType != "Google" || len(answer.DiscoveredOrganizations) != 2 {
		t.Errorf("authenticated %+v", answer)
	}
	session, err := api.Discovery.IntermediateSessions.Exchange(t.Context(), &intermediatesessions.ExchangeParams{IntermediateSessionToken: answer.IntermediateSessionToken, OrganizationID: devidptest.Globex})
	ok(t, err)
	if f := session.MemberSession.AuthenticationFactors; len(f) != 1 || f[0].Type != "oauth" || f[0].GoogleOAuthFactor == nil {
		t.Errorf("the factors are %+v", f)
	}
	_, err = api.OAuth.Discovery.Authenticate(t.Context(), params)
	wantError(t, err, http.StatusNotFound, "oauth_token_not_found")
}

func TestPKCEBindsALandingToItsStart(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	verifier := rand.Text() + rand.Text()
	challenge := challengeOf(verifier)
	for _, test := range []struct {
		name, challenge, verifier string
		status                    int
		errorType                 string
	}{
		{"another verifier", challenge, rand.Text() + rand.Text(), 401, "pkce_mismatch"},
		{"the challenge itself", challenge, challenge, 401, "pkce_mismatch"},
		{"no verifier", challenge, "", 400, "pkce_expected_code_verifier"},
		{"a verifier out of nowhere", "", verifier, 400, "pkce_did_not_expect_code_verifier"},
	} {
		t.Run(test.name, func(t *testing.T) {
			token := s.Choose(googleStart(s, test.challenge), devidptest.AdaEmail).Query().Get("token")
			_, err := api.OAuth.Discovery.Authenticate(t.Context(), &discovery.AuthenticateParams{DiscoveryOAuthToken: token, PkceCodeVerifier: test.verifier})
			wantError(t, err, test.status, test.errorType)
			// The token is spent: whoever stole it has no second guess.
			_, err = api.OAuth.Discovery.Authenticate(t.Context(), &discovery.AuthenticateParams{DiscoveryOAuthToken: token, PkceCodeVerifier: verifier})
			wantError(t, err, 404, "oauth_token_not_found")
		})
	}
}

func TestAnOrganizationsOwnSignInStaysInIt(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	page := do(t, http.MethodGet, ssoStart(s), "")
	if !strings.Contains(page.body, "Acme Workforce") || !strings.Contains(page.body, devidptest.EmmaEmail) || strings.Contains(page.body, devidptest.GinaEmail) {
		t.Errorf("the page offers %s", page.body)
	}
	signInBySSO := func(email string) (*sso.AuthenticateResponse, string) {
		landing := s.Choose(ssoStart(s), email)
		if landing.Query().Get("stytch_token_type") != "sso" {
			t.Fatalf("sent to %s", landing)
		}
		token := landing.Query().Get("token")
		answer, err := api.SSO.Authenticate(t.Context(), &sso.AuthenticateParams{SSOToken: token})
		ok(t, err)
		return answer, token
	}
	emma, token := signInBySSO(devidptest.EmmaEmail)
	if emma.MemberID != devidptest.Emma || emma.MemberSession.AuthenticationFactors[0].OIDCSSOFactor.ProviderID != devidptest.AcmeConnection {
		t.Errorf("signed in as %+v", emma)
	}
	_, err := api.SSO.Authenticate(t.Context(), &sso.AuthenticateParams{SSOToken: token})
	wantError(t, err, http.StatusNotFound, "sso_token_not_found")

	// Acme's provider vouches for an address of Globex: it makes a member of Acme, but opens no door at Globex.
	guest, _ := signInBySSO(devidptest.GinaEmail)
	if guest.OrganizationID != devidptest.Acme || guest.MemberID == devidptest.Gina {
		t.Errorf("the guest is %+v", guest.Member)
	}
	switched, err := api.Sessions.Exchange(t.Context(), &sessions.ExchangeParams{SessionToken: guest.SessionToken, OrganizationID: devidptest.Globex})
	ok(t, err)
	if switched.MemberAuthenticated || switched.SessionToken != "" || switched.PrimaryRequired == nil {
		t.Fatalf("Acme's sign-in opened Globex: %+v", switched)
	}
	exchanged, err := api.Discovery.IntermediateSessions.Exchange(t.Context(), &intermediatesessions.ExchangeParams{IntermediateSessionToken: switched.IntermediateSessionToken, OrganizationID: devidptest.Globex})
	ok(t, err)
	if exchanged.MemberAuthenticated {
		t.Fatalf("the intermediate session opened Globex: %+v", exchanged)
	}
	_, err = api.Discovery.Organizations.Create(t.Context(), &discoveryorganizations.CreateParams{IntermediateSessionToken: exchanged.IntermediateSessionToken, OrganizationName: "Mine"})
	wantError(t, err, http.StatusForbidden, "insufficient_factors")

	_, err = api.Organizations.Update(t.Context(), &organizations.UpdateParams{OrganizationID: devidptest.Acme, SSOJITProvisioning: "NOT_ALLOWED"})
	ok(t, err)
	_, err = api.SSO.Authenticate(t.Context(), &sso.AuthenticateParams{SSOToken: s.Choose(ssoStart(s), "other@acme.test").Query().Get("token")})
	wantError(t, err, http.StatusForbidden, "sso_jit_provisioning_not_allowed")
}

func TestSingleSignOnMakesMembersOfThoseWhomItsConnectionAdmits(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	enter := func(email string) (*sso.AuthenticateResponse, error) {
		return api.SSO.Authenticate(t.Context(), &sso.AuthenticateParams{SSOToken: s.Choose(ssoStart(s), email).Query().Get("token")})
	}
	restrict := func(connections ...string) {
		t.Helper()
		_, err := api.Organizations.Update(t.Context(), &organizations.UpdateParams{
			OrganizationID: devidptest.Acme, SSOJITProvisioning: "RESTRICTED", SSOJITProvisioningAllowedConnections: connections,
		})
		ok(t, err)
	}
	restrict("oidc-connection-test-another")
	_, err := enter("newcomer@acme.test")
	wantError(t, err, http.StatusForbidden, "invalid_connection_for_jit_provisioning")
	known, err := enter(devidptest.EmmaEmail)
	ok(t, err)
	if known.MemberID != devidptest.Emma {
		t.Errorf("a member comes in as %s", known.MemberID)
	}
	restrict(devidptest.AcmeConnection)
	newcomer, err := enter("newcomer@acme.test")
	ok(t, err)
	if newcomer.OrganizationID != devidptest.Acme || !newcomer.MemberAuthenticated {
		t.Errorf("the newcomer is %+v", newcomer.Member)
	}
}

func TestSSOConnectionsAreListed(t *testing.T) {
	t.Parallel()
	_, api := start(t, devidp.Config{})
	listed, err := api.SSO.GetConnections(t.Context(), &sso.GetConnectionsParams{OrganizationID: devidptest.Acme})
	ok(t, err)
	if c := listed.OIDCConnections; len(c) != 1 || c[0].ConnectionID != devidptest.AcmeConnection || c[0].Status != "active" {
		t.Errorf("listed %+v", listed)
	}
}

func TestStartsAreRefused(t *testing.T) {
	t.Parallel()
	s, _ := start(t, devidp.Config{})
	const google, single = "/v1/b2b/public/oauth/google/discovery/start?", "/v1/public/sso/start?"
	for _, test := range []struct{ name, path, query, want string }{
		{"without a public token", google, "discovery_redirect_url=http://localhost:3000/a", "public_token_required"},
		{"with a wrong public token", google, "public_token=x&discovery_redirect_url=http://localhost:3000/a", "public_token_not_found"},
		{"to another origin", google, "public_token=PT&discovery_redirect_url=http://evil.test/a", "no_match_for_provided_oauth_url"},
		{"to another port", google, "public_token=PT&discovery_redirect_url=http://localhost:3001/a", "no_match_for_provided_oauth_url"},
		{"to an address that only begins like the origin", google, "public_token=PT&discovery_redirect_url=http://localhost:3000.evil.test/a", "no_match_for_provided_oauth_url"},
		{"to an address with a user", google, "public_token=PT&discovery_redirect_url=http://localhost:3000@evil.test/a", "no_match_for_provided_oauth_url"},
		{"to a script", google, "public_token=PT&discovery_redirect_url=javascript:alert(1)", "no_match_for_provided_oauth_url"},
		{"with a malformed challenge", google, "public_token=PT&discovery_redirect_url=http://localhost:3000/a&pkce_code_challenge=x", "invalid_pkce_code_challenge"},
		{"of SSO to another origin", single, "public_token=PT&connection_id=" + devidptest.AcmeConnection + "&login_redirect_url=http://evil.test", "no_match_for_provided_sso_url"},
		{"of SSO to another origin for newcomers", single, "public_token=PT&connection_id=" + devidptest.AcmeConnection + "&login_redirect_url=http://localhost:3000/&signup_redirect_url=http://evil.test", "no_match_for_provided_sso_url"},
		{"of an unknown connection", single, "public_token=PT&connection_id=x&login_redirect_url=http://localhost:3000/", "sso_connection_not_found"},
		{"of an organization without a connection", single, "public_token=PT&organization_id=globex&login_redirect_url=http://localhost:3000/", "no_sso_connection_exists_for_organization"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(method+" "+test.name, func(t *testing.T) {
				address := s.URL + test.path + strings.ReplaceAll(test.query, "=PT&", "="+s.PublicToken+"&")
				got := do(t, method, address, "email=ada@acme.test", "Content-Type: application/x-www-form-urlencoded")
				if !strings.Contains(got.body, `"error_type":"`+test.want+`"`) || got.header.Get("Location") != "" {
					t.Errorf("got %d %s", got.status, got.body)
				}
			})
		}
	}
}

func TestForeignPagesReachNothing(t *testing.T) {
	t.Parallel()
	s, _ := start(t, devidp.Config{})
	form := "Content-Type: application/x-www-form-urlencoded"
	for _, test := range []struct {
		name, method, url, body string
		headers                 []string
		status                  int
	}{
		{"a reset from another site", "POST", s.URL + "/_dev/reset", "", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"a reset from another origin in an old browser", "POST", s.URL + "/_dev/reset", "", []string{"Origin: http://evil.test"}, 403},
		{"a reset from another port of this machine", "POST", s.URL + "/_dev/reset", "", []string{"Sec-Fetch-Site: same-site", "Origin: http://localhost:9999"}, 403},
		{"a token for another site", "POST", s.URL + "/_dev/tokens", "{}", []string{"Sec-Fetch-Site: cross-site", "Content-Type: application/json"}, 403},
		{"a fault from another site", "POST", s.URL + "/_dev/faults", "{}", []string{"Sec-Fetch-Site: cross-site", "Content-Type: application/json"}, 403},
		{"a choice from another site", "POST", googleStart(s, ""), "email=ada@acme.test", []string{"Sec-Fetch-Site: cross-site", form}, 403},
		{"a reset under a foreign host name", "POST", s.URL + "/_dev/reset", "", []string{"Host: evil.test"}, 421},
		{"the outbox under a foreign host name", "GET", s.URL + "/_dev/outbox", "", []string{"Host: evil.test:4000"}, 421},
		{"the home page under a host that only begins like ours", "GET", s.URL + "/", "", []string{"Host: localhost.evil.test"}, 421},
		{"a token by a plain form", "POST", s.URL + "/_dev/tokens", `{"member_id":"x"}`, []string{"Content-Type: text/plain"}, 415},
		{"a choice on our own page", "POST", googleStart(s, ""), "email=ada@acme.test", []string{"Sec-Fetch-Site: same-origin", form}, 303},
		{"the outbox under a loopback name", "GET", s.URL + "/_dev/outbox", "", []string{"Host: localhost:4000"}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := do(t, test.method, test.url, test.body, test.headers...); got.status != test.status {
				t.Errorf("got %d %s, want %d", got.status, got.body, test.status)
			}
		})
	}
}

func TestPagesEscapeWhatPeopleEnter(t *testing.T) {
	t.Parallel()
	s, api := start(t, devidp.Config{})
	_, err := api.Organizations.Update(t.Context(), &organizations.UpdateParams{OrganizationID: devidptest.Acme, OrganizationName: "<script>alert(1)</script>"})
	ok(t, err)
	for _, path := range []string{googleStart(s, ""), ssoStart(s), s.URL + "/"} {
		if page := do(t, http.MethodGet, path, ""); page.status != http.StatusOK || strings.Contains(page.body, "<script") {
			t.Errorf("%s: %d %s", path, page.status, page.body)
		}
	}
}

func TestTheHomePageSaysWhatThisIs(t *testing.T) {
	t.Parallel()
	s, _ := start(t, devidp.Config{})
	page := do(t, http.MethodGet, s.URL+"/", "")
	var missing []string
	for _, want := range []string{"Development only", s.ProjectID, "/_dev/outbox", "Ada Albright", s.RedirectOrigin} {
		if !strings.Contains(page.body, want) {
			missing = append(missing, want)
		}
	}
	if page.status != http.StatusOK || len(missing) > 0 {
		t.Errorf("the page lacks %q: %d %s", missing, page.status, page.body)
	}
}
