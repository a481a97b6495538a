package grpcclient_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// seer hands on the metadata of the calls that arrive.
type seer struct {
	okrv1.UnimplementedOkrServiceServer
	seen chan metadata.MD
}

func (s seer) GetObjective(ctx context.Context, _ *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	s.seen <- md
	return &okrv1.Objective{}, nil
}

func (s seer) WatchChanges(_ *okrv1.WatchChangesRequest, stream grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	s.seen <- md
	return nil
}

// dial runs a bare server and connects to it.
func dial(t *testing.T, cfg grpcclient.Config) (okrv1.OkrServiceClient, seer) {
	t.Helper()
	s := seer{seen: make(chan metadata.MD, 1)}
	server := grpc.NewServer()
	okrv1.RegisterOkrServiceServer(server, s)
	listener := kittest.Listen(t)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpcclient.Dial(listener.Addr().String(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) { // stopped before it had begun
			t.Error(err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return okrv1.NewOkrServiceClient(conn), s
}

func TestOnlyNamedMetadataLeaves(t *testing.T) {
	client, s := dial(t, grpcclient.Config{Outgoing: func(_ context.Context, method string) ([]string, error) {
		return []string{"txn-token", "token for " + method}, nil
	}})
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer of-the-caller", "txn-token", "forged")
	ctx = telemetry.WithCorrelationID(ctx, "id-1")
	calls := map[string]func() error{
		"/okr.v1.OkrService/GetObjective": func() error {
			_, err := client.GetObjective(ctx, &okrv1.GetObjectiveRequest{})
			return err
		},
		"/okr.v1.OkrService/WatchChanges": func() error {
			_, err := client.WatchChanges(ctx, &okrv1.WatchChangesRequest{})
			return err
		},
	}
	for method, call := range calls {
		if err := call(); err != nil {
			t.Fatal(err)
		}
		md := <-s.seen
		if got := md.Get("txn-token"); !slices.Equal(got, []string{"token for " + method}) {
			t.Errorf("%s arrived with the transaction token %q", method, got)
		}
		if got := md.Get("authorization"); len(got) != 0 {
			t.Errorf("%s arrived with the caller's own credential %q", method, got)
		}
		if got := md.Get(telemetry.MetadataCorrelationID); !slices.Equal(got, []string{"id-1"}) {
			t.Errorf("%s arrived with the correlation id %q", method, got)
		}
	}
}

func TestWithoutCredentialsOfItsOwnACallCarriesNone(t *testing.T) {
	client, s := dial(t, grpcclient.Config{})
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer of-the-caller")
	if _, err := client.GetObjective(ctx, &okrv1.GetObjectiveRequest{}); err != nil {
		t.Fatal(err)
	}
	md := <-s.seen
	if len(md.Get("authorization")) != 0 || len(md.Get(telemetry.MetadataCorrelationID)) != 0 {
		t.Errorf("the call arrived with %v", md)
	}
}

func TestACallWithoutItsCredentialIsNotMade(t *testing.T) {
	failure := status.Error(codes.Unavailable, "no identity")
	client, s := dial(t, grpcclient.Config{Outgoing: func(context.Context, string) ([]string, error) { return nil, failure }})
	if _, err := client.GetObjective(t.Context(), &okrv1.GetObjectiveRequest{}); !errors.Is(err, failure) {
		t.Errorf("the call: %v", err)
	}
	if _, err := client.WatchChanges(t.Context(), &okrv1.WatchChangesRequest{}); !errors.Is(err, failure) {
		t.Errorf("the stream: %v", err)
	}
	if len(s.seen) != 0 {
		t.Error("a call arrived")
	}
}

func TestACallToNobodyFailsAtOnce(t *testing.T) {
	listener := kittest.Listen(t)
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := grpcclient.Dial(addr, grpcclient.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, err = okrv1.NewOkrServiceClient(conn).GetObjective(t.Context(), &okrv1.GetObjectiveRequest{})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("the call: %v", err)
	}
}
