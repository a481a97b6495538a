package run_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// asProgram makes the test binary run the program below instead of the tests.
const asProgram = "RUN_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		program()
	}
	os.Exit(m.Run())
}

type settings struct {
	Mode string `env:"RUN_TEST_MODE" envDefault:"wait"`
}

func (s settings) Validate() error {
	if !slices.Contains([]string{"wait", "fail", "hang"}, s.Mode) {
		return fmt.Errorf("RUN_TEST_MODE is %q", s.Mode)
	}
	return nil
}

// program is what a box's main looks like.
func program() {
	run.Main("box", func(ctx context.Context, s settings) error {
		fmt.Fprintln(os.Stdout, "serving")
		switch s.Mode {
		case "fail":
			return errors.New("the disk is full")
		case "hang":
			<-ctx.Done()
			fmt.Fprintln(os.Stdout, "stopping")
			<-make(chan struct{})
			return nil
		default:
			<-ctx.Done()
			return ctx.Err()
		}
	}, run.Command{
		Name: "echo", Summary: "print the arguments",
		Run: func(_ context.Context, args []string, stdio run.Stdio) error {
			if len(args) == 0 {
				return fmt.Errorf("%w: echo needs an argument", run.ErrUsage)
			}
			in, err := io.ReadAll(stdio.In)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(stdio.Out, "%s %s\n", strings.Join(args, " "), in)
			return err
		},
	}, run.Command{
		Name: "canceled", Summary: "fail as if it had been stopped",
		Run: func(context.Context, []string, run.Stdio) error { return context.Canceled },
	}, run.Command{
		Name: "work", Summary: "work until it is interrupted",
		Run: func(ctx context.Context, _ []string, stdio run.Stdio) error {
			fmt.Fprintln(stdio.Out, "working")
			<-ctx.Done()
			return fmt.Errorf("nothing was changed: %w", ctx.Err())
		},
	}, run.Command{
		Name: "log", Summary: "log three lines and fail",
		Run: func(context.Context, []string, run.Stdio) error {
			logger := telemetry.NewLogger(os.Stderr, nil, "box")
			logger.Info("first")
			logger.Info("second")
			logger.Info("third")
			return errors.New("in vain")
		},
	}, run.Command{
		Name: "gc", Summary: "print by how many percent the heap may grow",
		Run: func(_ context.Context, _ []string, stdio run.Stdio) error {
			_, err := fmt.Fprintln(stdio.Out, "percent:", debug.SetGCPercent(-1))
			return err
		},
	})
}

// command is the program; one that does not end by itself is killed after a while.
func command(t *testing.T, args []string, env ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), asProgram+"=1"), env...)
	return cmd
}

func TestThePrograms(t *testing.T) {
	for _, test := range []struct {
		name                    string
		args                    []string
		env                     string
		code                    int
		out, err                string // a part of what is printed
		notServing, printsUsage bool
	}{
		{name: "a service that fails exits with 1 and says why", env: "RUN_TEST_MODE=fail", code: 1, out: "serving", err: "box: the disk is full\n"},
		{name: "a mistake in the configuration exits with 2 before serving", env: "RUN_TEST_MODE=dance", code: 2, err: `RUN_TEST_MODE is "dance"`, notServing: true},
		{name: "a command gets its arguments and its input", args: []string{"echo", "a", "b"}, out: "a b input\n", notServing: true},
		{name: "a command needs no valid configuration", args: []string{"echo", "a"}, env: "RUN_TEST_MODE=dance", out: "a input\n"},
		{name: "a command's misuse exits with 2", args: []string{"echo"}, code: 2, err: "echo needs an argument"},
		{name: "an unknown command exits with 2 and lists those there are", args: []string{"ehco"}, code: 2, err: `there is no command "ehco"`, printsUsage: true, notServing: true},
		{name: "an unknown flag exits with 2", args: []string{"-verbose"}, code: 2, err: `there is no command "-verbose"`, printsUsage: true, notServing: true},
		{name: "help exits with 0 and lists the commands", args: []string{"help"}, out: "print the arguments", notServing: true},
		{name: "version exits with 0 and names the program", args: []string{"version"}, env: "RUN_TEST_MODE=dance", out: "box dev (revision unknown, go1.", notServing: true},
		{name: "config prints the settings in effect", args: []string{"config"}, out: "RUN_TEST_MODE=wait\n", notServing: true},
		{name: "config prints the mistakes, too, and exits with 2", args: []string{"config"}, env: "RUN_TEST_MODE=dance", code: 2, out: "RUN_TEST_MODE=dance", err: `RUN_TEST_MODE is "dance"`, notServing: true},
		{name: "so does --help", args: []string{"--help"}, out: "usage: box", notServing: true},
		{name: "the heap may grow by 200 percent", args: []string{"gc"}, env: "GOGC=", out: "percent: 200\n"},
		{name: "or by what GOGC says", args: []string{"gc"}, env: "GOGC=50", out: "percent: 50\n"},
		{name: "what was logged is written before the program ends", args: []string{"log"}, code: 1, err: "\"third\",\"service\":\"box\"}\nbox: in vain\n"},
		{name: "being canceled without a signal is a failure", args: []string{"canceled"}, code: 1, err: "context canceled"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := command(t, test.args, test.env)
			var stdout, stderr strings.Builder
			cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("input"), &stdout, &stderr
			err := cmd.Run()
			if cmd.ProcessState == nil {
				t.Fatal(err)
			}
			if code := cmd.ProcessState.ExitCode(); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(stdout.String(), test.out) || !strings.Contains(stderr.String(), test.err) {
				t.Errorf("it printed %q and to stderr %q", &stdout, &stderr)
			}
			if test.notServing && strings.Contains(stdout.String(), "serving") {
				t.Error("it served")
			}
			if test.printsUsage && !strings.Contains(stderr.String(), "box echo") {
				t.Errorf("it did not say what there is: %q", &stderr)
			}
		})
	}
}

func TestSignalsStopAProgram(t *testing.T) {
	for _, test := range []struct {
		name    string
		mode    string
		signals []os.Signal
		want    string // of os.ProcessState
		args    []string
	}{
		{"an interrupt stops it with 0", "wait", []os.Signal{os.Interrupt}, "exit status 0", nil},
		{"SIGTERM stops it with 0", "wait", []os.Signal{syscall.SIGTERM}, "exit status 0", nil},
		{"a second interrupt ends one that does not stop", "hang", []os.Signal{os.Interrupt, os.Interrupt}, "exit status 130", nil},
		{"a second SIGTERM, too", "hang", []os.Signal{syscall.SIGTERM, syscall.SIGTERM}, "exit status 130", nil},
		{"a command that is interrupted has not done its work", "wait", []os.Signal{os.Interrupt}, "exit status 130", []string{"work"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := command(t, test.args, "RUN_TEST_MODE="+test.mode)
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(stdout)
			for _, sent := range test.signals { // each after the line that says that the one before took effect
				if !lines.Scan() {
					t.Fatalf("the program ended early: %v", lines.Err())
				}
				if err := cmd.Process.Signal(sent); err != nil {
					t.Fatal(err)
				}
			}
			_ = cmd.Wait() // the state says it all
			if got := cmd.ProcessState.String(); got != test.want {
				t.Errorf("it ended with %q, want %q", got, test.want)
			}
		})
	}
}
