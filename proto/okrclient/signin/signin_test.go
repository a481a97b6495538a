package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestASignInIsKeptForItsOwnerAlone(t *testing.T) {
	p := newProvider(t)
	a := p.account(t, "")
	granted, err := a.SignIn(t.Context(), p.consents)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(granted.Scopes, " ") != "read:okrs offline_access" || !granted.Lasting {
		t.Errorf("granted is %v", granted)
	}
	for path, want := range map[string]os.FileMode{a.Path(): 0o600, filepath.Dir(a.Path()): 0o700, a.Path() + ".lock": 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has the mode %v, want %v: %v", path, info.Mode().Perm(), want, err)
		}
	}
	if text := kept(t, a); !strings.Contains(text, "refresh-1") || len(files(t, a)) != 1 {
		t.Errorf("kept is %s in %v", text, files(t, a))
	}
	// Another process finds it.
	if token, err := p.account(t, filepath.Dir(a.Path())).Token(t.Context(), ""); err != nil || token != "access-1" {
		t.Errorf("the token is %q, %v", token, err)
	}
}

func TestTheAuthorizationRequestIsThatOfAPublicNativeClient(t *testing.T) {
	p := newProvider(t)
	var asked url.Values
	_, err := p.account(t, "").SignIn(t.Context(), func(address string) error {
		u, err := url.Parse(address)
		if err != nil || !strings.HasPrefix(address, p.URL+"/authorize?") {
			return fmt.Errorf("the address is %s: %w", address, err)
		}
		asked = u.Query()
		return p.consents(address)
	})
	if err != nil {
		t.Fatal(err)
	}
	redirect, err := url.Parse(asked.Get("redirect_uri"))
	if err != nil || redirect.Scheme != "http" || redirect.Hostname() != "127.0.0.1" || redirect.Port() == "0" || redirect.Path != "/callback" {
		t.Errorf("the answer comes to %s", redirect)
	}
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "client-1", "code_challenge_method": "S256", "resource": p.URL, "scope": "openid read:okrs offline_access",
	} {
		if asked.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, asked.Get(name), want)
		}
	}
	if len(asked.Get("state")) < 22 || len(asked.Get("code_challenge")) != 43 || asked.Has("code_verifier") {
		t.Errorf("asked is %v", asked)
	}
	registration := p.registrations[0]
	if registration["token_endpoint_auth_method"] != "none" || registration["application_type"] != "native" || registration["client_name"] != "tests" ||
		fmt.Sprint(registration["redirect_uris"]) != "["+asked.Get("redirect_uri")+"]" {
		t.Errorf("registered is %v", registration)
	}
}

func TestARegistrationIsUsedAgainUntilTheSignOut(t *testing.T) {
	p := newProvider(t)
	a := p.signedIn(t)
	again := p.account(t, filepath.Dir(a.Path()))
	if _, err := again.SignIn(t.Context(), p.consents); err != nil || len(p.registrations) != 1 {
		t.Errorf("the second sign-in: %v, with %d registrations", err, len(p.registrations))
	}
	if err := again.SignOut(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(p.revoked) != 1 || p.revoked[0] != "client-1 refresh-2" || len(files(t, a)) != 0 {
		t.Errorf("revoked was %v, left are %v", p.revoked, files(t, a))
	}
	if _, err := again.Token(t.Context(), ""); !errors.Is(err, ErrSignedOut) {
		t.Errorf("after the sign-out: %v", err)
	}
	if err := again.SignOut(t.Context()); err != nil {
		t.Errorf("signing out again: %v", err)
	}
	if _, err := again.SignIn(t.Context(), p.consents); err != nil || len(p.registrations) != 2 {
		t.Errorf("after the sign-out: %v, with %d registrations", err, len(p.registrations))
	}
}

func TestASignOutThatCannotRevokeForgetsNevertheless(t *testing.T) {
	p := newProvider(t)
	a := p.signedIn(t)
	p.Close()
	if err := a.SignOut(t.Context()); err == nil || !strings.Contains(err.Error(), "not taken back") {
		t.Errorf("signing out: %v", err)
	}
	if len(files(t, a)) != 0 {
		t.Errorf("left are %v", files(t, a))
	}
}

func TestAGivenClientIsNotRegistered(t *testing.T) {
	p := newProvider(t)
	a, err := New(Config{Server: p.URL + "/", Dir: filepath.Join(t.TempDir(), "x"), ClientID: "given", Scopes: []string{"read:okrs"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.SignIn(t.Context(), func(address string) error {
		if u, err := url.Parse(address); err != nil || u.Query().Get("client_id") != "given" || u.Query().Get("scope") != "read:okrs offline_access" {
			return fmt.Errorf("the address is %s", address)
		}
		return p.consents(address)
	})
	if err != nil || len(p.registrations) != 0 {
		t.Errorf("%v, with %d registrations", err, len(p.registrations))
	}
}

// Somebody who wants their own code or error taken for the answer fails in each of these ways.
func TestAnswersThatAreNotTheServersAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		// change makes something else of the good answer.
		change func(*provider, url.Values)
		want   string
	}{
		{"of another server (RFC 9207)", func(_ *provider, q url.Values) { q.Set("iss", "https://evil.example") }, "another authorization server"},
		{"of nobody", func(_ *provider, q url.Values) { q.Del("iss") }, "does not say"},
		{"of another server, where none has to say", func(p *provider, q url.Values) {
			q.Set("iss", p.URL+"/")
		}, "another authorization server"},
		{"an error of another server", func(_ *provider, q url.Values) {
			q.Set("iss", "https://evil.example")
			q.Set("error", "access_denied")
		}, "another authorization server"},
		{"without a code", func(_ *provider, q url.Values) { q.Del("code") }, "no code"},
		{"with somebody else's code", func(_ *provider, q url.Values) { q.Set("code", "stolen") }, "invalid_grant"},
		{"a refusal", func(_ *provider, q url.Values) {
			q.Del("code")
			q.Set("error", "access_denied")
		}, "declined"},
		{"another error", func(_ *provider, q url.Values) {
			q.Del("code")
			q.Set("error", "server_error")
		}, "server_error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProvider(t)
			if strings.Contains(c.name, "none has to") {
				p.metadata["authorization_response_iss_parameter_supported"] = false
			}
			a := p.account(t, "")
			_, err := a.SignIn(t.Context(), func(address string) error {
				u, err := url.Parse(address)
				if err != nil {
					return err
				}
				p.challenges["good"] = u.Query()
				q := url.Values{"code": {"good"}, "state": {u.Query().Get("state")}, "iss": {p.URL}}
				c.change(p, q)
				_, err = visit(u.Query().Get("redirect_uri"), q)
				return err
			})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("it answers %v, want %q", err, c.want)
			}
			if _, err := os.Stat(a.Path()); !os.IsNotExist(err) {
				t.Errorf("something is kept: %v", err)
			}
		})
	}
}

// Any program and page on this machine can call the port. Only who knows the state ends the sign-in.
func TestAStrangerAtThePortEndsNothing(t *testing.T) {
	p := newProvider(t)
	_, err := p.account(t, "").SignIn(t.Context(), func(address string) error {
		u, err := url.Parse(address)
		if err != nil {
			return err
		}
		redirect := u.Query().Get("redirect_uri")
		for _, q := range []url.Values{
			{},
			{"code": {"evil"}, "iss": {p.URL}},
			{"code": {"evil"}, "iss": {p.URL}, "state": {"guess"}},
			{"error": {"access_denied"}, "iss": {p.URL}, "state": {""}},
			{"code": {"evil"}, "state": {u.Query().Get("state") + "x"}, "iss": {p.URL}},
		} {
			if status, err := visit(redirect, q); err != nil || status != http.StatusBadRequest {
				return fmt.Errorf("%v: %d, %w", q, status, err)
			}
		}
		if status, err := visit(strings.TrimSuffix(redirect, "/callback")+"/other", nil); err != nil || status != http.StatusNotFound {
			return fmt.Errorf("another path: %d, %w", status, err)
		}
		return p.consents(address)
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAServerWhoseMetadataIsNotItsOwnIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*provider)
		want   string
	}{
		{"that of another resource", func(p *provider) { p.resource["resource"] = "https://okr.example.com" }, "that of https://okr.example.com"},
		{"without an authorization server", func(p *provider) { delete(p.resource, "authorization_servers") }, "no authorization server"},
		{"that of another issuer", func(p *provider) { p.metadata["issuer"] = "https://evil.example" }, "that of https://evil.example"},
		{"an issuer in plain text", func(p *provider) { p.resource["authorization_servers"] = []string{"http://idp.example"} }, "https"},
		{"tokens in plain text", func(p *provider) { p.metadata["token_endpoint"] = "http://idp.example/token" }, "https"},
		{"a page that is a script", func(p *provider) { p.metadata["authorization_endpoint"] = "javascript:alert(1)" }, "not an address"},
		{"a page that is a file", func(p *provider) { p.metadata["authorization_endpoint"] = "file://host/x" }, "https"},
		{"without endpoints", func(p *provider) { delete(p.metadata, "token_endpoint") }, "no endpoints"},
		{"without PKCE", func(p *provider) { delete(p.metadata, "code_challenge_methods_supported") }, "PKCE"},
		{"with plain challenges alone", func(p *provider) { p.metadata["code_challenge_methods_supported"] = []string{"plain"} }, "PKCE"},
		{"without a place to register", func(p *provider) { delete(p.metadata, "registration_endpoint") }, "client id is needed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProvider(t)
			c.change(p)
			_, err := p.account(t, "").SignIn(t.Context(), func(address string) error {
				t.Errorf("the person is sent to %s", address)
				return errors.New("not here")
			})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("it answers %v, want %q", err, c.want)
			}
		})
	}
}

func TestWhatIsAServerIsDecidedBeforeAnythingIsSent(t *testing.T) {
	for address, want := range map[string]string{
		"http://localhost:3000": "http://localhost:3000", "https://OKR.example.com/": "https://okr.example.com", "http://127.0.0.1:3000/": "http://127.0.0.1:3000",
		"http://okr.example.com": "", "okr.example.com": "", "": "", "https://okr.example.com/app": "", "https://a:b@okr.example.com": "",
		"https://okr.example.com?x": "", "ftp://localhost": "", "http://localhost.evil.example": "",
	} {
		a, err := New(Config{Server: address, Dir: t.TempDir()})
		if (err == nil) != (want != "") || err == nil && a.Server() != want {
			t.Errorf("%q: %v, want %q", address, err, want)
		}
	}
}

func TestASignInThatIsGivenUpLeavesNothing(t *testing.T) {
	p := newProvider(t)
	a := p.account(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	var redirect string
	_, err := a.SignIn(ctx, func(address string) error {
		u, err := url.Parse(address)
		redirect = u.Query().Get("redirect_uri")
		cancel()
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it answers %v", err)
	}
	if _, err := visit(redirect, nil); err == nil {
		t.Error("it still listens")
	}
	if _, err := os.Stat(a.Path()); !os.IsNotExist(err) {
		t.Errorf("something is kept: %v", err)
	}
}

func TestAWellKnownAddressStandsBeforeThePathOfItsIssuer(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://idp.example":         "https://idp.example/.well-known/oauth-authorization-server",
		"https://idp.example/":        "https://idp.example/.well-known/oauth-authorization-server",
		"https://idp.example/tenant1": "https://idp.example/.well-known/oauth-authorization-server/tenant1",
	} {
		if got, err := wellKnown(issuer); err != nil || got != want {
			t.Errorf("%s: %s, %v", issuer, got, err)
		}
	}
}
