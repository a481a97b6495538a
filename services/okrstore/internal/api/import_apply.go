package api

import (
	"errors"
	"fmt"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// importState is what an import knows from one row to the next, and from one transaction to the next.
type importState struct {
	// objective is the one that the rows belong to, as it is or as a dry run would have made it; nil if it was refused.
	objective *okrv1.Objective
	// objectiveID is its id in the file, also if it was refused.
	objectiveID string
	// keyResult is the one that check-ins belong to; empty if it was refused.
	keyResult string
	// keyResultID is its id in the file.
	keyResultID string
	// created says that the key result was created here, so that none of its check-ins are there.
	created bool
	// imagined is how many objectives a dry run would have created.
	imagined int64
}

// importRun is one run of a transaction of an import.
type importRun struct {
	*mutation
	importer *importer
	state    importState
	// dirty says that the state's objective is to be written.
	dirty    bool
	counts   okrv1.ImportProgress
	problems []*okrv1.ImportProblem
}

// row imports one row. What is wrong with it becomes a problem; an error ends the import.
func (r *importRun) row(row importEntry) error {
	switch resource := row.resource.(type) {
	case *okrv1.Objective:
		if err := r.open(resource.GetId()); err != nil {
			return err
		}
		if row.problem != "" {
			break
		}
		return r.settle(row, r.importObjective(row, resource))
	case *okrv1.KeyResult:
		r.state.keyResult, r.state.keyResultID, r.state.created = "", resource.GetId(), false
		if row.problem != "" {
			break
		}
		return r.settle(row, r.importKeyResult(row, resource))
	case *okrv1.CheckIn:
		if row.problem != "" {
			break
		}
		return r.settle(row, r.importCheckIn(row, resource))
	}
	r.refuse(row, row.field, row.problem)
	return nil
}

// reload reads the state's objective anew: others may have changed it since the transaction before.
func (r *importRun) reload() error {
	if r.state.objective == nil || r.importer.dryRun {
		return nil
	}
	o, err := r.objective(r.state.objectiveID)
	if rpcerr.ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND {
		o, err = nil, nil
	}
	r.state.objective = o
	return err
}

// errUnchanged says that what a row has is there already.
var errUnchanged = errors.New("it is there already")

// refusal is what is wrong with a row.
type refusal struct{ field, message string }

func (r *refusal) Error() string { return r.message }

func refuseRow(field, format string, args ...any) error {
	return &refusal{field, fmt.Sprintf(format, args...)}
}

// settle counts what became of a row.
func (r *importRun) settle(row importEntry, err error) error {
	var refused *refusal
	var field *okr.FieldError
	switch {
	case err == nil:
		switch row.resource.(type) {
		case *okrv1.Objective:
			r.counts.ObjectivesCreated++
		case *okrv1.KeyResult:
			r.counts.KeyResultsCreated++
		case *okrv1.CheckIn:
			r.counts.CheckInsCreated++
		}
		return nil
	case errors.Is(err, errUnchanged):
		r.counts.Unchanged++
		return nil
	case errors.As(err, &refused):
		r.refuse(row, refused.field, refused.message)
		return nil
	case errors.As(err, &field):
		r.refuse(row, field.Field, field.Description)
		return nil
	case errors.Is(err, storage.ErrTooLarge), errors.Is(err, storage.ErrCorrupted):
		return err
	}
	if at, message, ok := problemOf(err); ok {
		r.refuse(row, at, message)
		return nil
	}
	return err
}

func (r *importRun) refuse(row importEntry, field, message string) {
	r.counts.Failed++
	r.problems = append(r.problems, &okrv1.ImportProblem{Row: row.where, Id: row.id(), Field: field, Message: message})
}

// open begins with another objective: what was changed of the one before is written.
func (r *importRun) open(id string) error {
	if err := r.finish(); err != nil {
		return err
	}
	r.state = importState{objectiveID: id, imagined: r.state.imagined}
	return nil
}

// finish writes what was changed of the state's objective.
func (r *importRun) finish() error {
	if !r.dirty {
		return nil
	}
	r.dirty = false
	return r.putObjective(r.state.objective)
}

// log appends a change; each of an import has a position of its own.
func (r *importRun) log(resource string, action accessv1.Action, change *okrv1.Change) error {
	change.Permission = &accessv1.Permission{Resource: resource, Action: action}
	if err := r.appendChange(change); err != nil {
		return err
	}
	r.next()
	return nil
}

func (r *importRun) importObjective(_ importEntry, given *okrv1.Objective) error {
	given = okr.Copy(given)
	given.OwnerId = memberID(r.caller, given.GetOwnerId())
	o, err := okr.RestoredObjective(given, r.time)
	if err != nil {
		return err
	}
	there, err := r.objective(o.GetId())
	if err == nil {
		if field := okr.Differs(there, given, o); field != "" {
			return refuseRow(field, "there is an objective with this id and another %s", field)
		}
		r.state.objective = there
		return errUnchanged
	}
	if rpcerr.ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND {
		return err
	}
	if err := r.server.validate(o, ""); err != nil {
		return err
	}
	if o.GetScore() != "" {
		// The score and its note have their constraints where they are set.
		closing := &okrv1.CloseObjectiveRequest{ObjectiveId: o.GetId(), Score: o.GetScore(), ClosingNote: o.GetClosingNote()}
		if err := r.server.validate(closing, ""); err != nil {
			return err
		}
	}
	if err := r.checkObjectiveLimit(r.state.imagined); err != nil {
		return err
	}
	if err := r.standBelow(o); err != nil {
		return err
	}
	o.Creator = r.author
	r.stampObjective(o)
	r.state.objective, r.dirty = o, true
	if r.importer.dryRun {
		r.state.imagined++
	}
	change := r.change(okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CREATED, nil, snapshotOfObjective(o))
	return r.log(access.ResourceObjective, accessv1.Action_ACTION_CREATE, change)
}

// standBelow puts an objective below its parent, which may come later in the file, or be gone.
func (r *importRun) standBelow(o *okrv1.Objective) error {
	parent := o.GetParentId()
	if parent == "" {
		return nil
	}
	above := []string{parent}
	for id := parent; len(above) < okr.MaxLevels; {
		p, err := r.objective(id)
		if rpcerr.ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND {
			break
		}
		if err != nil {
			return err
		}
		if id = p.GetParentId(); id == "" {
			break
		}
		above = append(above, id)
	}
	below, err := r.levelsBelow(o.GetId())
	if err != nil {
		return err
	}
	if err := okr.CheckParent(o.GetId(), above, below); err != nil {
		return refuseRow("parent_id", "the objective cannot stand under this parent: %v", err)
	}
	return r.tx.Put(childKey(parent, o.GetId()), nil)
}

func (r *importRun) importKeyResult(row importEntry, given *okrv1.KeyResult) error {
	o := r.state.objective
	switch {
	case row.objectiveID != r.state.objectiveID || r.state.objectiveID == "":
		return refuseRow("objective_id", "the row does not follow its objective's")
	case o == nil:
		return refuseRow("", "its objective was not imported")
	case !r.importer.may.keyResults:
		return refuseRow("", "needs the permission key_result:create")
	}
	value := given.GetCurrentValue()
	if row.checkedIn != nil {
		value = row.checkedIn.GetPreviousValue() // the check-ins say the rest
	}
	given = okr.Copy(given)
	given.OwnerId = memberID(r.caller, given.GetOwnerId())
	k, err := okr.RestoredKeyResult(given, value, r.time)
	if err != nil {
		return err
	}
	if there := okr.FindKeyResult(o, k.GetId()); there != nil {
		field := okr.Differs(there, given, k)
		if field == "" && there.GetCheckInCount() == 0 && row.checkedIn == nil && there.GetCurrentValue() != k.GetCurrentValue() {
			field = "current_value"
		}
		if field != "" {
			return refuseRow(field, "there is a key result with this id and another %s", field)
		}
		r.state.keyResult = k.GetId()
		return errUnchanged
	}
	return r.createKeyResult(o, k)
}

func (r *importRun) createKeyResult(o *okrv1.Objective, k *okrv1.KeyResult) error {
	if len(o.GetKeyResults()) >= okr.MaxKeyResults {
		return refuseRow("", "an objective holds at most %d key results", okr.MaxKeyResults)
	}
	if err := r.server.validate(k, ""); err != nil {
		return err
	}
	_, _, err := r.keyResult(k.GetId(), "")
	if err == nil {
		return refuseRow("id", "there is a key result with this id in another objective")
	}
	if rpcerr.ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_KEY_RESULT_NOT_FOUND {
		return err
	}
	for _, err := range r.tx.Range(storage.Range{Prefix: checkInKey(k.GetId(), ""), Limit: 1}) {
		if err != nil {
			return err
		}
		if !r.importer.dryRun {
			return &orphansError{k.GetId()}
		}
	}
	k.ObjectiveId, k.Creator = o.GetId(), r.author
	r.stampKeyResult(k)
	larger, err := enlarged(o, k)
	if err != nil {
		return err
	}
	if err := r.putKeyResultParent(k); err != nil {
		return err
	}
	r.state.objective, r.dirty = larger, true
	r.state.keyResult, r.state.created = k.GetId(), true
	change := r.change(okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CREATED, nil, snapshotOfKeyResult(k))
	return r.log(access.ResourceKeyResult, accessv1.Action_ACTION_CREATE, change)
}

func (r *importRun) importCheckIn(row importEntry, given *okrv1.CheckIn) error {
	switch {
	case row.objectiveID != r.state.objectiveID || row.keyResultID != r.state.keyResultID || r.state.keyResultID == "":
		return refuseRow("key_result_id", "the row does not follow its key result's")
	case r.state.objective == nil || r.state.keyResult == "":
		return refuseRow("", "its key result was not imported")
	case !r.importer.may.checkIns:
		return refuseRow("", "needs the permission key_result:update")
	}
	o := r.state.objective
	current := okr.FindKeyResult(o, r.state.keyResult)
	if current == nil {
		return refuseRow("", "its key result is gone")
	}
	if err := okr.CheckID(given.GetId(), okr.CheckInPrefix); err != nil {
		return err
	}
	if !r.state.created || !r.importer.dryRun {
		there, err := r.storedCheckIn(current.GetId(), given.GetId())
		if err != nil {
			return err
		}
		if there != nil {
			if field := okr.Differs(there, given, okr.CleanCheckIn(there, given)); field != "" {
				return refuseRow(field, "there is a check-in with this id and another %s", field)
			}
			return errUnchanged
		}
	}
	if err := r.server.validate(given, ""); err != nil {
		return err
	}
	k, c, err := okr.RestoredCheckIn(current, given, r.time)
	if err != nil {
		return err
	}
	c.KeyResultId, c.ObjectiveId = current.GetId(), o.GetId()
	c.Author, c.Via = r.author, r.via()
	k.AgentReport = r.reported(c)
	r.stampKeyResult(k)
	larger, err := enlarged(o, k)
	if err != nil {
		return err
	}
	value, err := encode(c)
	if err != nil {
		return err
	}
	if err := r.tx.Put(checkInKey(current.GetId(), c.GetId()), value); err != nil {
		return err
	}
	r.state.objective, r.dirty = larger, true
	change := r.change(okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CHECKED_IN, snapshotOfKeyResult(current), snapshotOfKeyResult(k))
	change.CheckIn = c
	return r.log(access.ResourceKeyResult, accessv1.Action_ACTION_UPDATE, change)
}

// enlarged is the objective with a key result, if that still fits into a document.
func enlarged(o *okrv1.Objective, k *okrv1.KeyResult) (*okrv1.Objective, error) {
	larger := okr.WithKeyResult(o, k)
	if larger.SizeVT() >= maxObjectiveBytes {
		return nil, refuseRow("", "the objective and its key results together would have more than %d bytes", maxObjectiveBytes)
	}
	return larger, nil
}

// storedCheckIn reads a check-in; nil if there is none.
func (r records) storedCheckIn(keyResultID, id string) (*okrv1.CheckIn, error) {
	value, err := r.tx.Get(checkInKey(keyResultID, id))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a check-in: %w", err)
	}
	return decode(value, new(okrv1.CheckIn))
}
