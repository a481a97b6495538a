package okrstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/api"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
)

// verifyCommand is the subcommand that checks the change logs of a store file which no okr-store has open, or of a backup.
// It changes nothing.
func verifyCommand() run.Command {
	return run.Command{
		Name:    "verify",
		Summary: "check that the change logs in a stopped store's file, or in a backup, are what was written",
		Run:     verify,
	}
}

const verifyUsage = "verify [-expect-head organization=sequence:hash]... [file]"

// errNotVerified says that a log is not what was written. What is wrong was printed.
var errNotVerified = errors.New("verification failed")

func verify(ctx context.Context, args []string, stdio run.Stdio) error {
	expected := expectedHeads{}
	flags := newFlags(verifyUsage, stdio)
	flags.Var(expected, "expect-head", "a `head` that the log of an organization had, as organization=sequence:hash; may be repeated")
	if done, err := flags.parse(args, 1); done || err != nil {
		return err
	}
	path, err := flags.file(0)
	if err != nil {
		return err
	}
	return verifyFile(ctx, path, expected, stdio.Out)
}

// verifyFile checks all organizations of a file and prints a line for each.
func verifyFile(ctx context.Context, path string, expected expectedHeads, out io.Writer) error {
	var organizations int
	var changes int64
	failed := false
	report := func(organization string, v api.Verification) {
		organizations++
		changes += v.Checked
		if v.Broken != nil {
			failed = true
			fmt.Fprintf(out, "%s: %v (%d changes before it are as written)\n", organization, v.Broken, v.Checked)
			return
		}
		fmt.Fprintf(out, "%s: %d changes, head %s\n", organization, v.Checked, v.Head)
	}
	missing := maps.Clone(expected)
	err := boltengine.Examine(ctx, boltengine.Config{Path: path, Upgrades: api.Upgrades()},
		func(organization string, tx storage.Tx) error {
			deleted, err := api.DeleteTime(tx)
			if err == nil && !deleted.IsZero() {
				if len(expected[organization]) == 0 {
					organizations++
				}
				fmt.Fprintf(out, "%s: deleted at %s\n", organization, deleted.UTC().Format(time.RFC3339))
				return nil // whoever expects a head of it is told below that it is missing
			}
			v, err := api.Verify(tx, expected[organization])
			if err != nil {
				return fmt.Errorf("verifying the change log of %s: %w", organization, err)
			}
			delete(missing, organization)
			report(organization, v)
			return nil
		})
	if err != nil {
		return err
	}
	for _, organization := range slices.Sorted(maps.Keys(missing)) {
		report(organization, api.VerifyNothing(missing[organization]))
	}
	fmt.Fprintf(out, "checked %d changes of %d organizations in %s\n", changes, organizations, path)
	if failed {
		return errNotVerified
	}
	return nil
}

// expectedHeads are heads by organization, given as flags.
type expectedHeads map[string][]api.Head

// String implements flag.Value; there is no default to print.
func (expectedHeads) String() string { return "" }

// Set implements flag.Value.
func (e expectedHeads) Set(text string) error {
	organization, head, found := strings.Cut(text, "=")
	if !found || organization == "" {
		return errors.New("it is not of the form organization=sequence:hash")
	}
	h, err := api.ParseHead(head)
	if err != nil {
		return err
	}
	e[organization] = append(e[organization], h)
	return nil
}
