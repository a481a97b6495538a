package backup_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/api"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/backup"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
)

// source is a store whose backups can be made to fail.
type source struct {
	*boltengine.Engine
	fail error
}

func (s *source) Backup(ctx context.Context, w io.Writer) error {
	if s.fail != nil {
		_, _ = w.Write([]byte("half of it"))
		return s.fail
	}
	return s.Engine.Backup(ctx, w)
}

func newSource(t *testing.T) *source {
	t.Helper()
	engine, err := boltengine.Open(t.Context(), boltengine.Config{Path: filepath.Join(t.TempDir(), "okr.db"), Upgrades: api.Upgrades()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return &source{Engine: engine}
}

func newKeeper(t *testing.T, dir string, s backup.Source) *backup.Keeper {
	t.Helper()
	k, err := backup.NewKeeper(backup.Config{
		Source: s, Dir: dir, Spare: t.TempDir(), Interval: time.Hour, Keep: 3, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// metrics are the values of a keeper's metrics by name.
func metrics(t *testing.T, k *backup.Keeper) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(k.Metrics()...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		values[family.GetName()] = family.GetMetric()[0].GetGauge().GetValue() + family.GetMetric()[0].GetCounter().GetValue()
	}
	return values
}

// kept are the times of the backups in a directory, as hours and minutes since a time.
func kept(t *testing.T, dir string, since time.Time) (ages []time.Duration) {
	t.Helper()
	backups, err := backup.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range backups {
		ages = append(ages, b.Time.Sub(since))
	}
	return ages
}

func TestBackupsAreMadeOnScheduleAndTheOldestGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		dir := filepath.Join(t.TempDir(), "made")
		s := newSource(t)
		run := func(k *backup.Keeper, hours time.Duration) {
			ctx, stop := context.WithCancel(t.Context())
			stopped := make(chan error, 1)
			go func() { stopped <- k.Run(ctx) }()
			time.Sleep(hours)
			synctest.Wait()
			stop()
			if err := <-stopped; err != nil {
				t.Error(err)
			}
		}
		k := newKeeper(t, dir, s)
		if m := metrics(t, k); m["okr_store_backup_last_success_timestamp_seconds"] != 0 {
			t.Errorf("before the first backup the metrics are %v", m)
		}
		run(k, 90*time.Minute)
		if got, want := kept(t, dir, start), []time.Duration{0, time.Hour}; !slices.Equal(got, want) {
			t.Errorf("there are backups of %v, want %v", got, want)
		}
		// Another process goes on where this one was.
		if err := os.WriteFile(filepath.Join(dir, "okr-20260101T000000.000Z.db.new-1"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "okr-mine.db"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		k = newKeeper(t, dir, s)
		m := metrics(t, k)
		if got, want := m["okr_store_backup_last_success_timestamp_seconds"], start.Add(time.Hour).UnixMilli(); int64(got*1000) != want || m["okr_store_backup_last_success_bytes"] == 0 {
			t.Errorf("of an earlier process the metrics know %v", m)
		}
		run(k, 4*time.Hour)
		want := []time.Duration{3 * time.Hour, 4 * time.Hour, 5 * time.Hour}
		if got := kept(t, dir, start); !slices.Equal(got, want) {
			t.Errorf("there are backups of %v, want %v", got, want)
		}
		// One that fails takes nothing away, is counted, and is tried again sooner.
		s.fail = errors.New("input/output error")
		run(k, 45*time.Minute)
		if got := kept(t, dir, start); !slices.Equal(got, want) {
			t.Errorf("after failures there are backups of %v, want %v", got, want)
		}
		if m := metrics(t, k); m["okr_store_backup_failures_total"] != 2 {
			t.Errorf("the metrics are %v", m)
		}
		s.fail = nil
		run(k, time.Minute)
		if got := kept(t, dir, start); len(got) != 3 || got[0] != 4*time.Hour {
			t.Errorf("after the failures there are backups of %v", got)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 4 || !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == "okr-mine.db" }) {
			t.Errorf("the directory holds %v, %v", entries, err)
		}
	})
}

// A clock that was wrong has named backups after times to come: new ones are made and kept all the same.
func TestBackupsOfTheFutureStopNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		for _, name := range []string{"okr-22260101T000000.000Z.db", "okr-22260102T000000.000Z.db", "okr-22260103T000000.000Z.db"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		k := newKeeper(t, dir, newSource(t))
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- k.Run(ctx) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		backups, err := backup.List(dir)
		if err != nil || len(backups) != 3 || backups[0].Time.After(time.Now()) {
			t.Errorf("there are %v, %v", backups, err)
		}
	})
}

func TestABackupThatIsHandedOutIsKeptNowhere(t *testing.T) {
	dir := t.TempDir()
	s := newSource(t)
	k := newKeeper(t, dir, s)
	file, made, err := k.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil || int64(len(content)) != made.Bytes {
		t.Errorf("it has %d bytes of %d, %v", len(content), made.Bytes, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
	s.fail = errors.New("input/output error")
	if _, _, err := k.Open(t.Context(), nil); !errors.Is(err, s.fail) {
		t.Errorf("answered %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("after a failure the directory holds %v, %v", entries, err)
	}
}

func TestBackupsAreMadeOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper(t, t.TempDir(), newSource(t))
		waiting := make(chan struct{})
		stages := make(map[string]bool)
		inFirst := false
		_, err := k.Add(t.Context(), func(string, int64, int64) {
			if inFirst {
				return
			}
			inFirst = true
			go func() {
				ctx, stop := context.WithCancel(t.Context())
				_, err := k.Add(ctx, func(stage string, _, _ int64) { stages[stage] = true; stop() })
				if !errors.Is(err, context.Canceled) {
					t.Errorf("who did not wait got %v", err)
				}
				close(waiting)
			}()
			<-waiting
		})
		if err != nil || !stages["waiting for another backup"] {
			t.Errorf("answered %v, and the second was told %v", err, stages)
		}
	})
}

func TestWithoutADirectoryNothingIsKept(t *testing.T) {
	k := newKeeper(t, "", newSource(t))
	if _, err := k.Add(t.Context(), nil); err == nil {
		t.Error("a backup was kept somewhere")
	}
	if file, _, err := k.Open(t.Context(), nil); err != nil {
		t.Error(err)
	} else if err := file.Close(); err != nil {
		t.Error(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := k.Run(ctx); err != nil {
		t.Error(err)
	}
}
