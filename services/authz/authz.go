// Package authz is the service that says who a credential belongs to and what its owner may do, and that signs people in.
// It alone holds the secret of the Stytch project and the keys of transaction tokens, and it keeps no data.
package authz

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/df0f9dda/okr-manager/services/authz/internal/api"
	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/authz/internal/txntoken"
	"github.com/df0f9dda/okr-manager/services/kit/grpcserver"
	"github.com/df0f9dda/okr-manager/services/kit/mtls"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
	"github.com/df0f9dda/okr-manager/services/kit/tracing"
)

// connectionAge bounds how long a replica that was added waits for its share of the calls.
const connectionAge = 5 * time.Minute

// Run serves until ctx ends. It serves from the beginning, also while Stytch does not answer: callers get
// AUTHZ_UNAVAILABLE then, and health checks NOT_SERVING, until it has Stytch's keys and the access policy.
func Run(ctx context.Context, cfg Config) (err error) {
	if cfg.Listener != nil {
		defer func() { _ = cfg.Listener.Close() }() // the server closes it too; this is for the errors before
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg.setDefaults()
	traces, err := tracing.Start(ctx, "authz", cfg.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, traces.Close(ctx)) }()
	registry := telemetry.NewRegistry()
	keys, err := transactionKeys(cfg.TxnKeyFile)
	if err != nil {
		return err
	}
	identity, err := mtls.Load(mtls.Config{Dir: cfg.TLSDir, Logger: cfg.Logger})
	if err != nil {
		return err
	}
	// Every replica has the secret, so page tokens of one are good at all.
	pageTokenKey, err := hkdf.Key(sha256.New, []byte(cfg.Secret), nil, "okr-manager: page tokens of authz", sha256.Size)
	if err != nil {
		return fmt.Errorf("deriving the key of page tokens: %w", err)
	}

	client := stytch.New(stytch.Config{
		ProjectID:       cfg.ProjectID,
		Secret:          string(cfg.Secret),
		PublicToken:     cfg.PublicToken,
		BaseURI:         cfg.BaseURI,
		PublicURL:       cfg.StytchPublicURL,
		SessionDuration: time.Duration(cfg.SessionMinutes) * time.Minute,
		Now:             cfg.Now,
		Logger:          cfg.Logger,
		Tracer:          traces.Tracer(),
	})
	snapshot := policy.NewSnapshot(policy.SnapshotConfig{
		Fetch:      func(ctx context.Context) (policy.Source, error) { return client.Policy(ctx) },
		Interval:   cfg.CheckInterval,
		StaleLimit: cfg.StaleLimit,
		Now:        cfg.Now,
		Logger:     cfg.Logger,
	})
	services, err := api.New(api.Config{
		Stytch:        client,
		Policy:        snapshot,
		Keys:          keys,
		EdgeKeyREST:   string(cfg.EdgeKeyREST),
		EdgeKeyMCP:    string(cfg.EdgeKeyMCP),
		PublicURL:     cfg.PublicURL,
		CheckInterval: cfg.CheckInterval,
		StaleLimit:    cfg.StaleLimit,
		PageTokenKey:  pageTokenKey,
		Now:           cfg.Now,
		Logger:        cfg.Logger,
	})
	if err != nil {
		return err
	}

	registry.MustRegister(slices.Concat(client.Metrics(), snapshot.Metrics(), services.Metrics())...)

	background, stop := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer client.Close() // after the last call, before the wait: requests that still run end with it
	defer stop()
	tasks.Go(func() {
		if client.Connect(background) == nil {
			snapshot.Follow(background)
		}
	})
	patient := cfg.Now().Add(cfg.StartPatience)
	return grpcserver.Run(ctx, grpcserver.Config{
		Addr:          cfg.Addr,
		Listener:      cfg.Listener,
		AdminAddr:     cfg.MetricsAddr,
		Credentials:   identity.ServerCredentials(cfg.TLSClients),
		DebugAddr:     cfg.DebugAddr,
		ConnectionAge: connectionAge,
		Register:      services.Register,
		Authenticator: services,
		Grantors:      services,
		// Whoever starts everything together should find it working. But Stytch is not ours: that it is away, or that the
		// project's secret is wrong, is for every call to say, and not for a box that never starts.
		Ready: func(context.Context) error {
			if !cfg.Now().Before(patient) {
				return nil
			}
			return errors.Join(client.Ready(), snapshot.Ready())
		},
		Logger:   cfg.Logger,
		Registry: registry,
		Tracing:  traces,
	})
}

func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = telemetry.NewLogger(os.Stderr, c.LogLevel, "authz")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

func transactionKeys(path string) (*txntoken.Keys, error) {
	if path == "" {
		return txntoken.GenerateKeys()
	}
	return txntoken.LoadOrCreateKeys(path)
}
