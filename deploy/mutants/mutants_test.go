package main

import (
	"bytes"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

const root = "../.."

// The table keeps up with the code: what a mutant changes is there, the change compiles as far as its syntax goes, and the
// test that is to notice it has not got another name.
func TestEveryMutantFitsTheCode(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, m := range mutants() {
		if names[m.name] {
			t.Errorf("there are two mutants %q", m.name)
		}
		names[m.name] = true
		text, err := m.patched(root)
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), m.file, text, parser.SkipObjectResolution); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		if !hasTest(t, m) {
			t.Errorf("%s: %s has no test %s", m.name, m.pkg, m.test)
		}
	}
	if least := 25; len(names) < least {
		t.Errorf("there are %d mutants, and should be %d at least", len(names), least)
	}
}

// Mistakes that do not compile are found here, and not by who waits an hour for what the tests say of all the others. They
// are made all at once, as far as they do not get in each other's way.
func TestEveryMutantCompiles(t *testing.T) {
	t.Parallel()
	for rest := mutants(); len(rest) > 0; {
		files := map[string][]byte{}
		var left []mutant
		for _, m := range rest {
			text, begun := files[m.file]
			if !begun {
				var err error
				if text, err = os.ReadFile(filepath.Join(root, m.file)); err != nil {
					t.Fatal(err)
				}
			}
			text, err := m.patch(text)
			switch {
			case err == nil:
				files[m.file] = text
			case begun: // another one has changed the line
				left = append(left, m)
			default:
				t.Errorf("%s: %v", m.name, err)
			}
		}
		overlay, err := overlay(root, t.TempDir(), files)
		if err != nil {
			t.Fatal(err)
		}
		packages := map[string]bool{}
		for file := range files {
			packages["./"+filepath.Dir(file)] = true
		}
		args := append([]string{"build", "-overlay", overlay, "-o", os.DevNull}, slices.Sorted(maps.Keys(packages))...)
		build := exec.CommandContext(t.Context(), "go", args...) //nolint:gosec // what is built stands in the tables
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			t.Errorf("%d mutants do not compile (%v):\n%s", len(rest)-len(left), err, out)
		}
		rest = left
	}
}

func hasTest(t *testing.T, m mutant) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, m.pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^func ` + m.test + `\(`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if declared.Match(text) {
			return true
		}
	}
	return false
}

// A program that says "killed" whatever happens would prove nothing.
func TestAMutantThatChangesNothingSurvivesAndOneThatDoesNotCompileIsNone(t *testing.T) {
	t.Parallel()
	harmless := mutant{
		name: "nothing", file: "services/okrstore/internal/okr/days.go", old: "package okr", new: "package okr // as ever",
		pkg: "services/okrstore/internal/okr", test: "TestDaysAreThoseOfUTC",
	}
	broken, gone := harmless, harmless
	broken.new, gone.old = "package okr\n\nimport _ \"not/there\"", "package nothing"
	for name, test := range map[string]struct {
		of   mutant
		want string
	}{
		"one that changes nothing":          {harmless, "not every mutant is killed by its test"},
		"one that does not compile":         {broken, "not/there"},
		"one that the code has no line for": {gone, "0 times what is to be changed"},
	} {
		var out bytes.Buffer
		if err := try(t.Context(), &out, root, []mutant{test.of}); err == nil || !bytes.Contains([]byte(err.Error()), []byte(test.want)) {
			t.Errorf("%s ended with %v, not with %q:\n%s", name, err, test.want, &out)
		}
	}
}
