package main

import (
	"fmt"
	"iter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/proto"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/proto/okrclient"
)

func (a *app) keyResults() *cobra.Command {
	return group("key-results", "List, read and change key results", []string{"key-result", "kr"},
		a.listKeyResults(), a.getKeyResult(), a.createKeyResult(), a.updateKeyResult(), a.deleteKeyResult(), a.checkIns(),
		a.history("history KEY_RESULT_ID", "Show what was done to a key result", func(id string) *okrv1.ListChangesRequest {
			return &okrv1.ListChangesRequest{KeyResultId: id}
		}),
	)
}

func keyResultColumns() []column[*okrv1.KeyResult] {
	return []column[*okrv1.KeyResult]{
		{"ID", (*okrv1.KeyResult).GetId},
		{"TITLE", (*okrv1.KeyResult).GetTitle},
		{"ATTAINMENT", func(k *okrv1.KeyResult) string { return percent(k.Attainment, k.ExpectedAttainment) }},
		{"VALUE", func(k *okrv1.KeyResult) string { return value(k, k.GetCurrentValue()) }},
		{"TARGET", func(k *okrv1.KeyResult) string { return value(k, k.GetTargetValue()) }},
		{"STATUS", status},
		{"LAST CHECK-IN", func(k *okrv1.KeyResult) string { return clock(k.GetLastCheckInTime()) }},
		{"UNCONFIRMED", unconfirmed},
		{"OWNER", (*okrv1.KeyResult).GetOwnerId},
	}
}

func (a *app) listKeyResults() *cobra.Command {
	req := &okrv1.ListKeyResultsRequest{}
	var limit int
	cmd := a.calling("list", "List key results", cobra.NoArgs, func(cmd *cobra.Command, c *okrclient.Client, _ []string) error {
		req.PageSize = pageSize(limit)
		columns := append([]column[*okrv1.KeyResult]{{"OBJECTIVE", (*okrv1.KeyResult).GetObjectiveId}}, keyResultColumns()...)
		return list(a, c.KeyResults(cmd.Context(), req), limit, columns)
	})
	cmd.Flags().StringVar(&req.ObjectiveId, "objective", "", "only of this objective; of all that are not archived if there is none")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many; 0 is all")
	return cmd
}

func (a *app) getKeyResult() *cobra.Command {
	return a.calling("get KEY_RESULT_ID", "Show a key result", cobra.ExactArgs(1), func(cmd *cobra.Command, c *okrclient.Client, args []string) error {
		k, err := c.GetKeyResult(cmd.Context(), &okrv1.GetKeyResultRequest{KeyResultId: args[0]})
		if err != nil {
			return err
		}
		if a.output == outputJSON {
			return a.json(k)
		}
		return a.details([][2]string{
			{"Key result", k.GetId()},
			{"Objective", k.GetObjectiveId()},
			{"Title", k.GetTitle()},
			{"Kind", word(k.GetKind())},
			{"Attainment", percent(k.Attainment, k.ExpectedAttainment)},
			{"Value", fmt.Sprintf("%s, from %s to %s", value(k, k.GetCurrentValue()), value(k, k.GetStartValue()), value(k, k.GetTargetValue()))},
			{"Weight", fmt.Sprint(max(1, k.GetWeight()))},
			{"Status", status(k)},
			{"Check-ins", fmt.Sprint(k.GetCheckInCount())},
			{"Last check-in", clock(k.GetLastCheckInTime())},
			{"Unconfirmed", unconfirmed(k)},
			{"Owner", k.GetOwnerId()},
			{"Created", clock(k.GetCreateTime()) + " by " + memberName(k.GetCreator().GetDisplayName(), k.GetCreator().GetMemberId())},
			{"Changed", clock(k.GetUpdateTime()) + " by " + memberName(k.GetUpdater().GetDisplayName(), k.GetUpdater().GetMemberId())},
			{"Etag", k.GetEtag()},
		})
	})
}

// measure is what says how a key result is measured, as flags give it.
type measure struct {
	format string
	weight int32
}

func (m *measure) flags(flags *pflag.FlagSet, k *okrv1.KeyResult) {
	flags.StringVar(&k.OwnerId, "owner", "", `member who reports on it; "me" is you; the objective's owner if there is none`)
	flags.StringVar(&k.StartValue, "start", "", "value at the start; 0 if there is none")
	flags.StringVar(&k.TargetValue, "target", "", "value to reach; 100 if there is none")
	flags.StringVar(&k.Unit, "unit", "", "what is counted, or the currency")
	flags.StringVar(&m.format, "format", "", "percent, number or currency")
	flags.Int32Var(&m.weight, "weight", 0, "how much it counts beside the others, 1 to 100")
}

func (m *measure) apply(k *okrv1.KeyResult) (err error) {
	if m.weight != 0 {
		k.Weight = &m.weight
	}
	k.Format, err = parseWord[okrv1.ValueFormat]("format", m.format)
	return err
}

func (a *app) createKeyResult() *cobra.Command {
	k, m, w := &okrv1.KeyResult{}, measure{}, write{}
	var milestone bool
	cmd := a.calling("create OBJECTIVE_ID TITLE", "Create a key result", cobra.ExactArgs(2), func(cmd *cobra.Command, c *okrclient.Client, args []string) error {
		k.Title = args[1]
		if milestone {
			k.Kind = okrv1.KeyResultKind_KEY_RESULT_KIND_MILESTONE
		}
		if err := m.apply(k); err != nil {
			return err
		}
		created, err := c.CreateKeyResult(cmd.Context(), &okrv1.CreateKeyResultRequest{ObjectiveId: args[0], KeyResult: k, RequestId: w.requestID})
		if err != nil {
			return err
		}
		return a.done(created, created.GetId(), "Created")
	})
	cmd.Example = `  okrctl key-results create okr_06C1M8NSRT4E2 "Sign up 40 teams" --target 40 --unit teams
  okrctl key-results create okr_06C1M8NSRT4E2 "Cut the response time" --start 900 --target 300 --unit ms
  okrctl key-results create okr_06C1M8NSRT4E2 "Pass the audit" --milestone`
	cmd.Flags().BoolVar(&milestone, "milestone", false, "done or not, instead of a number")
	m.flags(cmd.Flags(), k)
	w.flags(cmd.Flags())
	return cmd
}

func (a *app) updateKeyResult() *cobra.Command {
	k, m, w := &okrv1.KeyResult{}, measure{}, write{}
	cmd := a.calling("update KEY_RESULT_ID", "Change the fields of a key result that are given", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *okrclient.Client, args []string) error {
			mask, err := maskOf(cmd.Flags(), map[string]string{
				"title": "title", "owner": "owner_id", "start": "start_value", "target": "target_value", "unit": "unit", "format": "format", "weight": "weight",
			})
			if err != nil {
				return err
			}
			if err := m.apply(k); err != nil {
				return err
			}
			k.Id, k.Etag = args[0], w.etag
			updated, err := c.UpdateKeyResult(cmd.Context(), &okrv1.UpdateKeyResultRequest{KeyResult: k, UpdateMask: mask, RequestId: w.requestID})
			if err != nil {
				return err
			}
			return a.done(updated, updated.GetId(), "Changed")
		})
	cmd.Long = `Changes the fields of a key result that are given; a field that is given as "" is emptied. "okrctl checkin" reports a value.`
	cmd.Flags().StringVar(&k.Title, "title", "", "one line of text")
	m.flags(cmd.Flags(), k)
	w.etagFlags(cmd.Flags())
	return cmd
}

func (a *app) deleteKeyResult() *cobra.Command {
	var yes bool
	w := write{}
	cmd := a.calling("delete KEY_RESULT_ID", "Delete a key result", cobra.ExactArgs(1), func(cmd *cobra.Command, c *okrclient.Client, args []string) error {
		if err := a.confirm(yes, fmt.Sprintf("Delete %s?", oneLine(args[0]))); err != nil {
			return err
		}
		if _, err := c.DeleteKeyResult(cmd.Context(), &okrv1.DeleteKeyResultRequest{KeyResultId: args[0], Etag: w.etag, RequestId: w.requestID}); err != nil {
			return err
		}
		return a.deleted(args[0])
	})
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	w.etagFlags(cmd.Flags())
	return cmd
}

// done says what a write has come to: the resource as JSON, or its id, which is what the next command needs.
func (a *app) done(resource proto.Message, id, what string) error {
	if a.output == outputJSON {
		return a.json(resource)
	}
	fmt.Fprintf(a.out, "%s %s\n", what, id)
	return nil
}

// deleted says that something is gone.
func (a *app) deleted(id string) error {
	if a.output == outputJSON {
		_, err := fmt.Fprintln(a.out, "{}")
		return err
	}
	fmt.Fprintf(a.out, "Deleted %s\n", oneLine(id))
	return nil
}

// each goes through a slice as if it came in pages.
func each[E any](elements []E) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		for _, element := range elements {
			if !yield(element, nil) {
				return
			}
		}
	}
}
