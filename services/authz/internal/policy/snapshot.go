package policy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// fetchTimeout bounds a fetch, whoever waits for it.
	fetchTimeout = 5 * time.Second
	// firstBackoff is the time until a fetch that failed is tried again; it doubles up to the interval.
	firstBackoff = 100 * time.Millisecond
)

var errNone = errors.New("the access policy has not been fetched yet")

// SnapshotConfig says where a snapshot comes from and how long it is good for.
type SnapshotConfig struct {
	// Fetch gets the policy.
	Fetch func(context.Context) (Source, error)
	// Interval is how often it is fetched while Follow runs.
	Interval time.Duration
	// StaleLimit is how long a snapshot serves while it cannot be fetched.
	StaleLimit time.Duration
	// Now is the clock.
	Now func() time.Time
	// Logger gets failures to fetch in the background.
	Logger *slog.Logger
}

// Snapshot holds the policy as it was last fetched. Those who find none share one fetch. It is safe for concurrent use.
type Snapshot struct {
	cfg    SnapshotConfig
	latest atomic.Pointer[dated]
	flight singleflight.Group
}

type dated struct {
	table   *Table
	fetched time.Time
}

// NewSnapshot makes an empty snapshot; the first Table fetches it.
func NewSnapshot(cfg SnapshotConfig) *Snapshot {
	return &Snapshot{cfg: cfg}
}

// Follow fetches the policy until ctx ends: at once, soon again where that fails, and then at every interval.
func (s *Snapshot) Follow(ctx context.Context) {
	_, err := s.Table(ctx)
	for backoff := firstBackoff; ; {
		wait := s.cfg.Interval
		if err != nil {
			s.cfg.Logger.WarnContext(ctx, "the access policy cannot be fetched", slog.String("error", err.Error()))
			wait = min(backoff, s.cfg.Interval)
			backoff *= 2
		} else {
			backoff = firstBackoff
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if _, err = s.fetch(ctx, true); ctx.Err() != nil {
			return
		}
	}
}

// Table is the policy, fetched within the stale limit. It waits for a fetch only where there is none.
func (s *Snapshot) Table(ctx context.Context) (*Table, error) {
	if table := s.serving(); table != nil {
		return table, nil
	}
	return s.fetch(ctx, false)
}

// Ready is nil once a policy has been fetched. That Stytch goes away later is not a matter of readiness.
func (s *Snapshot) Ready() error {
	if s.latest.Load() == nil {
		return errNone
	}
	return nil
}

func (s *Snapshot) serving() *Table {
	d := s.latest.Load()
	if d == nil || s.cfg.Now().Sub(d.fetched) > s.cfg.StaleLimit {
		return nil
	}
	return d.table
}

// fetch gets the policy once for all who wait, and goes on when the first of them gives up. Without force it is content
// with a policy that came while it was on its way here.
func (s *Snapshot) fetch(ctx context.Context, force bool) (*Table, error) {
	done := s.flight.DoChan("", func() (any, error) {
		if table := s.serving(); table != nil && !force {
			return table, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		at := s.cfg.Now()
		source, err := s.cfg.Fetch(ctx)
		if err != nil {
			return nil, fmt.Errorf("fetching the access policy: %w", err)
		}
		table := Compile(source)
		s.latest.Store(&dated{table: table, fetched: at})
		return table, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-done:
		table, _ := result.Val.(*Table)
		return table, result.Err
	}
}
