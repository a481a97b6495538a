package api

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
)

// Error codes of authorization responses (RFC 6749 section 4.1.2.1, RFC 8707 section 2, OpenID Connect Core section
// 3.1.2.6).
const (
	errorInvalidRequest          = "invalid_request"
	errorInvalidScope            = "invalid_scope"
	errorInvalidTarget           = "invalid_target"
	errorUnsupportedResponseType = "unsupported_response_type"
	errorConsentRequired         = "consent_required"
)

const (
	// defaultScope is what Stytch's own consent page takes an absent scope for.
	defaultScope = "openid email profile"
	promptNone   = "none"
	// promptConsent is the one value of prompt that Stytch knows.
	promptConsent = "consent"
	// methodS256 is the one code challenge method that there is: "plain" protects against nobody who reads the request.
	methodS256 = "S256"
)

// scopeForm is the form of a scope (RFC 6749 section 3.3), with a bound.
var scopeForm = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]{1,100}$`)

// challengeForm is the form of an S256 code challenge: 32 bytes in base64url (RFC 7636 section 4.2).
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// builtInScopes are those that Stytch has in every project and that every member can grant.
func builtInScopes() []string {
	return []string{scopeOpenID, scopeProfile, scopeEmail, scopePhone, scopeOfflineAccess}
}

const (
	scopeOpenID        = "openid"
	scopeProfile       = "profile"
	scopeEmail         = "email"
	scopePhone         = "phone"
	scopeOfflineAccess = "offline_access"
)

// requestedScopes splits the scope parameter into those that exist here and those that do not, each sorted and once.
func requestedScopes(scope string, table *policy.Table) (known, unknown []string) {
	if strings.TrimSpace(scope) == "" {
		scope = defaultScope
	}
	for _, s := range slices.Compact(slices.Sorted(slices.Values(strings.Fields(scope)))) {
		if table.HasScope(s) || slices.Contains(builtInScopes(), s) {
			known = append(known, s)
		} else {
			unknown = append(unknown, s)
		}
	}
	return known, unknown
}

// oauthError is an error for the application: the code and a sentence.
type oauthError struct{ code, description string }

// refuseRequest says what is wrong with the parameters of a request whose application and redirect address are good; nil
// for nothing. public says that the application has no secret. resources are ours.
func refuseRequest(req *authzv1.StartAuthorizationRequest, public bool, resources []string) *oauthError {
	prompts := strings.Fields(req.GetPrompt())
	method, challenge := req.GetCodeChallengeMethod(), req.GetCodeChallenge()
	switch {
	case req.GetResponseType() != "" && req.GetResponseType() != "code":
		return &oauthError{errorUnsupportedResponseType, "response_type must be code"}
	case challenge == "" && method != "":
		return &oauthError{errorInvalidRequest, "code_challenge_method needs a code_challenge"}
	case challenge == "" && public:
		return &oauthError{errorInvalidRequest, "an application without a secret must send a code_challenge (PKCE)"}
	case challenge != "" && method != methodS256: // an absent method means "plain" (RFC 7636 section 4.3)
		return &oauthError{errorInvalidRequest, "code_challenge_method must be S256"}
	case challenge != "" && !challengeForm.MatchString(challenge):
		return &oauthError{errorInvalidRequest, "code_challenge is not an S256 code challenge"}
	case slices.Contains(prompts, promptNone) && len(prompts) > 1:
		return &oauthError{errorInvalidRequest, "prompt=none stands alone"}
	}
	for _, scope := range strings.Fields(req.GetScope()) {
		if !scopeForm.MatchString(scope) { // it would be shown
			return &oauthError{errorInvalidScope, "a scope has characters that no scope has, or too many"}
		}
	}
	for _, resource := range req.GetResource() {
		if !slices.Contains(resources, strings.TrimSuffix(resource, "/")) {
			return &oauthError{errorInvalidTarget, "the resource is not one of this service; it is " + resources[0] + " or " + resources[1]}
		}
	}
	return nil
}

// stytchPrompt is what Stytch is told of the prompt parameter. Every question that an application can ask for is put on
// the one page that there is.
func stytchPrompt(prompt string) string {
	if prompt == "" || prompt == promptNone {
		return ""
	}
	return promptConsent
}

// redirect is an address that an application's answer goes to.
type redirect struct {
	kind authzv1.RedirectKind
	// host is the host, with its port if it has one; for a private scheme, the scheme.
	host string
}

var (
	// hostForm is a host that reads the same to a browser and to us, in ASCII, perhaps with a port.
	hostForm = regexp.MustCompile(`^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$`)
	// schemeForm is a scheme as RFC 3986 section 3.1 has it, in lower case.
	schemeForm = regexp.MustCompile(`^[a-z][a-z0-9+.-]*$`)
)

// browserSchemes are schemes in which an address is a program or a document, or that browsers and systems act on
// themselves. No application can own one.
func browserSchemes() []string {
	return []string{
		"javascript", "data", "vbscript", "file", "blob", "filesystem", "about", "view-source", "intent", "jar", "resource",
		"chrome", "chrome-extension", "moz-extension", "edge", "ws", "wss", "ftp", "mailto", "tel", "sms", "ms-msdt", "search-ms",
	}
}

// parseRedirect reads a redirect address. It takes only what a browser cannot read in another way than we do, because the
// member decides by the host that is shown. Which of these an application may use is Stytch's to know.
func parseRedirect(raw string) (redirect, bool) {
	none := redirect{}
	// Browsers drop white space and control characters from addresses, and take a backslash for a slash.
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' || r == '"' || r == '<' || r == '>' }) {
		return none, false
	}
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || strings.Contains(raw, "#") || !schemeForm.MatchString(u.Scheme) ||
		slices.Contains(browserSchemes(), u.Scheme) {
		return none, false
	}
	host := strings.ToLower(u.Host)
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return redirect{authzv1.RedirectKind_REDIRECT_KIND_PRIVATE_SCHEME, u.Scheme}, true
	case !hostForm.MatchString(host):
		return none, false
	case isLoopback(u.Hostname()):
		return redirect{authzv1.RedirectKind_REDIRECT_KIND_LOOPBACK, host}, true
	case u.Scheme == "https":
		return redirect{authzv1.RedirectKind_REDIRECT_KIND_HTTPS, host}, true
	}
	return none, false // a code in the clear is anybody's
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback()
}

// leadsTo says whether an answer's address is the redirect address with nothing but a result added to its query.
func leadsTo(answer, redirectURI string) bool {
	a, errAnswer := url.Parse(answer)
	r, errRedirect := url.Parse(redirectURI)
	if errAnswer != nil || errRedirect != nil {
		return false
	}
	return a.Scheme == r.Scheme && a.Host == r.Host && a.User == nil && a.Opaque == r.Opaque &&
		a.EscapedPath() == r.EscapedPath() && a.Fragment == ""
}

// withError replaces the error in an answer that Stytch wrote for a member who declined. So whatever belongs to an answer,
// such as the issuer (RFC 9207), is in it.
func withError(declined string, why oauthError) (string, bool) {
	u, err := url.Parse(declined)
	if err != nil {
		return "", false
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || query.Get("error") == "" || query.Has("code") {
		return "", false
	}
	query.Set("error", why.code)
	query.Set("error_description", why.description)
	u.RawQuery = query.Encode()
	return u.String(), true
}
