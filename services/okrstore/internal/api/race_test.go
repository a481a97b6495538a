//go:build race

package api

import (
	"flag"
	"os"
	"testing"
)

const (
	manyObjectives = 1_000
	manyChanges    = 1_000
)

// rapidChecks is how many runs a model is held against, of the hundred without the race detector.
const rapidChecks = "25"

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", rapidChecks); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
