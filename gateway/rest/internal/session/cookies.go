// Package session is the identity side of the REST edge: cookies, who is calling, what each service behind may see of
// it, and the redirects by which people sign in.
package session

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
)

// maxCookie is more than a browser stores of one cookie (RFC 6265 section 6.1). What is longer was not set here.
const maxCookie = 4096

// Cookies are the names and attributes of the edge's cookies. All are HttpOnly: no script can read them.
type Cookies struct {
	session, jwt, intermediate, signIn, link string

	secure bool
	now    func() time.Time
}

// NewCookies decides by the address at which browsers reach the edge. With HTTPS the names begin with "__Host-", which
// browsers take only for Secure cookies of this very host, so that no other host of the domain can plant one. Without, on
// localhost, cookies are shared by all ports: the names are told apart by what they say.
func NewCookies(public *url.URL, now func() time.Time) Cookies {
	c := Cookies{
		session: "okr_session", jwt: "okr_session_jwt", intermediate: "okr_signin", signIn: "okr_pkce", link: "okr_link",
		secure: public.Scheme == "https", now: now,
	}
	if c.secure {
		const prefix = "__Host-"
		c.session, c.jwt = prefix+c.session, prefix+c.jwt
		c.intermediate, c.signIn, c.link = prefix+c.intermediate, prefix+c.signIn, prefix+c.link
	}
	return c
}

// read is the session in a request's cookies. Fields whose cookies are absent are empty.
func (c Cookies) read(r *http.Request) *authzv1.SessionCredentials {
	return &authzv1.SessionCredentials{
		SessionToken:             value(r, c.session),
		SessionJwt:               value(r, c.jwt),
		IntermediateSessionToken: value(r, c.intermediate),
	}
}

// Carried says what a browser's cookies are about, for a page whose scripts cannot read them: whether to ask who is signed
// in, or where a sign-in stands. It says nothing about whether they are still good.
func (c Cookies) Carried(r *http.Request) string {
	var of []string
	if s := c.read(r); s.GetSessionToken() != "" || s.GetSessionJwt() != "" {
		of = append(of, CarriesSession)
	}
	if value(r, c.intermediate) != "" {
		of = append(of, CarriesSignIn)
	}
	return strings.Join(of, " ")
}

// The words of Carried.
const (
	CarriesSession = "session"
	CarriesSignIn  = "sign-in"
)

// value is a cookie's value, or "". What could not have been set here is as good as absent.
func value(r *http.Request, name string) string {
	cookie, err := r.Cookie(name)
	if err != nil || len(cookie.Value) > maxCookie || !isToken(cookie.Value) {
		return ""
	}
	return cookie.Value
}

// isToken says whether a text can travel in metadata: visible ASCII without what separates.
func isToken(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`",;\`, r) })
}

// store keeps credentials in the browser until they expire.
func (c Cookies) store(w http.ResponseWriter, s *authzv1.SessionCredentials) {
	life := time.Duration(0)
	if s.GetExpireTime() != nil {
		life = max(time.Second, s.GetExpireTime().AsTime().Sub(c.now()))
	}
	if s.GetIntermediateSessionToken() != "" {
		c.set(w, c.intermediate, s.GetIntermediateSessionToken(), life)
	}
	if s.GetSessionToken() == "" {
		return
	}
	c.set(w, c.session, s.GetSessionToken(), life)
	if s.GetSessionJwt() != "" {
		c.set(w, c.jwt, s.GetSessionJwt(), life)
	}
}

// signedIn keeps the outcome of a step of signing in. The last step ends the intermediate session.
func (c Cookies) signedIn(w http.ResponseWriter, s *authzv1.SignIn) {
	c.store(w, s.GetCredentials())
	if s.GetStep() == authzv1.SignInStep_SIGN_IN_STEP_DONE {
		c.remove(w, c.intermediate)
	}
}

// forgetSession removes a session that is dead, and leaves a sign-in alone that may be under way.
func (c Cookies) forgetSession(w http.ResponseWriter) {
	c.remove(w, c.session)
	c.remove(w, c.jwt)
}

// forgetAll removes everything that belongs to a person.
func (c Cookies) forgetAll(w http.ResponseWriter) {
	c.forgetSession(w)
	c.remove(w, c.intermediate)
	c.remove(w, c.signIn)
	c.remove(w, c.link)
}

// set sets a cookie; a life of 0 ends with the browser.
func (c Cookies) set(w http.ResponseWriter, name, value string, life time.Duration) {
	c.write(w, &http.Cookie{Name: name, Value: value, MaxAge: int(life / time.Second)})
}

func (c Cookies) remove(w http.ResponseWriter, name string) {
	c.write(w, &http.Cookie{Name: name, MaxAge: -1})
}

// write sends a cookie in place of an earlier one of the same name, which the order of headers should not decide.
// SameSite=Lax lets the redirect that ends a sign-in carry cookies, and no other site's form.
func (c Cookies) write(w http.ResponseWriter, cookie *http.Cookie) {
	cookie.Path = "/"
	cookie.HttpOnly = true
	cookie.Secure = c.secure
	cookie.SameSite = http.SameSiteLaxMode
	header := w.Header()
	earlier := slices.DeleteFunc(slices.Clone(header.Values("Set-Cookie")), func(line string) bool {
		return strings.HasPrefix(line, cookie.Name+"=")
	})
	header["Set-Cookie"] = append(earlier, cookie.String())
}
