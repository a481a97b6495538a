package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Change is one thing that a document lacks.
type Change struct {
	// Subject is what changes, such as "role manager".
	Subject string
	// New says that the subject is not there yet.
	New bool
	// Gains are what it gets, such as "key_result: read, update".
	Gains []string
}

// String writes a change on one line.
func (c Change) String() string {
	sign := "~"
	if c.New {
		sign = "+"
	}
	return plain(fmt.Sprintf("%s %s: %s", sign, c.Subject, strings.Join(c.Gains, "; ")))
}

// Merge returns the current document with everything that the wanted one has as well, and what that changes. It only ever
// adds: what is in the current document and not in the wanted one stays, and so do descriptions.
func Merge(current, wanted Document) (Document, []Change, error) {
	merged, err := current.clone()
	if err != nil {
		return nil, nil, err
	}
	wanted, err = wanted.clone() // whose entries may move over
	if err != nil {
		return nil, nil, err
	}
	var changes []Change
	for _, s := range sections() {
		have, err := merged.entries(s)
		if err != nil {
			return nil, nil, fmt.Errorf("the project's policy: %w", err)
		}
		want, err := wanted.entries(s)
		if err != nil {
			return nil, nil, fmt.Errorf("the wanted policy: %w", err)
		}
		for _, name := range slices.Sorted(maps.Keys(want)) {
			existing, known := have[name]
			if !known {
				existing = without(want[name], "permissions", "available_actions")
				merged.add(s, existing)
			}
			gains, err := extend(existing, want[name])
			if err != nil {
				return nil, nil, fmt.Errorf("%s %s: %w", s.kind, plain(name), err)
			}
			if !known || len(gains) > 0 {
				changes = append(changes, Change{Subject: s.kind + " " + name, New: !known, Gains: gains})
			}
		}
	}
	return merged, changes, nil
}

// extend gives an entry what the wanted one has, and says what that was.
func extend(e, wanted entry) (gains []string, err error) {
	available, err := stringsOf(e["available_actions"])
	if err != nil {
		return nil, fmt.Errorf("available_actions: %w", err)
	}
	wantedAvailable, err := stringsOf(wanted["available_actions"])
	if err != nil {
		return nil, fmt.Errorf("available_actions: %w", err)
	}
	if more := missing(available, wantedAvailable); len(more) > 0 {
		e["available_actions"] = union(available, more)
		gains = append(gains, strings.Join(more, ", "))
	}

	_, granted, err := permissions(e)
	if err != nil {
		return nil, err
	}
	resources, wantedActions, err := permissions(wanted)
	if err != nil {
		return nil, err
	}
	for _, resource := range resources {
		if more := missing(granted[resource], wantedActions[resource]); len(more) > 0 {
			grant(e, resource, more)
			gains = append(gains, describe(resource, more))
		}
	}
	return gains, nil
}

// Foreign lists what a document has and the wanted one does not know, such as "role auditor".
func Foreign(current, wanted Document) ([]string, error) {
	// What the wanted document would gain from the current one is what only the current one has.
	_, changes, err := Merge(wanted, current)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(changes))
	for i, c := range changes {
		names[i] = c.Subject
		if !c.New {
			names[i] += " (" + strings.Join(c.Gains, "; ") + ")"
		}
		names[i] = plain(names[i])
	}
	return names, nil
}

func without(e entry, fields ...string) entry {
	rest := maps.Clone(e)
	for _, field := range fields {
		delete(rest, field)
	}
	return rest
}
