package boltengine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
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
// to, without the free pages between and with the journal settled. It is the same data and continues the
// same epoch. progress is called now and then with the bytes of keys and values
// so far. to is on disk when Compact returns nil; after an error it is of no
// use. Errors are those of [Examine].
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
	for _, bucket := range []struct {
		name    []byte
		content overlay.Reader
	}{
		{metaBucket, reader{records: from.Bucket(metaBucket)}},
		{recordsBucket, overlay.Over(reader{records: from.Bucket(recordsBucket)}, journal.stored())},
	} {
		next, stop := iter.Pull2(bucket.content.Range(storage.Range{}))
		defer stop()
		c := copying{next: next, name: bucket.name}
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := db.Update(func(tx *bolt.Tx) (err error) {
				more, err = c.part(tx)
				return err
			})
			if err != nil {
				return fmt.Errorf("writing the compacted file: %w", err)
			}
			progress(done + c.bytes)
		}
		done += c.bytes
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

// copying copies a bucket in its order.
type copying struct {
	next  func() (storage.KV, error, bool)
	name  []byte
	bytes int64
}

// part copies as much as goes into one commit, and reports whether there is
// more.
func (c *copying) part(tx *bolt.Tx) (more bool, err error) {
	bucket, err := tx.CreateBucketIfNotExists(c.name)
	if err != nil {
		return false, err
	}
	bucket.FillPercent = compactFill
	for end := c.bytes + compactBytes; c.bytes < end; {
		kv, err, more := c.next()
		if err != nil || !more {
			return false, err
		}
		if err := bucket.Put(kv.Key, seal(kv.Key, kv.Value)); err != nil {
			return false, err
		}
		c.bytes += int64(len(kv.Key) + len(kv.Value))
	}
	return true, nil
}

// shorten takes off a file what bbolt took in advance beyond its last page.
func shorten(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Sync(), file.Close())
}
