package tools

import (
	"context"
	"strings"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// proposalsRead is how many proposals are read, of which more would hardly fit.
const proposalsRead = 20

// listedProposal is a proposal in short: what it would change, and what became of it.
type listedProposal struct {
	ProposalID string `json:"proposalID"`
	State      string `json:"state"`
	Expires    string `json:"expires,omitempty"`
	DecidedBy  string `json:"decidedBy,omitempty"`
	Reason     string `json:"reason,omitempty"`
	listedChange
}

const proposalsOutput = `"proposals":{"type":"array","description":"Newest first.","items":{"type":"object","properties":{` +
	`"proposalID":{"type":"string"},"state":{"type":"string"},"expires":{"type":"string"},"decidedBy":{"type":"string"},` +
	`"reason":{"type":"string","description":"Why it was rejected."},"time":{"type":"string"},"who":{"type":"string"},"via":{"type":"string"},` +
	`"client":{"type":"string"},"kind":{"type":"string"},"okrID":{"type":"string"},"keyResultID":{"type":"string"},"title":{"type":"string"},` +
	`"changed":{"type":"array","items":{"type":"object","properties":{"field":{"type":"string"},"before":{"type":"string"},"after":{"type":"string"}},"required":["field"]}},` +
	`"note":{"type":"string"}},"required":["proposalID","state","time","who","kind","title"]}}`

// listProposals shows proposals and decides on none: that is for members in person, and no token can.
func (s *Set) listProposals() engine.Tool {
	type arguments struct {
		ProposalID string `json:"proposalID"`
		State      string `json:"state"`
	}
	return tool(s, engine.Tool{
		Name:  "listProposals",
		Title: "What became of proposals",
		Description: "Tells what was proposed for the member you act for, newest first, and what became of it. Members decide, in person. " +
			"Needs the scope read:okrs; other scopes show what they can read.",
		Hints: engine.Hints{ReadOnly: true, Idempotent: true},
		Input: input("",
			`"proposalID":{"type":"string","description":"Only this one, whoever proposed it.","maxLength":64}`,
			enumSchema("state", "Only those in it.", okrv1.ProposalState(0))),
		Output: output("proposals", proposalsOutput),
	}, readAnything(), func(ctx context.Context, a arguments) (*engine.ToolResult, error) {
		var found []*okrv1.Proposal
		more := false
		if a.ProposalID != "" {
			p, err := s.Store.GetProposal(ctx, &okrv1.GetProposalRequest{ProposalId: a.ProposalID})
			if err != nil {
				return nil, err
			}
			found = append(found, p)
		} else {
			answer, err := s.readProposals(ctx, &okrv1.ListProposalsRequest{
				MemberId: "me", State: read[okrv1.ProposalState](a.State), PageSize: proposalsRead,
			})
			if err != nil {
				return nil, err
			}
			found, more = answer.GetProposals(), answer.GetNextPageToken() != ""
		}
		return s.proposalPage(ctx, found, more)
	})
}

// readProposals reads until there is a proposal: a page of the store can be empty and not be the last.
func (s *Set) readProposals(ctx context.Context, request *okrv1.ListProposalsRequest) (*okrv1.ListProposalsResponse, error) {
	for {
		answer, err := s.Store.ListProposals(ctx, request)
		if err != nil || len(answer.GetProposals()) > 0 || answer.GetNextPageToken() == "" {
			return answer, err
		}
		request.PageToken = answer.GetNextPageToken()
	}
}

// proposalPage shows those of some proposals that fit, the first in any case.
func (s *Set) proposalPage(ctx context.Context, found []*okrv1.Proposal, more bool) (*engine.ToolResult, error) {
	name := s.members.namer(ctx)
	shown := struct {
		Proposals []listedProposal `json:"proposals"`
	}{[]listedProposal{}}
	var lines []string
	spent := 0
	for _, p := range found {
		entry := proposalOfList(p, name)
		line := entry.line()
		var encoded writer
		if err := encoded.value(entry); err != nil {
			return nil, err
		}
		if spent += cost(encoded, []byte(line)); spent > maxPage-reserve && len(lines) > 0 {
			more = true
			break
		}
		shown.Proposals, lines = append(shown.Proposals, entry), append(lines, line)
	}
	switch {
	case len(lines) == 0:
		lines = append(lines, "There are no such proposals.")
	case more:
		lines = append(lines, "Older ones are not shown.")
	}
	return &engine.ToolResult{Text: strings.Join(lines, "\n"), Structured: shown}, nil
}

func proposalOfList(p *okrv1.Proposal, name func(string) string) listedProposal {
	entry := listedProposal{
		ProposalID: p.GetId(), State: spell(p.GetState()), DecidedBy: nameOf(p.GetDecider()), Reason: cut(p.GetReason(), maxNote),
		listedChange: changeOf(&okrv1.Change{
			CreateTime: p.GetCreateTime(), Actor: p.GetProposer(), Via: p.GetVia(), Kind: p.GetKind(),
			Before: p.GetBefore(), After: p.GetAfter(), CheckIn: p.GetCheckIn(),
		}, name),
	}
	entry.OkrID, entry.KeyResultID = p.GetObjectiveId(), p.GetKeyResultId()
	if p.GetState() == okrv1.ProposalState_PROPOSAL_STATE_OPEN {
		entry.Expires = instant(p.GetExpireTime())
	}
	return entry
}

// line is a proposal in words. Texts of members are quoted.
func (p *listedProposal) line() string {
	line := p.ProposalID + " is " + p.State
	if p.DecidedBy != "" {
		line += " by " + quote(p.DecidedBy, maxQuoted)
	}
	if p.Reason != "" {
		line += ", because " + quote(p.Reason, maxListed)
	}
	return line + ": " + p.listedChange.line()
}
