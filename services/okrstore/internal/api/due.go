package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// ListDueKeyResults implements okrv1.OkrServiceServer.
//
// A page reads all that the member owns, and sorts it: there is no index by time, because each check-in would have to
// write it. So a page costs what the member owns and not what the organization has. Where that is more than a page may
// read, the list is made of parts: what the member owns of the older objectives, then what of the younger ones, each part
// with those first that have waited longest.
func (s *Server) ListDueKeyResults(
	ctx context.Context, req *okrv1.ListDueKeyResultsRequest,
) (*okrv1.ListDueKeyResultsResponse, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	// The page token is bound to who is meant.
	req = proto.CloneOf(req)
	req.OwnerId = cmp.Or(memberID(caller, req.GetOwnerId()), caller.GetMemberId())
	list, err := s.newListing(caller, okrv1.OkrService_ListDueKeyResults_FullMethodName, req)
	if err != nil {
		return nil, err
	}
	list.each = req.GetPageTokens()
	start, err := parseDuePosition(list.position)
	if err != nil {
		return nil, err
	}
	titles, today := readable(caller).Objectives, s.today()
	answer := &okrv1.ListDueKeyResultsResponse{}
	err = s.view(ctx, caller, func(r records) error {
		head, err := r.head()
		if err != nil {
			return err
		}
		answer.Cursor = s.cursor(caller.GetOrganizationId(), head.GetSeq())
		part, end, err := r.dueKeyResults(list, req.GetOwnerId(), start.after)
		if err != nil {
			return err
		}
		more := list.more
		for _, d := range part {
			if d.compare(start.due) <= 0 {
				continue
			}
			k := okr.DeriveKeyResult(d.objective, d.keyResult, today)
			result := &okrv1.DueKeyResult{KeyResult: k}
			if titles {
				result.ObjectiveTitle = d.objective.GetTitle()
			}
			if !list.take(result.SizeVT()) {
				return nil
			}
			answer.KeyResults = append(answer.KeyResults, result)
			list.taken(duePosition{start.after, d}.String())
		}
		if list.more = more; more {
			list.position = duePosition{after: end}.String()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer.NextPageToken, answer.PageTokens = list.nextPageToken(), list.tokens
	return answer, nil
}

// dueKeyResults are, in order, those that a member is to report on of the objectives after one, as many as a page may
// read; list says whether there are more, and end is the last one that was read.
func (r records) dueKeyResults(list *listing, member, afterID string) (part []due, end string, err error) {
	owned := storage.Range{Prefix: ownedKey(member, "")}
	if afterID != "" {
		owned.Start = after(ownedKey(member, afterID))
	}
	for found, err := range r.objectivesUnder(owned) {
		if err != nil {
			return nil, "", err
		}
		if !list.mayRead(found.kv) {
			break
		}
		end = found.id
		if found.gone {
			continue
		}
		d, err := r.documents.decode(found.kv.Value)
		if err != nil {
			return nil, "", err
		}
		for _, k := range okr.Due(d.stored, member) {
			part = append(part, due{waitingSince(k), k.GetId(), d.stored, k})
		}
	}
	slices.SortFunc(part, due.compare)
	return part, end, nil
}

// due is a key result that somebody is to report on.
type due struct {
	since     int64 // in milliseconds since 1970
	id        string
	objective *okrv1.Objective
	keyResult *okrv1.KeyResult
}

// compare puts the one first that has waited longer.
func (d due) compare(other due) int {
	return cmp.Or(cmp.Compare(d.since, other.since), cmp.Compare(d.id, other.id))
}

func waitingSince(k *okrv1.KeyResult) int64 {
	since := k.GetLastCheckInTime()
	if since == nil {
		since = k.GetCreateTime()
	}
	return since.AsTime().UnixMilli()
}

// duePosition is the position of a page: the last objective of the part before, empty in the first one, and the last key
// result before the page, none at the beginning of a part. It is written with slashes between the id of the objective,
// the time and the id of the key result.
type duePosition struct {
	after string
	due   due
}

func (p duePosition) String() string {
	return p.after + "/" + strconv.FormatInt(p.due.since, 10) + "/" + p.due.id
}

var errDuePosition = errors.New("not the position of a page of due key results")

func parseDuePosition(text string) (duePosition, error) {
	if text == "" {
		return duePosition{}, nil
	}
	parts := strings.Split(text, "/")
	if len(parts) != 3 {
		return duePosition{}, errDuePosition
	}
	since, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return duePosition{}, fmt.Errorf("%w: %w", errDuePosition, err)
	}
	return duePosition{parts[0], due{since: since, id: parts[2]}}, nil
}
