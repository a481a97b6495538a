package kittest

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
	"github.com/df0f9dda/okr-manager/services/kit/grpcserver"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// Serve runs a server with the production interceptors on a loopback port until the test ends, and connects to it.
// Missing parts of the configuration are filled in.
func Serve(t testing.TB, cfg grpcserver.Config) *grpc.ClientConn {
	t.Helper()
	if cfg.Listener == nil {
		cfg.Listener = Listen(t)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Registry == nil {
		cfg.Registry = telemetry.NewRegistry()
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	stopped := make(chan error, 1)
	addr := cfg.Listener.Addr().String()
	go func() { stopped <- grpcserver.Run(ctx, cfg) }()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			t.Errorf("the server stopped with: %v", err)
		}
	})
	return Dial(t, addr)
}

// Dial connects to a server until the test ends; calls carry the metadata that As and With put into their context.
func Dial(t testing.TB, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpcclient.Dial(addr, grpcclient.Config{Outgoing: func(ctx context.Context, _ string) ([]string, error) {
		var pairs []string
		md, _ := metadata.FromOutgoingContext(ctx)
		for key, values := range md {
			for _, value := range values {
				pairs = append(pairs, key, value)
			}
		}
		return pairs, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("closing the connection: %v", err)
		}
	})
	return conn
}

// Listen opens a loopback port.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// Await waits until somebody listens at an address.
func Await(t testing.TB, addr string) {
	t.Helper()
	const limit = 10 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			_ = conn.Close() // it was for nothing but this
			return
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// As returns a context for calls with a bearer token.
func As(ctx context.Context, bearer string) context.Context {
	return With(ctx, access.MetadataAuthorization, "Bearer "+bearer)
}

// With returns a context for calls with more metadata: keys and values by turns.
func With(ctx context.Context, pairs ...string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}

// Log is a buffer for a logger that tests read while the service writes.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String is what was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Logger writes every level to the buffer.
func Logger(l *Log) *slog.Logger { return telemetry.NewLogger(l, slog.LevelDebug, "test") }
