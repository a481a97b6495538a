package session

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
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

// keepStart puts a start into its cookie; a later one takes its place. A return path that is too long for a cookie is
// left out: a sign-in that ends at the front page is better than one that does not end.
func (c Cookies) keepStart(w http.ResponseWriter, s start) error {
	text, err := s.encode()
	if err == nil && len(c.signIn)+len(text) > maxCookie {
		s.Return = "/"
		text, err = s.encode()
	}
	if err != nil {
		return err
	}
	c.set(w, c.signIn, text, startLife)
	return nil
}

// encode writes a start as the value of a cookie. Paths are full of "&", which is not worth six characters here.
func (s start) encode() (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(bytes.TrimSpace(text.Bytes())), nil
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

// maxReturn bounds return paths. The longest are authorization requests, with the state of an application in them; this is
// what a cookie has room for beside the rest of a start.
const maxReturn = 2800

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
	if err != nil || u.IsAbs() || u.Host != "" {
		return "/"
	}
	// The server has no page under a path that is not clean, and "/.//host" becomes another host where somebody cleans it.
	if path.Clean(u.Path) != u.Path {
		return "/"
	}
	return u.String()
}
