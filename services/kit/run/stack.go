package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Stack closes resources in the reverse order of their opening. The zero value is ready. It is not safe for concurrent
// use.
type Stack struct {
	closers []closer
}

type closer struct {
	name  string
	close func(context.Context) error
}

// Push adds a resource. closeIt must return when its context ends.
func (s *Stack) Push(name string, closeIt func(context.Context) error) {
	s.closers = append(s.closers, closer{name, closeIt})
}

// Close closes everything, last in first out, also after an error, and joins the errors. A second Close does nothing.
func (s *Stack) Close(ctx context.Context) error {
	closers := s.closers
	s.closers = nil
	var errs []error
	for _, c := range slices.Backward(closers) {
		if err := c.close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("closing %s: %w", c.name, err))
		}
	}
	return errors.Join(errs...)
}
