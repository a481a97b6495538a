package api

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// CreateKeyResult implements okrv1.OkrServiceServer.
func (s *Server) CreateKeyResult(ctx context.Context, req *okrv1.CreateKeyResultRequest) (*okrv1.KeyResult, error) {
	given, err := settable(req.GetKeyResult())
	if err != nil {
		return nil, err
	}
	return mutate(ctx, s, okrv1.OkrService_CreateKeyResult_FullMethodName, req,
		func(m *mutation) (*okrv1.KeyResult, error) {
			o, err := m.objective(req.GetObjectiveId())
			if err != nil {
				return nil, err
			}
			if len(o.GetKeyResults()) >= okr.MaxKeyResults {
				return nil, rpcerr.New(codes.FailedPrecondition,
					accessv1.ErrorReason_ERROR_REASON_KEY_RESULT_LIMIT_REACHED,
					"an objective holds at most %d key results", okr.MaxKeyResults).
					With("limit", strconv.Itoa(okr.MaxKeyResults))
			}
			id, err := m.unusedID(okr.KeyResultPrefix, keyResultKey)
			if err != nil {
				return nil, err
			}
			k := okr.Copy(given)
			k.Id, k.ObjectiveId = id, o.GetId()
			k.Attainment = new(int32(0))
			k.CreateTime, k.Creator = m.time, m.author
			m.stampKeyResult(k)
			if err := m.putKeyResultParent(k); err != nil {
				return nil, err
			}
			if err := m.putObjective(okr.WithKeyResult(o, k)); err != nil {
				return nil, err
			}
			return k, m.record(nil, snapshotOfKeyResult(k))
		})
}

// GetKeyResult implements okrv1.OkrServiceServer.
func (s *Server) GetKeyResult(ctx context.Context, req *okrv1.GetKeyResultRequest) (*okrv1.KeyResult, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	var k *okrv1.KeyResult
	err = s.view(ctx, caller, func(r records) error {
		var err error
		_, k, err = r.keyResult(req.GetKeyResultId(), req.GetObjectiveId())
		return err
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

// ListKeyResults implements okrv1.OkrServiceServer. The position of a page is the ids of the last key result before it
// and of its objective, with a slash between them, or of the objective alone where the page before ended with it.
func (s *Server) ListKeyResults(
	ctx context.Context, req *okrv1.ListKeyResultsRequest,
) (*okrv1.ListKeyResultsResponse, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.newListing(caller, okrv1.OkrService_ListKeyResults_FullMethodName, req)
	if err != nil {
		return nil, err
	}
	answer := &okrv1.ListKeyResultsResponse{}
	err = s.view(ctx, caller, func(r records) error {
		head, err := r.head()
		if err != nil {
			return err
		}
		answer.Cursor = s.cursor(caller.GetOrganizationId(), head.GetSeq())
		objectiveID, lastID, within := strings.Cut(list.position, "/")
		rest := storage.Range{Prefix: []byte(prefixObjective)}
		if list.position != "" {
			rest.Start = objectiveKey(objectiveID)
			if !within {
				rest.Start = after(rest.Start)
			}
		}
		if only := req.GetObjectiveId(); only != "" {
			found, err := r.exists(objectiveKey(only))
			if err != nil {
				return fmt.Errorf("looking for an objective: %w", err)
			}
			if !found {
				return objectiveNotFound()
			}
			rest.Prefix, rest.End = objectiveKey(only), after(objectiveKey(only))
		}
		for kv, err := range r.tx.Range(rest) {
			if err != nil {
				return fmt.Errorf("listing key results: %w", err)
			}
			if !list.mayRead(kv) {
				return nil
			}
			d, err := r.documents.decode(kv.Value)
			if err != nil {
				return err
			}
			o := d.stored
			for _, k := range o.GetKeyResults() {
				if o.GetId() == objectiveID && k.GetId() <= lastID {
					continue
				}
				if !list.take(proto.Size(k)) {
					return nil
				}
				answer.KeyResults = append(answer.KeyResults, k)
				list.position = o.GetId() + "/" + k.GetId()
			}
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

// UpdateKeyResult implements okrv1.OkrServiceServer.
func (s *Server) UpdateKeyResult(ctx context.Context, req *okrv1.UpdateKeyResultRequest) (*okrv1.KeyResult, error) {
	update := req.GetKeyResult()
	target := keyResultTarget{id: update.GetId(), objectiveID: update.GetObjectiveId(), etag: update.GetEtag()}
	return s.changeKeyResult(ctx, okrv1.OkrService_UpdateKeyResult_FullMethodName, req, target,
		func(current *okrv1.KeyResult) (*okrv1.KeyResult, error) {
			k, err := okr.Merge(current, update, req.GetUpdateMask())
			if err != nil {
				return nil, invalidField(err)
			}
			return k, s.validate(k, "key_result")
		})
}

// SetKeyResultAttainment implements okrv1.OkrServiceServer.
func (s *Server) SetKeyResultAttainment(
	ctx context.Context, req *okrv1.SetKeyResultAttainmentRequest,
) (*okrv1.KeyResult, error) {
	target := keyResultTarget{id: req.GetKeyResultId(), objectiveID: req.GetObjectiveId(), etag: req.GetEtag()}
	return s.changeKeyResult(ctx, okrv1.OkrService_SetKeyResultAttainment_FullMethodName, req, target,
		func(current *okrv1.KeyResult) (*okrv1.KeyResult, error) {
			k, err := okr.WithAttainment(current, req.GetAttainment())
			return k, invalidField(err)
		})
}

// DeleteKeyResult implements okrv1.OkrServiceServer.
func (s *Server) DeleteKeyResult(ctx context.Context, req *okrv1.DeleteKeyResultRequest) (*emptypb.Empty, error) {
	return mutate(ctx, s, okrv1.OkrService_DeleteKeyResult_FullMethodName, req,
		func(m *mutation) (*emptypb.Empty, error) {
			o, k, err := m.keyResult(req.GetKeyResultId(), req.GetObjectiveId())
			if err != nil {
				return nil, err
			}
			if err := checkEtag(req.GetEtag(), k.GetEtag()); err != nil {
				return nil, err
			}
			if err := m.tx.Delete(keyResultKey(k.GetId())); err != nil {
				return nil, err
			}
			if err := m.putObjective(okr.WithoutKeyResult(o, k.GetId())); err != nil {
				return nil, err
			}
			return &emptypb.Empty{}, m.record(snapshotOfKeyResult(k), nil)
		})
}

// keyResultTarget names the key result that a request is about, with the conditions that it has to meet.
type keyResultTarget struct {
	id, objectiveID, etag string
}

// changeKeyResult is mutate for methods that make a new state of one key result out of the current one.
func (s *Server) changeKeyResult(
	ctx context.Context, method string, req mutationRequest, target keyResultTarget,
	change func(current *okrv1.KeyResult) (*okrv1.KeyResult, error),
) (*okrv1.KeyResult, error) {
	return mutate(ctx, s, method, req, func(m *mutation) (*okrv1.KeyResult, error) {
		o, current, err := m.keyResult(target.id, target.objectiveID)
		if err != nil {
			return nil, err
		}
		if err := checkEtag(target.etag, current.GetEtag()); err != nil {
			return nil, err
		}
		k, err := change(current)
		if err != nil {
			return nil, err
		}
		if proto.Equal(current, k) {
			return current, nil
		}
		m.stampKeyResult(k)
		if err := m.putObjective(okr.WithKeyResult(o, k)); err != nil {
			return nil, err
		}
		return k, m.record(snapshotOfKeyResult(current), snapshotOfKeyResult(k))
	})
}

// stampKeyResult marks a key result as changed by this mutation.
func (m *mutation) stampKeyResult(k *okrv1.KeyResult) {
	k.Etag = m.etag
	k.UpdateTime, k.Updater = m.time, m.author
}
