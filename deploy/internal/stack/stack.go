// Package stack runs all boxes of the system in one process, over real sockets: for people who try it out, for the tests
// of the whole, and for benchmarks.
package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/df0f9dda/okr-manager/gateway/mcp"
	"github.com/df0f9dda/okr-manager/gateway/rest"
	"github.com/df0f9dda/okr-manager/services/authz"
	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
	"github.com/df0f9dda/okr-manager/services/kit/mtls"
	"github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/okrstore"
)

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 45 * time.Second // Three boxes speak HTTP; each gives its requests ten seconds.
)

// Config says what to run.
type Config struct {
	// Environment overrides the boxes' defaults, by variable name; the process's environment stands over it.
	Environment map[string]string
	// EphemeralPorts takes free ports instead of the usual ones.
	EphemeralPorts bool
	// TLSDir has a folder for each box (authz, okr-store, mcp, rest) with the certificate for OKR_TLS_DIR; empty for
	// connections without encryption.
	TLSDir string
	// Logger gets what the boxes log.
	Logger *slog.Logger
}

// tlsDir is a box's folder.
func (c Config) tlsDir(box string) string {
	if c.TLSDir == "" {
		return ""
	}
	return filepath.Join(c.TLSDir, box)
}

// Stack is a running system.
type Stack struct {
	// PublicURL is where people open the product.
	PublicURL string
	// StoreAddr and AuthzAddr are where the gRPC services listen, and MCPAddr is where the MCP edge does.
	StoreAddr, AuthzAddr, MCPAddr string
	// DevidpURL is where the local identity provider listens; empty when the system runs against Stytch.
	DevidpURL string
	// DataDir is where the data is.
	DataDir string

	closers run.Stack
	failed  chan error
}

// Start starts the boxes and returns when all of them are ready. The caller must call Close.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	s := &Stack{failed: make(chan error, 8)}
	if err := s.start(ctx, cfg); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context, cfg Config) error {
	settings := maps.Clone(cfg.Environment)
	if settings == nil {
		settings = map[string]string{}
	}
	// Each edge proves to authz which door it is; in one process nobody else needs the key.
	settings["OKR_EDGE_KEY_REST"], settings["OKR_EDGE_KEY_MCP"] = rand.Text(), rand.Text()

	ports, err := listen(ctx, cfg.EphemeralPorts, settings)
	if err != nil {
		return err
	}
	defer ports.closeUnused()
	s.StoreAddr, s.AuthzAddr, s.MCPAddr = settings["OKR_STORE_ADDR"], settings["OKR_AUTHZ_ADDR"], settings["OKR_MCP_ADDR"]
	s.PublicURL = settings["OKR_PUBLIC_URL"]

	if os.Getenv("OKR_STYTCH_PROJECT_ID") == "" {
		if err := s.startDevidp(cfg, ports, settings); err != nil {
			return err
		}
	}
	authzConfig, err := config.LoadOver[authz.Config](settings)
	if err != nil {
		return fmt.Errorf("authz: %w", err)
	}
	authzConfig.TLSDir = cfg.tlsDir("authz")
	authzConfig.Listener, authzConfig.Logger = ports.take("OKR_AUTHZ_ADDR"), cfg.Logger
	s.launch("authz", func(ctx context.Context) error { return authz.Run(ctx, authzConfig) })

	storeConfig, err := config.LoadOver[okrstore.Config](settings)
	if err != nil {
		return fmt.Errorf("okr-store: %w", err)
	}
	s.DataDir = storeConfig.DataDir
	storeConfig.TLSDir = cfg.tlsDir("okr-store")
	storeConfig.DebugAddr = "" // one process, one place for its profiles
	storeConfig.Listener, storeConfig.Logger = ports.take("OKR_STORE_ADDR"), cfg.Logger
	s.launch("okr-store", func(ctx context.Context) error { return okrstore.Run(ctx, storeConfig) })

	if settings["OKR_MCP_SEAL_KEY"], err = sealKey(s.DataDir); err != nil {
		return fmt.Errorf("the sealing key of the MCP edge: %w", err)
	}
	mcpConfig, err := config.LoadOver[mcp.Config](settings)
	if err != nil {
		return fmt.Errorf("the MCP edge: %w", err)
	}
	mcpConfig.TLSDir = cfg.tlsDir("mcp")
	mcpConfig.DebugAddr = ""
	mcpConfig.Listener, mcpConfig.Logger = ports.take("OKR_MCP_ADDR"), cfg.Logger
	s.launch("MCP edge", func(ctx context.Context) error { return mcp.Run(ctx, mcpConfig) })

	restConfig, err := config.LoadOver[rest.Config](settings)
	if err != nil {
		return fmt.Errorf("the REST edge: %w", err)
	}
	restConfig.TLSDir = cfg.tlsDir("rest")
	restConfig.DebugAddr = ""
	restConfig.Listener, restConfig.Logger = ports.take("OKR_REST_ADDR"), cfg.Logger
	s.launch("REST edge", func(ctx context.Context) error { return rest.Run(ctx, restConfig) })

	return s.awaitReady(ctx, cfg.tlsDir("rest"))
}

// startDevidp starts the identity provider and points the other boxes at it.
func (s *Stack) startDevidp(cfg Config, ports *ports, settings map[string]string) error {
	settings["OKR_DEVIDP_AUTHORIZATION_URL"] = s.PublicURL + "/oauth/authorize"
	settings["OKR_DEVIDP_REDIRECT_ORIGINS"] = s.PublicURL
	devidpConfig, err := config.LoadOver[devidp.Config](settings)
	if err != nil {
		return fmt.Errorf("devidp: %w", err)
	}
	devidpConfig.Listener, devidpConfig.Logger = ports.take("OKR_DEVIDP_ADDR"), cfg.Logger
	s.DevidpURL = devidpConfig.PublicURL
	settings["OKR_STYTCH_PROJECT_ID"] = devidpConfig.ProjectID
	settings["OKR_STYTCH_SECRET"] = string(devidpConfig.Secret)
	settings["OKR_STYTCH_PUBLIC_TOKEN"] = devidpConfig.PublicToken
	settings["OKR_STYTCH_BASE_URI"] = "http://" + settings["OKR_DEVIDP_ADDR"]
	settings["OKR_STYTCH_PUBLIC_URL"] = devidpConfig.PublicURL
	settings["OKR_OAUTH_ISSUER"] = devidpConfig.PublicURL
	settings["OKR_MAILBOX_URL"] = devidpConfig.PublicURL + "/_dev/outbox"
	settings["OKR_OAUTH_ISSUER_INTERNAL_URL"] = "http://" + settings["OKR_DEVIDP_ADDR"]
	s.launch("devidp", func(ctx context.Context) error { return devidp.Run(ctx, devidpConfig) })
	return nil
}

// launch runs a box until Close. Boxes close in the reverse order of their launch: edges, store, authz, devidp.
func (s *Stack) launch(name string, serve func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() {
		err := serve(ctx)
		if err != nil && ctx.Err() == nil {
			s.failed <- fmt.Errorf("%s: %w", name, err)
		}
		stopped <- err
	}()
	s.closers.Push(name, func(deadline context.Context) error {
		stop()
		select {
		case err := <-stopped:
			if errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		case <-deadline.Done():
			return deadline.Err()
		}
	})
}

// Failed gives the error of the first box that stopped by itself.
func (s *Stack) Failed() <-chan error { return s.failed }

// Close stops all boxes.
func (s *Stack) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return s.closers.Close(ctx)
}

// awaitReady returns when both gRPC services say that they serve; the edges listen from the beginning.
func (s *Stack) awaitReady(ctx context.Context, tlsDir string) error {
	identity, err := mtls.Load(mtls.Config{Dir: tlsDir})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, addr := range []string{s.AuthzAddr, s.StoreAddr} {
		conn, err := grpcclient.Dial(addr, grpcclient.Config{Credentials: identity.ClientCredentials()})
		if err != nil {
			return err
		}
		err = s.awaitServing(ctx, conn)
		if closeErr := conn.Close(); err == nil && closeErr != nil {
			err = closeErr
		}
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", addr, err)
		}
	}
	return nil
}

func (s *Stack) awaitServing(ctx context.Context, conn *grpc.ClientConn) error {
	client := healthpb.NewHealthClient(conn)
	for {
		answer, err := client.Check(ctx, &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true))
		if err == nil && answer.GetStatus() == healthpb.HealthCheckResponse_SERVING {
			return nil
		}
		select {
		case err := <-s.failed:
			return err
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ports are the listeners by the name of the setting that says their address.
type ports struct {
	open map[string]net.Listener
}

// listen opens all ports before anything starts, so that every box can be told where the others are, and writes the
// addresses and the URLs that follow from them into the settings.
func listen(ctx context.Context, ephemeral bool, settings map[string]string) (*ports, error) {
	p := &ports{open: map[string]net.Listener{}}
	usual := map[string]string{
		"OKR_DEVIDP_ADDR": "127.0.0.1:4000",
		"OKR_AUTHZ_ADDR":  "127.0.0.1:9002",
		"OKR_STORE_ADDR":  "127.0.0.1:9001",
		"OKR_MCP_ADDR":    "127.0.0.1:3001",
		"OKR_REST_ADDR":   "127.0.0.1:3000",
	}
	for name, addr := range usual {
		if ephemeral {
			addr = "127.0.0.1:0"
		} else if set := os.Getenv(name); set != "" {
			addr = set
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		if err != nil {
			p.closeUnused()
			if errors.Is(err, syscall.EADDRINUSE) {
				return nil, fmt.Errorf("%w\nanother program uses the port: stop it, or set %s to another address", err, name)
			}
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		p.open[name] = listener
		settings[name] = listener.Addr().String()
	}
	setDefault := func(name, portOf string) {
		if _, ok := settings[name]; !ok {
			settings[name] = fmt.Sprintf("http://localhost:%d", p.open[portOf].Addr().(*net.TCPAddr).Port)
		}
		if set := os.Getenv(name); set != "" {
			settings[name] = set
		}
	}
	setDefault("OKR_PUBLIC_URL", "OKR_REST_ADDR")
	setDefault("OKR_DEVIDP_PUBLIC_URL", "OKR_DEVIDP_ADDR")
	return p, nil
}

func (p *ports) take(name string) net.Listener {
	l := p.open[name]
	delete(p.open, name)
	return l
}

func (p *ports) closeUnused() {
	for _, l := range p.open {
		_ = l.Close() // nothing was served on it
	}
}

// EnsureDataDir makes the data folder for its owner alone.
func EnsureDataDir(dir string) error {
	if err := os.MkdirAll(filepath.Clean(dir), 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	return nil
}
