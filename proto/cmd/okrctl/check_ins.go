package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/proto/okrclient"
)

func (a *app) checkIn() *cobra.Command {
	in, w := &okrv1.CheckIn{}, write{}
	var confidence string
	var evidence []string
	cmd := a.calling("checkin KEY_RESULT_ID [VALUE]", "Report how a key result is going", cobra.RangeArgs(1, 2),
		func(cmd *cobra.Command, c *okrclient.Client, args []string) (err error) {
			if len(args) > 1 {
				in.Value = milestoneValue(args[1])
			}
			if in.Confidence, err = parseWord[okrv1.Confidence]("confidence", confidence); err != nil {
				return err
			}
			if in.GetValue() == "" && in.GetNote() == "" && confidence == "" {
				return usagef("there is nothing to report: give a value, a confidence or a note")
			}
			for _, url := range evidence {
				in.Evidence = append(in.GetEvidence(), &okrv1.Evidence{Url: url})
			}
			made, err := c.CreateCheckIn(cmd.Context(), &okrv1.CreateCheckInRequest{KeyResultId: args[0], CheckIn: in, Etag: w.etag, RequestId: w.requestID})
			if err != nil {
				return err
			}
			if a.output == outputJSON {
				return a.json(made)
			}
			fmt.Fprintf(a.out, "Checked in %s: %s → %s, %s\n", made.GetKeyResultId(), made.GetPreviousValue(), made.GetValue(), percent(made.Attainment, nil))
			return nil
		})
	cmd.Long = `Reports the value that a key result has come to, how confident you are, what happened, or all of it. A milestone takes "done" and
"open". Check-ins are added to the history and never changed.`
	cmd.Example = `  okrctl checkin kr_06C1M8NSRT4E2 12.5 --confidence at-risk --note "Two left in August" --evidence https://crm.example/q3
  okrctl checkin kr_06C1M8NSRT4E2 -- -3     # a value below zero comes after two dashes`
	flags := cmd.Flags()
	flags.StringVarP(&confidence, "confidence", "c", "", strings.Join(words[okrv1.Confidence](), ", "))
	flags.StringVarP(&in.Note, "note", "n", "", "what happened")
	flags.StringArrayVar(&evidence, "evidence", nil, "address where the value can be looked up; may come often")
	w.etagFlags(flags)
	return cmd
}

func milestoneValue(text string) string {
	switch text {
	case "done":
		return "100"
	case "open":
		return "0"
	}
	return text
}

func (a *app) checkIns() *cobra.Command {
	req := &okrv1.ListCheckInsRequest{}
	var limit int
	var oldest bool
	cmd := a.calling("checkins KEY_RESULT_ID", "List what was reported, newest first", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *okrclient.Client, args []string) error {
			req.KeyResultId = args[0]
			if oldest {
				req.OrderBy = "create_time"
			}
			req.PageSize = pageSize(limit)
			return list(a, c.CheckIns(cmd.Context(), req), limit, []column[*okrv1.CheckIn]{
				{"TIME", func(i *okrv1.CheckIn) string { return clock(i.GetCreateTime()) }},
				{"VALUE", (*okrv1.CheckIn).GetValue},
				{"ATTAINMENT", func(i *okrv1.CheckIn) string { return percent(i.Attainment, nil) }},
				{"CONFIDENCE", func(i *okrv1.CheckIn) string { return word(i.GetConfidence()) }},
				{"BY", func(i *okrv1.CheckIn) string {
					return memberName(i.GetAuthor().GetDisplayName(), i.GetAuthor().GetMemberId())
				}},
				{"THROUGH", func(i *okrv1.CheckIn) string { return through(i.GetVia()) }},
				{"NOTE", (*okrv1.CheckIn).GetNote},
				{"EVIDENCE", func(i *okrv1.CheckIn) string {
					urls := make([]string, len(i.GetEvidence()))
					for n, e := range i.GetEvidence() {
						urls[n] = e.GetUrl()
					}
					return strings.Join(urls, " ")
				}},
			})
		})
	cmd.Flags().BoolVar(&oldest, "oldest", false, "oldest first")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many; 0 is all")
	return cmd
}

func (a *app) mine() *cobra.Command {
	req := &okrv1.ListDueKeyResultsRequest{}
	var limit int
	cmd := a.calling("mine", "List the key results that you are to report on", cobra.NoArgs, func(cmd *cobra.Command, c *okrclient.Client, _ []string) error {
		req.PageSize = pageSize(limit)
		return list(a, c.DueKeyResults(cmd.Context(), req), limit, []column[*okrv1.DueKeyResult]{
			{"ID", func(d *okrv1.DueKeyResult) string { return d.GetKeyResult().GetId() }},
			{"TITLE", func(d *okrv1.DueKeyResult) string { return d.GetKeyResult().GetTitle() }},
			{"OBJECTIVE", (*okrv1.DueKeyResult).GetObjectiveTitle},
			{"ATTAINMENT", func(d *okrv1.DueKeyResult) string {
				return percent(d.GetKeyResult().Attainment, d.GetKeyResult().ExpectedAttainment)
			}},
			{"VALUE", func(d *okrv1.DueKeyResult) string { return value(d.GetKeyResult(), d.GetKeyResult().GetCurrentValue()) }},
			{"TARGET", func(d *okrv1.DueKeyResult) string { return value(d.GetKeyResult(), d.GetKeyResult().GetTargetValue()) }},
			{"STATUS", func(d *okrv1.DueKeyResult) string { return status(d.GetKeyResult()) }},
			{"LAST CHECK-IN", func(d *okrv1.DueKeyResult) string { return clock(d.GetKeyResult().GetLastCheckInTime()) }},
			{"UNCONFIRMED", func(d *okrv1.DueKeyResult) string { return unconfirmed(d.GetKeyResult()) }},
		})
	})
	cmd.Flags().StringVar(&req.OwnerId, "owner", "", "of another member")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many; 0 is all")
	return cmd
}
