// Package stytch is the one place that speaks to Stytch. It wraps stytch-go so that the rest of authz sees plain Go types
// and three kinds of failure: Stytch said no (*APIError), Stytch said nothing that can be relied on (ErrUnavailable), and
// a token that proves itself bad without asking (ErrTokenInvalid, ErrTokenExpired).
package stytch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/b2bstytchapi"
	"github.com/stytchauth/stytch-go/v16/stytch/config"
	"go.opentelemetry.io/otel/trace"
)

const (
	// requestTimeout bounds each request; the SDK's own client would wait for ever.
	requestTimeout = 5 * time.Second
	// firstBackoff and lastBackoff bound the time between attempts to connect; each wait doubles.
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 10 * time.Second
)

// Config says which project to speak for.
type Config struct {
	// ProjectID, Secret and PublicToken are the project's.
	ProjectID, Secret, PublicToken string
	// BaseURI is where the API is; empty for Stytch's own address for this kind of project.
	BaseURI string
	// PublicURL is where browsers reach the API, for sign-ins that start with a redirect; empty for BaseURI.
	PublicURL string
	// SessionDuration is how long a session lasts, in whole minutes.
	SessionDuration time.Duration
	// Now is the clock that expiry is judged by.
	Now func() time.Time
	// Tracer makes the spans of requests; nil for none.
	Tracer trace.Tracer
	// Logger gets what goes wrong in the background.
	Logger *slog.Logger
}

// Client speaks to Stytch. Its calls fail with ErrUnavailable until Connect has succeeded. It is safe for concurrent use.
type Client struct {
	cfg       Config
	transport *transport
	http      *http.Client
	api       atomic.Pointer[b2bstytchapi.API]
	// attempted is closed when the first attempt to connect has come to an end, whatever its outcome: who calls during a
	// start waits for it rather than fail.
	attempted chan struct{}
	first     sync.Once
	// life ends with Close; it ends requests and the SDK's fetching of keys.
	life context.Context
	end  context.CancelFunc
}

// Addresses are where servers and browsers reach the API of a project, by default Stytch's own for its environment.
func Addresses(projectID, base, public string) (baseURI, publicURL string) {
	if base == "" {
		base = string(config.BaseURITest)
		if strings.HasPrefix(projectID, "project-live-") {
			base = string(config.BaseURILive)
		}
	}
	// With a slash at the end the SDK asks for the key set at "//v1/…".
	base = strings.TrimRight(base, "/")
	if public == "" {
		public = base
	}
	return base, strings.TrimRight(public, "/")
}

// New makes a client that is not connected yet.
func New(cfg Config) *Client {
	cfg.BaseURI, cfg.PublicURL = Addresses(cfg.ProjectID, cfg.BaseURI, cfg.PublicURL)
	life, end := context.WithCancel(context.Background())
	t := newTransport(life, "/v1/b2b/sessions/jwks/"+cfg.ProjectID, newObserver(cfg.Tracer))
	return &Client{
		cfg:       cfg,
		transport: t,
		http: &http.Client{
			Transport: t,
			Timeout:   requestTimeout,
			// Requests carry the project's secret: they go where they were sent and nowhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		attempted: make(chan struct{}),
		life:      life,
		end:       end,
	}
}

// Connect fetches the keys that verify tokens, again and again until it has them: the SDK tries only once. It returns
// when it has, or when ctx or the client ends.
func (c *Client) Connect(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	for backoff := firstBackoff; ; backoff = min(2*backoff, lastBackoff) {
		err := c.connect()
		c.first.Do(func() { close(c.attempted) })
		if err == nil {
			return nil
		}
		c.cfg.Logger.WarnContext(ctx, "the key set of Stytch cannot be fetched yet",
			slog.String("error", err.Error()), slog.Duration("retry_after", backoff))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(backoff):
		}
	}
}

// connect makes one attempt. The context that it hands to the SDK rules the refreshing of keys for as long as the SDK
// lives: were it to end early, a rotated key would never be found. So it has no deadline and ends with the client; what
// bounds the attempt is the HTTP client.
func (c *Client) connect() error {
	keys, stop := context.WithCancel(context.Background())
	api, err := b2bstytchapi.NewClient(c.cfg.ProjectID, c.cfg.Secret,
		b2bstytchapi.WithBaseURI(c.cfg.BaseURI),
		b2bstytchapi.WithHTTPClient(c.http),
		b2bstytchapi.WithInitializationContext(keys),
		b2bstytchapi.WithLogger(sdkLogger{c.cfg.Logger}),
	)
	if err != nil {
		stop()
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	context.AfterFunc(c.life, stop)
	c.api.Store(api)
	return nil
}

// Ready is nil once the client is connected.
func (c *Client) Ready() error {
	if c.api.Load() == nil {
		return fmt.Errorf("%w: the key set has not been fetched yet", ErrUnavailable)
	}
	return nil
}

// Close ends requests that are running and everything that the client does in the background.
func (c *Client) Close() {
	c.end()
	c.transport.base.CloseIdleConnections()
}

// connected is the SDK, after waiting for the first attempt to connect.
func (c *Client) connected(ctx context.Context) (*b2bstytchapi.API, error) {
	if api := c.api.Load(); api != nil {
		return api, nil
	}
	select {
	case <-c.attempted:
	case <-ctx.Done():
		return nil, errors.Join(ErrUnavailable, ctx.Err())
	}
	if api := c.api.Load(); api != nil {
		return api, nil
	}
	return nil, c.Ready()
}

// minutes is the session duration as the API takes it.
func (c *Client) minutes() int32 { return int32(c.cfg.SessionDuration / time.Minute) }

// sdkLogger hands the SDK's only log line, about key sets that could not be refreshed, to slog.
type sdkLogger struct{ logger *slog.Logger }

func (l sdkLogger) Printf(format string, v ...any) {
	l.logger.Warn("stytch-go", slog.String("message", fmt.Sprintf(format, v...)))
}
