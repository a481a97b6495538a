// Package grpcserver runs a gRPC server the way every service of the system does: one order of interceptors, access rules
// that are complete or the server does not start, health, reflection, and a stop that lets calls finish.
package grpcserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/protocodec"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
	"github.com/df0f9dda/okr-manager/services/kit/tracing"
)

const (
	// callTimeout bounds unary calls whose caller set no deadline, or a later one.
	callTimeout = 30 * time.Second
	// stopTimeout bounds the graceful stop.
	stopTimeout = 10 * time.Second
	// maxHeaderBytes bounds the metadata of a call, in which the largest part is a token.
	maxHeaderBytes = 64 << 10
	// streamWorkers is how many goroutines stay from call to call. A new one would have to grow its stack for each call
	// again; when all are busy, with streams that stay open say, calls get goroutines of their own.
	streamWorkers = 64
	// readyInterval is how often Ready is asked for the health service, and startInterval how often until it first is:
	// others wait for that.
	readyInterval = time.Second
	startInterval = 20 * time.Millisecond
)

// Config is what a service brings to its server.
type Config struct {
	// Addr is where to listen, unless Listener is set.
	Addr string
	// Listener is an open listener to serve on; the server closes it.
	Listener net.Listener
	// Credentials encrypt the connections; nil for none.
	Credentials credentials.TransportCredentials
	// AdminAddr is where to serve /metrics, /livez and /readyz, and DebugAddr where to serve profiles; empty for not at all.
	AdminAddr, DebugAddr string
	// Register adds the services.
	Register func(grpc.ServiceRegistrar)
	// Authenticator establishes who is calling.
	Authenticator access.Authenticator
	// Grantors says what would help a caller who is denied.
	Grantors access.Grantors
	// Ready says whether the service's own resources work; nil for always.
	Ready func(context.Context) error
	// ConnectionAge is after how long a client is asked to connect anew, once its calls have ended; zero for never. It
	// spreads clients over replicas that stand behind one address.
	ConnectionAge time.Duration
	// Limits are the rate limits; the zero value has none.
	Limits Limits
	// Logger gets the access log and failures.
	Logger *slog.Logger
	// Registry gets the metrics.
	Registry *prometheus.Registry
	// Tracing gives each call a span; nil for none.
	Tracing *tracing.Tracing
}

// Run serves until ctx ends, and then stops: it answers health checks with NOT_SERVING, ends streams with UNAVAILABLE,
// and gives the calls that are running ten seconds to finish. It fails at once when a method has no access rule.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Ready == nil {
		cfg.Ready = func(context.Context) error { return nil }
	}
	if cfg.Credentials == nil {
		cfg.Credentials = insecure.NewCredentials()
	}
	server, err := newServer(cfg)
	if err != nil {
		return err
	}
	listener := cfg.Listener
	if listener == nil {
		if listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Addr); err != nil {
			return fmt.Errorf("listening on %s: %w", cfg.Addr, err)
		}
	}
	server.checkReadiness(ctx, cfg.Ready) // before the first probe can ask
	cfg.Logger.InfoContext(ctx, "serving", slog.String("addr", listener.Addr().String()))

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.grpc.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			return fmt.Errorf("serving gRPC: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		server.followReadiness(ctx, cfg.Ready)
		server.stop(cfg.Logger)
		return nil
	})
	group.Go(func() error {
		return telemetry.ServeAdmin(ctx, telemetry.AdminConfig{
			Addr: cfg.AdminAddr, DebugAddr: cfg.DebugAddr, Registry: cfg.Registry, Ready: cfg.Ready, Logger: cfg.Logger,
		})
	})
	return group.Wait()
}

type server struct {
	grpc     *grpc.Server
	health   *health.Server
	stopping context.Context
	stopNow  context.CancelCauseFunc
}

func newServer(cfg Config) (*server, error) {
	loggers, err := lru.New[*access.Identity, *slog.Logger](knownLoggers)
	if err != nil {
		return nil, fmt.Errorf("making the access log: %w", err)
	}
	chain := &chain{
		cfg: cfg, metrics: newCallMetrics(), loggers: loggers, limiter: newLimiter(cfg.Limits), streams: newStreamGauge(),
	}
	if err := chain.register(cfg.Registry); err != nil {
		return nil, err
	}
	stopping, stopNow := context.WithCancelCause(context.Background())
	chain.stopping = stopping
	s := &server{
		grpc: grpc.NewServer(append(
			cfg.Tracing.ServerOptions(),
			grpc.Creds(cfg.Credentials),
			grpc.ForceServerCodecV2(protocodec.Server()),
			grpc.ChainUnaryInterceptor(chain.unary()...),
			grpc.ChainStreamInterceptor(chain.stream()...),
			grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
			grpc.KeepaliveParams(keepalive.ServerParameters{
				Time: time.Minute, Timeout: 20 * time.Second, MaxConnectionAge: cfg.ConnectionAge, // its grace has no end
			}),
			grpc.ConnectionTimeout(10*time.Second),
			grpc.NumStreamWorkers(streamWorkers),
			grpc.MaxHeaderListSize(maxHeaderBytes),
		)...),
		health:   health.NewServer(),
		stopping: stopping,
		stopNow:  stopNow,
	}
	cfg.Register(s.grpc)
	healthpb.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc) // v1 and v1alpha
	if chain.rules, err = access.Rules(s.grpc.GetServiceInfo()); err != nil {
		return nil, fmt.Errorf("refusing to serve: %w", err)
	}
	chain.metrics.serve(s.grpc.GetServiceInfo())
	if err := cfg.Registry.Register(chain.metrics); err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	return s, nil
}

// followReadiness keeps the health service at what ready says until ctx ends.
func (s *server) followReadiness(ctx context.Context, ready func(context.Context) error) {
	ticker := time.NewTicker(startInterval)
	defer ticker.Stop()
	for started := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if s.checkReadiness(ctx, ready) && !started {
				started = true
				ticker.Reset(readyInterval)
			}
		}
	}
}

// checkReadiness tells the health service what ready says, and answers whether that is yes.
func (s *server) checkReadiness(ctx context.Context, ready func(context.Context) error) bool {
	serving := healthpb.HealthCheckResponse_SERVING
	if ready(ctx) != nil {
		serving = healthpb.HealthCheckResponse_NOT_SERVING
	}
	for service := range s.grpc.GetServiceInfo() {
		s.health.SetServingStatus(service, serving)
	}
	s.health.SetServingStatus("", serving)
	return serving == healthpb.HealthCheckResponse_SERVING
}

// errStopping ends streams when the server stops.
var errStopping error = rpcerr.Unavailable("the server is stopping")

func (s *server) stop(logger *slog.Logger) {
	s.health.Shutdown()
	s.stopNow(errStopping)
	hard := time.AfterFunc(stopTimeout, func() {
		logger.Warn("calls are still running; ending them")
		s.grpc.Stop()
	})
	s.grpc.GracefulStop()
	hard.Stop()
}
