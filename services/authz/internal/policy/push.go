package policy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// ErrDifferent says that the project lacks something of the product's policy.
var ErrDifferent = errors.New("the project's access policy lacks what is listed above")

// Push brings a project's access policy up to what the product needs.
type Push struct {
	// Management is where the policy is.
	Management Management
	// Out gets what is to be changed, and the question.
	Out io.Writer
	// In answers the question, and Ask says that there is someone to ask. Without it only Yes permits the change.
	In  io.Reader
	Ask bool
	Yes bool
	// DryRun ends before the question.
	DryRun bool
}

// Diff shows what a push would change. ErrDifferent if it is anything.
func (p Push) Diff(ctx context.Context) error {
	_, _, changes, err := p.compare(ctx)
	if err == nil && len(changes) > 0 {
		return ErrDifferent
	}
	return err
}

// Run shows what is missing, asks, writes it, and reads back whether it is there.
func (p Push) Run(ctx context.Context) error {
	current, merged, changes, err := p.compare(ctx)
	if err != nil || len(changes) == 0 || p.DryRun {
		return err
	}
	if err := p.confirm(); err != nil {
		return err
	}
	// A PUT replaces the whole policy, and nothing guards against someone else's change since the GET. So make the time in
	// between short, whatever time the answer took.
	again, err := p.Management.Get(ctx)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(current, again) {
		return errors.New("the project's policy was changed by someone else in the meantime; nothing was written: run this again")
	}
	if err := p.Management.Put(ctx, merged); err != nil {
		return err
	}
	written, err := p.Management.Get(ctx)
	if err != nil {
		return fmt.Errorf("reading back what was written: %w", err)
	}
	_, lost, err := Merge(written, merged)
	if err != nil {
		return fmt.Errorf("reading back what was written: %w", err)
	}
	if len(lost) > 0 {
		return fmt.Errorf("the policy was written, but what was read back lacks %s", lost)
	}
	fmt.Fprintln(p.Out, "Written, and read back.")
	return nil
}

func (p Push) compare(ctx context.Context) (current, merged Document, changes []Change, err error) {
	wanted, err := ProductPolicy()
	if err != nil {
		return nil, nil, nil, err
	}
	if current, err = p.Management.Get(ctx); err != nil {
		return nil, nil, nil, err
	}
	if merged, changes, err = Merge(current, wanted); err != nil {
		return nil, nil, nil, err
	}
	foreign, err := Foreign(current, wanted)
	if err != nil {
		return nil, nil, nil, err
	}
	p.show(changes, foreign)
	return current, merged, changes, nil
}

func (p Push) show(changes []Change, foreign []string) {
	if len(changes) == 0 {
		fmt.Fprintf(p.Out, "The access policy of %s has all that the product needs.\n", p.Management.ProjectID)
		return
	}
	fmt.Fprintf(p.Out, "To be added to the access policy of %s:\n", p.Management.ProjectID)
	for _, c := range changes {
		fmt.Fprintf(p.Out, "  %s\n", c)
	}
	if len(foreign) > 0 {
		fmt.Fprintln(p.Out, "Kept as it is:")
		for _, name := range foreign {
			fmt.Fprintf(p.Out, "  = %s\n", name)
		}
	}
}

// confirm asks whether to go on.
func (p Push) confirm() error {
	if p.Yes {
		return nil
	}
	if !p.Ask {
		return errors.New("nothing was written: there is no terminal to ask on; --yes permits the change")
	}
	fmt.Fprint(p.Out, "Write this? [y/N] ")
	answer, err := bufio.NewReader(p.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was written")
}
