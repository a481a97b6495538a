// Package mcp is the MCP edge: the endpoint for AI agents. It takes access tokens that members gave to agents, serves the
// tools and resources of the product over the Model Context Protocol, and says how a client gets a token. It holds no data
// and no secret but its own identity key and one that its replicas share.
package mcp

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
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
	Addr string `env:"OKR_MCP_ADDR" envDefault:"127.0.0.1:3001"`
	// PublicURL is the address at which clients reach the product: scheme, host and port. The endpoint is /mcp under it.
	PublicURL string `env:"OKR_PUBLIC_URL" envDefault:"http://localhost:3000"`
	// AuthzAddr and StoreAddr are the services behind the edge.
	AuthzAddr string `env:"OKR_AUTHZ_ADDR" envDefault:"127.0.0.1:9002"`
	StoreAddr string `env:"OKR_STORE_ADDR" envDefault:"127.0.0.1:9001"`
	// TLSDir holds the certificate for connections among the boxes (tls.crt, tls.key, ca.crt); empty for none. It is read
	// again when it changes.
	TLSDir string `env:"OKR_TLS_DIR"`
	// PlainNetwork permits unencrypted connections among the boxes beyond this machine, on a private network that nobody
	// else is on.
	PlainNetwork bool `env:"OKR_PLAIN_NETWORK"`
	// TLSClients are the names of the certificates that are let in where there is a TLSDir; "*" for all of the authority.
	TLSClients []string `env:"OKR_MCP_TLS_CLIENTS" envDefault:"rest"`
	// EdgeKey is the edge's identity towards authz, which makes the surface of its requests MCP. Empty: they are counted as
	// gRPC.
	EdgeKey config.Secret `env:"OKR_EDGE_KEY_MCP"`
	// Issuer is the OAuth authorization server that clients are sent to: the domain of the Stytch project, or the public
	// address of devidp.
	Issuer string `env:"OKR_OAUTH_ISSUER"`
	// IssuerInternalURL is where the edge itself reaches the authorization server; empty for the issuer's own address.
	IssuerInternalURL string `env:"OKR_OAUTH_ISSUER_INTERNAL_URL"`
	// Origins are the web pages that may call the endpoint, beside those of the public address: "http://localhost:*" stands
	// for every port. Programs that are no web pages are not concerned.
	Origins []string `env:"OKR_MCP_ORIGINS" envDefault:"http://localhost:*,http://127.0.0.1:*"`
	// SealKey protects what clients keep for the edge between two requests; replicas share it. Empty: one is made at the
	// start, for an edge that is alone.
	SealKey config.Secret `env:"OKR_MCP_SEAL_KEY"`
	// BodyLimit is the largest body of a request in bytes.
	BodyLimit int64 `env:"OKR_MCP_BODY_LIMIT" envDefault:"1048576"`
	// AddressRate is how many requests a second without a known credential one address may send to each replica, and twice
	// as many at once; 0 for no limit.
	AddressRate float64 `env:"OKR_ADDRESS_RATE" envDefault:"100"`
	// CallerRate is how many requests a second each member, and each client of a member, may send to each replica, and
	// twice as many at once; 0 for no limit.
	CallerRate float64 `env:"OKR_MCP_CALLER_RATE" envDefault:"200"`
	// OrganizationRate is how many requests a second all who belong to an organization may send to each replica, and twice
	// as many at once; 0 for no limit.
	OrganizationRate float64 `env:"OKR_ORGANIZATION_RATE" envDefault:"1000"`
	// MaxRequests is how many requests may be running at a time, streams among them; 0 for any number.
	MaxRequests int `env:"OKR_MCP_MAX_REQUESTS" envDefault:"10000"`
	// TrustedProxies are the networks of the proxies in front, whose word about the address of a client is taken.
	TrustedProxies []string `env:"OKR_TRUSTED_PROXIES" envDefault:"127.0.0.0/8,::1/128"`
	// ProxyHeader is where they say it: X-Forwarded-For or Forwarded.
	ProxyHeader string `env:"OKR_PROXY_HEADER" envDefault:"X-Forwarded-For"`
	// DrainDelay is how long the edge goes on serving after it has said that it is not ready, so that load balancers
	// notice.
	DrainDelay time.Duration `env:"OKR_MCP_DRAIN_DELAY" envDefault:"0s"`
	// MetricsAddr serves /metrics, /livez and /readyz apart from the public; empty for not at all.
	MetricsAddr string `env:"OKR_MCP_METRICS_ADDR"`
	// DebugAddr serves profiles of the process under /debug/pprof/, on loopback unless it names a host; empty for not at all.
	DebugAddr string `env:"OKR_DEBUG_ADDR"`
	// LogLevel is the least level that is logged.
	LogLevel slog.Level `env:"OKR_LOG_LEVEL" envDefault:"INFO"`

	// Listener is an open listener to serve on instead of Addr; the edge closes it.
	Listener net.Listener
	// Logger replaces the one that writes to standard error.
	Logger *slog.Logger
}

// minSealKey is the shortest SealKey, in characters.
const minSealKey = 32

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
		address("OKR_MCP_ADDR", c.Addr)
	}
	address("OKR_AUTHZ_ADDR", c.AuthzAddr)
	address("OKR_STORE_ADDR", c.StoreAddr)
	addresses := []mtls.Address{{Name: "OKR_AUTHZ_ADDR", Value: c.AuthzAddr}, {Name: "OKR_STORE_ADDR", Value: c.StoreAddr}}
	if c.Listener == nil {
		addresses = append(addresses, mtls.Address{Name: "OKR_MCP_ADDR", Value: c.Addr})
	}
	errs = append(errs, mtls.CheckPlain(c.TLSDir, c.PlainNetwork, addresses...),
		mtls.CheckClients(c.TLSDir, "OKR_MCP_TLS_CLIENTS", c.TLSClients))
	if c.MetricsAddr != "" {
		address("OKR_MCP_METRICS_ADDR", c.MetricsAddr)
	}
	if _, err := front.ParseOrigin(c.PublicURL); err != nil {
		mistake("OKR_PUBLIC_URL: %w", err)
	}
	if !isBase(c.Issuer) {
		mistake("OKR_OAUTH_ISSUER: %q is not the address of an authorization server, without a slash at the end: the domain of the Stytch project", c.Issuer)
	}
	if c.IssuerInternalURL != "" && !isBase(c.IssuerInternalURL) {
		mistake("OKR_OAUTH_ISSUER_INTERNAL_URL: %q is not an http or https address without a slash at the end", c.IssuerInternalURL)
	}
	for _, origin := range c.Origins {
		if scheme, host, ok := strings.Cut(origin, "://"); !ok || scheme != "http" && scheme != "https" || host == "" || strings.ContainsAny(host, "/?#@ ") {
			mistake("OKR_MCP_ORIGINS: %q is not an origin such as https://inspector.example.com", origin)
		}
	}
	if c.SealKey != "" && len(c.SealKey) < minSealKey {
		mistake("OKR_MCP_SEAL_KEY must have at least %d characters", minSealKey)
	}
	if c.BodyLimit < 1<<10 || c.BodyLimit > 64<<20 {
		mistake("OKR_MCP_BODY_LIMIT: %d is not between 1 KiB and 64 MiB", c.BodyLimit)
	}
	errs = append(errs, c.rates().Validate("OKR_MCP_CALLER_RATE"))
	if c.MaxRequests < 0 {
		mistake("OKR_MCP_MAX_REQUESTS must not be negative")
	}
	if _, err := front.ParseProxies(c.TrustedProxies, c.ProxyHeader); err != nil {
		errs = append(errs, err)
	}
	if c.DrainDelay < 0 || c.DrainDelay > time.Minute {
		mistake("OKR_MCP_DRAIN_DELAY: %s is not between 0s and 1m", c.DrainDelay)
	}
	return errors.Join(append(errs, tracing.Check())...)
}

// isBase accepts an address that well-known paths can be appended to.
func isBase(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil &&
		u.Path == "" && !strings.ContainsAny(raw, "?#")
}

// sealKey derives the engine's key; nil for a random one.
func (c *Config) sealKey() ([]byte, error) {
	if c.SealKey == "" {
		return nil, nil
	}
	key, err := hkdf.Key(sha256.New, []byte(c.SealKey), nil, "okr-manager: state of MCP requests", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("deriving the seal key: %w", err)
	}
	return key, nil
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
		cfg.Logger = telemetry.NewLogger(os.Stderr, cfg.LogLevel, "mcp")
	}
	traces, err := tracing.Start(ctx, "mcp", cfg.Logger)
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
		Secure: func(listener net.Listener) net.Listener { return identity.Listen(listener, cfg.TLSClients) },
	}, func(life *front.Life) (http.Handler, error) {
		return (&edge{cfg: cfg, identity: identity, registry: registry, life: life, traces: traces}).handler()
	})
}
