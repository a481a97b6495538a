package api

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/types/known/wrapperspb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// later is what happened after a change to what it is about.
type later struct {
	// undoneBy is the position of the change that undid it; 0 if none did.
	undoneBy int64
	// change is the last one that is in the way, or nil.
	change *okrv1.Change
	// selected says that there are changes which a preview takes for undone.
	selected bool
}

// since looks at what happened after a change to what it is about.
//
// It goes through the history from its end back to the change. A change that undid a later one than this leads over all
// that lies between them: it could be made only when whatever had happened to the same thing in between was undone. So
// the undoing of very many changes of one thing, one after the other, takes a few steps for each.
func (u *undoing) since(c *okrv1.Change) (later, error) {
	by, err := u.undoneBy(c.GetSeq())
	if err != nil || by != 0 {
		return later{undoneBy: by}, err
	}
	objectiveID, keyResultID := subject(c)
	thing := objectiveID + "/" + keyResultID
	s := sinceScan{undoing: u, c: c, objectiveID: objectiveID, keyResultID: keyResultID, over: map[string]int64{}}
	if makesWhole(c) {
		s.whole = true
	} else if down := u.clear[thing]; down > c.GetSeq() {
		s.end, s.found.selected = down, true
	}
	for again := true; again; {
		if again, err = s.run(); err != nil {
			return later{}, err
		}
	}
	if !s.whole && s.found.change == nil && u.selected != nil && u.selected(c) {
		if u.clear == nil {
			u.clear = map[string]int64{}
		}
		u.clear[thing] = c.GetSeq()
	}
	return s.found, nil
}

// sinceScan is one look at what happened after a change.
type sinceScan struct {
	*undoing
	c                        *okrv1.Change
	objectiveID, keyResultID string
	// whole says that the change is about all that the objective holds.
	whole bool
	// end is where the part of the history ends that is still to be looked at; 0 at the end of it.
	end int64
	// over says, for each of what the objective holds, down to which position its changes are undone.
	over  map[string]int64
	found later
}

// run goes on until the change, what is in the way, or a change that leads over a part of the history; then it is to be
// run again.
func (s *sinceScan) run() (again bool, err error) {
	prefix := historyPrefix(s.objectiveID)
	keys := storage.Range{Prefix: prefix, Start: historyKey(s.objectiveID, s.c.GetSeq()+1), Reverse: true}
	if s.end != 0 {
		keys.End = historyKey(s.objectiveID, s.end)
	}
	for kv, err := range s.tx.Range(keys) {
		if err != nil {
			return false, fmt.Errorf("looking for later changes: %w", err)
		}
		seq, err := changeSeqUnder(string(prefix), kv.Key)
		if err != nil {
			return false, err
		}
		held, err := decode(kv.Value, new(wrapperspb.StringValue))
		if err != nil {
			return false, err
		}
		about := held.GetValue()
		if about != "" && about != s.keyResultID && !s.whole || s.over[about] != 0 && seq >= s.over[about] {
			continue
		}
		y, err := s.records.change(seq)
		if err != nil {
			return false, err
		}
		switch {
		case y.GetUndoes() > s.c.GetSeq() && about == s.keyResultID && !s.whole:
			s.end = y.GetUndoes()
			return true, nil
		case y.GetUndoes() > s.c.GetSeq():
			s.over[about] = y.GetUndoes()
		case s.keyResultID != "" && about == "" && y.GetKind() != okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_DELETED:
			// An objective's own fields are not what a change of a key result is about.
		case s.selected != nil && s.selected(y):
			s.found.selected = true
		default:
			s.found.change = y
			return false, nil
		}
	}
	return false, nil
}

// undoneBy is the position of the change that undid one and that was not undone in turn; 0 if there is none.
func (r records) undoneBy(seq int64) (int64, error) {
	last, err := r.lastUndoing(seq)
	undone := false
	for by := last; by != 0 && err == nil; by, err = r.lastUndoing(by) {
		undone = !undone
	}
	if !undone {
		return 0, err
	}
	return last, err
}

// lastUndoing is the position of the last change that undid one, whether or not it was undone in turn; 0 if none did.
func (r records) lastUndoing(seq int64) (int64, error) {
	value, err := r.tx.Get(undoneKey(seq))
	if errors.Is(err, storage.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("looking for what undid change %d: %w", seq, err)
	}
	by, err := decode(value, new(wrapperspb.Int64Value))
	return by.GetValue(), err
}

// putUndoing leads from a change to the one that undoes it.
func (r records) putUndoing(c *okrv1.Change) error {
	if c.GetUndoes() == 0 {
		return nil
	}
	value, err := encode(wrapperspb.Int64(c.GetSeq()))
	if err != nil {
		return err
	}
	return r.tx.Put(undoneKey(c.GetUndoes()), value)
}

// makesWhole says that a change brought an objective into being, so that all of the objective goes when it is undone.
func makesWhole(c *okrv1.Change) bool {
	return c.GetBefore() == nil && c.GetAfter().GetObjective() != nil
}
