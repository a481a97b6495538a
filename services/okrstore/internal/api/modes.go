package api

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/overlay"
)

// A write that is not made never answers as one that was: a program that knows nothing of proposals must not take a write
// for made that waits, and a deletion has no answer that could say so. What was parked therefore answers an error with the
// id of the proposal, PROPOSED where the request asked for it and PROPOSE_ONLY where the organization did, and the
// transaction is kept nevertheless.

// modeOf is what a request says to do with its write.
func modeOf(req mutationRequest) accessv1.WriteMode {
	if m, ok := req.(interface{ GetMode() accessv1.WriteMode }); ok {
		return m.GetMode()
	}
	return accessv1.WriteMode_WRITE_MODE_UNSPECIFIED
}

// parked is the answer to a write that waits as a proposal.
func parked(mode accessv1.WriteMode, proposalID string) error {
	if mode == accessv1.WriteMode_WRITE_MODE_PROPOSE {
		return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_PROPOSED,
			"nothing was changed yet: the write waits as the proposal %s for a member to approve it", proposalID).
			With("proposal_id", proposalID)
	}
	return proposeOnly("nothing was changed yet: this client may only propose, and the write waits as the proposal "+proposalID+
		" for a member to approve it").With("proposal_id", proposalID)
}

func proposeOnly(message string) *rpcerr.Error {
	return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_PROPOSE_ONLY, "%s", message)
}

// parks reports whether what a caller writes is to be parked. PROPOSE_ONLY when it is, and cannot be.
func (s *Server) parks(settings *okrv1.AgentSettings, caller access.Caller, method string) (bool, error) {
	if caller.GetClientId() == "" || method == okrv1.OkrService_WithdrawProposal_FullMethodName ||
		!onlyProposes(settings, caller.GetClientId()) {
		return false, nil
	}
	if !s.proposable[method] {
		return false, proposeOnly("nothing was changed: this client may only propose, and this cannot be proposed")
	}
	return true, nil
}

// attempt does a write on a scratch transaction, which is left to be forgotten, and answers the change that it would have
// written; nil if it would change nothing.
func attempt[A proto.Message](m *mutation, do write[A]) (answer A, change *okrv1.Change, err error) {
	err = overlay.NewUpdate(whole{m.tx}).Run(func(tx storage.Tx) error {
		scratch := *m
		scratch.tx = tx
		var err error
		answer, err = do(&scratch)
		change = scratch.recorded
		return err
	})
	return answer, change, err
}

// try answers what would become of a write.
func try[A proto.Message](ctx context.Context, s *Server, caller access.Caller, method string, do write[A]) (answer A, err error) {
	err = s.view(ctx, caller, func(r records) error {
		m, err := s.newMutation(r, caller, method, "", s.now())
		if err != nil {
			return err
		}
		var change *okrv1.Change
		answer, change, err = attempt(m, do)
		if err == nil && change != nil {
			answer = unsaved(answer, change)
		}
		return err
	})
	return answer, err
}

// unsaved is the answer to a write that was tried, without what names a state or a resource that there is not.
func unsaved[A proto.Message](answer A, change *okrv1.Change) A {
	fresh := proto.CloneOf(answer)
	m := fresh.ProtoReflect()
	fields := m.Descriptor().Fields()
	if etag := fields.ByName("etag"); etag != nil {
		m.Clear(etag)
	}
	_, isCheckIn := any(fresh).(*okrv1.CheckIn)
	if k, is := any(fresh).(*okrv1.KeyResult); is && change.GetCheckIn() != nil && k.GetAgentReport() != nil {
		k.AgentReport.CheckInId = ""
	}
	if id := fields.ByName("id"); id != nil && (isCheckIn || change.GetBefore() == nil) {
		m.Clear(id)
	}
	return fresh
}

// park keeps a write as a proposal and answers its id. A write that would change nothing is answered as ever.
func park[A proto.Message](m *mutation, req mutationRequest, do write[A]) (answer A, proposalID string, err error) {
	answer, change, err := attempt(m, do)
	if err != nil || change == nil {
		return answer, "", err
	}
	proposalID, err = m.putProposal(req, change)
	return answer, proposalID, err
}
