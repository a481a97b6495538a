// Package devidp is a local identity provider that speaks the part of Stytch's B2B API which this project uses, so that
// everything runs and is tested without an account, mail or a network. It is for development: everybody can sign in as
// anybody.
//
// What is real: session JWTs and access tokens that Stytch's SDK verifies, sessions, discovery, organizations, members,
// role-based access for member sessions, the OAuth authorization server of Connected Apps with PKCE, refresh token
// rotation and revocation. What stands in: a page with one-click personas for Google and for an organization's own
// identity provider, and an outbox for mail.
//
// Under /_dev/ are an outbox, the personas, a reset, access tokens without a consent page and faults on purpose.
package devidp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/api"
	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
	"github.com/df0f9dda/okr-manager/services/devidp/internal/token"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

const (
	sweepEvery    = time.Minute
	shutdownGrace = 10 * time.Second
)

// Run serves until ctx ends, and then lets the running requests finish, within ten seconds. It returns nil when it was
// stopped by ctx.
func Run(ctx context.Context, cfg Config) (err error) {
	if cfg.Logger == nil {
		cfg.Logger = telemetry.NewLogger(os.Stderr, slog.LevelInfo, "devidp")
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.NewSigningKey == nil {
		cfg.NewSigningKey = token.NewKey
	}
	listener := cfg.Listener
	if listener != nil {
		defer func() { _ = listener.Close() }() // Serve closes it too; this is for the errors before.
	}
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("configuring devidp: %w", err)
	}
	seed, err := loadSeed(cfg.SeedFile)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	store, err := state.Open(filepath.Join(cfg.DataDir, "devidp.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	provider, err := api.New(store, api.Options{
		ProjectID: cfg.ProjectID, Secret: string(cfg.Secret), PublicToken: cfg.PublicToken,
		WorkspaceKeyID: cfg.WorkspaceKeyID, WorkspaceKeySecret: string(cfg.WorkspaceKeySecret),
		PublicURL: cfg.PublicURL, AuthorizationURL: cfg.AuthorizationURL, RedirectOrigins: cfg.AllowedRedirects,
		Seed: seed, NewSigningKey: cfg.NewSigningKey, Clock: cfg.Clock, Logger: cfg.Logger,
	})
	if err != nil {
		return fmt.Errorf("starting devidp: %w", err)
	}
	if listener == nil {
		if listener, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.Addr); err != nil {
			return fmt.Errorf("listening: %w", err)
		}
	}
	return serve(ctx, cfg, provider, listener)
}

// loadSeed reads the file, or returns the built-in seed without one.
func loadSeed(path string) (state.Seed, error) {
	if path == "" {
		return state.BuiltInSeed()
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return state.Seed{}, fmt.Errorf("reading the seed: %w", err)
	}
	return state.ParseSeed(data)
}

func serve(ctx context.Context, cfg Config, provider *api.Server, listener net.Listener) error {
	server := &http.Server{
		Handler:           provider.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      75 * time.Second, // Longer than the longest injected delay.
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer stop() // Before the wait above: the tasks end with ctx.
	tasks.Go(func() { sweep(ctx, provider, cfg.Logger) })

	stopped := make(chan error, 1)
	tasks.Go(func() {
		<-ctx.Done()
		// A request that a fault makes wait would not notice that its client is gone while its body is unread.
		provider.ClearFaults()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		err := server.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			cfg.Logger.WarnContext(ctx, "requests are still running; ending them")
			err = server.Close()
		}
		stopped <- err
	})

	cfg.Logger.InfoContext(ctx, "devidp is for development only: everybody can sign in as anybody",
		slog.String("address", listener.Addr().String()), slog.String("public_url", cfg.PublicURL), slog.String("project_id", cfg.ProjectID))
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	if err := <-stopped; err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}

// sweep clears the store of what has expired, until ctx ends.
func sweep(ctx context.Context, provider *api.Server, log *slog.Logger) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := provider.Sweep(); err != nil {
				log.WarnContext(ctx, "sweeping the store", slog.Any("error", err))
			}
		}
	}
}
