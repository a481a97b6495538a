// Package httpfront serves an engine over the Streamable HTTP transport of MCP, on one endpoint, in the stateless form of
// the revision 2026-07-28 and in that of 2025-11-25 and 2025-06-18, told apart by each request. No session and no token
// is kept: any replica can answer any request.
package httpfront

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
)

// Config is what the front needs.
type Config struct {
	Engine *engine.Engine
	// Authenticate says who sends a request, before anything of its body is looked at, whatever its method (but for
	// CORS preflights, which carry no credential). It answers the context that the engine's functions get. An error that
	// is an engine.Refusal is the answer; any other is logged, and answered with 500. Nil lets everybody in.
	//
	// The context may end before the request's, when the credential expires: streams end then.
	Authenticate func(*http.Request) (context.Context, error)

	// Hosts are the values of Host that are answered, against DNS rebinding: "mcp.example.com", "localhost:3001", or
	// "localhost:*" for every port. None means every host.
	Hosts []string
	// Origins are the web pages that may call: "https://inspector.example.com", "http://localhost:*". Requests without
	// an Origin are no web page's and always pass. None means no web page.
	Origins []string

	// MaxBody bounds a request's body in bytes; 0 means 1 MiB.
	MaxBody int64
	// MaxRequests bounds the requests that run at a time, and MaxStreams the subscriptions that are open; what is over
	// is answered with 503 and Retry-After. 0 means 1,024 and 4,096.
	MaxRequests, MaxStreams int
	// KeepAlive is the time between comments on a stream that is otherwise silent, so that what lies between does not
	// close it; 0 means 15 s.
	KeepAlive time.Duration
	// AskLegacyClients lets the engine send requests to clients of the older revisions, over the stream that answers
	// theirs. The answers arrive in requests of their own, which only this very process can relate: leave it off where
	// there are replicas.
	AskLegacyClients bool

	// Stopping ends when the server stops: streams end then. Nil means never.
	Stopping context.Context
	Logger   *slog.Logger
}

// New makes the handler of the endpoint. It answers at whatever path it is mounted, for every HTTP method.
func New(cfg Config) http.Handler {
	return http.NotFoundHandler()
}
