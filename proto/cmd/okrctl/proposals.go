package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/proto/okrclient"
)

func (a *app) proposals() *cobra.Command {
	decided := func(use, short string, decide func(cmd *cobra.Command, c *okrclient.Client, id string) (*okrv1.Proposal, error)) *cobra.Command {
		return a.calling(use, short, cobra.ExactArgs(1), func(cmd *cobra.Command, c *okrclient.Client, args []string) error {
			p, err := decide(cmd, c, args[0])
			if err != nil {
				return err
			}
			return a.proposal(p)
		})
	}
	var reason string
	reject := decided("reject PROPOSAL", "Turn a proposal down", func(cmd *cobra.Command, c *okrclient.Client, id string) (*okrv1.Proposal, error) {
		return c.RejectProposal(cmd.Context(), &okrv1.RejectProposalRequest{ProposalId: id, Reason: reason})
	})
	reject.Flags().StringVar(&reason, "reason", "", "why, for the proposer to read")
	g := group("proposals", "Changes that wait for a member to decide on them", []string{"proposal", "prp"},
		a.listProposals(),
		decided("show PROPOSAL", "Show what a proposal would change, and what became of it", func(cmd *cobra.Command, c *okrclient.Client, id string) (*okrv1.Proposal, error) {
			return c.GetProposal(cmd.Context(), &okrv1.GetProposalRequest{ProposalId: id})
		}),
		decided("approve PROPOSAL", "Make the change of a proposal, as yourself", func(cmd *cobra.Command, c *okrclient.Client, id string) (*okrv1.Proposal, error) {
			return c.ApproveProposal(cmd.Context(), &okrv1.ApproveProposalRequest{ProposalId: id})
		}),
		reject,
		decided("withdraw PROPOSAL", "Take a proposal of yours back", func(cmd *cobra.Command, c *okrclient.Client, id string) (*okrv1.Proposal, error) {
			return c.WithdrawProposal(cmd.Context(), &okrv1.WithdrawProposalRequest{ProposalId: id})
		}),
	)
	g.Long = `Shows what was proposed instead of made, by members, or by agents that may only propose, and decides on it. Any command that changes
something proposes it with --propose.

Approving and rejecting are for members in person, and an access token is not enough: with the sign-in of okrctl login they are refused. Decide in the
web app, or give a session JWT as OKR_TOKEN.`
	return g
}

func (a *app) listProposals() *cobra.Command {
	req := &okrv1.ListProposalsRequest{}
	var limit int
	var state string
	cmd := a.calling("list", "List proposals, newest first", cobra.NoArgs, func(cmd *cobra.Command, c *okrclient.Client, _ []string) (err error) {
		if req.State, err = parseWord[okrv1.ProposalState]("state", state); err != nil {
			return err
		}
		req.PageSize = pageSize(limit)
		return list(a, c.Proposals(cmd.Context(), req), limit, []column[*okrv1.Proposal]{
			{"PROPOSAL", (*okrv1.Proposal).GetId},
			{"STATE", func(p *okrv1.Proposal) string { return word(p.GetState()) }},
			{"TIME", func(p *okrv1.Proposal) string { return clock(p.GetCreateTime()) }},
			{"WHO", func(p *okrv1.Proposal) string { return actor(changeOf(p)) }},
			{"THROUGH", func(p *okrv1.Proposal) string { return through(p.GetVia()) }},
			{"WHAT", func(p *okrv1.Proposal) string { return strings.ReplaceAll(word(p.GetKind()), "-", " ") }},
			{"TITLE", func(p *okrv1.Proposal) string { _, title := subject(changeOf(p)); return title }},
			{"DETAIL", func(p *okrv1.Proposal) string { return detail(changeOf(p)) }},
		})
	})
	flags := cmd.Flags()
	flags.StringVar(&state, "state", "", "only those that are: "+strings.Join(words[okrv1.ProposalState](), ", "))
	flags.StringVar(&req.MemberId, "member", "", `only of this member; "me" is you`)
	flags.StringVar(&req.ClientId, "client", "", "only of the application with this client id")
	flags.IntVar(&limit, "limit", 0, "at most so many; 0 is all")
	return cmd
}

// changeOf is the change that a proposal would be.
func changeOf(p *okrv1.Proposal) *okrv1.Change {
	return &okrv1.Change{
		Actor: p.GetProposer(), Via: p.GetVia(), Kind: p.GetKind(), Before: p.GetBefore(), After: p.GetAfter(), CheckIn: p.GetCheckIn(),
	}
}

// proposal writes a proposal with each field that it would change.
func (a *app) proposal(p *okrv1.Proposal) error {
	if a.output == outputJSON {
		return a.json(p)
	}
	decided := ""
	if p.GetDecider() != nil {
		decided = memberName(p.GetDecider().GetDisplayName(), p.GetDecider().GetMemberId()) + ", " + clock(p.GetDecideTime())
	}
	_, title := subject(changeOf(p))
	pairs := [][2]string{
		{"Proposal", p.GetId()},
		{"State", word(p.GetState())},
		{"What", strings.ReplaceAll(word(p.GetKind()), "-", " ")},
		{"Objective", p.GetObjectiveId()},
		{"Key result", p.GetKeyResultId()},
		{"Title", title},
		{"Proposed by", actor(changeOf(p)) + " (" + through(p.GetVia()) + "), " + clock(p.GetCreateTime())},
		{"Expires", clock(p.GetExpireTime())},
		{"Decided by", decided},
		{"Reason", p.GetReason()},
	}
	for _, d := range fieldDifferences(p.GetBefore(), p.GetAfter()) {
		pairs = append(pairs, [2]string{"  " + d.name, d.before + " → " + d.after})
	}
	return a.details(pairs)
}

type fieldDifference struct{ name, before, after string }

// fieldDifferences are the fields that differ between two snapshots, of which one may be absent, with their values.
func fieldDifferences(before, after *okrv1.Snapshot) []fieldDifference {
	var b, s proto.Message = before.GetObjective(), after.GetObjective()
	if before.GetKeyResult() != nil || after.GetKeyResult() != nil {
		b, s = before.GetKeyResult(), after.GetKeyResult()
	}
	var all []fieldDifference
	fields := s.ProtoReflect().Descriptor().Fields()
	for _, name := range differences(b, s, "id", "objective_id", "etag", "create_time", "creator", "update_time", "updater", "key_results", "progress") {
		f := fields.ByName(protoreflect.Name(name))
		all = append(all, fieldDifference{name, fieldText(b, f), fieldText(s, f)})
	}
	return all
}

// fieldText is a field's value for people, as JSON has it where it is no text; "-" for none.
func fieldText(m proto.Message, f protoreflect.FieldDescriptor) string {
	if !m.ProtoReflect().Has(f) {
		return "-"
	}
	value := m.ProtoReflect().Get(f)
	switch {
	case f.Enum() != nil:
		d := f.Enum().Values().ByNumber(value.Enum())
		if d == nil {
			return fmt.Sprint(value.Enum())
		}
		return strings.ToLower(string(d.Name()))
	case f.Message() != nil:
		text, err := protojson.Marshal(value.Message().Interface())
		if err != nil {
			return "?"
		}
		return string(text)
	}
	return value.String()
}
