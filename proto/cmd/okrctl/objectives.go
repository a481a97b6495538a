package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/proto/okrclient"
)

func (a *app) objectives() *cobra.Command {
	return group("objectives", "List, read and change objectives", []string{"objective", "o"},
		a.listObjectives(), a.getObjective(), a.createObjective(), a.updateObjective(), a.closeObjective(),
		a.moveObjective("reopen", "Make a closed objective active again", func(ctx context.Context, c *okrclient.Client, id string, w write) (*okrv1.Objective, error) {
			return c.ReopenObjective(ctx, &okrv1.ReopenObjectiveRequest{ObjectiveId: id, Etag: w.etag, RequestId: w.requestID})
		}),
		a.moveObjective("archive", "Put an objective away", func(ctx context.Context, c *okrclient.Client, id string, w write) (*okrv1.Objective, error) {
			return c.ArchiveObjective(ctx, &okrv1.ArchiveObjectiveRequest{ObjectiveId: id, Etag: w.etag, RequestId: w.requestID})
		}),
		a.moveObjective("restore", "Bring an archived objective back", func(ctx context.Context, c *okrclient.Client, id string, w write) (*okrv1.Objective, error) {
			return c.RestoreObjective(ctx, &okrv1.RestoreObjectiveRequest{ObjectiveId: id, Etag: w.etag, RequestId: w.requestID})
		}),
		a.deleteObjective(),
		a.history("history OBJECTIVE_ID", "Show what was done to an objective and its key results", func(id string) *okrv1.ListChangesRequest {
			return &okrv1.ListChangesRequest{ObjectiveId: id}
		}),
	)
}

// write is what every change can be given.
type write struct{ etag, requestID string }

func (w *write) flags(flags *pflag.FlagSet) {
	flags.StringVar(&w.requestID, "request-id", "", "id of the request: repeating it within an hour changes nothing again")
}

func (w *write) etagFlags(flags *pflag.FlagSet) {
	flags.StringVar(&w.etag, "etag", "", "refuse if this is not the current etag")
	w.flags(flags)
}

func (a *app) listObjectives() *cobra.Command {
	req := &okrv1.ListObjectivesRequest{}
	var states []string
	var newest bool
	var limit int
	cmd := a.calling("list", "List objectives", cobra.NoArgs, func(cmd *cobra.Command, c *okrclient.Client, _ []string) (err error) {
		if req.States, err = parseWords[okrv1.ObjectiveState]("state", states); err != nil {
			return err
		}
		if newest {
			req.OrderBy = "create_time desc"
		}
		req.PageSize = pageSize(limit)
		return list(a, c.Objectives(cmd.Context(), req), limit, []column[*okrv1.Objective]{
			{"ID", (*okrv1.Objective).GetId},
			{"TITLE", (*okrv1.Objective).GetTitle},
			{"PROGRESS", func(o *okrv1.Objective) string { return percent(o.Progress, o.ExpectedProgress) }},
			{"KEY RESULTS", func(o *okrv1.Objective) string { return fmt.Sprint(len(o.GetKeyResults())) }},
			{"STATE", func(o *okrv1.Objective) string { return word(o.GetState()) }},
			{"CYCLE", (*okrv1.Objective).GetCycle},
			{"DUE", func(o *okrv1.Objective) string { return o.GetPeriod().GetDueDate() }},
			{"OWNER", (*okrv1.Objective).GetOwnerId},
		})
	})
	flags := cmd.Flags()
	flags.StringVar(&req.Cycle, "cycle", "", "only of this cycle, such as 2026-Q3")
	flags.StringVar(&req.OwnerId, "owner", "", `only what this member owns, or owns a key result of; "me" is you`)
	flags.StringSliceVar(&states, "state", nil, "only in these states: active, closed, archived; all but archived if there is none")
	flags.StringVar(&req.Text, "text", "", "only those that have each of these words")
	flags.StringVar(&req.ParentId, "parent", "", "only those that contribute to this objective")
	flags.BoolVar(&newest, "newest", false, "newest first")
	flags.IntVar(&limit, "limit", 0, "at most so many; 0 is all")
	return cmd
}

func (a *app) getObjective() *cobra.Command {
	return a.calling("get OBJECTIVE_ID", "Show an objective and its key results", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *okrclient.Client, args []string) error {
			o, err := c.GetObjective(cmd.Context(), &okrv1.GetObjectiveRequest{ObjectiveId: args[0]})
			if err != nil {
				return err
			}
			return a.showObjective(o)
		})
}

// showObjective writes an objective with everything that it has.
func (a *app) showObjective(o *okrv1.Objective) error {
	if a.output == outputJSON {
		return a.json(o)
	}
	period := ""
	if p := o.GetPeriod(); p != nil {
		period = p.GetStartDate() + " to " + p.GetDueDate()
	}
	err := a.details([][2]string{
		{"Objective", o.GetId()},
		{"Title", o.GetTitle()},
		{"Description", o.GetDescription()},
		{"Progress", percent(o.Progress, o.ExpectedProgress)},
		{"State", word(o.GetState())},
		{"Score", o.GetScore()},
		{"Closing note", o.GetClosingNote()},
		{"Cycle", o.GetCycle()},
		{"Period", period},
		{"Owner", o.GetOwnerId()},
		{"Contributes to", o.GetParentId()},
		{"Created", clock(o.GetCreateTime()) + " by " + memberName(o.GetCreator().GetDisplayName(), o.GetCreator().GetMemberId())},
		{"Changed", clock(o.GetUpdateTime()) + " by " + memberName(o.GetUpdater().GetDisplayName(), o.GetUpdater().GetMemberId())},
		{"Etag", o.GetEtag()},
	})
	if err != nil || len(o.GetKeyResults()) == 0 {
		return err
	}
	fmt.Fprintln(a.out)
	return list(a, each(o.GetKeyResults()), 0, keyResultColumns())
}

// objectiveFlags are those of the fields that people set.
func objectiveFlags(flags *pflag.FlagSet, o *okrv1.Objective) {
	flags.StringVar(&o.Description, "description", "", "why it matters and what is meant")
	flags.StringVar(&o.OwnerId, "owner", "", `member who answers for it; "me" is you`)
	flags.StringVar(&o.Cycle, "cycle", "", "2026, 2026-H1 or 2026-Q3")
	flags.StringVar(&o.StartDate, "start", "", "first day, if it is not the cycle's, such as 2026-07-01")
	flags.StringVar(&o.DueDate, "due", "", "last day, if it is not the cycle's, such as 2026-09-30")
	flags.StringVar(&o.ParentId, "parent", "", "objective that it contributes to")
}

func (a *app) createObjective() *cobra.Command {
	o, w := &okrv1.Objective{}, write{}
	cmd := a.calling("create TITLE", "Create an objective", cobra.ExactArgs(1), func(cmd *cobra.Command, c *okrclient.Client, args []string) error {
		o.Title = args[0]
		created, err := c.CreateObjective(cmd.Context(), &okrv1.CreateObjectiveRequest{Objective: o, RequestId: w.requestID})
		if err != nil {
			return err
		}
		return a.done(created, created.GetId(), "Created")
	})
	objectiveFlags(cmd.Flags(), o)
	w.flags(cmd.Flags())
	return cmd
}

func (a *app) updateObjective() *cobra.Command {
	o, w := &okrv1.Objective{}, write{}
	cmd := a.calling("update OBJECTIVE_ID", "Change the fields of an objective that are given", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *okrclient.Client, args []string) error {
			mask, err := maskOf(cmd.Flags(), map[string]string{
				"title": "title", "description": "description", "owner": "owner_id", "cycle": "cycle", "start": "start_date",
				"due": "due_date", "parent": "parent_id",
			})
			if err != nil {
				return err
			}
			o.Id, o.Etag = args[0], w.etag
			updated, err := c.UpdateObjective(cmd.Context(), &okrv1.UpdateObjectiveRequest{Objective: o, UpdateMask: mask, RequestId: w.requestID})
			if err != nil {
				return err
			}
			return a.done(updated, updated.GetId(), "Changed")
		})
	cmd.Long = `Changes the fields of an objective that are given; a field that is given as "" is emptied.`
	cmd.Flags().StringVar(&o.Title, "title", "", "one line of text")
	objectiveFlags(cmd.Flags(), o)
	w.etagFlags(cmd.Flags())
	return cmd
}

// maskOf names the fields whose flags were given.
func maskOf(flags *pflag.FlagSet, fields map[string]string) (*fieldmaskpb.FieldMask, error) {
	mask := &fieldmaskpb.FieldMask{}
	flags.Visit(func(f *pflag.Flag) {
		if field := fields[f.Name]; field != "" {
			mask.Paths = append(mask.Paths, field)
		}
	})
	if len(mask.GetPaths()) == 0 {
		return nil, usagef("there is nothing to change: give at least one field")
	}
	slices.Sort(mask.GetPaths())
	return mask, nil
}

func (a *app) closeObjective() *cobra.Command {
	var note string
	w := write{}
	cmd := a.calling("close OBJECTIVE_ID SCORE", "Close an objective with a score from 0 to 1", cobra.ExactArgs(2),
		func(cmd *cobra.Command, c *okrclient.Client, args []string) error {
			closed, err := c.CloseObjective(cmd.Context(), &okrv1.CloseObjectiveRequest{
				ObjectiveId: args[0], Score: args[1], ClosingNote: note, Etag: w.etag, RequestId: w.requestID,
			})
			if err != nil {
				return err
			}
			return a.done(closed, closed.GetId(), "Closed")
		})
	cmd.Flags().StringVar(&note, "note", "", "why it gets this score")
	w.etagFlags(cmd.Flags())
	return cmd
}

// moveObjective is a command that takes an objective to another state.
func (a *app) moveObjective(verb, short string, move func(context.Context, *okrclient.Client, string, write) (*okrv1.Objective, error)) *cobra.Command {
	w := write{}
	cmd := a.calling(verb+" OBJECTIVE_ID", short, cobra.ExactArgs(1), func(cmd *cobra.Command, c *okrclient.Client, args []string) error {
		moved, err := move(cmd.Context(), c, args[0], w)
		if err != nil {
			return err
		}
		return a.done(moved, moved.GetId(), "Now "+word(moved.GetState())+":")
	})
	w.etagFlags(cmd.Flags())
	return cmd
}

func (a *app) deleteObjective() *cobra.Command {
	var yes bool
	w := write{}
	cmd := a.calling("delete OBJECTIVE_ID", "Delete an objective with its key results", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *okrclient.Client, args []string) error {
			if err := a.confirm(yes, fmt.Sprintf("Delete %s with its key results? Archiving would keep them.", oneLine(args[0]))); err != nil {
				return err
			}
			if _, err := c.DeleteObjective(cmd.Context(), &okrv1.DeleteObjectiveRequest{ObjectiveId: args[0], Etag: w.etag, RequestId: w.requestID}); err != nil {
				return err
			}
			return a.deleted(args[0])
		})
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	w.etagFlags(cmd.Flags())
	return cmd
}
