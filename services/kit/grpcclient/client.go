// Package grpcclient opens connections between the services of the system.
package grpcclient

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"github.com/df0f9dda/okr-manager/services/kit/protocodec"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
	"github.com/df0f9dda/okr-manager/services/kit/tracing"
)

// Config says what a connection carries.
type Config struct {
	// Outgoing gives the metadata that the service at the other end may see of a call: keys and values by turns. Nil for
	// none beside the correlation id.
	Outgoing func(ctx context.Context, method string) (pairs []string, err error)
	// Tracing gives each call a span, and carries the trace to the other end; nil for neither.
	Tracing *tracing.Tracing
	// Credentials encrypt the connection; nil for none.
	Credentials credentials.TransportCredentials
}

// connecting is how a connection is tried again. What is to be waited for is another box of the same system, which restarts
// within seconds and has few others that connect to it: gRPC's own delays, from a second to two minutes, would go on with its
// absence for as long again.
var connecting = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
	MinConnectTimeout: 5 * time.Second, // for an address at which nobody refuses, such as that of a pod that is gone
}

// Dial opens a connection, which connects on the first call and again whenever it breaks: within about a second of the other
// end's return. Calls fail at once while it is away.
func Dial(target string, cfg Config) (*grpc.ClientConn, error) {
	return dial(target, cfg)
}

func dial(target string, cfg Config, more ...grpc.DialOption) (*grpc.ClientConn, error) {
	if cfg.Credentials == nil {
		cfg.Credentials = insecure.NewCredentials()
	}
	options := append(
		cfg.Tracing.DialOptions(),
		grpc.WithTransportCredentials(cfg.Credentials),
		grpc.WithConnectParams(connecting),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		// gRPC would otherwise ask DNS for a configuration in a TXT record: whoever answers could change ours, and where
		// nobody answers, even a connection to this very machine waits.
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(protocodec.Client())),
		grpc.WithUnaryInterceptor(cfg.unary),
		grpc.WithStreamInterceptor(cfg.stream),
	)
	conn, err := grpc.NewClient(target, append(options, more...)...)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", target, err)
	}
	return conn, nil
}

// outgoing replaces whatever metadata the context carries: only what is named here leaves.
func (c Config) outgoing(ctx context.Context, method string) (context.Context, error) {
	var pairs []string
	if c.Outgoing != nil {
		var err error
		if pairs, err = c.Outgoing(ctx, method); err != nil {
			return nil, err
		}
	}
	if id := telemetry.CorrelationID(ctx); id != "" {
		pairs = append(pairs, telemetry.MetadataCorrelationID, id)
	}
	return metadata.NewOutgoingContext(ctx, metadata.Pairs(pairs...)), nil
}

func (c Config) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	ctx, err := c.outgoing(ctx, method)
	if err != nil {
		return err
	}
	return invoke(ctx, method, req, reply, cc, opts...)
}

func (c Config) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx, err := c.outgoing(ctx, method)
	if err != nil {
		return nil, err
	}
	return open(ctx, desc, cc, method, opts...)
}
