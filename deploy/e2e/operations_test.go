package e2e

import (
	"os"
	"strconv"
	"testing"
)

// operationsVariable says how many operations each of the tests of linearizability is to make at least; without it, they
// make some thousand.
const operationsVariable = "OKR_E2E_OPERATIONS"

// wantedOperations is what the variable says; 0 without it.
func wantedOperations(t *testing.T) int64 {
	t.Helper()
	text, long := os.LookupEnv(operationsVariable)
	if !long {
		return 0
	}
	wanted, err := strconv.ParseInt(text, 10, 64)
	if err != nil || wanted < 1 {
		t.Fatalf("%s: %q is no number of operations", operationsVariable, text)
	}
	return wanted
}

// tally is what was done, and what of it was wrong.
type tally struct {
	operations           int64
	lost, twice, foreign int
	// unknown says how many had no answer, which is nobody's fault.
	unknown int
}

func (t *tally) add(other tally) {
	t.operations += other.operations
	t.lost += other.lost
	t.twice += other.twice
	t.foreign += other.foreign
	t.unknown += other.unknown
}
