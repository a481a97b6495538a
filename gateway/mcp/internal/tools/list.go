package tools

import (
	"context"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/codes"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// fetchSize is how many objectives or key results are read for one page, of which more would hardly fit.
const fetchSize = 30

const listOutput = `"objectives":{"type":"array","items":{"type":"object","properties":{` + okrIDOutput +
	`,"objectiveText":{"type":"string","description":"Absent without the permission to read objectives, and where a page goes on with an objective of the page before."}` +
	`,"progress":{"type":"integer","description":"The mean of its key results, in percent.","minimum":0,"maximum":100}` +
	`,"keyResults":{"type":"array","items":{"type":"object","properties":{` + keyResultIDOutput +
	`,"keyResultText":{"type":"string"},` + attainmentOutput +
	`},"required":["keyResultID","keyResultText","attainment"]}}` +
	`},"required":["okrID","keyResults"]}}` +
	`,"nextCursor":{"type":"string","description":"Gets the next page; absent on the last."}`

func (s *Set) listObjectives() engine.Tool {
	type arguments struct {
		Cursor string `json:"cursor"`
	}
	return tool(s, engine.Tool{
		Name:  "listObjectives",
		Title: "List objectives and key results",
		Description: "Lists objectives with their key results, oldest first, in pages. Needs the scope read:okrs; " +
			"manage:objectives alone shows objectives, manage:krs or report_kr_status alone shows key results.",
		Hints: engine.Hints{ReadOnly: true, Idempotent: true},
		Input: input("",
			`"cursor":{"type":"string","description":"nextCursor of the page before; none for the first page.","maxLength":512}`),
		Output: output("objectives", listOutput),
	}, readAnything(), func(ctx context.Context, a arguments) (*engine.ToolResult, error) {
		from, err := openCursor(a.Cursor)
		if err != nil {
			return nil, err
		}
		p := newPage()
		next, err := s.fill(ctx, p, from)
		if err != nil {
			return nil, err
		}
		return p.result(next), nil
	})
}

// cursor is a position in the list. Its parts are tokens of the store, which recognizes its own, and an id, which it looks
// up among the caller's: there is nothing in it to seal.
type cursor struct {
	// objectives is the store's token for the objectives that follow; "" for the first, or for none after keyResultsOf.
	objectives string
	// keyResultsOf is an objective of whose key results some are still to be shown.
	keyResultsOf string
	// keyResults is the store's token for key results: of keyResultsOf, where "" is for the first, or else of all.
	keyResults string
}

// String is the cursor for the client; "" for the zero cursor. What it is made of is short and has no dots.
func (c cursor) String() string {
	return strings.TrimRight(c.objectives+"."+c.keyResultsOf+"."+c.keyResults, ".")
}

func openCursor(text string) (cursor, error) {
	parts := append(strings.Split(text, "."), "", "")
	c := cursor{parts[0], parts[1], parts[2]}
	if c.String() != text || strings.ContainsFunc(text, notOfCursor) {
		return cursor{}, rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_CURSOR_INVALID,
			"the cursor is not one of ours")
	}
	return c, nil
}

func notOfCursor(c rune) bool {
	return c >= utf8.RuneSelf || !isLetter(byte(c)) && !isDigit(byte(c)) && !strings.ContainsRune("-_.", c)
}

// fill fills a page from a position, and answers where the next one starts: the zero cursor after the last. What does not
// fit is found out by reading it. The store then reads once more just as much as fits, because only it knows how to go on
// from there.
func (s *Set) fill(ctx context.Context, p *page, from cursor) (cursor, error) {
	switch {
	case from.keyResultsOf != "":
		return s.continueObjective(ctx, p, from)
	case from.keyResults != "", !readObjective().permits(ctx):
		token, _, err := s.fillKeyResults(ctx, p, "", from.keyResults)
		return cursor{keyResults: token}, err
	}
	return s.fillObjectives(ctx, p, from.objectives)
}

func (s *Set) fillObjectives(ctx context.Context, p *page, token string) (cursor, error) {
	size := fetchSize
	for {
		answer, err := s.Store.ListObjectives(ctx, &okrv1.ListObjectivesRequest{PageSize: int32(size), PageToken: token})
		if err != nil {
			return cursor{}, err
		}
		fit := 0
		for p.reset(); fit < len(answer.GetObjectives()); fit++ {
			if !p.addObjective(answer.GetObjectives()[fit]) {
				break
			}
		}
		switch {
		case fit == len(answer.GetObjectives()):
			return cursor{objectives: answer.GetNextPageToken()}, nil
		case fit > 0:
			size = fit
		case len(answer.GetObjectives()) > 1:
			size = 1
		default: // the one objective is more than a page
			o := answer.GetObjectives()[0]
			p.addHeading(o)
			token, more, err := s.fillKeyResults(ctx, p, o.GetId(), "")
			if err != nil || !more { // meanwhile it fits
				return cursor{objectives: answer.GetNextPageToken()}, err
			}
			return cursor{answer.GetNextPageToken(), o.GetId(), token}, nil
		}
	}
}

// continueObjective goes on with the key results of an objective that did not fit into the page before.
func (s *Set) continueObjective(ctx context.Context, p *page, from cursor) (cursor, error) {
	token, more, err := s.fillKeyResults(ctx, p, from.keyResultsOf, from.keyResults)
	if err != nil && rpcerr.ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND {
		return cursor{}, err
	}
	if more {
		return cursor{from.objectives, from.keyResultsOf, token}, nil
	}
	return cursor{objectives: from.objectives}, nil
}

// fillKeyResults fills a page with key results, of one objective or of all, and answers whether more follow and the token
// for them. On a page that had nothing, one always goes.
func (s *Set) fillKeyResults(ctx context.Context, p *page, objective, token string) (next string, more bool, err error) {
	size := fetchSize
	before := p.mark()
	for {
		answer, err := s.Store.ListKeyResults(ctx, &okrv1.ListKeyResultsRequest{
			ObjectiveId: objective, PageSize: int32(size), PageToken: token,
		})
		if err != nil {
			return "", false, err
		}
		fit := 0
		for p.rewind(before); fit < len(answer.GetKeyResults()); fit++ {
			if !p.addKeyResult(answer.GetKeyResults()[fit]) {
				break
			}
		}
		if fit == len(answer.GetKeyResults()) {
			return answer.GetNextPageToken(), answer.GetNextPageToken() != "", nil
		}
		if fit == 0 && before.cost > 0 {
			return token, true, nil
		}
		size = max(1, fit)
	}
}
