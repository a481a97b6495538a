package stytch_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
)

const (
	project      = "project-test-11111111-1111-4111-8111-111111111111"
	issuer       = "stytch.com/" + project
	organization = "organization-test-1"
	member       = "member-test-1"
	sessionID    = "member-session-test-1"
	clientID     = "connected-app-test-1"
	keyID        = "jwk-test-1"
	keysPath     = "/v1/b2b/sessions/jwks/" + project
)

// fake is a Stytch that signs and answers whatever a test wants it to.
type fake struct {
	*httptest.Server
	key *rsa.PrivateKey

	mu      sync.Mutex
	answers map[string]http.HandlerFunc // by path; the key set is there from the start
	calls   map[string]int
}

// signingKey is made once: making one takes a while, and no test depends on another's.
var signingKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newFake(t *testing.T) *fake {
	t.Helper()
	key, err := signingKey()
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{key: key, answers: map[string]http.HandlerFunc{}, calls: map[string]int{}}
	f.answer(keysPath, f.keySet(keyID))
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.calls[r.URL.Path]++
	answer := f.answers[r.URL.Path]
	f.mu.Unlock()
	if answer == nil {
		reply(http.StatusNotFound, `{"status_code":404,"error_type":"route_not_found","error_message":"no route"}`)(w, r)
		return
	}
	answer(w, r)
}

func (f *fake) answer(path string, with http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[path] = with
}

func (f *fake) count(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[path]
}

func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// keySet publishes the signing key under the given ids.
func (f *fake) keySet(ids ...string) http.HandlerFunc {
	keys := make([]map[string]any, len(ids))
	for i, id := range ids {
		keys[i] = f.jwk(id)
	}
	return keySet(keys...)
}

// keySetWithout publishes the signing key without a field.
func (f *fake) keySetWithout(field string) http.HandlerFunc {
	key := f.jwk(keyID)
	delete(key, field)
	return keySet(key)
}

func (f *fake) jwk(id string) map[string]any {
	return map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id,
		"n": base64.RawURLEncoding.EncodeToString(f.key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(f.key.E)).Bytes()),
	}
}

func keySet(keys ...map[string]any) http.HandlerFunc {
	set := map[string]any{"keys": keys}
	body, err := json.Marshal(set)
	if err != nil {
		panic(err)
	}
	return reply(http.StatusOK, string(body))
}

// client makes a client of the fake that is not connected.
func (f *fake) client(t *testing.T, change func(*stytch.Config)) *stytch.Client {
	t.Helper()
	cfg := stytch.Config{
		ProjectID: project, Secret: "secret", PublicToken: "public-token-test-1", BaseURI: f.URL,
		SessionDuration: time.Hour, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	c := stytch.New(cfg)
	t.Cleanup(c.Close)
	return c
}

// connected makes a client of the fake and connects it.
func (f *fake) connected(t *testing.T) *stytch.Client {
	t.Helper()
	c := f.client(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := c.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

// sign makes a token of claims that the test has the last word on.
func (f *fake) sign(t *testing.T, claims jwt.MapClaims) string {
	t.Helper()
	return f.signAs(t, jwt.SigningMethodRS256, keyID, f.key, claims)
}

func (f *fake) signAs(t *testing.T, method jwt.SigningMethod, kid string, key any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// sessionClaims are those of a good session JWT. Changes go by turns: a claim and its value; nil removes it.
func sessionClaims(changes ...any) jwt.MapClaims {
	now := time.Now()
	return changed(jwt.MapClaims{
		"iss": issuer, "aud": []string{project}, "sub": member,
		"iat": now.Unix(), "nbf": now.Unix() - 1, "exp": now.Add(5 * time.Minute).Unix(),
		"https://stytch.com/session": map[string]any{
			"id": sessionID, "started_at": now.Format(time.RFC3339), "last_accessed_at": now.Format(time.RFC3339),
			"expires_at": now.Add(time.Hour).Format(time.RFC3339), "roles": []string{"stytch_member"},
			"attributes": map[string]any{}, "authentication_factors": []any{},
		},
		"https://stytch.com/organization": map[string]any{"organization_id": organization, "slug": "one"},
	}, changes)
}

// accessClaims are those of a good access token.
func accessClaims(changes ...any) jwt.MapClaims {
	now := time.Now()
	return changed(jwt.MapClaims{
		"iss": issuer, "aud": []string{project}, "sub": member, "client_id": clientID, "scope": "openid read:okrs", "jti": "1",
		"iat": now.Unix(), "nbf": now.Unix() - 1, "exp": now.Add(time.Hour).Unix(),
		"https://stytch.com/organization": map[string]any{"organization_id": organization, "slug": "one"},
	}, changes)
}

func changed(claims jwt.MapClaims, changes []any) jwt.MapClaims {
	for i := 0; i < len(changes); i += 2 {
		name, _ := changes[i].(string)
		if changes[i+1] == nil {
			delete(claims, name)
			continue
		}
		claims[name] = changes[i+1]
	}
	return claims
}
