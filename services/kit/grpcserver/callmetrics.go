package grpcserver

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// allCodes is how many codes a call can end with (google.golang.org/grpc/codes).
const allCodes = codes.Unauthenticated + 1

// callMetrics counts calls under the names of go-grpc-middleware's provider for Prometheus, which dashboards know. Unlike
// there a call need not search for its series, which took half as long as its authentication: each method knows its own.
type callMetrics struct {
	started, handled, received, sent *prometheus.CounterVec
	seconds                          *prometheus.HistogramVec

	methods map[string]*methodMetrics // by full method; it does not change once the server serves
	collect func()                    // makes every series, once
}

func newCallMetrics() *callMetrics {
	labels := []string{"grpc_type", "grpc_service", "grpc_method"}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &callMetrics{
		started:  counter("grpc_server_started_total", "Calls that began.", labels...),
		handled:  counter("grpc_server_handled_total", "Calls that ended, by the code of their answer.", append(labels, "grpc_code")...),
		received: counter("grpc_server_msg_received_total", "Messages that came from clients.", labels...),
		sent:     counter("grpc_server_msg_sent_total", "Messages that went to clients.", labels...),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "grpc_server_handling_seconds", Help: "How long calls took.", Buckets: prometheus.DefBuckets,
		}, labels),
	}
}

// serve says which methods there are.
func (m *callMetrics) serve(services map[string]grpc.ServiceInfo) {
	m.methods = map[string]*methodMetrics{}
	for service, info := range services {
		for _, method := range info.Methods {
			kind := "unary"
			switch {
			case method.IsClientStream && method.IsServerStream:
				kind = "bidi_stream"
			case method.IsServerStream:
				kind = "server_stream"
			case method.IsClientStream:
				kind = "client_stream"
			}
			m.methods["/"+service+"/"+method.Name] = &methodMetrics{of: m, labels: [...]string{kind, service, method.Name}}
		}
	}
	m.collect = sync.OnceFunc(func() {
		for _, method := range m.methods {
			method.begin()
			for code := range allCodes {
				method.end(code)
			}
		}
	})
}

// methodMetrics are the series of one method, which are there from its first call.
type methodMetrics struct {
	of     *callMetrics
	labels [3]string

	once                    sync.Once
	started, received, sent prometheus.Counter
	seconds                 prometheus.Observer
	handled                 [allCodes]atomic.Pointer[prometheus.Counter]
}

// begin makes sure that the series are there which do not depend on how a call ends.
func (m *methodMetrics) begin() {
	m.once.Do(func() {
		labels := m.labels[:]
		m.started, m.received = m.of.started.WithLabelValues(labels...), m.of.received.WithLabelValues(labels...)
		m.sent, m.seconds = m.of.sent.WithLabelValues(labels...), m.of.seconds.WithLabelValues(labels...)
	})
}

// end is the counter of the calls that ended with a code.
func (m *methodMetrics) end(code codes.Code) prometheus.Counter {
	if code >= allCodes {
		code = codes.Unknown // as clients are to take it (gRPC, "Status codes and their use in gRPC")
	}
	if known := m.handled[code].Load(); known != nil {
		return *known
	}
	counter := m.of.handled.WithLabelValues(m.labels[0], m.labels[1], m.labels[2], code.String())
	m.handled[code].Store(&counter)
	return counter
}

// call counts a call until its end, which it is told by the function that it answers.
func (m *methodMetrics) call() (end func(error)) {
	start := time.Now()
	m.begin()
	m.started.Inc()
	return func(err error) {
		m.end(status.Code(err)).Inc()
		m.seconds.Observe(time.Since(start).Seconds())
	}
}

func (m *callMetrics) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	method := m.methods[info.FullMethod]
	end := method.call()
	method.received.Inc()
	resp, err := next(ctx, req)
	if err == nil {
		method.sent.Inc()
	}
	end(err)
	return resp, err
}

func (m *callMetrics) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	method := m.methods[info.FullMethod]
	end := method.call()
	err := next(srv, &countedStream{ss, method})
	end(err)
	return err
}

// countedStream counts the messages of a stream.
type countedStream struct {
	grpc.ServerStream
	method *methodMetrics
}

func (s *countedStream) SendMsg(m any) error {
	err := s.ServerStream.SendMsg(m)
	if err == nil {
		s.method.sent.Inc()
	}
	return err
}

func (s *countedStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if err == nil {
		s.method.received.Inc()
	}
	return err
}

// Describe implements prometheus.Collector.
func (m *callMetrics) Describe(descriptions chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(descriptions)
	}
}

// Collect implements prometheus.Collector. It has a series for everything that could be counted, from the first time that
// somebody reads them: one that appears with its first error cannot be seen to have grown. They are twenty for each RPC, a
// megabyte that a server without readers does without.
func (m *callMetrics) Collect(metrics chan<- prometheus.Metric) {
	m.collect()
	for _, c := range m.collectors() {
		c.Collect(metrics)
	}
}

func (m *callMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.started, m.handled, m.received, m.sent, m.seconds}
}
