package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"text/tabwriter"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/df0f9dda/okr-manager/deploy/internal/stack"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// Config says how long to measure.
type Config struct {
	// Round is how long one round of one figure takes; there are six of the system and six of its floor.
	Round time.Duration `env:"OKR_BENCH_ROUND" envDefault:"500ms"`
	// Only measures the figures whose name contains it.
	Only string `env:"OKR_BENCH_ONLY"`
	// Profile is a file to write a CPU profile to.
	Profile string `env:"OKR_BENCH_PROFILE"`
}

const (
	writers         = 64
	objectives      = 64
	keyResultsEach  = 4
	keyResultsInAll = objectives * keyResultsEach
)

func bench(ctx context.Context, cfg Config) (err error) {
	dir, err := os.MkdirTemp("", "okr-bench-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	accessLog, err := os.Create(filepath.Join(dir, "log.json"))
	if err != nil {
		return fmt.Errorf("making the log: %w", err)
	}
	defer func() { err = errors.Join(err, accessLog.Close()) }()

	system, err := stack.Start(ctx, stack.Config{
		EphemeralPorts: true,
		Environment:    map[string]string{"OKR_DATA_DIR": dir},
		Logger:         telemetry.NewLogger(accessLog, nil, "okr-bench"),
	})
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
	figures, err := plan(ctx, c, f, dir)
	if err != nil {
		return err
	}
	if cfg.Profile != "" {
		profile, err := os.Create(cfg.Profile)
		if err != nil {
			return fmt.Errorf("making the profile: %w", err)
		}
		if err := pprof.StartCPUProfile(profile); err != nil {
			return fmt.Errorf("profiling: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	var results []result
	for _, figure := range figures {
		if !strings.Contains(figure.name, cfg.Only) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s, %d callers\n", figure.name, figure.callers)
		r, err := measure(ctx, figure, cfg.Round)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	return report(os.Stdout, results)
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
}

// connect gets the credential of an agent of the CEO with every scope from the local identity provider.
func connect(ctx context.Context, system *stack.Stack) (*client, error) {
	body := `{"member_id":"member-test-a0000000-0000-4000-8000-000000000001","client_name":"bench","scopes":["openid","read:okrs","manage:objectives","manage:krs","report_kr_status"]}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, system.DevidpURL+"/_dev/tokens", bytes.NewBufferString(body))
	if err != nil {
		return nil, fmt.Errorf("asking for a token: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking for a token: %w", err)
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken  string `json:"access_token"`
		ErrorMessage string `json:"error_message"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("reading the token: %w", err)
	}
	if answer.AccessToken == "" {
		return nil, fmt.Errorf("no token: %s", answer.ErrorMessage)
	}
	c := &client{
		http:      &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: writers}},
		token:     answer.AccessToken,
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
func (c *client) write() operation {
	attainment := make([]int32, writers)
	return func(ctx context.Context, caller int) error {
		attainment[caller] = (attainment[caller] + 1) % 100
		_, err := c.okr.SetKeyResultAttainment(ctx, &okrv1.SetKeyResultAttainmentRequest{
			KeyResultId: c.keyResults[caller*keyResultsEach%keyResultsInAll],
			Attainment:  proto.Int32(attainment[caller] + 1),
		})
		return err
	}
}

// httpGet reads an objective from a URL.
func (c *client) httpGet(url, bearer string) operation {
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
func plan(ctx context.Context, c *client, f *floors, dir string) ([]figure, error) {
	list, err := c.okr.ListObjectives(ctx, &okrv1.ListObjectivesRequest{PageSize: objectives})
	if err != nil {
		return nil, err
	}
	changes, err := c.okr.ListChanges(ctx, &okrv1.ListChangesRequest{PageSize: 1, OrderBy: "seq desc"})
	if err != nil {
		return nil, err
	}
	rec, err := newRecord(c.objectives[0], changes.GetChanges()[0])
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
	var figures []figure
	for _, callers := range []int{1, 16, writers} {
		figures = append(
			figures,
			figure{name: "gRPC Get", callers: callers, system: c.get, floor: get, floorName: "gRPC echo of the same bytes", least: 0.5},
			figure{name: "gRPC List", callers: callers, system: c.list, floor: func(ctx context.Context, _ int) error {
				_, err := bare.ListObjectives(ctx, &okrv1.ListObjectivesRequest{PageSize: objectives})
				return err
			}, floorName: "gRPC echo of the same bytes", least: 0.5},
			figure{
				name: "REST GET", callers: callers, system: c.httpGet(c.publicURL+"/api/v1/objectives/"+c.objectives[0].GetId(), c.token),
				floor: c.httpGet(f.httpURL, ""), floorName: "net/http, gRPC echo behind it",
			},
		)
	}
	return append(
		figures,
		figure{
			name: "durable write", callers: 1, system: c.write(), floor: single,
			floorName: "gRPC echo, one bbolt Update", least: 1 / 1.5,
		},
		figure{
			name: "durable write", callers: writers, system: c.write(), floor: batch,
			floorName: "gRPC echo, bbolt Batch", least: 1.5,
		},
		figure{
			name: "durable write", callers: writers, system: c.write(), floor: groupedWrites(grouped, rec, get), floorGroup: writers,
			floorName: "64 gRPC echos, one bbolt Update of 64",
		},
	), nil
}

// groupedWrites makes 64 calls at once, and 64 writes in one transaction.
func groupedWrites(db *bbolt.DB, rec *record, call operation) operation {
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
func (f *floors) writeServer(ctx context.Context, c *client, dir, name string, write func(*bbolt.DB) error) (operation, error) {
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

func report(w io.Writer, results []result) error {
	fmt.Fprintf(w, "%s, %s/%s, %d cores. Medians of %d rounds; a ratio is the system's rate by its floor's.\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tcallers\tsystem/s\tfloor/s\tratio\tasked\t\tfloor")
	for _, r := range results {
		asked, verdict := "", ""
		if r.least > 0 {
			asked, verdict = fmt.Sprintf("≥ %.2f", r.least), "met"
			if r.ratio < r.least {
				verdict = "MISSED"
			}
		}
		fmt.Fprintf(table, "%s\t%d\t%.0f\t%.0f\t%.2f\t%s\t%s\t%s\n",
			r.name, r.callers, r.systemRate, r.floorRate, r.ratio, asked, verdict, r.floorName)
	}
	return table.Flush()
}
