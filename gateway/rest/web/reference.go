package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// reference is the API's description as its page shows it.
type reference struct {
	Groups []group
	Models []model
}

type group struct {
	Name, Text string
	Operations []operation
}

type operation struct {
	ID, Method, Path, Text string
	Parameters             []field
	Body                   []field
	Answer                 typeName
	Streams                bool
	Curl                   string
}

type model struct {
	ID, Name, Text string
	Fields         []field
	Values         []string
}

type field struct {
	Name, In, Text     string
	Type               typeName
	Required, ReadOnly bool
}

// typeName is a type as text, with the model it leads to.
type typeName struct {
	Text, Model string
}

// The parts of OpenAPI 2.0 that the generator writes and the page shows.
type (
	specification struct {
		Tags        []specTag                           `json:"tags"`
		Paths       map[string]map[string]specOperation `json:"paths"`
		Definitions map[string]specSchema               `json:"definitions"`
	}
	specTag struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	}
	specOperation struct {
		Summary     string                `json:"summary"`
		Description string                `json:"description"`
		OperationID string                `json:"operationId"`
		Parameters  []specParameter       `json:"parameters"`
		Responses   map[string]specReturn `json:"responses"`
		Tags        []string              `json:"tags"`
	}
	specParameter struct {
		Name        string      `json:"name"`
		In          string      `json:"in"`
		Description string      `json:"description"`
		Required    bool        `json:"required"`
		Type        string      `json:"type"`
		Format      string      `json:"format"`
		Schema      *specSchema `json:"schema"`
	}
	specReturn struct {
		Description string      `json:"description"`
		Schema      *specSchema `json:"schema"`
	}
	specSchema struct {
		Ref         string                `json:"$ref"`
		Type        string                `json:"type"`
		Format      string                `json:"format"`
		Title       string                `json:"title"`
		Description string                `json:"description"`
		ReadOnly    bool                  `json:"readOnly"`
		Required    []string              `json:"required"`
		Enum        []string              `json:"enum"`
		Items       *specSchema           `json:"items"`
		Properties  map[string]specSchema `json:"properties"`
	}
)

// hidden are definitions that no caller meets: errors have a shape of their own, which the page explains, and the secrets
// of a sign-in become cookies.
func hidden(definition string) bool {
	switch definition {
	case "protobufAny", "rpcStatus", "v1SessionCredentials":
		return true
	}
	return false
}

// methodOrder is the order of operations on one path.
var methodOrder = []string{"get", "post", "patch", "put", "delete"}

func parseReference(spec []byte) (reference, error) {
	var s specification
	if err := json.Unmarshal(spec, &s); err != nil {
		return reference{}, fmt.Errorf("parsing the API's description: %w", err)
	}
	var out reference
	for _, tag := range s.Tags {
		g := group{Name: strings.TrimSuffix(tag.Name, "Service"), Text: tag.Description}
		for _, path := range slices.Sorted(maps.Keys(s.Paths)) {
			for method, op := range s.Paths[path] {
				if slices.Contains(op.Tags, tag.Name) {
					g.Operations = append(g.Operations, s.operation(path, method, op))
				}
			}
		}
		slices.SortStableFunc(g.Operations, func(a, b operation) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(rank(a.Method), rank(b.Method)))
		})
		if len(g.Operations) > 0 {
			out.Groups = append(out.Groups, g)
		}
	}
	slices.SortStableFunc(out.Groups, func(a, b group) int { return cmp.Compare(groupRank(a), groupRank(b)) })
	for _, name := range slices.Sorted(maps.Keys(s.Definitions)) {
		if d := s.Definitions[name]; !hidden(name) {
			out.Models = append(out.Models, model{
				ID: name, Name: modelName(name), Text: cmp.Or(d.Description, d.Title), Fields: s.fields(d, ""), Values: d.Enum,
			})
		}
	}
	return out, nil
}

func rank(method string) int { return slices.Index(methodOrder, strings.ToLower(method)) }

// groupRank puts what the product is about first.
func groupRank(g group) int {
	if g.Name == "Okr" {
		return 0
	}
	return 1
}

func (s *specification) operation(path, method string, op specOperation) operation {
	out := operation{
		ID: op.OperationID, Method: strings.ToUpper(method), Path: path,
		Text: strings.TrimSpace(op.Summary + "\n" + op.Description),
	}
	for _, p := range op.Parameters {
		if p.In == "body" {
			out.Body = s.fields(s.resolve(*p.Schema), "")
			continue
		}
		out.Parameters = append(out.Parameters, field{
			Name: p.Name, In: p.In, Text: p.Description, Required: p.Required,
			Type: typeName{Text: cmp.Or(p.Format, p.Type)},
		})
	}
	answer := op.Responses["200"]
	out.Streams = strings.Contains(answer.Description, "streaming")
	if answer.Schema != nil {
		schema := *answer.Schema
		if out.Streams {
			schema = schema.Properties["result"]
		}
		out.Answer = typeOf(schema)
	}
	out.Curl = curl(out)
	return out
}

// resolve follows a reference to its definition.
func (s *specification) resolve(schema specSchema) specSchema {
	if name, ok := strings.CutPrefix(schema.Ref, "#/definitions/"); ok {
		return s.Definitions[name]
	}
	return schema
}

func (s *specification) fields(schema specSchema, in string) []field {
	var out []field
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		property := schema.Properties[name]
		if hidden(strings.TrimPrefix(property.Ref, "#/definitions/")) {
			continue
		}
		out = append(out, field{
			Name: name, In: in, Text: property.Description, Type: typeOf(property),
			Required: slices.Contains(schema.Required, name), ReadOnly: property.ReadOnly,
		})
	}
	return out
}

func typeOf(schema specSchema) typeName {
	switch {
	case schema.Ref != "":
		name := strings.TrimPrefix(schema.Ref, "#/definitions/")
		return typeName{Text: modelName(name), Model: name}
	case schema.Type == "array" && schema.Items != nil:
		item := typeOf(*schema.Items)
		return typeName{Text: "list of " + item.Text, Model: item.Model}
	case schema.Type == "object":
		return typeName{Text: "{}"}
	}
	return typeName{Text: cmp.Or(schema.Format, schema.Type)}
}

func modelName(definition string) string { return strings.TrimPrefix(definition, "v1") }

// curl is a command to try an operation with.
func curl(op operation) string {
	var out bytes.Buffer
	out.WriteString("curl -H \"Authorization: Bearer $TOKEN\"")
	if op.Streams {
		out.WriteString(" -N -H 'Accept: text/event-stream'")
	}
	if op.Method != http.MethodGet {
		out.WriteString(" -X " + op.Method)
	}
	if op.Body != nil {
		example := map[string]any{}
		for _, f := range op.Body {
			if f.Required && !f.ReadOnly {
				example[f.Name] = exampleOf(f)
			}
		}
		text, err := json.Marshal(example)
		if err == nil {
			fmt.Fprintf(&out, " \\\n  -H 'Content-Type: application/json' -d '%s'", text)
		}
	}
	fmt.Fprintf(&out, " \\\n  \"$OKR/%s\"", strings.TrimPrefix(op.Path, "/"))
	return out.String()
}

func exampleOf(f field) any {
	switch {
	case f.Type.Text == "int32":
		return 40
	case f.Name == "emailAddress":
		return "ada@acme.test"
	case f.Name == "code":
		return "123456"
	}
	return "…"
}
