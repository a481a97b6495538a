package okrstore

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// traced gives each transaction of an engine a span (OpenTelemetry, "Semantic conventions for database client calls",
// within the process). Without a tracer it is the engine itself.
func traced(engine storage.Engine, kind string, tracer trace.Tracer) storage.Engine {
	if tracer == nil {
		return engine
	}
	system := "bbolt"
	if kind == engineEtcd {
		system = "etcd"
	}
	return tracedEngine{engine, attribute.String("db.system.name", system), tracer}
}

type tracedEngine struct {
	storage.Engine
	system attribute.KeyValue
	tracer trace.Tracer
}

// View implements storage.Engine. What a watch reads has no span: it would add two to the same trace with every change, for
// as long as somebody listens.
func (e tracedEngine) View(ctx context.Context, organization string, fn func(storage.Tx) error) error {
	if method, _ := grpc.Method(ctx); method == okrv1.OkrService_WatchChanges_FullMethodName {
		return e.Engine.View(ctx, organization, fn)
	}
	return e.span(ctx, "View", func(ctx context.Context) error { return e.Engine.View(ctx, organization, fn) })
}

// Update implements storage.Engine. The time of its span is that of the wait for the turn, the function and the commit.
func (e tracedEngine) Update(ctx context.Context, organization string, fn func(storage.Tx) error) error {
	return e.span(ctx, "Update", func(ctx context.Context) error { return e.Engine.Update(ctx, organization, fn) })
}

func (e tracedEngine) span(ctx context.Context, operation string, call func(context.Context) error) error {
	ctx, span := e.tracer.Start(ctx, operation, trace.WithSpanKind(trace.SpanKindInternal), trace.WithAttributes(
		e.system, attribute.String("db.operation.name", operation)))
	defer span.End()
	err := call(ctx)
	if kind := failure(err); kind != "" {
		span.SetAttributes(attribute.String("error.type", kind))
		span.SetStatus(codes.Error, "")
	}
	return err
}

// failure is the kind of an error that is the engine's own. What the function of a transaction answers, such as that there
// is no such objective, is no failure of the engine.
func failure(err error) string {
	var panicked *storage.PanicError
	switch {
	case errors.Is(err, storage.ErrBroken):
		return "broken"
	case errors.Is(err, storage.ErrCorrupted):
		return "corrupted"
	case errors.Is(err, storage.ErrTooLarge):
		return "too_large"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &panicked):
		return "panic"
	}
	return ""
}
