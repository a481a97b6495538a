package etcdengine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

const (
	// A first attempt is short, because the member that is asked may be the one
	// that hangs, and the next attempt asks another one. Those that follow have
	// more time, in case it is the disks that are slow.
	firstAttempt = 750 * time.Millisecond
	lastAttempt  = 4 * time.Second
	firstPause   = 20 * time.Millisecond
	lastPause    = 500 * time.Millisecond
	// keepAlive finds out that a member hangs. gRPC allows no less than 10 s.
	keepAlive        = 10 * time.Second
	keepAliveTimeout = 3 * time.Second
	// reconnectPause is the longest between two attempts to reach a member: one
	// that is back is used again soon.
	reconnectPause = 2 * time.Second
)

// A cluster is the prefix of a cluster of etcd where the data is.
type cluster struct {
	client  *clientv3.Client
	prefix  string
	timeout time.Duration
}

// connect makes a client, which asks for a token if it has a password and
// otherwise connects with the first call.
func connect(ctx context.Context, config Config) (*cluster, error) {
	c := &cluster{prefix: config.Prefix, timeout: config.Timeout}
	if c.prefix == "" {
		c.prefix = defaultPrefix
	}
	if c.timeout == 0 {
		c.timeout = defaultTimeout
	}
	if len(config.Endpoints) == 0 {
		return nil, errors.New("no member of an etcd cluster is named: set OKR_STORE_ETCD_ENDPOINTS")
	}
	settings := clientv3.Config{
		Context:              context.WithoutCancel(ctx),
		Endpoints:            config.Endpoints,
		TLS:                  config.TLS,
		Username:             config.User,
		Password:             config.Password,
		DialTimeout:          c.timeout,
		DialKeepAliveTime:    keepAlive,
		DialKeepAliveTimeout: keepAliveTimeout,
		MaxUnaryRetries:      1, // try does it, by its own clock
		Logger:               zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnectPause},
			MinConnectTimeout: reconnectPause,
		})},
	}
	client, err := clientv3.New(settings)
	if err != nil {
		if temporary(err) {
			err = fmt.Errorf("%w: %v", storage.ErrUnavailable, err) //nolint:errorlint // its own deadline is not the caller's
		}
		return nil, fmt.Errorf("connecting to etcd at %q, see OKR_STORE_ETCD_ENDPOINTS: %w", config.Endpoints, err)
	}
	c.client = client
	return c, nil
}

// close ends the connections.
func (c *cluster) close() error {
	if err := c.client.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("closing the connections to etcd: %w", err)
	}
	return nil
}

// try makes a call until the cluster answers. The call must be one that does no
// harm if it is made twice. Errors: ctx's; [storage.ErrUnavailable] after the
// timeout; anything else is the cluster's answer.
func (c *cluster) try(ctx context.Context, call func(context.Context) error) error {
	limit := time.Now().Add(c.timeout)
	// A member that the others are cut off from says so at once, and does not
	// keep the attempt waiting for a leader that it will not hear of.
	ctx = clientv3.WithRequireLeader(ctx)
	attempt, pause := firstAttempt, firstPause
	for {
		left := time.Until(limit)
		limited, cancel := context.WithTimeout(ctx, min(attempt, left))
		err := call(limited)
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, rpctypes.ErrNoSpace):
			return fmt.Errorf("%w: etcd is full, see its quota: %w", storage.ErrUnavailable, err)
		case !temporary(err):
			return fmt.Errorf("etcd: %w", err)
		case time.Until(limit) < pause:
			return fmt.Errorf("%w: etcd does not answer: %v", storage.ErrUnavailable, err) //nolint:errorlint // an attempt's deadline is not the caller's
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause/2 + rand.N(pause/2)):
		}
		attempt, pause = min(2*attempt, lastAttempt), min(2*pause, lastPause)
	}
}

// temporary says that another attempt, at another member perhaps, may succeed.
func temporary(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, rpctypes.ErrTooManyRequests) ||
		errors.Is(err, rpctypes.ErrInvalidAuthToken) || errors.Is(err, rpctypes.ErrAuthOldRevision) {
		return true
	}
	code := status.Code(err)
	if e, ok := errors.AsType[rpctypes.EtcdError](err); ok {
		code = e.Code()
	}
	switch code {
	// etcd answers UNKNOWN for what it has no code for, such as a proposal that
	// a changing leader drops, and CANCELED where a connection is torn down.
	case codes.Unavailable, codes.DeadlineExceeded, codes.Unknown, codes.Canceled:
		return true
	default:
		return false
	}
}

func (c *cluster) metaKey(name string) string { return c.prefix + "meta/" + name }

func (c *cluster) headPrefix() string { return c.prefix + "head/" }

func (c *cluster) headKey(organization string) string { return c.headPrefix() + organization }

func (c *cluster) allRecords() string { return c.prefix + "data/" }

// recordPrefix is what the stored keys of an organization start with.
func (c *cluster) recordPrefix(organization string) string {
	return c.allRecords() + organization + "/"
}
