package boltengine

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/overlay"
)

// upgradeKey holds, while a file's records are brought to its schema version,
// how far that has come: the prefix of an organization and what the upgrade
// said that it will go on from; empty at the beginning. It is not there at
// other times.
var upgradeKey = []byte("upgrade")

// upgradeLogInterval is the time between two lines in the log of a long
// upgrade.
const upgradeLogInterval = 5 * time.Second

// An upgrading is the run of a [storage.Upgrade] over a file. Its memory is
// that of one commit, whatever the size of the file.
type upgrading struct {
	migration
	// organizations and bytes are what is done so far by this process.
	organizations, bytes int
	done                 bool
}

// finish upgrades the records from where the file says to the end. In a file
// that says nothing that was done before.
func (m migration) finish(ctx context.Context, db *bolt.DB, version int, logger *slog.Logger) error {
	if m.records == nil {
		return nil
	}
	start := time.Now()
	logged := start
	u := upgrading{migration: m}
	for !u.done {
		if err := ctx.Err(); err != nil {
			return err
		}
		before := u
		if err := db.Update(func(tx *bolt.Tx) error { u = before; return u.commit(tx) }); err != nil {
			return err
		}
		if now := time.Now(); now.Sub(logged) >= upgradeLogInterval {
			logged = now
			logger.InfoContext(ctx, "bringing the records to a newer schema", u.progress(version, start)...)
		}
	}
	if u.bytes > 0 {
		logger.InfoContext(ctx, "brought the records to a newer schema", u.progress(version, start)...)
	}
	return nil
}

func (u *upgrading) progress(version int, start time.Time) []any {
	return []any{
		slog.Int("schema", version), slog.Int("organizations", u.organizations), slog.Int("bytes_written", u.bytes),
		slog.Duration("duration", time.Since(start)),
	}
}

// commit does as much as fits into one commit, and writes down how far that
// is.
func (u *upgrading) commit(tx *bolt.Tx) error {
	stored := tx.Bucket(metaBucket).Get(upgradeKey)
	if stored == nil {
		u.done = true
		return nil
	}
	value, err := unseal(upgradeKey, stored)
	if err != nil {
		return err
	}
	position := slices.Clone(value) // the map of the file changes below
	for end := u.bytes + u.commitBytes; u.bytes < end; {
		prefix, after, found := nextOrganization(tx, position)
		if !found {
			u.done = true
			return tx.Bucket(metaBucket).Delete(upgradeKey)
		}
		if position, err = u.step(tx, prefix, after); err != nil {
			return err
		}
	}
	return putMeta(tx, upgradeKey, position)
}

// step calls the upgrade once and applies what it wrote. It returns the
// position after it.
func (u *upgrading) step(tx *bolt.Tx, prefix, after []byte) (position []byte, err error) {
	t := overlay.NewUpdate(newReader(tx, string(prefix[1:])))
	var next []byte
	err = t.Run(func(tx storage.Tx) (err error) {
		next, err = u.records(tx, after)
		next = bytes.Clone(next)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := applyWrites(tx, storedWrites(map[string]*overlay.Writes{string(prefix[1:]): t.Writes()}), new(memory)); err != nil {
		return nil, err
	}
	u.bytes += t.Writes().Bytes()
	if len(next) > 0 {
		return joinKey(prefix, next), nil
	}
	u.organizations++
	u.bytes++ // an end also where organizations have nothing to write
	return storage.PrefixEnd(prefix), nil
}

// nextOrganization finds where to go on: in the organization that the position
// is in, or at the first one that follows it.
func nextOrganization(tx *bolt.Tx, position []byte) (prefix, after []byte, found bool) {
	if len(position) > 0 && len(position) > int(position[0]) {
		if prefix = position[:1+position[0]]; !bytes.Equal(prefix, position) {
			return prefix, position[len(prefix):], true
		}
	}
	key, _ := tx.Bucket(recordsBucket).Cursor().Seek(position)
	if key == nil {
		return nil, nil, false
	}
	return slices.Clone(key[:1+key[0]]), nil, true
}
