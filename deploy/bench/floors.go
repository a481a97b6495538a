package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync/atomic"

	"go.etcd.io/bbolt"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/df0f9dda/okr-manager/deploy/internal/measure"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

// floors are the least that the same bytes cost: a gRPC server that answers a prepared message, a net/http server in
// front of it, and bbolt itself behind one, with an Update for each write or with Batch.
type floors struct {
	echo, single, batch okrv1.OkrServiceClient
	httpURL             string
}

const commandFloors = "floors"

// floorsTask is what the process of the floors is told: messages in wire format, a directory for its files, and the
// credential that travels with each call.
type floorsTask struct {
	Objectives       [][]byte
	List, Change     []byte
	Directory, Token string
}

// floorsAt is where the floors listen.
type floorsAt struct{ Echo, Single, Batch, HTTP string }

// startFloors starts the floors in a process of their own, and connects to them as the system's client does, with the same
// credential in each call, so that the same bytes travel.
func startFloors(ctx context.Context, c *client, change *okrv1.Change, dir string, closers *run.Stack) (*floors, error) {
	list, err := c.okr.ListObjectives(ctx, &okrv1.ListObjectivesRequest{PageSize: objectives})
	if err != nil {
		return nil, err
	}
	do := floorsTask{Directory: dir, Token: c.token}
	for _, o := range c.objectives {
		message, err := proto.Marshal(o)
		if err != nil {
			return nil, fmt.Errorf("telling the floors: %w", err)
		}
		do.Objectives = append(do.Objectives, message)
	}
	var failed [2]error
	do.List, failed[0] = proto.Marshal(list)
	do.Change, failed[1] = proto.Marshal(change)
	if err := errors.Join(failed[:]...); err != nil {
		return nil, fmt.Errorf("telling the floors: %w", err)
	}
	process, at, err := measure.StartChild[floorsAt](ctx, commandFloors, do, measure.AsGoDoes())
	if err != nil {
		return nil, err
	}
	closers.Push("floors", func(context.Context) error { return process.Stop() })
	f := &floors{httpURL: at.HTTP}
	for addr, client := range map[string]*okrv1.OkrServiceClient{at.Echo: &f.echo, at.Single: &f.single, at.Batch: &f.batch} {
		conn, err := dial(addr, c.token)
		if err != nil {
			return nil, err
		}
		closers.Push("connection to a floor", func(context.Context) error { return conn.Close() })
		*client = okrv1.NewOkrServiceClient(conn)
	}
	return f, nil
}

// serveFloors serves the floors until its input ends.
func serveFloors(ctx context.Context, _ []string, stdio run.Stdio) error {
	return measure.ServeChild(ctx, stdio, func(ctx context.Context, do floorsTask) (floorsAt, func() error, error) {
		var closers run.Stack
		stop := func() error { return closers.Close(context.WithoutCancel(ctx)) }
		at, err := do.serve(ctx, &closers)
		if err != nil {
			return floorsAt{}, nil, errors.Join(err, stop())
		}
		return at, stop, nil
	})
}

func (do floorsTask) serve(ctx context.Context, closers *run.Stack) (at floorsAt, err error) {
	var all []*okrv1.Objective
	for _, message := range do.Objectives {
		o := &okrv1.Objective{}
		if err := proto.Unmarshal(message, o); err != nil {
			return at, fmt.Errorf("reading an objective: %w", err)
		}
		all = append(all, o)
	}
	list, change := &okrv1.ListObjectivesResponse{}, &okrv1.Change{}
	if err := errors.Join(proto.Unmarshal(do.List, list), proto.Unmarshal(do.Change, change)); err != nil {
		return at, fmt.Errorf("reading the task: %w", err)
	}
	rec, err := newRecord(all, change)
	if err != nil {
		return at, err
	}
	if at.Echo, err = serveEcho(ctx, &echo{objective: all[0], list: list}, closers); err != nil {
		return at, err
	}
	if at.HTTP, err = serveHTTP(ctx, at.Echo, do.Token, closers); err != nil {
		return at, err
	}
	single, err := openBolt(do.Directory, "single.db", closers)
	if err != nil {
		return at, err
	}
	if at.Single, err = serveEcho(ctx, &echo{objective: all[0], write: func() error { return single.Update(rec.put) }}, closers); err != nil {
		return at, err
	}
	// Batch with bbolt's defaults: a transaction waits up to 10 ms (MaxBatchDelay) for others, up to 1,000 of them
	// (MaxBatchSize). So 64 callers who wait for their answers wait for the delay, too.
	batch, err := openBolt(do.Directory, "batch.db", closers)
	if err != nil {
		return at, err
	}
	at.Batch, err = serveEcho(ctx, &echo{objective: all[0], write: func() error { return batch.Batch(rec.put) }}, closers)
	return at, err
}

// echo answers prepared messages, and writes with bbolt where asked to.
type echo struct {
	okrv1.UnimplementedOkrServiceServer
	objective *okrv1.Objective
	list      *okrv1.ListObjectivesResponse
	write     func() error
}

func (e *echo) GetObjective(context.Context, *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
	return e.objective, nil
}

func (e *echo) ListObjectives(context.Context, *okrv1.ListObjectivesRequest) (*okrv1.ListObjectivesResponse, error) {
	return e.list, nil
}

func (e *echo) SetKeyResultAttainment(context.Context, *okrv1.SetKeyResultAttainmentRequest) (*okrv1.KeyResult, error) {
	return e.objective.GetKeyResults()[0], e.write()
}

// serveEcho starts a gRPC server without interceptors.
func serveEcho(ctx context.Context, e *echo, closers *run.Stack) (addr string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listening: %w", err)
	}
	server := grpc.NewServer()
	okrv1.RegisterOkrServiceServer(server, e)
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	closers.Push("echo server", func(context.Context) error {
		server.Stop()
		return <-stopped
	})
	return listener.Addr().String(), nil
}

// serveHTTP starts a net/http server that asks the echo server and writes JSON.
func serveHTTP(ctx context.Context, echo, token string, closers *run.Stack) (url string, err error) {
	conn, err := dial(echo, token)
	if err != nil {
		return "", err
	}
	closers.Push("echo connection", func(context.Context) error { return conn.Close() })
	client := okrv1.NewOkrServiceClient(conn)
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listening: %w", err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := client.GetObjective(r.Context(), &okrv1.GetObjectiveRequest{ObjectiveId: r.PathValue("id")})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		body, err := protojson.Marshal(answer)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // the caller checks what it got
	})}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	closers.Push("bare HTTP server", func(context.Context) error {
		err := server.Close()
		if served := <-stopped; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	})
	return "http://" + listener.Addr().String() + "/objective", nil
}

// storedPrefix is what the store's keys start with: the organization of the member whose token is used.
const storedPrefix = "\x36organization-test-a0000000-0000-4000-8000-000000000001"

// record is what one write puts into the file: the objective's document, the entry of the change log with its place in the
// objective's history, the check-in, what the client did in sum, and the head; as the store writes them, under the same keys
// and in as many bytes.
type record struct {
	objectives      []document
	sumKey, sum     []byte
	change, checkIn []byte
	history         []byte
	head            []byte
	sequence        atomic.Uint64
}

// document is a stored objective, and what its changes and the check-ins of one of its key results stand under.
type document struct{ key, value, history, checkIns []byte }

func newRecord(objectives []*okrv1.Objective, change *okrv1.Change) (*record, error) {
	client, did := change.GetVia(), &okrv1.ActivityCount{
		Changes: change.GetSeq(), FirstSeq: 1, FirstTime: change.GetCreateTime(), LastSeq: change.GetSeq(), LastTime: change.GetCreateTime(),
	}
	r := &record{sumKey: []byte(storedPrefix + "s/" + change.GetActor().GetMemberId() + "/" + client.GetClientId())}
	for _, part := range []struct {
		value   *[]byte
		message proto.Message
	}{
		{&r.change, change},
		{&r.checkIn, change.GetCheckIn()},
		{&r.history, wrapperspb.String(change.GetCheckIn().GetKeyResultId())},
		{&r.sum, &okrv1.ClientActivity{
			ClientId: client.GetClientId(), ClientName: client.GetClientName(), Member: change.GetActor(),
			Objectives: did, KeyResults: did, LastUseTime: change.GetCreateTime(),
		}},
		{&r.head, &okrv1.Change{Seq: change.GetSeq(), CreateTime: change.GetCreateTime()}},
	} {
		var err error
		if *part.value, err = storedValue(part.message); err != nil {
			return nil, err
		}
	}
	for _, o := range objectives {
		stored := proto.CloneOf(o)
		stored.Progress = nil // derived, so it is not stored
		value, err := storedValue(stored)
		if err != nil {
			return nil, err
		}
		r.objectives = append(r.objectives, document{
			key:      []byte(storedPrefix + "o/" + o.GetId()),
			value:    value,
			history:  []byte(storedPrefix + "l/" + o.GetId() + "/"),
			checkIns: []byte(storedPrefix + "i/" + o.GetKeyResults()[0].GetId() + "/"),
		})
	}
	return r, nil
}

// storedValue has room for a checksum and a format byte before the message.
func storedValue(m proto.Message) ([]byte, error) {
	value, err := proto.MarshalOptions{}.MarshalAppend(make([]byte, 5), m)
	if err != nil {
		return nil, fmt.Errorf("marshalling what is written: %w", err)
	}
	return value, nil
}

// put writes once. Its keys are as long as the store's; an id's 16 characters grow with time.
func (r *record) put(tx *bbolt.Tx) error {
	bucket := tx.Bucket([]byte("records"))
	sequence := r.sequence.Add(1)
	number := binary.BigEndian.AppendUint64(nil, sequence)
	o := r.objectives[sequence%uint64(len(r.objectives))]
	return errors.Join(
		bucket.Put(append([]byte(storedPrefix+"c/"), number...), r.change),
		bucket.Put(slices.Concat(o.history, number), r.history),
		bucket.Put(fmt.Appendf(slices.Clone(o.checkIns), "chk_%013d", sequence), r.checkIn),
		bucket.Put(r.sumKey, r.sum),
		bucket.Put([]byte(storedPrefix+"h"), r.head),
		bucket.Put(o.key, o.value),
	)
}

// openBolt opens a file of its own with bbolt's defaults.
func openBolt(dir, name string, closers *run.Stack) (*bbolt.DB, error) {
	db, err := bbolt.Open(filepath.Join(dir, name), 0o600, nil)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	closers.Push(name, func(context.Context) error { return db.Close() })
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("records"))
		return err
	})
	return db, err
}
