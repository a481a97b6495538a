package policy_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stytchauth/stytch-go/v16/stytch/b2b/rbac"

	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
)

const (
	interval   = 30 * time.Second
	staleLimit = 5 * time.Minute
)

// stub is a Stytch whose policy a test changes; it may fail, and it takes its time.
type stub struct {
	mu      sync.Mutex
	actions []string
	err     error
	takes   time.Duration
	fetches int
}

func (s *stub) fetch(ctx context.Context) (policy.Source, error) {
	s.mu.Lock()
	s.fetches++
	actions, err, takes := s.actions, s.err, s.takes
	s.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return stytch.NewPolicy(&rbac.Policy{Roles: []rbac.PolicyRole{{
		RoleID: "stytch_member", Permissions: []rbac.PolicyRolePermission{{ResourceID: "objective", Actions: actions}},
	}}}), nil
}

func (s *stub) set(err error, actions ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.actions = err, actions
}

func (s *stub) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches
}

func newSnapshot(s *stub) *policy.Snapshot {
	return policy.NewSnapshot(policy.SnapshotConfig{
		Fetch: s.fetch, Interval: interval, StaleLimit: staleLimit, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
}

func granted(t *testing.T, s *policy.Snapshot) int {
	t.Helper()
	table, err := s.Table(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(table.RolePermissions([]string{"stytch_member"}))
}

var errAway = errors.New("away")

func TestManyWhoNeedThePolicyFetchItOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{actions: []string{"read"}, takes: time.Second}
		snapshot := newSnapshot(s)
		if snapshot.Ready() == nil {
			t.Error("ready before anything was fetched")
		}
		ctx, cancel := context.WithCancel(t.Context())
		var tasks sync.WaitGroup
		tasks.Go(func() { snapshot.Follow(ctx) })
		for range 64 {
			tasks.Go(func() { granted(t, snapshot) })
		}
		time.Sleep(2 * time.Second)
		if n := s.count(); n != 1 || snapshot.Ready() != nil {
			t.Errorf("got %d fetches, ready: %v", n, snapshot.Ready())
		}
		cancel()
		tasks.Wait()
	})
}

func TestThePolicyIsFollowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{actions: []string{"read"}}
		snapshot := newSnapshot(s)
		ctx, cancel := context.WithCancel(t.Context())
		var tasks sync.WaitGroup
		tasks.Go(func() { snapshot.Follow(ctx) })
		synctest.Wait()
		if n := granted(t, snapshot); n != 1 {
			t.Errorf("at first: %d", n)
		}
		s.set(nil, "*")
		time.Sleep(interval + time.Second)
		if n := granted(t, snapshot); n != 4 {
			t.Errorf("after a change: %d", n)
		}
		s.set(errAway)
		time.Sleep(staleLimit - interval)
		if n := granted(t, snapshot); n != 4 {
			t.Errorf("while it cannot be fetched: %d", n)
		}
		time.Sleep(2 * interval)
		if _, err := snapshot.Table(t.Context()); !errors.Is(err, errAway) {
			t.Errorf("beyond the limit: %v", err)
		}
		s.set(nil, "read")
		if n := granted(t, snapshot); n != 1 { // at once, for who asks
			t.Errorf("when it is back: %d", n)
		}
		cancel()
		tasks.Wait()
	})
}

func TestAFirstFetchThatFailsIsTriedAgainSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{err: errAway}
		snapshot := newSnapshot(s)
		ctx, cancel := context.WithCancel(t.Context())
		var tasks sync.WaitGroup
		tasks.Go(func() { snapshot.Follow(ctx) })
		time.Sleep(10 * time.Second)
		if n := s.count(); n < 4 || n > 10 {
			t.Errorf("got %d fetches in ten seconds", n)
		}
		s.set(nil, "read")
		time.Sleep(interval)
		if err := snapshot.Ready(); err != nil {
			t.Error(err)
		}
		cancel()
		tasks.Wait()
	})
}

func TestWhoGivesUpDoesNotSpoilTheFetchForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stub{actions: []string{"read"}, takes: 2 * time.Second}
		snapshot := newSnapshot(s)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var tasks sync.WaitGroup
		tasks.Go(func() {
			if _, err := snapshot.Table(impatient); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait()
		tasks.Go(func() { granted(t, snapshot) })
		tasks.Wait()
		if n := s.count(); n != 1 {
			t.Errorf("got %d fetches", n)
		}
	})
}
