package api

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// newestObjectivesFirst is the order_by for the reverse of the default order.
const newestObjectivesFirst = "create_time desc"

// ListObjectives implements okrv1.OkrServiceServer. The position of a page is the id of the last objective before it.
//
// What it reads is what a member owns, or what stands under a parent, where the request names one; else everything. The
// other conditions are for what was read, within the bound of a listing: a page that finds little ends early.
func (s *Server) ListObjectives(
	ctx context.Context, req *okrv1.ListObjectivesRequest,
) (*okrv1.ListObjectivesResponse, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	// The page token is bound to who "me" is.
	req = proto.CloneOf(req)
	req.OwnerId = memberID(caller, req.GetOwnerId())
	list, err := s.newListing(caller, okrv1.OkrService_ListObjectives_FullMethodName, req)
	if err != nil {
		return nil, err
	}
	list.each = req.GetPageTokens()
	filter := okr.ObjectiveFilter{
		Cycle:    req.GetCycle(),
		OwnerID:  req.GetOwnerId(),
		ParentID: req.GetParentId(),
		States:   req.GetStates(),
		Words:    okr.Words(req.GetText()),
	}
	visible, today := readable(caller), s.today()
	answer := &okrv1.ListObjectivesResponse{}
	err = s.view(ctx, caller, func(r records) error {
		head, err := r.head()
		if err != nil {
			return err
		}
		answer.Cursor = s.cursor(caller.GetOrganizationId(), head.GetSeq())
		for found, err := range r.objectivesUnder(objectivesToList(req, list.position)) {
			if err != nil {
				return err
			}
			if !list.mayRead(found.kv) {
				return nil
			}
			if found.gone {
				list.position = found.id
				continue
			}
			d, err := r.documents.decode(found.kv.Value)
			if err != nil {
				return err
			}
			if filter.Matches(d.stored, visible) {
				o, size := d.visible(visible, today)
				if !list.take(size) {
					return nil
				}
				answer.Objectives = append(answer.Objectives, o)
				list.taken(found.id)
			}
			list.position = found.id
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer.NextPageToken, answer.PageTokens = list.nextPageToken(), list.tokens
	return answer, nil
}

// objectivesToList selects the keys that lead to what a request asks for, from a page's position on. All of them end with
// the id of an objective.
func objectivesToList(req *okrv1.ListObjectivesRequest, position string) storage.Range {
	prefix := []byte(prefixObjective)
	switch {
	case req.GetParentId() != "":
		prefix = childKey(req.GetParentId(), "")
	case req.GetOwnerId() != "":
		prefix = ownedKey(req.GetOwnerId(), "")
	}
	rest := storage.Range{Prefix: prefix, Reverse: req.GetOrderBy() == newestObjectivesFirst}
	if position != "" {
		if last := append(prefix[:len(prefix):len(prefix)], position...); rest.Reverse {
			rest.End = last
		} else {
			rest.Start = after(last)
		}
	}
	return rest
}

// foundObjective is an objective that a key led to, with its document unless it is gone.
type foundObjective struct {
	id   string
	kv   storage.KV
	gone bool
}

// objectivesUnder finds the objectives that keys lead to, which have one prefix and then the id of an objective.
func (r records) objectivesUnder(keys storage.Range) iter.Seq2[foundObjective, error] {
	return func(yield func(foundObjective, error) bool) {
		for kv, err := range r.tx.Range(keys) {
			if err != nil {
				yield(foundObjective{}, fmt.Errorf("listing objectives: %w", err))
				return
			}
			found := foundObjective{id: string(kv.Key[len(keys.Prefix):]), kv: kv}
			if string(keys.Prefix) != prefixObjective {
				found.kv.Value, err = r.tx.Get(objectiveKey(found.id))
				found.gone = errors.Is(err, storage.ErrNotFound)
				if err != nil && !found.gone {
					yield(foundObjective{}, fmt.Errorf("reading an objective that an index names: %w", err))
					return
				}
			}
			if !yield(found, nil) {
				return
			}
		}
	}
}
