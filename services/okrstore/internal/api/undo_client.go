package api

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// maxUndone is how many changes one call of UndoClientChanges comes to.
const maxUndone = 200

// UndoClientChanges implements okrv1.OkrServiceServer. It looks for the changes of a call first, which holds nobody up,
// and then undoes them in transactions of as many as fit.
func (s *Server) UndoClientChanges(
	ctx context.Context, req *okrv1.UndoClientChangesRequest,
) (*okrv1.UndoClientChangesResponse, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	req = proto.CloneOf(req)
	req.MemberId = memberID(caller, req.GetMemberId())
	query, err := fingerprint(req, "continuation")
	if err != nil {
		return nil, err
	}
	binding := s.bind(caller, okrv1.OkrService_UndoClientChanges_FullMethodName, query)
	sweep := clientUndo{server: s, caller: caller, req: req, visible: readable(caller)}
	if err := sweep.start(ctx, binding); err != nil {
		return nil, err
	}
	if err := sweep.collect(ctx); err != nil {
		return nil, err
	}
	if err := sweep.run(ctx); err != nil {
		return nil, err
	}
	answer := &okrv1.UndoClientChangesResponse{Results: sweep.results}
	for _, result := range sweep.results {
		switch result.GetOutcome() {
		case okrv1.UndoOutcome_UNDO_OUTCOME_UNDONE:
			answer.Undone++
		case okrv1.UndoOutcome_UNDO_OUTCOME_ALREADY_UNDONE:
		default:
			answer.Skipped++
		}
	}
	if sweep.next > sweep.first {
		answer.Continuation = binding.seal(sweep.position())
	}
	return answer, nil
}

// clientUndo is one call of UndoClientChanges.
type clientUndo struct {
	server  *Server
	caller  access.Caller
	req     *okrv1.UndoClientChangesRequest
	visible okr.Readable

	// first ≤ seq < end is the part of the log that the first call found, and next the end of what is left of it.
	first, end, next int64
	// found are the changes to undo, newest first.
	found   []int64
	results []*okrv1.UndoResult
}

// position is where the next call goes on.
func (u *clientUndo) position() string { return fmt.Sprintf("%d/%d/%d", u.first, u.end, u.next) }

// start reads the continuation, or finds the part of the log that the request is about. CONTINUATION_INVALID.
func (u *clientUndo) start(ctx context.Context, binding pageBinding) error {
	if text := u.req.GetContinuation(); text != "" {
		position, ok := binding.open(text)
		parts := strings.Split(position, "/")
		if !ok || len(parts) != 3 {
			return continuationInvalid()
		}
		for i, number := range []*int64{&u.first, &u.end, &u.next} {
			var err error
			if *number, err = strconv.ParseInt(parts[i], 10, 64); err != nil {
				return continuationInvalid()
			}
		}
		return nil
	}
	return u.server.view(ctx, u.caller, func(r records) error {
		head, err := r.head()
		if err != nil {
			return err
		}
		u.first, u.end = 1, head.GetSeq()+1
		if at := u.req.GetStartTime(); at != nil {
			if u.first, err = r.firstChangeAt(at.AsTime(), head.GetSeq()); err != nil {
				return err
			}
		}
		if at := u.req.GetEndTime(); at != nil {
			if u.end, err = r.firstChangeAt(at.AsTime(), head.GetSeq()); err != nil {
				return err
			}
		}
		u.next = u.end
		return nil
	})
}

// selects reports whether a change is among those that the request is about.
func (u *clientUndo) selects(c *okrv1.Change) bool {
	return c.GetSeq() >= u.first && c.GetSeq() < u.end && ofClient(c, u.req.GetClientId()) &&
		(u.req.GetMemberId() == "" || ofMember(c, u.req.GetMemberId()))
}

// collect looks for the changes of this call, and moves next.
func (u *clientUndo) collect(ctx context.Context) error {
	next := u.next
	return u.server.view(ctx, u.caller, func(r records) error {
		u.found, u.next = nil, next
		scan := maxPageScan
		for found, err := range r.changes(changeRange{first: u.first, end: next, newest: true}) {
			if err != nil {
				return err
			}
			if scan -= max(len(found.kv.Value), minScanCost); scan < 0 && u.next < next || len(u.found) == maxUndone {
				return nil
			}
			c, err := decodeChange(found.kv)
			if err != nil {
				return err
			}
			mine, err := u.isToUndo(r, c)
			if err != nil {
				return err
			}
			if mine {
				u.found = append(u.found, c.GetSeq())
			}
			u.next = c.GetSeq()
		}
		u.next = u.first
		return nil
	})
}

// isToUndo reports whether a change is to be undone: it is selected and not itself the undoing of one that is, which
// would only be done again.
func (u *clientUndo) isToUndo(r records, c *okrv1.Change) (bool, error) {
	if !u.selects(c) || c.GetUndoes() == 0 {
		return u.selects(c), nil
	}
	undone, err := r.change(c.GetUndoes())
	return err == nil && !u.selects(undone), err
}

// run undoes what was found.
func (u *clientUndo) run(ctx context.Context) error {
	for len(u.results) < len(u.found) {
		results, err := u.transact(ctx, u.found[len(u.results):])
		if err != nil {
			return err
		}
		u.results = append(u.results, results...)
	}
	return nil
}

// transact undoes the first of some changes, as many as fit into a transaction, and one at least.
func (u *clientUndo) transact(ctx context.Context, changes []int64) (results []*okrv1.UndoResult, err error) {
	fn := func(tx storage.Tx) error {
		results = nil
		r := records{tx, &u.server.documents}
		m, err := u.server.newMutation(r, u.caller, okrv1.OkrService_UndoClientChanges_FullMethodName, "", u.server.now())
		if err != nil {
			return err
		}
		undo := undoing{mutation: m, visible: u.visible, preview: u.req.GetPreview()}
		if undo.preview {
			undo.selected = func(c *okrv1.Change) bool {
				return u.selects(c) && undo.missing(c) == nil
			}
		}
		for _, seq := range changes {
			c, err := r.change(seq)
			if err != nil {
				return err
			}
			result, err := undo.undo(c)
			if errors.Is(err, errUndoFull) {
				return nil
			}
			if err != nil {
				return err
			}
			results = append(results, result)
		}
		return nil
	}
	if u.req.GetPreview() {
		err = u.server.engine.View(ctx, u.caller.GetOrganizationId(), fn)
	} else {
		err = u.server.engine.Update(ctx, u.caller.GetOrganizationId(), fn)
	}
	return results, u.server.failed(ctx, err)
}
