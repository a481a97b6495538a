package api

import (
	"context"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// newestFirst is the order_by for the reverse order.
const newestFirst = "seq desc"

// ListChanges implements okrv1.OkrServiceServer. The position of a page is the seq of the last change before it, in
// decimal.
func (s *Server) ListChanges(
	ctx context.Context, req *okrv1.ListChangesRequest,
) (*okrv1.ListChangesResponse, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
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
		rest, err := s.changesToList(organization, req, list.position, head.GetSeq())
		if err != nil {
			return err
		}
		for kv, err := range r.tx.Range(rest) {
			if err != nil {
				return fmt.Errorf("listing changes: %w", err)
			}
			if !list.mayRead(kv) {
				return nil
			}
			stored, err := decodeChange(kv)
			if err != nil {
				return err
			}
			if c := visible.Change(stored); c != nil {
				c.Cursor = s.cursor(organization, c.GetSeq())
				if !list.take(proto.Size(c)) {
					return nil
				}
				answer.Changes = append(answer.Changes, c)
			}
			list.position = strconv.FormatInt(stored.GetSeq(), 10)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer.NextPageToken = list.nextPageToken()
	return answer, nil
}

// changesToList is the part of the log that a request asks for, from a page's position on.
func (s *Server) changesToList(
	organization string, req *okrv1.ListChangesRequest, position string, head int64,
) (storage.Range, error) {
	rest := storage.Range{Prefix: []byte(prefixChange), Reverse: req.GetOrderBy() == newestFirst}
	if cursor := req.GetAfterCursor(); cursor != "" {
		seq, err := s.position(organization, cursor, head)
		if err != nil {
			return storage.Range{}, err
		}
		rest.Start = changeKey(seq + 1)
	}
	if position == "" {
		return rest, nil
	}
	seq, err := strconv.ParseInt(position, 10, 64)
	if err != nil {
		return storage.Range{}, fmt.Errorf("reading the position of a page: %w", err)
	}
	if rest.Reverse {
		rest.End = changeKey(seq)
	} else {
		rest.Start = changeKey(seq + 1)
	}
	return rest, nil
}
