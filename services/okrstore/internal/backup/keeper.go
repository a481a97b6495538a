package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/disk"
)

const (
	namePrefix = "okr-"
	nameSuffix = ".db"
	// nameTime is the time in a backup's name, in UTC: names sort as the backups were made.
	nameTime = "20060102T150405.000Z"
	// retryAfter is the longest wait after a scheduled backup that failed.
	retryAfter = 10 * time.Minute
)

// Config is what a Keeper needs.
type Config struct {
	Source Source
	// Dir is where scheduled backups are kept; it is made when it does not exist. Empty: there are none.
	Dir string
	// Spare is where backups that are only handed out are written first if there is no Dir.
	Spare string
	// Interval is the time from one scheduled backup to the next.
	Interval time.Duration
	// Keep is how many backups stay in Dir.
	Keep   int
	Logger *slog.Logger
	Now    func() time.Time
}

// Keeper makes the backups of a running store, one at a time. It is safe for concurrent use.
type Keeper struct {
	Config
	turn chan struct{}

	mu       sync.Mutex
	last     time.Time
	bytes    int64
	duration time.Duration
	failures uint64
}

// NewKeeper removes what an okr-store that died left unfinished, and finds the last backup there is.
func NewKeeper(cfg Config) (*Keeper, error) {
	k := &Keeper{Config: cfg, turn: make(chan struct{}, 1)}
	if k.Dir == "" {
		return k, disk.RemoveUnfinished(k.Spare, namePrefix)
	}
	if err := os.MkdirAll(k.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of backups, see OKR_STORE_BACKUP_DIR: %w", err)
	}
	if err := disk.RemoveUnfinished(k.Dir, namePrefix); err != nil {
		return nil, fmt.Errorf("clearing the directory of backups, see OKR_STORE_BACKUP_DIR: %w", err)
	}
	kept, err := List(k.Dir)
	if err != nil {
		return nil, err
	}
	if len(kept) > 0 {
		newest := kept[len(kept)-1]
		k.last, k.bytes = newest.Time, newest.Bytes
	}
	return k, nil
}

// Kept is a backup in a directory.
type Kept struct {
	Path  string
	Time  time.Time
	Bytes int64
}

var namePattern = regexp.MustCompile(`^okr-(\d{8}T\d{6}\.\d{3}Z)\.db$`)

// List returns the scheduled backups in a directory, oldest first. Other files are none of its business.
func List(dir string) ([]Kept, error) {
	entries, err := os.ReadDir(dir) // in the order of names
	if err != nil {
		return nil, fmt.Errorf("looking for backups: %w", err)
	}
	var kept []Kept
	for _, entry := range entries {
		match := namePattern.FindStringSubmatch(entry.Name())
		if match == nil || !entry.Type().IsRegular() {
			continue
		}
		at, err := time.Parse(nameTime, match[1])
		if err != nil {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return nil, fmt.Errorf("looking for backups: %w", err)
		}
		kept = append(kept, Kept{filepath.Join(dir, entry.Name()), at, info.Size()})
	}
	return kept, nil
}

// Run makes backups on schedule until ctx ends. The first one is due when the last one, of an earlier process maybe, is
// as old as the interval.
func (k *Keeper) Run(ctx context.Context) error {
	if k.Dir == "" || k.Interval == 0 {
		<-ctx.Done()
		return nil
	}
	timer := time.NewTimer(k.wait())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		next := k.Interval
		if _, err := k.Add(ctx, nil); err != nil {
			next = min(k.Interval, retryAfter)
		}
		timer.Reset(next)
	}
}

// wait is the time until the next backup is due. One that is dated ahead of the clock says nothing about when it was made.
func (k *Keeper) wait() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	age := k.Now().Sub(k.last)
	if age < 0 {
		return 0
	}
	return max(0, k.Interval-age)
}

// Add makes a backup in the directory and removes the oldest ones beyond those that are to be kept. None is removed for
// one that failed.
func (k *Keeper) Add(ctx context.Context, progress Progress) (Made, error) {
	if k.Dir == "" {
		return Made{}, errors.New("there is no directory for backups: set OKR_STORE_BACKUP_DIR, or say where to write one")
	}
	if err := k.take(ctx, progress); err != nil {
		return Made{}, err
	}
	defer k.leave()
	path := filepath.Join(k.Dir, namePrefix+k.Now().UTC().Format(nameTime)+nameSuffix)
	made, err := k.make(ctx, path, progress)
	if err != nil {
		return Made{}, err
	}
	if err := k.prune(ctx, path); err != nil {
		k.Logger.ErrorContext(ctx, "old backups were not removed", slog.String("error", err.Error()))
	}
	return made, nil
}

// Open makes a backup to be handed out and kept nowhere else: it has no name any more, and is gone when it is closed.
func (k *Keeper) Open(ctx context.Context, progress Progress) (*os.File, Made, error) {
	if err := k.take(ctx, progress); err != nil {
		return nil, Made{}, err
	}
	defer k.leave()
	dir := k.Dir
	if dir == "" {
		dir = k.Spare
	}
	made, err := k.make(ctx, disk.Unfinished(filepath.Join(dir, namePrefix+k.Now().UTC().Format(nameTime)+nameSuffix)), progress)
	if err != nil {
		return nil, Made{}, err
	}
	file, err := os.Open(made.Path)
	return file, made, errors.Join(err, disk.Remove(made.Path))
}

// take waits until no other backup is being made.
func (k *Keeper) take(ctx context.Context, progress Progress) error {
	select {
	case k.turn <- struct{}{}:
		return nil
	default:
		progress.tell("waiting for another backup", 0, 0)
	}
	select {
	case k.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *Keeper) leave() { <-k.turn }

// make makes a backup and writes down how that went. One that was called off did not fail.
func (k *Keeper) make(ctx context.Context, path string, progress Progress) (Made, error) {
	begin := time.Now()
	made, err := Make(ctx, k.Source, path, progress)
	duration := time.Since(begin)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err != nil && ctx.Err() != nil:
		return made, err
	case err != nil:
		k.failures++
		k.Logger.ErrorContext(ctx, "backup failed", slog.String("path", path), slog.String("error", err.Error()))
		return made, err
	}
	k.last, k.bytes, k.duration = k.Now(), made.Bytes, duration
	k.Logger.InfoContext(ctx, "backup made", slog.String("path", path), slog.Int64("bytes", made.Bytes),
		slog.Int64("organizations", made.Summary.Organizations), slog.Int64("changes", made.Summary.Changes),
		slog.Duration("duration", duration))
	return made, nil
}

// prune removes the oldest backups beyond those that are to be kept, and never the one that was just made, whatever the
// clocks said that named the others.
func (k *Keeper) prune(ctx context.Context, fresh string) error {
	kept, err := List(k.Dir)
	if err != nil {
		return err
	}
	kept = slices.DeleteFunc(kept, func(b Kept) bool { return b.Path == fresh })
	var errs []error
	for len(kept) > k.Keep-1 {
		errs = append(errs, disk.Remove(kept[0].Path))
		k.Logger.InfoContext(ctx, "old backup removed", slog.String("path", kept[0].Path))
		kept = kept[1:]
	}
	return errors.Join(errs...)
}

// Metrics say how old and how large the last good backup is, and how many failed.
func (k *Keeper) Metrics() []prometheus.Collector {
	locked := func(value func() float64) func() float64 {
		return func() float64 {
			k.mu.Lock()
			defer k.mu.Unlock()
			return value()
		}
	}
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "okr_store_backup_last_success_timestamp_seconds",
			Help: "When the last good backup was made, in seconds since 1970; 0 when there is none.",
		}, locked(func() float64 {
			if k.last.IsZero() {
				return 0
			}
			return float64(k.last.UnixMilli()) / 1000
		})),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "okr_store_backup_last_success_bytes",
			Help: "Size of the last good backup.",
		}, locked(func() float64 { return float64(k.bytes) })),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "okr_store_backup_last_duration_seconds",
			Help: "How long the last good backup took, checks included; 0 until this process has made one.",
		}, locked(func() float64 { return k.duration.Seconds() })),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "okr_store_backup_failures_total",
			Help: "Backups that failed.",
		}, locked(func() float64 { return float64(k.failures) })),
	}
}
