package measure

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/df0f9dda/okr-manager/services/kit/run"
)

// Child is a process that serves something to be measured.
type Child struct {
	command string
	process *exec.Cmd
	input   io.Closer
}

// StartChild runs this program with a command, which must call ServeChild: it tells it its task, and hears what it has to
// say when it serves. The caller must call Stop.
func StartChild[A any](ctx context.Context, command string, task any, environment ...string) (*Child, A, error) {
	var answer A
	program, err := os.Executable()
	if err != nil {
		return nil, answer, fmt.Errorf("finding this program: %w", err)
	}
	process := exec.CommandContext(ctx, program, command) //nolint:gosec // this very program
	process.Env = append(os.Environ(), environment...)
	process.Stderr = os.Stderr
	input, err := process.StdinPipe()
	if err != nil {
		return nil, answer, fmt.Errorf("starting %s: %w", command, err)
	}
	output, err := process.StdoutPipe()
	if err != nil {
		return nil, answer, fmt.Errorf("starting %s: %w", command, err)
	}
	if err := process.Start(); err != nil {
		return nil, answer, fmt.Errorf("starting %s: %w", command, err)
	}
	c := &Child{command, process, input}
	if err := json.NewEncoder(input).Encode(task); err != nil {
		return nil, answer, errors.Join(fmt.Errorf("telling %s its task: %w", command, err), c.Stop())
	}
	if err := json.NewDecoder(output).Decode(&answer); err != nil {
		return nil, answer, errors.Join(fmt.Errorf("hearing from %s: %w", command, err), c.Stop())
	}
	return c, answer, nil
}

// Stop lets the process end.
func (c *Child) Stop() error {
	if err := errors.Join(c.input.Close(), c.process.Wait()); err != nil {
		return fmt.Errorf("stopping %s: %w", c.command, err)
	}
	return nil
}

// ServeChild is the other end of StartChild: it reads its task, begins to serve, says so, and stops when its input ends,
// which it does at the latest with the process that started it.
func ServeChild[T, A any](ctx context.Context, stdio run.Stdio, begin func(context.Context, T) (A, func() error, error)) error {
	input := json.NewDecoder(stdio.In)
	var task T
	if err := input.Decode(&task); err != nil {
		return fmt.Errorf("reading the task: %w", err)
	}
	answer, stop, err := begin(ctx, task)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(stdio.Out).Encode(answer); err != nil {
		return errors.Join(fmt.Errorf("saying that it serves: %w", err), stop())
	}
	_, _ = io.Copy(io.Discard, stdio.In)
	return stop()
}

// SystemCommand is the command that serves the system. Programs that call StartSystem have it.
func SystemCommand() run.Command {
	return run.Command{Name: commandSystem, Summary: "serve the system, for the bench", Run: serveSystem}
}

const commandSystem = "system"

// systemTask is what the system's process is told: a file for its CPU profile, if one is wanted.
type systemTask struct{ Profile string }

// SystemAt is where the system listens, and where its data is.
type SystemAt struct{ PublicURL, StoreAddr, MCPAddr, DevidpURL, DataDir string }

// StartSystem starts a system in a process of its own, which writes a CPU profile if it is given a file for it. The caller
// must call Stop.
func StartSystem(ctx context.Context, profile string) (*Child, SystemAt, error) {
	return StartChild[SystemAt](ctx, commandSystem, systemTask{Profile: profile})
}

func serveSystem(ctx context.Context, _ []string, stdio run.Stdio) error {
	return ServeChild(ctx, stdio, func(ctx context.Context, do systemTask) (SystemAt, func() error, error) {
		stopProfile, err := Profile(do.Profile)
		if err != nil {
			return SystemAt{}, nil, err
		}
		system, err := Start(ctx)
		if err != nil {
			return SystemAt{}, nil, errors.Join(err, stopProfile())
		}
		at := SystemAt{system.PublicURL, system.StoreAddr, system.MCPAddr, system.DevidpURL, system.DataDir}
		return at, func() error { return errors.Join(stopProfile(), system.Close()) }, nil
	})
}

// AsGoDoes is the setting with which a child collects its garbage as often as Go does by default, and not as the system
// does; where this program is told otherwise, so is the child.
func AsGoDoes() string { return "GOGC=" + cmp.Or(os.Getenv("GOGC"), "100") }
