package okrstore

import (
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/memengine"
)

// calledAs is the transport of a call by its method.
type calledAs struct {
	grpc.ServerTransportStream
	method string
}

func (c calledAs) Method() string { return c.method }

func TestATransactionHasASpanButForWhatAWatchReads(t *testing.T) {
	const organization = "organization-test-a0000000-0000-4000-8000-000000000001"
	nothing := func(storage.Tx) error { return nil }
	for _, test := range []struct {
		name, method string
		want         int
	}{
		{"a call", okrv1.OkrService_ListObjectives_FullMethodName, 1},
		{"an export, which ends by itself", okrv1.OkrService_ExportObjectives_FullMethodName, 1},
		{"a watch, which goes on as long as somebody listens", okrv1.OkrService_WatchChanges_FullMethodName, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			recorder := tracetest.NewSpanRecorder()
			provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
			engine := traced(memengine.New(), engineBolt, provider.Tracer(""))
			ctx := grpc.NewContextWithServerTransportStream(t.Context(), calledAs{method: test.method})
			if err := engine.View(ctx, organization, nothing); err != nil {
				t.Fatal(err)
			}
			if spans := recorder.Ended(); len(spans) != test.want {
				t.Errorf("%d spans, want %d", len(spans), test.want)
			}
		})
	}
}
