package session

import (
	"context"
	"io"
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
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// Paths of the landings. The address of Authenticate is registered with Stytch as a redirect address.
const (
	pathAuthenticate = "/authenticate"
	pathGoogle       = "/signin/google"
	pathSso          = "/signin/sso"
	pathMailbox      = "/signin/mailbox"
)

// pathSignIn is the app's page that says what became of a sign-in which did not succeed, and lets people go on.
const pathSignIn = "/signin"

const (
	landingTimeout  = 15 * time.Second
	confirmBodySize = 16 << 10
)

// Pages shows what the landings have to ask.
type Pages interface {
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
	// Mailbox is where a local identity provider shows the e-mails that it would send; "" where they are sent.
	Mailbox string
	// Limiter counts those who come: nobody is known here, and each makes work for Stytch.
	Limiter *front.Limiter
	Logger  *slog.Logger
	Now     func() time.Time
}

// Register adds the landings to a mux.
func (l *Landing) Register(mux *http.ServeMux) {
	handle := func(method, path string, h http.HandlerFunc) {
		mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
			front.SetRoute(r.Context(), path)
			w.Header().Set("Cache-Control", "no-store")
			ctx, cancel := context.WithTimeout(r.Context(), landingTimeout)
			defer cancel()
			if err := l.Limiter.Stranger(ctx); err != nil {
				l.fail(w, r, err, "/")
				return
			}
			h(w, r.WithContext(ctx))
		})
	}
	handle(http.MethodGet, pathGoogle, l.startGoogle)
	handle(http.MethodGet, pathSso, l.startSso)
	handle(http.MethodGet, pathMailbox, l.mailbox)
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

// startSso sends the browser to the identity provider of an organization, or to the one of its connections that is named.
func (l *Landing) startSso(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	begun := newStart(query.Get("return"), l.Now())
	answer, err := l.Sessions.StartSso(r.Context(), &authzv1.StartSsoRequest{
		OrganizationSlug: strings.ToValidUTF8(query.Get("organization"), ""),
		RedirectUri:      l.redirectURI(),
		CodeChallenge:    begun.challenge(),
		SsoConnectionId:  strings.ToValidUTF8(query.Get("connection"), ""),
	})
	l.leave(w, r, begun, answer.GetAuthorizationUrl(), err)
}

// mailbox tells the app where the e-mails of a local identity provider are, as text; nothing where they are sent.
func (l *Landing) mailbox(w http.ResponseWriter, _ *http.Request) {
	if l.Mailbox == "" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, l.Mailbox) // a browser that is gone cannot be told
}

func (l *Landing) redirectURI() string { return l.Public.JoinPath(pathAuthenticate).String() }

// leave remembers the start in this browser and sends it away.
func (l *Landing) leave(w http.ResponseWriter, r *http.Request, begun start, to string, err error) {
	if err == nil {
		err = l.Cookies.keepStart(w, begun)
	}
	if err != nil {
		l.fail(w, r, err, begun.Return)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// land takes the browser back. A sign-in that was started here is finished at once, by its verifier. Anything else may be
// a link that somebody sent, an invitation or an attempt to sign this browser in as somebody else: it asks first, under an
// address that holds nothing. Links by e-mail are never started here.
func (l *Landing) land(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery == "" {
		l.ask(w, r)
		return
	}
	came, ok := linkOf(r.URL.Query())
	if !ok {
		l.refuse(w, r, problemLink, "/")
		return
	}
	begun, started := l.Cookies.takeStart(r)
	if started && !came.byMail() {
		l.Cookies.remove(w, l.Cookies.signIn) // it is good for one token
		l.finish(w, r, came.request(begun.Verifier), begun.Return)
		return
	}
	if !l.Cookies.keepLink(w, came) {
		l.refuse(w, r, problemLink, "/")
		return
	}
	http.Redirect(w, r, pathAuthenticate, http.StatusSeeOther)
}

// ask asks about the link that the browser came with.
func (l *Landing) ask(w http.ResponseWriter, r *http.Request) {
	kept, ok := l.Cookies.keptLink(r)
	if !ok {
		l.refuse(w, r, problemLink, "/")
		return
	}
	l.Pages.Confirm(w, r, map[string]string{fieldLink: kept.digest()})
}

// fieldLink is the field of the question that says which link it was about: another one may have come meanwhile.
const fieldLink = "link"

// confirm finishes a sign-in that its person has confirmed. The server in front refuses forms of other origins.
func (l *Landing) confirm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, confirmBodySize)
	kept, ok := l.Cookies.keptLink(r)
	if err := r.ParseForm(); err != nil || !ok || r.PostForm.Get(fieldLink) != kept.digest() {
		l.refuse(w, r, problemLink, "/")
		return
	}
	l.Cookies.remove(w, l.Cookies.link)
	l.finish(w, r, kept.request(""), "/")
}

// finish exchanges the token and goes where the sign-in was to end. While there is something left to choose, that is the
// app's page, which is told where to go then.
func (l *Landing) finish(w http.ResponseWriter, r *http.Request, request *authzv1.AuthenticateRedirectRequest, to string) {
	signIn, err := l.Sessions.AuthenticateRedirect(r.Context(), request)
	if err != nil {
		l.fail(w, r, err, to)
		return
	}
	l.Cookies.signedIn(w, signIn)
	switch signIn.GetStep() {
	case authzv1.SignInStep_SIGN_IN_STEP_DONE:
	case authzv1.SignInStep_SIGN_IN_STEP_AUTHENTICATE_AGAIN, authzv1.SignInStep_SIGN_IN_STEP_SECOND_FACTOR:
		step := strings.TrimPrefix(signIn.GetStep().String(), "SIGN_IN_STEP_")
		l.refuse(w, r, step, to)
		return
	default:
		if to != "/" {
			to = "/?" + url.Values{"return": {to}}.Encode()
		}
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// refuse goes back to the app, which says what became of the sign-in. The address holds the problem by a name out of a
// fixed set, for which the app has its own words, and where the sign-in was to end; never a token, and no text. A mistake
// of ours goes with the number under which the log has it.
func (l *Landing) refuse(w http.ResponseWriter, r *http.Request, problem, to string) {
	about := url.Values{"problem": {problem}}
	if problem == problemInternal {
		about.Set("number", telemetry.CorrelationID(r.Context()))
	}
	if to != "/" {
		about.Set("return", to)
	}
	http.Redirect(w, r, pathSignIn+"?"+about.Encode(), http.StatusSeeOther)
}

// fail refuses with the reason of an error.
func (l *Landing) fail(w http.ResponseWriter, r *http.Request, err error, to string) {
	problem := problemOf(err)
	front.SetReason(r.Context(), problem)
	if problem == problemInternal {
		l.Logger.ErrorContext(r.Context(), "sign-in failed", slog.Any("error", err))
	}
	l.refuse(w, r, problem, to)
}

// Problems that are told without an error: a link that is not complete is as good as one that was used. And what is said of
// errors that nobody at a browser can do anything about.
const (
	problemLink     = "SIGN_IN_LINK_INVALID"
	problemInternal = "INTERNAL"
)

// problemOf is an error's name in the address of the app's page.
func problemOf(err error) string {
	reason := rpcerr.ReasonOf(err)
	switch reason {
	case accessv1.ErrorReason_ERROR_REASON_SIGN_IN_LINK_INVALID, accessv1.ErrorReason_ERROR_REASON_SSO_NOT_CONFIGURED,
		accessv1.ErrorReason_ERROR_REASON_ORGANIZATION_NOT_FOUND, accessv1.ErrorReason_ERROR_REASON_RATE_LIMITED,
		accessv1.ErrorReason_ERROR_REASON_SIGN_IN_EXPIRED:
		return rpcerr.ReasonName(reason)
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return rpcerr.ReasonName(accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE)
	case codes.PermissionDenied:
		return rpcerr.ReasonName(accessv1.ErrorReason_ERROR_REASON_STYTCH_DENIED)
	case codes.InvalidArgument:
		return rpcerr.ReasonName(accessv1.ErrorReason_ERROR_REASON_FIELD_INVALID)
	default:
		return problemInternal
	}
}
