package api

import (
	"fmt"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// moveBelow checks that an objective may stand under another parent than before, and keeps the index of children. An
// empty id is no parent. What stays where it is is not looked at: an objective may be left under a parent that was
// deleted. PARENT_INVALID.
func (m *mutation) moveBelow(id, from, to string) error {
	if from == to {
		return nil
	}
	if to != "" {
		above, err := m.ancestors(to)
		if err != nil {
			return err
		}
		below, err := m.levelsBelow(id)
		if err != nil {
			return err
		}
		if err := okr.CheckParent(id, above, below); err != nil {
			return parentInvalid(err)
		}
		if err := m.tx.Put(childKey(to, id), nil); err != nil {
			return err
		}
	}
	if from == "" {
		return nil
	}
	return m.tx.Delete(childKey(from, id))
}

// parentInvalid says which of the three reasons there are keeps an objective from standing under a parent; programs find
// it in the metadata.
func parentInvalid(err error) error {
	cause := map[error]string{okr.ErrParentMissing: "MISSING", okr.ErrParentLoop: "BELOW", okr.ErrParentDepth: "DEPTH"}[err]
	return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_PARENT_INVALID,
		"the objective cannot stand under this parent: %v", err).With("cause", cause)
}

// leaveParent takes an objective that is deleted out of the index of children. Its own children stay there under it, as
// they keep its id.
func (m *mutation) leaveParent(o *okrv1.Objective) error {
	if o.GetParentId() == "" {
		return nil
	}
	return m.tx.Delete(childKey(o.GetParentId(), o.GetId()))
}

// ancestors are an objective, its parent and so on up to the first one that has none, or that there is no more, and at
// most okr.MaxLevels of them. There are none where the objective does not exist.
func (r records) ancestors(id string) ([]string, error) {
	var above []string
	for id != "" && len(above) < okr.MaxLevels {
		o, err := r.objective(id)
		if rpcerr.ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND {
			break
		}
		if err != nil {
			return nil, err
		}
		above = append(above, id)
		id = o.GetParentId()
	}
	return above, nil
}

// levelsBelow counts how many levels of objectives stand below one; it stops counting at okr.MaxLevels.
func (r records) levelsBelow(id string) (int, error) {
	level := []string{id}
	for depth := range okr.MaxLevels {
		var next []string
		for _, parent := range level {
			prefix := childKey(parent, "")
			for kv, err := range r.tx.Range(storage.Range{Prefix: prefix}) {
				if err != nil {
					return 0, fmt.Errorf("looking for the objectives below one: %w", err)
				}
				next = append(next, string(kv.Key[len(prefix):]))
			}
		}
		if len(next) == 0 {
			return depth, nil
		}
		level = next
	}
	return okr.MaxLevels, nil
}
