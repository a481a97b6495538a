package api

import (
	"cmp"
	"context"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

// ConfirmCheckIn implements okrv1.OkrServiceServer.
func (s *Server) ConfirmCheckIn(ctx context.Context, req *okrv1.ConfirmCheckInRequest) (*okrv1.KeyResult, error) {
	return mutate(ctx, s, okrv1.OkrService_ConfirmCheckIn_FullMethodName, req, func(m *mutation) (*okrv1.KeyResult, error) {
		o, current, err := m.keyResultToChange(keyResultTarget{id: req.GetKeyResultId()})
		if err != nil {
			return nil, err
		}
		if waiting := current.GetAgentReport().GetCheckInId(); waiting != req.GetCheckInId() {
			return okr.DeriveKeyResult(o, current, m.today), m.checkConfirmed(current, req.GetCheckInId())
		}
		k := okr.Copy(current)
		k.AgentReport = nil
		change := m.change(okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_CONFIRMED, snapshotOfKeyResult(current), snapshotOfKeyResult(k))
		change.Permission = &accessv1.Permission{Resource: access.ResourceKeyResult, Action: accessv1.Action_ACTION_UPDATE}
		return m.putKeyResult(o, k, change)
	})
}

// checkConfirmed answers nil when a check-in that does not wait to be confirmed is the last that its key result has.
// CHECK_IN_NOT_FOUND, CHECK_IN_OUTDATED.
func (m *mutation) checkConfirmed(k *okrv1.KeyResult, id string) error {
	there, err := m.storedCheckIn(k.GetId(), id)
	if err != nil {
		return err
	}
	if there == nil {
		return rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_CHECK_IN_NOT_FOUND, "no such check-in")
	}
	if k.GetLastCheckInTime().AsTime().After(there.GetCreateTime().AsTime()) || k.GetAgentReport() != nil {
		err := rpcerr.New(codes.Aborted, accessv1.ErrorReason_ERROR_REASON_CHECK_IN_OUTDATED,
			"there is a later check-in than this one: look at that first")
		if waiting := k.GetAgentReport().GetCheckInId(); waiting != "" {
			err = err.With("check_in_id", waiting)
		}
		return err
	}
	return nil
}

// reported is what stands at a key result after a check-in by this mutation's caller: who reports in person stands by it.
func (m *mutation) reported(c *okrv1.CheckIn) *okrv1.AgentReport {
	if m.caller.GetClientId() == "" || m.settings.GetTrustReports() {
		return nil
	}
	return &okrv1.AgentReport{
		CheckInId: c.GetId(), ClientId: m.caller.GetClientId(), ClientName: m.caller.GetClientName(),
	}
}

// reportedBefore is what stands at a key result after a change of it that was no check-in is undone. A member may bring back
// that it was confirmed. An agent may not: what waits to be confirmed goes on waiting, whatever an agent undoes.
func (m *mutation) reportedBefore(current, before *okrv1.KeyResult) *okrv1.AgentReport {
	if m.caller.GetClientId() == "" {
		return before.GetAgentReport()
	}
	return cmp.Or(current.GetAgentReport(), before.GetAgentReport())
}
