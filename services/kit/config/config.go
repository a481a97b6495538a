// Package config reads a service's settings from the environment: defaults stand in the code, every mistake is reported
// at once, and secrets do not print.
package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Validator is implemented by configurations whose fields have rules. Validate reports every broken rule at once,
// joined by errors.Join, and names the variable in each.
type Validator interface {
	Validate() error
}

// Load fills a configuration from the environment variables that its fields' `env` tags name, with the values of their
// `envDefault` tags for those that are not set, and validates it. The error lists every mistake,
// among them variables of the system that no program reads.
func Load[C any]() (C, error) { return LoadOver[C](nil) }

// LoadOver is Load with defaults of the program's own, by variable name, which stand over those of the `envDefault` tags
// and under the environment.
func LoadOver[C any](defaults map[string]string) (C, error) {
	environment := maps.Clone(defaults)
	if environment == nil {
		environment = map[string]string{}
	}
	maps.Copy(environment, env.ToMap(os.Environ()))
	var c C
	err := env.ParseWithOptions(&c, env.Options{Environment: environment})
	var aggregate env.AggregateError
	if errors.As(err, &aggregate) {
		err = errors.Join(aggregate.Errors...)
	}
	if v, ok := any(&c).(Validator); ok {
		err = errors.Join(err, v.Validate())
	}
	return c, errors.Join(err, errors.Join(unknown[C](environment)...))
}

// Variable describes one setting, for the configuration table of the README.
type Variable struct {
	Name    string
	Default string
}

// Variables lists the settings of a configuration in the order of its fields.
func Variables[C any]() ([]Variable, error) {
	params, err := env.GetFieldParams(new(C))
	if err != nil {
		return nil, fmt.Errorf("reading the env tags of %T: %w", *new(C), err)
	}
	var variables []Variable
	for _, p := range params {
		if p.OwnKey != "" {
			variables = append(variables, Variable{Name: p.Key, Default: p.DefaultValue})
		}
	}
	return variables, nil
}

// Write lists the settings of a configuration that was loaded, one line each as NAME=value, in the order of its fields;
// those of the environment are marked as such. Secrets are written as REDACTED.
func Write[C any](w io.Writer, c C) error {
	variables, err := Variables[C]()
	if err != nil {
		return err
	}
	values := map[string]string{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[C]()) {
		name, _, _ := strings.Cut(field.Tag.Get("env"), ",")
		if name != "" {
			value := reflect.ValueOf(c).FieldByIndex(field.Index).Interface()
			if list, ok := value.([]string); ok {
				value = strings.Join(list, ",")
			}
			values[name] = fmt.Sprint(value)
		}
	}
	for _, v := range variables {
		source := ""
		if _, set := os.LookupEnv(v.Name); set {
			source = "  # from the environment"
		}
		if _, err := fmt.Fprintf(w, "%s=%s%s\n", v.Name, values[v.Name], source); err != nil {
			return err
		}
	}
	return nil
}

const redacted = "REDACTED"

// Secret is a setting that must not reach a log, an error or an answer. string(s) reveals it. It belongs into an exported
// field: package fmt reads unexported ones without asking their type.
type Secret string

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format implements fmt.Formatter, because with the verbs that do not fit strings, such as %d, package fmt would print the
// value beside its complaint.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'q' || f.Flag('#') {
		fmt.Fprintf(f, "%q", s.String())
		return
	}
	_, _ = io.WriteString(f, s.String()) // fmt.State keeps its own errors
}

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}
