package state

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // what authenticator apps compute with (RFC 6238)
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Of one-time passwords by time (RFC 6238), as every authenticator app has them.
const (
	totpStep    = 30 * time.Second
	totpModulus = 1_000_000 // six digits
	// totpSkew is how many steps a code may be early or late.
	totpSkew = 1
)

// TOTP is an authenticator app of a member, with the codes that take its place. These are kept as they are, because the
// API shows them again.
type TOTP struct {
	RegistrationID string    `json:"registration_id"`
	Secret         string    `json:"secret"`     // Base32.
	Verified       bool      `json:"verified"`   // It has had its first code.
	ExpiresAt      time.Time `json:"expires_at"` // Of one that is not verified.
	LastStep       int64     `json:"last_step"`  // Of the last code that was taken: none is taken twice.
	RecoveryCodes  []string  `json:"recovery_codes"`
}

// recoveryCodes is how many there are of them.
const recoveryCodes = 10

// NewTOTP returns an authenticator app that is to have its first code before a moment.
func NewTOTP(until time.Time) TOTP {
	secret := make([]byte, 20) // RFC 4226 section 4, R6
	_, _ = rand.Read(secret)   // never fails
	return TOTP{
		RegistrationID: NewID("member-totp"), Secret: base32.StdEncoding.EncodeToString(secret), ExpiresAt: until,
		RecoveryCodes: NewRecoveryCodes(),
	}
}

// NewRecoveryCodes returns codes such as abcd-efgh-ijkl.
func NewRecoveryCodes() []string {
	codes := make([]string, recoveryCodes)
	for i := range codes {
		text := strings.ToLower(NewSecret())
		codes[i] = text[:4] + "-" + text[4:8] + "-" + text[8:12]
	}
	return codes
}

// Usable reports whether codes of it may be taken: it is verified, or there is still time for that.
func (t *TOTP) Usable(now time.Time) bool { return t != nil && (t.Verified || now.Before(t.ExpiresAt)) }

// Take takes a code once.
func (t *TOTP) Take(code string, now time.Time) (taken, repeated bool) {
	present := now.Unix() / int64(totpStep/time.Second)
	for step := present - totpSkew; step <= present+totpSkew; step++ {
		if !hmac.Equal([]byte(code), []byte(totpCode(t.Secret, step))) {
			continue
		}
		if step <= t.LastStep {
			return false, true
		}
		t.LastStep, t.Verified = step, true
		return true, false
	}
	return false, false
}

// TakeRecovery takes a recovery code once.
func (t *TOTP) TakeRecovery(code string) bool {
	i := slices.IndexFunc(t.RecoveryCodes, func(one string) bool { return hmac.Equal([]byte(one), []byte(code)) })
	if i < 0 {
		return false
	}
	t.RecoveryCodes = slices.Delete(t.RecoveryCodes, i, i+1)
	return true
}

// TOTPCode is what an authenticator app shows at a moment; "" for a secret that is none.
func TOTPCode(secret string, at time.Time) string {
	return totpCode(secret, at.Unix()/int64(totpStep/time.Second))
}

func totpCode(secret string, step int64) string {
	key, err := base32.StdEncoding.DecodeString(secret)
	if err != nil {
		return ""
	}
	h := hmac.New(sha1.New, key)
	_ = binary.Write(h, binary.BigEndian, step) // a hash takes everything
	sum := h.Sum(nil)
	at := sum[len(sum)-1] & 0xf // RFC 4226 section 5.3
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:at+4])&0x7fff_ffff%totpModulus)
}
