package session

import (
	"context"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	"github.com/df0f9dda/okr-manager/gateway/internal/problem"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// Gate establishes who is calling. It is safe for concurrent use.
type Gate struct {
	resolver *access.Resolver
	cookies  Cookies
	limiter  *front.Limiter
}

// NewGate makes a gate that asks authz through the resolver, and lets everybody through as often as the limiter does.
func NewGate(resolver *access.Resolver, cookies Cookies, limiter *front.Limiter) *Gate {
	return &Gate{resolver: resolver, cookies: cookies, limiter: limiter}
}

// credential is what a request presents: at most one of a session and an access token, and perhaps a sign-in that is
// under way.
type credential struct {
	session *authzv1.SessionCredentials
	token   string
}

// caller is who a request comes from. answer is nil for a public method.
type caller struct {
	credential
	answer *authzv1.AuthenticateResponse
}

type callerKey struct{}

func callerFrom(ctx context.Context) (caller, bool) {
	c, ok := ctx.Value(callerKey{}).(caller)
	return c, ok
}

func withCaller(ctx context.Context, c caller) context.Context {
	if c.token != "" {
		ctx = problem.WithBearer(ctx)
	}
	return context.WithValue(ctx, callerKey{}, c)
}

// present says whether there is anything to authenticate.
func (c credential) present() bool {
	return c.token != "" || c.session.GetSessionToken() != "" || c.session.GetSessionJwt() != ""
}

// request is the question to authz.
func (c credential) request() *authzv1.AuthenticateRequest {
	if c.token != "" {
		return &authzv1.AuthenticateRequest{Credential: &authzv1.AuthenticateRequest_AccessToken{AccessToken: c.token}}
	}
	return &authzv1.AuthenticateRequest{Credential: &authzv1.AuthenticateRequest_Session{
		Session: &authzv1.SessionCredentials{
			SessionToken: c.session.GetSessionToken(), SessionJwt: c.session.GetSessionJwt(),
		},
	}}
}

// read takes the credential from a request. Two of them are refused rather than chosen from: a page must not be able to
// turn a program's request into its visitor's, nor the reverse.
func (g *Gate) read(r *http.Request) (credential, error) {
	c := credential{session: g.cookies.read(r)}
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		return c, nil
	}
	if c.present() || len(headers) > 1 {
		return credential{}, rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_CREDENTIALS_AMBIGUOUS,
			"the request carries more than one credential")
	}
	token, err := access.BearerToken(headers[0])
	if err != nil {
		return credential{}, err
	}
	return credential{token: token}, nil
}

// Admit establishes who is calling and holds the rule of the RPC against it, which the service behind will do again. The
// request that it answers has no credentials any more.
func (g *Gate) Admit(w http.ResponseWriter, r *http.Request, rule *accessv1.Rule) (*http.Request, error) {
	ctx := r.Context()
	c, err := g.read(r)
	asStranger := func() error { return g.limiter.Stranger(ctx) }
	if err != nil || rule.GetPublic() || !c.present() {
		if limited := asStranger(); limited != nil {
			return nil, limited
		}
	}
	if err != nil {
		return nil, err
	}
	if rule.GetPublic() {
		return strip(r.WithContext(withCaller(ctx, caller{credential: c}))), nil
	}
	if !c.present() {
		return nil, rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_MISSING, "sign in first")
	}
	answer, err := g.resolver.ResolveStranger(ctx, c.request(), asStranger)
	if err != nil {
		if c.token == "" && status.Code(err) == codes.Unauthenticated {
			g.cookies.forgetSession(w) // it will not come to life again
		}
		return nil, err
	}
	front.SetPrincipal(ctx, answer.GetPrincipal())
	if c.token == "" && answer.GetRenewedSession() != nil {
		g.cookies.store(w, answer.GetRenewedSession())
	}
	if err := g.limiter.Caller(answer.GetPrincipal()); err != nil {
		return nil, err
	}
	ctx = withCaller(ctx, caller{credential: c, answer: answer})
	if err := access.CheckUnread(ctx, rule, answer.GetPrincipal(), g.resolver); err != nil {
		return nil, err
	}
	return strip(r.WithContext(ctx)), nil
}

// strip takes off what must not go on: credentials, and headers that grpc-gateway gives a meaning of its own.
func strip(r *http.Request) *http.Request {
	r.Header = r.Header.Clone()
	for name := range r.Header {
		switch {
		case name == "Authorization", name == "Cookie", name == "Forwarded", name == "X-Http-Method-Override",
			strings.HasPrefix(name, "Grpc-"), strings.HasPrefix(name, "X-Forwarded-"):
			delete(r.Header, name)
		}
	}
	return r
}

// Renew establishes the caller of a stream anew, whatever is remembered.
func (g *Gate) Renew(ctx context.Context) (context.Context, error) {
	c, _ := callerFrom(ctx)
	answer, err := g.resolver.Renew(ctx, c.request())
	if err != nil {
		return nil, err
	}
	return withCaller(ctx, caller{credential: c.credential, answer: answer}), nil
}

// Forward turns the secrets of a sign-in into cookies and takes them out of the answer, and removes the cookies of a
// session that was ended.
func (g *Gate) Forward(ctx context.Context, w http.ResponseWriter, rpc string, answer proto.Message) {
	if signIn, ok := answer.(*authzv1.SignIn); ok {
		g.cookies.signedIn(w, signIn)
		signIn.Credentials = nil
		g.forget(ctx)
	}
	if rpc == authzv1.SessionService_RevokeSession_FullMethodName {
		g.cookies.forgetAll(w)
		g.forget(ctx)
	}
}

// forget makes the next request with the caller's credential ask authz again.
func (g *Gate) forget(ctx context.Context) {
	if c, ok := callerFrom(ctx); ok && c.present() {
		g.resolver.Forget(c.request())
	}
}
