// Package telemetry makes a service observable: structured logs, metrics, liveness and readiness, and the correlation id
// that ties the parts of one request together.
package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/trace"
)

// NewLogger writes JSON lines that name the service and, within a request, its correlation id and, where it is traced,
// the ids of its trace and span. To a file, such as os.Stderr, lines that come fast after each other are written together,
// up to 10 ms late; a warning or an error is written at once, with all that was before it. Flush writes the rest.
func NewLogger(w io.Writer, level slog.Leveler, service string) *slog.Logger {
	flush := func() error { return nil }
	if file, ok := w.(*os.File); ok {
		b := batched(file)
		w, flush = b, b.flush
	}
	handler := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	return slog.New(correlated{handler, flush}).With(slog.String("service", service))
}

// Log writes a line of an access log. A Logger would look up the line of code that logs, which says nothing here and costs
// more than to format the line.
func Log(ctx context.Context, logger *slog.Logger, level slog.Level, message string, attrs ...slog.Attr) {
	handler := logger.Handler()
	if !handler.Enabled(ctx, level) {
		return
	}
	record := slog.NewRecord(time.Now(), level, message, 0)
	record.AddAttrs(attrs...)
	_ = handler.Handle(ctx, record) // as a Logger does: there is nowhere left to say that the log cannot be written
}

// correlated adds the ids of the context to each record, those of a trace by the names that OpenTelemetry gives them in
// JSON ("Trace Context in non-OTLP Log Formats"). It does not leave problems to wait.
type correlated struct {
	slog.Handler
	flush func() error
}

func (c correlated) Handle(ctx context.Context, r slog.Record) error {
	if id := CorrelationID(ctx); id != "" {
		r.AddAttrs(slog.String("correlation_id", id))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	err := c.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		err = errors.Join(err, c.flush())
	}
	return err
}

func (c correlated) WithAttrs(attrs []slog.Attr) slog.Handler {
	return correlated{c.Handler.WithAttrs(attrs), c.flush}
}

func (c correlated) WithGroup(name string) slog.Handler {
	return correlated{c.Handler.WithGroup(name), c.flush}
}

// NewRegistry makes a metrics registry with the Go runtime's and the process's metrics.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return registry
}
