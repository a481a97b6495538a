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

var update = flag.Bool("update", false, "write the configuration table into the README")

const (
	readme     = "../../README.md"
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

func TestTheReadmesConfigurationTableIsWhatTheCodeReads(t *testing.T) {
	want := tableStart + configurationTable(t) + tableEnd
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), tableStart)
	if !found {
		t.Fatalf("the README has no line %q", tableStart)
	}
	_, after, found := strings.Cut(rest, tableEnd)
	if !found {
		after = rest
	}
	if *update {
		if err := os.WriteFile(readme, []byte(before+want+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !strings.Contains(string(text), want) {
		t.Errorf("the README's table is out of step with the code; run this test with -update. Want:\n%s", want)
	}
	if lines := strings.Count(string(text), "\n"); lines > 250 {
		t.Errorf("the README has %d lines, want at most 250: move depth to pages of its own", lines)
	}
}

// setting is one variable and the boxes that read it.
type setting struct {
	name, value, meaning string
	boxes                []string
}

func configurationTable(t *testing.T) string {
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
	var table strings.Builder
	table.WriteString("| variable | default | read by | meaning |\n|---|---|---|---|\n")
	for _, s := range settings {
		value := ""
		if s.value != "" {
			value = "`" + s.value + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", s.name, value, strings.Join(s.boxes, ", "), s.meaning)
	}
	return table.String()
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
