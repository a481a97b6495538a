package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/df0f9dda/okr-manager/deploy/internal/stack"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// Config is what concerns the local run alone; every box reads its own settings beside it.
type Config struct {
	// DataDir is the folder for all data of the local run. It is made if it is not there.
	DataDir string `env:"OKR_DATA_DIR" envDefault:".data"`
	// LogLevel is debug, info, warn or error.
	LogLevel slog.Level `env:"OKR_LOG_LEVEL" envDefault:"warn"`
}

func serve(ctx context.Context, cfg Config) error {
	if err := stack.EnsureDataDir(cfg.DataDir); err != nil {
		return err
	}
	system, err := stack.Start(ctx, stack.Config{
		Environment: map[string]string{"OKR_DATA_DIR": cfg.DataDir},
		Logger:      telemetry.NewLogger(os.Stderr, cfg.LogLevel, "okr-local"),
	})
	if err != nil {
		return err
	}
	welcome(os.Stdout, system)
	select {
	case <-ctx.Done():
		fmt.Fprintln(os.Stdout, "\nStopping.")
	case err = <-system.Failed():
	}
	if closeErr := system.Close(); err == nil {
		err = closeErr
	}
	return err
}

func welcome(w io.Writer, s *stack.Stack) {
	fmt.Fprintf(w, "\nOKR Manager is running.\n\n  Open      %s\n", s.PublicURL)
	if s.DevidpURL != "" {
		fmt.Fprintf(w, `  Sign in   "Continue with Google" and pick a person, or by e-mail as
            ada@acme.test (CEO), max@acme.test (manager) or emma@acme.test (employee)
  Codes     %s/_dev/outbox
`, s.DevidpURL)
	}
	fmt.Fprintf(w, `  Agents    %s/mcp (MCP; the README says how to connect yours)
  REST API  %s/docs
  gRPC      %s (reflection is on)
  Data      %s

Ctrl-C stops it.
`, s.PublicURL, s.PublicURL, s.StoreAddr, s.DataDir)
}
