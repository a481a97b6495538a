// Package token makes and checks the JWTs of devidp: session tokens and access tokens in the form of Stytch's, signed
// with one RSA key.
package token

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// keyBits is the size that Stytch's verifiers expect for RS256.
const keyBits = 2048

// NewKey makes a signing key, as PKCS #8 DER.
func NewKey() ([]byte, error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("making a signing key: %w", err)
	}
	return x509.MarshalPKCS8PrivateKey(private)
}

// Key is a signing key with its published form.
type Key struct {
	id      string
	private *rsa.PrivateKey
	public  jose.JSONWebKey
}

// ParseKey reads what NewKey made. The key id is the key's thumbprint (RFC 7638), so it lasts as long as the key.
func ParseKey(der []byte) (*Key, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("parsing the signing key: %w", err)
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the signing key is not an RSA key")
	}
	public := jose.JSONWebKey{Key: private.Public(), Algorithm: string(jose.RS256), Use: "sig"}
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("identifying the signing key: %w", err)
	}
	public.KeyID = "jwk-test-" + base64.RawURLEncoding.EncodeToString(thumbprint)
	return &Key{id: public.KeyID, private: private, public: public}, nil
}

// Public is the JWK that verifiers fetch. It names alg and use: without them stytch-go would accept other RSA
// algorithms with this key.
func (k *Key) Public() jose.JSONWebKey { return k.public }
