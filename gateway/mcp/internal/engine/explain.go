package engine

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// maxProblems bounds what is said about one call: more does not help to mend it.
const maxProblems = 8

// explain says what is wrong with arguments, each problem with its field and what would be right.
func (s *schema) explain(failed *jsonschema.ValidationError) []string {
	var problems []string
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(problems) == maxProblems {
			return
		}
		switch e.ErrorKind.(type) {
		case *kind.AnyOf, *kind.OneOf: // each alternative failed in its own way; any of them would do
			if alternatives := leaves(e.Causes); len(alternatives) > 0 {
				problems = append(problems, s.alternatives(alternatives))
				return
			}
		}
		if len(e.Causes) == 0 {
			problems = append(problems, s.problem(e))
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(failed)
	slices.Sort(problems) // the validator goes through maps
	return slices.Compact(problems)
}

// alternatives says what would each do.
func (s *schema) alternatives(of []*jsonschema.ValidationError) string {
	texts := make([]string, 0, len(of))
	for _, e := range of {
		texts = append(texts, s.problem(e))
	}
	slices.Sort(texts)
	return strings.Join(slices.Compact(texts), ", or ")
}

func leaves(of []*jsonschema.ValidationError) []*jsonschema.ValidationError {
	var out []*jsonschema.ValidationError
	for _, e := range of {
		if len(e.Causes) == 0 {
			out = append(out, e)
			continue
		}
		out = append(out, leaves(e.Causes)...)
	}
	return out[:min(len(out), maxProblems)]
}

// problem says one thing that is wrong. Names come from callers: they are quoted and cut.
func (s *schema) problem(e *jsonschema.ValidationError) string {
	field := "the arguments"
	if len(e.InstanceLocation) > 0 {
		field = quote(strings.Join(e.InstanceLocation, "."))
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		return enumerate(e.InstanceLocation, k.Missing) + " missing and required"
	case *kind.AdditionalProperties:
		known := ""
		if len(e.InstanceLocation) == 0 && len(s.properties) > 0 {
			known = " (there are: " + strings.Join(s.properties, ", ") + ")"
		}
		return enumerate(e.InstanceLocation, k.Properties) + " unknown" + known
	case *kind.Type:
		return field + " must be of type " + strings.Join(k.Want, " or ") + ", not " + k.Got
	case *kind.Enum:
		return field + " must be one of " + list(k.Want)
	case *kind.Const:
		return field + " must be " + list([]any{k.Want})
	case *kind.Minimum:
		return field + " must be at least " + number(k.Want)
	case *kind.Maximum:
		return field + " must be at most " + number(k.Want)
	case *kind.ExclusiveMinimum:
		return field + " must be more than " + number(k.Want)
	case *kind.ExclusiveMaximum:
		return field + " must be less than " + number(k.Want)
	case *kind.MultipleOf:
		return field + " must be a multiple of " + number(k.Want)
	case *kind.MinLength:
		return fmt.Sprintf("%s must have at least %d characters; it has %d", field, k.Want, k.Got)
	case *kind.MaxLength:
		return fmt.Sprintf("%s must have at most %d characters; it has %d", field, k.Want, k.Got)
	case *kind.MinItems:
		return fmt.Sprintf("%s must have at least %d elements; it has %d", field, k.Want, k.Got)
	case *kind.MaxItems:
		return fmt.Sprintf("%s must have at most %d elements; it has %d", field, k.Want, k.Got)
	case *kind.Pattern:
		return field + " must match the pattern " + k.Want
	case *kind.Format:
		return field + " must be a " + k.Want
	}
	// The rest is rare; the library's words do.
	return field + ": " + e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
}

// enumerate names fields of an object and ends with the verb.
func enumerate(at, names []string) string {
	quoted := make([]string, 0, len(names))
	for _, name := range names[:min(len(names), maxProblems)] {
		quoted = append(quoted, quote(strings.Join(append(slices.Clone(at), name), ".")))
	}
	slices.Sort(quoted)
	if len(quoted) == 1 {
		return quoted[0] + " is"
	}
	return strings.Join(quoted, ", ") + " are"
}

// quote cuts what a caller may have made long.
func quote(text string) string {
	const most = 80
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strconv.Quote(strings.ToValidUTF8(text, ""))
}

func list(values []any) string {
	texts := make([]string, 0, len(values))
	for _, value := range values {
		text, err := json.Marshal(value)
		if err == nil {
			texts = append(texts, string(text))
		}
	}
	return strings.Join(texts, ", ")
}

// number writes a bound as its schema does.
func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// join makes one sentence of problems.
func join(problems []string) string { return strings.Join(problems, "; ") }
