package boltengine

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

var (
	metaBucket = []byte("meta")
	schemaKey  = []byte("schema")
	epochKey   = []byte("epoch")
)

// A migration brings a file from one schema version to the next. There is no
// way back; an older program refuses the file from the first transaction on.
type migration struct {
	// layout changes what the engine itself keeps, in one transaction together
	// with the new version number: a process that dies on the way leaves the
	// old version.
	layout func(*bolt.Tx) error
	// records, if not nil, follows on all organizations in many transactions,
	// see upgrade.go. What is left of it when a process dies is done by the
	// next one that opens the file, before anything else.
	records storage.Upgrade
	// commitBytes is how much records writes between two commits.
	commitBytes int
}

// migrations are the steps from the first version on: the step at index n
// makes version n+1. Their number is the version that this program knows. A
// step that was released is never changed.
func migrations(upgrades []storage.Upgrade) []migration {
	steps := []migration{{layout: createVersion1}}
	for _, u := range upgrades {
		steps = append(steps, migration{records: u, commitBytes: maxGroupBytes})
	}
	return steps
}

// createVersion1 makes an empty file a store's file.
func createVersion1(tx *bolt.Tx) error {
	if _, err := tx.CreateBucket(recordsBucket); err != nil {
		return fmt.Errorf("creating the records bucket: %w", err)
	}
	if _, err := tx.CreateBucket(metaBucket); err != nil {
		return fmt.Errorf("creating the meta bucket: %w", err)
	}
	return putMeta(tx, epochKey, newEpoch())
}

// migrate takes the steps that the file has not seen, or not to their end.
// The first one makes the bucket that holds the version.
func migrate(ctx context.Context, db *bolt.DB, version int, steps []migration, logger *slog.Logger) error {
	if version > 0 && version < len(steps) {
		if err := settleFile(db); err != nil {
			return fmt.Errorf("putting the journal among the records: %w", err)
		}
	}
	for {
		if version > 0 {
			if err := steps[version-1].finish(ctx, db, version, logger); err != nil {
				return fmt.Errorf("bringing the records to schema %d: %w", version, err)
			}
		}
		if version == len(steps) {
			return nil
		}
		if err := db.Update(func(tx *bolt.Tx) error { return steps[version].begin(tx, version+1) }); err != nil {
			return fmt.Errorf("migrating from schema %d to %d: %w", version, version+1, err)
		}
		version++
	}
}

// begin does what a step does in the transaction that sets the version.
func (m migration) begin(tx *bolt.Tx, version int) error {
	if m.layout != nil {
		if err := m.layout(tx); err != nil {
			return err
		}
	}
	if m.records != nil {
		if err := putMeta(tx, upgradeKey, nil); err != nil {
			return err
		}
	}
	return putMeta(tx, schemaKey, binary.BigEndian.AppendUint64(nil, uint64(version)))
}

// schemaVersion reads the version of a file. It fails with
// [storage.ErrNewerSchema] when it is above known, and with
// [storage.ErrCorrupted] when no okr-store made this file.
func schemaVersion(tx *bolt.Tx, known int) (int, error) {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		return 0, damage("a bbolt file, but not of an okr-store")
	}
	value, err := unseal(schemaKey, meta.Get(schemaKey))
	if err != nil {
		return 0, fmt.Errorf("schema version: %w", err)
	}
	if len(value) != 8 {
		return 0, damage("the schema version is not a number")
	}
	version := binary.BigEndian.Uint64(value)
	if version > uint64(known) {
		return 0, fmt.Errorf("%w: schema %d, and this program knows %d", storage.ErrNewerSchema, version, known)
	}
	if _, err := unseal(epochKey, meta.Get(epochKey)); err != nil {
		return 0, fmt.Errorf("epoch: %w", err)
	}
	if tx.Bucket(recordsBucket) == nil {
		return 0, damage("the records are missing")
	}
	return int(version), nil
}

// readEpoch returns the file's epoch, after it has set a new one if asked to.
func readEpoch(db *bolt.DB, config Config) (epoch string, err error) {
	next := []byte(config.Epoch)
	if config.NewEpoch {
		next = newEpoch()
	}
	if len(next) > 0 {
		err = db.Update(func(tx *bolt.Tx) error { return putMeta(tx, epochKey, next) })
		if err != nil {
			return "", fmt.Errorf("setting a new epoch: %w", err)
		}
	}
	err = db.View(func(tx *bolt.Tx) error {
		value, err := unseal(epochKey, tx.Bucket(metaBucket).Get(epochKey))
		epoch = string(value)
		return err
	})
	return epoch, err
}

// putMeta writes a value of the meta bucket, in the form of a record's.
func putMeta(tx *bolt.Tx, key, value []byte) error {
	return tx.Bucket(metaBucket).Put(key, seal(key, value))
}

// newEpoch returns 26 random letters and digits: at least 128 bits, so that no
// two files ever share one.
func newEpoch() []byte { return []byte(rand.Text()) }
