package api

import (
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

// CreateObjective implements okrv1.OkrServiceServer.
func (s *Server) CreateObjective(ctx context.Context, req *okrv1.CreateObjectiveRequest) (*okrv1.Objective, error) {
	return s.mutateObjective(ctx, okrv1.OkrService_CreateObjective_FullMethodName, req, s.createObjective(req))
}

func (s *Server) createObjective(req *okrv1.CreateObjectiveRequest) write[*okrv1.Objective] {
	return func(m *mutation) (*okrv1.Objective, error) {
		o, err := settable(req.GetObjective())
		if err != nil {
			return nil, err
		}
		if err := okr.CheckDates(o); err != nil {
			return nil, invalidFieldIn("objective", err)
		}
		id, err := m.unusedID(okr.ObjectivePrefix, objectiveKey)
		if err != nil {
			return nil, err
		}
		if err := m.checkObjectiveLimit(0); err != nil {
			return nil, err
		}
		o.Id = id
		o.OwnerId = memberID(m.caller, o.GetOwnerId())
		o.State = okrv1.ObjectiveState_OBJECTIVE_STATE_ACTIVE
		o.CreateTime, o.Creator = m.time, m.author
		m.stampObjective(o)
		if err := m.moveBelow(o.GetId(), "", o.GetParentId()); err != nil {
			return nil, err
		}
		if err := m.putObjective(o); err != nil {
			return nil, err
		}
		return o, m.record(okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CREATED, nil, snapshotOfObjective(o))
	}
}

// GetObjective implements okrv1.OkrServiceServer.
func (s *Server) GetObjective(ctx context.Context, req *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	var d *document
	err = s.view(ctx, caller, func(r records) error {
		var err error
		d, err = r.document(req.GetObjectiveId())
		return err
	})
	if err != nil {
		return nil, err
	}
	o, _ := d.visible(readable(caller), s.today())
	return o, nil
}

// UpdateObjective implements okrv1.OkrServiceServer.
func (s *Server) UpdateObjective(ctx context.Context, req *okrv1.UpdateObjectiveRequest) (*okrv1.Objective, error) {
	return s.mutateObjective(ctx, okrv1.OkrService_UpdateObjective_FullMethodName, req, s.updateObjective(req))
}

func (s *Server) updateObjective(req *okrv1.UpdateObjectiveRequest) write[*okrv1.Objective] {
	given := req.GetObjective()
	target := objectiveTarget{given.GetId(), given.GetEtag(), okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_UPDATED}
	return changeObjective(target, func(m *mutation, current *okrv1.Objective) (*okrv1.Objective, error) {
		if err := okr.CheckOpen(current); err != nil {
			return nil, err
		}
		update := okr.Copy(given)
		update.OwnerId = memberID(m.caller, update.GetOwnerId())
		o, err := okr.Merge(current, update, req.GetUpdateMask())
		if err != nil {
			return nil, invalidField(err)
		}
		if err := s.validate(okr.OwnFields(o), "objective"); err != nil {
			return nil, err
		}
		if err := okr.CheckDates(o); err != nil {
			return nil, invalidFieldIn("objective", err)
		}
		return o, m.moveBelow(o.GetId(), current.GetParentId(), o.GetParentId())
	})
}

// DeleteObjective implements okrv1.OkrServiceServer.
func (s *Server) DeleteObjective(ctx context.Context, req *okrv1.DeleteObjectiveRequest) (*emptypb.Empty, error) {
	return mutate(ctx, s, okrv1.OkrService_DeleteObjective_FullMethodName, req, s.deleteObjective(req))
}

func (s *Server) deleteObjective(req *okrv1.DeleteObjectiveRequest) write[*emptypb.Empty] {
	return func(m *mutation) (*emptypb.Empty, error) {
		o, err := m.objective(req.GetObjectiveId())
		if err != nil {
			return nil, err
		}
		if err := checkEtag(req.GetEtag(), o.GetEtag()); err != nil {
			return nil, err
		}
		if err := m.deleteObjective(o); err != nil {
			return nil, err
		}
		if err := m.leaveParent(o); err != nil {
			return nil, err
		}
		return &emptypb.Empty{}, m.record(okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_DELETED, snapshotOfObjective(o), nil)
	}
}

// objectiveTarget names the objective that a request is about, with the condition that it has to meet, and what the
// request does to it.
type objectiveTarget struct {
	id, etag string
	kind     okrv1.ChangeKind
}

// changeObjective is the write of a method that makes a new state of an objective's own fields out of the current one.
func changeObjective(
	target objectiveTarget, change func(m *mutation, current *okrv1.Objective) (*okrv1.Objective, error),
) write[*okrv1.Objective] {
	return func(m *mutation) (*okrv1.Objective, error) {
		current, err := m.objective(target.id)
		if err != nil {
			return nil, err
		}
		if err := checkEtag(target.etag, current.GetEtag()); err != nil {
			return nil, err
		}
		o, err := change(m, current)
		if err != nil {
			return nil, inState(err)
		}
		before := okr.OwnFields(current)
		if proto.Equal(before, okr.OwnFields(o)) {
			return current, nil
		}
		m.stampObjective(o)
		if err := m.putObjective(o); err != nil {
			return nil, err
		}
		return o, m.record(target.kind, snapshotOfObjective(before), snapshotOfObjective(okr.OwnFields(o)))
	}
}

// mutateObjective is mutate for methods that answer an objective. do answers it as it is stored.
func (s *Server) mutateObjective(
	ctx context.Context, method string, req mutationRequest, do write[*okrv1.Objective],
) (*okrv1.Objective, error) {
	o, err := mutate(ctx, s, method, req, func(m *mutation) (*okrv1.Objective, error) {
		o, err := do(m)
		return okr.Derive(o, m.today), err
	})
	if err != nil {
		return nil, err
	}
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	return readable(caller).Objective(o), nil
}

// stampObjective marks an objective as changed by this mutation.
func (m *mutation) stampObjective(o *okrv1.Objective) {
	o.Etag = m.etag
	o.UpdateTime, o.Updater = m.time, m.author
}

// settable returns a copy of a resource with nothing but the fields that a caller can set. FIELD_INVALID.
func settable[M proto.Message](resource M) (M, error) {
	empty := resource.ProtoReflect().New().Interface().(M)
	given, err := okr.Merge(empty, resource, &fieldmaskpb.FieldMask{Paths: []string{"*"}})
	return given, invalidField(err)
}
