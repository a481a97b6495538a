package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
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

// ServeAdmin serves /metrics, /livez and /readyz on an address of their own until ctx ends. An empty address serves
// nothing.
func ServeAdmin(ctx context.Context, addr string, registry *prometheus.Registry, ready func(context.Context) error) error {
	if addr == "" {
		<-ctx.Done()
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listening for metrics: %w", err)
	}
	return serveAdmin(ctx, listener, registry, ready)
}

func serveAdmin(ctx context.Context, listener net.Listener, registry *prometheus.Registry, ready func(context.Context) error) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry}))
	mux.Handle("/", Probes(ready))
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
	}
	stopped := make(chan error, 1)
	defer context.AfterFunc(ctx, func() { stopped <- server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving metrics: %w", err)
	}
	return <-stopped
}
