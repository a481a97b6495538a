package api

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/wrapperspb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// maxUnindexed is how many members' entries the deletion of an objective removes; it leaves the rest behind. An
// objective and its key results may have 251 different owners, and a transaction holds storage.MaxOperations.
const maxUnindexed = storage.MaxOperations / 2

// indexObjective keeps what is found by way of an objective's content in step with a state that is about to be written:
// the number of objectives and the entries of the members who own something.
func (r records) indexObjective(o *okrv1.Objective) error {
	value, err := r.tx.Get(objectiveKey(o.GetId()))
	if errors.Is(err, storage.ErrNotFound) {
		if err := r.countObjectives(1); err != nil {
			return err
		}
		return r.reindexOwners(o.GetId(), nil, okr.Owners(o))
	}
	if err != nil {
		return fmt.Errorf("reading an objective before it is written: %w", err)
	}
	before, err := r.documents.decode(value)
	if err != nil {
		return err
	}
	return r.reindexOwners(o.GetId(), okr.Owners(before.stored), okr.Owners(o))
}

// reindexOwners takes an objective from those who own nothing of it any more to those who do. Both lists are in order.
func (r records) reindexOwners(id string, before, after []string) error {
	for _, member := range before {
		if _, stays := slices.BinarySearch(after, member); !stays {
			if err := r.tx.Delete(ownedKey(member, id)); err != nil {
				return err
			}
		}
	}
	for _, member := range after {
		if _, was := slices.BinarySearch(before, member); !was {
			if err := r.tx.Put(ownedKey(member, id), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteObjective removes an objective with what leads to it.
func (r records) deleteObjective(o *okrv1.Objective) error {
	owners := okr.Owners(o)
	if err := r.reindexOwners(o.GetId(), owners[:min(len(owners), maxUnindexed)], nil); err != nil {
		return err
	}
	if err := r.countObjectives(-1); err != nil {
		return err
	}
	return r.tx.Delete(objectiveKey(o.GetId()))
}

// objectives is how many objectives the organization has, archived ones included.
func (r records) objectives() (int64, error) {
	value, err := r.tx.Get([]byte(keyObjectives))
	if errors.Is(err, storage.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading the number of objectives: %w", err)
	}
	n, err := decode(value, new(wrapperspb.Int64Value))
	return n.GetValue(), err
}

func (r records) countObjectives(more int64) error {
	n, err := r.objectives()
	if err != nil {
		return err
	}
	value, err := encode(wrapperspb.Int64(n + more))
	if err != nil {
		return err
	}
	return r.tx.Put([]byte(keyObjectives), value)
}

// checkObjectiveLimit refuses one more objective than the organization may have, when it has more of them than are
// counted. OBJECTIVE_LIMIT_REACHED.
func (m *mutation) checkObjectiveLimit(more int64) error {
	limit := int64(m.server.maxObjectives)
	n, err := m.objectives()
	n += more
	if err != nil || limit == 0 || n < limit {
		return err
	}
	return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_LIMIT_REACHED,
		"the organization has %d objectives, and may have %d: delete some, archived ones count too", n, limit).
		With("limit", strconv.FormatInt(limit, 10))
}

// indexChange adds a change to the history of the objective that it is about.
func (r records) indexChange(c *okrv1.Change) error {
	objectiveID, keyResultID := subject(c)
	if objectiveID == "" {
		return fmt.Errorf("change %d is about nothing", c.GetSeq())
	}
	value, err := encode(wrapperspb.String(keyResultID))
	if err != nil {
		return err
	}
	return r.tx.Put(historyKey(objectiveID, c.GetSeq()), value)
}

// subject is what a change is about: an objective or, with its objective, a key result.
func subject(c *okrv1.Change) (objectiveID, keyResultID string) {
	for _, s := range []*okrv1.Snapshot{c.GetAfter(), c.GetBefore()} {
		switch resource := s.GetResource().(type) {
		case *okrv1.Snapshot_Objective:
			return resource.Objective.GetId(), ""
		case *okrv1.Snapshot_KeyResult:
			return resource.KeyResult.GetObjectiveId(), resource.KeyResult.GetId()
		}
	}
	return "", ""
}
