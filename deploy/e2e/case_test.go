package e2e

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A case is one feature as each surface has it, with one expected result. Its file is a text with sections:
//
//	What the feature is, and what a surface has no counterpart for.
//	-- grpc --
//	CreateObjective {"objective": {"title": "Grow", "owner_id": "me"}}
//	  objective = id
//	  owner: ownerId
//	-- rest --
//	POST /api/v1/objectives {"title": "Grow", "ownerId": "me"}
//	  objective = id
//	  owner: ownerId
//	-- mcp --
//	addObjective {"objectiveText": "Grow", "owner": "me"}
//	  objective = okrID
//	getObjective {"okrID": "$objective"}
//	  owner: owner.memberID
//	-- want --
//	owner: $ceo
//
// A line that is not indented is a call: of an RPC of okr.v1, of the REST API, or of a tool. It comes from the CEO of a new
// organization, or with "@manager " in front from a manager of it. Indented lines keep a value of the answer under a name,
// or print it with a label. A path goes through objects by dots and through lists by [0], or by [] for all of them. What a
// call is refused with is printed by itself. An empty line and one that begins with # do nothing.
//
// A section "old" is calls of gRPC that were made fifteen days ago; the case then has a system of its own.
type featureCase struct {
	name  string
	parts map[string]string
}

var sectionMark = regexp.MustCompile(`(?m)^-- ([a-z]+) --\n`)

// readCase reads a file of testdata/features.
func readCase(t *testing.T, path, name string) featureCase {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := featureCase{name: name, parts: map[string]string{}}
	text := string(raw)
	marks := sectionMark.FindAllStringSubmatchIndex(text, -1)
	for i, m := range marks {
		end := len(text)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		section := text[m[2]:m[3]]
		if _, twice := c.parts[section]; twice {
			t.Fatalf("%s has two sections %s", path, section)
		}
		c.parts[section] = text[m[1]:end]
	}
	for _, section := range []string{"grpc", "rest", "mcp", "want"} {
		if strings.TrimSpace(c.parts[section]) == "" {
			t.Fatalf("%s lacks the section %s", path, section)
		}
	}
	for section := range c.parts {
		if !slices.Contains([]string{"old", "grpc", "rest", "mcp", "want"}, section) {
			t.Fatalf("%s has a section %s", path, section)
		}
	}
	return c
}

// play is a case on one surface: what its calls have kept and printed.
type play struct {
	cast *cast
	kept map[string]string
	// names are those of kept, in the order in which they were.
	names []string
	out   strings.Builder
}

func newPlay(c *cast) *play { return &play{cast: c, kept: map[string]string{}} }

func (p *play) keep(name, value string) {
	if _, known := p.kept[name]; !known {
		p.names = append(p.names, name)
	}
	p.kept[name] = value
}

var variable = regexp.MustCompile(`\$([a-z][A-Za-z0-9]*)`)

// fill puts values in the place of their names.
func (p *play) fill(t *testing.T, text string) string {
	t.Helper()
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		value, ok := p.kept[name[1:]]
		if !ok {
			t.Fatalf("%s was not kept", name)
		}
		return value
	})
}

// run makes the calls of a section.
func (p *play) run(t *testing.T, section string) {
	t.Helper()
	var answered fields
	refused := false
	for _, line := range strings.Split(section, "\n") {
		text := strings.TrimSpace(line)
		switch {
		case text == "" || strings.HasPrefix(text, "#"):
		case line[0] != ' ':
			var reason string
			if answered, reason = p.cast.call(t, p.fill(t, text)); reason != "" {
				fmt.Fprintf(&p.out, "refused: %s\n", reason)
			}
			refused = reason != ""
		case refused:
			t.Errorf("%q expects an answer of a call that was refused: %s", text, p.out.String())
			return
		default:
			p.look(t, answered, text)
		}
	}
}

// look keeps a value of an answer or prints it.
func (p *play) look(t *testing.T, answered fields, line string) {
	t.Helper()
	if name, path, ok := strings.Cut(line, " = "); ok {
		value := at(answered, path)
		text, isText := value.(string)
		if !isText || text == "" {
			t.Fatalf("there is no %s in %v", path, answered)
		}
		p.keep(name, text)
		return
	}
	label, path, ok := strings.Cut(line, ": ")
	if !ok {
		t.Fatalf("%q neither keeps nor prints", line)
	}
	fmt.Fprintf(&p.out, "%s: %s\n", label, p.print(at(answered, path)))
}

// at is what stands under a path; nil for nothing.
func at(value any, path string) any {
	if path == "" {
		return value
	}
	name, rest, _ := strings.Cut(path, ".")
	name, index, indexed := strings.Cut(name, "[")
	if object, ok := value.(map[string]any); ok {
		value = object[name]
	} else if object, ok := value.(fields); ok {
		value = object[name]
	} else {
		return nil
	}
	if !indexed {
		return at(value, rest)
	}
	list, _ := value.([]any)
	var all []any
	for i, element := range list {
		if index != "]" && index != fmt.Sprintf("%d]", i) {
			continue
		}
		found := at(element, rest)
		if inner, ok := found.([]any); ok && rest != "" { // of lists in lists, all elements
			all = append(all, inner...)
			continue
		}
		all = append(all, found)
	}
	if index != "]" {
		if len(all) == 0 {
			return nil
		}
		return all[0]
	}
	return all
}

var (
	instantText = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)
	// enumText is a value of an enum of the contract, which tools write without the enum's name.
	enumText = regexp.MustCompile(`^(?:OBJECTIVE_STATE|CONFIDENCE|VALUE_FORMAT|KEY_RESULT_KIND|CHANGE_KIND|PROPOSAL_STATE|UNDO_OUTCOME|SURFACE)_([A-Z_]+)$`)
)

// print writes a value in the one way that all surfaces share: names for ids, tools' spelling of enums, and "none" for
// what is absent, which some surfaces write as an empty value.
func (p *play) print(value any) string {
	switch v := value.(type) {
	case nil:
		return "none"
	case bool:
		if !v {
			return "none"
		}
	case []any:
		texts := make([]string, 0, len(v))
		for _, element := range v {
			texts = append(texts, p.print(element))
		}
		if len(texts) == 0 {
			return "none"
		}
		return strings.Join(texts, ", ")
	case string:
		switch match := enumText.FindStringSubmatch(v); {
		case v == "" || match != nil && match[1] == "UNSPECIFIED":
			return "none"
		case match != nil:
			return camelCase(strings.ToLower(match[1]))
		case instantText.MatchString(v):
			return "a time"
		}
		for _, name := range p.names {
			if v == p.kept[name] {
				return "$" + name
			}
		}
		return v
	}
	return fmt.Sprint(value)
}

// camelCase writes start_value as startValue.
func camelCase(name string) string {
	parts := strings.Split(name, "_")
	for i := 1; i < len(parts); i++ {
		parts[i] = strings.ToUpper(parts[i][:1]) + parts[i][1:]
	}
	return strings.Join(parts, "")
}
