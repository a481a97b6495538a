package front

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// startSpan begins the span of a request (OpenTelemetry, "Semantic conventions for HTTP spans", HTTP server). Who calls
// is not known yet, so a trace context that came along is linked and not continued: a stranger must not choose the ids of
// our traces, nor which of them are kept. Probes have no span.
func (f *front) startSpan(ctx context.Context, r *http.Request) (context.Context, trace.Span) {
	if f.Tracer == nil || r.URL.Path == "/livez" || r.URL.Path == "/readyz" {
		return ctx, nil
	}
	scheme := "http"
	if f.HTTPS {
		scheme = "https"
	}
	options := []trace.SpanStartOption{
		trace.WithNewRoot(),
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(
			attribute.String("http.request.method", knownMethod(r.Method)),
			attribute.String("url.scheme", scheme),
			attribute.String("okr.correlation_id", telemetry.CorrelationID(ctx)),
		),
	}
	if caller := callersSpan(ctx, r); caller.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: caller}))
	}
	return f.Tracer.Start(ctx, knownMethod(r.Method), options...)
}

// callersSpan is the span that a caller says a request is part of (W3C Trace Context).
func callersSpan(ctx context.Context, r *http.Request) trace.SpanContext {
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header)))
}

// endSpan ends the span of a request, which by now has a route: the path itself is the caller's text, and so not told.
func endSpan(span trace.Span, method string, status int, seen notes) {
	if span == nil {
		return
	}
	defer span.End()
	if seen.route != "" {
		span.SetName(method + " " + seen.route)
		span.SetAttributes(attribute.String("http.route", seen.route))
	}
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		kind := seen.reason
		if kind == "" {
			kind = http.StatusText(status)
		}
		span.SetAttributes(attribute.String("error.type", kind))
		span.SetStatus(codes.Error, "")
	}
}
