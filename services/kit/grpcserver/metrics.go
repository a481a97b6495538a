package grpcserver

import (
	"errors"
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/df0f9dda/okr-manager/services/kit/ratelimit"
)

func newStreamGauge() *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "grpc_server_open_streams",
		Help: "Streams that are open now.",
	}, []string{"grpc_service", "grpc_method"})
}

// register registers what the interceptors count beside the calls themselves.
func (c *chain) register(registry prometheus.Registerer) error {
	err := errors.Join(
		registry.Register(c.streams),
		registry.Register(ratelimit.Metric("address", c.limiter.addresses)),
		registry.Register(ratelimit.Metric("caller", c.limiter.callers)),
	)
	if err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	return nil
}

// splitMethod splits a method that the server has, "/package.Service/Method".
func splitMethod(full string) (service, method string) {
	service, method, _ = strings.Cut(strings.TrimPrefix(full, "/"), "/")
	return service, method
}
