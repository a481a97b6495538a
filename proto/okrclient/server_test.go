package okrclient

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// scripted is okr-store as a script: what a client does about failures is asked here, and what the real one answers in the
// tests of the whole.
type scripted struct {
	okrv1.UnimplementedOkrServiceServer

	get    func(context.Context, *okrv1.GetObjectiveRequest) (*okrv1.Objective, error)
	list   func(context.Context, *okrv1.ListObjectivesRequest) (*okrv1.ListObjectivesResponse, error)
	create func(context.Context, *okrv1.CreateObjectiveRequest) (*okrv1.Objective, error)
	watch  func(*okrv1.WatchChangesRequest, grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error
	export func(*okrv1.ExportObjectivesRequest, grpc.ServerStreamingServer[okrv1.ExportObjectivesResponse]) error
	load   func(grpc.BidiStreamingServer[okrv1.ImportObjectivesRequest, okrv1.ImportObjectivesResponse]) error
}

func (s *scripted) ExportObjectives(req *okrv1.ExportObjectivesRequest, stream grpc.ServerStreamingServer[okrv1.ExportObjectivesResponse]) error {
	return s.export(req, stream)
}

func (s *scripted) ImportObjectives(stream grpc.BidiStreamingServer[okrv1.ImportObjectivesRequest, okrv1.ImportObjectivesResponse]) error {
	return s.load(stream)
}

func (s *scripted) GetObjective(ctx context.Context, req *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
	return s.get(ctx, req)
}

func (s *scripted) ListObjectives(ctx context.Context, req *okrv1.ListObjectivesRequest) (*okrv1.ListObjectivesResponse, error) {
	return s.list(ctx, req)
}

func (s *scripted) CreateObjective(ctx context.Context, req *okrv1.CreateObjectiveRequest) (*okrv1.Objective, error) {
	return s.create(ctx, req)
}

func (s *scripted) WatchChanges(req *okrv1.WatchChangesRequest, stream grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error {
	return s.watch(req, stream)
}

// serve runs a server on a port, and answers its address and how to stop it at once. Port 0 is a free one.
func serve(t *testing.T, service okrv1.OkrServiceServer, addr string) (address string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	// Between a stop and a start, something else on this machine may connect from this port for a moment.
	for deadline := time.Now().Add(30 * time.Second); err != nil && time.Now().Before(deadline); listener, err = net.Listen("tcp", addr) {
		time.Sleep(5 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	okrv1.RegisterOkrServiceServer(server, service)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String(), server.Stop
}

// client dials the script. It does not sleep; what it would have slept is in waits.
func client(t *testing.T, service okrv1.OkrServiceServer, change func(*Config)) (c *Client, waits *durations) {
	t.Helper()
	address, _ := serve(t, service, "127.0.0.1:0")
	return clientAt(t, address, change)
}

func clientAt(t *testing.T, address string, change func(*Config)) (c *Client, waits *durations) {
	t.Helper()
	cfg := Config{Target: address, Tokens: StaticToken("the token")}
	if change != nil {
		change(&cfg)
	}
	c, err := Dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	waits = &durations{}
	c.calls.retry.sleep = func(ctx context.Context, d time.Duration) error {
		waits.add(d)
		return ctx.Err()
	}
	return c, waits
}

type durations struct {
	mu  sync.Mutex
	all []time.Duration
}

func (d *durations) add(wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, wait)
}

func (d *durations) list() []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all
}

// refusal is an error as our services send it. A reason of "" is an error of something else on the way.
func refusal(t *testing.T, code codes.Code, reason string, details ...protoadapt.MessageV1) error {
	t.Helper()
	if reason != "" {
		details = append(details, protoadapt.MessageV1Of(&errdetails.ErrorInfo{Reason: reason, Domain: errorDomain, Metadata: map[string]string{"etag": "e2"}}))
	}
	st, err := status.New(code, "it failed").WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

func retryIn(d time.Duration) protoadapt.MessageV1 {
	return protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(d)})
}

// bearerOf is the token that came with a call.
func bearerOf(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	return strings.TrimPrefix(strings.Join(md.Get("authorization"), ","), "Bearer ")
}
