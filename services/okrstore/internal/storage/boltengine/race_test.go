//go:build race

package boltengine

import (
	"flag"
	"os"
	"testing"
)

// rapidChecks is how many runs a model is held against, of the hundred without the race detector.
const rapidChecks = "25"

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", rapidChecks); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
