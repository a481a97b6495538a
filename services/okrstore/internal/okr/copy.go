package okr

import (
	"reflect"

	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// Copy returns a fresh message whose fields have the values of m's. Messages and lists within are shared with m: they
// may be replaced in the result, not changed. Fields that only a newer version of the contract knows are kept.
//
// What is written all the time is copied field by field: every write makes such copies while others wait for their turn.
func Copy[M proto.Message](m M) M {
	var copied proto.Message
	switch m := proto.Message(m).(type) {
	case *okrv1.Objective:
		copied = copyObjective(m)
	case *okrv1.KeyResult:
		copied = copyKeyResult(m)
	case *okrv1.CheckIn:
		copied = copyCheckIn(m)
	default:
		copied = copyStruct(m)
	}
	if unknown := m.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		copied.ProtoReflect().SetUnknown(unknown)
	}
	return copied.(M)
}

// copyStruct copies the fields of any generated struct.
func copyStruct(m proto.Message) proto.Message {
	from := m.ProtoReflect()
	copied := from.New().Interface()
	if !from.IsValid() { // nil, which is an empty message
		return copied
	}
	source, target := reflect.ValueOf(m).Elem(), reflect.ValueOf(copied).Elem()
	for i := range target.NumField() {
		if field := target.Field(i); field.CanSet() { // the rest is the runtime's own state
			field.Set(source.Field(i))
		}
	}
	return copied
}

func copyObjective(o *okrv1.Objective) *okrv1.Objective {
	if o == nil {
		return new(okrv1.Objective)
	}
	return &okrv1.Objective{
		Id:               o.Id,
		Title:            o.Title,
		KeyResults:       o.KeyResults,
		Progress:         o.Progress,
		Etag:             o.Etag,
		CreateTime:       o.CreateTime,
		UpdateTime:       o.UpdateTime,
		Creator:          o.Creator,
		Updater:          o.Updater,
		Description:      o.Description,
		OwnerId:          o.OwnerId,
		Cycle:            o.Cycle,
		StartDate:        o.StartDate,
		DueDate:          o.DueDate,
		Period:           o.Period,
		ParentId:         o.ParentId,
		State:            o.State,
		Score:            o.Score,
		ClosingNote:      o.ClosingNote,
		CloseTime:        o.CloseTime,
		ArchiveTime:      o.ArchiveTime,
		ExpectedProgress: o.ExpectedProgress,
	}
}

func copyKeyResult(k *okrv1.KeyResult) *okrv1.KeyResult {
	if k == nil {
		return new(okrv1.KeyResult)
	}
	return &okrv1.KeyResult{
		Id:                 k.Id,
		ObjectiveId:        k.ObjectiveId,
		Title:              k.Title,
		Attainment:         k.Attainment,
		Etag:               k.Etag,
		CreateTime:         k.CreateTime,
		UpdateTime:         k.UpdateTime,
		Creator:            k.Creator,
		Updater:            k.Updater,
		OwnerId:            k.OwnerId,
		Kind:               k.Kind,
		StartValue:         k.StartValue,
		TargetValue:        k.TargetValue,
		CurrentValue:       k.CurrentValue,
		Unit:               k.Unit,
		Format:             k.Format,
		Weight:             k.Weight,
		Confidence:         k.Confidence,
		LastCheckInTime:    k.LastCheckInTime,
		Stale:              k.Stale,
		ExpectedAttainment: k.ExpectedAttainment,
		CheckInCount:       k.CheckInCount,
		AgentReport:        k.AgentReport,
	}
}

func copyCheckIn(c *okrv1.CheckIn) *okrv1.CheckIn {
	if c == nil {
		return new(okrv1.CheckIn)
	}
	return &okrv1.CheckIn{
		Id:            c.Id,
		KeyResultId:   c.KeyResultId,
		ObjectiveId:   c.ObjectiveId,
		Value:         c.Value,
		Confidence:    c.Confidence,
		Note:          c.Note,
		Evidence:      c.Evidence,
		PreviousValue: c.PreviousValue,
		Attainment:    c.Attainment,
		Author:        c.Author,
		Via:           c.Via,
		CreateTime:    c.CreateTime,
	}
}
