package okrstore

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/backup"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/control"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/disk"
)

const backupUsage = "backup [-socket PATH] [-to FILE | -keep | > FILE]"

// backupCommand is the subcommand that has the running store make a backup.
func backupCommand() run.Command {
	return run.Command{Name: "backup", Summary: "have the running store make a backup, into a file or to standard output", Run: makeBackup}
}

func makeBackup(ctx context.Context, args []string, stdio run.Stdio) error {
	f := newFlags(backupUsage, stdio,
		"The store writes the backup to its own disk first and checks it: what arrives was found good. In a file it stands when all\n"+
			"of it has arrived; whoever reads standard output has to look at the exit code.")
	socket := f.socket()
	to := f.String("to", "", "write the backup into this `file`, in the place of what is there")
	keep := f.Bool("keep", false, "keep it where the store keeps the scheduled ones, see OKR_STORE_BACKUP_DIR")
	if done, err := f.parse(args, 0); done || err != nil {
		return err
	}
	if *to != "" && *keep {
		return f.misuse()
	}
	path, err := socketPath(*socket)
	if err != nil {
		return err
	}
	if path == "" {
		return fmt.Errorf("%w: name the store's Unix socket by -socket or OKR_STORE_SOCKET", run.ErrUsage)
	}
	client := control.NewClient(path, progress(stdio.Err))
	switch {
	case *keep:
		made, err := client.Keep(ctx)
		if err == nil {
			fmt.Fprintf(stdio.Err, "%s: %d bytes; %s\n", made.Path, made.Bytes, made.Summary)
		}
		return err
	case *to == "" && isTerminal(stdio.Out):
		return fmt.Errorf("%w: a backup is nothing for a terminal: name a file by -to, or redirect standard output", run.ErrUsage)
	case *to == "":
		summary, err := client.Backup(ctx, stdio.Out)
		if err == nil {
			fmt.Fprintln(stdio.Err, summary)
		}
		return err
	}
	return fetch(ctx, client, *to, stdio.Err)
}

// fetch writes a backup into a file, which is there when it is complete.
func fetch(ctx context.Context, client *control.Client, path string, out io.Writer) error {
	var summary string
	fill := func(file *os.File) (err error) {
		summary, err = client.Backup(ctx, file)
		return err
	}
	check := func(temporary string) error { return backup.CheckSeal(ctx, temporary, progress(out)) }
	if err := disk.Place(ctx, path, fill, check); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %s\n", path, summary)
	return nil
}

// socketPath is the Unix socket that was named, or else that of the configuration.
func socketPath(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	c, err := loadConfig()
	return c.Socket, err
}

// isTerminal reports whether somebody would look at what is written. What is not is a file, a pipe or /dev/null.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
