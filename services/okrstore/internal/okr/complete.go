package okr

import (
	"strconv"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// Complete returns the objective with what one of the first schema lacks, in which objectives had no state and a key
// result was nothing but its attainment. What lacks nothing is returned as it is.
func Complete(o *okrv1.Objective) *okrv1.Objective {
	lacking := o.GetState() == okrv1.ObjectiveState_OBJECTIVE_STATE_UNSPECIFIED
	keyResults := make([]*okrv1.KeyResult, len(o.GetKeyResults()))
	for i, k := range o.GetKeyResults() {
		keyResults[i] = CompleteKeyResult(k)
		lacking = lacking || keyResults[i] != k
	}
	if !lacking {
		return o
	}
	result := Copy(o)
	if len(keyResults) > 0 {
		result.KeyResults = keyResults
	}
	if result.GetState() == okrv1.ObjectiveState_OBJECTIVE_STATE_UNSPECIFIED {
		result.State = okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE
	}
	return result
}

// CompleteKeyResult is [Complete] for a key result: a percentage from 0 to 100 whose value is the attainment.
func CompleteKeyResult(k *okrv1.KeyResult) *okrv1.KeyResult {
	if k.GetKind() != okrv1.KeyResultKind_KEY_RESULT_KIND_UNSPECIFIED {
		return k
	}
	result := Copy(k)
	fillMeasure(result)
	if result.GetCurrentValue() == "" {
		result.CurrentValue = strconv.Itoa(int(k.GetAttainment()))
	}
	result.Attainment = new(attainmentOf(result))
	return result
}

// CompleteChange returns the change with what an entry of the first schema lacks: its kind, and what its snapshots lack.
func CompleteChange(c *okrv1.Change) *okrv1.Change {
	if c.GetKind() != okrv1.ChangeKind_CHANGE_KIND_UNSPECIFIED {
		return c
	}
	result := Copy(c)
	result.Before, result.After = completeSnapshot(c.GetBefore()), completeSnapshot(c.GetAfter())
	result.Kind = kindOf(c)
	return result
}

func completeSnapshot(s *okrv1.Snapshot) *okrv1.Snapshot {
	switch resource := s.GetResource().(type) {
	case *okrv1.Snapshot_Objective:
		return &okrv1.Snapshot{Resource: &okrv1.Snapshot_Objective{Objective: Complete(resource.Objective)}}
	case *okrv1.Snapshot_KeyResult:
		return &okrv1.Snapshot{Resource: &okrv1.Snapshot_KeyResult{KeyResult: CompleteKeyResult(resource.KeyResult)}}
	}
	return s
}

// kindOf is what a change of the first schema did, which knew no states and no check-ins.
func kindOf(c *okrv1.Change) okrv1.ChangeKind {
	of := func(created, updated, deleted okrv1.ChangeKind) okrv1.ChangeKind {
		switch {
		case c.GetBefore() == nil:
			return created
		case c.GetAfter() == nil:
			return deleted
		}
		return updated
	}
	switch {
	case c.GetBefore().GetKeyResult() != nil, c.GetAfter().GetKeyResult() != nil:
		return of(okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CREATED, okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_UPDATED,
			okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_DELETED)
	case c.GetBefore().GetObjective() != nil, c.GetAfter().GetObjective() != nil:
		return of(okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CREATED, okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_UPDATED,
			okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_DELETED)
	}
	return okrv1.ChangeKind_CHANGE_KIND_UNSPECIFIED
}
