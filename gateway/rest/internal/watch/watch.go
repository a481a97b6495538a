// Package watch keeps a stream of changes going for as long as its caller may have it. okr-store ends each stream when
// the transaction token expires that it was opened with, after 30 seconds at most. Whoever reads from here sees one
// stream: the caller is authenticated again, and reading goes on after the last cursor, with nothing lost or repeated.
package watch

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const (
	// attempts are how many times in a row a stream may break without a message before it ends.
	attempts = 6
	// firstPause is the wait before the second attempt in a row; it doubles. Six attempts take about six seconds, which
	// outlasts the restart of a store.
	firstPause = 200 * time.Millisecond
)

// Renew establishes anew who is calling, and answers the context to go on with. Its error ends the stream.
type Renew func(context.Context) (context.Context, error)

// client is an OkrServiceClient whose WatchChanges resumes.
type client struct {
	okrv1.OkrServiceClient
	renew    Renew
	stopping context.Context
}

// Resume makes the streams of a client resume. They end with UNAVAILABLE when stopping does.
func Resume(okr okrv1.OkrServiceClient, renew Renew, stopping context.Context) okrv1.OkrServiceClient {
	return &client{okr, renew, stopping}
}

// WatchChanges implements okrv1.OkrServiceClient. It returns once the first message is there, which is at once for a
// caller who may watch: so what is wrong with the request is its error and not the stream's.
func (c *client) WatchChanges(ctx context.Context, req *okrv1.WatchChangesRequest, opts ...grpc.CallOption) (grpc.ServerStreamingClient[okrv1.WatchChangesResponse], error) {
	ctx, cancel := context.WithCancelCause(ctx)
	release := context.AfterFunc(c.stopping, func() { cancel(errStopping) })
	s := &stream{
		client: c, caller: ctx, ctx: ctx, opts: opts,
		req:   proto.CloneOf(req),
		close: func() { release(); cancel(nil) },
	}
	context.AfterFunc(ctx, func() { release() }) // a reader that leaves ends its context and calls nothing
	if err := s.open(); err != nil {
		s.close()
		return nil, s.cause(err)
	}
	first, err := s.receive()
	if err != nil {
		s.close()
		return nil, s.cause(err)
	}
	s.first = first
	return s, nil
}

// errStopping tells a reader to come back: another replica goes on where this one stops.
var errStopping error = rpcerr.Unavailable("the server is stopping; go on after the last cursor")

// stream is one stream for its reader and many, one after the other, of the store. It is used by one goroutine.
type stream struct {
	grpc.ServerStreamingClient[okrv1.WatchChangesResponse] // the store's current one

	client *client
	caller context.Context // as the caller came
	ctx    context.Context // the same with the identity of now
	req    *okrv1.WatchChangesRequest
	opts   []grpc.CallOption
	first  *okrv1.WatchChangesResponse
	opened time.Time // of the store's current stream
	close  func()
}

// open opens a stream of the store after the last cursor.
func (s *stream) open() error {
	inner, err := s.client.OkrServiceClient.WatchChanges(s.ctx, s.req, s.opts...)
	if err != nil {
		return err
	}
	s.ServerStreamingClient, s.opened = inner, time.Now()
	return nil
}

// receive takes one message from the store's current stream and remembers its cursor.
func (s *stream) receive() (*okrv1.WatchChangesResponse, error) {
	m, err := s.ServerStreamingClient.Recv()
	if err != nil {
		return nil, err
	}
	if cursor := m.GetCursor(); cursor != "" {
		s.req.AfterCursor = cursor
	}
	return m, nil
}

// Recv implements grpc.ServerStreamingClient.
func (s *stream) Recv() (*okrv1.WatchChangesResponse, error) {
	if m := s.first; m != nil {
		s.first = nil
		return m, nil
	}
	m, err := s.receive()
	pause := firstPause
	for attempt := 1; err != nil && attempt <= attempts && s.resumable(err); attempt++ {
		if attempt > 1 || time.Since(s.opened) < firstPause { // a store that ends streams at once is not asked in a loop
			if !s.wait(pause) {
				break
			}
			pause *= 2
		}
		m, err = s.resume()
	}
	if err != nil {
		s.close()
		return nil, s.cause(err)
	}
	return m, nil
}

// resume goes on with a fresh identity. A failure to get one is final, unlike a failure of the store.
func (s *stream) resume() (*okrv1.WatchChangesResponse, error) {
	ctx, err := s.client.renew(s.caller)
	if err != nil {
		return nil, final{err}
	}
	s.ctx = ctx
	if err := s.open(); err != nil {
		return nil, err
	}
	return s.receive()
}

// final marks an error after which there is nothing to resume.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// resumable says whether the same stream can go on: its token ran out, or the store stopped or cannot be reached.
func (s *stream) resumable(err error) bool {
	if _, is := errors.AsType[final](err); is || s.ctx.Err() != nil {
		return false
	}
	return errors.Is(err, io.EOF) || status.Code(err) == codes.Unavailable ||
		rpcerr.ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED
}

// wait pauses, unless the reader leaves or the server stops.
func (s *stream) wait(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-s.ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// cause is why a stream really ends.
func (s *stream) cause(err error) error {
	if errors.Is(context.Cause(s.ctx), errStopping) {
		return errStopping
	}
	if f, is := errors.AsType[final](err); is {
		return f.error
	}
	return err
}
