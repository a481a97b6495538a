package okrclient

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// DefaultTimeout is that of a Config which says none.
const DefaultTimeout = 30 * time.Second

// Config says where okr-store is and how to call it.
type Config struct {
	// Target is the gRPC address of okr-store, such as "okr.internal:9001".
	Target string
	// Tokens gives the access token of every call.
	Tokens TokenSource
	// TLS encrypts the connection. Nil means TLS with the system's roots, except towards this machine itself, which is
	// spoken to in plain text.
	TLS *tls.Config
	// Plaintext sends everything, access tokens included, unencrypted to another machine, too: for a private network.
	Plaintext bool
	// Timeout bounds a call whose context has no deadline, its retries included, and so how long a server may be away without
	// a call failing. Zero means DefaultTimeout. A watch has no bound once it has begun.
	Timeout time.Duration
	// MaxAttempts is how often a call is sent at most. Zero means as often as its deadline allows, one that nothing is sent
	// again.
	MaxAttempts int
	// Mode is what to do with writes whose requests say nothing of it: to try or to propose them instead of making them.
	// What cannot be proposed is made.
	Mode accessv1.WriteMode
	// UserAgent names the program in the server's logs.
	UserAgent string
	// Logger is told of retries and of watches that are resumed: as INFO, and once as WARN when it takes longer than about two
	// seconds. Nil is silent.
	Logger *slog.Logger
}

// Validate reports every mistake at once.
func (c Config) Validate() error {
	var mistakes []error
	if c.Target == "" {
		mistakes = append(mistakes, errors.New("the address of okr-store is missing (Target)"))
	}
	if c.Tokens == nil {
		mistakes = append(mistakes, errors.New("nothing gives access tokens (Tokens)"))
	}
	if c.Plaintext && c.TLS != nil {
		mistakes = append(mistakes, errors.New("plain text and encryption exclude each other (Plaintext, TLS)"))
	}
	if c.Timeout < 0 {
		mistakes = append(mistakes, errors.New("the timeout must not be negative (Timeout)"))
	}
	if c.MaxAttempts < 0 {
		mistakes = append(mistakes, errors.New("the number of attempts must not be negative (MaxAttempts)"))
	}
	return errors.Join(mistakes...)
}

// Client calls okr-store. It is safe for concurrent use. The methods of the contract are there as they are; retries,
// request ids, tokens and typed errors apply to all of them.
type Client struct {
	okrv1.OkrServiceClient

	conn  *grpc.ClientConn
	calls *calls
}

// Dial makes a client, which connects on its first call and again whenever the connection breaks: an error is a mistake in
// the configuration. The caller must call Close.
func Dial(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("okrclient: %w", err)
	}
	logger := cfg.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	c := &calls{
		bearer:  bearer{source: cfg.Tokens},
		timeout: cmp.Or(cfg.Timeout, DefaultTimeout),
		retry:   newRetrier(cfg.MaxAttempts),
		methods: contractMethods(),
		mode:    cfg.Mode,
		logger:  logger,
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport(cfg)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithUnaryInterceptor(c.unary),
		grpc.WithStreamInterceptor(c.stream),
		// A call that is sent again finds a connection that is tried again, and not the failure of the one before.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstDelay / 2, Multiplier: 2, Jitter: 0.2, MaxDelay: maxDelay / 2},
			MinConnectTimeout: 5 * time.Second,
		}),
		// What is safe to send again is known here, and not to the library.
		grpc.WithDisableServiceConfig(),
	}
	if cfg.UserAgent != "" {
		options = append(options, grpc.WithUserAgent(cfg.UserAgent))
	}
	conn, err := grpc.NewClient(cfg.Target, options...)
	if err != nil {
		return nil, fmt.Errorf("okrclient: the address %q: %w", cfg.Target, err)
	}
	return &Client{OkrServiceClient: okrv1.NewOkrServiceClient(conn), conn: conn, calls: c}, nil
}

// Close ends the connection and every call on it.
func (c *Client) Close() error { return c.conn.Close() }

func transport(cfg Config) credentials.TransportCredentials {
	switch {
	case cfg.TLS != nil:
		return credentials.NewTLS(cfg.TLS)
	case cfg.Plaintext || isLoopback(cfg.Target):
		return insecure.NewCredentials()
	default:
		return credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
}

// isLoopback reports whether what is sent to the address never leaves this machine. What is not a plain host and port is
// taken for somewhere else.
func isLoopback(target string) bool {
	host, _, err := net.SplitHostPort(strings.TrimPrefix(target, "dns:///"))
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
