// Package forward hands on what is meant for the MCP edge, so that agents and people are given one address. Here it is
// only a way: the MCP edge decides who may call and which origins may, and says so itself.
package forward

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	"github.com/df0f9dda/okr-manager/gateway/internal/problem"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/mtls"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

const (
	dialTimeout = 3 * time.Second
	// answerTimeout bounds the wait for the header of an answer, within the server's write timeout. The MCP edge makes a
	// stream of a call that takes longer than fifteen seconds, so that only one that hangs comes here.
	answerTimeout = 50 * time.Second
	// messageTimeout bounds the writing of one piece of a stream; a stream as a whole has no bound.
	messageTimeout = 15 * time.Second

	maxIdle = 64
)

// Serves says whether an address is the MCP edge's: its endpoints, and the documents by which OAuth clients find their
// way (RFC 8414, RFC 9728).
func Serves(path string) bool {
	for _, root := range []string{"/mcp", "/sse", "/.well-known/openid-configuration"} {
		if path == root || strings.HasPrefix(path, root+"/") {
			return true
		}
	}
	return strings.HasPrefix(path, "/.well-known/oauth-")
}

// Config is what forwarding needs.
type Config struct {
	// Addr is where the MCP edge listens.
	Addr string
	// Identity encrypts the way to it; nil for not at all.
	Identity *mtls.Identity
	// Proxies say how the MCP edge is told where a request comes from.
	Proxies front.Proxies
	// BodyLimit is the largest body in bytes.
	BodyLimit int64
	// Stopping ends subscriptions when it does: they have no end of their own. Calls may finish, also those that are
	// answered by a stream.
	Stopping context.Context
	// Logger gets failures that callers must not see.
	Logger *slog.Logger
	// Problem writes errors.
	Problem problem.Writer
}

type handler struct {
	Config
	transport http.RoundTripper
	proxyLog  slog.Handler
}

// New makes the handler for what Serves says.
func New(cfg Config) http.Handler {
	dial := (&net.Dialer{Timeout: dialTimeout}).DialContext
	return &handler{
		Config: cfg,
		transport: &http.Transport{
			DialContext:            dial,
			DialTLSContext:         cfg.Identity.DialTLS(dial),
			TLSHandshakeTimeout:    dialTimeout,
			MaxIdleConns:           maxIdle,
			MaxIdleConnsPerHost:    maxIdle,
			IdleConnTimeout:        time.Minute,
			ResponseHeaderTimeout:  answerTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true, // what the edge answers goes on as it is
		},
		proxyLog: cfg.Logger.Handler(),
	}
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	front.SetRoute(r.Context(), route(r.URL.Path))
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if subscribes(r) {
		defer context.AfterFunc(h.Stopping, cancel)()
	}
	r = r.WithContext(ctx)
	body := &clientBody{ReadCloser: http.MaxBytesReader(w, r.Body, h.BodyLimit)}
	r.Body = body
	proxy := &httputil.ReverseProxy{
		Transport: h.transport,
		Rewrite:   h.rewrite,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			h.fail(w, r, err, body.failure())
		},
		ErrorLog: slog.NewLogLogger(h.proxyLog, slog.LevelDebug), // of streams that break off
		ModifyResponse: func(answer *http.Response) error {
			merge(w.Header(), answer.Header)
			return nil
		},
	}
	control := http.NewResponseController(w)
	// Without it, the first byte of an answer closes the body of the request, and a transport that is still reading its end
	// gives the connection up: now and then an answer would break off.
	_ = control.EnableFullDuplex() // HTTP/2 is so by itself, and says that it cannot
	proxy.ServeHTTP(&streamWriter{ResponseWriter: w, control: control}, r)
}

// subscribes says whether a request asks for a stream without an end: as clients of 2025-11-25 do, with GET, or as the
// header says that 2026-07-28 requires, which the MCP edge compares with the body.
func subscribes(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Header.Get("Mcp-Method") == "subscriptions/listen"
}

// route is a short name for metrics and the log.
func route(path string) string {
	switch {
	case path == "/mcp", path == "/sse":
		return path
	case strings.HasPrefix(path, "/.well-known/oauth-protected-resource"):
		return "/.well-known/oauth-protected-resource"
	case strings.HasPrefix(path, "/.well-known/oauth-authorization-server"):
		return "/.well-known/oauth-authorization-server"
	case strings.HasPrefix(path, "/.well-known/openid-configuration"):
		return "/.well-known/openid-configuration"
	}
	return "none"
}

// rewrite makes the request that goes on. The host stays: the MCP edge looks at it. A browser's session is nothing to an
// endpoint that takes tokens.
func (h *handler) rewrite(r *httputil.ProxyRequest) {
	target := &url.URL{Scheme: "http", Host: h.Addr}
	if h.Identity != nil {
		target.Scheme = "https"
	}
	r.SetURL(target)
	r.Out.Host = r.In.Host
	r.Out.Header.Del("Cookie")
	h.Proxies.Name(r.In.Context(), r.Out.Header)
	r.Out.Header.Set(telemetry.HeaderCorrelationID, telemetry.CorrelationID(r.In.Context()))
	// Of a request that is traced here, the MCP edge is told the span of here, which is linked to the caller's.
	if trace.SpanContextFromContext(r.In.Context()).IsValid() {
		r.Out.Header.Del("Tracestate")
		propagation.TraceContext{}.Inject(r.In.Context(), propagation.HeaderCarrier(r.Out.Header))
	}
}

// merge makes room for the headers of an answer: what the MCP edge says stands in place of what this edge would, except
// for the correlation id, which is the same. A cookie of another box must not come back.
func merge(own, answer http.Header) {
	answer.Del("Set-Cookie")
	answer.Del(telemetry.HeaderCorrelationID)
	for name := range answer {
		own.Del(name)
	}
}

// fail answers for a request that could not be handed on. unread is why its body could not be read, if that is so: then it
// is not for want of the MCP edge.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err, unread error) {
	w.Header().Set("Connection", "close") // the body may still be read, and would be taken for another request
	_, tooLarge := errors.AsType[*http.MaxBytesError](unread)
	switch {
	case tooLarge:
		h.Problem.Write(w, r, h.tooLarge())
	case unread != nil: // before what follows: it ends the context, too
		h.Problem.Write(w, r, rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_REQUEST_MALFORMED,
			"the body could not be read to its end").Wrap(unread))
	case errors.Is(err, context.Canceled) && h.Stopping.Err() == nil:
		panic(http.ErrAbortHandler) // the client is gone
	default:
		h.Logger.WarnContext(r.Context(), "the MCP edge does not answer", slog.Any("error", err))
		h.Problem.Write(w, r, rpcerr.Unavailable("the endpoint for agents is not available right now"))
	}
}

// clientBody is a request's body, and remembers why it could not be read: what the transport says of that could be about
// the MCP edge as well.
type clientBody struct {
	io.ReadCloser
	failed atomic.Pointer[error] // the transport reads on a goroutine of its own
}

// Read implements io.Reader.
func (b *clientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.failed.CompareAndSwap(nil, &err)
	}
	return n, err
}

func (b *clientBody) failure() error {
	if failed := b.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

func (h *handler) tooLarge() error {
	return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_BODY_TOO_LARGE,
		"the body is larger than %d bytes", h.BodyLimit).With("limit", strconv.FormatInt(h.BodyLimit, 10))
}

// streamWriter lifts the server's timeouts, which are made for short answers, once an answer turns out to be a stream.
type streamWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	stream  bool
}

// WriteHeader implements http.ResponseWriter.
func (w *streamWriter) WriteHeader(code int) {
	if kind, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type")); kind == "text/event-stream" {
		w.stream = true
		_ = w.control.SetReadDeadline(time.Time{}) // where deadlines are not supported there are none to lift
	}
	w.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (w *streamWriter) Write(p []byte) (int, error) {
	if w.stream {
		_ = w.control.SetWriteDeadline(time.Now().Add(messageTimeout))
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find the writer that flushes.
func (w *streamWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
