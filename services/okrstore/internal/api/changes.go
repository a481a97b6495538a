package api

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// newestFirst is the order_by for the reverse order.
const newestFirst = "seq desc"

// ListChanges implements okrv1.OkrServiceServer. The position of a page is the seq of the last change before it, in
// decimal.
//
// What it reads is the history of an objective where the request names one or a key result, else the log; of both only
// what lies within the positions and times asked for. The other conditions are for what was read, within the bound of a
// listing: a page that finds little ends early.
func (s *Server) ListChanges(
	ctx context.Context, req *okrv1.ListChangesRequest,
) (*okrv1.ListChangesResponse, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	// The page token is bound to who "me" is.
	req = proto.CloneOf(req)
	req.MemberId = memberID(caller, req.GetMemberId())
	list, err := s.newListing(caller, okrv1.OkrService_ListChanges_FullMethodName, req)
	if err != nil {
		return nil, err
	}
	organization, visible := caller.GetOrganizationId(), readable(caller)
	answer := &okrv1.ListChangesResponse{}
	err = s.view(ctx, caller, func(r records) error {
		head, err := r.head()
		if err != nil {
			return err
		}
		answer.Cursor = s.cursor(organization, head.GetSeq())
		rest, err := s.changesToList(r, organization, req, list.position, head.GetSeq())
		if err != nil {
			return err
		}
		for found, err := range r.changes(rest) {
			if err != nil {
				return err
			}
			if !list.mayRead(found.kv) {
				return nil
			}
			if found.skipped {
				list.position = strconv.FormatInt(found.seq, 10)
				continue
			}
			stored, err := decodeChange(found.kv)
			if err != nil {
				return err
			}
			if c := visible.Change(stored); matches(stored, req) && c != nil {
				c.Cursor = s.cursor(organization, c.GetSeq())
				if !list.take(c.SizeVT()) {
					return nil
				}
				answer.Changes = append(answer.Changes, c)
			}
			list.position = strconv.FormatInt(found.seq, 10)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer.NextPageToken = list.nextPageToken()
	return answer, nil
}

// matches reports whether a change meets the conditions that say nothing about where it stands.
func matches(c *okrv1.Change, req *okrv1.ListChangesRequest) bool {
	return (req.GetMemberId() == "" || ofMember(c, req.GetMemberId())) &&
		(req.GetClientId() == "" || ofClient(c, req.GetClientId())) &&
		(req.GetSurface() == 0 || req.GetSurface() == c.GetVia().GetSurface()) &&
		(len(req.GetKinds()) == 0 || slices.Contains(req.GetKinds(), c.GetKind()))
}

// ofMember reports whether a change was made or proposed by a member, or for one.
func ofMember(c *okrv1.Change, id string) bool {
	return id == c.GetActor().GetMemberId() || id == c.GetProposal().GetProposer().GetMemberId()
}

// ofClient reports whether a change was made or proposed through a client.
func ofClient(c *okrv1.Change, id string) bool {
	return id == c.GetVia().GetClientId() || id == c.GetProposal().GetVia().GetClientId()
}

// changeRange is a part of the log, or of an objective's history.
type changeRange struct {
	// first and end are positions: first ≤ seq < end.
	first, end int64
	newest     bool // first
	// filtered says that the part is one of a history: of objectiveID and, if it is not empty, of keyResultID alone.
	filtered    bool
	objectiveID string
	keyResultID string
}

// changesToList is the part of the log that a request asks for, from a page's position on. head is the seq of the last
// change there is.
func (s *Server) changesToList(
	r records, organization string, req *okrv1.ListChangesRequest, position string, head int64,
) (changeRange, error) {
	rest := changeRange{
		first: 1, end: head + 1, newest: req.GetOrderBy() == newestFirst,
		objectiveID: req.GetObjectiveId(), keyResultID: req.GetKeyResultId(),
	}
	rest.filtered = rest.objectiveID != "" || rest.keyResultID != ""
	if cursor := req.GetAfterCursor(); cursor != "" {
		seq, err := s.position(organization, cursor, head)
		if err != nil {
			return changeRange{}, err
		}
		rest.first = seq + 1
	}
	if rest.keyResultID != "" {
		parent, err := r.keyResultParent(rest.keyResultID)
		if err != nil {
			return changeRange{}, err
		}
		if rest.objectiveID != "" && rest.objectiveID != parent {
			parent = "" // the history of none
		}
		rest.objectiveID = parent
	}
	if req.GetStartTime() != nil {
		seq, err := r.firstChangeAt(req.GetStartTime().AsTime(), head)
		if err != nil {
			return changeRange{}, err
		}
		rest.first = max(rest.first, seq)
	}
	if req.GetEndTime() != nil {
		seq, err := r.firstChangeAt(req.GetEndTime().AsTime(), head)
		if err != nil {
			return changeRange{}, err
		}
		rest.end = seq
	}
	if position == "" {
		return rest, nil
	}
	seq, err := strconv.ParseInt(position, 10, 64)
	if err != nil {
		return changeRange{}, fmt.Errorf("reading the position of a page: %w", err)
	}
	if rest.newest {
		rest.end = min(rest.end, seq)
	} else {
		rest.first = max(rest.first, seq+1)
	}
	return rest, nil
}

// firstChangeAt is the seq of the first change at a time or later, and head+1 where there is none. The log has no gaps
// and its times never go back, so it takes few looks.
func (r records) firstChangeAt(t time.Time, head int64) (int64, error) {
	first, end := int64(1), head+1
	for first < end {
		middle := first + (end-first)/2
		c, err := r.change(middle)
		if err != nil {
			return 0, err
		}
		if c.GetCreateTime().AsTime().Before(t) {
			first = middle + 1
		} else {
			end = middle
		}
	}
	return first, nil
}

// change reads an entry of the log that must be there.
func (r records) change(seq int64) (*okrv1.Change, error) {
	value, err := r.tx.Get(changeKey(seq))
	if err != nil {
		return nil, fmt.Errorf("reading change %d: %w", seq, err)
	}
	return decodeChange(storage.KV{Key: changeKey(seq), Value: value})
}

// foundChange is an entry of the log, or one of a history that is about another key result and was not read.
type foundChange struct {
	seq     int64
	kv      storage.KV
	skipped bool
}

// changes finds what a range selects.
func (r records) changes(rest changeRange) iter.Seq2[foundChange, error] {
	return func(yield func(foundChange, error) bool) {
		if rest.first >= rest.end || rest.filtered && rest.objectiveID == "" {
			return
		}
		keys := storage.Range{
			Prefix: []byte(prefixChange), Start: changeKey(rest.first), End: changeKey(rest.end), Reverse: rest.newest,
		}
		if rest.filtered {
			keys.Prefix = historyPrefix(rest.objectiveID)
			keys.Start, keys.End = historyKey(rest.objectiveID, rest.first), historyKey(rest.objectiveID, rest.end)
		}
		for kv, err := range r.tx.Range(keys) {
			found := foundChange{kv: kv}
			if err == nil {
				found.seq, err = changeSeqUnder(string(keys.Prefix), kv.Key)
			}
			if err == nil && rest.filtered {
				found.kv, found.skipped, err = r.inHistory(found.seq, kv, rest.keyResultID)
			}
			if err != nil {
				yield(foundChange{}, fmt.Errorf("listing changes: %w", err))
				return
			}
			if !yield(found, nil) {
				return
			}
		}
	}
}

// inHistory reads the change that an entry of a history names, unless a key result is asked for and it is about another.
func (r records) inHistory(seq int64, entry storage.KV, keyResultID string) (change storage.KV, skipped bool, err error) {
	if keyResultID != "" {
		about, err := decode(entry.Value, new(wrapperspb.StringValue))
		if err != nil || about.GetValue() != keyResultID {
			return entry, true, err
		}
	}
	value, err := r.tx.Get(changeKey(seq))
	if err != nil {
		return storage.KV{}, false, fmt.Errorf("reading change %d of a history: %w", seq, err)
	}
	return storage.KV{Key: changeKey(seq), Value: value}, false, nil
}
