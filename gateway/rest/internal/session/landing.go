package session

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// Paths of the landings. The address of Authenticate is registered with Stytch as a redirect address.
const (
	pathAuthenticate = "/authenticate"
	pathGoogle       = "/signin/google"
	pathSso          = "/signin/sso"
)

const (
	landingTimeout  = 15 * time.Second
	confirmBodySize = 16 << 10
)

// Pages shows what the landings have to say.
type Pages interface {
	// Notice shows a message in place of what was asked for.
	Notice(w http.ResponseWriter, r *http.Request, status int, title, text string)
	// Confirm asks before a sign-in is finished that was not started in this browser. Yes is a POST of the fields.
	Confirm(w http.ResponseWriter, r *http.Request, fields map[string]string)
}

// Landing serves the addresses that take part in sign-in by redirects of the browser.
type Landing struct {
	Sessions authzv1.SessionServiceClient
	Cookies  Cookies
	Pages    Pages
	// Public is the address at which browsers reach the edge.
	Public *url.URL
	Logger *slog.Logger
	Now    func() time.Time
}

// Register adds the landings to a mux.
func (l *Landing) Register(mux *http.ServeMux) {
	handle := func(method, path string, h http.HandlerFunc) {
		mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
			front.SetRoute(r.Context(), path)
			w.Header().Set("Cache-Control", "no-store")
			ctx, cancel := context.WithTimeout(r.Context(), landingTimeout)
			defer cancel()
			h(w, r.WithContext(ctx))
		})
	}
	handle(http.MethodGet, pathGoogle, l.startGoogle)
	handle(http.MethodGet, pathSso, l.startSso)
	handle(http.MethodGet, pathAuthenticate, l.land)
	handle(http.MethodPost, pathAuthenticate, l.confirm)
}

// startGoogle sends the browser to Google, through Stytch.
func (l *Landing) startGoogle(w http.ResponseWriter, r *http.Request) {
	begun := newStart(r.URL.Query().Get("return"), l.Now())
	answer, err := l.Sessions.StartOAuth(r.Context(), &authzv1.StartOAuthRequest{
		Provider:      authzv1.OAuthProvider_O_AUTH_PROVIDER_GOOGLE,
		RedirectUri:   l.redirectURI(),
		CodeChallenge: begun.challenge(),
	})
	l.leave(w, r, begun, answer.GetAuthorizationUrl(), err)
}

// startSso sends the browser to the identity provider of an organization.
func (l *Landing) startSso(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	begun := newStart(query.Get("return"), l.Now())
	answer, err := l.Sessions.StartSso(r.Context(), &authzv1.StartSsoRequest{
		OrganizationSlug: strings.ToValidUTF8(query.Get("organization"), ""),
		RedirectUri:      l.redirectURI(),
		CodeChallenge:    begun.challenge(),
	})
	l.leave(w, r, begun, answer.GetAuthorizationUrl(), err)
}

func (l *Landing) redirectURI() string { return l.Public.JoinPath(pathAuthenticate).String() }

// leave remembers the start in this browser and sends it away.
func (l *Landing) leave(w http.ResponseWriter, r *http.Request, begun start, to string, err error) {
	if err == nil {
		err = l.Cookies.keepStart(w, begun)
	}
	if err != nil {
		l.fail(w, r, err)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// tokenTypes are the values of stytch_token_type that finish a sign-in here.
var tokenTypes = map[string]authzv1.RedirectTokenType{
	"discovery_oauth":          authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_DISCOVERY_OAUTH,
	"sso":                      authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_SSO,
	"multi_tenant_magic_links": authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_MULTI_TENANT_MAGIC_LINKS,
}

// land takes the browser back. A sign-in that was started here is finished at once, by its verifier. Anything else may be
// a link that somebody sent, an invitation or an attempt to sign this browser in as somebody else: it asks first. Links
// by e-mail are never started here.
func (l *Landing) land(w http.ResponseWriter, r *http.Request) {
	kind, token, ok := linkOf(r.URL.Query())
	if !ok {
		l.badLink(w, r)
		return
	}
	begun, started := l.Cookies.takeStart(r)
	if !started || tokenTypes[kind] == authzv1.RedirectTokenType_REDIRECT_TOKEN_TYPE_MULTI_TENANT_MAGIC_LINKS {
		l.Pages.Confirm(w, r, map[string]string{fieldKind: kind, fieldToken: token})
		return
	}
	l.Cookies.remove(w, l.Cookies.signIn) // it is good for one token
	l.finish(w, r, &authzv1.AuthenticateRedirectRequest{
		TokenType: tokenTypes[kind], Token: token, CodeVerifier: begun.Verifier,
	}, begun.Return)
}

// confirm finishes a sign-in that its person has confirmed. The server in front refuses forms of other origins.
func (l *Landing) confirm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, confirmBodySize)
	if err := r.ParseForm(); err != nil {
		l.badLink(w, r)
		return
	}
	kind, token, ok := linkOf(r.PostForm)
	if !ok {
		l.badLink(w, r)
		return
	}
	l.finish(w, r, &authzv1.AuthenticateRedirectRequest{TokenType: tokenTypes[kind], Token: token}, "/")
}

// Names of the parameters of Stytch's redirects, which the form of the question repeats.
const (
	fieldKind  = "stytch_token_type"
	fieldToken = "token"
)

func linkOf(values url.Values) (kind, token string, ok bool) {
	kind, token = values.Get(fieldKind), values.Get(fieldToken)
	return kind, token, tokenTypes[kind] != 0 && token != "" && isToken(token)
}

// finish exchanges the token and goes where the sign-in was to end. While there is something left to choose, that is the
// app's page, which is told where to go then.
func (l *Landing) finish(w http.ResponseWriter, r *http.Request, request *authzv1.AuthenticateRedirectRequest, to string) {
	signIn, err := l.Sessions.AuthenticateRedirect(r.Context(), request)
	if err != nil {
		l.fail(w, r, err)
		return
	}
	l.Cookies.signedIn(w, signIn)
	switch signIn.GetStep() {
	case authzv1.SignInStep_SIGN_IN_STEP_AUTHENTICATE_AGAIN:
		l.Pages.Notice(w, r, http.StatusForbidden, "Sign in another way",
			"This organization asks you to sign in by "+methods(signIn.GetAllowedAuthMethods())+".")
		return
	case authzv1.SignInStep_SIGN_IN_STEP_SECOND_FACTOR:
		l.Pages.Notice(w, r, http.StatusForbidden, "A second factor is needed",
			"This organization asks for a second factor, which cannot be given here yet.")
		return
	case authzv1.SignInStep_SIGN_IN_STEP_DONE:
	default:
		if to != "/" {
			to = "/?" + url.Values{"return": {to}}.Encode()
		}
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// methods names sign-in methods for people.
func methods(names []string) string {
	if len(names) == 0 {
		return "another method"
	}
	return strings.ReplaceAll(strings.Join(names, " or "), "_", " ")
}

func (l *Landing) badLink(w http.ResponseWriter, r *http.Request) {
	l.Pages.Notice(w, r, http.StatusBadRequest, "This link does not work", "It is not a complete sign-in link. Open it again, or sign in anew.")
}

// fail says what went wrong in words for the person at the browser.
func (l *Landing) fail(w http.ResponseWriter, r *http.Request, err error) {
	reason := rpcerr.ReasonOf(err)
	front.SetReason(r.Context(), rpcerr.ReasonName(reason))
	switch {
	case reason == accessv1.ErrorReason_ERROR_REASON_SIGN_IN_LINK_INVALID:
		l.Pages.Notice(w, r, http.StatusUnauthorized, "This link does not work",
			"It was used before, has expired, or was started in another browser. Sign in anew.")
	case reason == accessv1.ErrorReason_ERROR_REASON_SSO_NOT_CONFIGURED,
		reason == accessv1.ErrorReason_ERROR_REASON_ORGANIZATION_NOT_FOUND:
		l.Pages.Notice(w, r, http.StatusNotFound, "No single sign-on",
			"There is no organization of this name with single sign-on. Check the name, or sign in another way.")
	case reason == accessv1.ErrorReason_ERROR_REASON_RATE_LIMITED:
		l.Pages.Notice(w, r, http.StatusTooManyRequests, "Too many attempts", "Wait a little and try again.")
	case status.Code(err) == codes.Unavailable, status.Code(err) == codes.DeadlineExceeded:
		w.Header().Set("Retry-After", "5")
		l.Pages.Notice(w, r, http.StatusServiceUnavailable, "Sign-in is not available right now",
			"Nothing was lost. Try again in a moment.")
	case status.Code(err) == codes.InvalidArgument:
		l.Pages.Notice(w, r, http.StatusBadRequest, "That does not work", "Check what you entered and try again.")
	case status.Code(err) == codes.PermissionDenied:
		l.Pages.Notice(w, r, http.StatusForbidden, "You cannot sign in here", "Ask an administrator of the organization.")
	default:
		l.Logger.ErrorContext(r.Context(), "sign-in failed", slog.Any("error", err))
		l.Pages.Notice(w, r, http.StatusInternalServerError, "Something went wrong", "Try again; if it stays, tell us the number below.")
	}
}
