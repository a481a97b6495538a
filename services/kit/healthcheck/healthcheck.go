// Package healthcheck is the subcommand by which a container asks its own service whether it is ready: images have no
// shell and no curl.
package healthcheck

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
	"github.com/df0f9dda/okr-manager/services/kit/mtls"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

const (
	timeout = 3 * time.Second
	// maxAnswer bounds what of a failed answer is shown, in bytes.
	maxAnswer = 512
)

// Service is what a configuration says about reaching the service.
type Service struct {
	// Addr is where it listens.
	Addr string
	// TLSDir holds its certificate; empty for a service that speaks without encryption.
	TLSDir string
}

// GRPC is the command of a service that speaks gRPC, which its configuration describes (gRPC Health Checking Protocol).
func GRPC[C any](service func(C) Service) run.Command {
	return command(service, func(ctx context.Context, target string, identity *mtls.Identity) error {
		conn, err := grpcclient.Dial(target, grpcclient.Config{Credentials: identity.SelfCredentials()})
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }() // the answer is there by then
		answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
		if err != nil {
			return err
		}
		if answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			return fmt.Errorf("%s says %s", target, answer.GetStatus())
		}
		return nil
	})
}

// HTTP is the command of a service that speaks HTTP and answers /readyz, which its configuration describes.
func HTTP[C any](service func(C) Service) run.Command {
	return command(service, func(ctx context.Context, target string, identity *mtls.Identity) error {
		scheme, transport := "http://", &http.Transport{}
		if identity != nil {
			scheme, transport.TLSClientConfig = "https://", identity.SelfConfig()
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+target+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		answer, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }() // all that matters was read
		if answer.StatusCode != http.StatusOK {
			body, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
			return fmt.Errorf("%s answers %s: %s", req.URL, answer.Status, body)
		}
		return nil
	})
}

func command[C any](describe func(C) Service, check func(ctx context.Context, target string, identity *mtls.Identity) error) run.Command {
	return run.Command{
		Name:    "healthcheck",
		Summary: "ask the service that runs with the same settings whether it is ready",
		Run: func(ctx context.Context, args []string, _ run.Stdio) error {
			if len(args) > 0 {
				return fmt.Errorf("%w: healthcheck takes no arguments", run.ErrUsage)
			}
			c, err := config.Load[C]()
			if err != nil {
				return fmt.Errorf("%w: the configuration has mistakes:\n%w", run.ErrUsage, err)
			}
			service := describe(c)
			target, err := local(service.Addr)
			if err != nil {
				return err
			}
			identity, err := mtls.Load(mtls.Config{Dir: service.TLSDir})
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			return check(ctx, target, identity)
		},
	}
}

// local is where a listen address is reached from the same machine: an address for all interfaces names none.
func local(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("reading the address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port), nil
}
