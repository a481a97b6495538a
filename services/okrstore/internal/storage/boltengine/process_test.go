package boltengine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// patience is how long these tests wait for what must happen.
const patience = 30 * time.Second

// Tests with two processes run this test binary again, with a job and a path
// in the environment.
const (
	jobVariable  = "BOLTENGINE_TEST_JOB"
	pathVariable = "BOLTENGINE_TEST_PATH"
)

// TestChild is the other process. In the first one it has no job.
func TestChild(t *testing.T) {
	path := os.Getenv(pathVariable)
	switch job := os.Getenv(jobVariable); job {
	case "":
	case "hold":
		childHold(t, path)
	case "write":
		childWrite(t, path)
	default:
		t.Errorf("unknown job %q", job)
	}
}

// childHold opens the file, says how that went, and keeps it open until the
// parent is done.
func childHold(t *testing.T, path string) {
	e, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("open")
	_, _ = io.Copy(io.Discard, os.Stdin) // ends when the parent does
	if err := e.Close(); err != nil {
		fmt.Println(err)
	}
}

const killWriters = 4

// childWrite lets writers count up, each in an organization of its own, and
// prints every number that was acknowledged.
func childWrite(t *testing.T, path string) {
	e, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		fmt.Println(err)
		return
	}
	var output sync.Mutex
	var writers sync.WaitGroup
	for w := range killWriters {
		writers.Go(func() {
			for {
				var n int
				err := e.Update(t.Context(), fmt.Sprint("o", w), func(tx storage.Tx) error {
					last, err := tx.Get([]byte("last"))
					if err != nil && !errors.Is(err, storage.ErrNotFound) {
						return err
					}
					n, _ = strconv.Atoi(string(last)) // absent at first: 0
					n++
					number := strconv.AppendInt(nil, int64(n), 10)
					return errors.Join(tx.Put([]byte("last"), number), tx.Put(append([]byte("n/"), number...), number))
				})
				output.Lock()
				if err != nil {
					fmt.Println(err)
				} else {
					fmt.Println(w, n)
				}
				output.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	writers.Wait()
}

// A child is this test binary doing a job.
type child struct {
	command *exec.Cmd
	stdin   io.Closer
	stdout  *bufio.Scanner
}

// startChild starts a child, which is killed when the test ends.
func startChild(t *testing.T, job, path string) *child {
	t.Helper()
	// A child that hangs would hang its parent, which reads from it.
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestChild$")
	command.Env = append(os.Environ(), jobVariable+"="+job, pathVariable+"="+path)
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{command: command, stdin: stdin, stdout: bufio.NewScanner(stdout)}
	t.Cleanup(func() { c.kill(t) })
	return c
}

// line returns the next line that the child printed.
func (c *child) line(t *testing.T) string {
	t.Helper()
	if !c.stdout.Scan() {
		t.Fatalf("the child ended early: %v", c.stdout.Err())
	}
	return c.stdout.Text()
}

// kill ends the child by SIGKILL and returns what it had printed and nobody
// had read.
func (c *child) kill(t *testing.T) (rest []string) {
	t.Helper()
	if c.command.ProcessState != nil {
		return nil
	}
	if err := c.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("kill: %v", err)
	}
	for c.stdout.Scan() {
		rest = append(rest, c.stdout.Text())
	}
	_ = c.stdin.Close()
	_ = c.command.Wait() // "signal: killed"
	return rest
}

func TestNoAcknowledgedWriteIsLostByKill(t *testing.T) {
	const rounds = 50
	path := newPath(t)
	var acknowledged [killWriters]int
	note := func(line string) {
		var w, n int
		if _, err := fmt.Sscan(line, &w, &n); err != nil {
			t.Fatalf("the child says %q", line)
		}
		if n != acknowledged[w]+1 {
			t.Fatalf("writer %d acknowledged %d after %d", w, n, acknowledged[w])
		}
		acknowledged[w] = n
	}
	for range rounds {
		c := startChild(t, "write", path)
		for range 1 + rand.IntN(40) {
			note(c.line(t))
		}
		// Somewhere within a commit, as good as surely: the child does little else.
		for _, line := range c.kill(t) {
			note(line)
		}
		acknowledged = verifyAfterKill(t, path, acknowledged)
		checkFile(t, path)
		if t.Failed() {
			return
		}
	}
	t.Logf("acknowledged and found: %v", acknowledged)
}

// verifyAfterKill compares the file with what was acknowledged. It returns
// the numbers that the next child starts from: each writer may have made one
// more that it had no time to report.
func verifyAfterKill(t *testing.T, path string, acknowledged [killWriters]int) (found [killWriters]int) {
	t.Helper()
	e := openEngine(t, Config{Path: path})
	for w, acked := range acknowledged {
		err := e.View(t.Context(), fmt.Sprint("o", w), func(tx storage.Tx) error {
			last, err := tx.Get([]byte("last"))
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				return err
			}
			found[w], _ = strconv.Atoi(string(last)) // absent: 0
			if found[w] != acked && found[w] != acked+1 {
				return fmt.Errorf("the last number is %d, acknowledged was %d", found[w], acked)
			}
			for n := 1; n <= found[w]; n++ {
				if _, err := tx.Get(fmt.Append(nil, "n/", n)); err != nil {
					return fmt.Errorf("number %d: %w", n, err)
				}
			}
			left := found[w]
			for _, err := range tx.Range(storage.Range{Prefix: []byte("n/")}) {
				if err != nil {
					return err
				}
				left--
			}
			if left != 0 {
				return fmt.Errorf("there are %d numbers more than the last one says", -left)
			}
			return nil
		})
		if err != nil {
			t.Errorf("writer %d: %v", w, err)
		}
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	return found
}
