package okr

import (
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// Readable is what a caller may read. Whatever embeds objectives or key results goes through it before it is sent.
// The zero value may read nothing.
type Readable struct {
	Objectives bool
	KeyResults bool
}

// Everything is what a caller with both permissions may read.
func Everything() Readable {
	return Readable{Objectives: true, KeyResults: true}
}

// Objective returns what the caller may see of an objective that it may have: all of it, or, for a caller who may not
// read key results, nothing of them and nothing that was derived from them.
func (r Readable) Objective(o *okrv1.Objective) *okrv1.Objective {
	if !r.KeyResults {
		return OwnFields(o)
	}
	return o
}

// Change returns what the caller may see of an entry of the change log, and nil when that is nothing. A change is
// visible to those who may read the resource that it is about.
func (r Readable) Change(c *okrv1.Change) *okrv1.Change {
	before, seesBefore := r.snapshot(c.GetBefore())
	after, seesAfter := r.snapshot(c.GetAfter())
	switch {
	case c == nil, !seesBefore, !seesAfter, before == nil && after == nil:
		return nil
	case c.GetCheckIn() != nil && !r.KeyResults:
		return nil
	}
	result := Copy(c)
	result.Before = before
	result.After = after
	return result
}

// snapshot returns what the caller may see of a snapshot, and false when it may not know of it.
func (r Readable) snapshot(s *okrv1.Snapshot) (*okrv1.Snapshot, bool) {
	switch resource := s.GetResource().(type) {
	case *okrv1.Snapshot_Objective:
		if !r.Objectives {
			return nil, false
		}
		o := r.Objective(WithProgress(resource.Objective))
		return &okrv1.Snapshot{Resource: &okrv1.Snapshot_Objective{Objective: o}}, true
	case *okrv1.Snapshot_KeyResult:
		if !r.KeyResults {
			return nil, false
		}
		return s, true
	case nil:
		return nil, s == nil
	default: // a kind of resource that this version does not know, so it cannot know who may read it
		return nil, false
	}
}
