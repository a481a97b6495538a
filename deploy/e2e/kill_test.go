package e2e

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/df0f9dda/okr-manager/gateway/mcp"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
	"github.com/df0f9dda/okr-manager/services/okrstore"
)

// childVariable makes this program one of the boxes: a process that can be killed. The other settings are in the
// environment, too.
const childVariable = "OKR_E2E_CHILD"

// The boxes that this program can be.
const (
	childStore = "okr-store"
	childMCP   = "mcp"
	// childSystem is all of them in one process, which says on demand what it holds.
	childSystem = "system"
)

// beAChild runs a box on a free port, which it prints, until it is killed.
func beAChild(box string) {
	if box == childSystem {
		if err := beMeasured(); err != nil {
			panic(err)
		}
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	logger := telemetry.NewLogger(os.Stderr, slog.LevelDebug, box)
	switch box {
	case childStore:
		err = runChild(func(cfg okrstore.Config) error {
			cfg.Listener, cfg.Logger = listener, logger
			return okrstore.Run(context.Background(), cfg)
		})
	case childMCP:
		err = runChild(func(cfg mcp.Config) error {
			cfg.Listener, cfg.Logger = listener, logger
			return mcp.Run(context.Background(), cfg)
		})
	default:
		err = fmt.Errorf("there is no box %q", box)
	}
	if err != nil {
		panic(err)
	}
}

func runChild[C any](run func(C) error) error {
	cfg, err := config.Load[C]()
	if err != nil {
		return err
	}
	return run(cfg)
}

// childProcess is this program as one of the boxes. What it logs is searched as that of the boxes in this process is.
func childProcess(ctx context.Context, box string, settings ...string) *exec.Cmd {
	process := exec.CommandContext(ctx, os.Args[0])
	process.Env = append(append(os.Environ(), childVariable+"="+box), settings...)
	process.Stderr = &childStderr{log: childLogs}
	return process
}

// startBox starts a box in a process of its own, and answers where it listens.
func startBox(t *testing.T, box string, settings ...string) (process *exec.Cmd, addr string) {
	t.Helper()
	process = childProcess(t.Context(), box, append([]string{"OKR_AUTHZ_ADDR=" + running.AuthzAddr}, settings...)...)
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	if addr, err = bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatalf("%s does not start: %v", box, err)
	}
	t.Cleanup(func() { // of what no test has killed
		_ = process.Process.Kill()
		_ = process.Wait() // until its log is read to the end
	})
	return process, addr[:len(addr)-1]
}

// kill ends a process as a failure of power does, as far as the process is concerned: nothing of it runs any more.
func kill(t *testing.T, process *exec.Cmd) {
	t.Helper()
	if err := process.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = process.Wait() // says that it was killed
}

// child is okr-store in a process of its own.
type child struct {
	process *exec.Cmd
	conn    *grpc.ClientConn
	okrv1.OkrServiceClient
}

// startChild starts the store on a folder, and connects. Who is calling, it asks the authz of the running system.
func startChild(t *testing.T, dir string) *child {
	t.Helper()
	process, addr := startBox(t, childStore, "OKR_DATA_DIR="+dir)
	conn, err := dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	return &child{process, conn, okrv1.NewOkrServiceClient(conn)}
}

func (c *child) kill(t *testing.T) {
	t.Helper()
	kill(t, c.process)
	_ = c.conn.Close()
}

// acknowledged are the writes that were answered, by the id of what they made.
type acknowledged struct {
	mu     sync.Mutex
	titles map[string]string
	// more tells of a write, to who waits for one.
	more chan struct{}
}

func (a *acknowledged) add(id, title string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.titles[id] = title
	select {
	case a.more <- struct{}{}:
	default:
	}
}

func (a *acknowledged) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.titles)
}

// load lets writers write until the store is gone.
func (a *acknowledged) load(ctx context.Context, store okrv1.OkrServiceClient, round int) *sync.WaitGroup {
	const writers = 8
	var work sync.WaitGroup
	for writer := range writers {
		work.Go(func() {
			for n := 0; ; n++ {
				title := fmt.Sprintf("Round %d, writer %d, number %d", round, writer, n)
				made, err := store.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: title}})
				if err != nil {
					return
				}
				a.add(made.GetId(), title)
			}
		})
	}
	return &work
}

// What was acknowledged is there after every kill, the log has no gap, and it tells of exactly what is there.
func TestNothingThatWasAcknowledgedIsLostWhenTheStoreIsKilled(t *testing.T) {
	t.Parallel()
	const rounds = 50
	ceo, _ := running.found(t)
	ctx := ceo.overGRPC(t)
	dir := t.TempDir()
	acked := acknowledged{titles: map[string]string{}, more: make(chan struct{})}
	logged := map[string]string{}
	var seq int64
	cursor := ""
	for round := range rounds + 1 {
		store := startChild(t, dir)
		// What this process finds on the disk: the log goes on where it was.
		_, err := store.ListChanges(ctx, &okrv1.ListChangesRequest{}, grpc.WaitForReady(true))
		if err != nil {
			t.Fatal(err)
		}
		var changes []*okrv1.Change
		changes, cursor = wholeLog(ctx, t, store, cursor)
		for _, change := range changes {
			if seq++; change.GetSeq() != seq {
				t.Fatalf("after %d kills, change %d follows %d", round, change.GetSeq(), seq-1)
			}
			logged[change.GetAfter().GetObjective().GetId()] = change.GetAfter().GetObjective().GetTitle()
		}
		for id, title := range acked.titles {
			if logged[id] != title {
				t.Fatalf("after %d kills, %s %q is lost: %q", round, id, title, logged[id])
			}
		}
		if round == rounds {
			present := everyObjective(ctx, t, store)
			for id, title := range logged {
				if present[id] != title {
					t.Errorf("the log tells of %s %q, and there is %q", id, title, present[id])
				}
			}
			if len(present) != len(logged) {
				t.Errorf("there are %d objectives, and the log tells of %d", len(present), len(logged))
			}
			store.kill(t)
			break
		}
		writers := acked.load(ctx, store, round)
		select {
		case <-acked.more:
		case <-time.After(patience):
			t.Fatal("no write is acknowledged")
		}
		time.Sleep(rand.N(60 * time.Millisecond)) // the moment is to be no particular one
		store.kill(t)
		writers.Wait()
	}
	t.Logf("%d writes were acknowledged, %d made it into the log", acked.count(), seq)
}

// everyObjective are the titles by id.
func everyObjective(ctx context.Context, t *testing.T, store okrv1.OkrServiceClient) map[string]string {
	t.Helper()
	present := map[string]string{}
	request := &okrv1.ListObjectivesRequest{PageSize: 200}
	for {
		page, err := store.ListObjectives(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		for _, objective := range page.GetObjectives() {
			present[objective.GetId()] = objective.GetTitle()
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			return present
		}
	}
}
