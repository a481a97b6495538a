package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/proto/okrclient"
)

// usualChanges is how many changes are shown unless something else is asked for.
const usualChanges = 50

func (a *app) changes() *cobra.Command {
	req := &okrv1.ListChangesRequest{}
	var watch, oldest bool
	var limit int
	var surface, since, until string
	var kinds []string
	cmd := a.calling("changes", "Show who changed what, or watch it happen", cobra.NoArgs, func(cmd *cobra.Command, c *okrclient.Client, _ []string) (err error) {
		if req.Kinds, err = parseWords[okrv1.ChangeKind]("kind", kinds); err != nil {
			return err
		}
		if req.Surface, err = parseWord[accessv1.Surface]("surface", surface); err != nil {
			return err
		}
		if req.StartTime, err = parseTime("since", since); err != nil {
			return err
		}
		if req.EndTime, err = parseTime("until", until); err != nil {
			return err
		}
		if watch {
			if req.GetMemberId() == "me" || since != "" || until != "" || oldest || cmd.Flags().Changed("limit") {
				return usagef("--watch takes neither --since, --until, --oldest and --limit nor --member me")
			}
			return a.watch(cmd.Context(), c, req)
		}
		if !oldest && req.GetAfterCursor() == "" {
			req.OrderBy = "seq desc"
		}
		return a.listChanges(cmd.Context(), c, req, limit)
	})
	cmd.Long = `Shows the newest changes of the organization that you may read, or, with --watch, each change as it happens. A watch goes on after
lost connections and restarts of the server; Ctrl-C ends it. As JSON it writes one change a line, whose "cursor" is where --after goes on.`
	flags := cmd.Flags()
	flags.BoolVarP(&watch, "watch", "w", false, "show changes as they happen")
	flags.StringVar(&req.AfterCursor, "after", "", "only what came after this cursor, oldest first")
	flags.StringVar(&req.ObjectiveId, "objective", "", "only of this objective and its key results")
	flags.StringVar(&req.KeyResultId, "key-result", "", "only of this key result")
	flags.StringVar(&req.MemberId, "member", "", `only what this member did, or an agent for them; "me" is you`)
	flags.StringVar(&req.ClientId, "client", "", "only through the application with this client id")
	flags.StringVar(&surface, "surface", "", "only through this door: "+strings.Join(words[accessv1.Surface](), ", "))
	flags.StringSliceVar(&kinds, "kind", nil, "only of these kinds: "+strings.Join(words[okrv1.ChangeKind](), ", "))
	flags.StringVar(&since, "since", "", "only since a time, such as 2026-07-01, 2026-07-01T09:00:00Z or 24h (ago)")
	flags.StringVar(&until, "until", "", "only before a time")
	flags.BoolVar(&oldest, "oldest", false, "oldest first")
	flags.IntVar(&limit, "limit", usualChanges, "at most so many; 0 is all")
	return cmd
}

// history is a command that lists the changes of one resource.
func (a *app) history(use, short string, of func(id string) *okrv1.ListChangesRequest) *cobra.Command {
	var limit int
	cmd := a.calling(use, short, cobra.ExactArgs(1), func(cmd *cobra.Command, c *okrclient.Client, args []string) error {
		req := of(args[0])
		req.OrderBy = "seq desc"
		return a.listChanges(cmd.Context(), c, req, limit)
	})
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many; 0 is all")
	return cmd
}

func (a *app) listChanges(ctx context.Context, c *okrclient.Client, req *okrv1.ListChangesRequest, limit int) error {
	req.PageSize = pageSize(limit)
	return list(a, c.Changes(ctx, req), limit, []column[*okrv1.Change]{
		{"SEQ", func(c *okrv1.Change) string { return strconv.FormatInt(c.GetSeq(), 10) }},
		{"TIME", func(c *okrv1.Change) string { return clock(c.GetCreateTime()) }},
		{"WHO", actor},
		{"THROUGH", func(c *okrv1.Change) string { return through(c.GetVia()) }},
		{"WHAT", func(c *okrv1.Change) string { return strings.ReplaceAll(word(c.GetKind()), "-", " ") }},
		{"ID", func(c *okrv1.Change) string { id, _ := subject(c); return id }},
		{"TITLE", func(c *okrv1.Change) string { _, title := subject(c); return title }},
		{"DETAIL", detail},
	})
}

// watch writes changes as they happen, until it is interrupted.
func (a *app) watch(ctx context.Context, c *okrclient.Client, filter *okrv1.ListChangesRequest) error {
	begun := false
	for m, err := range c.Watch(ctx, filter.GetAfterCursor()) {
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		}
		if !begun {
			begun = true
			fmt.Fprintln(a.err, "Watching; Ctrl-C ends it.")
		}
		change := m.GetChange()
		if change == nil || !matches(change, filter) {
			continue
		}
		if a.output == outputJSON {
			err = a.jsonLine(change)
		} else {
			id, title := subject(change)
			_, err = fmt.Fprintln(a.out, strings.TrimSpace(oneLine(fmt.Sprintf("%s  %s (%s)  %s  %s  %q  %s", clock(change.GetCreateTime()), actor(change), through(change.GetVia()),
				strings.ReplaceAll(word(change.GetKind()), "-", " "), id, title, detail(change)))))
		}
		if err != nil {
			return fmt.Errorf("writing: %w", err)
		}
	}
	return nil
}

// matches applies to a watch the filters that lists have on the server.
func matches(c *okrv1.Change, filter *okrv1.ListChangesRequest) bool {
	objective, keyResult := resources(c)
	for _, f := range []struct{ want, got string }{
		{filter.GetObjectiveId(), objective},
		{filter.GetKeyResultId(), keyResult},
		{filter.GetMemberId(), c.GetActor().GetMemberId()},
		{filter.GetClientId(), c.GetVia().GetClientId()},
	} {
		if f.want != "" && f.want != f.got {
			return false
		}
	}
	return (filter.GetSurface() == 0 || filter.GetSurface() == c.GetVia().GetSurface()) &&
		(len(filter.GetKinds()) == 0 || slices.Contains(filter.GetKinds(), c.GetKind()))
}

// resources are the objective and the key result that a change is about.
func resources(c *okrv1.Change) (objective, keyResult string) {
	s := c.GetAfter()
	if s == nil {
		s = c.GetBefore()
	}
	if o := s.GetObjective(); o != nil {
		return o.GetId(), ""
	}
	return s.GetKeyResult().GetObjectiveId(), s.GetKeyResult().GetId()
}

// subject is what a change is about.
func subject(c *okrv1.Change) (id, called string) {
	called = title(c.GetAfter())
	if c.GetAfter() == nil {
		called = title(c.GetBefore())
	}
	objective, keyResult := resources(c)
	if keyResult != "" {
		return keyResult, called
	}
	return objective, called
}

func actor(c *okrv1.Change) string {
	return memberName(c.GetActor().GetDisplayName(), c.GetActor().GetMemberId())
}

// through is the door that somebody came through, and the application if it was one.
func through(v *okrv1.Via) string {
	door := strings.ToUpper(word(v.GetSurface()))
	if v.GetClientId() == "" {
		return door
	}
	return door + ", " + memberName(v.GetClientName(), v.GetClientId())
}

// detail is the gist of what is different now.
func detail(c *okrv1.Change) string {
	if in := c.GetCheckIn(); in != nil {
		k := c.GetAfter().GetKeyResult()
		text := value(k, in.GetPreviousValue()) + " → " + value(k, in.GetValue())
		if in.GetPreviousValue() == in.GetValue() {
			text = value(k, in.GetValue())
		}
		if w := word(in.GetConfidence()); w != "" {
			text += ", " + w
		}
		if in.GetNote() != "" {
			text += ": " + in.GetNote()
		}
		return text
	}
	if c.GetKind() == okrv1.ChangeKind_CHANGE_KIND_OBJECTIVE_CLOSED {
		o := c.GetAfter().GetObjective()
		return strings.TrimSuffix("score "+o.GetScore()+": "+o.GetClosingNote(), ": ")
	}
	if c.GetBefore() == nil || c.GetAfter() == nil {
		return ""
	}
	var changed []string
	if before := c.GetBefore().GetObjective(); before != nil {
		changed = differences(before, c.GetAfter().GetObjective(), "etag", "update_time", "updater")
	} else {
		changed = differences(c.GetBefore().GetKeyResult(), c.GetAfter().GetKeyResult(), "etag", "update_time", "updater")
	}
	return strings.Join(changed, ", ")
}
