package authz

import (
	"context"
	"fmt"

	"github.com/df0f9dda/okr-manager/services/authz/internal/txntoken"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

// KeysCommand is the subcommand that makes what OKR_TXN_KEY_FILE names, for replicas that are to share it.
func KeysCommand() run.Command {
	return run.Command{
		Name: "keys", Summary: "print a key file with a new key, as OKR_TXN_KEY_FILE needs it",
		Run: func(_ context.Context, args []string, stdio run.Stdio) error {
			if len(args) > 0 {
				return fmt.Errorf("%w: keys takes no arguments", run.ErrUsage)
			}
			keys, err := txntoken.GenerateKeys()
			if err != nil {
				return err
			}
			file, err := keys.File()
			if err != nil {
				return err
			}
			_, err = stdio.Out.Write(file)
			return err
		},
	}
}
