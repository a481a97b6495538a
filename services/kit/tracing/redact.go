package tracing

import (
	"context"
	"log/slog"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// allowed are the attributes that leave the process, whatever made them. Each holds a word of ours, a number or an address
// of a machine. What callers write is not among them: url.path and url.query, user_agent.original, mcp.resource.uri,
// messages of errors.
func allowed(key attribute.Key) bool {
	switch key {
	case "error.type",
		"http.request.method", "http.response.status_code", "http.route", "url.scheme", "url.template",
		"rpc.system.name", "rpc.method", "rpc.response.status_code",
		"server.address", "server.port", "network.peer.address", "network.peer.port", "network.protocol.version",
		"mcp.method.name", "mcp.protocol.version", "gen_ai.operation.name", "gen_ai.tool.name", "gen_ai.prompt.name",
		"db.system.name", "db.operation.name",
		"okr.correlation_id":
		return true
	}
	return false
}

// redacting passes spans on with their allowed attributes alone, without the message of an error and without events, which
// could quote what a caller wrote. It logs when spans cannot be exported, once until they can again, so that a collector
// that is away does not fill the log.
type redacting struct {
	exporter sdktrace.SpanExporter
	logger   *slog.Logger
	failing  atomic.Bool
}

// ExportSpans implements sdktrace.SpanExporter. It keeps its errors: the SDK would print them past the logger.
func (r *redacting) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	clean := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		clean[i] = redacted{span}
	}
	err := r.exporter.ExportSpans(ctx, clean)
	switch was := r.failing.Swap(err != nil); {
	case err != nil && !was:
		r.logger.WarnContext(ctx, "traces cannot be exported; their spans are dropped", slog.Any("error", err))
	case err == nil && was:
		r.logger.InfoContext(ctx, "traces are exported again")
	}
	return nil
}

// Shutdown implements sdktrace.SpanExporter.
func (r *redacting) Shutdown(ctx context.Context) error { return r.exporter.Shutdown(ctx) }

// redacted is a span without what must not leave.
type redacted struct{ sdktrace.ReadOnlySpan }

func (r redacted) Attributes() []attribute.KeyValue { return allowedOf(r.ReadOnlySpan.Attributes()) }

func (r redacted) Links() []sdktrace.Link {
	links := r.ReadOnlySpan.Links()
	clean := make([]sdktrace.Link, len(links))
	for i, link := range links {
		link.Attributes = allowedOf(link.Attributes)
		link.SpanContext = link.SpanContext.WithTraceState(trace.TraceState{}) // text of a stranger's
		clean[i] = link
	}
	return clean
}

func (r redacted) Events() []sdktrace.Event { return nil }

func (r redacted) Status() sdktrace.Status {
	return sdktrace.Status{Code: r.ReadOnlySpan.Status().Code}
}

func allowedOf(attributes []attribute.KeyValue) []attribute.KeyValue {
	clean := make([]attribute.KeyValue, 0, len(attributes))
	for _, a := range attributes {
		if allowed(a.Key) {
			clean = append(clean, a)
		}
	}
	return clean
}
