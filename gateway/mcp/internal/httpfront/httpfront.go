// Package httpfront serves an engine over the Streamable HTTP transport of MCP, on one endpoint, in the stateless form of
// the revision 2026-07-28 and in that of 2025-11-25 and 2025-06-18, told apart by each request. No session and no token
// is kept: any replica can answer any request.
package httpfront

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/seal"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// Config is what the front needs.
type Config struct {
	Engine *engine.Engine
	// Authenticate says who sends a request, before anything of its body is looked at, whatever its method (but for
	// CORS preflights, which carry no credential). It answers the context that the engine's functions get, made from
	// that of the request it was given. An error that is an engine.Refusal is the answer; any other is logged, and
	// answered with 500. Nil lets everybody in.
	//
	// The context may end before the request does, when the credential expires: streams end then. A cause that is a
	// Refusal (context.WithDeadlineCause) answers what has not been answered.
	Authenticate func(*http.Request) (context.Context, error)

	// Hosts are the values of Host that are answered, against DNS rebinding: "mcp.example.com", "localhost:3001", or
	// "localhost:*" for every port and none. Without any, every host is.
	Hosts []string
	// Origins are the web pages that may call: "https://inspector.example.com", "http://localhost:*". Requests without
	// an Origin are no web page's and always pass. Without any, no web page may.
	Origins []string

	// MaxBody bounds a request's body in bytes; 0 means 1 MiB.
	MaxBody int64
	// MaxRequests bounds the requests that run at a time, MaxStreams the subscriptions that are open, and the other two
	// those of one caller. What is over is answered with 503, or 429 for one caller, and Retry-After. 0 means 1,024
	// requests and 4,096 streams, 256 and 32 of one caller.
	MaxRequests, MaxStreams             int
	MaxCallerRequests, MaxCallerStreams int
	// KeepAlive is the time between comments on a stream that is otherwise silent, so that what lies between does not
	// close it; 0 means 15 s. A request that takes longer than that becomes a stream.
	KeepAlive time.Duration
	// AskLegacyClients lets the engine send requests to clients of the older revisions, over the stream that answers
	// theirs. The answers arrive in requests of their own, which only this very process can relate: leave it off where
	// there are replicas.
	AskLegacyClients bool
	// Sessions gives clients of the older revisions a session id, which they need to be asked anything and, if the engine
	// has notifications, to subscribe to resources and hear of them on a GET stream. What a session subscribed to is known
	// where it subscribed: a balancer must send all of a session (Mcp-Session-Id) to one replica, or notifications are
	// missed. Everything else works without.
	Sessions bool
	// SealKey protects session ids (32 bytes; the replicas of a server share it). Nil means a random one, for a server
	// that is alone.
	SealKey []byte

	// Stopping ends when the server stops: streams end then. Nil means never.
	Stopping context.Context
	Logger   *slog.Logger
}

// Defaults of a Config.
const (
	maxBody           = 1 << 20
	maxRequests       = 1024
	maxStreams        = 4096
	maxCallerRequests = 256
	maxCallerStreams  = 32
	keepAlive         = 15 * time.Second
)

// front is the handler.
type front struct {
	Config
	requests, streams *limiter
	flights           flights
	asked             asked
	seal              *seal.Sealer // of session ids; nil: there are none
	wishes            wishes
}

// New makes the handler of the endpoint. It answers at whatever path it is mounted, for every HTTP method.
func New(cfg Config) (http.Handler, error) {
	cfg.MaxBody = or(cfg.MaxBody, maxBody)
	cfg.KeepAlive = or(cfg.KeepAlive, keepAlive)
	if cfg.Stopping == nil {
		cfg.Stopping = context.Background()
	}
	f := &front{
		Config:   cfg,
		requests: newLimiter(or(cfg.MaxRequests, maxRequests), or(cfg.MaxCallerRequests, maxCallerRequests)),
		streams:  newLimiter(or(cfg.MaxStreams, maxStreams), or(cfg.MaxCallerStreams, maxCallerStreams)),
	}
	if cfg.Sessions {
		var err error
		if f.seal, err = seal.New(cfg.SealKey, "mcp session"); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func or[T int | int64 | time.Duration](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}

// always is what every answer carries; nobody changes its values in place.
var always = http.Header{"Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}}

// ServeHTTP implements http.Handler. What is cheap to refuse is refused first, and nothing of a body is read for a caller
// who is not known.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	maps.Copy(header, always)
	if !matches(f.Hosts, r.Host) && len(f.Hosts) > 0 {
		refuse(w, nil, http.StatusForbidden, engine.CodeInvalidRequest, "this server does not answer to the Host of the request")
		return
	}
	if !f.cors(w, r) {
		return
	}
	// A client that is gone has not thereby taken back what it asked for, before 2026-07-28: what ends with the
	// connection is decided when the revision is known.
	ctx := context.WithoutCancel(r.Context())
	if f.Authenticate != nil {
		var err error
		if ctx, err = f.Authenticate(r.WithContext(ctx)); err != nil {
			f.fail(w, r, err)
			return
		}
	}
	v := &visit{w: w, r: r, ctx: ctx, caller: f.Engine.Caller(ctx)}
	serve, where := f.post, f.requests
	switch {
	case r.Method == http.MethodPost:
	case r.Method == http.MethodGet && f.pushes():
		serve, where = f.push, f.streams
	default:
		header.Set("Allow", f.allow())
		refuse(w, nil, http.StatusMethodNotAllowed, engine.CodeInvalidRequest, "messages are sent with POST")
		return
	}
	if !f.enter(v, where) {
		return
	}
	defer func() { v.leave() }() // not the place it has now: a subscription takes another
	serve(v)
}

// allow names the methods of the endpoint. DELETE, which ends a session, is not among them: sessions are not kept, so
// there is nothing to end.
func (f *front) allow() string {
	if f.pushes() {
		return "GET, POST, OPTIONS"
	}
	return "POST, OPTIONS"
}

// visit is one HTTP request of a caller who is known.
type visit struct {
	w      http.ResponseWriter
	r      *http.Request
	ctx    context.Context // ends with the credential, not with the connection
	caller string
	leave  func()
}

// enter takes a place for a visit, in place of the one it had, or answers that there is none.
func (f *front) enter(v *visit, where *limiter) bool {
	leave, answer := where.take(v.caller)
	if answer != granted {
		f.full(v.w, answer)
		return false
	}
	if v.leave != nil {
		v.leave()
	}
	v.leave = leave
	return true
}

// fail answers with an error that came before any message was read.
func (f *front) fail(w http.ResponseWriter, r *http.Request, err error) {
	var refusal engine.Refusal
	if errors.As(err, &refusal) {
		refuseWith(w, nil, refusal)
		return
	}
	f.Logger.ErrorContext(r.Context(), "authentication failed", slog.Any("error", err))
	refuse(w, nil, http.StatusInternalServerError, engine.CodeInternal, "internal error")
}

// full answers for a server, or a caller, that has enough to do.
func (f *front) full(w http.ResponseWriter, which grant) {
	w.Header().Set("Retry-After", "1")
	if which == callerFull {
		refuse(w, nil, http.StatusTooManyRequests, engine.CodeInternal, "too many requests of yours at a time")
		return
	}
	refuse(w, nil, http.StatusServiceUnavailable, engine.CodeInternal, "too many requests at a time")
}

// refuse answers with a status and a JSON-RPC error. Without an id to answer to, the error has none.
func refuse(w http.ResponseWriter, id []byte, status, code int, message string) {
	writeFailure(w, id, status, &wire.Failure{Code: code, Message: message})
}

// refuseWith answers as a Refusal says.
func refuseWith(w http.ResponseWriter, id []byte, refusal engine.Refusal) {
	for name, values := range refusal.Header() {
		w.Header()[name] = values
	}
	writeFailure(w, id, refusal.HTTPStatus(), failureOf(refusal))
}

// failureOf is an error as JSON-RPC has it.
func failureOf(err error) *wire.Failure {
	var own *engine.Error
	if errors.As(err, &own) {
		return &wire.Failure{Code: own.Code, Message: own.Message, Data: own.Data}
	}
	var refusal engine.Refusal
	if errors.As(err, &refusal) {
		return &wire.Failure{Code: refusalCode, Message: refusal.Error()}
	}
	return &wire.Failure{Code: engine.CodeInternal, Message: "internal error"}
}

// refusalCode is the code of errors that HTTP statuses express. It lies outside of what JSON-RPC reserves, as codes of
// applications do.
const refusalCode = -31000

func writeFailure(w http.ResponseWriter, id []byte, status int, failure *wire.Failure) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(wire.EncodeFailure(id, failure)) // a client that is gone cannot be told
}
