package api

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

// proposed finds the write that a proposal holds, and what its method is called.
func (s *Server) proposed(w *okrv1.ProposedWrite) (method string, do func(*mutation) error, err error) {
	switch r := w.GetRequest().(type) {
	case *okrv1.ProposedWrite_CreateObjective:
		return okrv1.OkrService_CreateObjective_FullMethodName, only(s.createObjective(r.CreateObjective)), nil
	case *okrv1.ProposedWrite_UpdateObjective:
		return okrv1.OkrService_UpdateObjective_FullMethodName, only(s.updateObjective(r.UpdateObjective)), nil
	case *okrv1.ProposedWrite_CloseObjective:
		return okrv1.OkrService_CloseObjective_FullMethodName, only(s.closeObjective(r.CloseObjective)), nil
	case *okrv1.ProposedWrite_ReopenObjective:
		return okrv1.OkrService_ReopenObjective_FullMethodName, only(s.reopenObjective(r.ReopenObjective)), nil
	case *okrv1.ProposedWrite_ArchiveObjective:
		return okrv1.OkrService_ArchiveObjective_FullMethodName, only(s.archiveObjective(r.ArchiveObjective)), nil
	case *okrv1.ProposedWrite_RestoreObjective:
		return okrv1.OkrService_RestoreObjective_FullMethodName, only(s.restoreObjective(r.RestoreObjective)), nil
	case *okrv1.ProposedWrite_DeleteObjective:
		return okrv1.OkrService_DeleteObjective_FullMethodName, only(s.deleteObjective(r.DeleteObjective)), nil
	case *okrv1.ProposedWrite_CreateKeyResult:
		return okrv1.OkrService_CreateKeyResult_FullMethodName, only(s.createKeyResult(r.CreateKeyResult)), nil
	case *okrv1.ProposedWrite_UpdateKeyResult:
		return okrv1.OkrService_UpdateKeyResult_FullMethodName, only(s.updateKeyResult(r.UpdateKeyResult)), nil
	case *okrv1.ProposedWrite_SetKeyResultAttainment:
		return okrv1.OkrService_SetKeyResultAttainment_FullMethodName, only(s.setKeyResultAttainment(r.SetKeyResultAttainment)), nil
	case *okrv1.ProposedWrite_CreateCheckIn:
		return okrv1.OkrService_CreateCheckIn_FullMethodName, only(s.createCheckIn(r.CreateCheckIn)), nil
	case *okrv1.ProposedWrite_DeleteKeyResult:
		return okrv1.OkrService_DeleteKeyResult_FullMethodName, only(s.deleteKeyResult(r.DeleteKeyResult)), nil
	}
	return "", nil, fmt.Errorf("a proposal of a newer version of the contract: %v", w)
}

// only does a write for its effect alone.
func only[A proto.Message](do write[A]) func(*mutation) error {
	return func(m *mutation) error {
		_, err := do(m)
		return err
	}
}

// proposedWrite is the write of a request as it is kept: without what is about the call, without fields that it would not
// set, which nobody has looked at, and with the caller's id for "me", because somebody else is going to make it.
func proposedWrite(caller access.Caller, req proto.Message) (*okrv1.ProposedWrite, error) {
	kept := proto.CloneOf(req)
	m := kept.ProtoReflect()
	for _, name := range []protoreflect.Name{"request_id", "mode"} {
		m.Clear(m.Descriptor().Fields().ByName(name))
	}
	var err error
	switch r := kept.(type) {
	case *okrv1.CreateObjectiveRequest:
		r.Objective, err = given(r.GetObjective(), all())
		r.Objective.OwnerId = memberID(caller, r.GetObjective().GetOwnerId())
	case *okrv1.UpdateObjectiveRequest:
		o := r.GetObjective()
		r.Objective, err = given(o, r.GetUpdateMask())
		r.Objective.Id, r.Objective.Etag = o.GetId(), o.GetEtag()
		r.Objective.OwnerId = memberID(caller, r.GetObjective().GetOwnerId())
	case *okrv1.CreateKeyResultRequest:
		r.KeyResult, err = given(r.GetKeyResult(), all())
		r.KeyResult.OwnerId = memberID(caller, r.GetKeyResult().GetOwnerId())
	case *okrv1.UpdateKeyResultRequest:
		k := r.GetKeyResult()
		r.KeyResult, err = given(k, r.GetUpdateMask())
		r.KeyResult.Id, r.KeyResult.Etag, r.KeyResult.ObjectiveId = k.GetId(), k.GetEtag(), k.GetObjectiveId()
		r.KeyResult.OwnerId = memberID(caller, r.GetKeyResult().GetOwnerId())
	case *okrv1.CreateCheckInRequest:
		r.CheckIn, err = given(r.GetCheckIn(), all())
	}
	if err != nil {
		return nil, err
	}
	w := &okrv1.ProposedWrite{}
	requests := w.ProtoReflect().Descriptor().Fields()
	for i := range requests.Len() {
		if requests.Get(i).Message() == m.Descriptor() {
			w.ProtoReflect().Set(requests.Get(i), protoreflect.ValueOfMessage(m))
			return w, nil
		}
	}
	return nil, fmt.Errorf("a proposal cannot hold a %s", m.Descriptor().FullName())
}

// all is the mask of every field.
func all() *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: []string{"*"}} }

// given is what a request would set of a resource; never nil.
func given[M proto.Message](resource M, mask *fieldmaskpb.FieldMask) (M, error) {
	empty := resource.ProtoReflect().New().Interface().(M)
	set, err := okr.Merge(empty, resource, mask)
	if err != nil {
		return empty, invalidField(err)
	}
	return set, nil
}

// targets are the states that a write is made on: of the resource that it changes, of all that goes with an objective that
// it deletes, and of the objective under which it puts something.
func (r records) targets(w *okrv1.ProposedWrite) ([]*okrv1.ProposalTarget, error) {
	switch req := w.GetRequest().(type) {
	case *okrv1.ProposedWrite_CreateObjective:
		if parent := req.CreateObjective.GetObjective().GetParentId(); parent != "" {
			return r.objectiveTarget(parent)
		}
		return nil, nil
	case *okrv1.ProposedWrite_UpdateObjective:
		return r.objectiveTarget(req.UpdateObjective.GetObjective().GetId())
	case *okrv1.ProposedWrite_CloseObjective:
		return r.objectiveTarget(req.CloseObjective.GetObjectiveId())
	case *okrv1.ProposedWrite_ReopenObjective:
		return r.objectiveTarget(req.ReopenObjective.GetObjectiveId())
	case *okrv1.ProposedWrite_ArchiveObjective:
		return r.objectiveTarget(req.ArchiveObjective.GetObjectiveId())
	case *okrv1.ProposedWrite_RestoreObjective:
		return r.objectiveTarget(req.RestoreObjective.GetObjectiveId())
	case *okrv1.ProposedWrite_DeleteObjective:
		return r.wholeTarget(req.DeleteObjective.GetObjectiveId())
	case *okrv1.ProposedWrite_CreateKeyResult:
		return r.objectiveTarget(req.CreateKeyResult.GetObjectiveId())
	case *okrv1.ProposedWrite_UpdateKeyResult:
		return r.keyResultTarget(req.UpdateKeyResult.GetKeyResult().GetId())
	case *okrv1.ProposedWrite_SetKeyResultAttainment:
		return r.keyResultTarget(req.SetKeyResultAttainment.GetKeyResultId())
	case *okrv1.ProposedWrite_CreateCheckIn:
		return r.keyResultTarget(req.CreateCheckIn.GetKeyResultId())
	case *okrv1.ProposedWrite_DeleteKeyResult:
		return r.keyResultTarget(req.DeleteKeyResult.GetKeyResultId())
	}
	return nil, fmt.Errorf("a proposal of a newer version of the contract: %v", w)
}

// objectiveTarget is the state of an objective's own fields.
func (r records) objectiveTarget(id string) ([]*okrv1.ProposalTarget, error) {
	targets, err := r.wholeTarget(id)
	return targets[:min(1, len(targets))], err
}

// wholeTarget is the state of an objective and of each of its key results.
func (r records) wholeTarget(id string) ([]*okrv1.ProposalTarget, error) {
	o, err := r.objective(id)
	if err != nil {
		return nil, err
	}
	targets := []*okrv1.ProposalTarget{{ObjectiveId: o.GetId(), Etag: o.GetEtag()}}
	for _, k := range o.GetKeyResults() {
		targets = append(targets, &okrv1.ProposalTarget{ObjectiveId: o.GetId(), KeyResultId: k.GetId(), Etag: k.GetEtag()})
	}
	return targets, nil
}

func (r records) keyResultTarget(id string) ([]*okrv1.ProposalTarget, error) {
	o, k, err := r.keyResult(id, "")
	if err != nil {
		return nil, err
	}
	return []*okrv1.ProposalTarget{{ObjectiveId: o.GetId(), KeyResultId: k.GetId(), Etag: k.GetEtag()}}, nil
}
