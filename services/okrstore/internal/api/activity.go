package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

const (
	// usedEvery is how often it is written down that a client is in use: reading must not write each time.
	usedEvery = time.Hour
	// maxUsers is of how many clients with their members a server remembers that it was written down.
	maxUsers = 10_000
)

// sumChange adds a change to what its client did for its member, if it was a client's or one proposed it. The sum is kept
// in step with the log, so that it takes one look however much a client did.
func (r records) sumChange(c *okrv1.Change) error {
	member, via := doer(c)
	if via.GetClientId() == "" {
		return nil
	}
	a, err := r.activity(member.GetMemberId(), via.GetClientId())
	if err != nil {
		return err
	}
	a.ClientName, a.Member = via.GetClientName(), member
	countIn(a, c)
	return r.putActivity(a)
}

// doer is who made a change, or proposed it, and through what.
func doer(c *okrv1.Change) (*okrv1.Member, *okrv1.Via) {
	if p := c.GetProposal(); p != nil {
		return p.GetProposer(), p.GetVia()
	}
	return c.GetActor(), c.GetVia()
}

// countIn adds a change to a sum.
func countIn(a *okrv1.ClientActivity, c *okrv1.Change) {
	count := &a.Objectives
	if _, keyResultID := subject(c); keyResultID != "" {
		count = &a.KeyResults
	}
	if *count == nil {
		*count = &okrv1.ActivityCount{FirstSeq: c.GetSeq(), FirstTime: c.GetCreateTime()}
	}
	(*count).Changes++
	(*count).LastSeq, (*count).LastTime = c.GetSeq(), c.GetCreateTime()
}

// activity reads what a client did for a member; nothing yet is nothing, and no error.
func (r records) activity(memberID, clientID string) (*okrv1.ClientActivity, error) {
	value, err := r.tx.Get(activityKey(memberID, clientID))
	if errors.Is(err, storage.ErrNotFound) {
		return &okrv1.ClientActivity{ClientId: clientID, Member: &okrv1.Member{MemberId: memberID}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what a client did: %w", err)
	}
	return decode(value, new(okrv1.ClientActivity))
}

func (r records) putActivity(a *okrv1.ClientActivity) error {
	value, err := encode(a)
	if err != nil {
		return err
	}
	return r.tx.Put(activityKey(a.GetMember().GetMemberId(), a.GetClientId()), value)
}

// users are the clients of which it was written down lately that they are in use. The zero value is ready.
type users struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// due reports whether it is time to write down that a client is in use, and takes it for written.
func (u *users) due(user string, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if last, known := u.last[user]; known && now.Before(last.Add(usedEvery)) {
		return false
	}
	if u.last == nil || len(u.last) >= maxUsers {
		u.last = make(map[string]time.Time)
	}
	u.last[user] = now
	return true
}

// use writes down that the caller's client is in use, once in a while. It never fails a call: what is lost is a time.
func (s *Server) use(ctx context.Context, caller access.Caller) {
	now := s.now()
	if caller.GetClientId() == "" ||
		!s.users.due(strings.Join([]string{caller.GetOrganizationId(), caller.GetMemberId(), caller.GetClientId()}, "\x00"), now) {
		return
	}
	err := s.engine.Update(ctx, caller.GetOrganizationId(), func(tx storage.Tx) error {
		r := records{tx, &s.documents}
		a, err := r.activity(caller.GetMemberId(), caller.GetClientId())
		if err != nil {
			return err
		}
		if last := a.GetLastUseTime(); last != nil && now.Before(last.AsTime().Add(usedEvery)) {
			return nil
		}
		a.ClientName, a.LastUseTime = caller.GetClientName(), timestamppb.New(now)
		a.Member = &okrv1.Member{MemberId: caller.GetMemberId(), DisplayName: caller.GetDisplayName()}
		return r.putActivity(a)
	})
	if err != nil && ctx.Err() == nil {
		s.logger.WarnContext(ctx, "writing down that a client is in use", slog.Any("error", err))
	}
}

// ListClientActivity implements okrv1.OkrServiceServer. The position of a page is the key of the last entry before it.
func (s *Server) ListClientActivity(
	ctx context.Context, req *okrv1.ListClientActivityRequest,
) (*okrv1.ListClientActivityResponse, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	req = proto.CloneOf(req)
	req.MemberId = memberID(caller, req.GetMemberId())
	list, err := s.newListing(caller, okrv1.OkrService_ListClientActivity_FullMethodName, req)
	if err != nil {
		return nil, err
	}
	answer, visible := &okrv1.ListClientActivityResponse{}, readable(caller)
	err = s.view(ctx, caller, func(r records) error {
		rest := storage.Range{Prefix: []byte(prefixActivity)}
		if req.GetMemberId() != "" {
			rest.Prefix = activityKey(req.GetMemberId(), "")
		}
		if list.position != "" {
			rest.Start = after([]byte(list.position))
		}
		for kv, err := range r.tx.Range(rest) {
			if err != nil {
				return fmt.Errorf("listing what clients did: %w", err)
			}
			if !list.mayRead(kv) {
				return nil
			}
			a, err := decode(kv.Value, new(okrv1.ClientActivity))
			if err != nil {
				return err
			}
			if a = visibleActivity(a, visible, caller); a != nil && (req.GetClientId() == "" || req.GetClientId() == a.GetClientId()) {
				if !list.take(a.SizeVT()) {
					return nil
				}
				answer.Activities = append(answer.Activities, a)
			}
			list.position = string(kv.Key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer.NextPageToken = list.nextPageToken()
	return answer, nil
}

// visibleActivity takes off what the caller may not see, and answers nil when that is all. When others use their agents is
// nobody's business.
func visibleActivity(a *okrv1.ClientActivity, visible okr.Readable, caller access.Caller) *okrv1.ClientActivity {
	own := a.GetMember().GetMemberId() == caller.GetMemberId()
	if !own {
		a.LastUseTime = nil
	} else if last := lastChangeTime(a); last != nil && (a.GetLastUseTime() == nil || last.AsTime().After(a.GetLastUseTime().AsTime())) {
		a.LastUseTime = last
	}
	if !visible.Objectives {
		a.Objectives = nil
	}
	if !visible.KeyResults {
		a.KeyResults = nil
	}
	if !own && a.GetObjectives() == nil && a.GetKeyResults() == nil {
		return nil
	}
	return a
}

// lastChangeTime is when the last of all changes happened, or nil.
func lastChangeTime(a *okrv1.ClientActivity) *timestamppb.Timestamp {
	if a.GetKeyResults().GetLastSeq() > a.GetObjectives().GetLastSeq() {
		return a.GetKeyResults().GetLastTime()
	}
	return a.GetObjectives().GetLastTime()
}
