package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the configuration tables")

const (
	readme     = "../../README.md"
	allPage    = "../configuration.md"
	tableStart = "<!-- configuration table: held by a test -->\n"
	tableEnd   = "<!-- end of the configuration table -->\n"
)

// boxes are the folders whose Config is read from the environment.
func boxes() []struct{ name, dir string } {
	return []struct{ name, dir string }{
		{"REST edge", "../../gateway/rest"},
		{"MCP edge", "../../gateway/mcp"},
		{"authz", "../../services/authz"},
		{"okr-store", "../../services/okrstore"},
		{"devidp", "../../services/devidp"},
	}
}

// inReadme are the settings that nearly everyone who deploys the system decides on. The page has all.
func inReadme() []string {
	return []string{
		"OKR_PUBLIC_URL", "OKR_REST_ADDR", "OKR_MCP_ADDR", "OKR_AUTHZ_ADDR", "OKR_STORE_ADDR", "OKR_EDGE_KEY_REST", "OKR_EDGE_KEY_MCP",
		"OKR_MCP_SEAL_KEY", "OKR_TXN_KEY_FILE", "OKR_OAUTH_ISSUER", "OKR_STYTCH_PROJECT_ID", "OKR_STYTCH_SECRET",
		"OKR_STYTCH_PUBLIC_TOKEN", "OKR_AUTHZ_CHECK_INTERVAL", "OKR_AUTHZ_STALE_LIMIT", "OKR_DATA_DIR", "OKR_MCP_CALLER_RATE",
		"OKR_STORE_CALLER_RATE", "OKR_STORE_MAX_OBJECTIVES", "OKR_LOG_LEVEL",
	}
}

func TestTheConfigurationTablesAreWhatTheCodeReads(t *testing.T) {
	all := allSettings(t)
	var most []*setting
	for _, name := range inReadme() {
		i := slices.IndexFunc(all, func(s *setting) bool { return s.name == name })
		if i < 0 {
			t.Fatalf("no box reads %s", name)
		}
		most = append(most, all[i])
	}
	for file, list := range map[string][]*setting{readme: most, allPage: all} {
		holdTable(t, file, tableStart+table(list)+tableEnd)
	}
}

func holdTable(t *testing.T, file, want string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, started := strings.Cut(string(text), tableStart)
	_, after, ended := strings.Cut(rest, tableEnd)
	if !started || !ended {
		t.Fatalf("%s lacks the line %q or %q", file, tableStart, tableEnd)
	}
	if *update {
		if err := os.WriteFile(file, []byte(before+want+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !strings.Contains(string(text), want) {
		t.Errorf("the table of %s is out of step with the code; run this test with -update. Want:\n%s", file, want)
	}
}

func TestTheReadmeIsShort(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines >= 250 {
		t.Errorf("it has %d lines, want fewer than 250: move depth to pages of its own", lines)
	}
}

// setting is one variable and the boxes that read it.
type setting struct {
	name, value, meaning string
	boxes                []string
}

// allSettings are those of all boxes.
func allSettings(t *testing.T) []*setting {
	t.Helper()
	var settings []*setting
	for _, box := range boxes() {
		for _, s := range configFields(t, box.dir) {
			i := slices.IndexFunc(settings, func(o *setting) bool { return o.name == s.name })
			if i < 0 {
				settings = append(settings, &s)
				i = len(settings) - 1
			}
			settings[i].boxes = append(settings[i].boxes, box.name)
			if settings[i].value == "" {
				settings[i].value = s.value
			}
		}
	}
	return settings
}

func table(settings []*setting) string {
	var table strings.Builder
	table.WriteString("| variable | default | read by | meaning |\n|---|---|---|---|\n")
	for len(settings) > 0 {
		meaning := settings[0].meaning
		var names, values, readers []string
		// What means the same in several boxes is one row.
		settings = slices.DeleteFunc(settings, func(s *setting) bool {
			if s.meaning != meaning {
				return false
			}
			names, values, readers = append(names, code(s.name)), append(values, code(s.value)), append(readers, strings.Join(s.boxes, ", "))
			return true
		})
		fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", cell(names), cell(values), cell(readers), meaning)
	}
	return table.String()
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

// cell is a cell with a line for each name of the row, or one if they are all the same.
func cell(lines []string) string {
	if len(slices.Compact(slices.Clone(lines))) == 1 {
		return lines[0]
	}
	return strings.Join(lines, "<br>")
}

// variablesFile lists the variables that some program reads, for programs to know those of others by.
const variablesFile = "../../services/kit/config/variables.txt"

// programs have settings beside the boxes': what stands here is read by one of them, or by docker-compose.yml.
func programs() []string {
	return []string{
		"OKR_BENCH_ONLY", "OKR_BENCH_PROFILE", "OKR_BENCH_ROUND", // deploy/bench
		"OKR_MUTANTS_ONLY", "OKR_SCALE_ORGANIZATIONS", "OKR_SCALE_WRITES", "OKR_SCALE_YEARS", // deploy/mutants, deploy/scale
		"OKR_BROWSER_SLOW", "OKR_CHROMIUM", "OKR_PICTURES", // deploy/browser
		"OKR_K8S_LOAD",                                              // deploy/k8s.sh
		"OKR_CLIENT_ID", "OKR_OUTPUT", "OKR_PLAINTEXT", "OKR_TOKEN", // okrctl
		"OKR_E2E_CHILD", "OKR_E2E_OPERATIONS", "OKR_E2E_SOAK", // deploy/e2e
		"OKR_DEVIDP_SCALE", "OKR_VERSION", // docker-compose.yml
		"OKR_STYTCH_MANAGEMENT_URL", // authz policy
	}
}

func TestTheProgramsKnowTheVariablesThatTheCodeReads(t *testing.T) {
	names := programs()
	for _, box := range boxes() {
		for _, s := range configFields(t, box.dir) {
			names = append(names, s.name)
		}
	}
	slices.Sort(names)
	want := "# What some program of the system reads, held by a test of deploy/local. Everything else that begins with OKR_ is a mistake.\n" +
		strings.Join(slices.Compact(names), "\n") + "\n"
	if *update {
		if err := os.WriteFile(variablesFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(variablesFile)
	if err != nil || string(got) != want {
		t.Errorf("%s is out of step with the code (%v); run this test with -update. Want:\n%s", variablesFile, err, want)
	}
}

// configFields reads the fields of a package's Config: their env tags and the first sentence of their comments.
func configFields(t *testing.T, dir string) []setting {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var settings []setting
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != "Config" {
				return true
			}
			fields, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			meaning := ""
			for _, field := range fields.Fields.List {
				if field.Doc != nil { // a comment may stand over several fields
					meaning = firstSentence(field.Doc.Text())
				}
				if s, ok := settingOf(t, field); ok {
					s.meaning = meaning
					settings = append(settings, s)
				}
			}
			return false
		})
	}
	if len(settings) == 0 {
		t.Fatalf("%s has no Config with env tags", dir)
	}
	return settings
}

func settingOf(t *testing.T, field *ast.Field) (setting, bool) {
	t.Helper()
	if field.Tag == nil {
		return setting{}, false
	}
	text, err := strconv.Unquote(field.Tag.Value)
	if err != nil {
		t.Fatal(err)
	}
	tag := reflect.StructTag(text)
	name, _, _ := strings.Cut(tag.Get("env"), ",")
	return setting{name: name, value: tag.Get("envDefault")}, name != "" && name != "-"
}

func firstSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if sentence, _, found := strings.Cut(text, ". "); found {
		return sentence
	}
	return strings.TrimSuffix(text, ".")
}
