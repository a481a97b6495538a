package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

const (
	// watchBatch is how many changes a watch reads in one transaction, and watchBatchBytes after how many bytes it
	// stops earlier.
	watchBatch      = 256
	watchBatchBytes = 1 << 20
)

// watch is one stream of WatchChanges.
type watch struct {
	server  *Server
	stream  grpc.ServerStreamingServer[okrv1.WatchChangesResponse]
	caller  access.Caller
	visible okr.Readable
	beat    *time.Ticker
	// position is the seq of the last change that was sent, or found to be hidden from the caller.
	position int64
	// proposals are what the last heartbeat says of them.
	proposals proposalsState
}

// WatchChanges implements okrv1.OkrServiceServer. It reads the log in batches, and sends between the transactions and
// never in one: a slow reader holds nothing up but its own stream. The interceptors end the context, with the cause for
// the caller, when the identity expires and when the server stops.
func (s *Server) WatchChanges(
	req *okrv1.WatchChangesRequest, stream grpc.ServerStreamingServer[okrv1.WatchChangesResponse],
) error {
	ctx := stream.Context()
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return err
	}
	// The subscription comes before the first look at the log, so that no change falls between them.
	moved, err := s.engine.Watch(ctx, caller.GetOrganizationId())
	if err != nil {
		return s.failed(ctx, err)
	}
	w := &watch{
		server:  s,
		stream:  stream,
		caller:  caller,
		visible: readable(caller),
		beat:    time.NewTicker(s.heartbeat),
	}
	defer w.beat.Stop()
	return w.run(ctx, req.GetAfterCursor(), moved)
}

// run sends until something ends the stream. It never returns nil.
func (w *watch) run(ctx context.Context, afterCursor string, moved <-chan struct{}) error {
	if err := w.start(ctx, afterCursor); err != nil {
		return err
	}
	if err := w.sendHeartbeat(); err != nil {
		return err
	}
	for {
		if err := w.catchUp(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case _, open := <-moved:
			if !open { // by the end of ctx as well as by that of the engine
				if err := context.Cause(ctx); err != nil {
					return err
				}
				return stopping()
			}
		case <-w.beat.C:
			if err := w.beatNow(ctx); err != nil {
				return err
			}
		}
	}
}

// start finds the position that the stream starts from.
func (w *watch) start(ctx context.Context, afterCursor string) error {
	return w.server.view(ctx, w.caller, func(r records) error {
		head, err := r.head()
		if err != nil {
			return err
		}
		w.position = head.GetSeq()
		if afterCursor != "" {
			if w.position, err = w.server.position(w.caller.GetOrganizationId(), afterCursor, head.GetSeq()); err != nil {
				return err
			}
		}
		w.proposals, err = r.proposalsState(w.proposals, w.visible, w.server)
		return err
	})
}

// catchUp sends what the log has after the position, and heartbeats when they are due or the proposals are others.
func (w *watch) catchUp(ctx context.Context) error {
	for {
		told := w.proposals.etag
		batch, err := w.read(ctx)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			if w.proposals.etag != told {
				return w.sendHeartbeat()
			}
			return nil
		}
		for _, kv := range batch {
			if err := w.sendChange(kv); err != nil {
				return err
			}
			select {
			case <-w.beat.C:
				if err := w.sendHeartbeat(); err != nil {
					return err
				}
			default:
			}
		}
	}
}

// read takes the next entries out of the log. At its end there are none, and it looks at the proposals.
func (w *watch) read(ctx context.Context) ([]storage.KV, error) {
	var batch []storage.KV
	err := w.server.view(ctx, w.caller, func(r records) error {
		batch = nil
		size := 0
		next := storage.Range{Prefix: []byte(prefixChange), Start: changeKey(w.position + 1), Limit: watchBatch}
		for kv, err := range r.tx.Range(next) {
			if err != nil {
				return fmt.Errorf("reading the change log: %w", err)
			}
			batch = append(batch, kv.Clone())
			if size += len(kv.Value); size >= watchBatchBytes {
				return nil
			}
		}
		if len(batch) > 0 {
			return nil
		}
		var err error
		w.proposals, err = r.proposalsState(w.proposals, w.visible, w.server)
		return err
	})
	return batch, err
}

// errGap says that the log lacks an entry, which would otherwise be a change that the watcher misses.
var errGap = errors.New("the change log has a gap")

// sendChange moves the position on by one change and sends it if the caller may see it.
func (w *watch) sendChange(kv storage.KV) error {
	stored, err := decodeChange(kv)
	if err != nil {
		return err
	}
	if stored.GetSeq() != w.position+1 {
		return fmt.Errorf("%w: %w after %d", storage.ErrCorrupted, errGap, w.position)
	}
	w.position = stored.GetSeq()
	c := w.visible.Change(stored)
	if c == nil {
		return nil
	}
	c.Cursor = w.cursor()
	return w.stream.Send(&okrv1.WatchChangesResponse{Change: c, Cursor: c.GetCursor()})
}

// beatNow sends a heartbeat that is due. Proposals expire without anything being written.
func (w *watch) beatNow(ctx context.Context) error {
	if w.proposals.expired(w.server.now()) {
		told := w.proposals.etag
		if err := w.catchUp(ctx); err != nil || w.proposals.etag != told {
			return err // with a heartbeat, if all went well
		}
	}
	return w.sendHeartbeat()
}

// sendHeartbeat says how far the stream has come, and what the proposals are now.
func (w *watch) sendHeartbeat() error {
	return w.stream.Send(&okrv1.WatchChangesResponse{Cursor: w.cursor(), ProposalsEtag: w.proposals.etag})
}

func (w *watch) cursor() string {
	return w.server.cursor(w.caller.GetOrganizationId(), w.position)
}
