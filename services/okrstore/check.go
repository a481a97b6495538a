package okrstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/api"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/backup"
)

const (
	checkUsage   = "check [file]"
	compactUsage = "compact [file]"
)

// checkCommand is the subcommand that reads everything in a file and says what is wrong.
func checkCommand() run.Command {
	return run.Command{Name: "check", Summary: "check every page and record in a stopped store's file, or in a backup", Run: check}
}

func check(ctx context.Context, args []string, stdio run.Stdio) error {
	f := newFlags(checkUsage, stdio,
		"Pages, checksums, the meaning of every record, counters, indexes and the chain of the change logs. The file is that of the\n"+
			"configuration if none is named. Nothing is changed.")
	if done, err := f.parse(args, 1); done || err != nil {
		return err
	}
	path, err := f.file(0)
	if err != nil {
		return err
	}
	told := progress(stdio.Err)
	sealed := "sealed as it was made"
	switch err := backup.CheckSeal(ctx, path, told); {
	case errors.Is(err, backup.ErrUnsealed):
		sealed = "no backup, or one that was cut off: it has no seal"
	case err != nil:
		return err
	}
	found, err := backup.Examine(ctx, path, told, func(organization string, c api.Checked) {
		if !c.DeleteTime.IsZero() {
			fmt.Fprintf(stdio.Out, "%s: deleted at %s, %d records left\n", organization, c.DeleteTime.UTC().Format(time.RFC3339), c.Records-1)
		} else {
			fmt.Fprintf(stdio.Out, "%s: %d objectives, %d key results, %d check-ins, %d changes, head %s\n",
				organization, c.Objectives, c.KeyResults, c.CheckIns, c.Changes, c.Head)
		}
		for _, problem := range c.Problems {
			fmt.Fprintf(stdio.Out, "%s: PROBLEM: %s\n", organization, problem)
		}
		if more := c.Found - int64(len(c.Problems)); more > 0 {
			fmt.Fprintf(stdio.Out, "%s: and %d problems more\n", organization, more)
		}
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdio.Out, "%s is in order (%s): %s\n", path, sealed, found)
	return nil
}

// compactCommand is the subcommand that takes the free space out of a file.
func compactCommand() run.Command {
	return run.Command{Name: "compact", Summary: "write a stopped store's file, or a backup, anew without its free space", Run: compact}
}

func compact(ctx context.Context, args []string, stdio run.Stdio) error {
	f := newFlags(compactUsage, stdio,
		"What was deleted can be read in the free space of a file until that is used again; afterwards it is gone. The new file takes\n"+
			"the place of the old one when it was found to hold the same; until then there has to be room for both.")
	if done, err := f.parse(args, 1); done || err != nil {
		return err
	}
	path, err := f.file(0)
	if err != nil {
		return err
	}
	done, err := backup.Compact(ctx, path, progress(stdio.Err))
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	fmt.Fprintf(stdio.Out, "%s: %d bytes, %d fewer than before; %s\n", path, done.After, done.Before-done.After, done.Summary)
	return nil
}
