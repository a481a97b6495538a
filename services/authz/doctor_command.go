package authz

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/authz/internal/doctor"
	"github.com/df0f9dda/okr-manager/services/authz/internal/policy"
	"github.com/df0f9dda/okr-manager/services/authz/internal/stytch"
	"github.com/df0f9dda/okr-manager/services/authz/internal/txntoken"
	"github.com/df0f9dda/okr-manager/services/kit/config"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
	"github.com/df0f9dda/okr-manager/services/kit/mtls"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

// doctorTimeout bounds the whole examination.
const doctorTimeout = time.Minute

// ErrFindings says that something does not fit.
var ErrFindings = errors.New("something does not fit; see above")

// DoctorConfig holds the settings of other boxes that the subcommand doctor looks at beside authz's own.
type DoctorConfig struct {
	// Issuer and IssuerInternalURL are those of the MCP edge.
	Issuer            string `env:"OKR_OAUTH_ISSUER"`
	IssuerInternalURL string `env:"OKR_OAUTH_ISSUER_INTERNAL_URL"`
	// SealKey is that of the MCP edge.
	SealKey config.Secret `env:"OKR_MCP_SEAL_KEY"`
}

// DoctorCommand is the subcommand that compares the settings with what Stytch says of the project. now is the clock that
// is compared with Stytch's.
func DoctorCommand(now func() time.Time) run.Command {
	return run.Command{
		Name: "doctor", Summary: "compare the settings with what Stytch says of the project, and say where to put right what does not fit",
		Run: func(ctx context.Context, args []string, stdio run.Stdio) error {
			flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
			flags.SetOutput(stdio.Err)
			replicas := flags.Int("replicas", 1, "how many replicas of authz and of the MCP edge there are to be")
			if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
				return nil
			} else if err != nil || flags.NArg() > 0 {
				return fmt.Errorf("%w: doctor %v", run.ErrUsage, args)
			}
			ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
			defer cancel()
			return examine(ctx, *replicas, now, stdio.Out)
		},
	}
}

func examine(ctx context.Context, replicas int, now func() time.Time, out io.Writer) error {
	own, err := config.Load[Config]()
	if err != nil {
		return fmt.Errorf("%w: the configuration has mistakes:\n%w", run.ErrUsage, err)
	}
	others, err := config.Load[DoctorConfig]()
	if err != nil {
		return fmt.Errorf("%w: the configuration has mistakes:\n%w", run.ErrUsage, err)
	}
	client := policy.NewHTTPClient()
	defer client.CloseIdleConnections()
	base, public := stytch.Addresses(own.ProjectID, own.BaseURI, own.StytchPublicURL)
	examined := doctor.Config{
		ProjectID: own.ProjectID, Secret: string(own.Secret), PublicToken: own.PublicToken,
		BaseURI: base, StytchURL: public, PublicURL: own.PublicURL,
		Issuer: others.Issuer, IssuerBase: others.IssuerInternalURL,
		Replicas: replicas, SealKey: others.SealKey != "", HTTP: client, Now: now,
		RunningKeys: func(ctx context.Context) (string, error) { return runningKeys(ctx, own) },
	}
	if examined.IssuerBase == "" {
		examined.IssuerBase = examined.Issuer
	}
	if own.TLSDir != "" {
		examined.Certificate = func() (issued, expires time.Time, err error) {
			identity, err := mtls.Load(mtls.Config{Dir: own.TLSDir, Now: now})
			if err != nil {
				return time.Time{}, time.Time{}, err
			}
			return identity.Issued(), identity.Expires(), nil
		}
	}
	if own.TxnKeyFile != "" {
		keys, err := txntoken.LoadKeys(own.TxnKeyFile)
		if err != nil {
			return err
		}
		if examined.Keys, err = keys.JWKS(); err != nil {
			return err
		}
	}
	return report(out, doctor.Examine(ctx, examined))
}

// runningKeys asks the authz at the address of the settings, as okr-store does.
func runningKeys(ctx context.Context, c Config) (string, error) {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	identity, err := mtls.Load(mtls.Config{Dir: c.TLSDir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", err
	}
	conn, err := grpcclient.Dial(net.JoinHostPort(host, port), grpcclient.Config{Credentials: identity.SelfCredentials()})
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }() // the answer is there by then
	answer, err := authzv1.NewAuthzServiceClient(conn).GetTransactionTokenKeys(ctx, &authzv1.GetTransactionTokenKeysRequest{})
	return answer.GetJwks(), err
}

func report(out io.Writer, r doctor.Report) error {
	for _, good := range r.Good {
		fmt.Fprintf(out, "ok       %s\n", good)
	}
	for _, skipped := range r.Skipped {
		fmt.Fprintf(out, "skipped  %s\n", skipped)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(out, "WRONG    %s\n         fix: %s\n", f.Wrong, f.Fix)
	}
	if len(r.Findings) > 0 {
		return ErrFindings
	}
	return nil
}
