package authz

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"

	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

// PolicyConfig holds the settings of the subcommand policy.
type PolicyConfig struct {
	// ProjectID is the Stytch project.
	ProjectID string `env:"OKR_STYTCH_PROJECT_ID"`
	// ManagementURL is where Stytch's management API is.
	ManagementURL string `env:"OKR_STYTCH_MANAGEMENT_URL" envDefault:"https://management.stytch.com"`
	// WorkspaceKeyID and WorkspaceKeySecret are a key for the management API.
	WorkspaceKeyID     string        `env:"OKR_STYTCH_WORKSPACE_KEY_ID"`
	WorkspaceKeySecret config.Secret `env:"OKR_STYTCH_WORKSPACE_KEY_SECRET"`
}

// Validate reports every setting that cannot work.
func (c *PolicyConfig) Validate() error {
	var errs []error
	for _, required := range []struct{ name, value string }{
		{"OKR_STYTCH_PROJECT_ID", c.ProjectID},
		{"OKR_STYTCH_WORKSPACE_KEY_ID", c.WorkspaceKeyID},
		{"OKR_STYTCH_WORKSPACE_KEY_SECRET", string(c.WorkspaceKeySecret)},
	} {
		if required.value == "" {
			errs = append(errs, fmt.Errorf("%s must be set", required.name))
		}
	}
	if !isHTTP(c.ManagementURL) {
		errs = append(errs, fmt.Errorf("OKR_STYTCH_MANAGEMENT_URL %q is not an http or https address", c.ManagementURL))
	}
	// The workspace key may change every project: it does not go over a network in clear.
	if u, err := url.Parse(c.ManagementURL); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		errs = append(errs, fmt.Errorf("OKR_STYTCH_MANAGEMENT_URL %q must be https unless it is this machine", c.ManagementURL))
	}
	return errors.Join(errs...)
}

func (c *PolicyConfig) management(client *http.Client) policy.Management {
	return policy.Management{
		URL: c.ManagementURL, ProjectID: c.ProjectID,
		KeyID: c.WorkspaceKeyID, KeySecret: string(c.WorkspaceKeySecret), HTTP: client,
	}
}

// isLoopback says whether a host name is certain to be this machine.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// PolicyCommand is the subcommand that compares a project's access policy with what the product needs, and adds what is
// missing.
func PolicyCommand() run.Command {
	return run.Command{
		Name:    "policy",
		Summary: "compare a Stytch project's access policy with the product's (diff), or add what is missing (push)",
		Run:     runPolicy,
	}
}

const policyUsage = `usage: authz policy diff
       authz policy push [--yes] [--dry-run]

diff shows what the access policy of the project lacks, and exits with 1 if that is anything.
push shows it, asks, adds it, and keeps everything else.

The project and the key come from OKR_STYTCH_PROJECT_ID, OKR_STYTCH_WORKSPACE_KEY_ID and
OKR_STYTCH_WORKSPACE_KEY_SECRET.
`

func runPolicy(ctx context.Context, args []string, stdio run.Stdio) error {
	flags := flag.NewFlagSet("policy", flag.ContinueOnError)
	flags.SetOutput(stdio.Err)
	flags.Usage = func() {
		fmt.Fprint(stdio.Err, policyUsage, "\nflags:\n")
		flags.PrintDefaults()
	}
	push := policy.Push{In: stdio.In, Out: stdio.Out, Ask: isTerminal(stdio.In)}
	address := flags.String("management-url", "", "the management API, instead of OKR_STYTCH_MANAGEMENT_URL")

	var verb string
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	if verb != "push" && verb != "diff" {
		flags.Usage()
		return fmt.Errorf("%w: policy takes push or diff", run.ErrUsage)
	}
	if verb == "push" {
		flags.BoolVar(&push.Yes, "yes", false, "write without asking")
		flags.BoolVar(&push.DryRun, "dry-run", false, "show what would be written, and write nothing")
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil || flags.NArg() > 0 {
		return fmt.Errorf("%w: policy %s %v", run.ErrUsage, verb, args)
	}
	cfg, err := config.Load[PolicyConfig]()
	if *address != "" {
		cfg.ManagementURL = *address
		err = cfg.Validate()
	}
	if err != nil {
		return fmt.Errorf("%w: the configuration has mistakes:\n%w", run.ErrUsage, err)
	}
	client := policy.NewHTTPClient()
	defer client.CloseIdleConnections()
	push.Management = cfg.management(client)
	if verb == "diff" {
		return push.Diff(ctx)
	}
	return push.Run(ctx)
}

// isTerminal says whether there may be a person at the other end. The null device looks like one too; its answer to the
// question is empty, which is no.
func isTerminal(in io.Reader) bool {
	file, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
