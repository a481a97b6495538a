package clients

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/deploy/internal/stack"
)

// patience bounds a test's conversation with the system, on a machine that is busy with something else.
const patience = 2 * time.Minute

// running is the system that all tests share, on free ports.
var running *stack.Stack

func TestMain(m *testing.M) {
	flag.Parse()
	// What the shell has set is for other systems than this one.
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "OKR_") {
			_ = os.Unsetenv(name)
		}
	}
	dir, err := os.MkdirTemp("", "okr-clients-")
	if err != nil {
		panic(err)
	}
	running, err = stack.Start(context.Background(), stack.Config{
		EphemeralPorts: true,
		Environment:    map[string]string{"OKR_DATA_DIR": dir},
		Logger:         slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err)
	}
	m.Run()
	if err := running.Close(); err != nil {
		panic(err) // a box that does not stop is a failure, too
	}
	_ = os.RemoveAll(dir)
}
