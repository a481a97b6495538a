package okrclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

type watchStream = grpc.ServerStreamingServer[okrv1.WatchChangesResponse]

// sends sends changes with these numbers, whose cursors are "c" and the number, after a heartbeat at the position.
func sends(stream watchStream, after string, numbers ...int64) {
	_ = stream.Send(&okrv1.WatchChangesResponse{Cursor: after})
	for _, n := range numbers {
		cursor := "c" + strconv.FormatInt(n, 10)
		_ = stream.Send(&okrv1.WatchChangesResponse{Cursor: cursor, Change: &okrv1.Change{Seq: n, Cursor: cursor}})
	}
}

// seen loops over a watch until a change with the number last, and answers the numbers.
func seen(t *testing.T, c *Client, after string, last int64) (numbers []int64, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for m, err := range c.Watch(ctx, after) {
		if err != nil {
			return numbers, err
		}
		if m.GetChange() == nil {
			continue
		}
		if numbers = append(numbers, m.GetChange().GetSeq()); m.GetChange().GetSeq() == last {
			return numbers, nil
		}
	}
	return numbers, errors.New("the loop ended by itself")
}

func TestAWatchGoesOnWhereItWasBroken(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*testing.T) error
		// waits is whether there is a delay before the next stream.
		waits bool
	}{
		{"by a server that stops", func(t *testing.T) error { return refusal(t, codes.Unavailable, "SERVICE_UNAVAILABLE") }, true},
		{"by nobody who says so", func(t *testing.T) error { return refusal(t, codes.Unavailable, "") }, true},
		{"by authz that is away", func(t *testing.T) error { return refusal(t, codes.Unavailable, "AUTHZ_UNAVAILABLE") }, true},
		{"by something on the way", func(t *testing.T) error { return refusal(t, codes.Internal, "") }, true},
		{"by somebody's time limit", func(t *testing.T) error { return refusal(t, codes.DeadlineExceeded, "") }, true},
		{"by an end without a reason", func(*testing.T) error { return nil }, true},
		{"by a rate limit", func(t *testing.T) error {
			return refusal(t, codes.ResourceExhausted, "RATE_LIMITED", retryIn(time.Minute))
		}, true},
		{"by the end of the token", func(t *testing.T) error { return refusal(t, codes.Unauthenticated, "TOKEN_EXPIRED") }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var after, tokens []string
			s := &scripted{watch: func(req *okrv1.WatchChangesRequest, stream watchStream) error {
				tokens = append(tokens, bearerOf(stream.Context()))
				switch after = append(after, req.GetAfterCursor()); len(after) {
				case 1:
					sends(stream, "c0", 1, 2)
					return c.end(t)
				case 2: // what came already comes again
					sends(stream, "c1", 2, 3)
					return c.end(t)
				default:
					sends(stream, "c3", 4, 5)
					<-stream.Context().Done()
					return nil
				}
			}}
			client, waits := client(t, s, func(cfg *Config) { cfg.Tokens = &renewing{"old", "new"} })
			got, err := seen(t, client, "c0", 5)
			if err != nil || !slices.Equal(got, []int64{1, 2, 3, 4, 5}) || !slices.Equal(after, []string{"c0", "c2", "c3"}) {
				t.Errorf("seen were %v, %v, by streams after %v", got, err, after)
			}
			if (len(waits.list()) == 2) != c.waits || !c.waits && len(waits.list()) != 0 {
				t.Errorf("it waited %v", waits.list())
			}
			if want := map[bool]string{true: "old old old", false: "old new new"}[c.waits]; strings.Join(tokens, " ") != want {
				t.Errorf("the streams had the tokens %v, want %s", tokens, want)
			}
		})
	}
}

func TestAWatchEndsWithWhatNoNewStreamCanMend(t *testing.T) {
	for _, c := range []struct {
		name   string
		code   codes.Code
		reason string
	}{
		{"the data was restored from a backup", codes.OutOfRange, "CURSOR_TOO_OLD"},
		{"the cursor is forged", codes.InvalidArgument, "CURSOR_INVALID"},
		{"the permission is gone", codes.PermissionDenied, "ROLE_MISSING"},
		{"the token was revoked", codes.Unauthenticated, "TOKEN_INVALID"},
	} {
		t.Run(c.name, func(t *testing.T) {
			streams := 0
			s := &scripted{watch: func(_ *okrv1.WatchChangesRequest, stream watchStream) error {
				if streams++; streams == 1 {
					sends(stream, "c0", 1)
					return refusal(t, codes.Unavailable, "")
				}
				return refusal(t, c.code, c.reason)
			}}
			client, _ := client(t, s, nil)
			got, err := seen(t, client, "", 9)
			want := accessv1.ErrorReason(accessv1.ErrorReason_value[reasonPrefix+c.reason])
			if ReasonOf(err) != want || !slices.Equal(got, []int64{1}) || streams != 2 {
				t.Errorf("seen were %v, %v, by %d streams", got, err, streams)
			}
		})
	}
}

func TestAWatchThatCannotBeginSaysSo(t *testing.T) {
	streams := 0
	s := &scripted{watch: func(*okrv1.WatchChangesRequest, watchStream) error {
		streams++
		return refusal(t, codes.Unavailable, "")
	}}
	c, waits := client(t, s, func(cfg *Config) { cfg.MaxAttempts = 3 })
	_, err := seen(t, c, "", 1)
	var e *Error
	if !errors.As(err, &e) || e.Code != codes.Unavailable || streams != 3 || len(waits.list()) != 2 {
		t.Errorf("after %d streams and waits of %v it answers %v", streams, waits.list(), err)
	}
}

func TestAWatchEndsWithItsContextAndItsLoop(t *testing.T) {
	var open atomic.Int32
	s := &scripted{watch: func(_ *okrv1.WatchChangesRequest, stream watchStream) error {
		open.Add(1)
		defer open.Add(-1)
		sends(stream, "c0", 1)
		<-stream.Context().Done()
		return stream.Context().Err()
	}}
	c, _ := client(t, s, nil)
	if got, err := seen(t, c, "", 1); err != nil || len(got) != 1 {
		t.Fatalf("seen were %v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ended error
	for _, err := range c.Watch(ctx, "") {
		cancel()
		ended = err
	}
	if !errors.Is(ended, context.Canceled) {
		t.Errorf("the loop ended with %v", ended)
	}
	// Who leaves in the same breath is not called again.
	leaving, leave := context.WithCancel(t.Context())
	defer leave()
	for range c.Watch(leaving, "") {
		leave()
		break
	}
	// Who only leaves the loop leaves no stream behind.
	for m := range c.Watch(t.Context(), "") {
		if m.GetChange() != nil {
			break
		}
	}
	deadline := time.Now().Add(30 * time.Second)
	for open.Load() > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d streams are open on the server", open.Load())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A server that is killed and comes back on the same address, again and again: every change comes once and in order.
func TestAWatchOutlivesRestartsOfTheServer(t *testing.T) {
	const changes, restarts = 300, 5
	log := &growingLog{grown: make(chan struct{})}
	s := &scripted{watch: log.watch}
	address, stop := serve(t, s, "127.0.0.1:0")
	c, _ := clientAt(t, address, func(cfg *Config) { cfg.MaxAttempts = 1000 }) // it may be stopped before the first message
	c.calls.retry.sleep = func(ctx context.Context, _ time.Duration) error { return sleep(ctx, 5*time.Millisecond) }

	done := make(chan error, 1)
	go func() {
		got, err := seen(t, c, "c0", changes)
		for i, n := range got {
			if n != int64(i+1) {
				err = fmt.Errorf("change %d came as number %d", n, i+1)
				break
			}
		}
		done <- err
	}()
	for n := range changes {
		log.grow()
		if n%(changes/restarts) == changes/restarts/2 {
			stop()
			_, stop = serve(t, s, address)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// growingLog is a change log of which all streams see everything.
type growingLog struct {
	mu    sync.Mutex
	head  int64
	grown chan struct{}
}

func (l *growingLog) grow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.head++
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *growingLog) watch(req *okrv1.WatchChangesRequest, stream watchStream) error {
	position, err := strconv.ParseInt(strings.TrimPrefix(req.GetAfterCursor(), "c"), 10, 64)
	if err != nil {
		return err
	}
	for {
		l.mu.Lock()
		head, grown := l.head, l.grown
		l.mu.Unlock()
		for ; position < head; position++ {
			cursor := "c" + strconv.FormatInt(position+1, 10)
			if err := stream.Send(&okrv1.WatchChangesResponse{Cursor: cursor, Change: &okrv1.Change{Seq: position + 1, Cursor: cursor}}); err != nil {
				return err
			}
		}
		select {
		case <-grown:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}
