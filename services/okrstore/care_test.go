package okrstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	kitrun "github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/okrstore"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/backup"
)

// command runs a subcommand, named by the first argument, and returns what it printed.
func command(t *testing.T, args ...string) (out, errOut string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err = commandWith(t.Context(), t, kitrun.Stdio{In: strings.NewReader(""), Out: &stdout, Err: &stderr}, args...)
	return stdout.String(), stderr.String(), err
}

func commandWith(ctx context.Context, t *testing.T, stdio kitrun.Stdio, args ...string) error {
	t.Helper()
	for _, c := range okrstore.Commands() {
		if c.Name == args[0] {
			return c.Run(ctx, args[1:], stdio)
		}
	}
	t.Fatalf("there is no command %q", args[0])
	return nil
}

// cared runs a store of two organizations with a Unix socket.
func cared(t *testing.T, dir string, change func(*okrstore.Config)) (c okrv1.OkrServiceClient, socket string, stop func() error) {
	t.Helper()
	socket = filepath.Join(socketDir(t), "s.sock")
	conn, stop := run(t, dir, func(cfg *okrstore.Config) {
		cfg.Socket = socket
		cfg.Authenticator = kittest.Authenticator{"ceo": kittest.CEO("acme"), "other": kittest.CEO("globex")}
		cfg.BackupKeep = 3
		if change != nil {
			change(cfg)
		}
	})
	awaitServing(t, conn) // then it listens on the socket, too
	return okrv1.NewOkrServiceClient(conn), socket, stop
}

// awaitServing waits until a store serves, and so has its file.
func awaitServing(t *testing.T, conn *grpc.ClientConn) {
	t.Helper()
	if _, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
		t.Fatal(err)
	}
}

// socketDir is a directory with a short name: that of a Unix socket has little room, and tests have long names.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "okr") //nolint:usetesting // its names are too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// exported is an organization's export in JSON.
func exported(t *testing.T, c okrv1.OkrServiceClient, caller string) string {
	t.Helper()
	stream, err := c.ExportObjectives(kittest.As(t.Context(), caller), &okrv1.ExportObjectivesRequest{
		Format: okrv1.TransferFormat_TRANSFER_FORMAT_JSON,
	})
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return all.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		all.Write(part.GetData())
	}
}

// history is an organization's change log up to a change, or all of it.
func history(t *testing.T, c okrv1.OkrServiceClient, caller string, upTo int64) []*okrv1.Change {
	t.Helper()
	var all []*okrv1.Change
	for token := ""; ; {
		page, err := c.ListChanges(kittest.As(t.Context(), caller), &okrv1.ListChangesRequest{PageSize: 200, PageToken: token, OrderBy: "seq"})
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range page.GetChanges() {
			if upTo == 0 || change.GetSeq() <= upTo {
				all = append(all, change)
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			return all
		}
	}
}

// fill gives an organization objectives with key results and check-ins.
func fill(t *testing.T, c okrv1.OkrServiceClient, caller string, objectives int) {
	t.Helper()
	ctx := kittest.As(t.Context(), caller)
	for i := range objectives {
		o, err := c.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{
			Objective: &okrv1.Objective{Title: fmt.Sprint(caller, " grows ", i), OwnerId: "me"}, RequestId: fmt.Sprint("fill-", i),
		})
		if err != nil {
			t.Fatal(err)
		}
		k, err := addKeyResult(ctx, c, o.GetId(), "Customers")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.CreateCheckIn(ctx, &okrv1.CreateCheckInRequest{KeyResultId: k.GetId(), CheckIn: &okrv1.CheckIn{Value: "40"}}); err != nil {
			t.Fatal(err)
		}
	}
}

// tree is the content of every file in a directory.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(content)
	}
	return files
}

// backedUp is a backup of a store with data, and the export of it.
func backedUp(t *testing.T) (path, export string) {
	t.Helper()
	c, socket, stop := cared(t, t.TempDir(), nil)
	fill(t, c, "ceo", 8)
	path = filepath.Join(t.TempDir(), "backup.db")
	if _, _, err := command(t, "backup", "-socket", socket, "-to", path); err != nil {
		t.Fatal(err)
	}
	export = exported(t, c, "ceo")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	return path, export
}

func TestABackupUnderLoadComesBackAsTheStoreWasAtOneMoment(t *testing.T) {
	c, socket, _ := cared(t, t.TempDir(), nil)
	fill(t, c, "other", 30)
	fill(t, c, "ceo", 1)
	quiet := exported(t, c, "other")
	before, err := c.ListChanges(kittest.As(t.Context(), "ceo"), &okrv1.ListChangesRequest{PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stopWriting := context.WithCancel(kittest.As(t.Context(), "ceo"))
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				o, err := c.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: fmt.Sprint("W", i, " ", n)}})
				if err == nil {
					_, err = addKeyResult(ctx, c, o.GetId(), "K")
				}
				if err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
	}
	defer func() { stopWriting(); writers.Wait() }()
	var restored []int
	for range 2 {
		path := filepath.Join(t.TempDir(), "backup.db")
		if _, _, err := command(t, "backup", "-socket", socket, "-to", path); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if _, out, err := command(t, "restore", path, filepath.Join(dir, "okr.db")); err != nil || strings.Contains(out, "put aside") {
			t.Fatalf("restore answers %v, %s", err, out)
		}
		again, _, stop := cared(t, dir, nil)
		if got := exported(t, again, "other"); got != quiet {
			t.Errorf("the export of who did not write is %.300s, was %.300s", got, quiet)
		}
		got := history(t, again, "ceo", 0)
		want := history(t, c, "ceo", int64(len(got)))
		if len(got) != len(want) {
			t.Fatalf("%d changes came back, which the store has %d of", len(got), len(want))
		}
		for i := range got {
			got[i].Cursor, want[i].Cursor = "", "" // they name the epoch, and that is a new one
			if !proto.Equal(got[i], want[i]) {
				t.Fatalf("change %d came back as %v, was %v", i+1, got[i], want[i])
			}
		}
		restored = append(restored, len(got))
		_, err := again.ListChanges(kittest.As(t.Context(), "ceo"), &okrv1.ListChangesRequest{AfterCursor: before.GetCursor()})
		wantReason(t, err, codes.OutOfRange, "CURSOR_TOO_OLD")
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if out, _, err := command(t, "check", filepath.Join(dir, "okr.db")); err != nil {
			t.Errorf("the restored store is not in order: %v, %s", err, out)
		}
	}
	if restored[0] >= restored[1] {
		t.Errorf("nobody wrote meanwhile: %v changes came back", restored)
	}
}

func TestABackupToStandardOutputIsOneToo(t *testing.T) {
	c, socket, _ := cared(t, t.TempDir(), nil)
	fill(t, c, "ceo", 3)
	out, errOut, err := command(t, "backup", "-socket", socket)
	if err != nil || !strings.Contains(errOut, "3 objectives") {
		t.Fatalf("answered %v, %s", err, errOut)
	}
	to := filepath.Join(t.TempDir(), "okr.db")
	err = commandWith(t.Context(), t, kitrun.Stdio{In: strings.NewReader(out), Out: io.Discard, Err: io.Discard}, "restore", "-", to)
	if err != nil {
		t.Fatal(err)
	}
	again, _, _ := cared(t, filepath.Dir(to), nil)
	if got, want := exported(t, again, "ceo"), exported(t, c, "ceo"); got != want {
		t.Errorf("the export is %s, was %s", got, want)
	}
}

func TestABackupThatIsNotWhatWasMadeIsRefusedBeforeAnythingIsReplaced(t *testing.T) {
	path, _ := backedUp(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c, _, stop := cared(t, dir, nil)
	fill(t, c, "other", 2)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	seed := [2]uint64{rand.Uint64(), rand.Uint64()}
	t.Logf("seed %v", seed)
	random := rand.New(rand.NewPCG(seed[0], seed[1]))
	damaged := filepath.Join(t.TempDir(), "damaged.db")
	for i := range 240 {
		content := bytes.Clone(whole)
		at := random.IntN(len(whole))
		what := fmt.Sprint("a flipped bit in byte ", at)
		switch i % 4 {
		case 0:
			content = content[:at]
			what = fmt.Sprint("cut at byte ", at)
		case 1:
			content = append(content, content[:1+at]...)
			what = fmt.Sprint(1+at, " bytes more")
		default:
			content[at] ^= 1 << random.IntN(8)
		}
		if err := os.WriteFile(damaged, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := command(t, "restore", "-replace", damaged, filepath.Join(dir, "okr.db")); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("%s: answered %v", what, err)
		}
		if _, _, err := command(t, "check", damaged); err == nil && i%4 > 1 {
			t.Errorf("%s: the check found nothing", what)
		}
		if t.Failed() {
			break
		}
	}
	if after := tree(t, dir); !maps.Equal(before, after) {
		t.Error("the data directory was changed")
	}
}

// A seal that is damaged itself must not be taken for none: a file without one is looked at all the same.
func TestEveryByteOfASealCounts(t *testing.T) {
	path, _ := backedUp(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(t.TempDir(), "damaged.db")
	for i := 1; i <= 64; i++ {
		content := bytes.Clone(whole)
		content[len(content)-i] ^= 1
		if err := os.WriteFile(damaged, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := command(t, "check", damaged); !errors.Is(err, backup.ErrSeal) || errors.Is(err, backup.ErrUnsealed) {
			t.Errorf("the check of a file whose seal has another byte %d from its end: %v", i, err)
		}
	}
}

// Without the seal, the checks of pages, records and what leads to what stand alone: they find what matters.
func TestAnUnsealedFileIsRefusedOrComesBackWhole(t *testing.T) {
	path, export := backedUp(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole = whole[:len(whole)-64]
	random := rand.New(rand.NewPCG(rand.Uint64(), 1))
	damaged := filepath.Join(t.TempDir(), "damaged.db")
	refused, came := 0, 0
	for range 25 {
		content := bytes.Clone(whole)
		content[random.IntN(len(content))] ^= 1 << random.IntN(8)
		if err := os.WriteFile(damaged, content, 0o600); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if _, _, err := command(t, "restore", damaged, filepath.Join(dir, "okr.db")); err == nil {
			t.Fatal("it was taken without -unsealed")
		}
		_, _, err := command(t, "restore", "-unsealed", damaged, filepath.Join(dir, "okr.db"))
		if err != nil {
			refused++
			continue
		}
		came++
		c, _, stop := cared(t, dir, nil)
		if got := exported(t, c, "ceo"); got != export {
			t.Error("a flipped bit went unnoticed")
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	if refused == 0 || came == 0 {
		t.Errorf("%d were refused and %d came back", refused, came)
	}
}

func TestARestorePutsAStoreAsideOnlyWhenToldTo(t *testing.T) {
	path, export := backedUp(t)
	t.Run("an empty one without being told", func(t *testing.T) {
		dir := t.TempDir()
		_, _, stop := cared(t, dir, nil)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := command(t, "restore", path, filepath.Join(dir, "okr.db")); err != nil {
			t.Error(err)
		}
	})
	dir := t.TempDir()
	c, _, stop := cared(t, dir, nil)
	fill(t, c, "other", 2)
	theirs := exported(t, c, "other")
	target := filepath.Join(dir, "okr.db")
	t.Run("never one that is running", func(t *testing.T) {
		for _, args := range [][]string{{"restore", path, target}, {"restore", "-replace", path, target}} {
			if _, _, err := command(t, args...); err == nil || !strings.Contains(err.Error(), "running") {
				t.Errorf("answered %v", err)
			}
		}
		if got := exported(t, c, "other"); got != theirs {
			t.Error("the running store was disturbed")
		}
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	t.Run("not one with data", func(t *testing.T) {
		if _, _, err := command(t, "restore", path, target); err == nil || !strings.Contains(err.Error(), "-replace") {
			t.Errorf("answered %v", err)
		}
		if !maps.Equal(before, tree(t, dir)) {
			t.Error("the data directory was changed")
		}
	})
	t.Run("one with data when told to, which is kept", func(t *testing.T) {
		_, out, err := command(t, "restore", "-replace", path, target)
		if err != nil || !strings.Contains(out, "8 objectives") {
			t.Fatalf("answered %v, %s", err, out)
		}
		again, _, stop := cared(t, dir, nil)
		if got := exported(t, again, "ceo"); got != export {
			t.Error("what came back is not what was backed up")
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		aside, err := filepath.Glob(filepath.Join(dir, "okr.db.before-restore-*"))
		if err != nil || len(aside) != 1 || !strings.Contains(out, aside[0]) {
			t.Fatalf("put aside are %v, and it says %s", aside, out)
		}
		if content := tree(t, dir)[filepath.Base(aside[0])]; content != before["okr.db"] {
			t.Error("what was put aside is not what was there")
		}
	})
	t.Run("one that is damaged when told to", func(t *testing.T) {
		if err := os.WriteFile(target, []byte("not a store"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := command(t, "restore", path, target); err == nil || !strings.Contains(err.Error(), "cannot be read") {
			t.Errorf("answered %v", err)
		}
		if _, _, err := command(t, "restore", "-replace", path, target); err != nil {
			t.Error(err)
		}
	})
	t.Run("and not when it is called off", func(t *testing.T) {
		before := tree(t, dir)
		ctx, cancel := context.WithCancel(t.Context())
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		in := io.MultiReader(io.LimitReader(file, 8192), readerFunc(func(p []byte) (int, error) { cancel(); return copy(p, "more"), nil }))
		err = commandWith(ctx, t, kitrun.Stdio{In: in, Out: io.Discard, Err: io.Discard}, "restore", "-replace", "-", target)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("answered %v", err)
		}
		if !maps.Equal(before, tree(t, dir)) {
			t.Error("the data directory was changed")
		}
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A sealed backup is a store file, too: in need, okr-store serves it as it is.
func TestABackupCanBeServedAsItIs(t *testing.T) {
	path, export := backedUp(t)
	dir := t.TempDir()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "okr.db"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, stop := cared(t, dir, nil)
	if got := exported(t, c, "ceo"); got != export {
		t.Error("it serves something else")
	}
	fill(t, c, "other", 20)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if out, _, err := command(t, "check", filepath.Join(dir, "okr.db")); err != nil {
		t.Errorf("after it was written to it is not in order: %v, %s", err, out)
	}
}

func TestCompactSavesSpaceAndKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "okr.db")
	c, socket, stop := cared(t, dir, nil)
	fill(t, c, "ceo", 40)
	fill(t, c, "other", 40)
	if _, _, err := command(t, "organization", "delete", "globex", "-confirm", "globex", "-socket", socket); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	if _, _, err := command(t, "backup", "-socket", socket, "-to", backup); err != nil {
		t.Fatal(err)
	}
	export := exported(t, c, "ceo")
	log, err := c.ListChanges(kittest.As(t.Context(), "ceo"), &okrv1.ListChangesRequest{PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := command(t, "compact", path); err == nil || !strings.Contains(err.Error(), "another okr-store has") {
		t.Errorf("a running store's file: %v", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, backup} {
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := command(t, "compact", file)
		if err != nil || !strings.Contains(out, "fewer than before") {
			t.Fatalf("answered %v, %s", err, out)
		}
		after, err := os.ReadFile(file)
		if err != nil || len(after) >= len(before) {
			t.Errorf("it has %d bytes, had %d: %v", len(after), len(before), err)
		}
		if !bytes.Contains(before, []byte("other grows")) || bytes.Contains(after, []byte("other grows")) {
			t.Error("what was deleted should be there before and gone afterwards")
		}
		if out, _, err := command(t, "check", file); err != nil || strings.Contains(out, "sealed") != (file == backup) {
			t.Errorf("the check says %v, %s", err, out)
		}
	}
	again, _, stop := cared(t, dir, nil)
	if got := exported(t, again, "ceo"); got != export {
		t.Error("the export is another one")
	}
	rest, err := again.ListChanges(kittest.As(t.Context(), "ceo"), &okrv1.ListChangesRequest{AfterCursor: log.GetCursor()})
	if err != nil {
		t.Errorf("an old cursor is answered %v, %v", rest, err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content = bytes.ReplaceAll(content, []byte("ceo grows"), []byte("ceo grown"))
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := command(t, "compact", path); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("a damaged file: %v", err)
	}
	if now := tree(t, dir); now["okr.db"] != string(content) || len(now) != 1 {
		t.Error("the damaged file was not left alone")
	}
}

func TestScheduledBackupsAreMadeAndCountedWithoutBeingAsked(t *testing.T) {
	backups := filepath.Join(t.TempDir(), "made", "on", "start")
	c, socket, _ := cared(t, t.TempDir(), func(cfg *okrstore.Config) {
		cfg.BackupDir, cfg.BackupInterval = backups, 24*time.Hour
	})
	fill(t, c, "ceo", 2)
	for range 4 {
		if _, out, err := command(t, "backup", "-keep", "-socket", socket); err != nil || !strings.Contains(out, backups) {
			t.Fatalf("answered %v, %s", err, out)
		}
	}
	files := tree(t, backups)
	if len(files) != 3 {
		t.Errorf("%d backups are kept, want 3", len(files))
	}
	for name := range files {
		if out, _, err := command(t, "check", filepath.Join(backups, name)); err != nil || !strings.Contains(out, "sealed as it was made") {
			t.Errorf("%s: %v, %s", name, err, out)
		}
	}
}

func TestMistakesOfUsageAreToldApartFromFailures(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("OKR_DATA_DIR", dir)
	for name, test := range map[string]struct {
		args  []string
		usage bool
		says  string
	}{
		"a backup without a socket":              {[]string{"backup"}, true, "OKR_STORE_SOCKET"},
		"a backup to two places":                 {[]string{"backup", "-socket", "s", "-keep", "-to", "f"}, true, "okrstore backup"},
		"a backup with nobody there":             {[]string{"backup", "-socket", filepath.Join(dir, "s"), "-to", filepath.Join(dir, "f")}, false, "no okr-store listens"},
		"a restore of nothing":                   {[]string{"restore"}, true, "BACKUP"},
		"a restore of what is not there":         {[]string{"restore", filepath.Join(dir, "none")}, false, "no such file"},
		"a check of what is not there":           {[]string{"check", filepath.Join(dir, "none")}, false, "no such file"},
		"a compaction of what is not there":      {[]string{"compact", filepath.Join(dir, "none")}, false, "no such file"},
		"an organization that is not named":      {[]string{"organization", "delete"}, true, "organization delete ID"},
		"another word than delete":               {[]string{"organization", "drop", "acme"}, true, "organization delete ID"},
		"an organization that none can be":       {[]string{"organization", "delete", "a/b"}, true, "invalid organization"},
		"a confirmation of another organization": {[]string{"organization", "delete", "acme", "-confirm", "globex"}, true, "nothing was deleted"},
		"an organization of no store":            {[]string{"organization", "delete", "acme"}, false, "OKR_DATA_DIR"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := command(t, test.args...)
			if err == nil || errors.Is(err, kitrun.ErrUsage) != test.usage || !strings.Contains(err.Error(), test.says) {
				t.Errorf("answered %v", err)
			}
		})
	}
	if files := tree(t, dir); len(files) != 0 {
		t.Errorf("left behind are %d files", len(files))
	}
	for _, c := range okrstore.Commands() {
		if _, help, err := command(t, c.Name, "-h"); err != nil || !strings.Contains(help, "usage: okrstore "+c.Name) {
			t.Errorf("the help of %s is %q, %v", c.Name, help, err)
		}
	}
}
