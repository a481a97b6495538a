// Package okrstore is okr-store: the service that keeps objectives, key results and the log of their changes. It speaks
// okr.v1 over gRPC, holds no secret and asks authz who is calling.
package okrstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
	"github.com/df0f9dda/okr-manager/services/kit/grpcserver"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/api"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
)

// fileName is the store file in the data directory.
const fileName = "okr.db"

// Config holds the settings of okr-store.
type Config struct {
	// Addr is where to serve gRPC.
	Addr string `env:"OKR_STORE_ADDR" envDefault:"127.0.0.1:9001"`
	// MetricsAddr is where to serve /metrics, /livez and /readyz over HTTP; empty for not at all.
	MetricsAddr string `env:"OKR_STORE_METRICS_ADDR"`
	// DataDir is the directory of the store file. It is made when it does not exist.
	DataDir string `env:"OKR_DATA_DIR" envDefault:".data"`
	// Path is the store file, if it is to be another than okr.db in DataDir. Its directory must exist.
	Path string `env:"OKR_STORE_PATH"`
	// AuthzAddr is the gRPC address of authz.
	AuthzAddr string `env:"OKR_AUTHZ_ADDR" envDefault:"127.0.0.1:9002"`
	// CallerRate is how many calls a second each client of an organization may make; 0 for no limit.
	CallerRate float64 `env:"OKR_STORE_CALLER_RATE" envDefault:"0"`
	// Heartbeat is the time between two heartbeats of a watch.
	Heartbeat time.Duration `env:"OKR_STORE_HEARTBEAT" envDefault:"15s"`
	// LogLevel is the lowest level that is logged.
	LogLevel slog.Level `env:"OKR_LOG_LEVEL" envDefault:"info"`

	// Listener is served instead of Addr when it is set; Run closes it.
	Listener net.Listener `env:"-"`
	// Logger is used instead of one that writes JSON to standard error.
	Logger *slog.Logger `env:"-"`
	// Now is used instead of the system's clock.
	Now func() time.Time `env:"-"`
	// Authenticator is used instead of authz when it is set. Tests use it.
	Authenticator Authenticator `env:"-"`
}

// Authenticator establishes who is calling, and says what would help those who are denied.
type Authenticator interface {
	access.Authenticator
	access.Grantors
}

// Validate reports every setting that cannot work.
func (c *Config) Validate() error {
	var errs []error
	if c.Addr == "" && c.Listener == nil {
		errs = append(errs, errors.New("OKR_STORE_ADDR must not be empty"))
	}
	if c.DataDir == "" && c.Path == "" {
		errs = append(errs, errors.New("OKR_DATA_DIR or OKR_STORE_PATH must be set"))
	}
	if c.AuthzAddr == "" && c.Authenticator == nil {
		errs = append(errs, errors.New("OKR_AUTHZ_ADDR must not be empty"))
	}
	if c.CallerRate < 0 {
		errs = append(errs, errors.New("OKR_STORE_CALLER_RATE must not be negative"))
	}
	if c.Heartbeat <= 0 {
		errs = append(errs, errors.New("OKR_STORE_HEARTBEAT must be positive"))
	}
	return errors.Join(errs...)
}

// Run opens the store file and serves until ctx ends, or until the disk fails: then the process must end, because what
// is on disk is known only to the next one that opens the file.
func Run(ctx context.Context, cfg Config) (err error) {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg.setDefaults()
	engine, err := openEngine(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()

	authenticator := cfg.Authenticator
	if authenticator == nil {
		conn, err := grpcclient.Dial(cfg.AuthzAddr, grpcclient.Config{})
		if err != nil {
			return fmt.Errorf("connecting to authz: %w", err)
		}
		defer func() { _ = conn.Close() }() // all calls have ended; it can only have been closed before
		authenticator = newAuthenticator(conn, cfg.Now)
	}
	service, err := api.New(api.Config{Engine: engine, Logger: cfg.Logger, Now: cfg.Now, Heartbeat: cfg.Heartbeat})
	if err != nil {
		return err
	}
	registry := telemetry.NewRegistry()
	registry.MustRegister(engineMetrics(engine)...)

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return grpcserver.Run(ctx, grpcserver.Config{
			Addr:          cfg.Addr,
			Listener:      cfg.Listener,
			AdminAddr:     cfg.MetricsAddr,
			Register:      func(r grpc.ServiceRegistrar) { okrv1.RegisterOkrServiceServer(r, service) },
			Authenticator: authenticator,
			Grantors:      authenticator,
			Ready:         engine.Ready,
			Limits:        grpcserver.Limits{PerCaller: cfg.CallerRate},
			Logger:        cfg.Logger,
			Registry:      registry,
		})
	})
	group.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-engine.Broken():
			return fmt.Errorf("the store cannot go on: %w", engine.Ready(ctx))
		}
	})
	return group.Wait()
}

func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = telemetry.NewLogger(os.Stderr, c.LogLevel, "okr-store")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// openEngine opens the store file. Its errors say what to do.
func openEngine(ctx context.Context, cfg Config) (*boltengine.Engine, error) {
	path := cfg.Path
	if path == "" {
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			return nil, fmt.Errorf("making the data directory, see OKR_DATA_DIR: %w", err)
		}
		path = filepath.Join(cfg.DataDir, fileName)
	}
	return boltengine.Open(ctx, boltengine.Config{Path: path, Logger: cfg.Logger})
}

// resolving is the Authenticator that asks authz.
type resolving struct{ access.ServiceAuthenticator }

// Grantors implements access.Grantors.
func (r resolving) Grantors(ctx context.Context, resource string, action accessv1.Action) (roles, scopes []string) {
	return r.Resolver.Grantors(ctx, resource, action)
}

func newAuthenticator(conn *grpc.ClientConn, now func() time.Time) Authenticator {
	resolver := access.NewResolver(authzv1.NewAuthzServiceClient(conn), now)
	return resolving{access.ServiceAuthenticator{
		Resolver: resolver,
		Verifier: access.NewTxnVerifier(resolver.Keys, now),
	}}
}

// engineMetrics show how well commits are grouped: updates for each group.
func engineMetrics(engine *boltengine.Engine) []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "okr_store_commit_groups_total",
			Help: "Commits to disk; each makes a group of updates durable.",
		}, func() float64 { return float64(engine.Stats().Groups) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "okr_store_updates_total",
			Help: "Updates that commits made durable.",
		}, func() float64 { return float64(engine.Stats().Updates) }),
	}
}
