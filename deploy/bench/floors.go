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

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

// floors are the least that the same bytes cost: a gRPC server that answers a prepared message, a net/http server in
// front of it, and bbolt itself.
type floors struct {
	httpURL string
	closers run.Stack
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

// serveEcho starts a gRPC server without interceptors and connects to it as the system's client does, with the same
// credential in each call, so that the same bytes travel.
func (f *floors) serveEcho(ctx context.Context, c *client, e *echo) (okrv1.OkrServiceClient, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	server := grpc.NewServer()
	okrv1.RegisterOkrServiceServer(server, e)
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	f.closers.Push("echo server", func(context.Context) error {
		server.Stop()
		return <-stopped
	})
	conn, err := c.dial(listener.Addr().String())
	if err != nil {
		return nil, err
	}
	f.closers.Push("echo connection", func(context.Context) error { return conn.Close() })
	return okrv1.NewOkrServiceClient(conn), nil
}

// serveHTTP starts a net/http server that asks the echo server and writes JSON.
func (f *floors) serveHTTP(ctx context.Context, client okrv1.OkrServiceClient) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening: %w", err)
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
	f.closers.Push("bare HTTP server", func(context.Context) error {
		err := server.Close()
		if served := <-stopped; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	})
	f.httpURL = "http://" + listener.Addr().String() + "/objective"
	return nil
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
func (f *floors) openBolt(dir, name string) (*bbolt.DB, error) {
	db, err := bbolt.Open(filepath.Join(dir, name), 0o600, nil)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	f.closers.Push(name, func(context.Context) error { return db.Close() })
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("records"))
		return err
	})
	return db, err
}
