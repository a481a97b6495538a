package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/deploy/internal/stack"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// measuredSystem is a system in a process of its own: what it holds can be told from what its clients hold.
type measuredSystem struct {
	*system
	commands io.Writer
	answers  *json.Decoder
}

// holding is what a process holds.
type holding struct {
	// Idle are the goroutines of connections over HTTP that wait for their next request, Busy all others.
	Busy, Idle int
	// Heap is the bytes that a collection leaves.
	Heap uint64
	// Stacks are those of the goroutines, alike ones together.
	Stacks string
}

func (h holding) String() string {
	return fmt.Sprintf("%d goroutines (%d more of idle connections) and %.1f MiB", h.Busy, h.Idle, float64(h.Heap)/(1<<20))
}

func (h holding) over(most holding) bool {
	return h.Busy > most.Busy || h.Idle > most.Idle || h.Heap > most.Heap
}

// beMeasured runs a system until standard input ends, and lets it end with the process. It prints where the system is,
// and, for every line that it reads, what it holds.
func beMeasured() error {
	started, err := stack.Start(context.Background(), stack.Config{EphemeralPorts: true, Logger: telemetry.NewLogger(os.Stderr, slog.LevelDebug, childSystem)})
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(started); err != nil {
		return err
	}
	for commands := bufio.NewScanner(os.Stdin); commands.Scan(); {
		if err := out.Encode(measure()); err != nil {
			return err
		}
	}
	return nil
}

func measure() holding {
	runtime.GC()
	runtime.GC() // a pool lets go of what it holds in the second collection
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	var stacks strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1) // to a builder, which takes everything
	held := holding{Heap: memory.HeapAlloc, Stacks: stacks.String()}
	for alike := range strings.SplitSeq(held.Stacks, "\n\n") {
		count := regexp.MustCompile(`(?m)^(\d+) @ `).FindStringSubmatch(alike)
		if count == nil {
			continue // the end
		}
		n, _ := strconv.Atoi(count[1])
		if isIdle(alike) {
			held.Idle += n
		} else {
			held.Busy += n
		}
	}
	return held
}

// isIdle says whether a stack is that of a connection over HTTP, at either end, that serves no request. One at this end
// that has a request is told by who made it, which has a stack of its own.
func isIdle(stack string) bool {
	return strings.Contains(stack, "net/http.(*persistConn).") && !strings.Contains(stack, "RoundTrip") ||
		strings.Contains(stack, "net/http.(*conn).serve+") && !strings.Contains(stack, ".ServeHTTP+")
}

// startMeasured starts a system that ends after the test. It must have lived until then, and without data races.
func startMeasured(t *testing.T, settings ...string) *measuredSystem {
	t.Helper()
	process := childProcess(context.WithoutCancel(t.Context()), childSystem, append([]string{"OKR_DATA_DIR=" + t.TempDir()}, settings...)...)
	commands, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = commands.Close()
		if err := process.Wait(); err != nil {
			t.Errorf("the system ends with: %v", err)
		}
	})
	m := &measuredSystem{&system{Stack: &stack.Stack{}}, commands, json.NewDecoder(stdout)}
	if err := m.answers.Decode(m.Stack); err != nil {
		t.Fatalf("the system does not start: %v", err)
	}
	if m.provider, err = providerOf(m.Stack); err != nil {
		t.Fatal(err)
	}
	return m
}

// holds says what the system holds now.
func (m *measuredSystem) holds(t *testing.T) holding {
	t.Helper()
	if _, err := io.WriteString(m.commands, "\n"); err != nil {
		t.Fatal(err)
	}
	var held holding
	if err := m.answers.Decode(&held); err != nil {
		t.Fatal(err)
	}
	return held
}

// settles waits until the system holds no more than that, for so long at most, and answers what it holds in the end.
func (m *measuredSystem) settles(t *testing.T, most holding, within time.Duration) (held holding, settled bool) {
	t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(250 * time.Millisecond) {
		held = m.holds(t)
		settled = !held.over(most)
		if settled || time.Now().After(deadline) {
			return held, settled
		}
	}
}

// rests waits until what the system holds becomes no less from one moment to the next.
func (m *measuredSystem) rests(t *testing.T) holding {
	t.Helper()
	for held := m.holds(t); ; {
		time.Sleep(300 * time.Millisecond)
		next := m.holds(t)
		if next.Busy >= held.Busy && next.Idle >= held.Idle {
			return held
		}
		held = next
	}
}
