package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// namesIn lists the properties of a schema's outermost level as they stand.
func namesIn(raw json.RawMessage) ([]string, error) {
	root, err := wire.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	properties, _ := root.Object("properties")
	names := make([]string, 0, len(properties))
	for _, property := range properties {
		names = append(names, property.Name)
	}
	return names, nil
}

// headersIn finds the parameters with x-mcp-header. Where the annotation may stand is narrow, and clients drop a tool
// that has one elsewhere (2026-07-28, Streamable HTTP, Schema Extension).
func headersIn(root map[string]any) ([]Header, error) {
	var found []Header
	if err := findHeaders(root, nil, true, &found); err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(found); i++ {
		if found[i].Name == found[i-1].Name {
			return nil, fmt.Errorf("x-mcp-header: %s stands for two parameters", found[i].Name)
		}
	}
	return found, nil
}

// findHeaders walks a schema. reachable says whether a chain of "properties" alone led here.
func findHeaders(schema map[string]any, path []string, reachable bool, found *[]Header) error {
	if name, annotated := schema["x-mcp-header"]; annotated {
		header, err := header(name, schema["type"], path, reachable)
		if err != nil {
			return err
		}
		*found = append(*found, header)
	}
	for keyword, value := range schema {
		properties, ok := value.(map[string]any)
		if keyword == "properties" && ok {
			for name, property := range properties {
				if property, ok := property.(map[string]any); ok {
					if err := findHeaders(property, append(slices.Clone(path), name), reachable, found); err != nil {
						return err
					}
				}
			}
			continue
		}
		if err := findElsewhere(value, path, found); err != nil {
			return err
		}
	}
	return nil
}

// findElsewhere walks what stands under another keyword, where no annotation may be.
func findElsewhere(value any, path []string, found *[]Header) error {
	switch v := value.(type) {
	case map[string]any:
		return findHeaders(v, path, false, found)
	case []any:
		for _, element := range v {
			if err := findElsewhere(element, path, found); err != nil {
				return err
			}
		}
	}
	return nil
}

func header(name, kind any, path []string, reachable bool) (Header, error) {
	text, ok := name.(string)
	switch {
	case !ok || text == "" || strings.ContainsFunc(text, func(r rune) bool { return !token(r) }):
		return Header{}, errors.New("x-mcp-header: not a name for a header")
	case !reachable || len(path) == 0:
		return Header{}, fmt.Errorf("x-mcp-header: %s stands where only a chain of properties may lead", text)
	case kind != "string" && kind != "integer" && kind != "boolean":
		return Header{}, fmt.Errorf("x-mcp-header: %s is on a parameter that is no string, integer or boolean", text)
	}
	return Header{
		Name: textproto.CanonicalMIMEHeaderKey("Mcp-Param-" + text), Path: path, Integer: kind == "integer",
	}, nil
}

// token says whether a character may stand in a header's name (RFC 9110 section 5.6.2).
func token(r rune) bool {
	return r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		strings.ContainsRune("!#$%&'*+-.^_`|~", r))
}
