package grpcserver

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

func TestAServerThatStopsIsNotServing(t *testing.T) {
	s, err := newServer(Config{
		Register: func(grpc.ServiceRegistrar) {}, Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ready := func(context.Context) error { return nil }
	s.checkReadiness(t.Context(), ready)
	s.stop(slog.New(slog.DiscardHandler))
	s.checkReadiness(t.Context(), ready) // a check that was under way must not bring it back
	for _, service := range []string{"", "grpc.health.v1.Health"} {
		response, err := s.health.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		if err != nil || response.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
			t.Errorf("%q is %v, %v", service, response, err)
		}
	}
	if !errors.Is(context.Cause(s.stopping), errStopping) {
		t.Errorf("streams end with %v", context.Cause(s.stopping))
	}
}
