package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/df0f9dda/okr-manager/services/kit/jsontext"
)

// schema is a published schema that arguments are checked against.
type schema struct {
	raw        json.RawMessage // on one line
	compiled   *jsonschema.Schema
	properties []string // the names of the outermost level, for messages
	headers    []Header
}

// Header is a parameter of a tool that clients repeat in an HTTP header (2026-07-28, x-mcp-header).
type Header struct {
	// Name is the header's, Mcp-Param-… .
	Name string
	// Path leads from the arguments to the parameter.
	Path []string
	// Integer says that values are compared as numbers.
	Integer bool
}

// newSchema compiles a schema. It must be an object's, as MCP wants it for what a tool takes.
func newSchema(raw json.RawMessage) (*schema, error) {
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	root, ok := doc.(map[string]any)
	if !ok || root["type"] != "object" {
		return nil, errors.New(`the schema is not of "type": "object"`)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat() // what is published is what is checked
	compiler.UseLoader(nothing{})
	const at = "schema:///"
	if err := compiler.AddResource(at, doc); err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	compiled, err := compiler.Compile(at)
	if err != nil {
		return nil, fmt.Errorf("compiling the schema: %w", err)
	}
	s := &schema{raw: line.Bytes(), compiled: compiled}
	if s.properties, err = namesIn(raw); err != nil {
		return nil, err
	}
	s.headers, err = headersIn(root)
	return s, err
}

// nothing loads nothing: a schema stands for itself, and no reference in it reaches a file or the network.
type nothing struct{}

// Load implements jsonschema.URLLoader.
func (nothing) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is not part of the schema", url)
}

// check checks arguments, which are a JSON object. It returns them with every whole number written as Go's decoder reads
// an integer (40, not 40.0 or 4e1, which JSON Schema takes for the same), or else what is wrong with them.
func (s *schema) check(arguments json.RawMessage) (json.RawMessage, []string, error) {
	if err := jsontext.CheckSurrogates(arguments); err != nil { // encoding/json makes another character of it
		return nil, []string{err.Error()}, nil //nolint:nilerr // as below
	}
	decoder := json.NewDecoder(bytes.NewReader(arguments))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, nil, fmt.Errorf("reading the arguments: %w", err)
	}
	value, rewritten, err := tame(value)
	if err != nil {
		return nil, []string{err.Error()}, nil //nolint:nilerr // what is wrong with the arguments is an answer, no failure
	}
	if err := s.compiled.Validate(value); err != nil {
		var failed *jsonschema.ValidationError
		if !errors.As(err, &failed) {
			return nil, nil, fmt.Errorf("checking the arguments: %w", err)
		}
		return nil, s.explain(failed), nil
	}
	if !rewritten {
		return arguments, nil, nil
	}
	out, err := encode(value)
	return out, nil, err
}

// Bounds of a number's text. What they let through fits a float64. Beyond are no amounts but attacks: a few bytes of
// exponent make megabytes of digits.
const (
	maxDigits   = 64
	maxExponent = 200
)

// tame bounds the numbers in a value and writes whole ones as integers. It changes the value in place.
func tame(value any) (out any, rewritten bool, err error) {
	switch v := value.(type) {
	case json.Number:
		whole, err := wholeNumber(v.String())
		if err != nil || whole == "" {
			return value, false, err
		}
		return json.Number(whole), true, nil
	case map[string]any:
		for name, member := range v {
			tamed, changed, err := tame(member)
			if err != nil {
				return nil, false, err
			}
			if changed {
				v[name], rewritten = tamed, true
			}
		}
	case []any:
		for i, member := range v {
			tamed, changed, err := tame(member)
			if err != nil {
				return nil, false, err
			}
			if changed {
				v[i], rewritten = tamed, true
			}
		}
	}
	return value, rewritten, nil
}

// wholeNumber is the plain form of a whole number that is written with a fraction or an exponent, "" for others.
func wholeNumber(text string) (string, error) {
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(text), "e")
	if len(mantissa) > maxDigits {
		return "", fmt.Errorf("a number has more than %d digits", maxDigits)
	}
	if scientific {
		if e, err := strconv.Atoi(exponent); err != nil || e > maxExponent || e < -maxExponent {
			return "", fmt.Errorf("the number %.32s… is out of range", text)
		}
	} else if !strings.Contains(text, ".") {
		return "", nil
	}
	rat, ok := new(big.Rat).SetString(text)
	if !ok || !rat.IsInt() {
		return "", nil
	}
	return rat.Num().String(), nil
}

// canonical writes a JSON value in the one way that does not depend on its writer's order and spaces.
func canonical(raw json.RawMessage) []byte {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return raw
	}
	out, err := json.Marshal(value)
	if err != nil {
		return raw
	}
	return out
}
