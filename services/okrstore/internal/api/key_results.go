package api

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// CreateKeyResult implements okrv1.OkrServiceServer.
func (s *Server) CreateKeyResult(ctx context.Context, req *okrv1.CreateKeyResultRequest) (*okrv1.KeyResult, error) {
	return mutate(ctx, s, okrv1.OkrService_CreateKeyResult_FullMethodName, req, s.createKeyResult(req))
}

func (s *Server) createKeyResult(req *okrv1.CreateKeyResultRequest) write[*okrv1.KeyResult] {
	return func(m *mutation) (*okrv1.KeyResult, error) {
		given, err := settable(req.GetKeyResult())
		if err != nil {
			return nil, err
		}
		given, err = okr.NewKeyResult(given)
		if err != nil {
			return nil, invalidFieldIn("key_result", err)
		}
		o, err := m.objective(req.GetObjectiveId())
		if err != nil {
			return nil, err
		}
		if err := okr.CheckOpen(o); err != nil {
			return nil, inState(err)
		}
		if err := checkKeyResultLimit(o); err != nil {
			return nil, err
		}
		id, err := m.unusedID(okr.KeyResultPrefix, keyResultKey)
		if err != nil {
			return nil, err
		}
		k := okr.Copy(given)
		k.Id, k.ObjectiveId = id, o.GetId()
		k.OwnerId = memberID(m.caller, k.GetOwnerId())
		k.CreateTime, k.Creator = m.time, m.author
		m.stampKeyResult(k)
		if err := m.putKeyResultParent(k); err != nil {
			return nil, err
		}
		if err := m.putObjective(okr.WithKeyResult(o, k)); err != nil {
			return nil, err
		}
		return okr.DeriveKeyResult(o, k, m.today),
			m.record(okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CREATED, nil, snapshotOfKeyResult(k))
	}
}

// GetKeyResult implements okrv1.OkrServiceServer.
func (s *Server) GetKeyResult(ctx context.Context, req *okrv1.GetKeyResultRequest) (*okrv1.KeyResult, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	var k *okrv1.KeyResult
	err = s.view(ctx, caller, func(r records) error {
		o, stored, err := r.keyResult(req.GetKeyResultId(), req.GetObjectiveId())
		if err != nil {
			return err
		}
		k = okr.DeriveKeyResult(o, stored, s.today())
		return nil
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
	list.each = req.GetPageTokens()
	today := s.today()
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
			o := d.on(today).whole
			if req.GetObjectiveId() == "" && o.GetState() == okrv1.ObjectiveState_OBJECTIVE_STATE_ARCHIVED {
				list.position = o.GetId()
				continue
			}
			for _, k := range o.GetKeyResults() {
				if o.GetId() == objectiveID && k.GetId() <= lastID {
					continue
				}
				if !list.take(k.SizeVT()) {
					return nil
				}
				answer.KeyResults = append(answer.KeyResults, k)
				list.taken(o.GetId() + "/" + k.GetId())
			}
			list.position = o.GetId()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer.NextPageToken, answer.PageTokens = list.nextPageToken(), list.tokens
	return answer, nil
}

// UpdateKeyResult implements okrv1.OkrServiceServer.
func (s *Server) UpdateKeyResult(ctx context.Context, req *okrv1.UpdateKeyResultRequest) (*okrv1.KeyResult, error) {
	return mutate(ctx, s, okrv1.OkrService_UpdateKeyResult_FullMethodName, req, s.updateKeyResult(req))
}

func (s *Server) updateKeyResult(req *okrv1.UpdateKeyResultRequest) write[*okrv1.KeyResult] {
	given := req.GetKeyResult()
	target := keyResultTarget{given.GetId(), given.GetObjectiveId(), given.GetEtag()}
	return func(m *mutation) (*okrv1.KeyResult, error) {
		o, current, err := m.keyResultToChange(target)
		if err != nil {
			return nil, err
		}
		update := okr.Copy(given)
		update.OwnerId = memberID(m.caller, update.GetOwnerId())
		merged, err := okr.Merge(current, update, req.GetUpdateMask())
		if err != nil {
			return nil, invalidField(err)
		}
		if err := s.validate(merged, "key_result"); err != nil {
			return nil, err
		}
		k, err := okr.ReviseKeyResult(current, merged)
		if err != nil {
			return nil, invalidFieldIn("key_result", err)
		}
		if proto.Equal(current, k) {
			return okr.DeriveKeyResult(o, current, m.today), nil
		}
		change := m.change(okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_UPDATED, snapshotOfKeyResult(current), snapshotOfKeyResult(k))
		return m.putKeyResult(o, k, change)
	}
}

// DeleteKeyResult implements okrv1.OkrServiceServer.
func (s *Server) DeleteKeyResult(ctx context.Context, req *okrv1.DeleteKeyResultRequest) (*emptypb.Empty, error) {
	return mutate(ctx, s, okrv1.OkrService_DeleteKeyResult_FullMethodName, req, s.deleteKeyResult(req))
}

func (s *Server) deleteKeyResult(req *okrv1.DeleteKeyResultRequest) write[*emptypb.Empty] {
	return func(m *mutation) (*emptypb.Empty, error) {
		o, k, err := m.keyResultToChange(keyResultTarget{req.GetKeyResultId(), req.GetObjectiveId(), req.GetEtag()})
		if err != nil {
			return nil, err
		}
		if err := m.putObjective(okr.WithoutKeyResult(o, k.GetId())); err != nil {
			return nil, err
		}
		return &emptypb.Empty{}, m.record(okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_DELETED, snapshotOfKeyResult(k), nil)
	}
}

// keyResultTarget names the key result that a request is about, with the conditions that it has to meet.
type keyResultTarget struct {
	id, objectiveID, etag string
}

// keyResultToChange finds a key result that may be changed, and the objective that holds it. KEY_RESULT_NOT_FOUND,
// ETAG_MISMATCH, OBJECTIVE_STATE_CONFLICT.
func (m *mutation) keyResultToChange(target keyResultTarget) (*okrv1.Objective, *okrv1.KeyResult, error) {
	o, k, err := m.keyResult(target.id, target.objectiveID)
	if err != nil {
		return nil, nil, err
	}
	if err := checkEtag(target.etag, k.GetEtag()); err != nil {
		return nil, nil, err
	}
	return o, k, inState(okr.CheckOpen(o))
}

// putKeyResult writes a fresh new state of a key result, and the change, which has the same message. It answers the key
// result with what is derived.
func (m *mutation) putKeyResult(o *okrv1.Objective, k *okrv1.KeyResult, change *okrv1.Change) (*okrv1.KeyResult, error) {
	m.stampKeyResult(k)
	if err := m.putObjective(okr.WithKeyResult(o, k)); err != nil {
		return nil, err
	}
	return okr.DeriveKeyResult(o, k, m.today), m.appendChange(change)
}

// stampKeyResult marks a key result as changed by this mutation.
func (m *mutation) stampKeyResult(k *okrv1.KeyResult) {
	k.Etag = m.etag
	k.UpdateTime, k.Updater = m.time, m.author
}
