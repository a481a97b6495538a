package authz

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/authz/internal/setup"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

// SetupConfig holds the settings of the subcommand setup.
type SetupConfig struct {
	PolicyConfig
	// PublicURL is the address of the product.
	PublicURL string `env:"OKR_PUBLIC_URL" envDefault:"http://localhost:3000"`
}

// Validate reports every setting that cannot work.
func (c *SetupConfig) Validate() error {
	err := c.PolicyConfig.Validate()
	if !isHTTP(c.PublicURL) {
		err = errors.Join(err, fmt.Errorf("OKR_PUBLIC_URL %q is not an http or https address", c.PublicURL))
	}
	return err
}

// SetupCommand is the subcommand that does in a Stytch project what the product needs of it.
func SetupCommand() run.Command {
	return run.Command{
		Name:    "setup",
		Summary: "give a Stytch project all that the product needs: redirect URLs, Connected Apps, access policy",
		Run:     runSetup,
	}
}

const setupUsage = `usage: authz setup [--yes] [--dry-run] [--frontend-sdk]

Shows what a Stytch project lacks of what the product needs, asks, writes it, and reads it back: the redirect URL of
sign-ins, the consent page and the registration of Connected Apps, and the access policy (as "authz policy push" does).
It keeps everything else; run again, it has nothing to do. Then it says what is left to do in the dashboard.

The project, the key and the product's address come from OKR_STYTCH_PROJECT_ID, OKR_STYTCH_WORKSPACE_KEY_ID,
OKR_STYTCH_WORKSPACE_KEY_SECRET and OKR_PUBLIC_URL.
`

func runSetup(ctx context.Context, args []string, stdio run.Stdio) error {
	flags := flag.NewFlagSet("setup", flag.ContinueOnError)
	flags.SetOutput(stdio.Err)
	flags.Usage = func() {
		fmt.Fprint(stdio.Err, setupUsage, "\nflags:\n")
		flags.PrintDefaults()
	}
	s := setup.Setup{Push: policy.Push{In: stdio.In, Out: stdio.Out, Ask: isTerminal(stdio.In)}}
	flags.BoolVar(&s.Yes, "yes", false, "write without asking")
	flags.BoolVar(&s.DryRun, "dry-run", false, "show what would be written, and write nothing")
	flags.BoolVar(&s.FrontendSDK, "frontend-sdk", false, "also let Stytch's JavaScript SDK run at OKR_PUBLIC_URL, which the product does without")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil || flags.NArg() > 0 {
		return fmt.Errorf("%w: setup %v", run.ErrUsage, args)
	}
	cfg, err := config.Load[SetupConfig]()
	if err != nil {
		return fmt.Errorf("%w: the configuration has mistakes:\n%w", run.ErrUsage, err)
	}
	client := policy.NewHTTPClient()
	defer client.CloseIdleConnections()
	s.PublicURL = strings.TrimRight(cfg.PublicURL, "/")
	s.Management = cfg.management(client)
	return s.Run(ctx)
}
