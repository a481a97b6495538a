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
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
	"github.com/df0f9dda/okr-manager/services/kit/grpcserver"
	"github.com/df0f9dda/okr-manager/services/kit/mtls"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
	"github.com/df0f9dda/okr-manager/services/kit/tracing"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/api"
)

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
	// Engine is where the data is: bolt for a file of this process alone, etcd for a cluster that any number of them share.
	Engine string `env:"OKR_STORE_ENGINE" envDefault:"bolt"`
	// EtcdEndpoints are the URLs of the etcd members, with commas between them, and EtcdPrefix is what all keys there start
	// with.
	EtcdEndpoints []string `env:"OKR_STORE_ETCD_ENDPOINTS"`
	EtcdPrefix    string   `env:"OKR_STORE_ETCD_PREFIX" envDefault:"okr/"`
	// EtcdUser, EtcdPassword and the PEM files EtcdCA, EtcdCert and EtcdKey are how okr-store and etcd know each other; the
	// system's authorities vouch for https endpoints without EtcdCA. Each may be empty.
	EtcdUser     string        `env:"OKR_STORE_ETCD_USER"`
	EtcdPassword config.Secret `env:"OKR_STORE_ETCD_PASSWORD"`
	EtcdCA       string        `env:"OKR_STORE_ETCD_CA"`
	EtcdCert     string        `env:"OKR_STORE_ETCD_CERT"`
	EtcdKey      string        `env:"OKR_STORE_ETCD_KEY"`
	// Socket is a Unix socket on which the store is asked for backups and deletions; empty for none.
	Socket string `env:"OKR_STORE_SOCKET"`
	// BackupDir is where scheduled backups are kept; empty for none.
	BackupDir string `env:"OKR_STORE_BACKUP_DIR"`
	// BackupInterval is the time from one scheduled backup to the next; 0 for none.
	BackupInterval time.Duration `env:"OKR_STORE_BACKUP_INTERVAL" envDefault:"24h"`
	// BackupKeep is how many backups stay there.
	BackupKeep int `env:"OKR_STORE_BACKUP_KEEP" envDefault:"7"`
	// AuthzAddr is the gRPC address of authz.
	AuthzAddr string `env:"OKR_AUTHZ_ADDR" envDefault:"127.0.0.1:9002"`
	// TLSDir holds the certificate for connections among the boxes (tls.crt, tls.key, ca.crt); empty for none. It is read
	// again when it changes.
	TLSDir string `env:"OKR_TLS_DIR"`
	// PlainNetwork permits unencrypted connections among the boxes beyond this machine, on a private network that nobody
	// else is on.
	PlainNetwork bool `env:"OKR_PLAIN_NETWORK"`
	// TLSClients are the names of the certificates that are let in where there is a TLSDir; "*" for all of the authority.
	TLSClients []string `env:"OKR_STORE_TLS_CLIENTS" envDefault:"rest,mcp"`
	// CallerRate is how many calls a second each client of an organization may make; 0 for no limit.
	CallerRate float64 `env:"OKR_STORE_CALLER_RATE" envDefault:"0"`
	// MaxObjectives is how many objectives each organization may have, archived ones included; 0 for any number.
	MaxObjectives int `env:"OKR_STORE_MAX_OBJECTIVES" envDefault:"20000"`
	// CacheBytes is about how much memory objectives may take that are kept decoded.
	CacheBytes int `env:"OKR_STORE_CACHE_BYTES" envDefault:"67108864"`
	// ProposalLifetime is for how long a proposal can be approved.
	ProposalLifetime time.Duration `env:"OKR_STORE_PROPOSAL_LIFETIME" envDefault:"336h"`
	// Heartbeat is the time between two heartbeats of a watch.
	Heartbeat time.Duration `env:"OKR_STORE_HEARTBEAT" envDefault:"15s"`
	// DebugAddr serves profiles of the process under /debug/pprof/, on loopback unless it names a host; empty for not at all.
	DebugAddr string `env:"OKR_DEBUG_ADDR"`
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
	if err := c.validateEngine(); err != nil {
		errs = append(errs, err)
	}
	if c.AuthzAddr == "" && c.Authenticator == nil {
		errs = append(errs, errors.New("OKR_AUTHZ_ADDR must not be empty"))
	}
	var addresses []mtls.Address
	if c.Listener == nil {
		addresses = append(addresses, mtls.Address{Name: "OKR_STORE_ADDR", Value: c.Addr})
	}
	if c.Authenticator == nil {
		addresses = append(addresses, mtls.Address{Name: "OKR_AUTHZ_ADDR", Value: c.AuthzAddr})
	}
	errs = append(errs, mtls.CheckPlain(c.TLSDir, c.PlainNetwork, addresses...),
		mtls.CheckClients(c.TLSDir, "OKR_STORE_TLS_CLIENTS", c.TLSClients))
	if c.CallerRate < 0 {
		errs = append(errs, errors.New("OKR_STORE_CALLER_RATE must not be negative"))
	}
	if c.MaxObjectives < 0 {
		errs = append(errs, errors.New("OKR_STORE_MAX_OBJECTIVES must not be negative"))
	}
	if c.CacheBytes < 0 {
		errs = append(errs, errors.New("OKR_STORE_CACHE_BYTES must not be negative"))
	}
	if c.ProposalLifetime <= 0 {
		errs = append(errs, errors.New("OKR_STORE_PROPOSAL_LIFETIME must be positive"))
	}
	if c.Heartbeat <= 0 {
		errs = append(errs, errors.New("OKR_STORE_HEARTBEAT must be positive"))
	}
	if c.BackupDir != "" && c.BackupInterval < 0 {
		errs = append(errs, errors.New("OKR_STORE_BACKUP_INTERVAL must not be negative"))
	}
	if c.BackupDir != "" && c.BackupKeep < 1 {
		errs = append(errs, errors.New("OKR_STORE_BACKUP_KEEP must be at least 1"))
	}
	return errors.Join(append(errs, tracing.Check())...)
}

// Run opens the store and serves until ctx ends, or until the engine breaks, as it does when the disk fails: then the
// process must end, because what is there is known only to the next one that opens the store.
func Run(ctx context.Context, cfg Config) (err error) {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg.setDefaults()
	identity, err := mtls.Load(mtls.Config{Dir: cfg.TLSDir, Logger: cfg.Logger})
	if err != nil {
		return err
	}
	traces, err := tracing.Start(ctx, "okr-store", cfg.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, traces.Close(ctx)) }()
	registry := telemetry.NewRegistry()
	engine, metrics, err := openEngine(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()

	authenticator := cfg.Authenticator
	if authenticator == nil {
		conn, err := grpcclient.Dial(cfg.AuthzAddr, grpcclient.Config{Credentials: identity.ClientCredentials(), Tracing: traces})
		if err != nil {
			return fmt.Errorf("connecting to authz: %w", err)
		}
		defer func() { _ = conn.Close() }() // all calls have ended; it can only have been closed before
		resolver := access.NewResolver(authzv1.NewAuthzServiceClient(conn), cfg.Now)
		if err := resolver.Register(registry); err != nil {
			return err
		}
		authenticator = newAuthenticator(resolver, cfg.Now)
	}
	service, err := api.New(api.Config{
		Engine: traced(engine, cfg.Engine, traces.Tracer()), Logger: cfg.Logger, Now: cfg.Now, Heartbeat: cfg.Heartbeat,
		MaxObjectives: cfg.MaxObjectives, CacheBytes: cfg.CacheBytes, ProposalLifetime: cfg.ProposalLifetime,
		Grantors: authenticator,
	})
	if err != nil {
		return err
	}
	care, err := newCare(ctx, cfg, engine)
	if err != nil {
		return err
	}
	registry.MustRegister(metrics...)
	registry.MustRegister(care.metrics()...)

	group, ctx := errgroup.WithContext(ctx)
	care.run(ctx, group)
	group.Go(func() error {
		return grpcserver.Run(ctx, grpcserver.Config{
			Addr:          cfg.Addr,
			Listener:      cfg.Listener,
			AdminAddr:     cfg.MetricsAddr,
			DebugAddr:     cfg.DebugAddr,
			Register:      func(r grpc.ServiceRegistrar) { okrv1.RegisterOkrServiceServer(r, service) },
			Authenticator: authenticator,
			Grantors:      authenticator,
			Ready:         engine.Ready,
			Credentials:   identity.ServerCredentials(cfg.TLSClients),
			ConnectionAge: cfg.connectionAge(identity),
			Limits:        grpcserver.Limits{PerCaller: cfg.CallerRate},
			Logger:        cfg.Logger,
			Registry:      registry,
			Tracing:       traces,
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

// resolving is the Authenticator that asks authz.
type resolving struct{ access.ServiceAuthenticator }

// Grantors implements access.Grantors.
func (r resolving) Grantors(ctx context.Context, resource string, action accessv1.Action) (roles, scopes []string) {
	return r.Resolver.Grantors(ctx, resource, action)
}

func newAuthenticator(resolver *access.Resolver, now func() time.Time) Authenticator {
	return resolving{access.ServiceAuthenticator{
		Resolver: resolver,
		Verifier: access.NewTxnVerifier(resolver.Keys, now),
	}}
}

// connectionAge bounds how long a connection may outlive the certificates that it was made with, and how long a replica that
// was added waits for its share of the calls. Where there is neither, it need not end.
func (c *Config) connectionAge(identity *mtls.Identity) time.Duration {
	if identity == nil && c.Engine != engineEtcd {
		return 0
	}
	return 5 * time.Minute
}
