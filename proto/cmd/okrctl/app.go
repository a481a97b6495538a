package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/proto/okrclient"
	"github.com/df0f9dda/okr-manager/proto/okrclient/signin"
)

// Exit codes.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 130 // as shells say it of SIGINT
)

const overview = `okrctl is OKR Manager on the command line. It talks gRPC to okr-store with your own permissions.

Sign in once; the browser opens for it, and the sign-in lasts for months:

  okrctl login
  okrctl objectives list
  okrctl checkin kr_06C1M8NSRT4E2 12.5 --confidence on-track --note "Two more signed"
  okrctl changes --watch
  okrctl undo 4711 --preview

Another tool that speaks gRPC gets an access token, good for up to an hour, from "okrctl token":

  grpcurl -plaintext -H "authorization: Bearer $(okrctl token)" localhost:9001 okr.v1.OkrService/ListObjectives

Environment (flags stand over it):
  OKR_PUBLIC_URL  the public address, where people sign in
  OKR_STORE_ADDR  the gRPC address of okr-store
  OKR_PLAINTEXT   "true" to speak to another machine unencrypted
  OKR_TOKEN       an access token to use instead of a sign-in, for programs
  OKR_OUTPUT      table or json

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. Interrupting a watch is how it ends: 0.`

// terminal is the surroundings of a command.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	// open shows an address in a browser.
	open func(ctx context.Context, address string) error
}

// app is one run of the program: what the global flags say, and what follows from it.
type app struct {
	terminal

	server, store, output string
	plaintext, verbose    bool
	propose, try          bool
	timeout               time.Duration
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// failed marks an error that is none of the command line's: what cobra itself finds is not marked.
type failed struct{ error }

func (f failed) Unwrap() error { return f.error }

// run runs a command line and answers the exit code.
func run(ctx context.Context, args []string, t terminal) int {
	t.out, t.err = &plain{to: t.out}, &plain{to: t.err}
	a := &app{terminal: t}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		if a.try {
			fmt.Fprintln(t.err, "Nothing was changed, it was only tried.")
		}
		return 0
	}
	if a.propose && okrclient.ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_PROPOSED {
		fmt.Fprintln(t.out, a.explain(err))
		return 0
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(t.err, "okrctl: interrupted")
		return exitInterrupted
	}
	fmt.Fprintf(t.err, "okrctl: %s\n", a.explain(err))
	var usage usageError
	if errors.As(err, &usage) || !errors.As(err, new(failed)) {
		fmt.Fprintln(t.err, `Run it with --help to see how it is used.`)
		return exitUsage
	}
	return exitFailure
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "okrctl", Short: "OKR Manager on the command line", Long: overview,
		SilenceErrors: true, SilenceUsage: true, Version: version(),
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.output != outputTable && a.output != outputJSON {
				return usagef("--output is %q, and must be table or json", a.output)
			}
			if a.propose && a.try {
				return usagef("--propose and --try exclude each other")
			}
			return nil
		},
	}
	root.SetVersionTemplate("okrctl {{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
			if value := unknown.GetSpecifiedShortnames(); value != "" && '0' <= value[0] && value[0] <= '9' {
				return usagef("-%s reads as a flag: a value below zero comes after two dashes, as in -- -%s", value, value)
			}
		}
		return err
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.server, "server", a.env("OKR_PUBLIC_URL", "http://localhost:3000"), "public address, where people sign in")
	flags.StringVar(&a.store, "store", a.env("OKR_STORE_ADDR", "127.0.0.1:9001"), "gRPC address of okr-store")
	flags.BoolVar(&a.plaintext, "plaintext", a.env("OKR_PLAINTEXT", "") == "true", "speak to okr-store unencrypted, also on another machine")
	flags.StringVarP(&a.output, "output", "o", a.env("OKR_OUTPUT", outputTable), "table or json")
	flags.DurationVar(&a.timeout, "timeout", okrclient.DefaultTimeout, "longest time for one call, retries included")
	flags.BoolVar(&a.propose, "propose", false, "make no change, and propose it to a member who may")
	flags.BoolVar(&a.try, "try", false, "make no change, and see whether it could be made")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "say on standard error what is tried again")
	root.AddCommand(
		a.login(), a.logout(), a.token(), a.whoami(),
		a.objectives(), a.keyResults(), a.checkIn(), a.mine(), a.changes(), a.proposals(), a.agents(), a.undo(), a.export(), a.importing(),
	)
	return root
}

func (a *app) env(name, otherwise string) string {
	if value := a.getenv(name); value != "" {
		return value
	}
	return otherwise
}

// group is a command that only has others under it.
func group(use, short string, aliases []string, commands ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{
		Use: use, Short: short, Aliases: aliases,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command %q in %q", args[0], cmd.CommandPath())
			}
			return cmd.Help()
		},
	}
	g.AddCommand(commands...)
	return g
}

// command is one that does something with a number of arguments.
func command(use, short string, arguments cobra.PositionalArgs, do func(cmd *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if arguments(cmd, args) != nil { // whose words for an argument too many are "unknown command"
				return usagef("wrong number of arguments (%d) for: %s", len(args), cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := do(cmd, args); err != nil {
				return failed{err}
			}
			return nil
		},
	}
}

// calling is a command that calls okr-store.
func (a *app) calling(use, short string, arguments cobra.PositionalArgs, do func(cmd *cobra.Command, c *okrclient.Client, args []string) error) *cobra.Command {
	return command(use, short, arguments, func(cmd *cobra.Command, args []string) (err error) {
		c, err := a.dial()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.Close()) }()
		return do(cmd, c, args)
	})
}

// dial connects with the token of the environment, or else with the kept sign-in.
func (a *app) dial() (*okrclient.Client, error) {
	tokens, err := a.tokens()
	if err != nil {
		return nil, err
	}
	level := slog.LevelWarn // such as of a store that is waited for
	if a.verbose {
		level = slog.LevelInfo
	}
	return okrclient.Dial(okrclient.Config{
		Target: a.store, Tokens: tokens, Plaintext: a.plaintext, Timeout: a.timeout, UserAgent: "okrctl/" + version(),
		Mode:   a.mode(),
		Logger: slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level})),
	})
}

// mode is what the flags say to do with writes.
func (a *app) mode() accessv1.WriteMode {
	switch {
	case a.propose:
		return accessv1.WriteMode_WRITE_MODE_PROPOSE
	case a.try:
		return accessv1.WriteMode_WRITE_MODE_VALIDATE
	}
	return accessv1.WriteMode_WRITE_MODE_UNSPECIFIED
}

func (a *app) tokens() (okrclient.TokenSource, error) {
	if token := a.getenv("OKR_TOKEN"); token != "" {
		return okrclient.StaticToken(token), nil
	}
	return a.account(signin.Config{})
}

// explain says what went wrong, and what can be done about it.
func (a *app) explain(err error) string {
	if errors.Is(err, signin.ErrSignedOut) {
		return fmt.Sprintf("not signed in at %s: run okrctl login", a.server)
	}
	var e *okrclient.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	text := oneLine(e.Message)
	switch {
	case e.Code == codes.Unavailable && e.ReasonName == "":
		text = fmt.Sprintf("okr-store at %s cannot be reached: %s", a.store, text)
	case e.Code == codes.DeadlineExceeded:
		text = fmt.Sprintf("no answer from %s in time", a.store)
	case e.Reason == accessv1.ErrorReason_ERROR_REASON_SCOPE_MISSING:
		text += fmt.Sprintf(" (sign in again and allow one of: %s)", e.Metadata["scopes"])
	case e.Reason == accessv1.ErrorReason_ERROR_REASON_ROLE_MISSING:
		text += fmt.Sprintf(" (one of these roles could: %s)", e.Metadata["roles"])
		if e.Metadata["mode"] == "PROPOSE" {
			text += "; with --propose a member who may is asked"
		}
	case e.Reason == accessv1.ErrorReason_ERROR_REASON_SESSION_REQUIRED:
		text += fmt.Sprintf("; a sign-in of okrctl is one: decide at %s/proposals, or with a session as OKR_TOKEN", a.server)
	case e.Code == codes.Unauthenticated:
		text += ": run okrctl login"
	}
	if e.ReasonName != "" {
		text += " [" + e.ReasonName + "]"
	}
	return text
}

// version is that of the module, as the build knows it.
func version() string {
	v := "dev"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		v = strings.Trim(info.Main.Version, "()")
	}
	return v + " " + runtime.Version()
}
