package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
)

// Probes answers /livez and /readyz. Ready asks only about the service's own resources, never about a sibling: otherwise
// one service that is down takes all the others out of rotation.
func Probes(ready func(context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { probe(w, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { probe(w, ready(r.Context())) })
	return mux
}

func probe(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	body := map[string]string{"status": "ok"}
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		body = map[string]string{"status": "unavailable", "message": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(body) // the prober is gone; nothing to tell it
}

// AdminConfig says what a service shows to those who run it, apart from its callers.
type AdminConfig struct {
	// Addr serves /metrics, /livez and /readyz; empty for not at all.
	Addr string
	// DebugAddr serves profiles under /debug/pprof/; empty for not at all. Without a host it is on loopback: a profile tells
	// what the process is doing and for whom, and costs it time.
	DebugAddr string
	// Registry holds the metrics. It gets one more: whether the service is ready.
	Registry *prometheus.Registry
	Ready    func(context.Context) error
	// Logger gets the addresses.
	Logger *slog.Logger
}

// ServeAdmin serves what the configuration says until ctx ends.
func ServeAdmin(ctx context.Context, cfg AdminConfig) error {
	if err := cfg.Registry.Register(readiness(ctx, cfg.Ready)); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(cfg.Registry, promhttp.HandlerOpts{Registry: cfg.Registry}))
	mux.Handle("/", Probes(cfg.Ready))

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveAdmin(ctx, cfg.Logger, "metrics", cfg.Addr, mux) })
	group.Go(func() error { return serveAdmin(ctx, cfg.Logger, "profiles", onLoopback(cfg.DebugAddr), profiles()) })
	return group.Wait()
}

// readiness is the answer of /readyz as a metric.
func readiness(ctx context.Context, ready func(context.Context) error) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "okr_ready",
		Help: "1 if the service's own resources work, else 0.",
	}, func() float64 {
		if ready(ctx) != nil {
			return 0
		}
		return 1
	})
}

// profiles is what package net/http/pprof registers where everybody would find it.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// onLoopback gives an address without a host that of this machine.
func onLoopback(addr string) string {
	if host, port, err := net.SplitHostPort(addr); err == nil && host == "" {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

func serveAdmin(ctx context.Context, logger *slog.Logger, what, addr string, handler http.Handler) error {
	if addr == "" {
		<-ctx.Done()
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listening for %s: %w", what, err)
	}
	logger.InfoContext(ctx, "serving", slog.String("what", what), slog.String("addr", listener.Addr().String()))
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      90 * time.Second, // a profile of the processor takes 30 seconds, and more if asked for
		IdleTimeout:       time.Minute,
	}
	stopped := make(chan error, 1)
	defer context.AfterFunc(ctx, func() { stopped <- server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving %s: %w", what, err)
	}
	return <-stopped
}
