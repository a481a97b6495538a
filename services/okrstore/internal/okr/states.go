package okr

import (
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// A StateError says that something cannot be done in an objective's present state.
type StateError struct {
	// State is the objective's.
	State okrv1.ObjectiveState
	// Advice is for people: what to do first.
	Advice string
}

// Error says what to do first.
func (e *StateError) Error() string {
	return "the objective is " + StateName(e.State) + ": " + e.Advice
}

// StateName is a state's name without its prefix, as in "ARCHIVED".
func StateName(s okrv1.ObjectiveState) string {
	return strings.TrimPrefix(s.String(), "OBJECTIVE_STATE_")
}

// CheckOpen returns a [*StateError] when neither the objective nor its key results may be changed.
func CheckOpen(o *okrv1.Objective) error {
	if o.GetState() == okrv1.ObjectiveState_OBJECTIVE_STATE_ARCHIVED {
		return &StateError{State: o.GetState(), Advice: "restore it first"}
	}
	return nil
}

// Close returns a closed copy of the objective, or a [*StateError]. What is closed already stays closed since when it is
// and gets the new score and note.
func Close(o *okrv1.Objective, score, note string, at *timestamppb.Timestamp) (*okrv1.Objective, error) {
	if err := CheckOpen(o); err != nil {
		return nil, err
	}
	result := Copy(o)
	if o.GetState() != okrv1.ObjectiveState_OBJECTIVE_STATE_CLOSED {
		result.CloseTime = at
	}
	result.State = okrv1.ObjectiveState_OBJECTIVE_STATE_CLOSED
	result.Score, result.ClosingNote = score, note
	return result, nil
}

// Reopen returns an active copy of the objective without a score, or a [*StateError].
func Reopen(o *okrv1.Objective) (*okrv1.Objective, error) {
	if err := CheckOpen(o); err != nil {
		return nil, err
	}
	result := Copy(o)
	result.State = okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE
	result.Score, result.ClosingNote, result.CloseTime = "", "", nil
	return result, nil
}

// Archive returns an archived copy of the objective. Its close_time stays and says that it was closed.
func Archive(o *okrv1.Objective, at *timestamppb.Timestamp) *okrv1.Objective {
	result := Copy(o)
	if o.GetState() != okrv1.ObjectiveState_OBJECTIVE_STATE_ARCHIVED {
		result.ArchiveTime = at
	}
	result.State = okrv1.ObjectiveState_OBJECTIVE_STATE_ARCHIVED
	return result
}

// Restore returns a copy of the objective that is what it was before it was archived.
func Restore(o *okrv1.Objective) *okrv1.Objective {
	result := Copy(o)
	if o.GetState() != okrv1.ObjectiveState_OBJECTIVE_STATE_ARCHIVED {
		return result
	}
	result.ArchiveTime = nil
	result.State = okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE
	if o.GetCloseTime() != nil {
		result.State = okrv1.ObjectiveState_OBJECTIVE_STATE_CLOSED
	}
	return result
}
