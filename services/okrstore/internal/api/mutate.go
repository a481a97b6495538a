package api

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
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

	// seq is the position of the change.
	seq int64
	// time is when it happens: in whole milliseconds, which is what an id has, too, and not before the change before.
	time *timestamppb.Timestamp
	// etag is that of the state which the change brings about.
	etag string
	// author is who makes it.
	author *okrv1.Member
}

// mutationRequest is a request that can be repeated safely.
type mutationRequest interface {
	proto.Message
	GetRequestId() string
}

// mutate runs do in a transaction of the caller's organization, under the request's id if it has one. A request id that
// has its answer already gets it again and do is not run: the answer is as the first call made it, so the caller of
// mutate must filter it by what its own caller may read now.
//
// do answers the resource as it became. It calls record when it changed something; when the request asks for what is
// the case already, it writes nothing and the resource keeps its etag.
func mutate[A proto.Message](
	ctx context.Context, s *Server, method string, req mutationRequest, do func(*mutation) (A, error),
) (A, error) {
	var none, answer A
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return none, err
	}
	id, err := newRequestID(caller, method, req)
	if err != nil {
		return none, err
	}
	err = s.engine.Update(ctx, caller.GetOrganizationId(), func(tx storage.Tx) error {
		now := s.now()
		r := records{tx, &s.documents}
		known, err := r.replay(id, now)
		if err != nil {
			return err
		}
		if known != nil {
			answer = none.ProtoReflect().New().Interface().(A)
			if err := proto.Unmarshal(known, answer); err != nil {
				return fmt.Errorf("%w: the answer to a request id: %w", storage.ErrCorrupted, err)
			}
			return nil
		}
		m, err := s.newMutation(r, caller, method, req.GetRequestId(), now)
		if err != nil {
			return err
		}
		if answer, err = do(m); err != nil {
			return err
		}
		return r.remember(id, answer, now)
	})
	if err != nil {
		return none, s.failed(ctx, err)
	}
	return answer, nil
}

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
	seq := head.GetSeq() + 1
	return &mutation{
		records:    r,
		server:     s,
		caller:     caller,
		permission: s.permissions[method],
		requestID:  requestID,
		seq:        seq,
		time:       timestamppb.New(at),
		etag:       okr.Etag(s.epoch, seq),
		author:     &okrv1.Member{MemberId: caller.GetMemberId(), DisplayName: caller.GetDisplayName()},
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
func (m *mutation) record(before, after *okrv1.Snapshot) error {
	return m.appendChange(&okrv1.Change{
		Seq:        m.seq,
		CreateTime: m.time,
		Actor:      m.author,
		Via: &okrv1.Via{
			Surface:    m.caller.GetSurface(),
			ClientId:   m.caller.GetClientId(),
			ClientName: m.caller.GetClientName(),
		},
		CorrelationId: m.caller.CorrelationID,
		RequestId:     m.requestID,
		Permission:    m.permission,
		Before:        before,
		After:         after,
	})
}

func snapshotOfObjective(o *okrv1.Objective) *okrv1.Snapshot {
	return &okrv1.Snapshot{Resource: &okrv1.Snapshot_Objective{Objective: o}}
}

func snapshotOfKeyResult(k *okrv1.KeyResult) *okrv1.Snapshot {
	return &okrv1.Snapshot{Resource: &okrv1.Snapshot_KeyResult{KeyResult: k}}
}
