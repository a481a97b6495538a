package access_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/protobuf/proto"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// A text is a transaction token only if it says what authz signed; everything else is refused, and nothing panics. The key
// is the same in every process, for the seeds to be good in those that fuzz.
func FuzzTransactionToken(f *testing.F) {
	seed := sha256.Sum256([]byte("a key of the tests"))
	key := ed25519.NewKeyFromSeed(seed[:])
	clock := newClock()
	sign := func(claims jwt.Claims, typ, kid string) string {
		token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
		token.Header["typ"], token.Header["kid"] = typ, kid
		text, err := token.SignedString(key)
		if err != nil {
			f.Fatal(err)
		}
		return text
	}
	principal := kittest.CEO("acme")
	principal.ExpireTime.Seconds = clock.Now().Unix() + 3600
	good := access.NewClaims(principal, "txn-1", clock.Now())
	token := sign(good, access.TxnTokenType, "a")
	verifier := access.NewTxnVerifier(func(context.Context) (string, error) {
		set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{KeyID: "a", Key: key.Public(), Algorithm: "EdDSA", Use: "sig"}}})
		return string(set), err
	}, clock.Now)
	want, err := verifier.Verify(f.Context(), token)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add(sign(good, "JWT", "a"))
	f.Add(sign(good, access.TxnTokenType, "b"))
	f.Add(sign(jwt.MapClaims{"iss": access.TxnTokenIssuer, "aud": 1, "exp": "x", "tctx": []int{}}, access.TxnTokenType, "a"))
	f.Add("e30.e30.e30")
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := verifier.Verify(t.Context(), text)
		switch {
		case err == nil && !proto.Equal(got.Principal, want.Principal):
			t.Errorf("%q lets in %v", text, got.Principal)
		case err == nil && strings.TrimSuffix(text[:strings.LastIndexByte(text, '.')], "=") != token[:strings.LastIndexByte(token, '.')]:
			t.Errorf("%q is taken for a token that was signed", text)
		case err != nil && rpcerr.ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID &&
			rpcerr.ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED:
			t.Errorf("%q is refused with %v", text, err)
		}
	})
}

// A text is a permission only if it is what that is written as, or names the action in capitals.
func FuzzPermission(f *testing.F) {
	for _, p := range access.AllPermissions() {
		f.Add(access.PermissionString(p))
	}
	f.Add(":")
	f.Fuzz(func(t *testing.T, text string) {
		p, ok := access.ParsePermission(text)
		if ok && !strings.EqualFold(access.PermissionString(p), text) {
			t.Errorf("%q was read as %v", text, p)
		}
	})
}

// A header is the bearer of a token or is refused; the token is a part of it, as it stands there.
func FuzzBearerToken(f *testing.F) {
	f.Add("Bearer a.b.c")
	f.Add("bearer  x")
	f.Add("Basic eDp5")
	f.Fuzz(func(t *testing.T, header string) {
		token, err := access.BearerToken(header)
		if err == nil && (token == "" || !strings.HasSuffix(header, " "+token) || strings.ContainsAny(token, " ,\r\n\"")) {
			t.Errorf("%q was read as the token %q", header, token)
		}
	})
}
