// Package tracing makes the spans of a service and exports them over OTLP. It is set by the standard OTEL_* variables
// (OpenTelemetry, "Environment Variable Specification" and "OTLP Exporter Configuration") and is off unless one of them
// asks for it: then nothing of it runs, and no call costs more.
//
// What a span may say is a closed list (see redact.go): never a text of the organization, a token or an address of e-mail.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc/filters"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
)

const (
	// instrumentation is the scope of the spans that the system's own code makes.
	instrumentation = "github.com/df0f9dda/okr-manager"
	// stopTimeout bounds how long the last spans are exported when a service stops.
	stopTimeout = 3 * time.Second
)

// Tracing makes spans. Nil makes none, and all of its methods may be called. It is safe for concurrent use.
type Tracing struct {
	provider *sdktrace.TracerProvider
}

// Start begins to export the spans of a service, or answers nil where the environment does not ask for it. An error names
// a variable that cannot be followed; a collector that does not answer is none: it is logged, and spans are dropped.
func Start(ctx context.Context, service string, logger *slog.Logger) (*Tracing, error) {
	exporter, err := exporterOf(ctx, os.Getenv)
	if exporter == nil || err != nil {
		return nil, err
	}
	// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come last and so stand over the name in the code.
	described, err := resource.New(ctx,
		resource.WithSchemaURL(semconv.SchemaURL),
		resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceNamespace("okr-manager"), semconv.ServiceName(service)),
		resource.WithFromEnv(),
	)
	if err != nil && described == nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	// The sampler, the limits of spans and the size of batches come from the environment too: the SDK reads them.
	return &Tracing{sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&redacting{exporter: exporter, logger: logger}),
		sdktrace.WithResource(described),
	)}, nil
}

// exporterOf makes what spans go to; nil for nowhere.
func exporterOf(ctx context.Context, getenv func(string) string) (sdktrace.SpanExporter, error) {
	on, protocol, err := read(getenv)
	if err != nil || !on {
		return nil, err
	}
	var exporter sdktrace.SpanExporter
	if protocol == protocolGRPC {
		exporter, err = otlptracegrpc.New(ctx)
	} else {
		exporter, err = otlptracehttp.New(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("exporting traces: %w", err)
	}
	return exporter, nil
}

// Close exports the spans that wait, as long as that takes no more than three seconds.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stopping to trace: %w", err)
	}
	return nil
}

// Tracer makes the spans of the system's own code; nil where tracing is off.
func (t *Tracing) Tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer(instrumentation, trace.WithSchemaURL(semconv.SchemaURL))
}

// ServerOptions give each call that a gRPC server answers a span. The services behind the edges are called by the edges
// and by teams within the network, whose trace they continue.
func (t *Tracing) ServerOptions() []grpc.ServerOption {
	if t == nil {
		return nil
	}
	return []grpc.ServerOption{grpc.StatsHandler(otelgrpc.NewServerHandler(t.rpc()...))}
}

// DialOptions give each call that leaves by a gRPC connection a span, and carry the trace to the other end.
func (t *Tracing) DialOptions() []grpc.DialOption {
	if t == nil {
		return nil
	}
	return []grpc.DialOption{grpc.WithStatsHandler(otelgrpc.NewClientHandler(t.rpc()...))}
}

func (t *Tracing) rpc() []otelgrpc.Option {
	return []otelgrpc.Option{
		otelgrpc.WithTracerProvider(t.provider),
		otelgrpc.WithMeterProvider(metricnoop.NewMeterProvider()), // metrics are Prometheus's
		otelgrpc.WithPropagators(propagation.TraceContext{}),      // and no baggage: it is anybody's text
		otelgrpc.WithFilter(filters.Not(filters.HealthCheck())),
	}
}
