package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"

	"go.etcd.io/bbolt"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

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

// record is what one write puts into the file: the objective's document, the entry of the change log, and the head.
type record struct {
	document, change []byte
	sequence         atomic.Uint64
}

func newRecord(objective *okrv1.Objective, change *okrv1.Change) (*record, error) {
	document, err := proto.Marshal(objective)
	if err != nil {
		return nil, fmt.Errorf("marshalling the objective: %w", err)
	}
	entry, err := proto.Marshal(change)
	if err != nil {
		return nil, fmt.Errorf("marshalling the change: %w", err)
	}
	return &record{document: document, change: entry}, nil
}

func (r *record) put(tx *bbolt.Tx) error {
	bucket := tx.Bucket([]byte("organization"))
	sequence := binary.BigEndian.AppendUint64(nil, r.sequence.Add(1))
	if err := bucket.Put(append([]byte("c/"), sequence...), r.change); err != nil {
		return err
	}
	if err := bucket.Put([]byte("h"), append(sequence, sequence...)); err != nil {
		return err
	}
	return bucket.Put(fmt.Appendf(nil, "o/%014d", binary.BigEndian.Uint64(sequence)%64), r.document)
}

// openBolt opens a file of its own with bbolt's defaults.
func (f *floors) openBolt(dir, name string) (*bbolt.DB, error) {
	db, err := bbolt.Open(filepath.Join(dir, name), 0o600, nil)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	f.closers.Push(name, func(context.Context) error { return db.Close() })
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("organization"))
		return err
	})
	return db, err
}
