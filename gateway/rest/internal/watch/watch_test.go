package watch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/df0f9dda/okr-manager/gateway/rest/internal/watch"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

var (
	errAway    = status.Error(codes.Unavailable, "away")
	errExpired = rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED, "expired")
)

// store answers each WatchChanges with the next of its scripts: the cursors of messages, then an error. The last script
// repeats.
type store struct {
	okrv1.OkrServiceClient
	scripts []script
	opened  []string // the cursors that streams were opened after
}

type script struct {
	cursors []string
	err     error // nil: the stream stays open
}

func (s *store) WatchChanges(ctx context.Context, req *okrv1.WatchChangesRequest, _ ...grpc.CallOption) (grpc.ServerStreamingClient[okrv1.WatchChangesResponse], error) {
	next := s.scripts[min(len(s.opened), len(s.scripts)-1)]
	s.opened = append(s.opened, req.GetAfterCursor())
	return &scripted{ctx: ctx, script: next}, nil
}

type scripted struct {
	grpc.ClientStream
	ctx context.Context
	script
}

func (s *scripted) Recv() (*okrv1.WatchChangesResponse, error) {
	if len(s.cursors) > 0 {
		cursor := s.cursors[0]
		s.cursors = s.cursors[1:]
		return &okrv1.WatchChangesResponse{Cursor: cursor}, nil
	}
	if s.err != nil {
		return nil, s.err
	}
	<-s.ctx.Done()
	return nil, status.FromContextError(s.ctx.Err()).Err()
}

func renewed(ctx context.Context) (context.Context, error) { return ctx, nil }

// read reads a stream to its end.
func read(ctx context.Context, okr okrv1.OkrServiceClient) (cursors []string, err error) {
	stream, err := okr.WatchChanges(ctx, &okrv1.WatchChangesRequest{AfterCursor: "start"})
	for err == nil {
		var m *okrv1.WatchChangesResponse
		if m, err = stream.Recv(); err == nil {
			cursors = append(cursors, m.GetCursor())
		}
	}
	return cursors, err
}

func TestStreamsAreJoinedAtTheLastCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := status.Error(codes.OutOfRange, "list again")
		s := &store{scripts: []script{
			{[]string{"a", "b"}, errExpired}, {[]string{"b", "c"}, errAway}, {nil, errAway}, {[]string{"c", "d"}, io.EOF}, {nil, end},
		}}
		cursors, err := read(t.Context(), watch.Resume(s, renewed, t.Context()))
		if got := fmt.Sprint(cursors); got != "[a b b c c d]" || !errors.Is(err, end) {
			t.Errorf("read %s, %v", got, err)
		}
		if got := fmt.Sprint(s.opened); got != "[start b c c d]" {
			t.Errorf("streams were opened after %s", got)
		}
	})
}

func TestAStoreThatStaysAwayEndsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{scripts: []script{{[]string{"a"}, errAway}, {nil, errAway}}}
		began := time.Now()
		_, err := read(t.Context(), watch.Resume(s, renewed, t.Context()))
		if took := time.Since(began); status.Code(err) != codes.Unavailable || took < 3*time.Second || took > 30*time.Second {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

func TestAStoreThatEndsEveryStreamIsNotAskedInALoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{scripts: []script{{[]string{"a"}, errExpired}}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, _ = read(ctx, watch.Resume(s, renewed, t.Context()))
		if n := len(s.opened); n > 60 {
			t.Errorf("%d streams in ten seconds", n)
		}
	})
}

func TestWhatIsWrongAtTheStartIsAnErrorOfTheCall(t *testing.T) {
	s := &store{scripts: []script{{nil, errAway}}}
	if _, err := watch.Resume(s, renewed, t.Context()).WatchChanges(t.Context(), &okrv1.WatchChangesRequest{}); !errors.Is(err, errAway) {
		t.Errorf("the call's error is %v", err)
	}
	if len(s.opened) != 1 {
		t.Errorf("it was tried %d times", len(s.opened))
	}
}

func TestAnIdentityThatCannotBeRenewedEndsTheStreamWithItsError(t *testing.T) {
	s := &store{scripts: []script{{[]string{"a"}, errExpired}}}
	revoked := rpcerr.New(codes.Unauthenticated, accessv1.ErrorReason_ERROR_REASON_TOKEN_INVALID, "revoked")
	var asked atomic.Int32
	cursors, err := read(t.Context(), watch.Resume(s, func(context.Context) (context.Context, error) {
		asked.Add(1)
		return nil, revoked
	}, t.Context()))
	if !errors.Is(err, revoked) || len(cursors) != 1 || asked.Load() != 1 {
		t.Errorf("read %v, %v after %d questions", cursors, err, asked.Load())
	}
}

func TestStopping(t *testing.T) {
	for name, s := range map[string]*store{
		"while reading": {scripts: []script{{[]string{"a"}, nil}}},
		"while waiting": {scripts: []script{{[]string{"a"}, errAway}, {nil, errAway}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stopping, stop := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, stop)
				began := time.Now()
				_, err := read(t.Context(), watch.Resume(s, renewed, stopping))
				if status.Code(err) != codes.Unavailable || time.Since(began) != time.Second {
					t.Errorf("after %s: %v", time.Since(began), err)
				}
			})
		})
	}
}

func TestAReaderThatLeavesEndsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{scripts: []script{{[]string{"a"}, errAway}, {nil, errAway}}}
		ctx, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		began := time.Now()
		if _, err := read(ctx, watch.Resume(s, renewed, t.Context())); err == nil || time.Since(began) != time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}
