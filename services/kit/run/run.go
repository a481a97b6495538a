// Package run is the frame of every program: configuration, signals, exit codes and the order of shutting down. It is
// the only place that ends a process.
package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// Exit codes of every program.
const (
	exitFailure = 1
	exitUsage   = 2
	exitSignal  = 130 // ended by a signal before its work was done, as shells say it of SIGINT
)

// gcPercent lets a heap grow by twice what is live in it before it is collected, where Go's default is once. What is live
// is some tens of megabytes in every box, and under load an eighth of the processor's time went into collecting it.
// GOGC and GOMEMLIMIT say otherwise where they are set.
const gcPercent = 200

// settled is when what a start has left behind is collected and given back to the system. Go does it by itself when two
// minutes have passed without a collection, and a box that few call would hold some megabytes until then.
const settled = 2 * time.Second

// version and revision are set by the linker, which nothing but a variable of a package can be told to set.
var version, revision = "dev", ""

// Version is the version of the program that runs, as it was built: "dev" where nobody named one.
func Version() string { return version }

// about describes the program that runs: its version, the revision of its source, and what it was built by and for.
func about(name string) string {
	source := revision
	if info, ok := debug.ReadBuildInfo(); ok && source == "" {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" { // a build in a clone of the repository
				source = setting.Value
			}
		}
	}
	if source == "" {
		source = "unknown"
	}
	return fmt.Sprintf("%s %s (revision %s, %s, %s/%s)", name, version, source, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// ErrUsage marks errors of the command line: the program exits with 2 instead of 1.
var ErrUsage = errors.New("usage")

// Command is a subcommand beside serving.
type Command struct {
	// Name is the first word of the command line.
	Name string
	// Summary says in one line what the command does.
	Summary string
	// Run does it. ctx ends with SIGINT or SIGTERM.
	Run func(ctx context.Context, args []string, stdio Stdio) error
}

// Stdio is what a command reads from and writes to.
type Stdio struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs a program: without arguments it loads the configuration and serves until SIGINT or SIGTERM; with one it runs
// that command. A second signal ends the process at once. Main does not return.
func Main[C any](name string, serve func(context.Context, C) error, commands ...Command) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		<-signals
		os.Exit(exitSignal)
	}()
	stdio := Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	code := dispatch(ctx, name, os.Args[1:], stdio, func(ctx context.Context) error {
		c, err := config.Load[C]()
		if err != nil {
			return fmt.Errorf("%w: the configuration has mistakes:\n%w", ErrUsage, err)
		}
		defer time.AfterFunc(settled, debug.FreeOSMemory).Stop()
		return serve(ctx, c)
	}, append(commands, configCommand[C]()))
	stop()
	os.Exit(code)
}

// dispatch runs what the arguments ask for and answers the exit code.
func dispatch(ctx context.Context, name string, args []string, stdio Stdio, serve func(context.Context) error, commands []Command) int {
	serves := len(args) == 0
	err := func() error {
		if serves {
			return serve(ctx)
		}
		for _, c := range commands {
			if c.Name == args[0] {
				return c.Run(ctx, args[1:], stdio)
			}
		}
		switch args[0] {
		case "version":
			fmt.Fprintln(stdio.Out, about(name))
			return nil
		case "help", "-h", "-help", "--help":
			usage(stdio.Out, name, commands)
			return nil
		}
		usage(stdio.Err, name, commands)
		return fmt.Errorf("%w: there is no command %q", ErrUsage, args[0])
	}()
	_ = telemetry.Flush() // there is nowhere to say that the log cannot be written
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled) && ctx.Err() != nil && serves:
		return 0 // stopped as asked
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintf(stdio.Err, "%s: interrupted: %v\n", name, err)
		return exitSignal // a script must not go on as if the work were done
	case errors.Is(err, ErrUsage):
		fmt.Fprintf(stdio.Err, "%s: %v\n", name, err)
		return exitUsage
	default:
		fmt.Fprintf(stdio.Err, "%s: %v\n", name, err)
		return exitFailure
	}
}

// configCommand shows what the program would serve with, and every mistake in it.
func configCommand[C any]() Command {
	return Command{
		Name: "config", Summary: "print the settings in effect, secrets hidden, and every mistake in them",
		Run: func(_ context.Context, args []string, stdio Stdio) error {
			if len(args) > 0 {
				return fmt.Errorf("%w: config takes no arguments", ErrUsage)
			}
			c, mistakes := config.Load[C]()
			if err := config.Write(stdio.Out, c); err != nil {
				return fmt.Errorf("printing the settings: %w", err)
			}
			if mistakes != nil {
				return fmt.Errorf("%w: the configuration has mistakes:\n%w", ErrUsage, mistakes)
			}
			return nil
		},
	}
}

func usage(w io.Writer, name string, commands []Command) {
	fmt.Fprintf(w, "usage: %s              serve, with settings from the environment\n", name)
	fmt.Fprintf(w, "       %s version      print the version\n", name)
	for _, c := range commands {
		fmt.Fprintf(w, "       %s %-12s %s\n", name, c.Name, c.Summary)
	}
}
