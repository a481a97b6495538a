package e2e

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// searchedLog is a log of any length, which is searched for secrets piece by piece while it is written: what is loaded for
// minutes logs more than is to be kept. It is safe for concurrent use.
type searchedLog struct {
	secrets *secrets
	// piece is how many bytes are searched at a time, and again how many of them once more with the next: a line may come
	// before this process has heard of the secret in it, such as a new cookie.
	piece, again int

	mu    sync.Mutex
	text  []byte
	found []string
	// searching counts the pieces that are searched at the moment.
	searching sync.WaitGroup
}

// Write implements io.Writer.
func (l *searchedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if len(l.text) >= l.piece {
		text := string(l.text)
		l.text = bytes.Clone(l.text[len(l.text)-l.again:])
		l.searching.Go(func() { l.search(text) })
	}
	return len(p), nil
}

func (l *searchedLog) search(text string) {
	found := l.secrets.in(text)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found = append(l.found, found...)
}

// leaks says which secrets the log tells. Nothing is written any more.
func (l *searchedLog) leaks() []string {
	l.searching.Wait()
	l.search(string(l.text))
	slices.Sort(l.found)
	return slices.Compact(l.found)
}

// childStderr is the standard error of a child. Each of its lines goes to the log; those that are no log line below ERROR,
// such as a report of a data race, are to be seen, too.
type childStderr struct {
	log  *searchedLog
	line []byte // one that has begun
}

// Write implements io.Writer.
func (c *childStderr) Write(p []byte) (int, error) {
	c.line = append(c.line, p...)
	end := bytes.LastIndexByte(c.line, '\n') + 1
	lines := c.line[:end]
	c.line = bytes.Clone(c.line[end:])
	for line := range bytes.Lines(lines) {
		if !bytes.HasPrefix(line, []byte("{")) || bytes.Contains(line, []byte(`"level":"ERROR"`)) {
			_, _ = os.Stderr.Write(line)
		}
	}
	if _, err := c.log.Write(lines); err != nil {
		return 0, err
	}
	return len(p), nil
}

func TestALongLogIsSearchedToItsEnds(t *testing.T) {
	const line = `{"level":"INFO","msg":"request","status":200}` + "\n"
	for _, tc := range []struct {
		name string
		// at is before which of the lines the leak stands, and heardAfter after which it is heard of.
		at, heardAfter int
		want           bool
	}{
		{"in the first line", 0, 0, true},
		{"in the middle", 500, 0, true},
		{"in the last line", 999, 0, true},
		{"before it is heard of", 500, 502, true},
		{"nowhere", -1, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &secrets{by: map[string][]told{}}
			stderr := &childStderr{log: &searchedLog{secrets: s, piece: 1 << 12, again: 1 << 10}}
			for n := range 1000 {
				if n == tc.at {
					// In pieces, as a pipe brings it.
					_, _ = stderr.Write([]byte(`{"level":"INFO","title":"Win every`))
					_, _ = stderr.Write([]byte(` customer"}` + "\n"))
				}
				if n == tc.heardAfter {
					s.add("a title", "Win every customer")
				}
				_, _ = stderr.Write([]byte(line))
			}
			if got := strings.Join(stderr.log.leaks(), "; "); strings.HasPrefix(got, `a title in {"level":"INFO","title":"Win`) != tc.want {
				t.Errorf("found %q", got)
			}
		})
	}
}
