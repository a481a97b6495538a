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
	"syscall"

	"github.com/df0f9dda/okr-manager/services/kit/config"
)

// Exit codes of every program.
const (
	exitFailure   = 1
	exitUsage     = 2
	exitImpatient = 130 // ended by a second signal, as shells say it of SIGINT
)

// version is set by the linker, which nothing but a variable of a package can be told to set.
var version = "dev"

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
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		<-signals
		os.Exit(exitImpatient)
	}()
	stdio := Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	code := dispatch(ctx, name, os.Args[1:], stdio, func(ctx context.Context) error {
		c, err := config.Load[C]()
		if err != nil {
			return fmt.Errorf("%w: the configuration has mistakes:\n%w", ErrUsage, err)
		}
		return serve(ctx, c)
	}, commands)
	stop()
	os.Exit(code)
}

// dispatch runs what the arguments ask for and answers the exit code.
func dispatch(ctx context.Context, name string, args []string, stdio Stdio, serve func(context.Context) error, commands []Command) int {
	err := func() error {
		if len(args) == 0 {
			return serve(ctx)
		}
		for _, c := range commands {
			if c.Name == args[0] {
				return c.Run(ctx, args[1:], stdio)
			}
		}
		switch args[0] {
		case "version":
			fmt.Fprintf(stdio.Out, "%s %s (%s)\n", name, version, runtime.Version())
			return nil
		case "help", "-h", "-help", "--help":
			usage(stdio.Out, name, commands)
			return nil
		}
		usage(stdio.Err, name, commands)
		return fmt.Errorf("%w: there is no command %q", ErrUsage, args[0])
	}()
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return 0 // stopped as asked
	case errors.Is(err, ErrUsage):
		fmt.Fprintf(stdio.Err, "%s: %v\n", name, err)
		return exitUsage
	default:
		fmt.Fprintf(stdio.Err, "%s: %v\n", name, err)
		return exitFailure
	}
}

func usage(w io.Writer, name string, commands []Command) {
	fmt.Fprintf(w, "usage: %s            serve, with settings from the environment\n", name)
	fmt.Fprintf(w, "       %s version    print the version\n", name)
	for _, c := range commands {
		fmt.Fprintf(w, "       %s %-10s %s\n", name, c.Name, c.Summary)
	}
}
