package okrstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/backup"
)

const restoreUsage = "restore [-replace] [-unsealed] BACKUP|- [STORE-FILE]"

// restoreCommand is the subcommand that brings a backup back.
func restoreCommand() run.Command {
	return run.Command{Name: "restore", Summary: "make a store file of a backup, while okr-store is stopped", Run: restore}
}

func restore(ctx context.Context, args []string, stdio run.Stdio) error {
	f := newFlags(restoreUsage, stdio,
		"BACKUP is a file, or - for standard input. STORE-FILE is okr.db in OKR_DATA_DIR, or OKR_STORE_PATH, if it is not named.\n"+
			"Nothing is changed before the whole backup was found good. A store file that is there is put aside under another name.\n"+
			"Who follows changes is told to list everything again.")
	replace := f.Bool("replace", false, "put aside a store file also if it holds data or cannot be read")
	unsealed := f.Bool("unsealed", false, "take a file without the seal of a backup, such as the copy of a stopped store's file, or with one\n"+
		"that does not fit; everything else is still checked")
	if done, err := f.parse(args, 2); done || err != nil {
		return err
	}
	from := f.positional(0)
	if from == "" {
		return f.misuse()
	}
	to, err := f.file(1)
	if err != nil {
		return err
	}
	if resolved, err := filepath.EvalSymlinks(to); err == nil {
		to = resolved
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	content := stdio.In
	if from != "-" {
		file, err := os.Open(from)
		if err != nil {
			return fmt.Errorf("opening the backup: %w", err)
		}
		defer func() { _ = file.Close() }() // it is only read
		content = file
	}
	return restoreFrom(ctx, backup.Restoration{
		From: content, To: to, Replace: *replace, Unsealed: *unsealed, Now: time.Now(), Progress: progress(stdio.Err),
	}, stdio.Err)
}

func restoreFrom(ctx context.Context, r backup.Restoration, out io.Writer) error {
	done, err := r.Restore(ctx)
	switch {
	case errors.Is(err, backup.ErrNotEmpty):
		return fmt.Errorf("%w: nothing was changed; -replace puts it aside", err)
	case errors.Is(err, backup.ErrSeal) && !r.Unsealed:
		return fmt.Errorf("%w: nothing was changed; -unsealed takes it all the same, if everything else is in order", err)
	case err != nil:
		return fmt.Errorf("nothing was changed: %w", err)
	}
	fmt.Fprintf(out, "restored %s: %s\n", r.To, done.Summary)
	if done.Aside != "" {
		fmt.Fprintf(out, "what was there before is now %s\n", done.Aside)
	}
	return nil
}
