package api

import (
	"context"
	"strings"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// ApproveProposal implements okrv1.OkrServiceServer. It makes the write in the same transaction, as the caller.
func (s *Server) ApproveProposal(ctx context.Context, req *okrv1.ApproveProposalRequest) (*okrv1.Proposal, error) {
	return s.decide(ctx, okrv1.OkrService_ApproveProposal_FullMethodName, req, req.GetProposalId(), func(m *mutation, p *okrv1.Proposal) error {
		if err := m.mayDecide(ctx, p); err != nil {
			return err
		}
		_, do, err := s.proposed(p.GetWrite())
		if err != nil {
			return err
		}
		m.permission = p.GetPermission()
		m.proposal = &okrv1.ChangeProposal{ProposalId: p.GetId(), Proposer: p.GetProposer(), Via: p.GetVia()}
		if err := do(m); err != nil {
			return err
		}
		if m.recorded != nil {
			p.ChangeSeq = m.recorded.GetSeq()
			p.ObjectiveId, p.KeyResultId = subject(m.recorded)
		}
		p.State = okrv1.ProposalState_PROPOSAL_STATE_APPROVED
		return nil
	})
}

// RejectProposal implements okrv1.OkrServiceServer.
func (s *Server) RejectProposal(ctx context.Context, req *okrv1.RejectProposalRequest) (*okrv1.Proposal, error) {
	return s.decide(ctx, okrv1.OkrService_RejectProposal_FullMethodName, req, req.GetProposalId(), func(m *mutation, p *okrv1.Proposal) error {
		if err := m.mayDecide(ctx, p); err != nil {
			return err
		}
		p.State, p.Reason = okrv1.ProposalState_PROPOSAL_STATE_REJECTED, req.GetReason()
		return nil
	})
}

// WithdrawProposal implements okrv1.OkrServiceServer. An agent withdraws what it proposed itself, a member in person also
// what an agent proposed in the member's name.
func (s *Server) WithdrawProposal(ctx context.Context, req *okrv1.WithdrawProposalRequest) (*okrv1.Proposal, error) {
	return s.decide(ctx, okrv1.OkrService_WithdrawProposal_FullMethodName, req, req.GetProposalId(), func(m *mutation, p *okrv1.Proposal) error {
		if client := m.caller.GetClientId(); m.caller.GetMemberId() != p.GetProposer().GetMemberId() ||
			client != "" && client != p.GetVia().GetClientId() {
			return proposalNotFound()
		}
		if err := stillOpen(p); err != nil {
			return err
		}
		p.State = okrv1.ProposalState_PROPOSAL_STATE_WITHDRAWN
		return nil
	})
}

// decide changes a proposal that is open. PROPOSAL_NOT_FOUND, and what decision answers.
//
// What is remembered for the request id is the proposal's id alone: nothing changes a proposal that was decided on.
func (s *Server) decide(
	ctx context.Context, method string, req mutationRequest, id string, decision func(*mutation, *okrv1.Proposal) error,
) (*okrv1.Proposal, error) {
	decided, err := mutate(ctx, s, method, req, func(m *mutation) (*okrv1.Proposal, error) {
		p, err := m.records.proposal(id, m.time.AsTime())
		if err != nil {
			return nil, err
		}
		if readable(m.caller).Proposal(p) == nil {
			return nil, proposalNotFound()
		}
		if err := decision(m, p); err != nil {
			return nil, err
		}
		p.DecideTime, p.Decider = m.time, m.author
		return &okrv1.Proposal{Id: id}, m.closeProposal(p)
	})
	if err != nil {
		return nil, err
	}
	return s.GetProposal(ctx, &okrv1.GetProposalRequest{ProposalId: decided.GetId()})
}

func (m *mutation) closeProposal(p *okrv1.Proposal) error {
	if err := m.saveProposal(p); err != nil {
		return err
	}
	return m.tx.Delete(undecidedKey(p.GetId()))
}

// mayDecide refuses a caller who could not make the write, and a proposal that is not open any more. One that is found
// superseded stays so. PROPOSAL_SUPERSEDED, PROPOSAL_NOT_OPEN.
func (m *mutation) mayDecide(ctx context.Context, p *okrv1.Proposal) error {
	if needed := p.GetPermission(); !access.Permits(m.caller.Principal, needed.GetResource(), needed.GetAction()) {
		return access.Denied(ctx, m.caller.Principal, []*accessv1.Permission{needed}, m.server.grantors)
	}
	err := stillOpen(p)
	if p.GetState() == okrv1.ProposalState_PROPOSAL_STATE_SUPERSEDED && p.GetDecideTime() == nil {
		p.DecideTime = m.time
		if failed := m.closeProposal(p); failed != nil {
			return failed
		}
		return &keptError{err}
	}
	return err
}

// stillOpen refuses to decide on a proposal once more. PROPOSAL_SUPERSEDED, PROPOSAL_NOT_OPEN.
func stillOpen(p *okrv1.Proposal) error {
	switch p.GetState() {
	case okrv1.ProposalState_PROPOSAL_STATE_OPEN:
		return nil
	case okrv1.ProposalState_PROPOSAL_STATE_SUPERSEDED:
		return rpcerr.New(codes.Aborted, accessv1.ErrorReason_ERROR_REASON_PROPOSAL_SUPERSEDED,
			"nothing was changed: what the proposal is about was changed after it was made")
	}
	state := strings.TrimPrefix(p.GetState().String(), "PROPOSAL_STATE_")
	return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_PROPOSAL_NOT_OPEN,
		"nothing was changed: the proposal is not open any more, it is %s", strings.ToLower(state)).With("state", state)
}
