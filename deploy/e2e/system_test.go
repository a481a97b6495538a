// Package e2e tests the running system from outside, as its users meet it: over HTTP at the REST edge, over gRPC at the
// services, and beside them as the identity provider.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/df0f9dda/okr-manager/deploy/internal/stack"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// patience is how long a test waits for what must happen, on a machine that is busy with something else.
const patience = 60 * time.Second

// running is the system that most tests share: each works in organizations of its own.
var running *system

// logs are what the boxes of all systems in this process log, at every level.
var logs = &kittest.Log{}

// childLogs are what the boxes in processes of their own log, at every level.
var childLogs = &searchedLog{secrets: heard, piece: 4 << 20, again: 1 << 20}

// TestMain starts the system, or is the program that a test of crashes kills.
func TestMain(m *testing.M) {
	flag.Parse()
	if box := os.Getenv(childVariable); box != "" {
		beAChild(box)
		return
	}
	// What the shell has set is for other systems than this one.
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "OKR_") && name != soakVariable && name != operationsVariable {
			_ = os.Unsetenv(name)
		}
	}
	// The tests wait more than they compute.
	_ = flag.Set("test.parallel", "16")

	// What the clients of the tests say is not to be found in a log.
	http.DefaultTransport = hearing{http.DefaultTransport} //nolint:reassign // every client is to be heard
	dir, err := os.MkdirTemp("", "okr-e2e-")
	if err != nil {
		panic(err)
	}
	running, err = startSystem(context.Background(), dir, 3*time.Second)
	if err != nil {
		panic(err)
	}
	m.Run()
	if err := running.close(); err != nil {
		panic(err) // a box that does not stop is a failure, too
	}
	if leaks := append(heard.in(logs.String()), childLogs.leaks()...); len(leaks) > 0 {
		panic("the logs tell what they must not: " + strings.Join(leaks, "; "))
	}
	_ = os.RemoveAll(dir)
}

// system is a running system with connections to its services.
type system struct {
	*stack.Stack
	provider provider
	authz    *grpc.ClientConn
	store    *grpc.ClientConn
}

// startSystem starts all boxes on free ports. Changes at the identity provider are looked for in short intervals, so that
// a test of them waits for the lifetime of a transaction token and little more.
func startSystem(ctx context.Context, dir string, interval time.Duration) (*system, error) {
	started, err := stack.Start(ctx, stack.Config{
		EphemeralPorts: true,
		Environment: map[string]string{
			"OKR_DATA_DIR": dir, "OKR_AUTHZ_CHECK_INTERVAL": interval.String(),
			// All who take part in the tests come from one address, and some are faster than anybody.
			"OKR_ADDRESS_RATE": "0", "OKR_REST_CALLER_RATE": "0", "OKR_ORGANIZATION_RATE": "0",
		},
		Logger: telemetry.NewLogger(logs, slog.LevelDebug, "e2e"),
	})
	if err != nil {
		return nil, err
	}
	return connect(started)
}

// connect connects to a running system.
func connect(started *stack.Stack) (*system, error) {
	s := &system{Stack: started}
	var err error
	if s.provider, err = providerOf(started); err != nil {
		return nil, err
	}
	if s.authz, err = dial(started.AuthzAddr); err != nil {
		return nil, err
	}
	if s.store, err = dial(started.StoreAddr); err != nil {
		return nil, err
	}
	return s, nil
}

// providerOf is the identity provider of a running system.
func providerOf(started *stack.Stack) (provider, error) {
	settings, err := config.Load[devidp.Config]()
	if err != nil {
		return provider{}, fmt.Errorf("the settings of the identity provider: %w", err)
	}
	return provider{url: started.DevidpURL, id: settings.ProjectID, secret: string(settings.Secret)}, nil
}

// ownSystem starts a system for one test, which may break it.
func ownSystem(t *testing.T, interval time.Duration) *system {
	t.Helper()
	s, err := startSystem(t.Context(), t.TempDir(), interval)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Errorf("stopping the system: %v", err)
		}
	})
	return s
}

func (s *system) close() error {
	_, _ = s.authz.Close(), s.store.Close()
	return s.Close()
}

// dial connects as an internal team does: what a call carries is in its context.
func dial(addr string) (*grpc.ClientConn, error) {
	return grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(heard.unary), grpc.WithStreamInterceptor(heard.stream))
}

func (s *system) okr() okrv1.OkrServiceClient { return okrv1.NewOkrServiceClient(s.store) }

func (s *system) authenticator() authzv1.AuthzServiceClient {
	return authzv1.NewAuthzServiceClient(s.authz)
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Errorf("in vain waited for: %s", what)
			return
		}
	}
}
