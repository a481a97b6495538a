package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strings"

	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/df0f9dda/okr-manager/deploy/internal/measure"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
	"github.com/df0f9dda/okr-manager/services/kit/run"
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

// clientGCPercent makes the client's garbage, which is much beside what it keeps, cost as little as possible.
const clientGCPercent = 1000

// rates compares calls a second with their floors.
func rates(ctx context.Context, cfg measure.Config) (err error) {
	defer debug.SetGCPercent(debug.SetGCPercent(clientGCPercent))
	process, at, err := measure.StartSystem(ctx, cfg.Profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, process.Stop()) }()
	cfg.Profile = "" // it is of the system alone

	c, err := connect(ctx, at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.conn.Close()) }()
	if err := c.fill(ctx); err != nil {
		return fmt.Errorf("filling the store: %w", err)
	}
	var closers run.Stack
	defer func() { err = errors.Join(err, closers.Close(context.WithoutCancel(ctx))) }()
	figures, err := plan(ctx, c, &closers, at.DataDir)
	if err != nil {
		return err
	}
	sizes, err := scale(ctx, cfg.Only, at.DataDir, &closers)
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
func connect(ctx context.Context, at measure.SystemAt) (*client, error) {
	token, err := measure.Token(ctx, at.DevidpURL, measure.Acme)
	if err != nil {
		return nil, err
	}
	c := &client{
		http:      &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: writers}},
		token:     token,
		publicURL: at.PublicURL,
	}
	if c.conn, err = dial(at.StoreAddr, token); err != nil {
		return nil, err
	}
	c.okr = okrv1.NewOkrServiceClient(c.conn)
	return c, nil
}

// dial connects to a server; calls carry a token.
func dial(addr, token string) (*grpc.ClientConn, error) {
	return grpcclient.Dial(addr, grpcclient.Config{
		Outgoing: func(context.Context, string) ([]string, error) {
			return []string{"authorization", "Bearer " + token}, nil
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

// change is the entry of a write in the change log.
func (c *client) change(ctx context.Context) (*okrv1.Change, error) {
	if err := c.write()(ctx, 0); err != nil {
		return nil, err
	}
	changes, err := c.okr.ListChanges(ctx, &okrv1.ListChangesRequest{PageSize: 1, OrderBy: "seq desc"})
	if err != nil {
		return nil, err
	}
	return changes.GetChanges()[0], nil
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

// plan starts the floors and lists what is measured.
func plan(ctx context.Context, c *client, closers *run.Stack, dir string) ([]measure.Figure, error) {
	change, err := c.change(ctx)
	if err != nil {
		return nil, err
	}
	floors, err := startFloors(ctx, c, change, dir, closers)
	if err != nil {
		return nil, err
	}
	rec, err := newRecord(c.objectives, change)
	if err != nil {
		return nil, err
	}
	grouped, err := openBolt(dir, "grouped.db", closers)
	if err != nil {
		return nil, err
	}
	get := func(ctx context.Context, _ int) error {
		_, err := floors.echo.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: c.objectives[0].GetId()})
		return err
	}
	written := func(server okrv1.OkrServiceClient) measure.Operation {
		return func(ctx context.Context, caller int) error {
			_, err := server.SetKeyResultAttainment(ctx, &okrv1.SetKeyResultAttainmentRequest{KeyResultId: c.keyResults[caller]})
			return err
		}
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
				_, err := floors.echo.ListObjectives(ctx, &okrv1.ListObjectivesRequest{PageSize: objectives})
				return err
			}, FloorName: "gRPC echo of the same bytes", Least: 0.5},
			measure.Figure{
				Name: "REST GET", Callers: callers, System: c.httpGet(c.publicURL+"/api/v1/objectives/"+c.objectives[0].GetId(), c.token),
				Floor: c.httpGet(floors.httpURL, ""), FloorName: "net/http, gRPC echo behind it", Least: leastREST,
			},
		)
	}
	return append(
		figures,
		measure.Figure{
			Name: "durable write", Callers: 1, System: c.write(), Floor: written(floors.single),
			FloorName: "gRPC echo, one bbolt Update", Least: 1 / 1.3,
		},
		measure.Figure{
			Name: "durable write", Callers: writers, System: c.write(), Floor: written(floors.batch),
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
