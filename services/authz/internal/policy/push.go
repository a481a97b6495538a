package policy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
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
	if err := p.Confirm(ctx); err != nil {
		return err
	}
	// A PUT replaces the whole policy, and nothing guards against someone else's change since the GET. So make the time in
	// between short, whatever time the answer took.
	again, err := p.Management.Get(ctx)
	if err != nil {
		return err
	}
	changed, err := differences(current, again)
	if err != nil {
		return err
	}
	if len(changed) > 0 {
		return errors.New("the project's policy was changed by someone else in the meantime; nothing was written: run this again")
	}
	if err := p.Management.Put(ctx, merged); err != nil {
		return err
	}
	written, err := p.Management.Get(ctx)
	if err != nil {
		return fmt.Errorf("reading back what was written: %w", err)
	}
	different, err := differences(merged, written)
	if err != nil {
		return fmt.Errorf("reading back what was written: %w", err)
	}
	if len(different) > 0 {
		return fmt.Errorf("the policy was written, but what was read back differs in %s", strings.Join(different, ", "))
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

// Missing lists what the project's policy lacks, a line each, and what it has beside the product's.
func (p Push) Missing(ctx context.Context) (missing, foreign []string, err error) {
	p.Out = io.Discard
	current, _, changes, err := p.compare(ctx)
	if err != nil {
		return nil, nil, err
	}
	wanted, err := ProductPolicy()
	if err != nil {
		return nil, nil, err
	}
	for _, c := range changes {
		missing = append(missing, fmt.Sprint(c))
	}
	foreign, err = Foreign(current, wanted)
	return missing, foreign, err
}

// Confirm asks whether to go on. When ctx ends it returns at once, and leaves behind whoever reads the answer, because a
// terminal cannot be interrupted.
func (p Push) Confirm(ctx context.Context) error {
	if p.Yes {
		return nil
	}
	if !p.Ask {
		return errors.New("nothing was written: there is no terminal to ask on; --yes permits the change")
	}
	fmt.Fprint(p.Out, "Write this? [y/N] ")
	type line struct {
		text string
		err  error
	}
	answered := make(chan line, 1)
	go func() {
		text, err := bufio.NewReader(p.In).ReadString('\n')
		answered <- line{text, err}
	}()
	var answer line
	select {
	case <-ctx.Done():
		return fmt.Errorf("nothing was written: %w", ctx.Err())
	case answer = <-answered:
	}
	if answer.err != nil && !errors.Is(answer.err, io.EOF) {
		return fmt.Errorf("reading the answer: %w", answer.err)
	}
	switch strings.ToLower(strings.TrimSpace(answer.text)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was written")
}
