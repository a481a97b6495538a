package tools

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc/codes"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

const (
	// fetchObjectives is how many objectives are asked for at first: about what fits of those with three to five key
	// results. What is asked for and does not fit costs about as much as what does.
	fetchObjectives = 6
	// fetchKeyResults is how many key results are asked for, of which more would hardly fit.
	fetchKeyResults = 30
	// fewObjectives are not worth another question.
	fewObjectives = 3
)

const listOutput = `"objectives":{"type":"array","items":{"type":"object","properties":{` + okrIDOutput +
	`,"objectiveText":{"type":"string","description":"Absent without the permission to read objectives, and where a page goes on with an objective of the page before."}` +
	`,"progress":{"type":"integer","description":"The weighted mean of its key results, in percent.","minimum":0,"maximum":100}` +
	`,"expectedProgress":{"type":"integer","description":"What it should be today."}` +
	`,"state":{"type":"string","description":"Absent where it is active."},"score":{"type":"string"},"owner":{"type":"string"},"cycle":{"type":"string"}` +
	`,"keyResults":{"type":"array","items":{"type":"object","properties":{` + keyResultIDOutput +
	`,"keyResultText":{"type":"string"},` + attainmentOutput + `,"milestone":{"type":"boolean"}` +
	`,"currentValue":{"type":"string","description":"Absent where the attainment says it all, as targetValue and unit."}` +
	`,"targetValue":{"type":"string"},"unit":{"type":"string"}` +
	`,"status":{"type":"string","description":"onTrack, atRisk or offTrack, and stale if nobody has checked in for 14 days."},"owner":{"type":"string"}` +
	`,"reportedBy":{"type":"string","description":"The agent that reported the value, which no member has confirmed yet."}` +
	`},"required":["keyResultID","keyResultText","attainment"]}}` +
	`},"required":["okrID","keyResults"]}}` +
	`,"nextCursor":{"type":"string","description":"Gets the next page; absent on the last."}`

// selection is which objectives to list.
type selection struct {
	Cycle string `json:"cycle"`
	Owner string `json:"owner"`
	State string `json:"state"`
	Text  string `json:"text"`
}

type listArguments struct {
	selection
	Due    bool   `json:"due"`
	Cursor string `json:"cursor"`
}

// rule is what the list takes: key results are due, and objectives are selected.
func (a listArguments) rule() rule {
	switch {
	case a.Due:
		return readKeyResult()
	case a.selection != (selection{}):
		return readObjective()
	}
	return readAnything()
}

func (s *Set) listObjectives() engine.Tool {
	return tool(s, engine.Tool{
		Name:  "listObjectives",
		Title: "List objectives and key results",
		Description: "Lists objectives with their key results, oldest first, in pages. Needs the scope read:okrs; " +
			"manage:objectives alone shows objectives, manage:krs or report_kr_status alone shows key results.",
		Hints: engine.Hints{ReadOnly: true, Idempotent: true},
		Input: input("",
			`"due":{"type":"boolean","description":"Instead, what owner (you by default) should report on, longest waiting first."}`,
			ownerSchema,
			`"cycle":{"type":"string","description":"Such as 2026-Q3.","maxLength":7}`,
			enumSchema("state", "By default all but archived ones.", okrv1.ObjectiveState(0)),
			`"text":{"type":"string","description":"Words that all occur in it.","maxLength":200}`,
			`"cursor":{"type":"string","description":"nextCursor of the page before; repeat the other arguments.","maxLength":512}`),
		Output: output("objectives", listOutput),
	}, readAnything(), func(ctx context.Context, a listArguments) (*engine.ToolResult, error) {
		from, err := openCursor(a.Cursor)
		if err != nil {
			return nil, err
		}
		if a.Owner, err = s.members.find(ctx, "owner", a.Owner); err != nil {
			return nil, err
		}
		if a.Due {
			return s.listDue(ctx, a.selection, from)
		}
		p := newPage(s.members.namer(ctx), "There are no objectives to show.")
		next, err := s.fill(ctx, p, &a.selection, from)
		if err != nil {
			return nil, err
		}
		return p.result(next), nil
	})
}

// listDue lists what a member should report on. The store decides what that is and in which order.
func (s *Set) listDue(ctx context.Context, of selection, from cursor) (*engine.ToolResult, error) {
	if of != (selection{Owner: of.Owner}) {
		return nil, mistake("due goes with owner and cursor alone: leave out cycle, state and text.")
	}
	if from != (cursor{keyResults: from.keyResults}) {
		return nil, cursorInvalid()
	}
	p := newPage(s.members.namer(ctx), "Nothing is due.")
	token, _, err := p.fillKeyResults(from.keyResults, func(token string) ([]titled, string, error) {
		answer, err := s.Store.ListDueKeyResults(ctx, &okrv1.ListDueKeyResultsRequest{
			OwnerId: of.Owner, PageSize: fetchKeyResults, PageToken: token, PageTokens: true,
		})
		if err != nil {
			return nil, "", err
		}
		next, err := tokensAfter(len(answer.GetKeyResults()), answer)
		if err != nil {
			return nil, "", err
		}
		var list []titled
		for i, due := range answer.GetKeyResults() {
			list = append(list, titled{due.GetKeyResult(), due.GetObjectiveTitle(), next[i]})
		}
		return list, answer.GetNextPageToken(), nil
	})
	if err != nil {
		return nil, err
	}
	return p.result(cursor{keyResults: token}), nil
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
		return cursor{}, cursorInvalid()
	}
	return c, nil
}

func cursorInvalid() error {
	return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_CURSOR_INVALID, "the cursor is not one of ours")
}

func notOfCursor(c rune) bool {
	return c >= utf8.RuneSelf || kinds[byte(c)] == other && !strings.ContainsRune("-_.", c)
}

// fill fills a page from a position, and answers where the next one starts: the zero cursor after the last. The store
// says after each thing that it lists how to go on from there, so that what does not fit is not read again to find out.
func (s *Set) fill(ctx context.Context, p *page, of *selection, from cursor) (cursor, error) {
	switch {
	case from.keyResultsOf != "":
		return s.continueObjective(ctx, p, from)
	case from.keyResults != "", !readObjective().permits(ctx):
		token, _, err := s.fillKeyResults(ctx, p, "", from.keyResults)
		return cursor{keyResults: token}, err
	}
	return s.fillObjectives(ctx, p, of, from.objectives)
}

func (s *Set) fillObjectives(ctx context.Context, p *page, of *selection, token string) (cursor, error) {
	request := &okrv1.ListObjectivesRequest{Cycle: of.Cycle, OwnerId: of.Owner, Text: of.Text, PageTokens: true}
	if of.State != "" {
		request.States = []okrv1.ObjectiveState{read[okrv1.ObjectiveState](of.State)}
	}
	size := fetchObjectives
	for {
		request.PageSize, request.PageToken = int32(size), token
		answer, err := s.Store.ListObjectives(ctx, request)
		if err != nil {
			return cursor{}, err
		}
		next, err := tokensAfter(len(answer.GetObjectives()), answer)
		if err != nil {
			return cursor{}, err
		}
		for i, o := range answer.GetObjectives() {
			switch {
			case p.addObjective(o):
				token = next[i]
			case p.objectives > 0:
				return cursor{objectives: token}, nil
			default:
				return s.beginObjective(ctx, p, o, next[i])
			}
		}
		full := len(answer.GetObjectives()) == size
		token = answer.GetNextPageToken()
		switch size = p.room(); {
		case token == "":
			return cursor{}, nil
		case p.objectives == 0: // the store looks through so many at a time
		case !full, size < fewObjectives:
			return cursor{objectives: token}, nil
		}
	}
}

// beginObjective puts what fits of an objective that is more than a page on an empty one.
func (s *Set) beginObjective(ctx context.Context, p *page, o *okrv1.Objective, next string) (cursor, error) {
	p.addHeading(o)
	token, more, err := s.fillKeyResults(ctx, p, o.GetId(), "")
	if err != nil || !more { // meanwhile it fits
		return cursor{objectives: next}, err
	}
	return cursor{next, o.GetId(), token}, nil
}

// tokensAfter are the store's tokens for what follows each of the things on a page of its; "" for what follows the last of
// all.
func tokensAfter(count int, page interface {
	GetPageTokens() []string
	GetNextPageToken() string
},
) ([]string, error) {
	tokens := page.GetPageTokens()
	if len(tokens) != count {
		return nil, fmt.Errorf("the store answers %d page tokens for %d resources", len(tokens), count)
	}
	if count > 0 {
		tokens[count-1] = page.GetNextPageToken()
	}
	return tokens, nil
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

// fillKeyResults fills a page with key results, of one objective or of all.
func (s *Set) fillKeyResults(ctx context.Context, p *page, objective, token string) (next string, more bool, err error) {
	return p.fillKeyResults(token, func(token string) ([]titled, string, error) {
		answer, err := s.Store.ListKeyResults(ctx, &okrv1.ListKeyResultsRequest{
			ObjectiveId: objective, PageSize: fetchKeyResults, PageToken: token, PageTokens: true,
		})
		if err != nil {
			return nil, "", err
		}
		next, err := tokensAfter(len(answer.GetKeyResults()), answer)
		if err != nil {
			return nil, "", err
		}
		var list []titled
		for i, k := range answer.GetKeyResults() {
			list = append(list, titled{keyResult: k, next: next[i]})
		}
		return list, answer.GetNextPageToken(), nil
	})
}

// titled is a key result with the title of its objective, where that is to be shown, and the store's token for those that
// follow.
type titled struct {
	keyResult *okrv1.KeyResult
	objective string
	next      string
}

// fillKeyResults fills a page with key results as fetch answers them, and answers whether more follow and the token for
// them. On a page that had nothing, one always goes.
func (p *page) fillKeyResults(
	token string, fetch func(token string) (list []titled, next string, err error),
) (next string, more bool, err error) {
	for {
		list, next, err := fetch(token)
		if err != nil {
			return "", false, err
		}
		for _, k := range list {
			if !p.addKeyResult(k.keyResult, k.objective) {
				return token, true, nil
			}
			token = k.next
		}
		if len(list) > 0 || next == "" {
			return next, next != "", nil
		}
		token = next // the store looks through so many at a time
	}
}
