package e2e

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
)

// receiver is a collector of traces.
type receiver struct {
	collector.UnimplementedTraceServiceServer
	mu    sync.Mutex
	spans []span
}

// span is a span with the service that made it.
type span struct {
	*tracev1.Span
	service string
}

// Export implements the service of OTLP.
func (r *receiver) Export(_ context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range req.GetResourceSpans() {
		service := ""
		for _, a := range resource.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				service = a.GetValue().GetStringValue()
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, one := range scope.GetSpans() {
				r.spans = append(r.spans, span{one, service})
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// trace is the spans of the trace that a span is in, once the span and all of the services are there; else nil.
func (r *receiver) trace(holds func(span) bool, services ...string) []span {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.spans, holds)
	if i < 0 {
		return nil
	}
	var found []span
	for _, s := range r.spans {
		if string(s.GetTraceId()) == string(r.spans[i].GetTraceId()) {
			found = append(found, s)
		}
	}
	for _, service := range services {
		if !slices.ContainsFunc(found, func(s span) bool { return s.service == service }) {
			return nil
		}
	}
	if !slices.ContainsFunc(found, func(s span) bool { return len(s.GetParentSpanId()) == 0 }) {
		return nil // the outermost span ends last
	}
	return found
}

// collect runs a collector until the test ends, and has the systems that are started from now on send it their spans.
func collect(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, r)
	go func() { _ = server.Serve(listener) }() // ends with Stop
	t.Cleanup(server.Stop)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+listener.Addr().String())
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	return r
}

// strangers is a trace context of whoever calls.
const (
	strangersTrace  = "0af7651916cd43dd8448eb211c80319c"
	strangersSpan   = "b7ad6b7169203331"
	strangersParent = "00-" + strangersTrace + "-" + strangersSpan + "-01"
)

func TestOneCallIsOneTraceThroughEveryBox(t *testing.T) {
	r := collect(t)
	s := ownSystem(t, patience)
	ceo, _ := s.found(t)
	agent := ceo.letIn(t, "Tracer", "openid", "read:okrs", "manage:objectives")

	t.Run("over REST", func(t *testing.T) {
		// The token is new to every box, so that authz and the provider behind it are asked.
		answer := s.asAgent(agent.AccessToken).call(t, http.MethodPost, "/api/v1/objectives",
			`{"title":"A title that no trace may tell"}`, "Traceparent", strangersParent, "Tracestate", "stranger=state")
		if answer.status != http.StatusCreated {
			t.Fatalf("%d %s", answer.status, answer.body)
		}
		spans := await(t, r, "POST /api/v1/objectives", "rest", "authz", "okr-store")
		one(t, spans, "rest", "POST /api/v1/objectives", "")
		one(t, spans, "authz", "authz.v1.AuthzService/Authenticate", "authz.v1.AuthzService/Authenticate")
		one(t, spans, "okr-store", "okr.v1.OkrService/CreateObjective", "okr.v1.OkrService/CreateObjective")
		one(t, spans, "okr-store", "Update", "okr.v1.OkrService/CreateObjective")
		one(t, spans, "authz", "GET /v1/b2b/organizations/{id}/member", "authz.v1.AuthzService/Authenticate")
		linked(t, spans, "rest", strangersTrace, strangersSpan)
	})
	t.Run("over MCP", func(t *testing.T) {
		other := ceo.letIn(t, "Agent", "openid", "read:okrs")
		reply := other.overMCP(s).ask(t, "tools/call", fields{
			"name": "listObjectives", "arguments": fields{}, "_meta": fields{"traceparent": strangersParent, "tracestate": "stranger=state"},
		})
		if reply.status != http.StatusOK || reply.isError() {
			t.Fatalf("%d %s", reply.status, reply.body)
		}
		spans := await(t, r, "tools/call listObjectives", "mcp", "authz", "okr-store")
		request := one(t, spans, "mcp", "POST /mcp", "")
		one(t, spans, "mcp", "tools/call listObjectives", "POST /mcp")
		one(t, spans, "okr-store", "okr.v1.OkrService/ListObjectives", "okr.v1.OkrService/ListObjectives")
		one(t, spans, "okr-store", "View", "okr.v1.OkrService/ListObjectives")
		one(t, spans, "authz", "authz.v1.AuthzService/Authenticate", "authz.v1.AuthzService/Authenticate")
		linked(t, spans, "mcp", strangersTrace, strangersSpan)
		// The REST edge handed the request on: its span is in a trace of its own, which is linked.
		if len(request.GetLinks()) != 1 {
			t.Fatalf("the span of the request has %d links", len(request.GetLinks()))
		}
		through := request.GetLinks()[0]
		eventually(t, "the span of the REST edge", func() bool {
			return r.trace(func(s span) bool {
				return s.service == "rest" && string(s.GetSpanId()) == string(through.GetSpanId())
			}) != nil
		})
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		text, err := protojson.Marshal(s.Span)
		if err != nil {
			t.Fatal(err)
		}
		if leaks := heard.in(string(text)); len(leaks) > 0 {
			t.Errorf("a span of %s tells %q", s.service, leaks)
		}
		if hex.EncodeToString(s.GetTraceId()) == strangersTrace {
			t.Errorf("%s of %s continues the trace of a stranger", s.GetName(), s.service)
		}
		if strings.Contains(string(text), "stranger") {
			t.Errorf("%s of %s repeats what a stranger wrote: %s", s.GetName(), s.service, text)
		}
	}
	for _, line := range strings.Split(logs.String(), "\n") {
		if strings.Contains(line, `"msg":"call"`) && strings.Contains(line, "CreateObjective") && strings.Contains(line, `"trace_id"`) {
			return
		}
	}
	t.Error("no line of the log names the trace")
}

// await waits for a trace with a span of this name and of all these services.
func await(t *testing.T, r *receiver, name string, services ...string) (spans []span) {
	t.Helper()
	eventually(t, fmt.Sprintf("a trace with %s through %s", name, services), func() bool {
		spans = r.trace(func(s span) bool { return s.GetName() == name }, services...)
		return spans != nil
	})
	if t.Failed() {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, s := range r.spans {
			t.Logf("%x %x in %x: %s %s", s.GetTraceId(), s.GetSpanId(), s.GetParentSpanId(), s.service, s.GetName())
		}
		t.FailNow()
	}
	return spans
}

// one is the span of a service by a name, whose parent is in the same trace and has the other name; "" for no parent.
func one(t *testing.T, spans []span, service, name, parent string) span {
	t.Helper()
	i := slices.IndexFunc(spans, func(s span) bool { return s.service == service && s.GetName() == name })
	if i < 0 {
		t.Fatalf("%s has no span %s in %s", service, name, names(spans))
	}
	found := spans[i]
	above := ""
	for _, s := range spans {
		if string(s.GetSpanId()) == string(found.GetParentSpanId()) {
			above = s.GetName()
		}
	}
	if above != parent || (len(found.GetParentSpanId()) == 0) != (parent == "") {
		t.Errorf("the span %s is in %q, want %q", name, above, parent)
	}
	return found
}

func names(spans []span) string {
	var all []string
	for _, s := range spans {
		all = append(all, s.service+": "+s.GetName())
	}
	return strings.Join(all, ", ")
}

// linked sees to it that a span of a service is linked to another.
func linked(t *testing.T, spans []span, service, traceID, spanID string) {
	t.Helper()
	for _, s := range spans {
		for _, link := range s.GetLinks() {
			if s.service == service && hex.EncodeToString(link.GetTraceId()) == traceID && hex.EncodeToString(link.GetSpanId()) == spanID {
				return
			}
		}
	}
	t.Errorf("%s is not linked to the caller's span", service)
}
