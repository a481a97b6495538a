package okrclient

import (
	"context"
	"iter"

	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// Objectives goes through all objectives that the request asks for, page by page as the loop needs them. An error ends the
// loop. The request is not changed; nil asks for everything.
func (c *Client) Objectives(ctx context.Context, req *okrv1.ListObjectivesRequest) iter.Seq2[*okrv1.Objective, error] {
	return pages(req, func(req *okrv1.ListObjectivesRequest, token string) ([]*okrv1.Objective, string, error) {
		req.PageToken = token
		page, err := c.ListObjectives(ctx, req)
		return page.GetObjectives(), page.GetNextPageToken(), err
	})
}

// KeyResults goes through key results, as Objectives does.
func (c *Client) KeyResults(ctx context.Context, req *okrv1.ListKeyResultsRequest) iter.Seq2[*okrv1.KeyResult, error] {
	return pages(req, func(req *okrv1.ListKeyResultsRequest, token string) ([]*okrv1.KeyResult, string, error) {
		req.PageToken = token
		page, err := c.ListKeyResults(ctx, req)
		return page.GetKeyResults(), page.GetNextPageToken(), err
	})
}

// DueKeyResults goes through what a member is to report on, as Objectives does.
func (c *Client) DueKeyResults(ctx context.Context, req *okrv1.ListDueKeyResultsRequest) iter.Seq2[*okrv1.DueKeyResult, error] {
	return pages(req, func(req *okrv1.ListDueKeyResultsRequest, token string) ([]*okrv1.DueKeyResult, string, error) {
		req.PageToken = token
		page, err := c.ListDueKeyResults(ctx, req)
		return page.GetKeyResults(), page.GetNextPageToken(), err
	})
}

// CheckIns goes through the check-ins of a key result, as Objectives does.
func (c *Client) CheckIns(ctx context.Context, req *okrv1.ListCheckInsRequest) iter.Seq2[*okrv1.CheckIn, error] {
	return pages(req, func(req *okrv1.ListCheckInsRequest, token string) ([]*okrv1.CheckIn, string, error) {
		req.PageToken = token
		page, err := c.ListCheckIns(ctx, req)
		return page.GetCheckIns(), page.GetNextPageToken(), err
	})
}

// Changes goes through the change log up to its present end, as Objectives does. Watch goes on from there.
func (c *Client) Changes(ctx context.Context, req *okrv1.ListChangesRequest) iter.Seq2[*okrv1.Change, error] {
	return pages(req, func(req *okrv1.ListChangesRequest, token string) ([]*okrv1.Change, string, error) {
		req.PageToken = token
		page, err := c.ListChanges(ctx, req)
		return page.GetChanges(), page.GetNextPageToken(), err
	})
}

// ClientActivity goes through what agents did, as Objectives does.
func (c *Client) ClientActivity(ctx context.Context, req *okrv1.ListClientActivityRequest) iter.Seq2[*okrv1.ClientActivity, error] {
	return pages(req, func(req *okrv1.ListClientActivityRequest, token string) ([]*okrv1.ClientActivity, string, error) {
		req.PageToken = token
		page, err := c.ListClientActivity(ctx, req)
		return page.GetActivities(), page.GetNextPageToken(), err
	})
}

// Proposals goes through proposals, as Objectives does.
func (c *Client) Proposals(ctx context.Context, req *okrv1.ListProposalsRequest) iter.Seq2[*okrv1.Proposal, error] {
	return pages(req, func(req *okrv1.ListProposalsRequest, token string) ([]*okrv1.Proposal, string, error) {
		req.PageToken = token
		page, err := c.ListProposals(ctx, req)
		return page.GetProposals(), page.GetNextPageToken(), err
	})
}

// listRequest asks for a page.
type listRequest interface {
	proto.Message
	GetPageToken() string
}

// pages yields the elements of all pages. list gets a request of its own, which it may change, and the token of the page.
func pages[R listRequest, E any](req R, list func(R, string) ([]E, string, error)) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		own, _ := req.ProtoReflect().New().Interface().(R) // of the same type, and empty where req is nil
		proto.Merge(own, req)
		for token := own.GetPageToken(); ; {
			page, next, err := list(own, token)
			if err != nil {
				var none E
				yield(none, err)
				return
			}
			for _, element := range page {
				if !yield(element, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			token = next
		}
	}
}
