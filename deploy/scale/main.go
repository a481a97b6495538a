// Command scale reckons how far one cluster of etcd goes and what comes after it, see deploy/scale.md: it measures what an
// organization's records take in the store, and plays some years of very many organizations on several clusters. The same
// settings print the same figures.
package main

import (
	"context"
	"os"

	"github.com/df0f9dda/okr-manager/services/kit/run"
)

func main() {
	run.Main("scale", func(ctx context.Context, cfg Config) error {
		s, err := measureSizes(ctx)
		if err != nil {
			return err
		}
		return report(os.Stdout, cfg, s)
	})
}
