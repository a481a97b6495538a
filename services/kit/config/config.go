// Package config reads a service's settings from the environment: defaults stand in the code, every mistake is reported
// at once, and secrets do not print.
package config

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/caarlos0/env/v11"
)

// Validator is implemented by configurations whose fields have rules. Validate reports every broken rule at once,
// joined by errors.Join, and names the variable in each.
type Validator interface {
	Validate() error
}

// Load fills a configuration from the environment variables that its fields' `env` tags name, with the values of their
// `envDefault` tags for those that are not set, and validates it. The error lists every mistake.
func Load[C any]() (C, error) {
	var c C
	err := env.Parse(&c)
	var aggregate env.AggregateError
	if errors.As(err, &aggregate) {
		err = errors.Join(aggregate.Errors...)
	}
	if v, ok := any(&c).(Validator); ok {
		err = errors.Join(err, v.Validate())
	}
	return c, err
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

const redacted = "REDACTED"

// Secret is a setting that must not reach a log, an error or an answer. string(s) reveals it.
type Secret string

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return fmt.Sprintf("%q", s.String()) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}
