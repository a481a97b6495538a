// Package setup does what the product needs of a Stytch project and an administrator would otherwise do in the dashboard:
// redirect URLs, Connected Apps and the access policy, over the management API. It adds, and takes nothing away.
package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
)

// The product's pages where sign-ins end and where agents are consented to.
const (
	landingPath = "/authenticate"
	consentPath = "/oauth/authorize"
)

// Setup brings a project up to what the product needs. Its Push says where the project is, whom to ask, and whether to
// write.
type Setup struct {
	policy.Push
	// PublicURL is the address of the product.
	PublicURL string
	// FrontendSDK also lets Stytch's JavaScript SDK run on pages at PublicURL, as Stytch's guide has it. The product's own
	// pages do without.
	FrontendSDK bool
}

// step is one of the dashboard's pages.
type step struct {
	name string
	// look says what is missing, a line each, and what is kept that is not the product's, and how to write it.
	look func(context.Context) (finding, error)
}

type finding struct {
	missing, kept []string
	write         func(context.Context) error
}

func (s Setup) steps() []step {
	steps := []step{
		{"Redirect URLs", s.redirectURLs},
		{"Connected Apps", s.connectedApps},
		{"Roles, resources and scopes", s.accessPolicy},
	}
	if s.FrontendSDK {
		steps = append(steps, step{"Frontend SDK", s.frontendSDK})
	}
	return steps
}

// Run shows what is missing, asks once, writes it, looks again whether it is there, and says what is left to do by hand. A
// step that fails leaves those before it written; the next run goes on from there.
func (s Setup) Run(ctx context.Context) error {
	findings, missing, err := s.look(ctx, s.Out)
	if err != nil {
		return err
	}
	if missing > 0 && !s.DryRun {
		if err := s.Confirm(ctx); err != nil {
			return err
		}
		for i, step := range s.steps() {
			if len(findings[i].missing) == 0 {
				continue
			}
			if err := findings[i].write(ctx); err != nil {
				return fmt.Errorf("%s: %w", step.name, err)
			}
		}
		_, missing, err = s.look(ctx, io.Discard)
		if err != nil {
			return fmt.Errorf("reading back what was written: %w", err)
		}
		if missing > 0 {
			return errors.New("all was written, but what is read back still lacks some of it: run this again to see what")
		}
		fmt.Fprintln(s.Out, "Written, and read back.")
	}
	s.sayWhatIsLeft(ctx)
	return nil
}

// look takes every step's finding, writes it out, and counts what is missing.
func (s Setup) look(ctx context.Context, out io.Writer) (findings []finding, missing int, err error) {
	for _, step := range s.steps() {
		found, err := step.look(ctx)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", step.name, err)
		}
		findings = append(findings, found)
		missing += len(found.missing)
		if len(found.missing) == 0 {
			fmt.Fprintf(out, "%s: nothing to do.\n", step.name)
			continue
		}
		fmt.Fprintf(out, "%s, to be written:\n", step.name)
		for _, line := range found.missing {
			fmt.Fprintf(out, "  %s\n", line)
		}
		for _, line := range found.kept {
			fmt.Fprintf(out, "  = %s\n", line)
		}
	}
	return findings, missing, nil
}

// accessPolicy is what the subcommand policy does.
func (s Setup) accessPolicy(ctx context.Context) (finding, error) {
	missing, kept, err := s.Missing(ctx)
	return finding{missing, kept, func(ctx context.Context) error {
		push := s.Push
		push.Yes, push.Out = true, io.Discard // it was shown and permitted above
		return push.Run(ctx)
	}}, err
}

func (s Setup) path(suffix string) string {
	return "/v1/projects/" + url.PathEscape(s.Management.ProjectID) + suffix
}

// sayWhatIsLeft lists what the management API does not do.
func (s Setup) sayWhatIsLeft(ctx context.Context) {
	issuer := "the project's domain (https://…)"
	if p, err := s.project(ctx); err == nil && p.domain != "" {
		issuer = p.domain
	}
	fmt.Fprintf(s.Out, `
Left to do by hand:
  - Dashboard, API keys: copy the project's id, a secret and the public token into OKR_STYTCH_PROJECT_ID,
    OKR_STYTCH_SECRET and OKR_STYTCH_PUBLIC_TOKEN.
  - Set OKR_OAUTH_ISSUER to %s (Dashboard, API keys or Custom domains).
  - Dashboard, OAuth: a live project needs a Google client of its own for "Continue with Google"; a test project has one.
  - Then "authz doctor" looks at it all from outside.
`, issuer)
}

// origin is scheme and host of an address.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}
