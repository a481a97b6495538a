package api

import (
	"fmt"
	"strconv"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

// inversePermissions are those that it takes to undo a change, the one that its undoing names first. An objective that
// comes back with key results takes both permissions to create.
func inversePermissions(c *okrv1.Change) []*accessv1.Permission {
	resource := access.ResourceObjective
	if c.GetBefore().GetKeyResult() != nil || c.GetAfter().GetKeyResult() != nil {
		resource = access.ResourceKeyResult
	}
	switch {
	case c.GetBefore() == nil:
		return []*accessv1.Permission{{Resource: resource, Action: accessv1.Action_ACTION_DELETE}}
	case c.GetAfter() != nil:
		return []*accessv1.Permission{{Resource: resource, Action: accessv1.Action_ACTION_UPDATE}}
	}
	needed := []*accessv1.Permission{{Resource: resource, Action: accessv1.Action_ACTION_CREATE}}
	if len(c.GetBefore().GetObjective().GetKeyResults()) > 0 {
		needed = append(needed, &accessv1.Permission{Resource: access.ResourceKeyResult, Action: accessv1.Action_ACTION_CREATE})
	}
	return needed
}

// inverseKind is what kind of a change undoes one, between two states of an objective's own fields.
func inverseKind(kind okrv1.ChangeKind, before *okrv1.Objective) okrv1.ChangeKind {
	switch kind {
	case okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CLOSED:
		if before.GetState() == okrv1.ObjectiveState_OBJECTIVE_STATE_CLOSED { // the score was changed
			return kind
		}
		return okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_REOPENED
	case okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_REOPENED:
		return okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CLOSED
	case okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_ARCHIVED:
		return okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_RESTORED
	case okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_RESTORED:
		return okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_ARCHIVED
	}
	return okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_UPDATED
}

// invert undoes a change of something that is as the change left it, and writes that into the log. The error is one that
// the method with the same effect would give.
func (m *mutation) invert(c *okrv1.Change) error {
	var change *okrv1.Change
	var err error
	switch before, after := c.GetBefore(), c.GetAfter(); {
	case before.GetKeyResult() == nil && after.GetKeyResult() != nil:
		change, err = m.removeKeyResult(after.GetKeyResult())
	case before.GetKeyResult() != nil && after == nil:
		change, err = m.bringBackKeyResult(before.GetKeyResult())
	case before.GetKeyResult() != nil:
		change, err = m.revertKeyResult(c)
	case before == nil && after.GetObjective() != nil:
		change, err = m.removeObjective(after.GetObjective())
	case before.GetObjective() != nil && after == nil:
		change, err = m.bringBackObjective(before.GetObjective())
	case before.GetObjective() != nil:
		change, err = m.revertObjective(c)
	default:
		err = fmt.Errorf("change %d is about nothing", c.GetSeq())
	}
	if err != nil {
		return err
	}
	change.Undoes = c.GetSeq()
	change.Permission = inversePermissions(c)[0]
	return m.appendChange(change)
}

func (m *mutation) removeObjective(created *okrv1.Objective) (*okrv1.Change, error) {
	o, err := m.objective(created.GetId())
	if err != nil {
		return nil, err
	}
	if err := m.deleteObjective(o); err != nil {
		return nil, err
	}
	return m.change(okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_DELETED, snapshotOfObjective(o), nil), m.leaveParent(o)
}

// bringBackObjective also brings back the key results, to which their check-ins and places in the store still belong.
func (m *mutation) bringBackObjective(deleted *okrv1.Objective) (*okrv1.Change, error) {
	if err := m.checkObjectiveLimit(0); err != nil {
		return nil, err
	}
	o := okr.Copy(deleted)
	m.stampObjective(o)
	if err := m.returnBelow(o); err != nil {
		return nil, err
	}
	return m.change(okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CREATED, nil, snapshotOfObjective(o)), m.putObjective(o)
}

// returnBelow puts an objective that comes back below the parent that it had, which may be gone. PARENT_INVALID.
func (m *mutation) returnBelow(o *okrv1.Objective) error {
	parent := o.GetParentId()
	if parent == "" {
		return nil
	}
	there, err := m.exists(objectiveKey(parent))
	if err != nil {
		return err
	}
	if there {
		return m.moveBelow(o.GetId(), "", parent)
	}
	return m.tx.Put(childKey(parent, o.GetId()), nil)
}

func (m *mutation) revertObjective(c *okrv1.Change) (*okrv1.Change, error) {
	before := c.GetBefore().GetObjective()
	current, err := m.objective(before.GetId())
	if err != nil {
		return nil, err
	}
	o := okr.Copy(before)
	o.KeyResults, o.Progress = current.GetKeyResults(), current.Progress
	m.stampObjective(o)
	if err := m.moveBelow(o.GetId(), current.GetParentId(), o.GetParentId()); err != nil {
		return nil, err
	}
	change := m.change(inverseKind(c.GetKind(), before), snapshotOfObjective(okr.OwnFields(current)), snapshotOfObjective(okr.OwnFields(o)))
	return change, m.putObjective(o)
}

func (m *mutation) removeKeyResult(created *okrv1.KeyResult) (*okrv1.Change, error) {
	o, k, err := m.keyResultToChange(keyResultTarget{id: created.GetId()})
	if err != nil {
		return nil, err
	}
	change := m.change(okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_DELETED, snapshotOfKeyResult(k), nil)
	return change, m.putObjective(okr.WithoutKeyResult(o, k.GetId()))
}

func (m *mutation) bringBackKeyResult(deleted *okrv1.KeyResult) (*okrv1.Change, error) {
	o, err := m.objective(deleted.GetObjectiveId())
	if err != nil {
		return nil, err
	}
	if err := okr.CheckOpen(o); err != nil {
		return nil, inState(err)
	}
	if err := checkKeyResultLimit(o); err != nil {
		return nil, err
	}
	k := okr.Copy(deleted)
	m.stampKeyResult(k)
	if err := m.putKeyResultParent(k); err != nil {
		return nil, err
	}
	return m.change(okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CREATED, nil, snapshotOfKeyResult(k)), m.putObjective(okr.WithKeyResult(o, k))
}

// revertKeyResult gives a key result the values from before a change. Check-ins are never taken away: one with the value
// from before is added where the change was a check-in, and how many there are is as it is.
func (m *mutation) revertKeyResult(c *okrv1.Change) (*okrv1.Change, error) {
	before := c.GetBefore().GetKeyResult()
	o, current, err := m.keyResultToChange(keyResultTarget{id: before.GetId()})
	if err != nil {
		return nil, err
	}
	k := okr.Copy(before)
	k.CheckInCount = current.GetCheckInCount()
	k.AgentReport = m.reportedBefore(current, before)
	kind := okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_UPDATED
	var checkIn *okrv1.CheckIn
	if c.GetCheckIn() != nil {
		var counted *okrv1.KeyResult
		counted, checkIn, err = m.addCheckIn(o, current, &okrv1.CheckIn{Value: before.GetCurrentValue(), Confidence: before.GetConfidence()})
		if err != nil {
			return nil, invalidFieldIn("check_in", err)
		}
		k.CheckInCount = counted.GetCheckInCount()
		if m.caller.GetClientId() != "" { // which has made a check-in with that
			k.AgentReport = counted.GetAgentReport()
		}
		kind = okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CHECKED_IN
	}
	m.stampKeyResult(k)
	change := m.change(kind, snapshotOfKeyResult(current), snapshotOfKeyResult(k))
	change.CheckIn = checkIn
	return change, m.putObjective(okr.WithKeyResult(o, k))
}

// checkKeyResultLimit refuses one more key result than an objective can hold. KEY_RESULT_LIMIT_REACHED.
func checkKeyResultLimit(o *okrv1.Objective) error {
	if len(o.GetKeyResults()) < okr.MaxKeyResults {
		return nil
	}
	return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_KEY_RESULT_LIMIT_REACHED,
		"an objective holds at most %d key results", okr.MaxKeyResults).
		With("limit", strconv.Itoa(okr.MaxKeyResults))
}
