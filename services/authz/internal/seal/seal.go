// Package seal lets a service hand out what only it can read and nobody can change, and take it back later, without
// keeping anything.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// KeySize is the size of a key, in bytes.
const KeySize = 32

// ErrBroken says that a text was not sealed by any of the keys, or not for this context.
var ErrBroken = errors.New("the seal is broken")

// Sealer seals with AES-256-GCM and a random nonce. The first key seals, all open. It is safe for concurrent use.
type Sealer struct {
	keys []cipher.AEAD
}

// New makes a sealer. A key serves for nothing else, and for fewer than 2^32 seals.
func New(keys [][]byte) (*Sealer, error) {
	s := &Sealer{}
	for _, key := range keys {
		if len(key) != KeySize {
			return nil, fmt.Errorf("a sealing key must have %d bytes", KeySize)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("making a cipher: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("making a cipher: %w", err)
		}
		s.keys = append(s.keys, aead)
	}
	if len(s.keys) == 0 {
		return nil, errors.New("there is no sealing key")
	}
	return s, nil
}

// Seal answers base64url. Only Open with the same context opens it.
func (s *Sealer) Seal(content, context []byte) string {
	sealed := s.keys[0].Seal(nil, nil, content, context) //nolint:gosec // the nonce is random: the cipher makes it itself
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// Open answers the content, or ErrBroken.
func (s *Sealer) Open(sealed string, context []byte) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil || strings.ContainsAny(sealed, "\r\n") { // line breaks are skipped, and one text alone is to open
		return nil, ErrBroken
	}
	for _, key := range s.keys {
		if content, err := key.Open(nil, nil, raw, context); err == nil {
			return content, nil
		}
	}
	return nil, ErrBroken
}
