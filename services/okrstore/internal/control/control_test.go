package control_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/api"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/backup"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/control"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
)

// socketDir is a directory with a short name.
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

// serve answers on a socket for a store. stop ends it.
func serve(t *testing.T) (path string, engine *boltengine.Engine, stop func()) {
	t.Helper()
	return serveFrom(t, func(engine *boltengine.Engine) backup.Source { return engine })
}

// serveFrom is serve with backups of another source.
func serveFrom(t *testing.T, source func(*boltengine.Engine) backup.Source) (path string, engine *boltengine.Engine, stop func()) {
	t.Helper()
	data := t.TempDir()
	engine, err := boltengine.Open(t.Context(), boltengine.Config{Path: filepath.Join(data, "okr.db"), Upgrades: api.Upgrades()})
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := backup.NewKeeper(backup.Config{Source: source(engine), Spare: data, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(socketDir(t), "s.sock")
	l, err := control.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	stopped := make(chan error, 1)
	go func() {
		stopped <- control.Serve(ctx, l, control.Config{Keeper: keeper, Engine: engine, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	}()
	done := false
	stop = func() {
		if done {
			return
		}
		done = true
		cancel()
		if err := errors.Join(<-stopped, engine.Close()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return path, engine, stop
}

func TestTheSocketIsForItsOwnerAlone(t *testing.T) {
	path, _, stop := serve(t)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
	if err := control.NewClient(path, nil).Ping(t.Context()); err != nil {
		t.Error(err)
	}
	stop()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("when it is closed it is still there: %v", err)
	}
	if err := control.NewClient(path, nil).Ping(t.Context()); !errors.Is(err, control.ErrNobody) {
		t.Errorf("nobody answers %v", err)
	}
}

func TestASocketIsNotTakenFromAnother(t *testing.T) {
	path, _, _ := serve(t)
	if _, err := control.Listen(t.Context(), path); err == nil || !strings.Contains(err.Error(), "another okr-store") {
		t.Errorf("of one that is in use: %v", err)
	}
	if err := control.NewClient(path, nil).Ping(t.Context()); err != nil {
		t.Errorf("the first was disturbed: %v", err)
	}
	file := filepath.Join(socketDir(t), "precious")
	if err := os.WriteFile(file, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Listen(t.Context(), file); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("of a file: %v", err)
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "content" {
		t.Errorf("the file became %q, %v", content, err)
	}
	if _, err := control.Listen(t.Context(), filepath.Join(socketDir(t), strings.Repeat("x", 120))); err == nil || !strings.Contains(err.Error(), "OKR_STORE_SOCKET") {
		t.Errorf("of a path that is too long: %v", err)
	}
}

func TestTheSocketOfAStoreThatDiedIsTakenOver(t *testing.T) {
	path := filepath.Join(socketDir(t), "s.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	if err := control.NewClient(path, nil).Ping(t.Context()); !errors.Is(err, control.ErrNobody) {
		t.Errorf("nobody answers %v", err)
	}
	l, err := control.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestADeletionIsConfirmedOnTheSocketToo(t *testing.T) {
	path, engine, _ := serve(t)
	err := engine.Update(t.Context(), "acme", func(tx storage.Tx) error { return tx.Put([]byte("x"), nil) })
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	for target, want := range map[string]int{
		"/organizations/acme": 400, "/organizations/acme?confirm=globex": 400, "/organizations/a%20b?confirm=a%20b": 400, "/": 405, "/x": 404,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, "http://okr-store"+target, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != want {
			t.Errorf("DELETE %s is answered %s, want %d", target, answer.Status, want)
		}
	}
	found, err := control.NewClient(path, nil).Organization(t.Context(), "acme")
	if err != nil || found.Records != 1 || !found.DeleteTime.IsZero() {
		t.Errorf("of the organization there is %+v, %v", found, err)
	}
}

func TestProgressReachesWhoAsked(t *testing.T) {
	path, engine, _ := serve(t)
	for range 3 {
		err := engine.Update(t.Context(), "acme", func(tx storage.Tx) error {
			for i := range 50 {
				if err := tx.Put([]byte{'d', 'x', byte(i)}, bytes.Repeat([]byte("x"), 1000)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	stages := map[string]int64{}
	client := control.NewClient(path, func(stage string, done, _ int64) { stages[stage] = done })
	deleted, err := client.DeleteOrganization(t.Context(), "acme")
	if err != nil || deleted.Records != 50 || stages["deleting"] == 0 {
		t.Errorf("answered %+v, %v after %v", deleted, err, stages)
	}
	var content bytes.Buffer
	if _, err := client.Backup(t.Context(), &content); err != nil {
		t.Fatal(err)
	}
	if stages["writing"] == 0 || stages["checking the seal"] == 0 || stages["fetching"] != int64(content.Len()) {
		t.Errorf("of a backup of %d bytes it was told %v", content.Len(), stages)
	}
}

// slow is a store whose backups take until they are called off.
type slow struct{ began, ended chan struct{} }

func (s slow) Backup(ctx context.Context, _ io.Writer) error {
	close(s.began)
	<-ctx.Done()
	close(s.ended)
	return ctx.Err()
}

func TestABackupEndsWithWhoAskedForItAndWithTheStore(t *testing.T) {
	for name, store := range map[string]bool{"who asked": false, "the store": true} {
		t.Run(name, func(t *testing.T) {
			s := slow{make(chan struct{}), make(chan struct{})}
			path, _, stop := serveFrom(t, func(*boltengine.Engine) backup.Source { return s })
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			answer := make(chan error, 1)
			go func() {
				_, err := control.NewClient(path, nil).Backup(ctx, io.Discard)
				answer <- err
			}()
			<-s.began
			if store {
				stop()
			} else {
				leave()
			}
			<-s.ended
			err := <-answer
			if store == errors.Is(err, context.Canceled) || err == nil || !strings.Contains(err.Error(), "okr-store") {
				t.Errorf("who asked got %v", err)
			}
		})
	}
}
