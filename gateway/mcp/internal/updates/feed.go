package updates

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const (
	// firstPause is the wait before a stream that ended at once is opened anew; it doubles up to lastPause.
	firstPause = 200 * time.Millisecond
	lastPause  = 5 * time.Second
)

// feed follows the changes that an audience may read. okr-store ends a stream with the transaction token that it was opened
// with, after 30 seconds at most; the feed goes on after its last cursor with the token of a subscriber who is there then.
type feed struct {
	hub      *Hub
	audience audience
	stop     context.CancelFunc
	// positioned is closed when it is known after which change the feed began.
	positioned chan struct{}
	// subscribers are guarded by the hub's mutex.
	subscribers map[*subscriber]struct{}

	// What follows is used by run alone.
	cursor string
	// lost says that changes were missed, because the cursor was of another log than the store has now.
	lost bool
}

// run follows until ctx ends.
func (f *feed) run(ctx context.Context) {
	pause := time.Duration(0)
	for ctx.Err() == nil {
		began := time.Now()
		err := f.follow(ctx)
		switch reason := rpcerr.ReasonOf(err); {
		case reason == accessv1.ErrorReason_ERROR_REASON_CURSOR_TOO_OLD, reason == accessv1.ErrorReason_ERROR_REASON_CURSOR_INVALID:
			f.cursor, f.lost = "", true
		case errors.Is(err, errLeft):
			continue
		case time.Since(began) > lastPause:
			pause = 0
			continue // as a rule its token ran out
		}
		pause = min(max(firstPause, 2*pause), lastPause)
		if ctx.Err() == nil && status.Code(err) != codes.Unauthenticated {
			f.hub.Logger.WarnContext(ctx, "following changes failed", slog.Any("error", err), slog.Duration("retry_after", pause))
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

var (
	// errLeft says that the subscriber is gone in whose name a stream was open.
	errLeft = errors.New("the subscriber left")
	// errOther says that a subscriber may read something else now. It is about to leave.
	errOther = errors.New("the subscriber may read something else now")
)

// follow opens one stream of the store and passes on what it brings, until it ends. It never returns nil.
func (f *feed) follow(ctx context.Context) error {
	lead := f.lead()
	if lead == nil {
		return errLeft // so did everybody else, and ctx ends
	}
	identity, _, err := f.hub.Renew(lead.ctx)
	if err != nil {
		return err
	}
	// Changes that a lead may not read any more would be missed by all.
	if audienceOf(access.PrincipalFrom(identity)) != f.audience {
		lead.recheck()
		return errOther
	}
	streaming, cancel := context.WithCancel(identity)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	stream, err := f.hub.Store.WatchChanges(streaming, &okrv1.WatchChangesRequest{AfterCursor: f.cursor})
	for err == nil {
		var m *okrv1.WatchChangesResponse
		if m, err = stream.Recv(); err == nil {
			f.take(m)
		}
	}
	if lead.ctx.Err() != nil {
		return errLeft
	}
	return err
}

// lead is one of the subscribers, another time another one: one whom the store refuses must not keep the others from it.
func (f *feed) lead() *subscriber {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	for s := range f.subscribers {
		if s.ctx.Err() == nil {
			return s
		}
	}
	return nil
}

// take passes one message on.
func (f *feed) take(m *okrv1.WatchChangesResponse) {
	if cursor := m.GetCursor(); cursor != "" {
		f.cursor = cursor
		select {
		case <-f.positioned:
		default:
			close(f.positioned)
		}
	}
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	if f.lost {
		f.lost = false
		for s := range f.subscribers {
			s.offerAll()
		}
	}
	if m.GetChange() == nil {
		return
	}
	touch := f.hub.Touched(m.GetChange())
	for s := range f.subscribers {
		s.offer(touch)
	}
}
