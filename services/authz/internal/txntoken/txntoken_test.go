package txntoken_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/df0f9dda/okr-manager/services/authz/internal/txntoken"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

func sign(t *testing.T, keys *txntoken.Keys, now time.Time) string {
	t.Helper()
	token, _, err := txntoken.NewSigner(keys, func() time.Time { return now }).Sign(kittest.CEO("o"))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func keyID(t *testing.T, token string) string {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(token, &access.Claims{})
	if err != nil {
		t.Fatal(err)
	}
	id, _ := parsed.Header["kid"].(string)
	return id
}

func verifier(keys *txntoken.Keys, now time.Time) *access.TxnVerifier {
	return access.NewTxnVerifier(func(context.Context) (string, error) { return keys.JWKS() }, func() time.Time { return now })
}

func TestAKeyFileIsMadeOnceAndForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	tokens := make([]string, 8)
	var tasks sync.WaitGroup
	for i := range tokens { // replicas that start together
		tasks.Go(func() {
			keys, err := txntoken.LoadOrCreateKeys(path)
			if err != nil {
				t.Error(err)
				return
			}
			tokens[i] = sign(t, keys, time.Now())
		})
	}
	tasks.Wait()
	for _, token := range tokens {
		if keyID(t, token) != keyID(t, tokens[0]) {
			t.Error("they have different keys")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestKeyFilesThatCannotBeUsedAreRefused(t *testing.T) {
	t.Parallel()
	good, err := os.ReadFile(makeFile(t))
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(good, &set); err != nil {
		t.Fatal(err)
	}
	public := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": set.Keys[0]["x"], "kid": "public"}
	file := func(keys ...map[string]any) string {
		text, err := json.Marshal(map[string]any{"keys": keys})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, tc := range map[string]struct {
		text, want string
		mode       fs.FileMode
	}{
		"readable by the group":  {string(good), "chmod 600", 0o640},
		"readable by all":        {string(good), "chmod 600", 0o604},
		"not JSON":               {"-----BEGIN", "reading the JWK set", 0o600},
		"without a key":          {file(), "no key", 0o600},
		"with a public key":      {file(public), "not an Ed25519 private key", 0o600},
		"with a public key, too": {file(set.Keys[0], public), "key 2 is not", 0o600},
		"with a symmetric key":   {file(map[string]any{"kty": "oct", "k": "AAAA", "kid": "x"}), "not an Ed25519", 0o600},
		"with one key id twice":  {file(set.Keys[0], set.Keys[0]), "two keys", 0o600},
	} {
		path := filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(path, []byte(tc.text), tc.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tc.mode); err != nil {
			t.Fatal(err)
		}
		_, err := txntoken.LoadOrCreateKeys(path)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
	if _, err := txntoken.LoadOrCreateKeys(filepath.Join(t.TempDir(), "missing", "keys.json")); err == nil {
		t.Error("a file in a directory that does not exist was made")
	}
}

func makeFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	if _, err := txntoken.LoadOrCreateKeys(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKeysChangeWithoutATokenBeingRefused(t *testing.T) {
	t.Parallel()
	now := time.Now()
	first, second := readKeys(t, makeFile(t)), readKeys(t, makeFile(t))
	join := func(keys ...any) *txntoken.Keys {
		text, err := json.Marshal(map[string]any{"keys": keys})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, err := txntoken.LoadKeys(path)
		if err != nil {
			t.Fatal(err)
		}
		return loaded
	}
	steps := []*txntoken.Keys{join(first), join(first, second), join(second, first), join(second)}
	for i := range len(steps) - 1 {
		// Some replicas have the file of one step and some of the next, and each verifies the tokens of the others.
		for _, pair := range [][2]*txntoken.Keys{{steps[i], steps[i+1]}, {steps[i+1], steps[i]}} {
			if _, err := verifier(pair[1], now).Verify(t.Context(), sign(t, pair[0], now)); err != nil {
				t.Errorf("between steps %d and %d: %v", i, i+1, err)
			}
		}
	}
	if _, err := verifier(steps[3], now).Verify(t.Context(), sign(t, steps[0], now)); err == nil {
		t.Error("the dropped key still verifies")
	}
}

func readKeys(t *testing.T, path string) any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []any `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	return set.Keys[0]
}

// Secrets follow the keys: replicas with the same file have the same ones, each purpose has its own, and a secret is no key.
func TestDerivedSecretsAreThoseOfTheKeysAndOfOnePurpose(t *testing.T) {
	t.Parallel()
	path := makeFile(t)
	derive := func(path, purpose string) []byte {
		keys, err := txntoken.LoadKeys(path)
		if err != nil {
			t.Fatal(err)
		}
		secrets, err := keys.Derive(purpose, 32)
		if err != nil || len(secrets) != 1 || len(secrets[0]) != 32 {
			t.Fatalf("got %d secrets, %v", len(secrets), err)
		}
		return secrets[0]
	}
	one := derive(path, "a")
	if !bytes.Equal(one, derive(path, "a")) {
		t.Error("the same file gives two secrets")
	}
	if bytes.Equal(one, derive(path, "b")) || bytes.Equal(one, derive(makeFile(t), "a")) {
		t.Error("another purpose or another key gives the same secret")
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), base64.RawURLEncoding.EncodeToString(one)) {
		t.Errorf("the secret is in the key file: %v", err)
	}
}

func TestThePublishedKeysAreNotThePrivateOnes(t *testing.T) {
	t.Parallel()
	keys, err := txntoken.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	jwks, err := keys.JWKS()
	if err != nil || strings.Contains(jwks, `"d"`) || !strings.Contains(jwks, `"x"`) || !strings.Contains(jwks, `"Ed25519"`) {
		t.Errorf("got %s, %v", jwks, err)
	}
}

func TestATokenLivesThirtySecondsOrAsLongAsTheCredential(t *testing.T) {
	t.Parallel()
	keys, err := txntoken.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 900_000_000, time.UTC)
	signer := txntoken.NewSigner(keys, func() time.Time { return now })
	for name, tc := range map[string]struct{ credential, want time.Duration }{
		"of an hour":       {time.Hour, 29100 * time.Millisecond},
		"of ten seconds":   {9100 * time.Millisecond, 9100 * time.Millisecond},
		"of a part second": {9500 * time.Millisecond, 9100 * time.Millisecond},
	} {
		p := kittest.Employee("o")
		p.ExpireTime = timestamppb.New(now.Add(tc.credential))
		token, expire, err := signer.Sign(p)
		if err != nil {
			t.Fatal(err)
		}
		if !expire.Equal(now.Add(tc.want)) {
			t.Errorf("a credential %s: expires in %s, want %s", name, expire.Sub(now), tc.want)
		}
		identity, err := verifier(keys, now).Verify(t.Context(), token)
		if err != nil || !identity.Expire.Equal(expire) || identity.Principal.GetMemberId() != p.GetMemberId() {
			t.Errorf("a credential %s: got %v, %v", name, identity, err)
		}
		if _, err := verifier(keys, expire).Verify(t.Context(), token); err == nil {
			t.Errorf("a credential %s: the token is good when it has expired", name)
		}
	}
}
