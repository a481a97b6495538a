package boltengine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/overlay"
)

// ErrOlderSchema says that a file has not been brought to the schema of this
// program, or not to the end, and that it was only to be read.
var ErrOlderSchema = errors.New("stored data has an older schema")

// Examine reads a file that no engine has open: it calls fn with a View of each
// organization in it, until one of them fails. It changes nothing, not the file
// either, and others may read meanwhile. All pages are checked before, however
// long that takes, so that what fn meets is damage of records at most, which
// reading them reports as [storage.ErrCorrupted].
//
// Errors are those of Open, [ErrOlderSchema], and fn's, unchanged.
func Examine(ctx context.Context, config Config, fn func(organization string, tx storage.Tx) error) error {
	f := newFile(config)
	var fnErr error
	err := f.read(ctx, func(tx *bolt.Tx) error {
		fnErr = eachOrganization(ctx, tx, fn)
		return nil
	})
	if err != nil {
		return err
	}
	return fnErr
}

// EpochOf reads the epoch of a file that no engine has open. Errors are those of
// Open.
func EpochOf(config Config) (epoch string, err error) {
	f := newFile(config)
	err = f.look(func(tx *bolt.Tx) error {
		if _, err := schemaVersion(tx, len(f.steps)); err != nil {
			return err
		}
		value, err := unseal(epochKey, tx.Bucket(metaBucket).Get(epochKey))
		epoch = string(value)
		return err
	})
	return epoch, err
}

func newFile(config Config) *file {
	f := &file{path: config.Path, lockTimeout: config.LockTimeout, steps: migrations(config.Upgrades)}
	if f.lockTimeout == 0 {
		f.lockTimeout = defaultLockTimeout
	}
	return f
}

// read calls fn with the content of a file that no engine has open, after all
// its pages were checked.
func (f *file) read(ctx context.Context, fn func(*bolt.Tx) error) error {
	return f.look(func(tx *bolt.Tx) error {
		if err := f.checkForReading(ctx, tx); err != nil {
			return err
		}
		return fn(tx)
	})
}

// look calls fn with the content of a file that no engine has open, unchecked.
func (f *file) look(fn func(*bolt.Tx) error) error {
	info, err := os.Stat(f.path)
	if err == nil && !info.Mode().IsRegular() {
		err = damage("it is not a regular file (%s)", info.Mode())
	}
	if err != nil {
		return f.explain(err)
	}
	db, err := f.openForReading()
	if err != nil {
		return f.explain(err)
	}
	defer func() { _ = db.Close() }() // it was only read
	if err := protect(func() error { return db.View(fn) }); err != nil {
		return f.explain(err)
	}
	return nil
}

// openForReading opens the file under a lock that others who read share.
func (f *file) openForReading() (*bolt.DB, error) {
	options := f.options(true)
	options.PreLoadFreelist = false // not before it was checked
	return openBolt(f.path, options)
}

// checkForReading checks all pages, and that the records have the form of this
// program.
func (f *file) checkForReading(ctx context.Context, tx *bolt.Tx) error {
	content, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // it was only read
	info, err := content.Stat()
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return damage("%d bytes long instead of %d", info.Size(), tx.Size())
	}
	if err := checkTree(tx, content, limit{ctx, time.Unix(math.MaxInt32, 0)}); err != nil {
		return err
	}
	version, err := schemaVersion(tx, len(f.steps))
	if err != nil {
		return err
	}
	if version < len(f.steps) || tx.Bucket(metaBucket).Get(upgradeKey) != nil {
		return fmt.Errorf("%w: it is brought to schema %d by the next start of okr-store on it", ErrOlderSchema, len(f.steps))
	}
	return nil
}

// eachOrganization calls fn with each organization in the order of the stored
// keys.
func eachOrganization(ctx context.Context, tx *bolt.Tx, fn func(organization string, tx storage.Tx) error) error {
	recent, err := readJournal(tx)
	if err != nil {
		return err
	}
	others := prefixesOf(recent.merged())
	var position []byte
	for {
		prefix, _, found := nextOrganization(tx, position)
		for len(others) > 0 && bytes.Compare(others[0], position) < 0 {
			others = others[1:]
		}
		if len(others) > 0 && (!found || bytes.Compare(others[0], prefix) < 0) { // all that it has is in the journal
			prefix, found = others[0], true
		}
		if !found {
			return nil
		}
		organization := string(prefix[1:])
		base := recent.over(newReader(tx, organization), organization)
		err := overlay.NewView(ctx, base).Run(func(tx storage.Tx) error {
			for _, err := range tx.Range(storage.Range{Limit: 1}) {
				if err != nil {
					return err
				}
				return fn(organization, tx)
			}
			return nil // the journal deletes all that it has
		})
		if err != nil {
			return err
		}
		position = storage.PrefixEnd(prefix)
	}
}
