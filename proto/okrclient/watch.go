package okrclient

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// Watch goes through the changes after a cursor, and then through new ones as they happen, until the context or the loop
// ends. Without a cursor it begins with what happens next. It survives restarts of the server, lost connections and
// expired tokens: each change comes once, in the order of the log.
//
// A message without a change is a heartbeat: one comes at once, so that the caller knows the position it starts from, and
// then one every 15 seconds, and whenever proposals are others than before, which its proposals_etag tells. The cursor of
// the last message seen is where another watch goes on.
//
// An error ends the loop; the context's own is one of them. ReasonOf tells CURSOR_TOO_OLD: the data was restored from a
// backup, and what was known has to be listed again, as Snapshot does. A server that cannot be reached is waited for: for as
// long as a call waits if nothing has come from it yet, and then without end.
func (c *Client) Watch(ctx context.Context, after string) iter.Seq2[*okrv1.WatchChangesResponse, error] {
	return func(yield func(*okrv1.WatchChangesResponse, error) bool) {
		w := watch{client: c, cursor: after, yield: yield}
		if err := c.calls.resuming(ctx, "watch", w.follow); err != nil && !errors.Is(err, errLeft) {
			yield(nil, err)
		}
	}
}

// Snapshot lists all objectives that the request asks for, and the cursor from which a watch misses nothing that is not in
// the list. What happens while the pages are read may be in the list and in the watch.
func (c *Client) Snapshot(ctx context.Context, req *okrv1.ListObjectivesRequest) (objectives []*okrv1.Objective, cursor string, err error) {
	for objective, err := range pages(req, func(req *okrv1.ListObjectivesRequest, token string) ([]*okrv1.Objective, string, error) {
		req.PageToken = token
		page, err := c.ListObjectives(ctx, req)
		if cursor == "" {
			cursor = page.GetCursor()
		}
		return page.GetObjectives(), page.GetNextPageToken(), err
	}) {
		if err != nil {
			return nil, "", err
		}
		objectives = append(objectives, objective)
	}
	return objectives, cursor, nil
}

// errLeft says that the loop was left.
var errLeft = errors.New("the loop was left")

// watch is one loop over changes, of one stream after the other.
type watch struct {
	client *Client
	yield  func(*okrv1.WatchChangesResponse, error) bool
	// cursor is that of the last message, and seq that of the last change.
	cursor string
	seq    int64
}

// follow reads one stream to its end, and reports whether it brought anything.
func (w *watch) follow(ctx context.Context) (received bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.client.WatchChanges(ctx, &okrv1.WatchChangesRequest{AfterCursor: w.cursor})
	if err != nil {
		return false, err
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			return received, err
		}
		received = true
		w.cursor = m.GetCursor()
		if change := m.GetChange(); change != nil {
			if change.GetSeq() <= w.seq {
				continue // it was there before the stream broke
			}
			w.seq = change.GetSeq()
		}
		if !w.yield(m, nil) {
			return received, errLeft
		}
	}
}

// resuming opens streams, one after the other, until one ends for good: without an error, or with one that another stream
// cannot mend. follow reads one to its end and reports whether it brought anything. Before any has, it is tried as often and
// as long as a call; from then on for as long as the context lasts.
func (c *calls) resuming(ctx context.Context, what string, follow func(context.Context) (received bool, err error)) error {
	begun, first := false, time.Now()
	for failures := 1; ; failures++ {
		started := time.Now()
		received, err := follow(ctx)
		if err == nil || errors.Is(err, errLeft) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		begun = begun || received
		// One that lasted has worked; one that ends right after its first message has not, however often.
		if time.Since(started) > maxDelay {
			failures = 1
		}
		switch {
		case ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED && received:
			// The end of every token's life. The next stream begins with another one.
		case !resumable(err), !begun && failures == c.retry.maxAttempts:
			return err
		default:
			delay := delayAfter(failures, err)
			if !begun && time.Since(first)+delay > c.timeout {
				return err
			}
			c.logger.LogAttrs(ctx, levelAfter(failures), "resumed", slog.String("what", what), slog.Int("failures", failures), slog.Any("error", err))
			if err := c.retry.sleep(ctx, delay); err != nil {
				return err
			}
		}
	}
}

// resumable reports whether a stream that ended so may be opened again: after what passes by itself, and after what only
// the way between here and the server can have done.
func resumable(err error) bool {
	if errors.As(err, new(final)) {
		return false
	}
	if errors.Is(err, io.EOF) || passing(err) || ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED {
		return true
	}
	var e *Error
	if !errors.As(err, &e) || e.ReasonName != "" {
		return false
	}
	switch e.Code {
	case codes.Internal, codes.Unknown, codes.Canceled, codes.DeadlineExceeded, codes.Aborted:
		return true
	default:
		return false
	}
}
