package api

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// proposalsState is what a watch knows of the proposals that its caller may read.
type proposalsState struct {
	etag string
	// turns are the counters that it was found under, 0 for what the caller may not read.
	objectiveTurns, keyResultTurns int64
	// next is when the first of those that are open expires; zero if none is open.
	next time.Time
}

// expired reports whether a proposal has expired since.
func (s proposalsState) expired(now time.Time) bool { return !s.next.IsZero() && !now.Before(s.next) }

// proposalsState finds what there is to know of the proposals; known is what was found before, or nothing. Where no
// proposal was made or decided on since, and none has expired, it takes no look at any.
func (r records) proposalsState(known proposalsState, visible okr.Readable, s *Server) (proposalsState, error) {
	var state proposalsState
	var err error
	if visible.Objectives {
		state.objectiveTurns, err = r.proposalTurns(access.ResourceObjective)
	}
	if err == nil && visible.KeyResults {
		state.keyResultTurns, err = r.proposalTurns(access.ResourceKeyResult)
	}
	if err != nil {
		return proposalsState{}, err
	}
	now := s.now()
	if known.etag != "" && !known.expired(now) &&
		known.objectiveTurns == state.objectiveTurns && known.keyResultTurns == state.keyResultTurns {
		return known, nil
	}
	first, err := r.firstOpenProposal(visible, now)
	if err != nil {
		return proposalsState{}, err
	}
	if first != nil {
		state.next = first.GetExpireTime().AsTime()
	}
	state.etag = okr.ProposalsEtag(s.epoch, state.objectiveTurns, state.keyResultTurns, first.GetId())
	return state, nil
}

// firstOpenProposal is the one that expires first of those that the caller may read and nobody has decided on; nil if there
// is none.
func (r records) firstOpenProposal(visible okr.Readable, now time.Time) (first *okrv1.Proposal, err error) {
	for kv, err := range r.tx.Range(storage.Range{Prefix: []byte(prefixUndecided)}) {
		if err != nil {
			return nil, fmt.Errorf("looking for open proposals: %w", err)
		}
		entry, err := decode(kv.Value, new(okrv1.Proposal))
		if err != nil {
			return nil, err
		}
		expires := entry.GetExpireTime().AsTime()
		if !now.Before(expires) || first != nil && !expires.Before(first.GetExpireTime().AsTime()) {
			continue
		}
		value, err := r.tx.Get(proposalKey(strings.TrimPrefix(string(kv.Key), prefixUndecided)))
		if err != nil {
			return nil, fmt.Errorf("reading a proposal: %w", err)
		}
		p, err := decode(value, new(okrv1.Proposal))
		if err != nil {
			return nil, err
		}
		if visible.Proposal(p) != nil {
			first = p
		}
	}
	return first, nil
}

// proposalTurns is how often proposals about a resource were made or decided on, since the store counts that.
func (r records) proposalTurns(resource string) (int64, error) {
	value, err := r.tx.Get(proposalTurnsKey(resource))
	if errors.Is(err, storage.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading how often proposals were others: %w", err)
	}
	n, err := decode(value, new(wrapperspb.Int64Value))
	return n.GetValue(), err
}

// countTurn counts that a proposal about a resource was made or decided on.
func (m *mutation) countTurn(resource string) error {
	n, err := m.proposalTurns(resource)
	if err != nil {
		return err
	}
	value, err := encode(wrapperspb.Int64(n + 1))
	if err != nil {
		return err
	}
	return m.tx.Put(proposalTurnsKey(resource), value)
}
