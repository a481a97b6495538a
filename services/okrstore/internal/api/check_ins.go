package api

import (
	"context"
	"fmt"
	"strconv"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// oldestCheckInsFirst is the order_by for the reverse of the default order.
const oldestCheckInsFirst = "create_time"

// CreateCheckIn implements okrv1.OkrServiceServer.
func (s *Server) CreateCheckIn(ctx context.Context, req *okrv1.CreateCheckInRequest) (*okrv1.CheckIn, error) {
	return mutate(ctx, s, okrv1.OkrService_CreateCheckIn_FullMethodName, req, s.createCheckIn(req))
}

func (s *Server) createCheckIn(req *okrv1.CreateCheckInRequest) write[*okrv1.CheckIn] {
	return func(m *mutation) (*okrv1.CheckIn, error) {
		given, err := settable(req.GetCheckIn())
		if err != nil {
			return nil, err
		}
		target := keyResultTarget{req.GetKeyResultId(), req.GetObjectiveId(), req.GetEtag()}
		o, current, err := m.keyResultToChange(target)
		if err != nil {
			return nil, err
		}
		_, c, err := m.checkIn(o, current, given)
		return c, invalidFieldIn("check_in", err)
	}
}

// SetKeyResultAttainment implements okrv1.OkrServiceServer.
func (s *Server) SetKeyResultAttainment(
	ctx context.Context, req *okrv1.SetKeyResultAttainmentRequest,
) (*okrv1.KeyResult, error) {
	return mutate(ctx, s, okrv1.OkrService_SetKeyResultAttainment_FullMethodName, req, s.setKeyResultAttainment(req))
}

func (s *Server) setKeyResultAttainment(req *okrv1.SetKeyResultAttainmentRequest) write[*okrv1.KeyResult] {
	target := keyResultTarget{req.GetKeyResultId(), req.GetObjectiveId(), req.GetEtag()}
	return func(m *mutation) (*okrv1.KeyResult, error) {
		o, current, err := m.keyResultToChange(target)
		if err != nil {
			return nil, err
		}
		if !okr.IsPercentage(current) {
			return nil, attainmentNotSettable(current)
		}
		if current.GetAttainment() == req.GetAttainment() {
			return okr.DeriveKeyResult(o, current, m.today), nil
		}
		k, _, err := m.checkIn(o, current, &okrv1.CheckIn{Value: strconv.Itoa(int(req.GetAttainment()))})
		return k, err
	}
}

// checkIn writes a check-in and what becomes of its key result, and answers both. It returns an [okr.FieldError] when
// the check-in cannot be.
func (m *mutation) checkIn(
	o *okrv1.Objective, current *okrv1.KeyResult, given *okrv1.CheckIn,
) (*okrv1.KeyResult, *okrv1.CheckIn, error) {
	k, c, err := m.addCheckIn(o, current, given)
	if err != nil {
		return nil, nil, err
	}
	change := m.change(okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CHECKED_IN, snapshotOfKeyResult(current), snapshotOfKeyResult(k))
	change.CheckIn = c
	k, err = m.putKeyResult(o, k, change)
	return k, c, err
}

// addCheckIn is checkIn for those who write the key result, which is fresh, and the change themselves.
func (m *mutation) addCheckIn(
	o *okrv1.Objective, current *okrv1.KeyResult, given *okrv1.CheckIn,
) (*okrv1.KeyResult, *okrv1.CheckIn, error) {
	k, c, err := okr.CheckIn(current, given)
	if err != nil {
		return nil, nil, err
	}
	c.Id, err = m.unusedID(okr.CheckInPrefix, func(id string) []byte { return checkInKey(k.GetId(), id) })
	if err != nil {
		return nil, nil, err
	}
	c.KeyResultId, c.ObjectiveId = k.GetId(), o.GetId()
	c.Author, c.Via, c.CreateTime = m.author, m.via(), m.time
	k.LastCheckInTime = m.time
	k.AgentReport = m.reported(c)
	value, err := encode(c)
	if err != nil {
		return nil, nil, err
	}
	return k, c, m.tx.Put(checkInKey(k.GetId(), c.GetId()), value)
}

// attainmentNotSettable says how a key result is measured and how to report on it.
func attainmentNotSettable(k *okrv1.KeyResult) error {
	how := fmt.Sprintf("it goes from %s to %s", k.GetStartValue(), k.GetTargetValue())
	if k.GetUnit() != "" {
		how += " " + k.GetUnit()
	}
	advice := "check in with the value that it has come to"
	if k.GetKind() == okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE {
		how, advice = "it is a milestone", `check in with the value "100" when it is done`
	}
	return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_ATTAINMENT_NOT_SETTABLE,
		"the key result is not a percentage from 0 to 100, %s: %s (CreateCheckIn)", how, advice).
		With("start_value", k.GetStartValue()).With("target_value", k.GetTargetValue()).With("unit", k.GetUnit())
}

// ListCheckIns implements okrv1.OkrServiceServer. The position of a page is the id of the last check-in before it.
func (s *Server) ListCheckIns(
	ctx context.Context, req *okrv1.ListCheckInsRequest,
) (*okrv1.ListCheckInsResponse, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.newListing(caller, okrv1.OkrService_ListCheckIns_FullMethodName, req)
	if err != nil {
		return nil, err
	}
	answer := &okrv1.ListCheckInsResponse{}
	err = s.view(ctx, caller, func(r records) error {
		_, k, err := r.keyResult(req.GetKeyResultId(), "")
		if err != nil {
			return err
		}
		rest := storage.Range{
			Prefix:  checkInKey(k.GetId(), ""),
			Reverse: req.GetOrderBy() != oldestCheckInsFirst,
		}
		if list.position != "" {
			if last := checkInKey(k.GetId(), list.position); rest.Reverse {
				rest.End = last
			} else {
				rest.Start = after(last)
			}
		}
		for kv, err := range r.tx.Range(rest) {
			if err != nil {
				return fmt.Errorf("listing check-ins: %w", err)
			}
			if !list.mayRead(kv) {
				return nil
			}
			c, err := decode(kv.Value, new(okrv1.CheckIn))
			if err != nil {
				return err
			}
			if !list.take(c.SizeVT()) {
				return nil
			}
			answer.CheckIns = append(answer.CheckIns, c)
			list.position = c.GetId()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer.NextPageToken = list.nextPageToken()
	return answer, nil
}
