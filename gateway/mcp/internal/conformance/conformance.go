// Package conformance is a server with what the conformance suite of MCP
// (https://github.com/modelcontextprotocol/conformance) calls by name, on the same engine and front that serve the
// product. It is for tests alone and never shipped: `make conformance` runs the suite against it.
package conformance

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/httpfront"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// Config is the server's settings.
type Config struct {
	// Addr is where to listen. The suite wants a loopback address.
	Addr string `env:"CONFORMANCE_ADDR" envDefault:"127.0.0.1:0"`
	// Token is a bearer token that every request must carry; empty for none.
	Token string `env:"CONFORMANCE_TOKEN"`
}

// Run serves /mcp until ctx ends. The first line on standard output is the address.
func Run(ctx context.Context, cfg Config) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", cfg.Addr, err)
	}
	fmt.Fprintf(os.Stdout, "http://%s/mcp\n", listener.Addr())
	handler, err := Handler(cfg, telemetry.NewLogger(os.Stderr, slog.LevelInfo, "conformance"))
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("/mcp", handler)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // what runs then was asked for by a test that is over
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// Handler makes the endpoint.
func Handler(cfg Config, logger *slog.Logger) (http.Handler, error) {
	hub := &hub{}
	server, err := engine.New(engine.Config{
		Name: "okr-manager-conformance", Title: "Conformance fixtures", Version: "1.0.0",
		Instructions: "Fixtures of the conformance suite.",
		Tools:        tools(hub), Resources: resources(), Templates: templates(), Prompts: prompts(),
		Caller: func(context.Context) string { return "the suite" },
		Subscribe: func(ctx context.Context, wish engine.Subscription) (engine.Subscription, <-chan engine.Notification, error) {
			return wish, hub.subscribe(ctx), nil
		},
		ListsChange: engine.ListChanges{Tools: true, Prompts: true},
		Logging:     true,
		Logger:      logger,
	})
	if err != nil {
		return nil, err
	}
	front := httpfront.Config{
		Engine: server, Logger: logger,
		Hosts:    []string{"localhost:*", "127.0.0.1:*", "[::1]:*"},
		Origins:  []string{"http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"},
		Sessions: true, AskLegacyClients: true,
	}
	if cfg.Token != "" {
		front.Authenticate = bearer(cfg.Token)
	}
	return httpfront.New(front)
}

// bearer lets in who has the token.
func bearer(token string) func(*http.Request) (context.Context, error) {
	want := []byte("Bearer " + token)
	return func(r *http.Request) (context.Context, error) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			return nil, unauthorized{}
		}
		return r.Context(), nil
	}
}

// unauthorized is an engine.Refusal.
type unauthorized struct{}

// Error implements error.
func (unauthorized) Error() string { return "a bearer token is required" }

// HTTPStatus implements engine.Refusal.
func (unauthorized) HTTPStatus() int { return http.StatusUnauthorized }

// Header implements engine.Refusal.
func (unauthorized) Header() http.Header { return http.Header{"Www-Authenticate": {"Bearer"}} }
