package boltengine

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/disk"
)

// olderPath is where the copy of a file of an older schema is kept. There is
// one for each schema: a later migration from the same one replaces it.
func olderPath(path string, version int) string { return fmt.Sprintf("%s.schema-%d", path, version) }

// keepOlder copies a file of an older schema, which the program before can
// open, before it is migrated: there is no way back. A migration that was cut
// off has its copy already.
func (f *file) keepOlder(ctx context.Context, db *bolt.DB, version int) error {
	if version == len(f.steps) || f.uncopied {
		return nil
	}
	path := olderPath(f.path, version)
	err := db.View(func(tx *bolt.Tx) error {
		if tx.Bucket(metaBucket).Get(upgradeKey) != nil {
			return nil
		}
		f.logger.InfoContext(ctx, "copying the store file before it is brought to a newer schema",
			slog.String("copy", path), slog.Int("schema", version), slog.Int64("bytes", tx.Size()))
		fill := func(file *os.File) error { return writeTo(ctx, tx, file) }
		check := func(temporary string) error {
			_, err := (&file{path: temporary, lockTimeout: f.lockTimeout, steps: f.steps}).inspect(ctx)
			return err
		}
		return disk.Place(ctx, path, fill, check)
	})
	if err != nil {
		return fmt.Errorf("copying the file of schema %d before it is migrated: %w", version, err)
	}
	return nil
}
