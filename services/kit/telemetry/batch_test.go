package telemetry

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// sink keeps what is written, each write by itself.
type sink struct {
	mu     sync.Mutex
	writes []string
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, string(p))
	return len(p), nil
}

func (s *sink) has(t *testing.T, when string, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Join(s.writes, "|") != strings.Join(want, "|") {
		t.Errorf("%s: %q, want %q", when, s.writes, want)
	}
}

func logFile(t *testing.T) *os.File {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func TestALineIsWrittenAtOnceAndThoseThatFollowAreWrittenTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &sink{}
		b := &batch{to: to}
		write := func(line string) {
			t.Helper()
			if n, err := b.Write([]byte(line)); n != len(line) || err != nil {
				t.Fatalf("%q: %d, %v", line, n, err)
			}
		}
		write("1\n")
		to.has(t, "the first", "1\n")
		write("2\n")
		time.Sleep(maxWait / 2)
		write("3\n")
		to.has(t, "before the time", "1\n")
		time.Sleep(maxWait / 2)
		synctest.Wait()
		to.has(t, "when it is time", "1\n", "2\n3\n")
		write("4\n")
		time.Sleep(maxWait)
		synctest.Wait()
		to.has(t, "the same again", "1\n", "2\n3\n", "4\n")
		time.Sleep(maxWait)
		write("5\n")
		to.has(t, "one that comes alone", "1\n", "2\n3\n", "4\n", "5\n")
		if err := b.flush(); err != nil {
			t.Fatal(err)
		}
		to.has(t, "a flush of nothing", "1\n", "2\n3\n", "4\n", "5\n")
	})
}

func TestNoMoreWaitsThanIsAllowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &sink{}
		b := &batch{to: to}
		line := bytes.Repeat([]byte("x"), maxWaiting/4-1)
		line = append(line, '\n')
		for range 9 {
			if _, err := b.Write(line); err != nil {
				t.Fatal(err)
			}
		}
		if len(to.writes) != 3 || len(to.writes[1]) != maxWaiting || len(to.writes[2]) != maxWaiting {
			t.Errorf("%d writes, and not one, four and four lines", len(to.writes))
		}
	})
}

func TestAFileGetsEveryLineWholeAndProblemsAtOnce(t *testing.T) {
	t.Parallel()
	file := logFile(t)
	const writers, each = 16, 200
	var wait sync.WaitGroup
	for w := range writers {
		logger := NewLogger(file, slog.LevelInfo, "test") // all of one file wait together
		wait.Go(func() {
			for i := range each {
				logger.Info("line", slog.String("number", fmt.Sprintf("%d of %d", i, w)))
			}
		})
	}
	wait.Wait()
	NewLogger(file, slog.LevelInfo, "test").With("a", 1).WithGroup("g").Warn("last")
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	next := make([]int, writers)
	last := ""
	for lines.Scan() {
		last = lines.Text()
		var i, w int
		_, number, _ := strings.Cut(last, `"number":"`)
		if _, err := fmt.Sscanf(number, "%d of %d", &i, &w); err != nil {
			continue
		}
		if next[w] != i {
			t.Fatalf("line %d of writer %d comes when %d is due", i, w, next[w])
		}
		next[w]++
	}
	for w, n := range next {
		if n != each {
			t.Errorf("%d lines of writer %d, want %d", n, w, each)
		}
	}
	if !strings.Contains(last, `"last"`) {
		t.Errorf("a warning is not written at once, or not after what was before it: the last line is %s", last)
	}
}

func TestFlushWritesWhatWaits(t *testing.T) {
	t.Parallel()
	file := logFile(t)
	logger := NewLogger(file, slog.LevelInfo, "test")
	const lines = 20
	for range lines {
		logger.Info("a line")
	}
	if err := Flush(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n != lines {
		t.Errorf("%d lines, want %d", n, lines)
	}
}
