package policy

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// accessPolicy is the product's own access policy.
//
//go:embed access_policy.json
var accessPolicy []byte

// Document is an access policy in the shape of Stytch's management API. It keeps whatever it holds, also what this
// program does not know.
type Document map[string]any

// ProductPolicy is what the product needs of a project's access policy.
func ProductPolicy() (Document, error) {
	var d Document
	if err := decode(accessPolicy, &d); err != nil {
		return nil, fmt.Errorf("reading the product's access policy: %w", err)
	}
	return d, nil
}

// wildcard stands for every action of a resource. Stytch refuses it beside other actions.
const wildcard = "*"

// section is a part of a document: a list of entries with a key each, or a single entry.
type section struct {
	// field is its name in a document, kind the word for one of its entries.
	field, kind string
	// key is the field that names an entry of a list; "" for a section that is one entry itself.
	key string
}

// The sections of a document, in the order in which changes are shown.
func sections() []section {
	return []section{
		{field: "custom_resources", kind: "resource", key: "resource_id"},
		{field: "stytch_member", kind: "role"},
		{field: "stytch_admin", kind: "role"},
		{field: "custom_roles", kind: "role", key: "role_id"},
		{field: "custom_scopes", kind: "scope", key: "scope"},
	}
}

// entry is a role, a scope or a resource in a document.
type entry = map[string]any

// entries lists a section's entries by name. The maps are the document's own.
func (d Document) entries(s section) (map[string]entry, error) {
	found := map[string]entry{}
	if s.key == "" {
		switch e := d[s.field].(type) {
		case nil:
		case entry:
			found[s.field] = e
		default:
			return nil, fmt.Errorf("%s is not an object", s.field)
		}
		return found, nil
	}
	list, err := listOf(d[s.field])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.field, err)
	}
	for _, item := range list {
		e, ok := item.(entry)
		name, named := e[s.key].(string)
		if !ok || !named || name == "" || found[name] != nil {
			return nil, fmt.Errorf("%s has an entry without a %s, or two with the same", s.field, s.key)
		}
		found[name] = e
	}
	return found, nil
}

// add adds an entry to a section.
func (d Document) add(s section, e entry) {
	if s.key == "" {
		d[s.field] = e
		return
	}
	list, _ := d[s.field].([]any) // entries has seen that it is a list, if it is there
	d[s.field] = append(list, e)
}

// clone copies a document through JSON, which it came from.
func (d Document) clone() (Document, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("copying a policy: %w", err)
	}
	var copied Document
	err = decode(text, &copied)
	return copied, err
}

// permissions lists the actions of a role or scope by resource, in the document's order.
func permissions(e entry) (resources []string, actions map[string][]string, err error) {
	list, err := listOf(e["permissions"])
	if err != nil {
		return nil, nil, fmt.Errorf("permissions: %w", err)
	}
	actions = map[string][]string{}
	for _, item := range list {
		p, _ := item.(map[string]any)
		resource, _ := p["resource_id"].(string)
		granted, err := stringsOf(p["actions"])
		if err != nil || resource == "" {
			return nil, nil, fmt.Errorf("a permission has no resource_id, or actions that are no words")
		}
		if !slices.Contains(resources, resource) {
			resources = append(resources, resource)
		}
		actions[resource] = append(actions[resource], granted...)
	}
	return resources, actions, nil
}

// grant adds an action list to the permission on a resource, which it makes if need be.
func grant(e entry, resource string, actions []string) {
	list, _ := e["permissions"].([]any) // permissions has seen that it is a list, if it is there
	for _, item := range list {
		if p, _ := item.(map[string]any); p["resource_id"] == resource {
			had, _ := stringsOf(p["actions"])
			p["actions"] = union(had, actions)
			return
		}
	}
	e["permissions"] = append(list, map[string]any{"resource_id": resource, "actions": actions})
}

// union has the actions of both lists. A wildcard stands alone: it covers the others.
func union(a, b []string) []string {
	both := slices.Clone(a)
	for _, action := range b {
		if !slices.Contains(both, action) {
			both = append(both, action)
		}
	}
	if slices.Contains(both, wildcard) {
		return []string{wildcard}
	}
	return both
}

// missing lists the wanted actions that the granted ones do not cover.
func missing(granted, wanted []string) []string {
	if slices.Contains(granted, wildcard) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(a string) bool { return slices.Contains(granted, a) })
}

func listOf(value any) ([]any, error) {
	switch list := value.(type) {
	case nil:
		return nil, nil
	case []any:
		return list, nil
	}
	return nil, fmt.Errorf("it is not a list")
}

func stringsOf(value any) ([]string, error) {
	if own, ok := value.([]string); ok {
		return own, nil
	}
	list, err := listOf(value)
	if err != nil {
		return nil, err
	}
	words := make([]string, len(list))
	for i, item := range list {
		word, ok := item.(string)
		if !ok {
			return nil, fmt.Errorf("it is not a list of words")
		}
		words[i] = word
	}
	return words, nil
}

// describe writes a permission as "key_result: read, update".
func describe(resource string, actions []string) string {
	return resource + ": " + strings.Join(actions, ", ")
}
