// Package seal protects what a client keeps for the server: it can neither read nor change it, nor use it for anything
// but what it was given for.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// KeySize is the size of a key in bytes.
const KeySize = 32

// ErrForeign says that a text was not sealed by this key for this use, or was changed.
var ErrForeign = errors.New("not sealed here")

// Sealer seals with one key for one purpose. It may be used concurrently.
type Sealer struct{ aead cipher.AEAD }

// New makes a sealer. What it seals opens with the same key and the same purpose alone; a nil key is a random one.
func New(key []byte, purpose string) (*Sealer, error) {
	if key == nil {
		key = make([]byte, KeySize)
		_, _ = rand.Read(key) // never fails (crypto/rand)
	}
	if len(key) != KeySize {
		return nil, fmt.Errorf("a sealing key has %d bytes, not %d", KeySize, len(key))
	}
	derived, err := hkdf.Key(sha256.New, key, nil, purpose, KeySize)
	if err != nil {
		return nil, fmt.Errorf("deriving a sealing key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("making a cipher: %w", err)
	}
	// The nonce is random and part of the text: 2^32 texts are within its bounds (SP 800-38D section 8.3).
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("making a cipher: %w", err)
	}
	return &Sealer{aead}, nil
}

// Seal returns a text of A-Z a-z 0-9 - _ that opens with the same context alone.
func (s *Sealer) Seal(plain []byte, context string) string {
	//nolint:gosec // the cipher makes the nonce itself, so none is passed
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, []byte(context)))
}

// Open returns what was sealed with the context, or ErrForeign.
func (s *Sealer) Open(sealed, context string) ([]byte, error) {
	// One text alone opens, not also those that differ in unused bits or have line breaks, which the decoder skips.
	if strings.ContainsAny(sealed, "\r\n") {
		return nil, ErrForeign
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return nil, ErrForeign
	}
	plain, err := s.aead.Open(nil, nil, raw, []byte(context))
	if err != nil {
		return nil, ErrForeign
	}
	return plain, nil
}
