package okr

import (
	"slices"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// Proposal returns what the caller may see of a proposal, and nil when that is nothing. A proposal is visible to those who
// may read the resource that it is about.
func (r Readable) Proposal(p *okrv1.Proposal) *okrv1.Proposal {
	c := r.Change(&okrv1.Change{Before: p.GetBefore(), After: p.GetAfter(), CheckIn: p.GetCheckIn()})
	if c == nil {
		return nil
	}
	result := Copy(p)
	result.Before, result.After = c.GetBefore(), c.GetAfter()
	if !r.KeyResults { // those of an objective that is to be deleted
		result.Targets = slices.DeleteFunc(slices.Clone(p.GetTargets()), func(t *okrv1.ProposalTarget) bool {
			return t.GetKeyResultId() != ""
		})
	}
	return result
}

// Planned returns a snapshot of what a write would make, without what is known only when it is made: who makes it, when,
// and what names the state and, if it would be created, the resource.
func Planned(s *okrv1.Snapshot, created bool) *okrv1.Snapshot {
	switch resource := s.GetResource().(type) {
	case *okrv1.Snapshot_Objective:
		o := Copy(resource.Objective)
		o.Etag, o.UpdateTime, o.Updater = "", nil, nil
		if created {
			o.Id, o.CreateTime, o.Creator = "", nil, nil
		}
		return &okrv1.Snapshot{Resource: &okrv1.Snapshot_Objective{Objective: o}}
	case *okrv1.Snapshot_KeyResult:
		k := Copy(resource.KeyResult)
		k.Etag, k.UpdateTime, k.Updater = "", nil, nil
		if created {
			k.Id, k.CreateTime, k.Creator = "", nil, nil
		}
		return &okrv1.Snapshot{Resource: &okrv1.Snapshot_KeyResult{KeyResult: k}}
	}
	return nil
}

// PlannedCheckIn is Planned for a check-in.
func PlannedCheckIn(c *okrv1.CheckIn) *okrv1.CheckIn {
	if c == nil {
		return nil
	}
	planned := Copy(c)
	planned.Id, planned.Author, planned.Via, planned.CreateTime = "", nil, nil, nil
	return planned
}
