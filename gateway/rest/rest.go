// Package rest is the REST edge: the one address that browsers and programs need. It serves the web app and turns
// /api/ into calls of the services behind it, for whom it takes cookies and tokens to transaction tokens. It holds no
// data and no secret but its own identity key.
package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// Config is the edge's settings.
type Config struct {
	// Addr is where to listen.
	Addr string `env:"OKR_REST_ADDR" envDefault:"127.0.0.1:3000"`
	// PublicURL is the address at which browsers reach the edge: scheme, host and port. Its scheme decides whether
	// cookies are Secure.
	PublicURL string `env:"OKR_PUBLIC_URL" envDefault:"http://localhost:3000"`
	// AuthzAddr and StoreAddr are the services behind the edge.
	AuthzAddr string `env:"OKR_AUTHZ_ADDR" envDefault:"127.0.0.1:9002"`
	StoreAddr string `env:"OKR_STORE_ADDR" envDefault:"127.0.0.1:9001"`
	// MCPAddr is where the MCP edge is, to which what agents ask for is forwarded.
	MCPAddr string `env:"OKR_MCP_ADDR" envDefault:"127.0.0.1:3001"`
	// EdgeKey is the edge's identity towards authz, which makes the surface of its requests REST. Empty: they are counted
	// as gRPC.
	EdgeKey config.Secret `env:"OKR_EDGE_KEY_REST"`
	// BodyLimit is the largest body of a request in bytes.
	BodyLimit int64 `env:"OKR_REST_BODY_LIMIT" envDefault:"1048576"`
	// DrainDelay is how long the edge goes on serving after it has said that it is not ready, so that load balancers
	// notice.
	DrainDelay time.Duration `env:"OKR_REST_DRAIN_DELAY" envDefault:"0s"`
	// MetricsAddr serves /metrics, /livez and /readyz apart from the public; empty for not at all.
	MetricsAddr string `env:"OKR_REST_METRICS_ADDR"`
	// LogLevel is the least level that is logged.
	LogLevel slog.Level `env:"OKR_LOG_LEVEL" envDefault:"INFO"`

	// Listener is an open listener to serve on instead of Addr; the edge closes it.
	Listener net.Listener
	// Logger replaces the one that writes to standard error.
	Logger *slog.Logger
}

// Validate implements config.Validator.
func (c *Config) Validate() error {
	var errs []error
	mistake := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	address := func(name, value string) {
		if _, _, err := net.SplitHostPort(value); err != nil {
			mistake("%s: %q is not host:port", name, value)
		}
	}
	if c.Listener == nil {
		address("OKR_REST_ADDR", c.Addr)
	}
	address("OKR_AUTHZ_ADDR", c.AuthzAddr)
	address("OKR_STORE_ADDR", c.StoreAddr)
	address("OKR_MCP_ADDR", c.MCPAddr)
	if c.MetricsAddr != "" {
		address("OKR_REST_METRICS_ADDR", c.MetricsAddr)
	}
	if _, err := front.ParseOrigin(c.PublicURL); err != nil {
		mistake("OKR_PUBLIC_URL: %w", err)
	}
	if c.BodyLimit < 1<<10 || c.BodyLimit > 64<<20 {
		mistake("OKR_REST_BODY_LIMIT: %d is not between 1 KiB and 64 MiB", c.BodyLimit)
	}
	if c.DrainDelay < 0 || c.DrainDelay > time.Minute {
		mistake("OKR_REST_DRAIN_DELAY: %s is not between 0s and 1m", c.DrainDelay)
	}
	return errors.Join(errs...)
}

// Run serves until ctx ends. Then it says that it is not ready, waits for the drain delay, ends streams and gives the
// requests that are running ten seconds.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if cfg.Logger == nil {
		cfg.Logger = telemetry.NewLogger(os.Stderr, cfg.LogLevel, "rest")
	}
	registry := telemetry.NewRegistry()
	return front.Run(ctx, front.RunConfig{
		Addr: cfg.Addr, Listener: cfg.Listener, MetricsAddr: cfg.MetricsAddr, DrainDelay: cfg.DrainDelay,
		Registry: registry, Logger: cfg.Logger,
	}, func(life *front.Life) (http.Handler, error) {
		return (&edge{cfg: cfg, registry: registry, life: life}).handler()
	})
}
