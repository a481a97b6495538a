package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

const (
	// maxOpenProposals is how many proposals may be open in an organization: more than anybody looks through.
	maxOpenProposals = 200
	// maxOpenProposalsOfOne is how many of them one client of a member may have, or a member in person.
	maxOpenProposalsOfOne = 50
	// proposalRetention is how long a proposal can be looked at after it could be approved. What was approved stays in the
	// change log for ever.
	proposalRetention = 90 * 24 * time.Hour
	// maxProposalsSwept is how many entries of each kind that are not needed any more a new proposal removes.
	maxProposalsSwept = 16
)

// A proposal is kept as it was made, and written once more when somebody decides on it. That it has expired, or that what
// it is about has changed, is not written down but seen: the etags that it was made on never come back. Its entry u/ counts
// it among those that may be open, and may outlive that until somebody needs the room.

// ListProposals implements okrv1.OkrServiceServer. The position of a page is the id of the last proposal before it.
func (s *Server) ListProposals(ctx context.Context, req *okrv1.ListProposalsRequest) (*okrv1.ListProposalsResponse, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	// The page token is bound to who "me" is.
	req = proto.CloneOf(req)
	req.MemberId = memberID(caller, req.GetMemberId())
	list, err := s.newListing(caller, okrv1.OkrService_ListProposals_FullMethodName, req)
	if err != nil {
		return nil, err
	}
	visible, now := readable(caller), s.now()
	rest := storage.Range{Prefix: []byte(prefixProposal), Reverse: true}
	if req.GetState() == okrv1.ProposalState_PROPOSAL_STATE_OPEN {
		rest.Prefix = []byte(prefixUndecided)
	}
	if list.position != "" {
		rest.End = append(slices.Clone(rest.Prefix), list.position...)
	}
	answer := &okrv1.ListProposalsResponse{}
	err = s.view(ctx, caller, func(r records) error {
		for kv, err := range r.tx.Range(rest) {
			if err != nil {
				return fmt.Errorf("listing proposals: %w", err)
			}
			id := strings.TrimPrefix(string(kv.Key), string(rest.Prefix))
			if kv.Value, err = r.tx.Get(proposalKey(id)); err != nil {
				return fmt.Errorf("reading a proposal: %w", err)
			}
			if !list.mayRead(kv) {
				return nil
			}
			p, err := r.presented(kv.Value, now)
			if err != nil {
				return err
			}
			if shown := visible.Proposal(p); shown != nil && asked(p, req) {
				if !list.take(shown.SizeVT()) {
					return nil
				}
				answer.Proposals = append(answer.Proposals, shown)
			}
			list.position = id
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer.NextPageToken = list.nextPageToken()
	return answer, nil
}

// asked reports whether a proposal is among those that a request asks for.
func asked(p *okrv1.Proposal, req *okrv1.ListProposalsRequest) bool {
	return (req.GetState() == okrv1.ProposalState_PROPOSAL_STATE_UNSPECIFIED || req.GetState() == p.GetState()) &&
		(req.GetMemberId() == "" || req.GetMemberId() == p.GetProposer().GetMemberId()) &&
		(req.GetClientId() == "" || req.GetClientId() == p.GetVia().GetClientId())
}

// GetProposal implements okrv1.OkrServiceServer.
func (s *Server) GetProposal(ctx context.Context, req *okrv1.GetProposalRequest) (*okrv1.Proposal, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	var found *okrv1.Proposal
	err = s.view(ctx, caller, func(r records) error {
		p, err := r.proposal(req.GetProposalId(), s.now())
		if err != nil {
			return err
		}
		if found = readable(caller).Proposal(p); found == nil {
			return proposalNotFound()
		}
		return nil
	})
	return found, err
}

// proposal reads a proposal as it is presented. PROPOSAL_NOT_FOUND.
func (r records) proposal(id string, now time.Time) (*okrv1.Proposal, error) {
	value, err := r.tx.Get(proposalKey(id))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, proposalNotFound()
	}
	if err != nil {
		return nil, fmt.Errorf("reading a proposal: %w", err)
	}
	return r.presented(value, now)
}

// presented decodes a proposal and finds what became of it, where nobody decided on it.
func (r records) presented(value []byte, now time.Time) (*okrv1.Proposal, error) {
	p, err := decode(value, new(okrv1.Proposal))
	if err != nil || p.GetState() != okrv1.ProposalState_PROPOSAL_STATE_OPEN {
		return p, err
	}
	if !now.Before(p.GetExpireTime().AsTime()) {
		p.State = okrv1.ProposalState_PROPOSAL_STATE_EXPIRED
		return p, nil
	}
	moved, err := r.moved(p)
	if moved {
		p.State = okrv1.ProposalState_PROPOSAL_STATE_SUPERSEDED
	}
	return p, err
}

// moved reports whether something of what a proposal is about is not as it was when it was proposed.
func (r records) moved(p *okrv1.Proposal) (bool, error) {
	now, err := r.targets(p.GetWrite())
	switch rpcerr.ReasonOf(err) {
	case accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND, accessv1.ErrorReason_ERROR_REASON_KEY_RESULT_NOT_FOUND:
		return true, nil
	}
	same := slices.EqualFunc(p.GetTargets(), now, func(a, b *okrv1.ProposalTarget) bool {
		return a.GetObjectiveId() == b.GetObjectiveId() && a.GetKeyResultId() == b.GetKeyResultId() && a.GetEtag() == b.GetEtag()
	})
	return err == nil && !same, err
}

// putProposal keeps a request as a proposal, with the change that it would make, and answers its id.
// PROPOSAL_LIMIT_REACHED.
func (m *mutation) putProposal(req proto.Message, change *okrv1.Change) (id string, err error) {
	if err := m.makeRoom(); err != nil {
		return "", err
	}
	w, err := proposedWrite(m.caller, req)
	if err != nil {
		return "", err
	}
	targets, err := m.targets(w)
	if err != nil {
		return "", err
	}
	if id, err = m.unusedID(okr.ProposalPrefix, proposalKey); err != nil {
		return "", err
	}
	created := change.GetBefore() == nil
	p := &okrv1.Proposal{
		Id: id, State: okrv1.ProposalState_PROPOSAL_STATE_OPEN, Write: w, Permission: m.permission, Kind: change.GetKind(),
		Before: change.GetBefore(), After: okr.Planned(change.GetAfter(), created), CheckIn: okr.PlannedCheckIn(change.GetCheckIn()),
		Targets: targets, Proposer: m.author, Via: m.via(),
		CreateTime: m.time, ExpireTime: timestamppb.New(m.time.AsTime().Add(m.server.proposalLifetime)),
	}
	if p.GetCheckIn() != nil {
		p.GetAfter().GetKeyResult().AgentReport = nil // whoever approves it stands by it
	}
	p.ObjectiveId, p.KeyResultId = subject(change)
	if created {
		p.KeyResultId = ""
		if change.GetAfter().GetObjective() != nil {
			p.ObjectiveId = ""
		}
	}
	undecided, err := encode(&okrv1.Proposal{
		Proposer: &okrv1.Member{MemberId: m.author.GetMemberId()}, Via: &okrv1.Via{ClientId: p.GetVia().GetClientId()},
		ExpireTime: p.GetExpireTime(),
	})
	if err != nil {
		return "", err
	}
	return id, errors.Join(m.saveProposal(p), m.tx.Put(undecidedKey(id), undecided))
}

// saveProposal writes a proposal as it is from now on, and counts that it is another than before.
func (m *mutation) saveProposal(p *okrv1.Proposal) error {
	value, err := encode(p)
	if err != nil {
		return err
	}
	return errors.Join(m.tx.Put(proposalKey(p.GetId()), value), m.countTurn(p.GetPermission().GetResource()))
}

// makeRoom removes proposals that are too old to be looked at, counts those that are open, and refuses one more than there
// may be. PROPOSAL_LIMIT_REACHED.
func (m *mutation) makeRoom() error {
	if err := m.sweepProposals(); err != nil {
		return err
	}
	open, err := m.undecided()
	if err != nil {
		return err
	}
	full := func() (limit int) {
		mine := 0
		for _, p := range open {
			if p.GetProposer().GetMemberId() == m.caller.GetMemberId() && p.GetVia().GetClientId() == m.caller.GetClientId() {
				mine++
			}
		}
		switch {
		case mine >= maxOpenProposalsOfOne:
			return maxOpenProposalsOfOne
		case len(open) >= maxOpenProposals:
			return maxOpenProposals
		}
		return 0
	}
	if full() == 0 {
		return nil
	}
	if open, err = m.dropMoved(open); err != nil {
		return err
	}
	limit := full()
	if limit == 0 {
		return nil
	}
	return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_PROPOSAL_LIMIT_REACHED,
		"%d proposals are open already: they have to be decided on or withdrawn first", limit).
		With("limit", strconv.Itoa(limit))
}

// undecided are the proposals that nobody has decided on, shortened to what their entries say, without those that have
// expired; of these it removes the entries.
func (m *mutation) undecided() ([]*okrv1.Proposal, error) {
	var open []*okrv1.Proposal
	var gone [][]byte
	for kv, err := range m.tx.Range(storage.Range{Prefix: []byte(prefixUndecided)}) {
		if err != nil {
			return nil, fmt.Errorf("looking for open proposals: %w", err)
		}
		p, err := decode(kv.Value, new(okrv1.Proposal))
		if err != nil {
			return nil, err
		}
		p.Id = strings.TrimPrefix(string(kv.Key), prefixUndecided)
		switch {
		case m.time.AsTime().Before(p.GetExpireTime().AsTime()):
			open = append(open, p)
		case len(gone) < maxProposalsSwept:
			gone = append(gone, kv.Key)
		}
	}
	for _, key := range gone {
		if err := m.tx.Delete(key); err != nil {
			return nil, err
		}
	}
	return open, nil
}

// dropMoved leaves out proposals that cannot be approved any more, and removes their entries.
func (m *mutation) dropMoved(open []*okrv1.Proposal) ([]*okrv1.Proposal, error) {
	var left []*okrv1.Proposal
	dropped := 0
	for _, entry := range open {
		p, err := m.records.proposal(entry.GetId(), m.time.AsTime())
		if err != nil {
			return nil, err
		}
		if p.GetState() == okrv1.ProposalState_PROPOSAL_STATE_OPEN || dropped == maxProposalsSwept {
			left = append(left, entry)
			continue
		}
		dropped++
		if err := m.tx.Delete(undecidedKey(entry.GetId())); err != nil {
			return nil, err
		}
	}
	return left, nil
}

// sweepProposals removes a few proposals that are too old to be looked at, oldest first.
func (m *mutation) sweepProposals() error {
	for kv, err := range m.tx.Range(storage.Range{Prefix: []byte(prefixProposal), Limit: maxProposalsSwept}) {
		if err != nil {
			return fmt.Errorf("looking for old proposals: %w", err)
		}
		p, err := decode(kv.Value, new(okrv1.Proposal))
		if err != nil {
			return err
		}
		if m.time.AsTime().Sub(p.GetExpireTime().AsTime()) < proposalRetention {
			return nil
		}
		if err := errors.Join(m.tx.Delete(kv.Key), m.tx.Delete(undecidedKey(p.GetId()))); err != nil {
			return err
		}
	}
	return nil
}

func proposalNotFound() error {
	return rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_PROPOSAL_NOT_FOUND, "no such proposal")
}
