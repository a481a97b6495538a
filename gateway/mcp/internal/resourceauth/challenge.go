package resourceauth

import (
	"context"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

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

// Challenge answers the status and the WWW-Authenticate header that belong to an error; 0 for an error that is not about
// the token. presented says whether the request came with one.
//
// A token that is too narrow is told the one scope that would do, and where several would, the narrowest: clients ask for
// all that is named. What the member's role does not allow is no matter of tokens, so nothing here answers it.
func (g *Guard) Challenge(ctx context.Context, err error, presented bool) (code int, header string) {
	switch reason := rpcerr.ReasonOf(err); {
	case reason == accessv1.ErrorReason_ERROR_REASON_SCOPE_MISSING:
		scopes := strings.Fields(rpcerr.InfoOf(err).GetMetadata()["scopes"])
		return http.StatusForbidden, g.challenge("insufficient_scope", "the token's scopes do not allow this", g.narrowest(ctx, scopes)...)
	case status.Code(err) != codes.Unauthenticated:
		return 0, ""
	case !presented:
		return http.StatusUnauthorized, g.challenge("", "", Scopes()...)
	case reason == accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED:
		return http.StatusUnauthorized, g.challenge("invalid_token", "the token has expired", Scopes()...)
	}
	return http.StatusUnauthorized, g.challenge("invalid_token", "the token is not valid here", Scopes()...)
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
		if !isScope(scope) {
			continue
		}
		if best == nil || grants[scope] < grants[best[0]] {
			best = []string{scope}
		}
	}
	return best
}

// isScope says whether a text is a scope token (RFC 6749 section 3.3), which can stand in a header.
func isScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' })
}
