package engine

import (
	"context"
	"errors"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// startSpan begins the span of a request (OpenTelemetry, "Semantic conventions for Model Context Protocol"). It is part of
// the transport's, and linked to the one that the client says in _meta that it is part of (SEP-414): agents are strangers,
// and must not choose the ids of our traces.
func (e *Engine) startSpan(ctx context.Context, r *Request) (context.Context, trace.Span) {
	if e.cfg.Tracer == nil {
		return ctx, nil
	}
	name := r.Method
	attributes := []attribute.KeyValue{
		attribute.String("mcp.method.name", r.Method),
		attribute.String("mcp.protocol.version", string(r.Version)),
	}
	target, _ := r.Params.Text("name")
	switch {
	case r.Method == "tools/call" && e.byName[target] != nil:
		name += " " + target
		attributes = append(attributes,
			attribute.String("gen_ai.operation.name", "execute_tool"), attribute.String("gen_ai.tool.name", target))
	case r.Method == "prompts/get" && e.promptNamed(target) != nil:
		name += " " + target
		attributes = append(attributes, attribute.String("gen_ai.prompt.name", target))
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes...)}
	if caller := callersSpan(ctx, r); caller.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: caller}))
	}
	return e.cfg.Tracer.Start(ctx, name, options...)
}

// callersSpan is the W3C trace context in _meta. Its keys stand there without a prefix, as the specification reserves them.
func callersSpan(ctx context.Context, r *Request) trace.SpanContext {
	meta, _ := r.Params.Object("_meta")
	carrier := propagation.MapCarrier{}
	for _, key := range []string{"traceparent", "tracestate"} {
		if value, ok := meta.Text(key); ok {
			carrier[key] = value
		}
	}
	if len(carrier) == 0 {
		return trace.SpanContext{}
	}
	// What is in the context already is ours, and would be taken where the carrier has nothing good.
	none := trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(none, carrier))
}

// endSpan ends the span of a request. Why a tool failed, the tool has noted.
func endSpan(span trace.Span, err error) {
	if span == nil {
		return
	}
	defer span.End()
	if err == nil {
		return
	}
	kind := "_OTHER"
	if own, ok := errors.AsType[*Error](err); ok {
		kind = strconv.Itoa(own.Code)
		span.SetAttributes(attribute.String("rpc.response.status_code", kind))
	}
	span.SetAttributes(attribute.String("error.type", kind))
	span.SetStatus(codes.Error, "")
}
