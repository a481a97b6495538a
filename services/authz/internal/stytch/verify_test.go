package stytch_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
)

// verifiers are both ways to verify a token, with claims that pass.
func verifiers(c *stytch.Client) map[string]struct {
	verify func(t *testing.T, token string) error
	claims func(changes ...any) jwt.MapClaims
} {
	return map[string]struct {
		verify func(t *testing.T, token string) error
		claims func(changes ...any) jwt.MapClaims
	}{
		"a session JWT": {func(t *testing.T, token string) error {
			_, err := c.VerifySessionJWT(t.Context(), token)
			return err
		}, sessionClaims},
		"an access token": {func(t *testing.T, token string) error {
			_, err := c.VerifyAccessToken(t.Context(), token)
			return err
		}, accessClaims},
	}
}

func TestGoodTokensSayWhoseTheyAre(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.connected(t)
	for _, iss := range []string{issuer, f.URL} {
		session, err := c.VerifySessionJWT(t.Context(), f.sign(t, sessionClaims("iss", iss)))
		if err != nil {
			t.Fatalf("a session JWT of %s: %v", iss, err)
		}
		if session.SessionID != sessionID || session.MemberID != member || session.OrganizationID != organization || time.Until(session.Expire) > 5*time.Minute {
			t.Errorf("got session %+v", session)
		}
		token, err := c.VerifyAccessToken(t.Context(), f.sign(t, accessClaims("iss", iss)))
		if err != nil {
			t.Fatalf("an access token of %s: %v", iss, err)
		}
		if token.ClientID != clientID || token.MemberID != member || token.OrganizationID != organization || !slices.Equal(token.Scopes, []string{"openid", "read:okrs"}) {
			t.Errorf("got token %+v", token)
		}
	}
	if n := f.count(keysPath); n != 1 {
		t.Errorf("the key set was fetched %d times, want once", n)
	}
}

func TestBadTokensAreRefusedWithoutAskingStytch(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.connected(t)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&f.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	now := time.Now()

	for kind, v := range verifiers(c) {
		signed := func(changes ...any) string { return f.sign(t, v.claims(changes...)) }
		flipped := []byte(signed())
		flipped[strings.IndexByte(string(flipped), '.')+20] ^= 1
		for name, tc := range map[string]struct {
			token string
			want  error
		}{
			"nothing":                          {"", stytch.ErrTokenInvalid},
			"garbage":                          {"garbage", stytch.ErrTokenInvalid},
			"three dots":                       {"...", stytch.ErrTokenInvalid},
			"expired":                          {signed("exp", now.Add(-time.Second).Unix()), stytch.ErrTokenExpired},
			"expired, of the base URI":         {signed("iss", f.URL, "exp", now.Add(-time.Second).Unix()), stytch.ErrTokenExpired},
			"not valid yet":                    {signed("nbf", now.Add(time.Minute).Unix()), stytch.ErrTokenInvalid},
			"another project's":                {signed("aud", []string{"project-test-2"}), stytch.ErrTokenInvalid},
			"for a resource alone":             {signed("aud", []string{"http://localhost:3000/mcp"}), stytch.ErrTokenInvalid},
			"another issuer's":                 {signed("iss", "https://evil.example"), stytch.ErrTokenInvalid},
			"expired and another issuer's":     {signed("iss", "https://evil.example", "exp", now.Add(-time.Second).Unix()), stytch.ErrTokenInvalid},
			"expired and another project's":    {signed("aud", []string{"project-test-2"}, "exp", now.Add(-time.Second).Unix()), stytch.ErrTokenInvalid},
			"without iat (the SDK panics)":     {signed("iat", nil), stytch.ErrTokenInvalid},
			"without exp (the SDK accepts it)": {signed("exp", nil), stytch.ErrTokenInvalid},
			"without a subject":                {signed("sub", nil), stytch.ErrTokenInvalid},
			"without an organization":          {signed("https://stytch.com/organization", nil), stytch.ErrTokenInvalid},
			"changed after signing":            {string(flipped), stytch.ErrTokenInvalid},
			"signed by a stranger":             {f.signAs(t, jwt.SigningMethodRS256, keyID, stranger, v.claims()), stytch.ErrTokenInvalid},
			"signed by a stranger and expired": {f.signAs(t, jwt.SigningMethodRS256, keyID, stranger, v.claims("exp", now.Add(-time.Second).Unix())), stytch.ErrTokenInvalid},
			"with alg none":                    {f.signAs(t, jwt.SigningMethodNone, keyID, jwt.UnsafeAllowNoneSignatureType, v.claims()), stytch.ErrTokenInvalid},
			"with HS256 and the public key":    {f.signAs(t, jwt.SigningMethodHS256, keyID, publicPEM, v.claims()), stytch.ErrTokenInvalid},
			"with another RSA algorithm":       {f.signAs(t, jwt.SigningMethodPS256, keyID, f.key, v.claims()), stytch.ErrTokenInvalid},
			"without a key id":                 {f.signAs(t, jwt.SigningMethodRS256, "", f.key, v.claims()), stytch.ErrTokenInvalid},
			"with an enormous key id":          {f.signAs(t, jwt.SigningMethodRS256, strings.Repeat("k", 1000), f.key, v.claims()), stytch.ErrTokenInvalid},
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				err := v.verify(t, tc.token)
				if !errors.Is(err, tc.want) || errors.Is(err, stytch.ErrUnavailable) {
					t.Errorf("got %v, want %v", err, tc.want)
				}
				if tc.want == stytch.ErrTokenInvalid && errors.Is(err, stytch.ErrTokenExpired) {
					t.Errorf("it is called expired: %v", err)
				}
			})
		}
	}
	if n := f.count(keysPath); n != 1 {
		t.Errorf("the key set was fetched %d times, want once", n)
	}
}

func TestOneKindOfTokenDoesNotPassForTheOther(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.connected(t)
	session, access := f.sign(t, sessionClaims()), f.sign(t, accessClaims())
	if _, err := c.VerifyAccessToken(t.Context(), session); !errors.Is(err, stytch.ErrTokenInvalid) {
		t.Errorf("a session JWT as access token: got %v", err)
	}
	// A session's custom claims stand at the top of its JWT, where an access token has client and scope.
	imitation := f.sign(t, sessionClaims("client_id", clientID, "scope", "manage:objectives"))
	if _, err := c.VerifyAccessToken(t.Context(), imitation); !errors.Is(err, stytch.ErrTokenInvalid) {
		t.Errorf("a session JWT with the claims of an access token: got %v", err)
	}
	for _, claim := range []string{"client_id", "scope"} {
		if _, err := c.VerifyAccessToken(t.Context(), f.sign(t, accessClaims(claim, nil))); !errors.Is(err, stytch.ErrTokenInvalid) {
			t.Errorf("an access token without %s: got %v", claim, err)
		}
	}
	if _, err := c.VerifySessionJWT(t.Context(), access); !errors.Is(err, stytch.ErrTokenInvalid) {
		t.Errorf("an access token as session JWT: got %v", err)
	}
	for token, want := range map[string]bool{session: true, access: false} {
		if got, err := stytch.IsSessionJWT(token); err != nil || got != want {
			t.Errorf("IsSessionJWT: got %v, %v, want %v", got, err, want)
		}
	}
}

// A key set may leave open what its keys are for, and then the SDK takes every algorithm that fits the key.
func TestOtherAlgorithmsAreRefusedWhateverTheKeySetAllows(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer(keysPath, f.keySetWithout("alg"))
	c := f.connected(t)
	for kind, v := range verifiers(c) {
		if err := v.verify(t, f.sign(t, v.claims())); err != nil {
			t.Errorf("%s with RS256: %v", kind, err)
		}
		for _, method := range []jwt.SigningMethod{jwt.SigningMethodRS384, jwt.SigningMethodPS256} {
			if err := v.verify(t, f.signAs(t, method, keyID, f.key, v.claims())); !errors.Is(err, stytch.ErrTokenInvalid) {
				t.Errorf("%s with %s: got %v", kind, method.Alg(), err)
			}
		}
	}
}

// The SDK cannot be told the time; what it lets pass is judged again.
func TestATokenExpiresByTheClientsClock(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	clock := time.Now()
	c := f.client(t, func(cfg *stytch.Config) { cfg.Now = func() time.Time { return clock } })
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	for kind, v := range verifiers(c) {
		token := f.sign(t, v.claims("exp", clock.Add(time.Minute).Unix()))
		clock = clock.Truncate(time.Second)
		start := clock
		if err := v.verify(t, token); err != nil {
			t.Errorf("%s that has a minute: %v", kind, err)
		}
		clock = clock.Add(time.Minute)
		if err := v.verify(t, token); !errors.Is(err, stytch.ErrTokenExpired) {
			t.Errorf("%s in the second of its expiry: got %v", kind, err)
		}
		clock = start
	}
}

func TestGarbageKeyIDsCostAtMostOneFetchOfTheKeySet(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.connected(t)
	for i := range 30 {
		token := f.signAs(t, jwt.SigningMethodRS256, fmt.Sprintf("garbage-%d", i), f.key, accessClaims())
		_, err := c.VerifyAccessToken(t.Context(), token)
		if !errors.Is(err, stytch.ErrTokenInvalid) || !errors.Is(err, stytch.ErrKeyUnknown) || errors.Is(err, stytch.ErrUnavailable) {
			t.Fatalf("got %v", err)
		}
	}
	if n := f.count(keysPath); n > 2 {
		t.Errorf("the key set was fetched %d times, want the one of the start and one more", n)
	}
}

// The context of the construction must not end the fetching of keys, as it would if it were the one of the start.
func TestARotatedKeyIsFoundAfterTheStartingContextHasEnded(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.connected(t) // whose context is canceled by now
	f.answer(keysPath, f.keySet(keyID, "jwk-test-2"))
	token := f.signAs(t, jwt.SigningMethodRS256, "jwk-test-2", f.key, sessionClaims())
	if _, err := c.VerifySessionJWT(t.Context(), token); err != nil {
		t.Errorf("a token of the new key: %v", err)
	}
}

func TestAKeyThatMayBeNewIsNotCalledUnknownWhileTheKeySetCannotBeFetched(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"is an error":     reply(http.StatusInternalServerError, `{}`),
		"is not JSON":     reply(http.StatusOK, `<html>`),
		"is empty":        reply(http.StatusOK, `{"keys":[]}`),
		"has no RSA key":  reply(http.StatusOK, `{"keys":[{"kty":"oct","kid":"x","k":"AAAA"}]}`),
		"is another page": reply(http.StatusFound, ``),
	} {
		t.Run("the answer "+name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			c := f.connected(t)
			f.answer(keysPath, answer)
			token := f.signAs(t, jwt.SigningMethodRS256, "jwk-test-2", f.key, sessionClaims())
			_, err := c.VerifySessionJWT(t.Context(), token)
			if !errors.Is(err, stytch.ErrUnavailable) || errors.Is(err, stytch.ErrTokenInvalid) {
				t.Errorf("got %v, want unavailable", err)
			}
			if _, err := c.VerifySessionJWT(t.Context(), f.sign(t, sessionClaims())); err != nil {
				t.Errorf("a token of the old key: %v", err)
			}
		})
	}
}
