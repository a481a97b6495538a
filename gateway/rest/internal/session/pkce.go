package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// startLife is how long a sign-in that was started may take, as with Stytch's tokens.
const startLife = 10 * time.Minute

// start is a sign-in that was started in this browser. The verifier (RFC 7636) binds the token that comes back to the
// browser: a token that somebody else got does not fit.
type start struct {
	Verifier string    `json:"verifier"`
	Return   string    `json:"return"`
	Expire   time.Time `json:"expire"`
}

// newStart begins a sign-in that ends at the return path.
func newStart(returnPath string, now time.Time) start {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails (crypto/rand since Go 1.24)
	return start{
		Verifier: base64.RawURLEncoding.EncodeToString(secret),
		Return:   cleanReturn(returnPath),
		Expire:   now.Add(startLife),
	}
}

// challenge is the S256 challenge of the verifier (RFC 7636 section 4.2).
func (s start) challenge() string {
	sum := sha256.Sum256([]byte(s.Verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// keepStart puts a start into its cookie; a later one takes its place.
func (c Cookies) keepStart(w http.ResponseWriter, s start) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	c.set(w, c.signIn, base64.RawURLEncoding.EncodeToString(text), startLife)
	return nil
}

// takeStart reads the start from its cookie, if there is one that has not expired.
func (c Cookies) takeStart(r *http.Request) (start, bool) {
	text, err := base64.RawURLEncoding.DecodeString(value(r, c.signIn))
	if err != nil {
		return start{}, false
	}
	var s start
	if json.Unmarshal(text, &s) != nil || s.Verifier == "" || !c.now().Before(s.Expire) {
		return start{}, false
	}
	s.Return = cleanReturn(s.Return)
	return s, true
}

// maxReturn bounds return paths, which travel in a cookie.
const maxReturn = 2048

// cleanReturn is a return path that stays on this host: relative, and in no form that a browser reads as another host.
// Everything else becomes "/".
func cleanReturn(p string) string {
	if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || len(p) > maxReturn || !utf8.ValidString(p) {
		return "/"
	}
	// Browsers drop tabs and line breaks from addresses and take backslashes for slashes.
	if strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
		return "/"
	}
	u, err := url.Parse(p)
	if err != nil || u.IsAbs() || u.Host != "" || strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return u.String()
}
