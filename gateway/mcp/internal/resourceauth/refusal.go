package resourceauth

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	"github.com/df0f9dda/okr-manager/gateway/internal/problem"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// agentsPage is where a member sees what clients were granted, and takes it back.
const agentsPage = "/agents"

// refusal is an answer of HTTP to a request whose credential is not good or not enough.
type refusal struct {
	cause  error
	text   string
	status int
	header http.Header
}

var _ engine.Refusal = (*refusal)(nil)

// Error implements error. It is what the caller reads.
func (r *refusal) Error() string { return r.text }

// Unwrap returns the cause.
func (r *refusal) Unwrap() error { return r.cause }

// HTTPStatus implements engine.Refusal.
func (r *refusal) HTTPStatus() int { return r.status }

// Header implements engine.Refusal.
func (r *refusal) Header() http.Header { return r.header }

// Refuse makes an engine.Refusal of an error that is about the caller's token; nil for any other error.
func (g *Guard) Refuse(ctx context.Context, err error) error {
	if r := g.refuse(ctx, err, true); r != nil {
		return r
	}
	return nil
}

// refuse is Refuse for a request that came with a token or without.
//
// A token that is too narrow is told the one scope that would do, and where several would, the narrowest: clients ask for
// all that is named. What the member's role does not allow is no matter of tokens, and is not refused here.
func (g *Guard) refuse(ctx context.Context, err error, presented bool) *refusal {
	info := rpcerr.InfoOf(err)
	r := &refusal{cause: err, text: rpcerr.Public(err).Message(), header: http.Header{}}
	challenge := func(code int, header string) *refusal {
		front.SetReason(ctx, info.GetReason())
		r.status = code
		r.header.Set("WWW-Authenticate", header)
		return r
	}
	switch reason := rpcerr.ReasonOf(err); {
	case reason == accessv1.ErrorReason_ERROR_REASON_SCOPE_MISSING:
		scopes := strings.Fields(info.GetMetadata()["scopes"])
		r.text = fmt.Sprintf("%s; a token with one of these scopes would do: %s. What the member has granted this client is at %s",
			r.text, strings.Join(scopes, ", "), g.origin+agentsPage)
		return challenge(http.StatusForbidden,
			g.challenge("insufficient_scope", "the token's scopes do not allow this", g.narrowest(ctx, scopes)...))
	case status.Code(err) != codes.Unauthenticated:
		return nil
	case !presented:
		return challenge(http.StatusUnauthorized, g.challenge("", "", Scopes()...))
	case reason == accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED:
		return challenge(http.StatusUnauthorized, g.challenge("invalid_token", "the token has expired", Scopes()...))
	}
	return challenge(http.StatusUnauthorized, g.challenge("invalid_token", "the token is not valid here", Scopes()...))
}

// refuseRequest is refuse for a request that nobody has looked into yet: what else went wrong is an answer of HTTP, too.
func (g *Guard) refuseRequest(ctx context.Context, err error, presented bool) error {
	if r := g.refuse(ctx, err, presented); r != nil {
		return r
	}
	r := &refusal{cause: err, text: rpcerr.Public(err).Message(), header: http.Header{}}
	switch status.Code(err) {
	case codes.InvalidArgument:
		r.status = http.StatusBadRequest
	case codes.Unavailable:
		r.status = http.StatusServiceUnavailable
	case codes.ResourceExhausted:
		r.status = http.StatusTooManyRequests
	default:
		return err
	}
	if delay, ok := problem.RetryAfter(rpcerr.Public(err)); ok {
		r.header.Set("Retry-After", delay)
	}
	front.SetReason(ctx, rpcerr.InfoOf(err).GetReason())
	return r
}

// challenge writes the WWW-Authenticate header of a refusal (RFC 6750 section 3, RFC 9728 section 5.1). code and
// description are empty for a request without a token, to which RFC 6750 gives no error; scopes may be unknown. Texts are
// fixed: a message may hold characters that do not belong in a header.
func (g *Guard) challenge(code, description string, scopes ...string) string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+`="`+value+`"`)
		}
	}
	add("error", code)
	add("error_description", description)
	add("resource_metadata", g.origin+resourcePath+Endpoint)
	add("scope", strings.Join(scopes, " "))
	return "Bearer " + strings.Join(parts, ", ")
}

// narrowest is the scope among some that grants the fewest permissions, and the first of those that grant as few.
func (g *Guard) narrowest(ctx context.Context, scopes []string) []string {
	grants := map[string]int{}
	for _, p := range access.AllPermissions() {
		_, granting := g.resolver.Grantors(ctx, p.GetResource(), p.GetAction())
		for _, scope := range granting {
			grants[scope]++
		}
	}
	var best []string
	for _, scope := range scopes {
		if isScope(scope) && (best == nil || grants[scope] < grants[best[0]]) {
			best = []string{scope}
		}
	}
	return best
}

// isScope says whether a text is a scope token (RFC 6749 section 3.3), which can stand in a header.
func isScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' })
}
