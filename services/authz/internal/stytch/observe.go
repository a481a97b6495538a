package stytch

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// observer measures the requests to Stytch, and gives each a span. No trace context goes to Stytch: it is a stranger.
type observer struct {
	duration *prometheus.HistogramVec
	tracer   trace.Tracer // nil for no spans

	mu         sync.Mutex
	operations map[string]struct{}
}

func newObserver(tracer trace.Tracer) *observer {
	return &observer{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "okr_stytch_request_duration_seconds",
			Help:    "Time of requests to Stytch, by operation and by the class of the status, or error where there was none.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"operation", "outcome"}),
		tracer:     tracer,
		operations: map[string]struct{}{},
	}
}

// roundTrip makes a request and observes it.
func (o *observer) roundTrip(req *http.Request, do func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	operation := o.operation(req)
	var span trace.Span
	if o.tracer != nil {
		ctx := req.Context()
		ctx, span = o.tracer.Start(ctx, operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("http.request.method", req.Method),
			attribute.String("url.template", strings.TrimPrefix(operation, req.Method+" ")),
			attribute.String("server.address", req.URL.Hostname()),
		))
		defer span.End()
		req = req.WithContext(ctx)
	}
	start := time.Now()
	resp, err := do(req)
	outcome := "error"
	if err == nil {
		outcome = strconv.Itoa(resp.StatusCode/100) + "xx"
	}
	o.duration.WithLabelValues(operation, outcome).Observe(time.Since(start).Seconds())
	if span != nil {
		describe(span, resp, err)
	}
	return resp, err
}

func describe(span trace.Span, resp *http.Response, err error) {
	if err != nil {
		span.SetAttributes(attribute.String("error.type", "_OTHER"))
		span.SetStatus(codes.Error, "")
		return
	}
	span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
	if resp.StatusCode >= http.StatusBadRequest {
		span.SetAttributes(attribute.String("error.type", strconv.Itoa(resp.StatusCode)))
		span.SetStatus(codes.Error, "")
	}
}

const (
	// maxOperations bounds how many operations are told apart: what stands in a path is not ours to choose.
	maxOperations = 64
	// otherOperation stands for those beyond.
	otherOperation = "other"
)

// operation names what a request does: its method, and its path with {id} in place of everything that is not a word of
// the API, which are of lower-case letters and underscores.
func (o *observer) operation(req *http.Request) string {
	segments := strings.Split(req.URL.Path, "/")
	for i, segment := range segments {
		if segment != "v1" && segment != "b2b" && strings.ContainsFunc(segment, notInWords) {
			segments[i] = "{id}"
		}
	}
	name := req.Method + " " + strings.Join(segments, "/")
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, known := o.operations[name]; !known {
		if len(o.operations) == maxOperations {
			return otherOperation
		}
		o.operations[name] = struct{}{}
	}
	return name
}

func notInWords(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }

// Metrics are those of the requests.
func (c *Client) Metrics() []prometheus.Collector {
	return []prometheus.Collector{c.transport.observer.duration}
}
