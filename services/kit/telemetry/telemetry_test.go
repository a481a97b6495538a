package telemetry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

func TestALogLineNamesTheServiceAndTheRequest(t *testing.T) {
	var out bytes.Buffer
	logger := telemetry.NewLogger(&out, slog.LevelInfo, "okr-store")
	ctx := telemetry.WithCorrelationID(t.Context(), "id-1")
	traced := trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, SpanID: trace.SpanID{1, 2, 3, 4, 5, 6, 7, 8},
	}))
	for _, test := range []struct {
		name string
		log  func()
		want map[string]any
	}{
		{"in a request", func() { logger.InfoContext(ctx, "m") }, map[string]any{"service": "okr-store", "correlation_id": "id-1", "level": "INFO"}},
		{"outside a request", func() { logger.Warn("m") }, map[string]any{"service": "okr-store", "correlation_id": nil, "level": "WARN"}},
		{"in a request that is traced", func() { logger.InfoContext(traced, "m") }, map[string]any{
			"correlation_id": "id-1", "trace_id": "0102030405060708090a0b0c0d0e0f10", "span_id": "0102030405060708",
		}},
		{"in one that is not", func() { logger.InfoContext(ctx, "m") }, map[string]any{"trace_id": nil, "span_id": nil}},
		{"by a logger with attributes of its own", func() { logger.With(slog.String("engine", "bolt")).InfoContext(ctx, "m") }, map[string]any{"engine": "bolt", "correlation_id": "id-1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			out.Reset()
			test.log()
			var record map[string]any
			if err := json.Unmarshal(out.Bytes(), &record); err != nil {
				t.Fatal(err)
			}
			for key, want := range test.want {
				if record[key] != want {
					t.Errorf("%s is %v, want %v", key, record[key], want)
				}
			}
		})
	}
	out.Reset()
	logger.DebugContext(ctx, "m")
	if out.Len() != 0 {
		t.Errorf("a line below the level was written: %s", &out)
	}
	logger.WithGroup("g").InfoContext(ctx, "m")
	if !strings.Contains(out.String(), `"correlation_id":"id-1"`) {
		t.Errorf("a line in a group: %s", &out)
	}
}

func TestACorrelationIDCarriesNothingIntoTheLog(t *testing.T) {
	for _, id := range []string{"", " ", "a b", "a\n{\"level\":\"ERROR\"}", "é", "a\x00", strings.Repeat("a", 65)} {
		got := telemetry.CorrelationID(telemetry.WithCorrelationID(t.Context(), id))
		if uuid.Validate(got) != nil {
			t.Errorf("%q became %q", id, got)
		}
	}
	if got := telemetry.CorrelationID(telemetry.WithCorrelationID(t.Context(), "A-1_z")); got != "A-1_z" {
		t.Errorf("a good id became %q", got)
	}
	if got := telemetry.CorrelationID(t.Context()); got != "" {
		t.Errorf("outside a request the id is %q", got)
	}
}
