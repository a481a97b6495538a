package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/services/kit/config"
)

func TestAVariableThatNoProgramReadsIsAMistake(t *testing.T) {
	for _, test := range []struct {
		name            string
		variable, value string
		want            string // in the error; "" for none
	}{
		{"one of a box is known to all", "OKR_STORE_HEARTBEAT", "1s", ""},
		{"one that is set to nothing is not set", "OKR_STORE_HAERTBEAT", "", ""},
		{"one of another system is not ours", "OTHER_STORE_HEARTBEAT", "1s", ""},
		{"letters that changed places are put right", "OKR_STORE_HAERTBEAT", "1s", "OKR_STORE_HAERTBEAT is no setting of any program: is OKR_STORE_HEARTBEAT meant?"},
		{"a letter that is missing, too", "OKR_LOGLEVEL", "info", "is OKR_LOG_LEVEL meant?"},
		{"something else is no misspelling", "OKR_MAKE_COFFEE", "yes", "OKR_MAKE_COFFEE is no setting of any program"},
		{"what Kubernetes sets is explained", "OKR_STORE_SERVICE_HOST", "10.0.0.1", "enableServiceLinks: false"},
		{"and the port beside it", "OKR_STORE_PORT_9001_TCP", "tcp://10.0.0.1:9001", "enableServiceLinks: false"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(test.variable, test.value)
			_, err := config.Load[settings]()
			switch {
			case test.want == "" && err != nil:
				t.Errorf("the mistake is %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("the mistake is %v, want %q", err, test.want)
			case test.want != "" && strings.Contains(err.Error(), "COFFEE") && strings.Contains(err.Error(), "meant"):
				t.Errorf("it guesses: %v", err)
			}
		})
	}
}

func TestMistakesInNamesAndInValuesAreReportedTogether(t *testing.T) {
	t.Setenv("TEST_REPLICAS", "0")
	t.Setenv("OKR_STORE_ADRR", "secret-in-the-wrong-place")
	t.Setenv("OKR_REST_ADRR", ":1")
	_, err := config.Load[settings]()
	for _, part := range []string{"TEST_REPLICAS", "OKR_STORE_ADRR", "OKR_REST_ADRR"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not mention %s: %v", part, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "wrong-place") {
		t.Errorf("the error tells the value, which may be a secret: %v", err)
	}
}

type early struct {
	New string `env:"OKR_NOT_LISTED_YET"`
}

func TestAProgramKnowsItsOwnVariables(t *testing.T) {
	t.Setenv("OKR_NOT_LISTED_YET", "x")
	if _, err := config.Load[early](); err != nil {
		t.Error(err)
	}
	if _, err := config.Load[settings](); err == nil {
		t.Error("another program knows it, too")
	}
}

func TestTheListOfVariablesIsInOrder(t *testing.T) {
	known := config.Known()
	if len(known) < 40 || !slices.IsSorted(known) || slices.ContainsFunc(known, func(name string) bool { return !strings.HasPrefix(name, "OKR_") }) {
		t.Errorf("the list is %q", known)
	}
}
