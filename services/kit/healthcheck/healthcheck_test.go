package healthcheck

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

type settings struct {
	Addr   string `env:"OKR_HEALTHCHECK_TEST_ADDR"`
	TLSDir string `env:"OKR_HEALTHCHECK_TEST_TLS_DIR"`
}

func addr(s settings) Service { return Service(s) }

func check(t *testing.T, c run.Command, addr string, args ...string) error {
	t.Helper()
	t.Setenv("OKR_HEALTHCHECK_TEST_ADDR", addr)
	return c.Run(t.Context(), args, run.Stdio{})
}

func TestAServiceIsHealthyWhileItSaysSo(t *testing.T) {
	ready := true
	edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ready || r.URL.Path != "/readyz" {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
		}
	}))
	defer edge.Close()
	listener := kittest.Listen(t)
	server, state := grpc.NewServer(), health.NewServer()
	healthpb.RegisterHealthServer(server, state)
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()

	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	everywhere := ":" + port // as in a container
	for name, err := range map[string]error{
		"an edge":                      check(t, HTTP(addr), edge.Listener.Addr().String()),
		"a service":                    check(t, GRPC(addr), listener.Addr().String()),
		"a service on all interfaces":  check(t, GRPC(addr), everywhere),
		"a service on all of IPv4":     check(t, GRPC(addr), "0.0.0.0:"+port),
		"a service, asked by the name": check(t, GRPC(addr), "localhost:"+port),
	} {
		if err != nil {
			t.Errorf("%s that is ready: %v", name, err)
		}
	}

	ready = false
	state.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	if err := check(t, HTTP(addr), edge.Listener.Addr().String()); err == nil || !strings.Contains(err.Error(), "stopping") {
		t.Errorf("an edge that stops: %v", err)
	}
	if err := check(t, GRPC(addr), everywhere); err == nil || !strings.Contains(err.Error(), "NOT_SERVING") {
		t.Errorf("a service that stops: %v", err)
	}
}

func TestAServiceThatIsAwayIsNotHealthy(t *testing.T) {
	listener := kittest.Listen(t)
	away := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]run.Command{"an edge": HTTP(addr), "a service": GRPC(addr)} {
		if err := check(t, c, away); err == nil {
			t.Errorf("%s that is away is healthy", name)
		}
		if err := check(t, c, "nonsense"); err == nil {
			t.Errorf("%s without an address is healthy", name)
		}
		if err := check(t, c, away, "extra"); err == nil || !strings.Contains(err.Error(), run.ErrUsage.Error()) {
			t.Errorf("%s takes arguments: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	t.Setenv("OKR_HEALTHCHECK_TEST_ADDR", away)
	if err := GRPC(addr).Run(ctx, nil, run.Stdio{}); err == nil {
		t.Error("a check that was cancelled succeeds")
	}
}
