package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/proto/okrclient"
)

// progressPause is the least time between two lines that say how far an import has come.
const progressPause = 2 * time.Second

func (a *app) export() *cobra.Command {
	var format, path string
	cmd := a.calling("export", "Write all objectives, key results and check-ins into a file", cobra.NoArgs,
		func(cmd *cobra.Command, c *okrclient.Client, _ []string) error {
			form, err := formatOf(format, path)
			if err != nil {
				return err
			}
			if path == "" {
				_, err := c.Export(cmd.Context(), form, a.asItIs())
				return err
			}
			return a.exportFile(cmd, c, form, path)
		})
	cmd.Long = `Writes all objectives that you may read, with their key results and check-ins. JSON and CSV can be imported; Markdown is for people.`
	cmd.Example = `  okrctl export --file okrs.json
  okrctl export --format markdown | less`
	cmd.Flags().StringVar(&format, "format", "", "json, csv or markdown; that of the file's name if there is none, else json")
	cmd.Flags().StringVar(&path, "file", "", "file to write; standard output if there is none")
	return cmd
}

// exportFile writes the file whole or not at all.
func (a *app) exportFile(cmd *cobra.Command, c *okrclient.Client, form okrv1.TransferFormat, path string) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".okrctl-*") // only its owner can read it
	if err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	objectives, err := c.Export(cmd.Context(), form, temporary)
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temporary.Name()) // what is left over says less than the error
		return err
	}
	fmt.Fprintf(a.err, "Exported %d objectives to %s\n", objectives, path)
	return nil
}

func (a *app) importing() *cobra.Command {
	var format string
	var dryRun bool
	cmd := a.calling("import FILE", "Create what a file has that an export wrote", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *okrclient.Client, args []string) error {
			if a.propose || a.try {
				return usagef("an import cannot be proposed; --dry-run tries it")
			}
			form, err := formatOf(format, args[0])
			if err != nil {
				return err
			}
			if form == okrv1.TransferFormat_TRANSFER_FORMAT_MARKDOWN {
				return usagef("Markdown is for people and cannot be imported")
			}
			file := a.in
			if args[0] != "-" {
				opened, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("opening the file: %w", err)
				}
				defer func() { _ = opened.Close() }() // it was only read
				file = opened
			}
			said := time.Now()
			total, err := c.Import(cmd.Context(), okrclient.Import{
				File: file, Format: form, DryRun: dryRun,
				Progress: func(p *okrv1.ImportProgress) {
					if time.Since(said) > progressPause {
						said = time.Now()
						fmt.Fprintf(a.err, "%d created, %d there already, %d failed so far\n", created(p), p.GetUnchanged(), p.GetFailed())
					}
				},
				Problem: func(p *okrv1.ImportProblem) { fmt.Fprintln(a.err, problem(p)) },
			})
			return errors.Join(a.imported(total, dryRun), err, rowsFailed(total))
		})
	cmd.Long = `Creates the objectives, key results and check-ins of a JSON or CSV file, with their ids. What is there already stays as it is, and
nothing is overwritten, so an import that was cut off is gone on with by running it again. Rows that cannot be imported are named
on standard error, and make the exit code 1; all others are imported.`
	cmd.Example = `  okrctl import okrs.json --dry-run
  okrctl import - --format csv < okrs.csv`
	cmd.Flags().StringVar(&format, "format", "", "json or csv; that of the file's name if there is none, else json")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "change nothing, only say what would be done")
	return cmd
}

// formatOf is the format that is asked for, or that of a file's name.
func formatOf(flag, path string) (okrv1.TransferFormat, error) {
	if flag != "" {
		return parseWord[okrv1.TransferFormat]("format", flag)
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv":
		return okrv1.TransferFormat_TRANSFER_FORMAT_CSV, nil
	case ".md":
		return okrv1.TransferFormat_TRANSFER_FORMAT_MARKDOWN, nil
	default:
		return okrv1.TransferFormat_TRANSFER_FORMAT_JSON, nil
	}
}

func created(p *okrv1.ImportProgress) int32 {
	return p.GetObjectivesCreated() + p.GetKeyResultsCreated() + p.GetCheckInsCreated()
}

// imported says what has come of an import.
func (a *app) imported(p *okrv1.ImportProgress, dryRun bool) error {
	if a.output == outputJSON {
		return a.json(p)
	}
	did := "Created"
	if dryRun {
		did = "Would create"
	}
	_, err := fmt.Fprintf(a.out, "%s %d objectives, %d key results and %d check-ins; %d are there already, %d failed\n",
		did, p.GetObjectivesCreated(), p.GetKeyResultsCreated(), p.GetCheckInsCreated(), p.GetUnchanged(), p.GetFailed())
	return err
}

func rowsFailed(p *okrv1.ImportProgress) error {
	if p.GetFailed() == 0 {
		return nil
	}
	return errors.New("some rows were not imported")
}

// problem is what is wrong with a row, on one line.
func problem(p *okrv1.ImportProblem) string {
	parts := []string{p.GetRow()}
	for _, part := range []string{p.GetId(), p.GetField(), p.GetMessage()} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return oneLine(strings.Join(parts, ": "))
}
