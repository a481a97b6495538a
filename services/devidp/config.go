package devidp

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/df0f9dda/okr-manager/services/kit/config"
)

// Config is everything that can be set. The fields that do not come from the environment may stay zero.
type Config struct {
	// Addr is where to listen; ignored with a Listener.
	Addr string `env:"OKR_DEVIDP_ADDR" envDefault:"127.0.0.1:4000"`
	// PublicURL is what browsers reach this provider under, which in a container network is not what servers use.
	PublicURL string `env:"OKR_DEVIDP_PUBLIC_URL" envDefault:"http://localhost:4000"`
	// AllowNonLoopback permits an Addr that other machines can reach. Everybody can sign in as anybody here, so only a
	// container network that publishes the port on loopback should set it.
	AllowNonLoopback bool `env:"OKR_DEVIDP_ALLOW_NON_LOOPBACK"`

	// ProjectID must be that of a test environment.
	ProjectID   string        `env:"OKR_STYTCH_PROJECT_ID" envDefault:"project-test-00000000-0000-4000-8000-000000000000"`
	Secret      config.Secret `env:"OKR_STYTCH_SECRET" envDefault:"secret-test-local-only"`
	PublicToken string        `env:"OKR_STYTCH_PUBLIC_TOKEN" envDefault:"public-token-test-local-only"`

	// WorkspaceKeyID and WorkspaceKeySecret are the credentials of the management API.
	WorkspaceKeyID     string        `env:"OKR_STYTCH_WORKSPACE_KEY_ID" envDefault:"workspace-key-test-local"`
	WorkspaceKeySecret config.Secret `env:"OKR_STYTCH_WORKSPACE_KEY_SECRET" envDefault:"workspace-secret-test-local-only"`

	// AuthorizationURL is the application's consent page, which the OAuth metadata names.
	AuthorizationURL string `env:"OKR_DEVIDP_AUTHORIZATION_URL" envDefault:"http://localhost:3000/oauth/authorize"`
	// AllowedRedirects are the origins that browsers may be sent back to, as registered redirect URLs are with Stytch.
	AllowedRedirects []string `env:"OKR_DEVIDP_REDIRECT_ORIGINS" envDefault:"http://localhost:3000"`

	// DataDir holds devidp.db: the state with the signing key.
	DataDir string `env:"OKR_DATA_DIR" envDefault:".data"`
	// SeedFile replaces the built-in organizations and policy, on the first start and at a reset.
	SeedFile string `env:"OKR_DEVIDP_SEED"`

	// Listener, if given, is used and closed by Run.
	Listener net.Listener `env:"-"`
	// Logger is used instead of one that writes JSON to standard error.
	Logger *slog.Logger `env:"-"`
	// Clock defaults to time.Now.
	Clock func() time.Time `env:"-"`
	// NewSigningKey makes the signing key of a new state, as PKCS #8 DER; it defaults to a fresh RSA key.
	NewSigningKey func() ([]byte, error) `env:"-"`
}

// Validate reports every mistake at once.
func (c Config) Validate() error {
	var mistakes []error
	complain := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }

	if !strings.HasPrefix(c.ProjectID, "project-test-") {
		complain("OKR_STYTCH_PROJECT_ID %q is not that of a test project (project-test-…): this provider lets everybody in", c.ProjectID)
	}
	for _, required := range []struct{ name, value string }{
		{"OKR_STYTCH_SECRET", string(c.Secret)},
		{"OKR_STYTCH_PUBLIC_TOKEN", c.PublicToken},
		{"OKR_STYTCH_WORKSPACE_KEY_ID", c.WorkspaceKeyID},
		{"OKR_STYTCH_WORKSPACE_KEY_SECRET", string(c.WorkspaceKeySecret)},
		{"OKR_DATA_DIR", c.DataDir},
	} {
		if required.value == "" {
			complain("%s must not be empty", required.name)
		}
	}
	if c.Listener == nil {
		switch host, _, err := net.SplitHostPort(c.Addr); {
		case err != nil:
			complain("OKR_DEVIDP_ADDR %q is not host:port: %w", c.Addr, err)
		case !c.AllowNonLoopback && !isLoopback(host):
			complain("OKR_DEVIDP_ADDR %q can be reached from other machines, where everybody can sign in as anybody; OKR_DEVIDP_ALLOW_NON_LOOPBACK=true permits it", c.Addr)
		}
	} else if addr := c.Listener.Addr(); !c.AllowNonLoopback && !loopbackAddr(addr) {
		complain("the listener on %s can be reached from other machines", addr)
	}
	if !isOrigin(c.PublicURL) {
		complain("OKR_DEVIDP_PUBLIC_URL %q is not an origin such as http://localhost:4000", c.PublicURL)
	}
	if u, err := url.Parse(c.AuthorizationURL); err != nil || !u.IsAbs() || u.Host == "" {
		complain("OKR_DEVIDP_AUTHORIZATION_URL %q is not an absolute address", c.AuthorizationURL)
	}
	if len(c.AllowedRedirects) == 0 {
		complain("OKR_DEVIDP_REDIRECT_ORIGINS must name at least one origin")
	}
	for _, origin := range c.AllowedRedirects {
		if !isOrigin(origin) {
			complain("OKR_DEVIDP_REDIRECT_ORIGINS: %q is not an origin such as http://localhost:3000", origin)
		}
	}
	return errors.Join(mistakes...)
}

// isOrigin accepts scheme and host alone, without a trailing slash: paths are appended to it.
func isOrigin(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && raw == u.Scheme+"://"+u.Host
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func loopbackAddr(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback() // Whatever is not TCP, such as a pipe in a test, stays on the machine.
}
