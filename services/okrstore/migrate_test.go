package okrstore_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	kitrun "github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/okrstore"
)

// onEtcd has okr-store keep its data in a cluster, under a prefix.
func onEtcd(etcd *kittest.Etcd, prefix string) func(*okrstore.Config) {
	return func(cfg *okrstore.Config) {
		cfg.Engine, cfg.EtcdEndpoints, cfg.EtcdPrefix = "etcd", etcd.Endpoints, prefix
	}
}

// migrate runs the subcommand with a cluster in the environment.
func migrate(t *testing.T, etcd *kittest.Etcd, prefix string, args ...string) (out string, err error) {
	t.Helper()
	t.Setenv("OKR_STORE_ETCD_ENDPOINTS", strings.Join(etcd.Endpoints, ","))
	t.Setenv("OKR_STORE_ETCD_PREFIX", prefix)
	var stdout, stderr bytes.Buffer
	err = commandWith(t.Context(), t, kitrun.Stdio{Out: &stdout, Err: &stderr}, append([]string{"migrate"}, args...)...)
	return stdout.String(), err
}

func TestAStoreIsMovedToEtcdAndBack(t *testing.T) {
	etcd := kittest.StartEtcd(t, 1)
	prefix := rand.Text() + "/"
	path, head := written(t)
	ctx := kittest.As(t.Context(), "ceo")

	out, err := migrate(t, etcd, prefix, "to-etcd", path)
	if err != nil || !strings.Contains(out, "of 1 organizations, compared and their change logs verified") {
		t.Fatalf("to etcd: %q, %v", out, err)
	}
	conn, stop := run(t, "", onEtcd(etcd, prefix))
	c := okrv1.NewOkrServiceClient(conn)
	end, err := c.GetChangeLogHead(ctx, &okrv1.GetChangeLogHeadRequest{})
	if err != nil || !strings.HasSuffix(head, end.GetHash()) {
		t.Fatalf("the head in etcd is %v, %v; want %s", end, err, head)
	}
	log, err := c.ListChanges(ctx, &okrv1.ListChangesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Made on etcd"}})
	if err != nil {
		t.Fatal(err)
	}

	t.Run("a store is not copied over another one", func(t *testing.T) {
		if _, err := migrate(t, etcd, prefix, "to-etcd", path); err == nil || !strings.Contains(err.Error(), "OKR_STORE_ETCD_PREFIX") {
			t.Errorf("answered %v", err)
		}
		if _, err := migrate(t, etcd, prefix, "from-etcd", path); err == nil || !strings.Contains(err.Error(), "is there already") {
			t.Errorf("answered %v", err)
		}
		if _, err := c.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: made.GetId()}); err != nil {
			t.Errorf("the store was disturbed: %v", err)
		}
	})

	back := filepath.Join(t.TempDir(), "back.db")
	out, err = migrate(t, etcd, prefix, "from-etcd", back)
	if err != nil || !strings.Contains(out, "compared and their change logs verified") {
		t.Fatalf("from etcd: %q, %v", out, err)
	}
	t.Run("a store that still ran on etcd writes nothing that would be lost", func(t *testing.T) {
		_, err := c.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Too late"}})
		if status.Code(err) != codes.Unavailable {
			t.Errorf("it answered %v", err)
		}
		if err := stop(); err == nil {
			t.Error("it did not end with an error")
		}
	})
	if _, err := verify(t, "-expect-head", head, back); err != nil {
		t.Error(err)
	}
	conn, _ = run(t, "", func(cfg *okrstore.Config) { cfg.Path = back })
	c = okrv1.NewOkrServiceClient(conn)
	again, err := c.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: made.GetId()})
	if err != nil || !proto.Equal(again, made) {
		t.Errorf("back in a file there is %v, %v; want %v", again, err, made)
	}
	rest, err := c.ListChanges(ctx, &okrv1.ListChangesRequest{AfterCursor: log.GetCursor()})
	if err != nil || len(rest.GetChanges()) != 1 {
		t.Errorf("after a cursor that was handed out on etcd come %v, %v", rest, err)
	}
	t.Run("no store starts on what was copied away", func(t *testing.T) {
		cfg := okrstore.Config{Addr: "127.0.0.1:0", Heartbeat: 1, ProposalLifetime: 1, AuthzAddr: "127.0.0.1:1"}
		onEtcd(etcd, prefix)(&cfg)
		if err := okrstore.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "copied away") {
			t.Errorf("it ended with %v", err)
		}
	})
	t.Run("and to copy it again is possible", func(t *testing.T) {
		second := filepath.Join(t.TempDir(), "second.db")
		if _, err := migrate(t, etcd, prefix, "from-etcd", second); err != nil {
			t.Error(err)
		}
	})
}

func TestMigrateRefusesWhatItCannotDo(t *testing.T) {
	etcd := kittest.StartEtcd(t, 1)
	path, _ := written(t)
	for name, args := range map[string][]string{
		"no direction":         {},
		"an unknown direction": {"sideways", path},
		"two files":            {"to-etcd", path, path},
		"an unknown flag":      {"-x"},
	} {
		t.Run(name+" is a mistake of usage", func(t *testing.T) {
			if _, err := migrate(t, etcd, "p/", args...); !errors.Is(err, kitrun.ErrUsage) {
				t.Errorf("answered %v", err)
			}
		})
	}
	t.Run("no cluster is a mistake of usage", func(t *testing.T) {
		if _, err := migrate(t, &kittest.Etcd{}, "p/", "to-etcd", path); !errors.Is(err, kitrun.ErrUsage) || !strings.Contains(err.Error(), "OKR_STORE_ETCD_ENDPOINTS") {
			t.Errorf("answered %v", err)
		}
	})
	t.Run("help is none", func(t *testing.T) {
		if _, err := migrate(t, etcd, "p/", "-h"); err != nil {
			t.Error(err)
		}
	})
	t.Run("a file that is not there", func(t *testing.T) {
		if _, err := migrate(t, etcd, "p/", "to-etcd", path+"x"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("answered %v", err)
		}
	})
	t.Run("a prefix with nothing under it", func(t *testing.T) {
		if _, err := migrate(t, etcd, "nothing/", "from-etcd", path+"x"); err == nil || !strings.Contains(err.Error(), "there is no store") {
			t.Errorf("answered %v", err)
		}
	})
	t.Run("a file that a store has open", func(t *testing.T) {
		conn, _ := run(t, filepath.Dir(path), nil)
		awaitServing(t, conn)
		if _, err := migrate(t, etcd, "p/", "to-etcd", path); err == nil || !strings.Contains(err.Error(), "another okr-store has") {
			t.Errorf("answered %v", err)
		}
	})
}
