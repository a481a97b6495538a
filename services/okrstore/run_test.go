package okrstore_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/okrstore"
)

// run starts okr-store on the files in dir. stop stops it and returns what Run returned.
func run(t *testing.T, dir string, change func(*okrstore.Config)) (conn *grpc.ClientConn, stop func() error) {
	t.Helper()
	cfg := okrstore.Config{
		DataDir: dir, Listener: kittest.Listen(t), Heartbeat: time.Minute, ProposalLifetime: time.Hour, Logger: slog.New(slog.DiscardHandler),
		Authenticator: kittest.Authenticator{"ceo": kittest.CEO("acme")},
	}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	stopped := make(chan error, 1)
	go func() { stopped <- okrstore.Run(ctx, cfg) }()
	done := false
	stop = func() error {
		if done {
			return nil
		}
		done = true
		cancel()
		return <-stopped
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("okr-store stopped with: %v", err)
		}
	})
	return kittest.Dial(t, cfg.Listener.Addr().String()), stop
}

func TestARestartKeepsTheDataTheCursorsAndTheRequestIDs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on", "start")
	ctx := kittest.As(t.Context(), "ceo")
	conn, stop := run(t, dir, nil)
	c := okrv1.NewOkrServiceClient(conn)
	req := &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Grow"}, RequestId: "r-1"}
	first, err := c.CreateObjective(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	log, err := c.ListChanges(ctx, &okrv1.ListChangesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := c.WatchChanges(ctx, &okrv1.WatchChangesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("the stream ended with %v, want Unavailable", err)
	}

	conn, _ = run(t, dir, nil)
	c = okrv1.NewOkrServiceClient(conn)
	again, err := c.CreateObjective(ctx, req)
	if err != nil || !proto.Equal(again, first) {
		t.Errorf("the repeated call got %v, %v, want %v", again, err, first)
	}
	rest, err := c.ListChanges(ctx, &okrv1.ListChangesRequest{AfterCursor: log.GetCursor()})
	if err != nil || len(rest.GetChanges()) != 0 || rest.GetCursor() != log.GetCursor() {
		t.Errorf("after the old cursor come %v, %v", rest, err)
	}
}

func TestAStoreFileThatIsOpenElsewhereIsRefusedWithAdvice(t *testing.T) {
	dir := t.TempDir()
	conn, _ := run(t, dir, nil)
	if _, err := okrv1.NewOkrServiceClient(conn).ListObjectives(kittest.As(t.Context(), "ceo"), &okrv1.ListObjectivesRequest{}); err != nil {
		t.Fatal(err) // it serves, so it has the file
	}
	err := okrstore.Run(t.Context(), okrstore.Config{
		Path: filepath.Join(dir, "okr.db"), Listener: kittest.Listen(t), Heartbeat: time.Minute, ProposalLifetime: time.Hour,
		Logger: slog.New(slog.DiscardHandler), Authenticator: kittest.Authenticator{},
	})
	if err == nil || !strings.Contains(err.Error(), "OKR_STORE_PATH") {
		t.Errorf("a second okr-store on the same file ended with %v", err)
	}
}

func TestWithoutAuthzCallersLearnThatItIsAwayAndNotThatTheyAreNobody(t *testing.T) {
	away := kittest.Listen(t)
	addr := away.Addr().String()
	if err := away.Close(); err != nil {
		t.Fatal(err)
	}
	conn, _ := run(t, t.TempDir(), func(cfg *okrstore.Config) { cfg.Authenticator, cfg.AuthzAddr = nil, addr })
	c := okrv1.NewOkrServiceClient(conn)
	_, err := c.ListObjectives(kittest.As(t.Context(), "some-token"), &okrv1.ListObjectivesRequest{})
	wantReason(t, err, codes.Unavailable, "AUTHZ_UNAVAILABLE")
	_, err = c.ListObjectives(t.Context(), &okrv1.ListObjectivesRequest{})
	wantReason(t, err, codes.Unauthenticated, "TOKEN_MISSING")
}

func TestReflectionInBothVersionsAndHealthNeedNoCredential(t *testing.T) {
	conn, _ := run(t, t.TempDir(), nil)
	health, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: "okr.v1.OkrService"})
	if err != nil || health.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("health is %v, %v", health, err)
	}
	v1, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := v1.Send(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := v1.Recv(); err != nil || !strings.Contains(got.String(), "okr.v1.OkrService") {
		t.Errorf("reflection v1 lists %v, %v", got, err)
	}
	v1alpha, err := reflectionv1alpha.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := v1alpha.Send(&reflectionv1alpha.ServerReflectionRequest{
		MessageRequest: &reflectionv1alpha.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "okr.v1.OkrService"},
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := v1alpha.Recv(); err != nil || got.GetFileDescriptorResponse() == nil {
		t.Errorf("reflection v1alpha describes %v, %v", got, err)
	}
}

func TestTheConfigurationReportsEveryMistakeAtOnce(t *testing.T) {
	cfg := okrstore.Config{CallerRate: -1, MaxObjectives: -1, CacheBytes: -1, BackupDir: "backups", BackupInterval: -1}
	err := cfg.Validate()
	for _, name := range []string{
		"OKR_STORE_ADDR", "OKR_DATA_DIR", "OKR_STORE_PATH", "OKR_AUTHZ_ADDR", "OKR_STORE_CALLER_RATE", "OKR_STORE_MAX_OBJECTIVES", "OKR_STORE_CACHE_BYTES",
		"OKR_STORE_HEARTBEAT", "OKR_STORE_BACKUP_INTERVAL", "OKR_STORE_BACKUP_KEEP", "OKR_STORE_PROPOSAL_LIFETIME",
	} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("the error %v does not name %s", err, name)
		}
	}
	if err := okrstore.Run(t.Context(), cfg); err == nil {
		t.Error("it runs with a configuration that has mistakes")
	}
	if cfg, err := config.Load[okrstore.Config](); err != nil || cfg.Addr != "127.0.0.1:9001" || cfg.Heartbeat != 15*time.Second {
		t.Errorf("the defaults are %+v, %v", cfg, err)
	}
}
