package okrstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	kitrun "github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/okrstore"
)

// A store whose disk is full is a process of its own: this test binary again, with its job in the environment.
const (
	fullMedium = "OKRSTORE_TEST_FULL_MEDIUM"
	fullDir    = "OKRSTORE_TEST_FULL_DIR"
	fullSocket = "OKRSTORE_TEST_FULL_SOCKET"
)

// What can be full. Any process may limit the size of its files; a small file system needs a namespace to be mounted in,
// which not every machine gives.
const (
	smallTmpfs  = "a small tmpfs"
	limitedSize = "a limit on the size of files"
)

// TestFullStore is the other process. In the first one it has no job.
func TestFullStore(t *testing.T) {
	medium, dir := os.Getenv(fullMedium), os.Getenv(fullDir)
	if medium == "" {
		return
	}
	fill, free := limitSize(t, filepath.Join(dir, "okr.db")), limitSize(t, "")
	if medium == smallTmpfs {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
			fmt.Println("no tmpfs:", err)
			return
		}
		fill, free = ballast(t, filepath.Join(dir, "ballast")), func() { must(t, os.Remove(filepath.Join(dir, "ballast"))) }
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() {
		stopped <- okrstore.Run(ctx, okrstore.Config{
			DataDir: dir, Listener: listener, Heartbeat: time.Minute, ProposalLifetime: time.Hour, Logger: slog.New(slog.DiscardHandler),
			Socket: os.Getenv(fullSocket), Authenticator: kittest.Authenticator{"ceo": kittest.CEO("acme")},
		})
	}()
	fmt.Println(listener.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		switch in.Text() {
		case "fill":
			fill()
			fmt.Println("filled")
		case "free":
			free()
			fmt.Println("freed")
		case "list":
			fmt.Println(slices.Sorted(maps.Keys(tree(t, dir))))
		}
	}
	stop()
	if err := <-stopped; err != nil {
		fmt.Println("stopped with", err)
	}
	_, _, err = command(t, "check", filepath.Join(dir, "okr.db"))
	fmt.Println("check:", err)
}

// limitSize lets no file grow beyond what one has on the disk by then; without one, as far as it may.
func limitSize(t *testing.T, path string) func() {
	return func() {
		signal.Ignore(syscall.SIGXFSZ) //nolint:forbidigo // in a process of its own, which the signal would end
		var limit syscall.Rlimit
		must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
		limit.Cur = limit.Max
		if path != "" {
			info, err := os.Stat(path)
			must(t, err)
			limit.Cur = uint64(info.Sys().(*syscall.Stat_t).Blocks) * 512
		}
		must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	}
}

// ballast fills a file system to the last page.
func ballast(t *testing.T, path string) func() {
	return func() {
		file, err := os.Create(path)
		must(t, err)
		defer file.Close()
		for size := 1 << 16; size > 0; {
			if _, err := file.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
				size /= 2
			} else {
				must(t, err)
			}
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fullStore is a store in another process, on a medium that can be filled.
type fullStore struct {
	okrv1.OkrServiceClient
	health healthpb.HealthClient
	socket string
	in     io.WriteCloser
	out    *bufio.Scanner
}

// startFull starts a store on a medium, or returns nil where the machine does not have such a medium.
func startFull(t *testing.T, medium string) *fullStore {
	t.Helper()
	s := &fullStore{socket: filepath.Join(socketDir(t), "s.sock")}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // one that hangs would hang the test, which reads from it
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestFullStore$")
	cmd.Env = append(os.Environ(), fullMedium+"="+medium, fullDir+"="+t.TempDir(), fullSocket+"="+s.socket)
	cmd.Stderr = os.Stderr
	if medium == smallTmpfs {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
	}
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	if err := cmd.Start(); err != nil && medium == smallTmpfs {
		t.Logf("this machine gives a test no namespace to mount a tmpfs in (%v); the limit on the size of files stands for it", err)
		return nil
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	s.in, s.out = in, bufio.NewScanner(out)
	addr := s.line(t)
	if strings.HasPrefix(addr, "no tmpfs") && medium == smallTmpfs {
		t.Logf("%s; the limit on the size of files stands for it", addr)
		return nil
	}
	conn := kittest.Dial(t, addr)
	s.OkrServiceClient, s.health = okrv1.NewOkrServiceClient(conn), healthpb.NewHealthClient(conn)
	return s
}

func (s *fullStore) line(t *testing.T) string {
	t.Helper()
	if !s.out.Scan() {
		t.Fatalf("the store's process ended: %v", s.out.Err())
	}
	return s.out.Text()
}

// tell has the store's process do something and returns what it says.
func (s *fullStore) tell(t *testing.T, what string) string {
	t.Helper()
	_, err := fmt.Fprintln(s.in, what)
	must(t, err)
	return s.line(t)
}

func TestAFullDiskRefusesWritesUntilThereIsRoomAgainAndNothingElse(t *testing.T) {
	for _, medium := range []string{limitedSize, smallTmpfs} {
		t.Run(medium, func(t *testing.T) {
			s := startFull(t, medium)
			if s == nil {
				return
			}
			ctx := kittest.As(t.Context(), "ceo")
			var mu sync.Mutex
			acknowledged := map[string]bool{}
			write := func(i int) error {
				o, err := s.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{
					Objective: &okrv1.Objective{Title: fmt.Sprint("O", i), Description: strings.Repeat("x", 2000)}, RequestId: fmt.Sprint("r-", i),
				})
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					acknowledged[o.GetId()] = true
				}
				return err
			}
			for i := range 5 {
				must(t, write(i))
			}
			if got := s.tell(t, "fill"); got != "filled" {
				t.Fatal(got)
			}
			var failed error
			next := 5
			for ; failed == nil && next < 5000; next++ { // there may be room in the file itself
				failed = write(next)
			}
			wantReason(t, failed, codes.Unavailable, "STORAGE_FULL")
			var writers sync.WaitGroup
			for i := range 16 {
				writers.Go(func() {
					if err := write(next + i); err != nil {
						wantReason(t, err, codes.Unavailable, "STORAGE_FULL")
					}
				})
			}
			writers.Wait()

			health, err := s.health.Check(ctx, &healthpb.HealthCheckRequest{})
			if err != nil || health.GetStatus() != healthpb.HealthCheckResponse_SERVING {
				t.Errorf("while it is full its health is %v, %v", health, err)
			}
			wantAll(t, s, acknowledged)
			if medium == smallTmpfs {
				before := s.tell(t, "list")
				to := filepath.Join(t.TempDir(), "backup.db")
				_, _, err := command(t, "backup", "-socket", s.socket, "-to", to)
				if err == nil || !strings.Contains(err.Error(), "no room left on the disk") {
					t.Errorf("a backup is answered %v", err)
				}
				if after := s.tell(t, "list"); after != before {
					t.Errorf("it left behind %s, before there were %s", after, before)
				}
				if _, err := os.Lstat(to); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("half a backup was kept: %v", err)
				}
			}

			if got := s.tell(t, "free"); got != "freed" {
				t.Fatal(got)
			}
			for i := range 20 { // the same calls again, and more
				must(t, write(next-1+i))
			}
			wantAll(t, s, acknowledged)
			must(t, s.in.Close())
			if got := s.line(t); got != "check: <nil>" {
				t.Error(got)
			}
		})
	}
}

// wantAll checks that a store has what it acknowledged and nothing else.
func wantAll(t *testing.T, s *fullStore, acknowledged map[string]bool) {
	t.Helper()
	found := 0
	for token := ""; ; {
		page, err := s.ListObjectives(kittest.As(t.Context(), "ceo"), &okrv1.ListObjectivesRequest{PageSize: 200, PageToken: token})
		must(t, err)
		for _, o := range page.GetObjectives() {
			found++
			if !acknowledged[o.GetId()] {
				t.Errorf("%s is there and was not acknowledged", o.GetTitle())
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if found != len(acknowledged) {
		t.Errorf("%d objectives are there of %d that were acknowledged", found, len(acknowledged))
	}
}

// A disk that is full while a file is restored or compacted changes nothing, and leaves nothing.
func TestARestoreThatFindsNoRoomChangesNothing(t *testing.T) {
	path, _ := backedUp(t)
	dir := t.TempDir()
	file, err := os.Open(path)
	must(t, err)
	defer file.Close()
	in := io.MultiReader(io.LimitReader(file, 8192), readerFunc(func([]byte) (int, error) { return 0, syscall.ENOSPC }))
	err = commandWith(t.Context(), t, kitrun.Stdio{In: in, Out: io.Discard, Err: io.Discard}, "restore", "-", filepath.Join(dir, "okr.db"))
	if err == nil || !strings.Contains(err.Error(), "no room left on the disk") {
		t.Errorf("answered %v", err)
	}
	if files := tree(t, dir); len(files) != 0 {
		t.Errorf("left behind are %d files", len(files))
	}
}
