package api

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// CreateObjective implements okrv1.OkrServiceServer.
func (s *Server) CreateObjective(ctx context.Context, req *okrv1.CreateObjectiveRequest) (*okrv1.Objective, error) {
	given, err := settable(req.GetObjective())
	if err != nil {
		return nil, err
	}
	return s.mutateObjective(ctx, okrv1.OkrService_CreateObjective_FullMethodName, req,
		func(m *mutation) (*okrv1.Objective, error) {
			id, err := m.unusedID(okr.ObjectivePrefix, objectiveKey)
			if err != nil {
				return nil, err
			}
			o := okr.Copy(given)
			o.Id = id
			o.CreateTime, o.Creator = m.time, m.author
			m.stampObjective(o)
			if err := m.putObjective(o); err != nil {
				return nil, err
			}
			return o, m.record(nil, snapshotOfObjective(o))
		})
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
	o, _ := d.visible(readable(caller))
	return o, nil
}

// ListObjectives implements okrv1.OkrServiceServer. The position of a page is the id of the last objective before it.
func (s *Server) ListObjectives(
	ctx context.Context, req *okrv1.ListObjectivesRequest,
) (*okrv1.ListObjectivesResponse, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.newListing(caller, okrv1.OkrService_ListObjectives_FullMethodName, req)
	if err != nil {
		return nil, err
	}
	visible := readable(caller)
	answer := &okrv1.ListObjectivesResponse{}
	err = s.view(ctx, caller, func(r records) error {
		head, err := r.head()
		if err != nil {
			return err
		}
		answer.Cursor = s.cursor(caller.GetOrganizationId(), head.GetSeq())
		rest := storage.Range{Prefix: []byte(prefixObjective)}
		if list.position != "" {
			rest.Start = after(objectiveKey(list.position))
		}
		for kv, err := range r.tx.Range(rest) {
			if err != nil {
				return fmt.Errorf("listing objectives: %w", err)
			}
			if !list.mayRead(kv) {
				return nil
			}
			d, err := r.documents.decode(kv.Value)
			if err != nil {
				return err
			}
			o, size := d.visible(visible)
			if !list.take(size) {
				return nil
			}
			answer.Objectives = append(answer.Objectives, o)
			list.position = o.GetId()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer.NextPageToken = list.nextPageToken()
	return answer, nil
}

// UpdateObjective implements okrv1.OkrServiceServer.
func (s *Server) UpdateObjective(ctx context.Context, req *okrv1.UpdateObjectiveRequest) (*okrv1.Objective, error) {
	update := req.GetObjective()
	return s.mutateObjective(ctx, okrv1.OkrService_UpdateObjective_FullMethodName, req,
		func(m *mutation) (*okrv1.Objective, error) {
			current, err := m.objective(update.GetId())
			if err != nil {
				return nil, err
			}
			if err := checkEtag(update.GetEtag(), current.GetEtag()); err != nil {
				return nil, err
			}
			o, err := okr.Merge(current, update, req.GetUpdateMask())
			if err != nil {
				return nil, invalidField(err)
			}
			before, after := okr.OwnFields(current), okr.OwnFields(o)
			if err := s.validate(after, "objective"); err != nil {
				return nil, err
			}
			if proto.Equal(before, after) {
				return current, nil
			}
			m.stampObjective(o)
			if err := m.putObjective(o); err != nil {
				return nil, err
			}
			return o, m.record(snapshotOfObjective(before), snapshotOfObjective(okr.OwnFields(o)))
		})
}

// DeleteObjective implements okrv1.OkrServiceServer.
func (s *Server) DeleteObjective(ctx context.Context, req *okrv1.DeleteObjectiveRequest) (*emptypb.Empty, error) {
	return mutate(ctx, s, okrv1.OkrService_DeleteObjective_FullMethodName, req,
		func(m *mutation) (*emptypb.Empty, error) {
			o, err := m.objective(req.GetObjectiveId())
			if err != nil {
				return nil, err
			}
			if err := checkEtag(req.GetEtag(), o.GetEtag()); err != nil {
				return nil, err
			}
			if err := m.tx.Delete(objectiveKey(o.GetId())); err != nil {
				return nil, err
			}
			return &emptypb.Empty{}, m.record(snapshotOfObjective(o), nil)
		})
}

// mutateObjective is mutate for methods that answer an objective.
func (s *Server) mutateObjective(
	ctx context.Context, method string, req mutationRequest, do func(*mutation) (*okrv1.Objective, error),
) (*okrv1.Objective, error) {
	o, err := mutate(ctx, s, method, req, do)
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
