package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
)

// mutant is a mistake that somebody could make in a line of the product.
type mutant struct {
	// name says what goes wrong.
	name string
	// file is what is changed, from the folder of go.work on; old stands in it exactly once.
	file, old, new string
	// pkg is the folder of a package, and test the test in it that has to fail.
	pkg, test string
	// race says that it is the race detector which has to notice.
	race bool
}

// testTimeout ends a test that a mutant keeps from ending, which is a failure like others.
const testTimeout = time.Minute

// errSurvived says that a mutant was not noticed, or that it is none.
var errSurvived = errors.New("not every mutant is killed by its test")

// mutants are all of them.
func mutants() []mutant {
	return slices.Concat(storeMutants(), identityMutants(), edgeMutants(), gapMutants())
}

func selected(all []mutant, pattern *regexp.Regexp) []mutant {
	return slices.DeleteFunc(all, func(m mutant) bool { return !pattern.MatchString(m.name) })
}

// patched is the file with the mistake in it.
func (m mutant) patched(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return nil, fmt.Errorf("reading what is to be changed: %w", err)
	}
	return m.patch(text)
}

// patch makes the mistake in the text of the file.
func (m mutant) patch(text []byte) ([]byte, error) {
	if n := bytes.Count(text, []byte(m.old)); n != 1 {
		return nil, fmt.Errorf("%s has %d times what is to be changed, and not once: %q", m.file, n, m.old)
	}
	return bytes.Replace(text, []byte(m.old), []byte(m.new), 1), nil
}

// overlay writes changed files to a folder, and what makes the go command take them for those in their places. It returns
// the path of the latter.
func overlay(root, dir string, files map[string][]byte) (string, error) {
	places := map[string]string{}
	for file, text := range files {
		place, err := filepath.Abs(filepath.Join(root, file))
		if err != nil {
			return "", fmt.Errorf("finding %s: %w", file, err)
		}
		changed := filepath.Join(dir, fmt.Sprintf("changed%d.go", len(places)))
		if err := os.WriteFile(changed, text, 0o600); err != nil {
			return "", fmt.Errorf("writing what is changed: %w", err)
		}
		places[place] = changed
	}
	replace, err := json.Marshal(map[string]any{"Replace": places})
	if err != nil {
		return "", fmt.Errorf("writing the overlay: %w", err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, replace, 0o600)
}

// try makes the mutants, as many at a time as there are processors, and writes a table of what became of them. Before that,
// it runs the tests on the code as it is: a test that fails there would kill everything.
func try(ctx context.Context, w io.Writer, root string, all []mutant) error {
	if err := pristine(ctx, root, all); err != nil {
		return err
	}
	killed := make([]bool, len(all))
	none := make([]error, len(all)) // why a mutant is none: the others are tried nevertheless
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i, m := range all {
		work.Go(func() error {
			var err error
			if killed[i], err = m.isKilled(ctx, root); err != nil {
				none[i] = fmt.Errorf("%s: %w", m.name, err)
			}
			fmt.Fprintf(os.Stderr, "%s: %s\n", m.name, verdict(killed[i]))
			return ctx.Err()
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "mutant\tverdict\ttest\tin")
	sum := 0
	for i, m := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", m.name, verdict(killed[i]), m.test, m.pkg)
		if killed[i] {
			sum++
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	fmt.Fprintf(w, "\nmutants: %d of %d killed by the test that is named for it\n", sum, len(all))
	if sum < len(all) {
		return errors.Join(errors.Join(none...), errSurvived)
	}
	return nil
}

func verdict(killed bool) string {
	if killed {
		return "killed"
	}
	return "SURVIVED"
}

// isKilled runs the test of a mutant.
func (m mutant) isKilled(ctx context.Context, root string) (bool, error) {
	dir, err := os.MkdirTemp("", "okr-mutant-")
	if err != nil {
		return false, fmt.Errorf("making a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	text, err := m.patched(root)
	if err != nil {
		return false, err
	}
	overlay, err := overlay(root, dir, map[string][]byte{m.file: text})
	if err != nil {
		return false, err
	}
	flags := []string{"-overlay", overlay}
	if m.race {
		flags = append(flags, "-race")
	}
	found, err := runTests(ctx, root, m.pkg, []string{m.test}, flags...)
	if err != nil {
		return false, err
	}
	if found[m.test] == "" {
		return false, fmt.Errorf("%s of %s does not run: is it a mistake that compiles?\n%s", m.test, m.pkg, found[buildOutput])
	}
	return found[m.test] == "fail", nil
}

// pristine runs every test on the code as it is.
func pristine(ctx context.Context, root string, all []mutant) error {
	tests := map[string][]string{}
	for _, m := range all {
		if !slices.Contains(tests[m.pkg], m.test) {
			tests[m.pkg] = append(tests[m.pkg], m.test)
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(tests)) {
		fmt.Fprintf(os.Stderr, "without a mistake: %s\n", pkg)
		found, err := runTests(ctx, root, pkg, tests[pkg])
		if err != nil {
			return err
		}
		for _, test := range tests[pkg] {
			if found[test] != "pass" {
				return fmt.Errorf("%s of %s has to pass on the code as it is: %q\n%s", test, pkg, found[test], found[buildOutput])
			}
		}
	}
	return nil
}

// buildOutput is where runTests has what a build that failed said, beside the names of tests.
const buildOutput = ""

// quietRapid are flags of a package's tests by which pgregory.net/rapid, where they use it, leaves no file of a failure
// behind in the folder of the package, where the next run would take it up.
func quietRapid(ctx context.Context, root, pkg string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-test", "-deps", "./"+pkg) //nolint:gosec // what is asked for stands in the tables
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("listing what the tests of %s use: %w", pkg, err)
	}
	if bytes.Contains(out, []byte("pgregory.net/rapid\n")) {
		return []string{"-rapid.nofailfile"}, nil
	}
	return nil, nil
}

// runTests runs tests of a package and says for each whether it was a "pass" or a "fail", as it is of one that had not ended
// when its time was up; nothing for one that did not begin.
func runTests(ctx context.Context, root, pkg string, tests []string, flags ...string) (map[string]string, error) {
	pattern := "^(" + strings.Join(tests, "|") + ")$"
	args := slices.Concat([]string{"test", "-json", "-vet=off", "-count=1", "-timeout", testTimeout.String(), "-run", pattern}, flags, []string{"./" + pkg})
	quiet, err := quietRapid(ctx, root, pkg)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", append(args, quiet...)...) //nolint:gosec // what is run stands in the tables beside this file
	cmd.Dir = root
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		return nil, fmt.Errorf("running go test: %w", err)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	found := map[string]string{buildOutput: problem.String()}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var event struct{ Action, Test, Output string } // cmd/test2json
		if json.Unmarshal(lines.Bytes(), &event) != nil {
			continue
		}
		switch event.Action {
		case "run":
			found[event.Test] = "fail" // unless it ends
		case "pass":
			if event.Test != "" {
				found[event.Test] = event.Action
			}
		case "build-output":
			found[buildOutput] += event.Output
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading what go test says: %w", err)
	}
	return found, nil
}
