package state

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"

	"github.com/google/uuid"
)

// NewID returns a fresh id in Stytch's form, such as member-test-UUID.
func NewID(kind string) string { return kind + "-test-" + uuid.NewString() }

// NewSecret returns a fresh token of at least 128 bits.
func NewSecret() string { return rand.Text() }

// Hash is the form in which tokens are stored. They carry enough entropy to need neither salt nor stretching.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// NewPasscode returns six random digits.
func NewPasscode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", fmt.Errorf("drawing a passcode: %w", err)
	}
	return fmt.Sprintf("%06d", n), nil
}

// MAC authenticates what devidp hands out or stores, with a key of its own.
type MAC struct {
	key []byte
}

func (m MAC) sum(purpose, text string) []byte {
	h := hmac.New(sha256.New, m.key)
	h.Write([]byte(purpose + "\x00" + text))
	return h.Sum(nil)
}

// Passcode is the stored form of a passcode: six digits would not survive a plain hash.
func (m MAC) Passcode(email, code string) string {
	return hex.EncodeToString(m.sum("passcode", NormalEmail(email)+"\x00"+code))
}

// PasscodeMatches compares in constant time.
func (m MAC) PasscodeMatches(stored, email, code string) bool {
	return hmac.Equal([]byte(stored), []byte(m.Passcode(email, code)))
}

// SessionToken is the opaque token of a session. It is derived rather than stored, because the API answers it again to
// a caller who only brought the session's JWT.
func (m MAC) SessionToken(sessionID string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(sessionID)) + "." + base64.RawURLEncoding.EncodeToString(m.sum("session", sessionID))
}

// SessionID returns the session that a token is for, and an empty one, which no session has, for a token that was not
// made here. The whole token is compared, not its parts, so that there is one spelling of it only.
func (m MAC) SessionID(token string) string {
	encoded, _, _ := strings.Cut(token, ".")
	id, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || !hmac.Equal([]byte(token), []byte(m.SessionToken(string(id)))) {
		return ""
	}
	return string(id)
}
