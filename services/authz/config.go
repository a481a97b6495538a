package authz

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/mtls"
	"github.com/df0f9dda/okr-manager/services/kit/tracing"
)

// Config holds the settings of authz.
type Config struct {
	// Addr is where to serve gRPC.
	Addr string `env:"OKR_AUTHZ_ADDR" envDefault:"127.0.0.1:9002"`
	// MetricsAddr is where to serve /metrics, /livez and /readyz over HTTP; empty for not at all.
	MetricsAddr string `env:"OKR_AUTHZ_METRICS_ADDR"`
	// TLSDir holds the certificate for connections among the boxes (tls.crt, tls.key, ca.crt); empty for none. It is read
	// again when it changes.
	TLSDir string `env:"OKR_TLS_DIR"`
	// PlainNetwork permits unencrypted connections among the boxes beyond this machine, on a private network that nobody
	// else is on.
	PlainNetwork bool `env:"OKR_PLAIN_NETWORK"`
	// TLSClients are the names of the certificates that are let in where there is a TLSDir; "*" for all of the authority.
	TLSClients []string `env:"OKR_AUTHZ_TLS_CLIENTS" envDefault:"okr-store,rest,mcp"`
	// DebugAddr serves profiles of the process under /debug/pprof/, on loopback unless it names a host; empty for not at all.
	DebugAddr string `env:"OKR_DEBUG_ADDR"`
	// LogLevel is the lowest level that is logged.
	LogLevel slog.Level `env:"OKR_LOG_LEVEL" envDefault:"info"`

	// ProjectID, Secret and PublicToken are those of the Stytch project.
	ProjectID   string        `env:"OKR_STYTCH_PROJECT_ID"`
	Secret      config.Secret `env:"OKR_STYTCH_SECRET"`
	PublicToken string        `env:"OKR_STYTCH_PUBLIC_TOKEN"`
	// BaseURI is where Stytch's API is; empty for Stytch's own address.
	BaseURI string `env:"OKR_STYTCH_BASE_URI"`
	// StytchPublicURL is where browsers reach the API, for sign-ins that start with a redirect; empty for BaseURI.
	StytchPublicURL string `env:"OKR_STYTCH_PUBLIC_URL"`
	// SessionMinutes is how long a session lasts.
	SessionMinutes int `env:"OKR_SESSION_MINUTES" envDefault:"60"`

	// PublicURL is the address of the product: an access token that names resources has to name it, or its /mcp.
	PublicURL string `env:"OKR_PUBLIC_URL" envDefault:"http://localhost:3000"`
	// TxnKeyFile holds the keys that sign transaction tokens; it is made when it does not exist. Replicas need the same
	// file. Empty for a key that lives as long as the process.
	TxnKeyFile string `env:"OKR_TXN_KEY_FILE"`
	// EdgeKeyREST and EdgeKeyMCP are how the edges prove which door a request came through; with an empty one, that edge
	// counts as gRPC.
	EdgeKeyREST config.Secret `env:"OKR_EDGE_KEY_REST"`
	EdgeKeyMCP  config.Secret `env:"OKR_EDGE_KEY_MCP"`
	// CheckInterval is the longest time between questions to Stytch about a credential that is in use, and about the
	// access policy. What changes at Stytch takes effect within this time and the 30 seconds of a transaction token.
	CheckInterval time.Duration `env:"OKR_AUTHZ_CHECK_INTERVAL" envDefault:"30s"`
	// StaleLimit is how long Stytch's last answer serves while Stytch does not answer.
	StaleLimit time.Duration `env:"OKR_AUTHZ_STALE_LIMIT" envDefault:"5m"`
	// StartPatience is how long authz waits for Stytch before it says that it is ready without: who calls is then told that
	// Stytch does not answer.
	StartPatience time.Duration `env:"OKR_AUTHZ_START_PATIENCE" envDefault:"15s"`

	// Listener is served instead of Addr when it is set; Run closes it.
	Listener net.Listener `env:"-"`
	// Logger is used instead of one that writes JSON to standard error.
	Logger *slog.Logger `env:"-"`
	// Now is used instead of the system's clock. What Stytch's SDK verifies, it verifies by the system's clock all the same.
	Now func() time.Time `env:"-"`
}

const (
	// minSessionMinutes and maxSessionMinutes are Stytch's bounds.
	minSessionMinutes = 5
	maxSessionMinutes = 527040
	// minEdgeKey is the shortest edge key, in bytes.
	minEdgeKey = 16
	// testProject is how the ids of test projects begin.
	testProject = "project-test-"
	// localKey is how the edge keys end that docker-compose.yml has, and that everybody therefore knows.
	localKey = "-for-this-machine-alone"
)

// Validate reports every setting that cannot work.
func (c *Config) Validate() error {
	var errs []error
	complain := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if c.Addr == "" && c.Listener == nil {
		complain("OKR_AUTHZ_ADDR must not be empty")
	}
	if c.Listener == nil {
		errs = append(errs, mtls.CheckPlain(c.TLSDir, c.PlainNetwork, mtls.Address{Name: "OKR_AUTHZ_ADDR", Value: c.Addr}))
	}
	errs = append(errs, mtls.CheckClients(c.TLSDir, "OKR_AUTHZ_TLS_CLIENTS", c.TLSClients))
	for _, required := range []struct{ name, value string }{
		{"OKR_STYTCH_PROJECT_ID", c.ProjectID},
		{"OKR_STYTCH_SECRET", string(c.Secret)},
		{"OKR_STYTCH_PUBLIC_TOKEN", c.PublicToken},
	} {
		if required.value == "" {
			complain("%s must be set: the Stytch project has it", required.name)
		}
	}
	for _, address := range []struct{ name, value string }{
		{"OKR_STYTCH_BASE_URI", c.BaseURI},
		{"OKR_STYTCH_PUBLIC_URL", c.StytchPublicURL},
	} {
		if address.value != "" && !isHTTP(address.value) {
			complain("%s %q is not an http or https address", address.name, address.value)
		}
	}
	if !isHTTP(c.PublicURL) {
		complain("OKR_PUBLIC_URL %q is not an http or https address", c.PublicURL)
	}
	if c.SessionMinutes < minSessionMinutes || c.SessionMinutes > maxSessionMinutes {
		complain("OKR_SESSION_MINUTES must be from %d to %d", minSessionMinutes, maxSessionMinutes)
	}
	for _, key := range []struct {
		name  string
		value config.Secret
	}{{"OKR_EDGE_KEY_REST", c.EdgeKeyREST}, {"OKR_EDGE_KEY_MCP", c.EdgeKeyMCP}} {
		if key.value != "" && len(key.value) < minEdgeKey {
			complain("%s must have at least %d characters", key.name, minEdgeKey)
		}
		if strings.HasSuffix(string(key.value), localKey) && !strings.HasPrefix(c.ProjectID, testProject) {
			complain("%s is the key that everybody knows: for a project that is not a test project, make another", key.name)
		}
	}
	if c.EdgeKeyREST != "" && c.EdgeKeyREST == c.EdgeKeyMCP {
		complain("OKR_EDGE_KEY_REST and OKR_EDGE_KEY_MCP must be different")
	}
	if c.CheckInterval <= 0 {
		complain("OKR_AUTHZ_CHECK_INTERVAL must be positive")
	}
	if c.StaleLimit < c.CheckInterval {
		complain("OKR_AUTHZ_STALE_LIMIT must not be shorter than OKR_AUTHZ_CHECK_INTERVAL")
	}
	if c.StartPatience < 0 {
		complain("OKR_AUTHZ_START_PATIENCE must not be negative")
	}
	return errors.Join(append(errs, tracing.Check())...)
}

// isHTTP accepts an address that paths can be appended to.
func isHTTP(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil &&
		!strings.ContainsAny(raw, "?#")
}
