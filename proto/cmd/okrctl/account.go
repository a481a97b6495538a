package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/proto/okrclient/signin"
)

const (
	// signInPatience is how long a sign-in waits for the browser.
	signInPatience = 10 * time.Minute
	sessionPath    = "/api/v1/session"
	maxSession     = 1 << 20 // bytes
)

func (a *app) account(cfg signin.Config) (*signin.Account, error) {
	cfg.Server, cfg.ClientName = a.server, "okrctl"
	account, err := signin.New(cfg)
	if err != nil {
		return nil, usageError{err}
	}
	return account, nil
}

func (a *app) login() *cobra.Command {
	var noBrowser bool
	cfg := signin.Config{}
	cmd := command("login", "Sign in in the browser, and stay signed in", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		account, err := a.account(cfg)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), signInPatience)
		defer cancel()
		granted, err := account.SignIn(ctx, func(address string) error {
			fmt.Fprintf(a.err, "Sign in at this address:\n\n  %s\n\n", address)
			if !noBrowser && a.open(ctx, address) != nil {
				fmt.Fprintln(a.err, "No browser could be started: open the address yourself, on this machine.")
			}
			return nil
		})
		if err != nil {
			return err
		}
		who := ""
		if session, err := a.session(ctx, account); err == nil { // the sign-in itself is done
			who = fmt.Sprintf(" as %s of %s", memberName(session.GetPrincipal().GetDisplayName(), session.GetPrincipal().GetMemberId()), oneLine(session.GetOrganizationName()))
		}
		fmt.Fprintf(a.out, "Signed in at %s%s.\nAllowed: %s\n", account.Server(), who, strings.Join(granted.Scopes, " "))
		if !granted.Lasting {
			fmt.Fprintln(a.err, "The sign-in ends with its access token, because offline_access was not allowed.")
		}
		return nil
	})
	cmd.Long = `Signs you in where AI agents sign their people in, too: your browser opens, you choose the organization and what okrctl may do,
and the answer comes back to a port of 127.0.0.1. What okrctl keeps is in a file that only you can read.`
	flags := cmd.Flags()
	flags.BoolVar(&noBrowser, "no-browser", false, "only print the address")
	flags.StringVar(&cfg.ClientID, "client-id", a.getenv("OKR_CLIENT_ID"), "client id of an application that was registered by hand (OKR_CLIENT_ID)")
	flags.StringSliceVar(&cfg.Scopes, "scope", nil, "scopes to ask for, such as read:okrs; all if there is none")
	flags.IntVar(&cfg.Port, "port", 0, "port of 127.0.0.1 for the answer; any that is free if there is none")
	return cmd
}

func (a *app) logout() *cobra.Command {
	return command("logout", "Sign out, and have the tokens taken back", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		account, err := a.account(signin.Config{})
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), a.timeout)
		defer cancel()
		if err := account.SignOut(ctx); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "Signed out at %s.\n", account.Server())
		return nil
	})
}

func (a *app) token() *cobra.Command {
	cmd := command("token", "Print an access token, for other tools", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		tokens, err := a.tokens()
		if err != nil {
			return err
		}
		token, err := tokens.Token(cmd.Context(), "")
		if err != nil {
			return err
		}
		fmt.Fprintln(a.out, token)
		return nil
	})
	cmd.Long = `Prints an access token that is good for a while yet. Whoever has it can do what you have allowed okrctl, until it expires.`
	cmd.Example = `  grpcurl -plaintext -H "authorization: Bearer $(okrctl token)" localhost:9001 okr.v1.OkrService/ListObjectives`
	return cmd
}

func (a *app) whoami() *cobra.Command {
	return command("whoami", "Say who is signed in, and what is allowed", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		tokens, err := a.tokens()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), a.timeout)
		defer cancel()
		session, err := a.session(ctx, tokens)
		if err != nil {
			return err
		}
		if a.output == outputJSON {
			return a.json(session)
		}
		p := session.GetPrincipal()
		return a.details([][2]string{
			{"Member", memberName(p.GetDisplayName(), p.GetMemberId())},
			{"Member id", p.GetMemberId()},
			{"E-mail", session.GetEmailAddress()},
			{"Organization", session.GetOrganizationName()},
			{"Roles", strings.Join(p.GetRoles(), " ")},
			{"Scopes", strings.Join(p.GetScopes(), " ")},
			{"Application", p.GetClientName()},
			{"Server", a.server},
		})
	})
}

// session asks the public address who a token belongs to: the services behind it tell each other alone.
func (a *app) session(ctx context.Context, tokens interface {
	Token(ctx context.Context, refused string) (string, error)
},
) (*authzv1.Session, error) {
	refused := ""
	for {
		token, err := tokens.Token(ctx, refused)
		if err != nil {
			return nil, err
		}
		status, body, err := a.getSession(ctx, token)
		switch {
		case err != nil:
			return nil, err
		case status == http.StatusUnauthorized && refused == "":
			refused = token // it may have expired by the server's clock
		case status != http.StatusOK:
			return nil, fmt.Errorf("%s answers %d: %s", a.server+sessionPath, status, oneLine(string(body)))
		default:
			session := &authzv1.Session{}
			if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, session); err != nil {
				return nil, fmt.Errorf("the answer of %s: %w", a.server+sessionPath, err)
			}
			return session, nil
		}
	}
}

func (a *app) getSession(ctx context.Context, token string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(a.server, "/")+sessionPath, nil)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("asking who is signed in: %w", err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxSession))
	return resp.StatusCode, body, err
}

// openBrowser starts the person's browser.
func openBrowser(ctx context.Context, address string) error {
	program, args := "xdg-open", []string{address}
	switch runtime.GOOS {
	case "darwin":
		program = "open"
	case "windows":
		program, args = "rundll32", []string{"url.dll,FileProtocolHandler", address}
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program, args...) //nolint:gosec // the address is the sign-in's, which begins with http
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the browser: %w", err)
	}
	go func() { _ = cmd.Wait() }() // how it ends is between the person and the browser
	return nil
}

// memberName is how a member is called.
func memberName(name, id string) string { return oneLine(cmp.Or(name, id)) }

// confirm asks before what cannot be taken back.
func (a *app) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	fmt.Fprintf(a.err, "%s [y/N] ", question)
	var answer string
	if _, err := fmt.Fscanln(a.in, &answer); err != nil && !errors.Is(err, io.EOF) && err.Error() != "unexpected newline" {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		return errors.New("not confirmed, nothing was done; --yes confirms beforehand")
	}
	return nil
}
