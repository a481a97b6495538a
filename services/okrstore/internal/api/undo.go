package api

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/overlay"
)

// UndoChange implements okrv1.OkrServiceServer.
func (s *Server) UndoChange(ctx context.Context, req *okrv1.UndoChangeRequest) (*okrv1.UndoChangeResponse, error) {
	if req.GetPreview() {
		return s.previewUndo(ctx, req)
	}
	return mutate(ctx, s, okrv1.OkrService_UndoChange_FullMethodName, req,
		func(m *mutation) (*okrv1.UndoChangeResponse, error) {
			u := undoing{mutation: m, visible: readable(m.caller)}
			c, err := u.find(req.GetSeq())
			if err != nil {
				return nil, err
			}
			result, err := u.undo(c)
			if err != nil {
				return nil, err
			}
			if err := u.refused(ctx, c, result); err != nil {
				return nil, err
			}
			return &okrv1.UndoChangeResponse{Result: result}, nil
		})
}

func (s *Server) previewUndo(ctx context.Context, req *okrv1.UndoChangeRequest) (*okrv1.UndoChangeResponse, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	answer := &okrv1.UndoChangeResponse{}
	err = s.view(ctx, caller, func(r records) error {
		m, err := s.newMutation(r, caller, okrv1.OkrService_UndoChange_FullMethodName, "", s.now())
		if err != nil {
			return err
		}
		u := undoing{mutation: m, visible: readable(caller), preview: true}
		c, err := u.find(req.GetSeq())
		if err != nil {
			return err
		}
		answer.Result, err = u.undo(c)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// undoing undoes changes, one after the other, in a transaction.
//
// A change can be undone as long as every later change of what it is about was undone: then what it is about is as the
// change left it, and what it was before can be put in its place. That is the condition which an etag states, for a state
// that may have been left and come back to.
type undoing struct {
	*mutation
	visible okr.Readable
	// preview says that nothing is kept.
	preview bool
	// selected, in a preview of many, says which later changes are taken for undone.
	selected func(*okrv1.Change) bool
	// clear, in a preview of many, says down to which position every change of something is undone or taken for it.
	clear map[string]int64
	// done is what was written in this transaction, counted high: a key that was written twice counts twice.
	operations, bytes int
}

// errUndoFull says that the transaction has no room for one more undoing.
var errUndoFull = errors.New("the transaction is full")

// find reads a change. CHANGE_NOT_FOUND.
func (u *undoing) find(seq int64) (*okrv1.Change, error) {
	c, err := u.records.change(seq)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_CHANGE_NOT_FOUND, "no such change")
	}
	return c, err
}

// undo undoes a change, or says in the result what is in the way, and then has written nothing. errUndoFull.
func (u *undoing) undo(c *okrv1.Change) (*okrv1.UndoResult, error) {
	result := &okrv1.UndoResult{Seq: c.GetSeq(), Outcome: okrv1.UndoOutcome_UNDO_OUTCOME_PERMISSION_MISSING}
	if u.visible.Change(c) != nil {
		result.Kind = c.GetKind()
		result.ObjectiveId, result.KeyResultId = subject(c)
	}
	if missing := u.missing(c); missing != nil {
		result.Message = "it needs the permission " + access.PermissionString(missing)
		return result, nil
	}
	later, err := u.since(c)
	switch {
	case err != nil:
		return nil, err
	case later.undoneBy != 0:
		result.Outcome, result.UndoneBySeq = okrv1.UndoOutcome_UNDO_OUTCOME_ALREADY_UNDONE, later.undoneBy
		return result, nil
	case later.change != nil:
		result.Outcome, result.ChangedSinceSeq = okrv1.UndoOutcome_UNDO_OUTCOME_CHANGED_SINCE, later.change.GetSeq()
		result.Message = fmt.Sprintf("what it is about has been changed since, by change %d", later.change.GetSeq())
		if u.visible.Change(later.change) != nil {
			result.ChangedSinceBy = later.change.GetActor()
		}
		return result, nil
	case later.selected: // what it is about will be as the change left it, and is not so now
		result.Outcome = okrv1.UndoOutcome_UNDO_OUTCOME_UNDONE
		return result, nil
	}
	return result, u.apply(c, result)
}

// apply does it, and says in the result whether that was possible.
func (u *undoing) apply(c *okrv1.Change, result *okrv1.UndoResult) error {
	m := *u.mutation
	scratch := overlay.NewUpdate(whole{u.tx})
	err := scratch.Run(func(tx storage.Tx) error {
		m.tx = tx
		return m.invert(c)
	})
	if err != nil {
		_, message, refused := problemOf(err)
		if errors.Is(err, storage.ErrTooLarge) {
			message, refused = "it is too large for one transaction", true
		}
		if !refused {
			return err
		}
		result.Outcome, result.Message = okrv1.UndoOutcome_UNDO_OUTCOME_NOT_POSSIBLE, message
		return nil
	}
	result.Outcome = okrv1.UndoOutcome_UNDO_OUTCOME_UNDONE
	if u.preview {
		return nil
	}
	writes := scratch.Writes()
	if storage.CheckSize(u.operations+writes.Len(), u.bytes+writes.Bytes()) != nil {
		return errUndoFull
	}
	for w := range writes.All() {
		if w.Deleted {
			err = u.tx.Delete(w.Key)
		} else {
			err = u.tx.Put(w.Key, w.Value)
		}
		if err != nil {
			return err
		}
	}
	u.operations += writes.Len()
	u.bytes += writes.Bytes()
	result.UndoneBySeq = u.seq
	u.before = m.before
	u.next()
	return nil
}

// whole is a transaction under another one, which counts for itself how much it yields.
type whole struct{ storage.Tx }

// Range implements [overlay.Reader].
func (w whole) Range(r storage.Range) iter.Seq2[storage.KV, error] {
	r.Limit = 0
	return w.Tx.Range(r)
}

// missing is a permission that the caller would need to undo a change and lacks, or nil. What somebody may not read,
// they do not undo.
func (u *undoing) missing(c *okrv1.Change) *accessv1.Permission {
	needed := inversePermissions(c)
	if u.visible.Change(c) == nil {
		return &accessv1.Permission{Resource: needed[0].GetResource(), Action: accessv1.Action_ACTION_READ}
	}
	for _, p := range needed {
		if !access.Permits(u.caller.Principal, p.GetResource(), p.GetAction()) {
			return p
		}
	}
	return nil
}

// refused is the error for a change that was to be undone and was not.
func (u *undoing) refused(ctx context.Context, c *okrv1.Change, result *okrv1.UndoResult) error {
	switch result.GetOutcome() {
	case okrv1.UndoOutcome_UNDO_OUTCOME_PERMISSION_MISSING:
		return access.Denied(ctx, u.caller.Principal, []*accessv1.Permission{u.missing(c)}, u.server.grantors)
	case okrv1.UndoOutcome_UNDO_OUTCOME_CHANGED_SINCE:
		return rpcerr.New(codes.Aborted, accessv1.ErrorReason_ERROR_REASON_UNDO_CONFLICT, "%s: undo that first", result.GetMessage()).
			With("seq", strconv.FormatInt(result.GetChangedSinceSeq(), 10))
	case okrv1.UndoOutcome_UNDO_OUTCOME_NOT_POSSIBLE:
		m := *u.mutation // the error as it was, with its reason
		return overlay.NewUpdate(whole{u.tx}).Run(func(tx storage.Tx) error {
			m.tx = tx
			return m.invert(c)
		})
	}
	return nil
}
