package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/protocodec"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// maxIDAttempts bounds how often an id is drawn anew because it is taken, which another replica's clock and random
// number have to agree on each time.
const maxIDAttempts = 16

// mutation is one run of a mutating method in its transaction. What it will write into the change log, if it changes
// anything, is known from the start.
type mutation struct {
	records
	server     *Server
	caller     access.Caller
	permission *accessv1.Permission
	requestID  string

	// seq is the position of the change, and before the hash of the one before it.
	seq    int64
	before chainHash
	// time is when it happens: in whole milliseconds, which is what an id has, too, and not before the change before.
	time *timestamppb.Timestamp
	// today is the day for which what is derived is answered.
	today okr.Day
	// etag is that of the state which the change brings about.
	etag string
	// author is who makes it.
	author *okrv1.Member
	// settings are those of agents, if an agent calls.
	settings *okrv1.AgentSettings
	// parks says that the caller may only propose what it writes.
	parks bool
	// proposal is what the change comes from, if it was proposed.
	proposal *okrv1.ChangeProposal
	// recorded is the last change that was written into the log, or nil.
	recorded *okrv1.Change
}

// write is what a mutating method does in its transaction, when it is clear that it is to be done. It answers the resource
// as it became, and calls record when it changed something; when the request asks for what is the case already, it writes
// nothing and the resource keeps its etag.
type write[A proto.Message] func(*mutation) (A, error)

// mutationRequest is a request that can be repeated safely.
type mutationRequest interface {
	proto.Message
	GetRequestId() string
}

// keptError is the error of a mutation that leaves something behind all the same.
type keptError struct{ err error }

func (e *keptError) Error() string { return e.err.Error() }
func (e *keptError) Unwrap() error { return e.err }

// mutate runs do in a transaction of the caller's organization, under the request's id if it has one. A request id that
// has its answer already gets it again and do is not run: the answer is as the first call made it, so the caller of
// mutate must filter it by what its own caller may read now.
//
// A request that can be proposed may ask to be tried or parked instead, and a caller who may only propose gets it parked:
// see modes.go.
func mutate[A proto.Message](
	ctx context.Context, s *Server, method string, req mutationRequest, do write[A],
) (A, error) {
	var none, answer A
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return none, err
	}
	mode := modeOf(req)
	if mode == accessv1.WriteMode_WRITE_MODE_VALIDATE {
		return try(ctx, s, caller, method, do)
	}
	id, err := newRequestID(caller, method, req)
	if err != nil {
		return none, err
	}
	var refused error
	err = s.engine.Update(ctx, caller.GetOrganizationId(), func(tx storage.Tx) error {
		now := s.now()
		r := records{tx, &s.documents}
		known, err := r.replay(id, now)
		if err != nil {
			return err
		}
		if refused = nil; known != nil && known.parked {
			refused = parked(mode, string(known.answer))
			return nil
		}
		if known != nil {
			answer = none.ProtoReflect().New().Interface().(A)
			if err := protocodec.Read(known.answer, answer); err != nil {
				return fmt.Errorf("%w: the answer to a request id: %w", storage.ErrCorrupted, err)
			}
			return nil
		}
		m, err := s.newMutation(r, caller, method, req.GetRequestId(), now)
		if err != nil {
			return err
		}
		if m.parks || mode == accessv1.WriteMode_WRITE_MODE_PROPOSE {
			var proposalID string
			if answer, proposalID, err = park(m, req, do); err != nil {
				return err
			}
			if proposalID != "" {
				refused = parked(mode, proposalID)
				return r.rememberParked(id, proposalID, now)
			}
			return r.remember(id, answer, now)
		}
		answer, err = do(m)
		var kept *keptError
		if errors.As(err, &kept) {
			refused = kept.err
			return nil
		}
		if err != nil {
			return err
		}
		return r.remember(id, answer, now)
	})
	if err != nil {
		return none, s.failed(ctx, err)
	}
	if refused != nil {
		return none, refused
	}
	return answer, nil
}

// newMutation starts whatever is written. PROPOSE_ONLY when the caller may only propose, and the method cannot be.
func (s *Server) newMutation(
	r records, caller access.Caller, method, requestID string, now time.Time,
) (*mutation, error) {
	head, err := r.head()
	if err != nil {
		return nil, err
	}
	at := now.Truncate(time.Millisecond)
	if last := head.GetCreateTime(); last != nil && at.Before(last.AsTime()) {
		at = last.AsTime()
	}
	var settings *okrv1.AgentSettings
	if caller.GetClientId() != "" {
		if settings, err = r.agentSettings(); err != nil {
			return nil, err
		}
	}
	parks, err := s.parks(settings, caller, method)
	if err != nil {
		return nil, err
	}
	seq := head.GetSeq() + 1
	return &mutation{
		records:    r,
		server:     s,
		caller:     caller,
		permission: s.permissions[method],
		requestID:  requestID,
		seq:        seq,
		before:     head.hash,
		time:       timestamppb.New(at),
		today:      okr.DayOf(now),
		etag:       okr.Etag(s.epoch, seq),
		author:     &okrv1.Member{MemberId: caller.GetMemberId(), DisplayName: caller.GetDisplayName()},
		settings:   settings,
		parks:      parks,
	}, nil
}

// unusedID makes an id whose key is free.
func (m *mutation) unusedID(prefix string, key func(id string) []byte) (string, error) {
	for range maxIDAttempts {
		id := m.server.newID(prefix, m.time.AsTime())
		taken, err := m.exists(key(id))
		if err != nil {
			return "", fmt.Errorf("looking for an unused id: %w", err)
		}
		if !taken {
			return id, nil
		}
	}
	return "", fmt.Errorf("found no unused id in %d attempts", maxIDAttempts)
}

// record writes the change into the log. A mutation calls it at most once.
func (m *mutation) record(kind okrv1.ChangeKind, before, after *okrv1.Snapshot) error {
	return m.appendChange(m.change(kind, before, after))
}

// appendChange writes the next entry of the change log.
func (m *mutation) appendChange(c *okrv1.Change) (err error) {
	m.recorded = c
	m.before, err = m.putChange(c, m.before)
	return err
}

// next goes on to another change in the same transaction.
func (m *mutation) next() {
	m.seq++
	m.etag = okr.Etag(m.server.epoch, m.seq)
}

// change is what this mutation writes into the log.
func (m *mutation) change(kind okrv1.ChangeKind, before, after *okrv1.Snapshot) *okrv1.Change {
	return &okrv1.Change{
		Seq:           m.seq,
		CreateTime:    m.time,
		Actor:         m.author,
		Via:           m.via(),
		CorrelationId: m.caller.CorrelationID,
		RequestId:     m.requestID,
		Permission:    m.permission,
		Kind:          kind,
		Before:        before,
		After:         after,
		Proposal:      m.proposal,
	}
}

// via is the way by which this mutation came in.
func (m *mutation) via() *okrv1.Via {
	return &okrv1.Via{
		Surface:    m.caller.GetSurface(),
		ClientId:   m.caller.GetClientId(),
		ClientName: m.caller.GetClientName(),
	}
}

func snapshotOfObjective(o *okrv1.Objective) *okrv1.Snapshot {
	return &okrv1.Snapshot{Resource: &okrv1.Snapshot_Objective{Objective: o}}
}

func snapshotOfKeyResult(k *okrv1.KeyResult) *okrv1.Snapshot {
	return &okrv1.Snapshot{Resource: &okrv1.Snapshot_KeyResult{KeyResult: k}}
}
