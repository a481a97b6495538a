package front

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// Config is what the front needs.
type Config struct {
	// HTTPS says whether browsers reach us by HTTPS, and may be told to keep to it.
	HTTPS bool
	// Proxies are those whose word about a client's address is taken.
	Proxies Proxies
	// MaxRequests is how many requests may be running at a time, streams among them; zero for any number.
	MaxRequests int
	// Logger gets one line a request, and panics.
	Logger *slog.Logger
	// Registry gets the metrics.
	Registry prometheus.Registerer
	// Tracer makes the span of each request; nil for none.
	Tracer trace.Tracer
	// Answer answers a request whose handler panicked before it wrote anything.
	Answer func(http.ResponseWriter, *http.Request, error)
}

// front wraps a handler.
type front struct {
	Config
	next     http.Handler
	always   http.Header // of every answer
	running  atomic.Int64
	duration *prometheus.HistogramVec
	streams  *prometheus.GaugeVec
}

// New puts the front before a handler.
func New(cfg Config, next http.Handler) (http.Handler, error) {
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "http_server_request_duration_seconds",
		Help:    "Time to serve a request, for streams to their end.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"method", "route", "code"})
	streams := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "http_server_open_streams",
		Help: "Answers that are streams of events and are open now.",
	}, []string{"route"})
	if err := errors.Join(cfg.Registry.Register(duration), cfg.Registry.Register(streams)); err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	return &front{Config: cfg, next: next, always: always(cfg.HTTPS), duration: duration, streams: streams}, nil
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	seen := &record{client: f.Proxies.client(r)}
	defer seen.end()
	ctx := context.WithValue(r.Context(), recordKey{}, seen)
	ctx = telemetry.WithCorrelationID(ctx, r.Header.Get(telemetry.HeaderCorrelationID))
	ctx, span := f.startSpan(ctx, r)
	r = r.WithContext(ctx)
	maps.Copy(w.Header(), f.always) // whose values nobody changes in place
	w.Header().Set(telemetry.HeaderCorrelationID, telemetry.CorrelationID(ctx))
	answer := &answer{ResponseWriter: w}
	answer.streaming = func() {
		route := seen.read().name()
		f.streams.WithLabelValues(route).Inc()
		answer.ended = func() { f.streams.WithLabelValues(route).Dec() }
	}
	defer func() {
		if p := recover(); p != nil && !f.recovered(answer, r, p) {
			defer panic(http.ErrAbortHandler) // drops the connection: half an answer must not look like a whole one
		}
		f.finish(ctx, r, answer, seen.read(), time.Since(start))
		endSpan(span, knownMethod(r.Method), answer.status, seen.read())
	}()
	defer f.running.Add(-1)
	if f.running.Add(1) > int64(f.MaxRequests) && f.MaxRequests > 0 && !isProbe(r.URL.Path) {
		f.Answer(answer, r, busy())
		return
	}
	f.next.ServeHTTP(answer, r)
}

// isProbe says whether an address is asked by what looks after the process, which must hear that it lives.
func isProbe(path string) bool { return path == "/livez" || path == "/readyz" }

// always is what every answer carries. Pages add to it.
func always(https bool) http.Header {
	header := http.Header{
		"X-Content-Type-Options":       {"nosniff"},
		"Referrer-Policy":              {"no-referrer"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
	}
	if https {
		header.Set("Strict-Transport-Security", "max-age=31536000")
	}
	return header
}

// recovered answers for a handler that panicked, and says whether it could. A deliberate abort stays one.
func (f *front) recovered(w *answer, r *http.Request, p any) bool {
	if p == http.ErrAbortHandler { //nolint:errorlint // the panic carries this very value
		return false
	}
	f.Logger.ErrorContext(r.Context(), "panic",
		slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
	if w.status != 0 {
		return false
	}
	f.Answer(w, r, fmt.Errorf("panic: %v", p))
	return true
}

// finish counts and logs a request: never its body, query, cookies or tokens.
func (f *front) finish(ctx context.Context, r *http.Request, w *answer, seen notes, took time.Duration) {
	if w.ended != nil {
		w.ended()
	}
	route := seen.name()
	f.duration.WithLabelValues(knownMethod(r.Method), route, strconv.Itoa(w.status)).Observe(took.Seconds())

	level := slog.LevelInfo
	switch {
	case w.status >= http.StatusInternalServerError:
		level = slog.LevelError
	case isProbe(seen.route):
		level = slog.LevelDebug
	}
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs,
		slog.String("method", knownMethod(r.Method)),
		slog.String("route", route),
		slog.Int("status", w.status),
		slog.Duration("duration", took),
		slog.Int64("bytes", w.bytes),
	)
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		attrs = append(attrs, slog.String("peer", host))
		if client := Client(ctx); client.IsValid() && client.String() != host {
			attrs = append(attrs, slog.String("client", client.String()))
		}
	}
	if seen.reason != "" {
		attrs = append(attrs, slog.String("reason", seen.reason))
	}
	if p := seen.principal; p != nil {
		attrs = append(attrs,
			slog.String("organization_id", p.GetOrganizationId()), slog.String("member_id", p.GetMemberId()))
		if p.GetClientId() != "" {
			attrs = append(attrs, slog.String("client_id", p.GetClientId()))
		}
	}
	telemetry.Log(ctx, f.Logger, level, "request", attrs...)
}

// knownMethod keeps invented methods out of logs and metrics.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions:
		return method
	}
	return "OTHER"
}

// answer remembers what was answered.
type answer struct {
	http.ResponseWriter
	status int // 0: nothing yet
	bytes  int64
	// streaming is called when the answer turns out to be a stream of events; it may set ended, for the end.
	streaming, ended func()
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
		if strings.HasPrefix(a.Header().Get("Content-Type"), "text/event-stream") {
			a.streaming()
		}
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController find the writer that flushes and has deadlines.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
