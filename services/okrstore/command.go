package okrstore

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/backup"
)

// Commands are the subcommands that care for the data.
func Commands() []run.Command {
	return []run.Command{
		backupCommand(), restoreCommand(), checkCommand(), verifyCommand(), compactCommand(), organizationCommand(), migrateCommand(),
	}
}

// flags are the flags of a subcommand. They may stand before and behind its other arguments.
type flags struct {
	*flag.FlagSet
	usage       string
	positionals []string
}

// newFlags starts with the usage, which follows the name of the program, and paragraphs that say more.
func newFlags(usage string, stdio run.Stdio, more ...string) *flags {
	name, _, _ := strings.Cut(usage, " ")
	f := &flags{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError), usage: usage}
	f.SetOutput(stdio.Err)
	f.Usage = func() {
		fmt.Fprintf(stdio.Err, "usage: okrstore %s\n", usage)
		for _, paragraph := range more {
			fmt.Fprintf(stdio.Err, "\n%s\n", paragraph)
		}
		fmt.Fprintln(stdio.Err)
		f.PrintDefaults()
	}
	return f
}

// parse reads the arguments, of which at most so many are no flags. done says that help was asked for and given.
func (f *flags) parse(args []string, most int) (done bool, err error) {
	for {
		switch err := f.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			return true, nil
		case err != nil:
			return false, fmt.Errorf("%w: %w", run.ErrUsage, err)
		case f.NArg() == 0 && len(f.positionals) > most:
			return false, f.misuse()
		case f.NArg() == 0:
			return false, nil
		}
		f.positionals = append(f.positionals, f.Arg(0))
		args = f.Args()[1:]
	}
}

func (f *flags) misuse() error { return fmt.Errorf("%w: okrstore %s", run.ErrUsage, f.usage) }

// positional is the argument at a position that is no flag; empty when there are not so many.
func (f *flags) positional(n int) string {
	if n < len(f.positionals) {
		return f.positionals[n]
	}
	return ""
}

// file is the argument at a position, or else the store file that the configuration names.
func (f *flags) file(n int) (string, error) {
	if path := f.positional(n); path != "" {
		return path, nil
	}
	c, err := loadConfig()
	return c.path(), err
}

// socket adds the flag that names the Unix socket of a running store.
func (f *flags) socket() *string {
	return f.String("socket", "", "the Unix `socket` of the running store; OKR_STORE_SOCKET if it is not given")
}

func loadConfig() (Config, error) {
	c, err := config.Load[Config]()
	if err != nil {
		return c, fmt.Errorf("%w: the configuration has mistakes:\n%w", run.ErrUsage, err)
	}
	return c, nil
}

// progressInterval is the time between two lines about the same stage of long work.
const progressInterval = 2 * time.Second

// progress prints how far long work is: nothing of what is done at once.
func progress(w io.Writer) backup.Progress {
	start, stage := time.Now(), ""
	told := start
	return func(at string, done, total int64) {
		now := time.Now()
		if now.Sub(told) < progressInterval && (at == stage || now.Sub(start) < progressInterval) {
			return
		}
		told, stage = now, at
		amount := func(n int64) string {
			if at == "deleting" || at == "checking records" {
				return fmt.Sprint(n, " records")
			}
			return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
		}
		switch {
		case total > 0:
			fmt.Fprintf(w, "%s: %s of %s\n", at, amount(done), amount(total))
		case done > 0:
			fmt.Fprintf(w, "%s: %s\n", at, amount(done))
		default:
			fmt.Fprintln(w, at)
		}
	}
}
