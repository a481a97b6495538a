package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/df0f9dda/okr-manager/deploy/internal/measure"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

const (
	// million is how many objectives there are in all in the largest store: 10,000 in each of its organizations.
	million = 1_000_000
	// growthRounds are in turns over the stores, so that a disturbance of the machine hits all of them.
	growthRounds = 9
	growthRound  = time.Second
	// most is how many times what it is in the small store the median of a call may be in a large one.
	most = 1.5
	// importPiece is how many bytes of a file travel in a message.
	importPiece = 32 << 10
)

var errGrown = errors.New("a call takes too long where there is much")

// grown is a store of some size, and what is called there, in the first organization.
type grown struct {
	*scaled
	name      string
	objective string
	keyResult string
	set       int32
	took      [3][]time.Duration // by call
}

// growthCalls are what is compared.
func growthCalls() []string { return []string{"get", "list 50", "write"} }

func (g *grown) call(of int) measure.Operation {
	switch of {
	case 0:
		return func(ctx context.Context, _ int) error {
			_, err := g.okr.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: g.objective})
			return err
		}
	case 1:
		return g.list
	}
	return func(ctx context.Context, _ int) error {
		g.set = g.set%100 + 1
		_, err := g.okr.SetKeyResultAttainment(ctx, &okrv1.SetKeyResultAttainmentRequest{KeyResultId: g.keyResult, Attainment: proto.Int32(g.set)})
		return err
	}
}

// growth measures how the cost of a call grows with what the caller did not ask for: other organizations, other objectives
// of the own one, and a million of them in all. It fails where a median is over what it may be.
func growth(ctx context.Context, args []string, stdio run.Stdio) (err error) {
	if len(args) > 0 {
		return fmt.Errorf("%w: growth takes no arguments", run.ErrUsage)
	}
	dir, err := os.MkdirTemp("", "okr-growth-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	var closers run.Stack
	defer func() { err = errors.Join(err, closers.Close(context.WithoutCancel(ctx)), os.RemoveAll(dir)) }()
	var stores []*grown
	for _, size := range []struct {
		name                      string
		organizations, objectives int
		inEach                    bool
	}{
		{"1 organization of 50 objectives", 1, few, false},
		{"10,000 organizations", many, few, false},
		{"10,000 objectives in one", 1, many, false},
		{"1,000,000 objectives in 100", million / many, many, true},
	} {
		begun := time.Now()
		file := filepath.Join(dir, fmt.Sprint(len(stores), ".db"))
		g, err := grow(ctx, file, size.organizations, size.objectives, size.inEach, &closers)
		if err != nil {
			return fmt.Errorf("%s: %w", size.name, err)
		}
		g.name = size.name
		stores = append(stores, g)
		info, err := os.Stat(file)
		if err != nil {
			return fmt.Errorf("measuring a file: %w", err)
		}
		fmt.Fprintf(stdio.Err, "%s: made in %s, a file of %d MiB\n", size.name, time.Since(begun).Round(time.Second), info.Size()>>20)
	}
	for of, name := range growthCalls() {
		fmt.Fprintln(stdio.Err, "measuring", name)
		for round := range growthRounds + 1 {
			for _, g := range stores {
				_, took, err := measure.Sample(ctx, 1, growthRound, g.call(of))
				if err != nil {
					return fmt.Errorf("%s, %s: %w", g.name, name, err)
				}
				if round > 0 { // the first one warms up
					g.took[of] = append(g.took[of], took...)
				}
			}
		}
	}
	memory, err := idleMemory(ctx, dir)
	if err != nil {
		return fmt.Errorf("measuring the memory of an idle organization: %w", err)
	}
	return reportGrowth(stdio.Out, stores, memory)
}

// grow makes a store. The first organization has objectives; the others have one, or as many.
func grow(ctx context.Context, file string, organizations, objectives int, inEach bool, closers *run.Stack) (*grown, error) {
	s, err := openScaled(ctx, file, organizations, closers)
	if err != nil {
		return nil, err
	}
	if inEach {
		err = s.importInEach(ctx, organizations, objectives)
	} else {
		err = s.fill(ctx, organizations, objectives)
	}
	if err != nil {
		return nil, err
	}
	g := &grown{scaled: s}
	o, err := s.okr.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "The one that is looked at"}})
	if err != nil {
		return nil, err
	}
	k, err := s.okr.CreateKeyResult(ctx, &okrv1.CreateKeyResultRequest{
		ObjectiveId: o.GetId(), KeyResult: &okrv1.KeyResult{Title: "A key result, which says how one will know"},
	})
	g.objective, g.keyResult = o.GetId(), k.GetId()
	return g, err
}

// importInEach imports a file of objectives into every organization, a few at a time.
func (s *scaled) importInEach(ctx context.Context, organizations, objectives int) error {
	var file bytes.Buffer
	file.WriteString("record,objective_id,title\n")
	for i := range objectives {
		fmt.Fprintf(&file, "objective,okr_%013d,Objective number %d of a company of some size\n", i, i)
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(writers)
	for i := range organizations {
		work.Go(func() error {
			return s.importFile(context.WithValue(ctx, organizationKey{}, fmt.Sprint("organization-", i)), file.Bytes(), objectives)
		})
	}
	return work.Wait()
}

func (s *scaled) importFile(ctx context.Context, file []byte, objectives int) error {
	stream, err := s.okr.ImportObjectives(ctx, grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	sending, _ := errgroup.WithContext(ctx)
	sending.Go(func() error {
		start := &okrv1.ImportStart{Format: okrv1.TransferFormat_TRANSFER_FORMAT_CSV}
		if err := stream.Send(&okrv1.ImportObjectivesRequest{Part: &okrv1.ImportObjectivesRequest_Start{Start: start}}); err != nil {
			return err
		}
		for rest := file; len(rest) > 0; {
			n := min(len(rest), importPiece)
			if err := stream.Send(&okrv1.ImportObjectivesRequest{Part: &okrv1.ImportObjectivesRequest_Data{Data: rest[:n]}}); err != nil {
				return err
			}
			rest = rest[n:]
		}
		return stream.CloseSend()
	})
	made := 0
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if problem := m.GetProblem(); problem != nil {
			return fmt.Errorf("a row was not imported: %v", problem)
		}
		if m.GetSummary() != nil {
			made = int(m.GetSummary().GetObjectivesCreated())
		}
	}
	if made != objectives {
		return fmt.Errorf("%d of %d objectives were imported", made, objectives)
	}
	return sending.Wait()
}

// memory is what a store of 10,000 organizations holds in bytes for each: after it was opened, and after each of them has
// read a page once, which fills caches that have a bound.
type memory struct{ opened, used float64 }

// idleMemory reopens the stores of one and of 10,000 organizations, from copies, and compares the heaps.
func idleMemory(ctx context.Context, dir string) (memory, error) {
	one, err := heapOf(ctx, filepath.Join(dir, "0.db"), 1)
	if err != nil {
		return memory{}, err
	}
	all, err := heapOf(ctx, filepath.Join(dir, "1.db"), many)
	if err != nil {
		return memory{}, err
	}
	return memory{(all.opened - one.opened) / many, (all.used - one.used) / many}, nil
}

// heapOf is what a store adds to the heap. The principals of all its organizations, which stand for authz here, are made for
// every store and do not count.
func heapOf(ctx context.Context, file string, organizations int) (m memory, err error) {
	copied := file + ".copy"
	if err := copyFile(copied, file); err != nil {
		return m, fmt.Errorf("copying a store: %w", err)
	}
	before := heap()
	var closers run.Stack
	s, err := openScaled(ctx, copied, many, &closers)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, closers.Close(context.WithoutCancel(ctx))) }()
	if err := s.list(ctx, 0); err != nil {
		return m, err
	}
	m.opened = heap() - before
	for i := range organizations {
		ctx := context.WithValue(ctx, organizationKey{}, fmt.Sprint("organization-", i))
		if _, err := s.okr.ListObjectives(ctx, &okrv1.ListObjectivesRequest{}); err != nil {
			return m, err
		}
	}
	m.used = heap() - before
	return m, nil
}

func copyFile(to, from string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600) //nolint:gosec // both are in a folder of this program's own
}

func heap() float64 {
	runtime.GC()
	runtime.GC() // what the first one found only finalizers for
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

func reportGrowth(w io.Writer, stores []*grown, m memory) error {
	fmt.Fprintf(w, "%s, %d cores. One caller; a ratio is that of the medians to those of the first row.\n\n", runtime.Version(), runtime.NumCPU())
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "store")
	for _, name := range growthCalls() {
		fmt.Fprintf(table, "\t%s p50\tp99\tratio", name)
	}
	fmt.Fprintln(table)
	missed := false
	for _, g := range stores {
		fmt.Fprint(table, g.name)
		for of := range growthCalls() {
			p50, p99 := measure.Percentile(g.took[of], 50), measure.Percentile(g.took[of], 99)
			ratio := float64(p50) / float64(measure.Percentile(stores[0].took[of], 50))
			missed = missed || ratio > most
			fmt.Fprintf(table, "\t%s\t%s\t%.2f", p50.Round(time.Microsecond), p99.Round(time.Microsecond), ratio)
		}
		fmt.Fprintln(table)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	fmt.Fprintf(w, "\nAn idle organization takes %.0f bytes of the heap when the store was opened, and %.0f after it was used.\n", m.opened, m.used)
	if missed {
		return fmt.Errorf("%w: over %.1f times the median", errGrown, most)
	}
	return nil
}
