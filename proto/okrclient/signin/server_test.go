package signin

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// provider is an authorization server and the public address that points at it. It is strict: codes and refresh tokens are
// good for one use, and a second use of a refresh token ends the sign-in. A test changes what it answers.
type provider struct {
	*httptest.Server

	mu            sync.Mutex
	registrations []map[string]any
	challenges    map[string]url.Values // by code: the authorization request
	refresh       string                // the one that is good; "" when the sign-in was ended
	issued        int
	revoked       []string
	expiresIn     int
	tokenStatus   int // an answer other than 200

	resource map[string]any
	metadata map[string]any
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{challenges: map[string]url.Values{}, expiresIn: 3600}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-protected-resource", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, p.resource) })
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, p.metadata) })
	mux.HandleFunc("POST /register", p.register)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("POST /revoke", p.revoke)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	p.resource = map[string]any{"resource": p.URL, "authorization_servers": []string{p.URL}, "scopes_supported": []string{"openid", "read:okrs"}}
	p.metadata = map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"registration_endpoint": p.URL + "/register", "revocation_endpoint": p.URL + "/revoke",
		"code_challenge_methods_supported": []string{"S256"}, "authorization_response_iss_parameter_supported": true,
	}
	return p
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (p *provider) register(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var registration map[string]any
	_ = json.NewDecoder(r.Body).Decode(&registration)
	p.registrations = append(p.registrations, registration)
	answer(w, http.StatusCreated, map[string]any{"client_id": fmt.Sprintf("client-%d", len(p.registrations))})
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = r.ParseForm()
	refuse := func(code string) {
		answer(w, http.StatusBadRequest, map[string]any{"error": code, "error_description": "because"})
	}
	if p.tokenStatus != 0 {
		w.WriteHeader(p.tokenStatus)
		return
	}
	switch r.Form.Get("grant_type") {
	case "authorization_code":
		request, known := p.challenges[r.Form.Get("code")]
		delete(p.challenges, r.Form.Get("code"))
		sum := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
		if !known || base64.RawURLEncoding.EncodeToString(sum[:]) != request.Get("code_challenge") || request.Get("code_challenge_method") != "S256" ||
			request.Get("redirect_uri") != r.Form.Get("redirect_uri") || request.Get("client_id") != r.Form.Get("client_id") ||
			request.Get("resource") != p.URL || r.Form.Get("resource") != p.URL {
			refuse("invalid_grant")
			return
		}
	case "refresh_token":
		if p.refresh == "" || r.Form.Get("refresh_token") != p.refresh {
			p.refresh = "" // it was copied: the sign-in ends
			refuse("invalid_grant")
			return
		}
	}
	p.issued++
	p.refresh = fmt.Sprintf("refresh-%d", p.issued)
	answer(w, http.StatusOK, map[string]any{
		"access_token": fmt.Sprintf("access-%d", p.issued), "token_type": "bearer", "expires_in": p.expiresIn,
		"refresh_token": p.refresh, "scope": "read:okrs offline_access",
	})
}

func (p *provider) revoke(_ http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = r.ParseForm()
	p.revoked = append(p.revoked, r.Form.Get("client_id")+" "+r.Form.Get("token"))
}

// consents is a person who allows everything: the browser is sent back with a code.
func (p *provider) consents(address string) error {
	request, err := url.Parse(address)
	if err != nil {
		return err
	}
	p.mu.Lock()
	code := fmt.Sprintf("code-%d", len(p.challenges)+p.issued)
	p.challenges[code] = request.Query()
	p.mu.Unlock()
	_, err = visit(request.Query().Get("redirect_uri"), url.Values{"code": {code}, "state": {request.Query().Get("state")}, "iss": {p.URL}})
	return err
}

// visit is a browser that is sent to an address.
func visit(address string, query url.Values) (status int, err error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address+"?"+query.Encode(), nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// account is one at the provider, with a folder of its own unless one is given.
func (p *provider) account(t *testing.T, dir string) *Account {
	t.Helper()
	if dir == "" {
		dir = filepath.Join(t.TempDir(), "okr-manager")
	}
	a, err := New(Config{Server: p.URL, Dir: dir, ClientName: "tests"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// signedIn is an account with a sign-in.
func (p *provider) signedIn(t *testing.T) *Account {
	t.Helper()
	a := p.account(t, "")
	if _, err := a.SignIn(t.Context(), p.consents); err != nil {
		t.Fatal(err)
	}
	return a
}

// kept is the text of the file.
func kept(t *testing.T, a *Account) string {
	t.Helper()
	text, err := os.ReadFile(a.Path())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// files are the names in the folder, the lock's aside.
func files(t *testing.T, a *Account) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(a.Path()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".lock") {
			names = append(names, entry.Name())
		}
	}
	return names
}
