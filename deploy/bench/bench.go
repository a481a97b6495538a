package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/df0f9dda/okr-manager/deploy/internal/measure"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
)

const (
	writers         = 64
	objectives      = 64
	keyResultsEach  = 4
	keyResultsInAll = objectives * keyResultsEach
)

func bench(ctx context.Context, cfg measure.Config) error {
	alone := cfg.Only != "" && strings.Contains(footprintName, cfg.Only)
	if !alone {
		if err := rates(ctx, cfg); err != nil {
			return err
		}
	}
	if !alone && cfg.Only != "" {
		return nil
	}
	return footprint(ctx, os.Stdout)
}

// rates compares calls a second with their floors.
func rates(ctx context.Context, cfg measure.Config) (err error) {
	system, err := measure.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, system.Close()) }()

	c, err := connect(ctx, system)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.conn.Close()) }()
	if err := c.fill(ctx); err != nil {
		return fmt.Errorf("filling the store: %w", err)
	}
	f := &floors{}
	defer func() { err = errors.Join(err, f.closers.Close(context.WithoutCancel(ctx))) }()
	figures, err := plan(ctx, c, f, system.DataDir)
	if err != nil {
		return err
	}
	sizes, err := scale(ctx, cfg.Only, system.DataDir, &f.closers)
	if err != nil {
		return err
	}
	return measure.Run(ctx, cfg, os.Stdout, measure.All(append(figures, sizes...)))
}

// client is a member of the running system.
type client struct {
	conn      *grpc.ClientConn
	okr       okrv1.OkrServiceClient
	http      *http.Client
	token     string
	publicURL string

	objectives []*okrv1.Objective
	keyResults []string
	attainment [writers]int32 // as each caller set it last
}

// connect connects an agent of the CEO with every scope.
func connect(ctx context.Context, system *measure.System) (*client, error) {
	token, err := system.Token(ctx, measure.Acme)
	if err != nil {
		return nil, err
	}
	c := &client{
		http:      &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: writers}},
		token:     token,
		publicURL: system.PublicURL,
	}
	if c.conn, err = c.dial(system.StoreAddr); err != nil {
		return nil, err
	}
	c.okr = okrv1.NewOkrServiceClient(c.conn)
	return c, nil
}

// dial connects to a server; calls carry the client's token.
func (c *client) dial(addr string) (*grpc.ClientConn, error) {
	return grpcclient.Dial(addr, grpcclient.Config{
		Outgoing: func(context.Context, string) ([]string, error) {
			return []string{"authorization", "Bearer " + c.token}, nil
		},
	})
}

// fill creates the data that is read and written.
func (c *client) fill(ctx context.Context) error {
	for i := range objectives {
		objective, err := c.okr.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{
			Objective: &okrv1.Objective{Title: fmt.Sprintf("Objective number %d of a company of middling size", i)},
		})
		if err != nil {
			return err
		}
		for k := range keyResultsEach {
			keyResult, err := c.okr.CreateKeyResult(ctx, &okrv1.CreateKeyResultRequest{
				ObjectiveId: objective.GetId(),
				KeyResult:   &okrv1.KeyResult{Title: fmt.Sprintf("Key result %d, which says how one will know", k)},
			})
			if err != nil {
				return err
			}
			c.keyResults = append(c.keyResults, keyResult.GetId())
		}
	}
	// Once as it is written later: what an agent has reported is larger.
	write := c.write()
	for caller := range writers {
		if err := write(ctx, caller); err != nil {
			return err
		}
	}
	list, err := c.okr.ListObjectives(ctx, &okrv1.ListObjectivesRequest{PageSize: objectives})
	c.objectives = list.GetObjectives()
	return err
}

func (c *client) get(ctx context.Context, caller int) error {
	_, err := c.okr.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: c.objectives[caller%objectives].GetId()})
	return err
}

func (c *client) list(ctx context.Context, _ int) error {
	_, err := c.okr.ListObjectives(ctx, &okrv1.ListObjectivesRequest{PageSize: objectives})
	return err
}

// write sets an attainment that differs from the one before, so that every call changes something.
func (c *client) write() measure.Operation {
	return func(ctx context.Context, caller int) error {
		c.attainment[caller] = (c.attainment[caller] + 1) % 100
		_, err := c.okr.SetKeyResultAttainment(ctx, &okrv1.SetKeyResultAttainmentRequest{
			KeyResultId: c.keyResults[caller*keyResultsEach%keyResultsInAll],
			Attainment:  proto.Int32(c.attainment[caller] + 1),
		})
		return err
	}
}

// record is a write as the store keeps it.
func (c *client) record(ctx context.Context) (*record, error) {
	if err := c.write()(ctx, 0); err != nil {
		return nil, err
	}
	changes, err := c.okr.ListChanges(ctx, &okrv1.ListChangesRequest{PageSize: 1, OrderBy: "seq desc"})
	if err != nil {
		return nil, err
	}
	return newRecord(c.objectives, changes.GetChanges()[0])
}

// httpGet reads an objective from a URL.
func (c *client) httpGet(url, bearer string) measure.Operation {
	return func(ctx context.Context, _ int) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if bearer != "" {
			req.Header.Set("Authorization", "Bearer "+bearer)
		}
		resp, err := c.http.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", url, resp.Status)
		}
		return nil
	}
}

// plan prepares the floors and lists what is measured.
func plan(ctx context.Context, c *client, f *floors, dir string) ([]measure.Figure, error) {
	list, err := c.okr.ListObjectives(ctx, &okrv1.ListObjectivesRequest{PageSize: objectives})
	if err != nil {
		return nil, err
	}
	rec, err := c.record(ctx)
	if err != nil {
		return nil, err
	}
	bare, err := f.serveEcho(ctx, c, &echo{objective: c.objectives[0], list: list})
	if err != nil {
		return nil, err
	}
	if err := f.serveHTTP(ctx, bare); err != nil {
		return nil, err
	}
	single, err := f.writeServer(ctx, c, dir, "single.db", func(db *bbolt.DB) error { return db.Update(rec.put) })
	if err != nil {
		return nil, err
	}
	// Batch with bbolt's defaults: a transaction waits up to 10 ms (MaxBatchDelay) for others, up to 1,000 of them
	// (MaxBatchSize). So 64 callers who wait for their answers wait for the delay, too.
	batch, err := f.writeServer(ctx, c, dir, "batch.db", func(db *bbolt.DB) error { return db.Batch(rec.put) })
	if err != nil {
		return nil, err
	}
	grouped, err := f.openBolt(dir, "grouped.db")
	if err != nil {
		return nil, err
	}
	get := func(ctx context.Context, _ int) error {
		_, err := bare.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: c.objectives[0].GetId()})
		return err
	}
	var figures []measure.Figure
	for _, callers := range []int{1, 16, writers} {
		leastGet, leastREST := 0.5, 0.0
		if callers == writers {
			leastGet, leastREST = 0.7, 0.6
		}
		figures = append(
			figures,
			measure.Figure{Name: "gRPC Get", Callers: callers, System: c.get, Floor: get, FloorName: "gRPC echo of the same bytes", Least: leastGet},
			measure.Figure{Name: "gRPC List", Callers: callers, System: c.list, Floor: func(ctx context.Context, _ int) error {
				_, err := bare.ListObjectives(ctx, &okrv1.ListObjectivesRequest{PageSize: objectives})
				return err
			}, FloorName: "gRPC echo of the same bytes", Least: 0.5},
			measure.Figure{
				Name: "REST GET", Callers: callers, System: c.httpGet(c.publicURL+"/api/v1/objectives/"+c.objectives[0].GetId(), c.token),
				Floor: c.httpGet(f.httpURL, ""), FloorName: "net/http, gRPC echo behind it", Least: leastREST,
			},
		)
	}
	return append(
		figures,
		measure.Figure{
			Name: "durable write", Callers: 1, System: c.write(), Floor: single,
			FloorName: "gRPC echo, one bbolt Update", Least: 1 / 1.3,
		},
		measure.Figure{
			Name: "durable write", Callers: writers, System: c.write(), Floor: batch,
			FloorName: "gRPC echo, bbolt Batch (its defaults: waits 10 ms, or for 1,000)", Least: 2,
		},
		measure.Figure{
			Name: "durable write", Callers: writers, System: c.write(), Floor: groupedWrites(grouped, rec, get), FloorGroup: writers,
			FloorName: "64 gRPC echos, one bbolt Update of 64",
		},
	), nil
}

// groupedWrites makes 64 calls at once, and 64 writes in one transaction.
func groupedWrites(db *bbolt.DB, rec *record, call measure.Operation) measure.Operation {
	return func(ctx context.Context, _ int) error {
		calls, ctx := errgroup.WithContext(ctx)
		for caller := range writers {
			calls.Go(func() error { return call(ctx, caller) })
		}
		if err := calls.Wait(); err != nil {
			return err
		}
		return db.Update(func(tx *bbolt.Tx) error {
			for range writers {
				if err := rec.put(tx); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// writeServer is a bare gRPC server that writes with bbolt before it answers.
func (f *floors) writeServer(ctx context.Context, c *client, dir, name string, write func(*bbolt.DB) error) (measure.Operation, error) {
	db, err := f.openBolt(dir, name)
	if err != nil {
		return nil, err
	}
	server, err := f.serveEcho(ctx, c, &echo{objective: c.objectives[0], write: func() error { return write(db) }})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, caller int) error {
		_, err := server.SetKeyResultAttainment(ctx, &okrv1.SetKeyResultAttainmentRequest{KeyResultId: c.keyResults[caller]})
		return err
	}, nil
}
