package grpcserver_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/grpcserver"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

func TestAServerWithAMethodWithoutARuleDoesNotStart(t *testing.T) {
	listener := kittest.Listen(t)
	t.Cleanup(func() { _ = listener.Close() }) // never served
	err := grpcserver.Run(t.Context(), grpcserver.Config{
		Listener: listener,
		Logger:   telemetry.NewLogger(&kittest.Log{}, nil, "test"),
		Registry: telemetry.NewRegistry(),
		Register: func(r grpc.ServiceRegistrar) {
			okrv1.RegisterOkrServiceServer(r, &service{})
			r.RegisterService(&grpc.ServiceDesc{
				ServiceName: "forgotten.v1.ForgottenService",
				HandlerType: (*any)(nil),
				Methods:     []grpc.MethodDesc{{MethodName: "Call"}},
				Streams:     []grpc.StreamDesc{{StreamName: "Watch", ServerStreams: true}},
			}, struct{}{})
		},
	})
	if err == nil {
		t.Fatal("the server ran")
	}
	for _, method := range []string{"/forgotten.v1.ForgottenService/Call", "/forgotten.v1.ForgottenService/Watch"} {
		if !strings.Contains(err.Error(), method) {
			t.Errorf("the refusal does not name %s: %v", method, err)
		}
	}
	if strings.Contains(err.Error(), "OkrService") {
		t.Errorf("the refusal names methods that have a rule: %v", err)
	}
}

func TestHealthNeedsNoCredentialAndFollowsReadiness(t *testing.T) {
	var broken atomic.Bool
	h := serve(t, &service{}, func(cfg *grpcserver.Config) {
		cfg.Ready = func(context.Context) error {
			if broken.Load() {
				return errors.New("the disk is full")
			}
			return nil
		}
	})
	client := healthpb.NewHealthClient(h.conn)
	check := func(service string) healthpb.HealthCheckResponse_ServingStatus {
		response, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		if err != nil {
			t.Fatal(err)
		}
		return response.GetStatus()
	}
	for _, service := range []string{"", "okr.v1.OkrService"} {
		if got := check(service); got != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("%q is %v from the start", service, got)
		}
	}
	broken.Store(true)
	for _, service := range []string{"", "okr.v1.OkrService"} {
		eventually(t, "the service is not ready", func() bool { return check(service) == healthpb.HealthCheckResponse_NOT_SERVING })
	}
	broken.Store(false)
	eventually(t, "the service is ready again", func() bool { return check("") == healthpb.HealthCheckResponse_SERVING })
	if records := h.records(t, "call"); len(records) != 0 {
		t.Errorf("probes fill the log: %v", records)
	}
}

// A counter that appears with its first error cannot be seen to have grown.
func TestWhatHasNotHappenedIsCountedAsZero(t *testing.T) {
	h := serve(t, &service{})
	if _, err := healthpb.NewHealthClient(h.conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	if n := h.counted(t, "DeleteObjective", codes.Internal); n != 0 {
		t.Errorf("the errors of a method that nobody has called are %v", n)
	}
}

func TestReflectionNeedsNoCredentialInBothVersions(t *testing.T) {
	h := serve(t, &service{})
	t.Run("v1", func(t *testing.T) {
		stream, err := reflectionv1.NewServerReflectionClient(h.conn).ServerReflectionInfo(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&reflectionv1.ServerReflectionRequest{
			MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
		}); err != nil {
			t.Fatal(err)
		}
		response, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range response.GetListServicesResponse().GetService() {
			names = append(names, s.GetName())
		}
		if !slices.Contains(names, "okr.v1.OkrService") {
			t.Errorf("reflection lists %v", names)
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("v1alpha", func(t *testing.T) {
		stream, err := reflectionv1alpha.NewServerReflectionClient(h.conn).ServerReflectionInfo(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&reflectionv1alpha.ServerReflectionRequest{
			MessageRequest: &reflectionv1alpha.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "okr.v1.OkrService"},
		}); err != nil {
			t.Fatal(err)
		}
		response, err := stream.Recv()
		if err != nil || len(response.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
			t.Errorf("reflection answers %v, %v", response, err)
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
	})
}

// start runs a server that the test stops itself.
func start(t *testing.T, s *service) (client okrv1.OkrServiceClient, conn *grpc.ClientConn, stop func(), stopped <-chan error) {
	t.Helper()
	listener := kittest.Listen(t)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(stop)
	done := make(chan error, 1)
	go func() {
		done <- grpcserver.Run(ctx, grpcserver.Config{
			Listener:      listener,
			Register:      func(r grpc.ServiceRegistrar) { okrv1.RegisterOkrServiceServer(r, s) },
			Authenticator: personas(),
			Grantors:      personas(),
			Logger:        telemetry.NewLogger(&kittest.Log{}, nil, "test"),
			Registry:      telemetry.NewRegistry(),
		})
	}()
	conn = kittest.Dial(t, listener.Addr().String())
	return okrv1.NewOkrServiceClient(conn), conn, stop, done
}

func TestAStopEndsStreamsWithUnavailable(t *testing.T) {
	client, conn, stop, stopped := start(t, &service{
		watch: func(_ *okrv1.WatchChangesRequest, s grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error {
			if err := s.Send(&okrv1.WatchChangesResponse{}); err != nil {
				return err
			}
			<-s.Context().Done()
			return s.Context().Err()
		},
	})
	stream, err := client.WatchChanges(kittest.As(t.Context(), "ceo"), &okrv1.WatchChangesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	probe, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if response, err := probe.Recv(); err != nil || response.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("the probe saw %v, %v", response, err)
	}
	stop()
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable || status.Convert(err).Message() != "the server is stopping" {
		t.Errorf("the stream ended with %v", err)
	}
	// The probe's stream ends as well, maybe before the last status is written; it never says SERVING again.
	for {
		response, err := probe.Recv()
		if err != nil {
			if status.Code(err) != codes.Unavailable {
				t.Errorf("the probe's stream ended with %v", err)
			}
			break
		}
		if response.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
			t.Errorf("the probe saw %v after the stop", response)
		}
	}
	if err := <-stopped; err != nil {
		t.Errorf("Run ended with %v", err)
	}
}

func TestAStopLetsARunningCallFinish(t *testing.T) {
	running, finish := make(chan struct{}), make(chan struct{})
	client, _, stop, stopped := start(t, &service{
		get: func(context.Context, *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
			close(running)
			<-finish
			return &okrv1.Objective{Id: "okr_1"}, nil
		},
	})
	answered := make(chan error, 1)
	go func() {
		_, err := client.GetObjective(kittest.As(t.Context(), "ceo"), &okrv1.GetObjectiveRequest{ObjectiveId: "okr_1"})
		answered <- err
	}()
	<-running
	stop()
	select {
	case err := <-stopped:
		t.Errorf("Run ended before the call did: %v", err)
	case <-time.After(50 * time.Millisecond): // long enough to be wrong
	}
	close(finish)
	if err := <-answered; err != nil {
		t.Errorf("the running call was answered with %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Run ended with %v", err)
	}
}

func TestAClientConnectsAnewFromTimeToTimeAndNoCallFails(t *testing.T) {
	peers := map[string]bool{}
	h := serve(t, &service{
		get: func(ctx context.Context, _ *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
			caller, _ := peer.FromContext(ctx)
			peers[caller.Addr.String()] = true
			return &okrv1.Objective{Id: "okr_1"}, nil
		},
	}, func(cfg *grpcserver.Config) { cfg.ConnectionAge = 20 * time.Millisecond })
	eventually(t, "a third connection", func() bool {
		if _, err := h.GetObjective(kittest.As(t.Context(), "ceo"), &okrv1.GetObjectiveRequest{ObjectiveId: "okr_1"}); err != nil {
			t.Fatal(err)
		}
		return len(peers) >= 3
	})
}

func TestAPortThatIsTakenIsAnErrorAtOnce(t *testing.T) {
	listener := kittest.Listen(t)
	t.Cleanup(func() { _ = listener.Close() })
	config := grpcserver.Config{
		Addr:     listener.Addr().String(),
		Register: func(r grpc.ServiceRegistrar) { okrv1.RegisterOkrServiceServer(r, &service{}) },
		Logger:   telemetry.NewLogger(&kittest.Log{}, nil, "test"),
	}
	config.Registry = telemetry.NewRegistry()
	if err := grpcserver.Run(t.Context(), config); err == nil || !strings.Contains(err.Error(), config.Addr) {
		t.Errorf("a taken address: %v", err)
	}
	free := kittest.Listen(t)
	config.Listener, config.AdminAddr, config.Registry = free, config.Addr, telemetry.NewRegistry()
	if err := grpcserver.Run(t.Context(), config); err == nil {
		t.Error("a taken address for metrics was accepted")
	}
}
