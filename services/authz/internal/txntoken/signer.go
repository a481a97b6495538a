package txntoken

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
)

// Signer signs transaction tokens with the first of its keys. It is safe for concurrent use.
type Signer struct {
	key   ed25519.PrivateKey
	keyID string
	now   func() time.Time
}

// NewSigner makes a signer.
func NewSigner(keys *Keys, now func() time.Time) *Signer {
	first := keys.set.Keys[0]
	private, _ := first.Key.(ed25519.PrivateKey) // which GenerateKeys and LoadKeys have seen to
	return &Signer{key: private, keyID: first.KeyID, now: now}
}

// Sign makes a transaction token for a principal and says when it expires: in 30 seconds, or with the credential that the
// principal came with. Times in a token are whole seconds: what is cut off shortens the life of the token.
func (s *Signer) Sign(p *authzv1.Principal) (token string, expire time.Time, err error) {
	claims := access.NewClaims(p, uuid.NewString(), s.now().Truncate(time.Second))
	unsigned := jwt.NewWithClaims(jwt.SigningMethodEdDSA, &claims)
	unsigned.Header["typ"] = access.TxnTokenType
	unsigned.Header["kid"] = s.keyID
	token, err = unsigned.SignedString(s.key)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("signing a transaction token: %w", err)
	}
	return token, claims.ExpiresAt.Time, nil
}
