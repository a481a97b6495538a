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
	"net/url"
	"os"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/mtls"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
	"github.com/df0f9dda/okr-manager/services/kit/tracing"
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
	// TLSDir holds the certificate for connections among the boxes (tls.crt, tls.key, ca.crt); empty for none. It is read
	// again when it changes.
	TLSDir string `env:"OKR_TLS_DIR"`
	// PlainNetwork permits unencrypted connections among the boxes beyond this machine, on a private network that nobody
	// else is on.
	PlainNetwork bool `env:"OKR_PLAIN_NETWORK"`
	// EdgeKey is the edge's identity towards authz, which makes the surface of its requests REST. Empty: they are counted
	// as gRPC.
	EdgeKey config.Secret `env:"OKR_EDGE_KEY_REST"`
	// MailboxURL is where a local identity provider shows the e-mails that it would send; the page that asks for a code
	// leads there. Empty where e-mails are sent.
	MailboxURL string `env:"OKR_MAILBOX_URL"`
	// BodyLimit is the largest body of a request in bytes.
	BodyLimit int64 `env:"OKR_REST_BODY_LIMIT" envDefault:"1048576"`
	// ImportLimit is the largest file that can be imported in bytes.
	ImportLimit int64 `env:"OKR_REST_IMPORT_LIMIT" envDefault:"67108864"`
	// AddressRate is how many requests a second without a known credential one address may send to each replica, and twice
	// as many at once; 0 for no limit.
	AddressRate float64 `env:"OKR_ADDRESS_RATE" envDefault:"100"`
	// CallerRate is how many requests a second each member, and each client of a member, may send to each replica, and
	// twice as many at once; 0 for no limit.
	CallerRate float64 `env:"OKR_REST_CALLER_RATE" envDefault:"200"`
	// OrganizationRate is how many requests a second all who belong to an organization may send to each replica, and twice
	// as many at once; 0 for no limit.
	OrganizationRate float64 `env:"OKR_ORGANIZATION_RATE" envDefault:"1000"`
	// MaxRequests is how many requests may be running at a time, streams among them; 0 for any number.
	MaxRequests int `env:"OKR_REST_MAX_REQUESTS" envDefault:"10000"`
	// TrustedProxies are the networks of the proxies in front, whose word about the address of a client is taken.
	TrustedProxies []string `env:"OKR_TRUSTED_PROXIES" envDefault:"127.0.0.0/8,::1/128"`
	// ProxyHeader is where they say it: X-Forwarded-For or Forwarded.
	ProxyHeader string `env:"OKR_PROXY_HEADER" envDefault:"X-Forwarded-For"`
	// DrainDelay is how long the edge goes on serving after it has said that it is not ready, so that load balancers
	// notice.
	DrainDelay time.Duration `env:"OKR_REST_DRAIN_DELAY" envDefault:"0s"`
	// MetricsAddr serves /metrics, /livez and /readyz apart from the public; empty for not at all.
	MetricsAddr string `env:"OKR_REST_METRICS_ADDR"`
	// DebugAddr serves profiles of the process under /debug/pprof/, on loopback unless it names a host; empty for not at all.
	DebugAddr string `env:"OKR_DEBUG_ADDR"`
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
	addresses := []mtls.Address{{Name: "OKR_AUTHZ_ADDR", Value: c.AuthzAddr}, {Name: "OKR_STORE_ADDR", Value: c.StoreAddr}, {Name: "OKR_MCP_ADDR", Value: c.MCPAddr}}
	errs = append(errs, mtls.CheckPlain(c.TLSDir, c.PlainNetwork, addresses...))
	if c.MetricsAddr != "" {
		address("OKR_REST_METRICS_ADDR", c.MetricsAddr)
	}
	if _, err := front.ParseOrigin(c.PublicURL); err != nil {
		mistake("OKR_PUBLIC_URL: %w", err)
	}
	if c.MailboxURL != "" {
		if u, err := url.Parse(c.MailboxURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			mistake("OKR_MAILBOX_URL: %q is no address of a web page", c.MailboxURL)
		}
	}
	if c.BodyLimit < 1<<10 || c.BodyLimit > 64<<20 {
		mistake("OKR_REST_BODY_LIMIT: %d is not between 1 KiB and 64 MiB", c.BodyLimit)
	}
	if c.ImportLimit < 1<<10 || c.ImportLimit > 4<<30 {
		mistake("OKR_REST_IMPORT_LIMIT: %d is not between 1 KiB and 4 GiB", c.ImportLimit)
	}
	errs = append(errs, c.rates().Validate("OKR_REST_CALLER_RATE"))
	if c.MaxRequests < 0 {
		mistake("OKR_REST_MAX_REQUESTS must not be negative")
	}
	if _, err := front.ParseProxies(c.TrustedProxies, c.ProxyHeader); err != nil {
		errs = append(errs, err)
	}
	if c.DrainDelay < 0 || c.DrainDelay > time.Minute {
		mistake("OKR_REST_DRAIN_DELAY: %s is not between 0s and 1m", c.DrainDelay)
	}
	return errors.Join(append(errs, tracing.Check())...)
}

// rates are the limits of those who call.
func (c *Config) rates() front.Rates {
	return front.Rates{Address: c.AddressRate, Caller: c.CallerRate, Organization: c.OrganizationRate}
}

// Run serves until ctx ends. Then it says that it is not ready, waits for the drain delay, ends streams and gives the
// requests that are running ten seconds.
func Run(ctx context.Context, cfg Config) (err error) {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if cfg.Logger == nil {
		cfg.Logger = telemetry.NewLogger(os.Stderr, cfg.LogLevel, "rest")
	}
	traces, err := tracing.Start(ctx, "rest", cfg.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, traces.Close(ctx)) }()
	identity, err := mtls.Load(mtls.Config{Dir: cfg.TLSDir, Logger: cfg.Logger})
	if err != nil {
		return err
	}
	registry := telemetry.NewRegistry()
	return front.Run(ctx, front.RunConfig{
		Addr: cfg.Addr, Listener: cfg.Listener, MetricsAddr: cfg.MetricsAddr, DebugAddr: cfg.DebugAddr, DrainDelay: cfg.DrainDelay,
		Registry: registry, Logger: cfg.Logger,
	}, func(life *front.Life) (http.Handler, error) {
		return (&edge{cfg: cfg, identity: identity, registry: registry, life: life, traces: traces}).handler()
	})
}
