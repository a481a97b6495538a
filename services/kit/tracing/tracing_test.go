package tracing

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

func TestTheEnvironmentSaysWhetherSpansAreExported(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"
	for _, test := range []struct {
		name        string
		environment []string
		on          bool
		mistake     string
	}{
		{"nothing set is off", nil, false, ""},
		{"an endpoint is on", []string{endpoint}, true, ""},
		{"one for traces, too", []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:1/v1/traces"}, true, ""},
		{"so is the exporter without one", []string{"OTEL_TRACES_EXPORTER=otlp"}, true, ""},
		{"gRPC is spoken", []string{endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, true, ""},
		{"none is off whatever else is set", []string{endpoint, "OTEL_TRACES_EXPORTER=none"}, false, ""},
		{"the whole SDK can be off", []string{endpoint, "OTEL_SDK_DISABLED=TRUE"}, false, ""},
		{"set to nothing is not set", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=", "OTEL_TRACES_EXPORTER="}, false, ""},
		{"another exporter is a mistake", []string{"OTEL_TRACES_EXPORTER=zipkin"}, false, `OTEL_TRACES_EXPORTER is "zipkin"`},
		{"another protocol, too", []string{endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL=http/json"}, false, `OTEL_EXPORTER_OTLP_PROTOCOL is "http/json"`},
		{"an endpoint without a scheme", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318"}, false, `OTEL_EXPORTER_OTLP_ENDPOINT is "collector:4318"`},
		{"a timeout with a unit", []string{endpoint, "OTEL_EXPORTER_OTLP_TIMEOUT=10s"}, false, `OTEL_EXPORTER_OTLP_TIMEOUT is "10s"`},
		{"a sampler that nobody knows", []string{endpoint, "OTEL_TRACES_SAMPLER=sometimes"}, false, `OTEL_TRACES_SAMPLER is "sometimes"`},
		{"a ratio in percent", []string{endpoint, "OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=10"}, false, `OTEL_TRACES_SAMPLER_ARG is "10"`},
		{"a ratio", []string{endpoint, "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.1"}, true, ""},
		{"mistakes do not matter where it is off", []string{"OTEL_TRACES_SAMPLER=sometimes"}, false, ""},
		{"that for traces stands over that for all", []string{endpoint, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=x", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, false, `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is "x"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, variable := range test.environment {
				name, value, _ := strings.Cut(variable, "=")
				t.Setenv(name, value)
			}
			traces, err := Start(t.Context(), "box", slog.New(slog.DiscardHandler))
			if (traces != nil) != test.on || (err != nil) != (test.mistake != "") || err != nil && !strings.Contains(err.Error(), test.mistake) {
				t.Errorf("on: %t, %v", traces != nil, err)
			}
			if checked := Check(); (checked != nil) != (test.mistake != "") {
				t.Errorf("the check says %v", checked)
			}
			if (traces.Tracer() != nil) != test.on || (len(traces.DialOptions()) > 0) != test.on || (len(traces.ServerOptions()) > 0) != test.on {
				t.Error("the options do not agree")
			}
			if err := traces.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSpansTravelOverHTTPUnderTheNameOfTheService(t *testing.T) {
	received := make(chan *collector.ExportTraceServiceRequest, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		request := &collector.ExportTraceServiceRequest{}
		if err := errors.Join(err, proto.Unmarshal(body, request)); err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		received <- request
	}))
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	traces, err := Start(t.Context(), "box", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, span := traces.Tracer().Start(t.Context(), "work")
	span.End()
	if err := traces.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	text := (<-received).String()
	for _, part := range []string{`"work"`, `"service.name"`, `"box"`} {
		if !strings.Contains(text, part) {
			t.Errorf("%s is missing in %s", part, text)
		}
	}
}

// failing is an exporter that fails as long as it is told to.
type failing struct {
	*tracetest.InMemoryExporter
	err error
}

func (f *failing) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	return errors.Join(f.err, f.InMemoryExporter.ExportSpans(ctx, spans))
}

func TestOnlyWhatIsAllowedLeaves(t *testing.T) {
	exporter := &failing{InMemoryExporter: tracetest.NewInMemoryExporter()}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(&redacting{exporter: exporter, logger: slog.New(slog.DiscardHandler)}))
	state, err := trace.ParseTraceState("vendor=secret")
	if err != nil {
		t.Fatal(err)
	}
	stranger := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceState: state})
	_, span := provider.Tracer("").Start(t.Context(), "GET /route",
		trace.WithAttributes(attribute.String("http.route", "/route"), attribute.String("url.path", "/secret")),
		trace.WithLinks(trace.Link{SpanContext: stranger, Attributes: []attribute.KeyValue{attribute.String("note", "secret")}}))
	span.SetStatus(codes.Error, "there is no objective secret")
	span.RecordError(errors.New("secret"))
	span.End()
	got := exporter.GetSpans()[0]
	if len(got.Attributes) != 1 || got.Attributes[0].Key != "http.route" {
		t.Errorf("attributes %v", got.Attributes)
	}
	if len(got.Events) != 0 || got.Status.Description != "" || got.Status.Code != codes.Error {
		t.Errorf("events %v, status %v", got.Events, got.Status)
	}
	if len(got.Links) != 1 || len(got.Links[0].Attributes) != 0 || got.Links[0].SpanContext.TraceState().Len() != 0 ||
		got.Links[0].SpanContext.TraceID() != stranger.TraceID() {
		t.Errorf("links %v", got.Links)
	}
}

func TestACollectorThatIsAwayIsLoggedOnce(t *testing.T) {
	log := &strings.Builder{}
	exporter := &failing{InMemoryExporter: tracetest.NewInMemoryExporter(), err: errors.New("nobody answers")}
	redact := &redacting{exporter: exporter, logger: telemetry.NewLogger(log, nil, "box")}
	for range 3 {
		if err := redact.ExportSpans(t.Context(), nil); err != nil {
			t.Errorf("the SDK is told: %v", err)
		}
	}
	if n := strings.Count(log.String(), "nobody answers"); n != 1 {
		t.Errorf("it is logged %d times", n)
	}
	exporter.err = nil
	if err := redact.ExportSpans(t.Context(), nil); err != nil || !strings.Contains(log.String(), "exported again") {
		t.Errorf("%v: %s", err, log)
	}
}
