package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/df0f9dda/okr-manager/services/kit/run"
)

// The commands of this program that serve what is measured, each in a process of its own.
const (
	commandSystem = "system"
	commandSDK    = "sdk"
)

// child is a process that serves.
type child struct {
	command string
	process *exec.Cmd
	input   io.Closer
}

// start runs this program with a command: it tells it its task, and hears what it has to say when it serves. The caller
// must call stop.
func start[A any](ctx context.Context, command string, task any, environment ...string) (*child, A, error) {
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
	c := &child{command, process, input}
	if err := json.NewEncoder(input).Encode(task); err != nil {
		return nil, answer, errors.Join(fmt.Errorf("telling %s its task: %w", command, err), c.stop())
	}
	if err := json.NewDecoder(output).Decode(&answer); err != nil {
		return nil, answer, errors.Join(fmt.Errorf("hearing from %s: %w", command, err), c.stop())
	}
	return c, answer, nil
}

// stop lets the process end.
func (c *child) stop() error {
	if err := errors.Join(c.input.Close(), c.process.Wait()); err != nil {
		return fmt.Errorf("stopping %s: %w", c.command, err)
	}
	return nil
}

// serve is the other end of start: it reads its task, begins to serve, says so, and stops when its input ends, which it
// does at the latest with the process that started it.
func serve[T, A any](ctx context.Context, stdio run.Stdio, begin func(context.Context, T) (A, func() error, error)) error {
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
