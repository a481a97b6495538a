package boltengine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/overlay"
)

// compactBytes is how much one commit of a compaction writes.
const compactBytes = 8 << 20

// compactFill is how full the pages of a compacted file are: what is added
// later finds some room, without a split for each record.
const compactFill = 0.9

// Hold keeps every okr-store from opening a file until it is closed. Others may
// read the file. [ErrLocked] when an okr-store has it open; other errors are
// those of Open. A file that is not sound may be beyond holding.
func Hold(config Config) (io.Closer, error) {
	f := file{path: config.Path, lockTimeout: config.LockTimeout}
	if f.lockTimeout == 0 {
		f.lockTimeout = defaultLockTimeout
	}
	if _, err := os.Stat(f.path); err != nil {
		return nil, f.explain(err)
	}
	db, err := f.openForReading()
	if err != nil {
		return nil, f.explain(err)
	}
	return db, nil
}

// Compact writes what is in a file that no engine has open into the empty file
// to, without the free pages between and with the journal settled. It is the
// same data and continues the same epoch. progress is called now and then with
// the bytes of keys and values so far. to is on disk when Compact returns nil;
// after an error it is of no use. Errors are those of [Examine].
func Compact(ctx context.Context, config Config, to string, progress func(bytes int64)) error {
	f := file{path: config.Path, lockTimeout: config.LockTimeout, steps: migrations(config.Upgrades)}
	if f.lockTimeout == 0 {
		f.lockTimeout = defaultLockTimeout
	}
	return f.read(ctx, func(tx *bolt.Tx) error { return compact(ctx, tx, to, progress) })
}

func compact(ctx context.Context, from *bolt.Tx, to string, progress func(bytes int64)) (err error) {
	// Nobody knows of the new file until it is complete, so one sync is enough.
	db, err := openBolt(to, &bolt.Options{FreelistType: bolt.FreelistMapType, NoSync: true, NoGrowSync: true})
	if err != nil {
		return err
	}
	closed := false
	defer func() {
		if !closed {
			err = errors.Join(err, db.Close())
		}
	}()
	var done int64
	journal, err := readJournal(from)
	if err != nil {
		return err
	}
	recent := new(overlay.Writes)
	for _, w := range storedWrites(journal.merged()) {
		recent.Set(w)
	}
	for _, bucket := range []struct {
		name    []byte
		content overlay.Reader
	}{
		{metaBucket, readerOf(from.Bucket(metaBucket), nil)},
		{recordsBucket, overlay.Over(readerOf(from.Bucket(recordsBucket), nil), recent)},
	} {
		c := copying{ctx: ctx, to: db, name: bucket.name, done: done, progress: progress}
		if err := c.all(bucket.content); err != nil {
			return fmt.Errorf("writing the compacted file: %w", err)
		}
		done = c.done
	}
	var size int64
	if err := db.View(func(tx *bolt.Tx) error { size = tx.Size(); return nil }); err != nil {
		return err
	}
	closed = true
	if err := errors.Join(db.Sync(), db.Close()); err != nil {
		return err
	}
	return shorten(to, size)
}

// copying copies a bucket in its order, in commits of compactBytes.
type copying struct {
	ctx      context.Context
	to       *bolt.DB
	name     []byte
	done     int64 // bytes of keys and values, also those of earlier buckets
	progress func(bytes int64)
}

// all reads on the goroutine of its caller, which protect guards.
func (c *copying) all(content overlay.Reader) error {
	tx, bucket, err := c.begin()
	if err != nil {
		return err
	}
	defer func() {
		if tx != nil {
			_ = tx.Rollback() // does nothing after a commit
		}
	}()
	end := c.done + compactBytes
	for kv, err := range content.Range(storage.Range{}) {
		if err != nil {
			return err
		}
		if err := bucket.Put(kv.Key, seal(kv.Key, kv.Value)); err != nil {
			return err
		}
		c.done += int64(len(kv.Key) + len(kv.Value))
		if c.done < end {
			continue
		}
		if err := c.commit(tx); err != nil {
			return err
		}
		if tx, bucket, err = c.begin(); err != nil {
			return err
		}
		end = c.done + compactBytes
	}
	return c.commit(tx)
}

func (c *copying) begin() (*bolt.Tx, *bolt.Bucket, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, nil, err
	}
	tx, err := c.to.Begin(true)
	if err != nil {
		return nil, nil, err
	}
	bucket, err := tx.CreateBucketIfNotExists(c.name)
	if err != nil {
		return nil, nil, errors.Join(err, tx.Rollback())
	}
	bucket.FillPercent = compactFill
	return tx, bucket, nil
}

func (c *copying) commit(tx *bolt.Tx) error {
	if err := tx.Commit(); err != nil {
		return err
	}
	c.progress(c.done)
	return nil
}

// shorten takes off a file what bbolt took in advance beyond its last page.
func shorten(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Sync(), file.Close())
}
