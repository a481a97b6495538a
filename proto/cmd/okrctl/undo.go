package main

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/proto/okrclient"
)

func (a *app) undo() *cobra.Command {
	req := &okrv1.UndoClientChangesRequest{}
	var since, until string
	var yes bool
	cmd := a.calling("undo [SEQ]", "Undo a change, or what an application did", cobra.MaximumNArgs(1), func(cmd *cobra.Command, c *okrclient.Client, args []string) (err error) {
		if (len(args) == 1) == (req.GetClientId() != "") {
			return usagef("say which change to undo by its SEQ, or which application's by --client, and not both")
		}
		if len(args) == 1 {
			if since != "" || until != "" || req.GetMemberId() != "" {
				return usagef("--since, --until and --member are for --client")
			}
			return a.undoOne(cmd.Context(), c, args[0], req.GetPreview())
		}
		if req.StartTime, err = parseTime("since", since); err != nil {
			return err
		}
		if req.EndTime, err = parseTime("until", until); err != nil {
			return err
		}
		if !req.GetPreview() {
			if err := a.confirm(yes, fmt.Sprintf("Undo what %s did? --preview shows what that would be.", oneLine(req.GetClientId()))); err != nil {
				return err
			}
		}
		return a.undoClient(cmd.Context(), c, req)
	})
	cmd.Long = `Undoes one change, whose SEQ "okrctl changes" shows, or everything that an application did in a time; "okrctl agents" shows the client
ids. What was created is deleted, what was deleted is there again, and what was changed is as it was before. Each undoing is a change like any other, and can
be undone. What others have changed since stays as it is and is named: nothing is undone blindly. With --preview nothing is changed.

When it is cut off, run it again: what it has undone is found undone. Exit code 1 says that one change could not be undone.`
	cmd.Example = `  okrctl undo 4711 --preview
  okrctl undo --client connected-app-test-91… --member me --since 24h --preview
  okrctl undo --client connected-app-test-91… --since 2026-11-01 --yes`
	flags := cmd.Flags()
	flags.StringVar(&req.ClientId, "client", "", "undo what the application with this client id did")
	flags.StringVar(&req.MemberId, "member", "", `only what it did for this member; "me" is you`)
	flags.StringVar(&since, "since", "", "only since a time, such as 2026-07-01, 2026-07-01T09:00:00Z or 24h (ago)")
	flags.StringVar(&until, "until", "", "only before a time")
	flags.BoolVar(&req.Preview, "preview", false, "show what would become of it, and change nothing")
	flags.BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) undoOne(ctx context.Context, c *okrclient.Client, text string, preview bool) error {
	seq, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seq < 1 {
		return usagef("%q is not the SEQ of a change", text)
	}
	answer, err := c.UndoChange(ctx, &okrv1.UndoChangeRequest{Seq: seq, Preview: preview})
	if err != nil {
		return err
	}
	result := answer.GetResult()
	if a.output == outputJSON {
		return a.json(result)
	}
	_, err = fmt.Fprintln(a.out, oneLine(fmt.Sprintf("%d: %s", seq, became(result, preview))))
	return err
}

// undoClient writes what becomes of each change as it becomes known, and how many there were at the end.
func (a *app) undoClient(ctx context.Context, c *okrclient.Client, req *okrv1.UndoClientChangesRequest) error {
	var undone, skipped int32
	var results iter.Seq2[*okrv1.UndoResult, error] = func(yield func(*okrv1.UndoResult, error) bool) {
		for {
			answer, err := c.UndoClientChanges(ctx, req)
			if err != nil {
				yield(nil, err)
				return
			}
			undone += answer.GetUndone()
			skipped += answer.GetSkipped()
			for _, result := range answer.GetResults() {
				if !yield(result, nil) {
					return
				}
			}
			if req.Continuation = answer.GetContinuation(); req.GetContinuation() == "" {
				return
			}
		}
	}
	err := list(a, results, 0, []column[*okrv1.UndoResult]{
		{"SEQ", func(r *okrv1.UndoResult) string { return strconv.FormatInt(r.GetSeq(), 10) }},
		{"WHAT", func(r *okrv1.UndoResult) string { return strings.ReplaceAll(word(r.GetKind()), "-", " ") }},
		{"ID", func(r *okrv1.UndoResult) string {
			if r.GetKeyResultId() != "" {
				return r.GetKeyResultId()
			}
			return r.GetObjectiveId()
		}},
		{"OUTCOME", func(r *okrv1.UndoResult) string { return became(r, req.GetPreview()) }},
	})
	done := "undone"
	if req.GetPreview() {
		done = "would be undone"
	}
	fmt.Fprintf(a.err, "%d %s, %d left as they are.\n", undone, done, skipped)
	return err
}

// became says what became of a change that was to be undone.
func became(r *okrv1.UndoResult, preview bool) string {
	switch r.GetOutcome() {
	case okrv1.UndoOutcome_UNDO_OUTCOME_UNDONE:
		if preview {
			return "would be undone"
		}
		return fmt.Sprintf("undone by %d", r.GetUndoneBySeq())
	case okrv1.UndoOutcome_UNDO_OUTCOME_ALREADY_UNDONE:
		return fmt.Sprintf("undone before, by %d", r.GetUndoneBySeq())
	case okrv1.UndoOutcome_UNDO_OUTCOME_CHANGED_SINCE:
		by := r.GetChangedSinceBy()
		if by == nil {
			return "stays: " + r.GetMessage()
		}
		return fmt.Sprintf("stays: %s has changed it since, by %d", memberName(by.GetDisplayName(), by.GetMemberId()), r.GetChangedSinceSeq())
	}
	return "stays: " + r.GetMessage()
}

func (a *app) agents() *cobra.Command {
	req := &okrv1.ListClientActivityRequest{}
	var limit int
	cmd := a.calling("agents", "List the applications that act for members, and how much each changed", cobra.NoArgs, func(cmd *cobra.Command, c *okrclient.Client, _ []string) error {
		req.PageSize = pageSize(limit)
		return list(a, c.ClientActivity(cmd.Context(), req), limit, []column[*okrv1.ClientActivity]{
			{"CLIENT ID", (*okrv1.ClientActivity).GetClientId},
			{"NAME", (*okrv1.ClientActivity).GetClientName},
			{"FOR", func(s *okrv1.ClientActivity) string {
				return memberName(s.GetMember().GetDisplayName(), s.GetMember().GetMemberId())
			}},
			{"OBJECTIVES", func(s *okrv1.ClientActivity) string { return changes(s.GetObjectives()) }},
			{"KEY RESULTS", func(s *okrv1.ClientActivity) string { return changes(s.GetKeyResults()) }},
			{"LAST USED", func(s *okrv1.ClientActivity) string { return clock(s.GetLastUseTime()) }},
		})
	})
	cmd.Long = `Lists the applications that changed something, and yours also when they only read. "okrctl undo --client" undoes what one did.`
	cmd.Flags().StringVar(&req.MemberId, "member", "", `only what was done for this member; "me" is you`)
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many; 0 is all")
	return cmd
}

// changes is how often something was changed, and when last.
func changes(n *okrv1.ActivityCount) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprintf("%d, last %s", n.GetChanges(), clock(n.GetLastTime()))
}
