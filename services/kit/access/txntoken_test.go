package access_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

// clock is a time that tests set. It is safe for concurrent use.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) Advance(d time.Duration) { c.nanos.Add(int64(d)) }

// issuer signs transaction tokens and publishes its keys as authz does. It is safe for concurrent use.
type issuer struct {
	clock   *clock
	fetches atomic.Int64

	mu   sync.Mutex
	keys map[string]ed25519.PrivateKey
	down error
}

func newIssuer(t *testing.T, kids ...string) *issuer {
	t.Helper()
	i := &issuer{clock: newClock(), keys: map[string]ed25519.PrivateKey{}}
	for _, kid := range kids {
		i.addKey(t, kid)
	}
	return i
}

func (i *issuer) addKey(t *testing.T, kid string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys[kid] = key
}

func (i *issuer) setDown(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = err
}

// jwks is what a verifier fetches.
func (i *issuer) jwks(context.Context) (string, error) {
	i.fetches.Add(1)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down != nil {
		return "", i.down
	}
	var set jose.JSONWebKeySet
	for kid, key := range i.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{KeyID: kid, Key: key.Public(), Algorithm: "EdDSA", Use: "sig"})
	}
	text, err := json.Marshal(set)
	return string(text), err
}

func (i *issuer) verifier() *access.TxnVerifier { return access.NewTxnVerifier(i.jwks, i.clock.Now) }

// claims are those of a good token for the principal.
func (i *issuer) claims(p *authzv1.Principal) access.Claims {
	return access.NewClaims(p, "txn-1", i.clock.Now())
}

// sign signs claims with the key "a" and the right header, which edit may change.
func (i *issuer) sign(t *testing.T, claims jwt.Claims, edit ...func(*jwt.Token)) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	token.Header["typ"] = access.TxnTokenType
	token.Header["kid"] = "a"
	i.mu.Lock()
	var key any = i.keys["a"]
	i.mu.Unlock()
	for _, e := range edit {
		e(token)
	}
	switch token.Method {
	case jwt.SigningMethodHS256:
		key = []byte("secret")
	case jwt.SigningMethodNone:
		key = jwt.UnsafeAllowNoneSignatureType
	}
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func principal(c *clock) *authzv1.Principal {
	p := kittest.Agent(kittest.Manager("organization-1"), "read:okrs", "manage:krs")
	p.ExpireTime = timestamppb.New(c.Now().Add(time.Hour))
	return p
}

func TestATransactionTokenCarriesTheWholePrincipal(t *testing.T) {
	i := newIssuer(t, "a")
	want := principal(i.clock)
	fields := want.ProtoReflect().Descriptor().Fields()
	for n := range fields.Len() {
		if !want.ProtoReflect().Has(fields.Get(n)) {
			t.Fatalf("the test's principal leaves %s empty", fields.Get(n).Name())
		}
	}
	identity, err := i.verifier().Verify(t.Context(), i.sign(t, i.claims(want)))
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(identity.Principal, want) {
		t.Errorf("got  %v\nwant %v", identity.Principal, want)
	}
	if want := i.clock.Now().Add(access.TxnTokenLifetime); !identity.Expire.Equal(want) {
		t.Errorf("the identity expires at %v, want %v", identity.Expire, want)
	}
}

func TestATransactionTokenEndsWithItsCredential(t *testing.T) {
	i := newIssuer(t, "a")
	p := kittest.CEO("acme")
	p.ExpireTime = timestamppb.New(i.clock.Now().Add(7 * time.Second))
	identity, err := i.verifier().Verify(t.Context(), i.sign(t, i.claims(p)))
	if err != nil {
		t.Fatal(err)
	}
	if !identity.Expire.Equal(p.GetExpireTime().AsTime()) {
		t.Errorf("the identity expires at %v, the credential at %v", identity.Expire, p.GetExpireTime().AsTime())
	}
}

func TestATransactionTokenThatIsNotExactlyOneIsRefused(t *testing.T) {
	i := newIssuer(t, "a")
	good := func() access.Claims { return i.claims(principal(i.clock)) }
	changed := func(edit func(*access.Claims)) jwt.Claims {
		c := good()
		edit(&c)
		return c
	}
	header := func(name string, value any) func(*jwt.Token) {
		return func(t *jwt.Token) { t.Header[name] = value }
	}
	method := func(m jwt.SigningMethod) func(*jwt.Token) {
		return func(t *jwt.Token) { t.Method, t.Header["alg"] = m, m.Alg() }
	}
	after := func(d time.Duration) *jwt.NumericDate { return jwt.NewNumericDate(i.clock.Now().Add(d)) }

	for _, test := range []struct{ name, token, want string }{
		{"a good one", i.sign(t, good()), ""},
		{"nothing", "", "TOKEN_INVALID"},
		{"not a JWT", "abc", "TOKEN_INVALID"},
		{"three empty parts", "..", "TOKEN_INVALID"},
		{"an ordinary JWT, such as a session's", i.sign(t, good(), header("typ", "JWT")), "TOKEN_INVALID"},
		{"no type", i.sign(t, good(), header("typ", nil)), "TOKEN_INVALID"},
		{"a type that is not text", i.sign(t, good(), header("typ", 1)), "TOKEN_INVALID"},
		{"no key id", i.sign(t, good(), header("kid", "")), "TOKEN_INVALID"},
		{"no signature (alg none)", i.sign(t, good(), method(jwt.SigningMethodNone)), "TOKEN_INVALID"},
		{"a symmetric signature", i.sign(t, good(), method(jwt.SigningMethodHS256)), "TOKEN_INVALID"},
		{"another issuer", i.sign(t, changed(func(c *access.Claims) { c.Issuer = "someone" })), "TOKEN_INVALID"},
		{"no issuer", i.sign(t, changed(func(c *access.Claims) { c.Issuer = "" })), "TOKEN_INVALID"},
		{"another audience", i.sign(t, changed(func(c *access.Claims) { c.Audience = jwt.ClaimStrings{"authz"} })), "TOKEN_INVALID"},
		{"no audience", i.sign(t, changed(func(c *access.Claims) { c.Audience = nil })), "TOKEN_INVALID"},
		{"no subject", i.sign(t, changed(func(c *access.Claims) { c.Subject = "" })), "TOKEN_INVALID"},
		{"no organization", i.sign(t, changed(func(c *access.Claims) { c.Context.Organization = "" })), "TOKEN_INVALID"},
		{"no expiry", i.sign(t, changed(func(c *access.Claims) { c.ExpiresAt = nil })), "TOKEN_INVALID"},
		{"no time of issue", i.sign(t, changed(func(c *access.Claims) { c.IssuedAt = nil })), "TOKEN_INVALID"},
		{"a life of 31 seconds", i.sign(t, changed(func(c *access.Claims) { c.ExpiresAt = after(31 * time.Second) })), "TOKEN_INVALID"},
		{"issued an hour from now", i.sign(t, changed(func(c *access.Claims) {
			c.IssuedAt, c.ExpiresAt = after(time.Hour), after(time.Hour+30*time.Second)
		})), "TOKEN_INVALID"},
		{"not valid before a later time", i.sign(t, changed(func(c *access.Claims) { c.NotBefore = after(10 * time.Second) })), "TOKEN_INVALID"},
		{"expired a second ago", i.sign(t, changed(func(c *access.Claims) {
			c.IssuedAt, c.ExpiresAt = after(-31*time.Second), after(-time.Second)
		})), "TOKEN_EXPIRED"},
		{"expired at this very second", i.sign(t, changed(func(c *access.Claims) {
			c.IssuedAt, c.ExpiresAt = after(-30*time.Second), after(0)
		})), "TOKEN_EXPIRED"},
		{"another organization written into the payload", tamper(t, i.sign(t, good()), "organization-1", "organization-2"), "TOKEN_INVALID"},
		{"a longer life written into the payload", tamper(t, i.sign(t, good()), `"sub"`, `"exp":9999999999,"sub"`), "TOKEN_INVALID"},
		{"a signature cut off", strings.TrimRight(i.sign(t, good()), "_-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"), "TOKEN_INVALID"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := i.verifier()
			for range 2 { // the second time from whatever was remembered
				_, err := v.Verify(t.Context(), test.token)
				if got := reason(err); got != test.want {
					t.Fatalf("Verify = %v, want %q", err, test.want)
				}
			}
		})
	}
}

// tamper changes the payload of a token and keeps its signature.
func tamper(t *testing.T, token, old, replacement string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(payload), old, replacement, 1)
	if changed == string(payload) {
		t.Fatalf("the payload has no %s: %s", old, payload)
	}
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(changed))
	return strings.Join(parts, ".")
}

func TestATokenSignedByAnUnpublishedKeyUnderAPublishedKeyIDIsRefused(t *testing.T) {
	i, forger := newIssuer(t, "a"), newIssuer(t, "a")
	_, err := i.verifier().Verify(t.Context(), forger.sign(t, i.claims(principal(i.clock))))
	if reason(err) != "TOKEN_INVALID" {
		t.Errorf("Verify = %v", err)
	}
}

func TestAVerifiedTokenIsForgottenAtTheSecondItExpires(t *testing.T) {
	i := newIssuer(t, "a")
	v, token := i.verifier(), i.sign(t, i.claims(principal(i.clock)))
	first, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	i.clock.Advance(access.TxnTokenLifetime - time.Nanosecond)
	if again, err := v.Verify(t.Context(), token); err != nil || again != first {
		t.Errorf("just before its end: %v, %v", again, err)
	}
	i.clock.Advance(time.Nanosecond)
	if _, err := v.Verify(t.Context(), token); reason(err) != "TOKEN_EXPIRED" {
		t.Errorf("at its end: %v", err)
	}
}

func TestAnUnknownKeyIsAskedForAtMostOnceASecond(t *testing.T) {
	i := newIssuer(t, "a")
	v := i.verifier()
	byKey := func(kid string) error {
		_, err := v.Verify(t.Context(), i.sign(t, i.claims(principal(i.clock)), func(token *jwt.Token) { token.Header["kid"] = kid }))
		return err
	}
	if err := byKey("a"); err != nil {
		t.Fatal(err)
	}
	for _, kid := range []string{"b", "c", "d"} {
		if err := byKey(kid); reason(err) != "TOKEN_INVALID" {
			t.Errorf("an unknown key id: %v", err)
		}
	}
	if n := i.fetches.Load(); n != 1 {
		t.Errorf("%d fetches within a second, want 1", n)
	}
	i.clock.Advance(time.Second)
	for range 3 {
		if err := byKey("b"); reason(err) != "TOKEN_INVALID" {
			t.Errorf("an unknown key id: %v", err)
		}
	}
	if n := i.fetches.Load(); n != 2 {
		t.Errorf("%d fetches after a second, want 2", n)
	}
}

func TestANewKeyIsPickedUpWhenATokenNamesIt(t *testing.T) {
	i := newIssuer(t, "a")
	v := i.verifier()
	if _, err := v.Verify(t.Context(), i.sign(t, i.claims(principal(i.clock)))); err != nil {
		t.Fatal(err)
	}
	i.addKey(t, "b")
	i.clock.Advance(time.Second)
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, i.claims(principal(i.clock)))
	token.Header["typ"], token.Header["kid"] = access.TxnTokenType, "b"
	signed, err := token.SignedString(i.keys["b"])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), signed); err != nil {
		t.Errorf("a token of the new key: %v", err)
	}
}

func TestCallersOnAColdStartShareOneFetchOfTheKeys(t *testing.T) {
	i := newIssuer(t, "a")
	fetching, release := make(chan struct{}), make(chan struct{})
	v := access.NewTxnVerifier(func(ctx context.Context) (string, error) {
		close(fetching) // a second fetch panics
		<-release
		if err := ctx.Err(); err != nil {
			return "", err
		}
		return i.jwks(ctx)
	}, i.clock.Now)
	token := i.sign(t, i.claims(principal(i.clock)))

	var wg sync.WaitGroup
	verify := func(ctx context.Context) {
		wg.Go(func() {
			if _, err := v.Verify(ctx, token); err != nil {
				t.Errorf("Verify: %v", err)
			}
		})
	}
	first, giveUp := context.WithCancel(t.Context())
	verify(first)
	<-fetching
	for range 63 {
		verify(t.Context())
	}
	giveUp() // must not fail the others
	close(release)
	wg.Wait()
	if n := i.fetches.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}

func TestWithoutKeysNobodyIsCalledUnauthenticated(t *testing.T) {
	i := newIssuer(t, "a")
	i.setDown(errors.New("connection refused"))
	v, token := i.verifier(), i.sign(t, i.claims(principal(i.clock)))
	for range 5 {
		if _, err := v.Verify(t.Context(), token); reason(err) != "AUTHZ_UNAVAILABLE" {
			t.Fatalf("Verify = %v", err)
		}
	}
	if n := i.fetches.Load(); n != 1 {
		t.Errorf("%d fetches within a second of a failure, want 1", n)
	}
	i.setDown(nil)
	i.clock.Advance(time.Second)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Errorf("a second later, with authz back: %v", err)
	}

	i.setDown(errors.New("connection refused"))
	if _, err := v.Verify(t.Context(), i.sign(t, i.claims(kittest.CEO("acme")))); err != nil {
		t.Errorf("a known key needs no authz: %v", err)
	}
}

func TestClaimsOfAnUnknownSurfaceOrKindAllowNothing(t *testing.T) {
	i := newIssuer(t, "a")
	claims := i.claims(principal(i.clock))
	claims.Context.Kind, claims.Context.Surface = "ROOT", "TELEX"
	p := claims.Principal()
	if p.GetSurface() != accessv1.Surface_SURFACE_UNSPECIFIED {
		t.Errorf("the surface is %v", p.GetSurface())
	}
	for _, permission := range access.AllPermissions() {
		if access.Permits(p, permission.GetResource(), permission.GetAction()) {
			t.Errorf("%s is allowed", access.PermissionString(permission))
		}
	}
}
