package config

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// prefix is that of all of the system's own variables.
const prefix = "OKR_"

// variables are those that some program of the system reads, one a line: a box is given the settings of others, too, where
// they share an environment. A test of deploy/local holds the list against the code.
//
//go:embed variables.txt
var variables string

// Known lists the variables that some program of the system reads.
func Known() []string {
	return slices.DeleteFunc(strings.Split(variables, "\n"), func(line string) bool {
		return line == "" || strings.HasPrefix(line, "#")
	})
}

// unknown reports every variable of an environment that looks like a setting and is none, neither of this configuration
// nor of another program: it would be ignored in silence, whatever was meant by it. One that is set to nothing counts as
// not set.
func unknown[C any](environment map[string]string) []error {
	known := Known()
	own, err := Variables[C]()
	if err != nil {
		return []error{err}
	}
	for _, v := range own {
		known = append(known, v.Name)
	}
	var names []string
	for name, value := range environment {
		if strings.HasPrefix(name, prefix) && value != "" && !slices.Contains(known, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var errs []error
	for _, name := range names {
		errs = append(errs, fmt.Errorf("%s is no setting of any program%s", name, hint(name, known)))
	}
	return errs
}

// hint says what may be meant by a name that is not known.
func hint(name string, known []string) string {
	if strings.HasSuffix(name, "_SERVICE_HOST") || strings.Contains(name, "_PORT") {
		return ": Kubernetes sets such variables for each service, unless the pod has enableServiceLinks: false"
	}
	nearest, least := "", 4 // beyond three letters it is another word
	for _, candidate := range known {
		if d := distance(name, candidate); d < least {
			nearest, least = candidate, d
		}
	}
	if nearest == "" {
		return ""
	}
	return ": is " + nearest + " meant?"
}

// distance is how many letters have to be added, taken away or changed to make one word of another (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, changed)
		}
	}
	return row[len(b)]
}
