package session

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
)

// linkLife is how long somebody may think about a link. Opened anew, it asks again.
const linkLife = time.Hour

// tokenTypes are the values of stytch_token_type that finish a sign-in here.
var tokenTypes = map[string]authzv1.RedirectTokenType{
	"discovery_oauth":          authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_DISCOVERY_OAUTH,
	"sso":                      authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_SSO,
	"multi_tenant_magic_links": authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_MULTI_TENANT_MAGIC_LINKS,
}

// link is what a redirect of Stytch brings.
type link struct{ kind, token string }

// linkOf reads the parameters of Stytch's redirects.
func linkOf(values url.Values) (link, bool) {
	l := link{values.Get("stytch_token_type"), values.Get("token")}
	return l, tokenTypes[l.kind] != 0 && l.token != "" && isToken(l.token)
}

// byMail says whether it was sent by e-mail, so that it was not started in this browser.
func (l link) byMail() bool {
	return tokenTypes[l.kind] == authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_MULTI_TENANT_MAGIC_LINKS
}

// request asks authz to exchange the token.
func (l link) request(verifier string) *authzv1.AuthenticateRedirectRequest {
	return &authzv1.AuthenticateRedirectRequest{TokenType: tokenTypes[l.kind], Token: l.token, CodeVerifier: verifier}
}

// digest names a link without telling its token.
func (l link) digest() string {
	sum := sha256.Sum256([]byte(l.kind + " " + l.token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// keepLink keeps a link while its person is asked, so that its token is in no address that the browser remembers, and in
// no page. It answers false for one that is too long for a cookie.
func (c Cookies) keepLink(w http.ResponseWriter, l link) bool {
	text := l.kind + ":" + l.token
	if len(c.link)+len(text) > maxCookie {
		return false
	}
	c.set(w, c.link, text, linkLife)
	return true
}

// keptLink is the link that a person is asked about.
func (c Cookies) keptLink(r *http.Request) (link, bool) {
	kind, token, _ := strings.Cut(value(r, c.link), ":")
	return linkOf(url.Values{"stytch_token_type": {kind}, "token": {token}})
}
