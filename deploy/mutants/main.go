// Command mutants breaks the product on purpose, one place at a time, and demands of each mutant that the test which is
// named for it fails. It runs in the folder of go.work, on an overlay of the code (go help build, -overlay): no file is
// changed.
package main

import (
	"context"
	"fmt"
	"os"
	"regexp"

	"github.com/df0f9dda/okr-manager/services/kit/run"
)

// Config says which mutants to try.
type Config struct {
	// Only tries the mutants whose name matches this regular expression.
	Only string `env:"OKR_MUTANTS_ONLY"`
}

func main() {
	run.Main("mutants", func(ctx context.Context, cfg Config) error {
		pattern, err := regexp.Compile(cfg.Only)
		if err != nil {
			return fmt.Errorf("reading OKR_MUTANTS_ONLY: %w", err)
		}
		return try(ctx, os.Stdout, ".", selected(mutants(), pattern))
	})
}
