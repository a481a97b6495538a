package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/df0f9dda/okr-manager/deploy/internal/measure"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
	"github.com/df0f9dda/okr-manager/services/okrstore"
)

// The figures of scale have as their floor the same call where there is little: they say how the cost grows with what a
// caller did not ask for. Each store runs by itself, with principals in place of authz.
const (
	listOfMany     = "List 50 of 10,000 objectives"
	listAmongMany  = "List 50 among 10,000 organizations"
	dueOfMany      = "Due list in 10,000 objectives"
	few, many      = 50, 10_000
	ownedByMember  = 10
	measured       = "organization-0"
	leastOfMany    = 1 / 1.3
	leastAmongMany = 1 / 1.2
)

// scale prepares the figures of scale that are asked for.
func scale(ctx context.Context, only, dir string, closers *run.Stack) ([]measure.Figure, error) {
	wanted := false
	for _, name := range []string{listOfMany, listAmongMany, dueOfMany} {
		wanted = wanted || strings.Contains(name, only)
	}
	if !wanted {
		return nil, nil
	}
	small, err := startScaled(ctx, filepath.Join(dir, "few.db"), 1, few, closers)
	if err != nil {
		return nil, err
	}
	large, err := startScaled(ctx, filepath.Join(dir, "objectives.db"), 1, many, closers)
	if err != nil {
		return nil, err
	}
	crowded, err := startScaled(ctx, filepath.Join(dir, "organizations.db"), many, few, closers)
	if err != nil {
		return nil, err
	}
	var figures []measure.Figure
	for _, callers := range []int{1, writers} {
		figures = append(
			figures,
			measure.Figure{
				Name: listOfMany, Callers: callers, System: large.list, Floor: small.list,
				FloorName: "the same of 50", Least: leastOfMany,
			},
			measure.Figure{
				Name: listAmongMany, Callers: callers, System: crowded.list, Floor: small.list,
				FloorName: "the same in the only organization", Least: leastAmongMany,
			},
			measure.Figure{
				Name: dueOfMany, Callers: callers, System: large.due, Floor: small.due,
				FloorName: "the same in 50 objectives", Least: leastOfMany,
			},
		)
	}
	return figures, nil
}

// scaled is a store of some size.
type scaled struct{ okr okrv1.OkrServiceClient }

// startScaled runs a store with organizations of which the first has objectives and the others have one.
func startScaled(ctx context.Context, path string, organizations, objectives int, closers *run.Stack) (*scaled, error) {
	s, err := openScaled(ctx, path, organizations, closers)
	if err != nil {
		return nil, err
	}
	if err := s.fill(ctx, organizations, objectives); err != nil {
		return nil, fmt.Errorf("filling %s: %w", path, err)
	}
	return s, nil
}

// openScaled runs a store for so many organizations on what a file has.
func openScaled(ctx context.Context, path string, organizations int, closers *run.Stack) (*scaled, error) {
	cfg, err := config.Load[okrstore.Config]()
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	principals := kittest.Authenticator{}
	for i := range organizations {
		organization := fmt.Sprint("organization-", i)
		principals[organization] = kittest.CEO(organization)
	}
	cfg.Path, cfg.Listener, cfg.Authenticator = path, listener, principals
	cfg.Logger = telemetry.NewLogger(nopWriter{}, nil, "okr-bench")
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	stopped := make(chan error, 1)
	go func() { stopped <- okrstore.Run(serving, cfg) }()
	closers.Push(filepath.Base(path), func(context.Context) error {
		stop()
		return <-stopped
	})
	conn, err := grpcclient.Dial(listener.Addr().String(), grpcclient.Config{
		Outgoing: func(ctx context.Context, _ string) ([]string, error) {
			return []string{"authorization", "Bearer " + organizationOf(ctx)}, nil
		},
	})
	if err != nil {
		return nil, err
	}
	closers.Push("connection to "+filepath.Base(path), func(context.Context) error { return conn.Close() })
	return &scaled{okr: okrv1.NewOkrServiceClient(conn)}, nil
}

type nopWriter struct{}

func (nopWriter) Write(p []byte) (int, error) { return len(p), nil }

// organizationKey is where a context has the organization of a call, if it is not the measured one.
type organizationKey struct{}

func organizationOf(ctx context.Context) string {
	if organization, ok := ctx.Value(organizationKey{}).(string); ok {
		return organization
	}
	return measured
}

// fill creates the objectives. The member of the measured organization owns a few of them, which are the oldest.
func (s *scaled) fill(ctx context.Context, organizations, objectives int) error {
	for i := range ownedByMember {
		if err := s.create(ctx, i, "me"); err != nil {
			return err
		}
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(writers)
	for i := ownedByMember; i < objectives; i++ {
		work.Go(func() error { return s.create(ctx, i, "") })
	}
	for i := 1; i < organizations; i++ {
		work.Go(func() error {
			return s.create(context.WithValue(ctx, organizationKey{}, fmt.Sprint("organization-", i)), 0, "")
		})
	}
	return work.Wait()
}

func (s *scaled) create(ctx context.Context, number int, owner string) error {
	o, err := s.okr.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{
		Objective: &okrv1.Objective{Title: fmt.Sprintf("Objective number %d of a company of some size", number), OwnerId: owner},
	}, grpc.WaitForReady(true))
	if err != nil || owner == "" {
		return err
	}
	_, err = s.okr.CreateKeyResult(ctx, &okrv1.CreateKeyResultRequest{
		ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: "A key result, which says how one will know"},
	})
	return err
}

var errShort = errors.New("the list is not as long as it should be")

func (s *scaled) list(ctx context.Context, _ int) error {
	list, err := s.okr.ListObjectives(ctx, &okrv1.ListObjectivesRequest{PageSize: few})
	if err == nil && len(list.GetObjectives()) != few {
		return errShort
	}
	return err
}

func (s *scaled) due(ctx context.Context, _ int) error {
	list, err := s.okr.ListDueKeyResults(ctx, &okrv1.ListDueKeyResultsRequest{})
	if err == nil && len(list.GetKeyResults()) != ownedByMember {
		return errShort
	}
	return err
}
