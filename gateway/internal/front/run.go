package front

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// RunConfig says where and how an edge serves.
type RunConfig struct {
	// Addr is where to listen, and Listener an open listener to serve on instead; it is closed in any case.
	Addr     string
	Listener net.Listener
	// Secure encrypts what comes in on the listener; nil for not at all.
	Secure func(net.Listener) net.Listener
	// MetricsAddr serves metrics and probes apart from the public, and DebugAddr profiles; empty for not at all.
	MetricsAddr, DebugAddr string
	// DrainDelay is how long the edge goes on serving after it has said that it is not ready.
	DrainDelay time.Duration
	// Registry holds the metrics.
	Registry *prometheus.Registry
	// Logger gets what happens.
	Logger *slog.Logger
}

// Life is the course of a running edge, for the handler that serves in it.
type Life struct {
	// Stopping ends when streams have to.
	Stopping context.Context
	// Opened is closed, last in first out, when everything has been served.
	Opened *run.Stack

	draining atomic.Bool
}

// Ready says whether requests should come here. It asks nobody: whether the services behind are up is their own matter.
func (l *Life) Ready(context.Context) error {
	if l.draining.Load() {
		return errors.New("stopping")
	}
	return nil
}

// HandleProbes serves /livez and /readyz to the public as well.
func (l *Life) HandleProbes(mux *http.ServeMux) {
	probes := telemetry.Probes(l.Ready)
	for _, pattern := range []string{"/livez", "/readyz"} {
		mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
			SetRoute(r.Context(), pattern)
			probes.ServeHTTP(w, r)
		})
	}
}

// Run serves what build makes until ctx ends. Then it says that it is not ready, waits for the drain delay, ends streams
// and gives the requests that are running ten seconds.
func Run(ctx context.Context, cfg RunConfig, build func(*Life) (http.Handler, error)) (err error) {
	opened := &run.Stack{}
	defer func() { err = errors.Join(err, opened.Close(context.WithoutCancel(ctx))) }()
	listener := cfg.Listener
	if listener == nil {
		if listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Addr); err != nil {
			return fmt.Errorf("listening on %s: %w", cfg.Addr, err)
		}
	}
	stopping, stopStreams := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStreams()
	life := &Life{Stopping: stopping, Opened: opened}
	handler, err := build(life)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	cfg.Logger.InfoContext(ctx, "serving", slog.String("addr", listener.Addr().String()))

	if cfg.Secure != nil {
		listener = cfg.Secure(listener)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	group.Go(func() error {
		<-groupCtx.Done()
		life.draining.Store(true)
		if ctx.Err() != nil { // not after a failure of our own
			time.Sleep(cfg.DrainDelay)
		}
		stopServing()
		return nil
	})
	group.Go(func() error { return Serve(serving, listener, handler, cfg.Logger, stopStreams) })
	group.Go(func() error {
		return telemetry.ServeAdmin(serving, telemetry.AdminConfig{
			Addr: cfg.MetricsAddr, DebugAddr: cfg.DebugAddr, Registry: cfg.Registry, Ready: life.Ready, Logger: cfg.Logger,
		})
	})
	return group.Wait()
}
