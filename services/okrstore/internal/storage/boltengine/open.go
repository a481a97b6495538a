package boltengine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/disk"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// initialMmapSize is how much address space the file gets at once. When it
// outgrows its mapping, bbolt maps it anew, and for that the writer waits for
// all readers and new readers wait for the writer. Address space costs nothing
// until it is touched, and the file does not grow to it (except on Windows).
const initialMmapSize = 1 << 30

// options are bbolt's settings, with their reasons:
//
//   - The free list as a sorted array: it gives out the lowest pages first, so
//     what a commit writes lies close together, and the disk takes it in about
//     three quarters of the time. A hash map gives out lone pages before it cuts
//     any run, from all over the file. What an array costs grows with the free
//     pages, as does the list that each commit writes; compact a file of which
//     much was deleted.
//   - The free list is written with each commit. To leave it out saves about
//     one page of the write, but then Open must read the whole file to find the
//     free pages, and a store that must be up again in a second cannot.
//   - No statistics: nobody reads them, and each read transaction would pay.
func (f *file) options(readOnly bool) *bolt.Options {
	return &bolt.Options{
		Timeout:         f.lockTimeout,
		FreelistType:    bolt.FreelistArrayType,
		InitialMmapSize: initialMmapSize,
		ReadOnly:        readOnly,
		PreLoadFreelist: true,
		NoStatistics:    true,
	}
}

// A file is a store file on its way to being open.
type file struct {
	path        string
	lockTimeout time.Duration
	steps       []migration
	// uncopied says that a file of an older schema is migrated without a copy
	// of it being made.
	uncopied bool
	logger   *slog.Logger
	// fullyChecked says that the whole file was read, and no limit cut the
	// check short.
	fullyChecked bool
}

// open returns the file ready for use, exclusively locked and with the newest
// schema. A damaged or newer file is found out while it is open for reading
// only.
func (f *file) open(ctx context.Context) (*bolt.DB, error) {
	if f.path == "" {
		return nil, errors.New("the path of the store file is empty: set OKR_STORE_PATH")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	db, err := f.openExisting(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		if err = f.create(ctx); err == nil || errors.Is(err, fs.ErrExist) {
			db, err = f.openExisting(ctx)
		}
	}
	if err != nil {
		return nil, f.explain(err)
	}
	return db, nil
}

func (f *file) openExisting(ctx context.Context) (*bolt.DB, error) {
	version, err := f.inspect(ctx)
	if err != nil {
		return nil, err
	}
	db, err := openBolt(f.path, f.options(false))
	if err != nil {
		return nil, err
	}
	if err := f.keepOlder(ctx, db, version); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := migrate(ctx, db, version, f.steps, f.logger); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// inspect looks the file over under a shared lock and returns its schema
// version.
func (f *file) inspect(ctx context.Context) (version int, err error) {
	info, err := os.Stat(f.path)
	switch {
	case err != nil:
		return 0, err
	case !info.Mode().IsRegular():
		return 0, damage("it is not a regular file (%s)", info.Mode())
	case info.Size() == 0:
		// bbolt would make a new store of it. But create never leaves an empty
		// file behind, so this one has lost its content.
		return 0, damage("it is empty")
	}
	db, err := f.openForReading()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = protect(func() error {
		return db.View(func(tx *bolt.Tx) error {
			version, err = f.check(ctx, tx)
			return err
		})
	})
	return version, err
}

// check looks for damage and returns the schema version.
func (f *file) check(ctx context.Context, tx *bolt.Tx) (version int, err error) {
	content, err := os.Open(f.path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	info, err := content.Stat()
	if err != nil {
		return 0, err
	}
	if want := tx.Size(); info.Size() < want {
		return 0, damage("%d bytes long instead of %d", info.Size(), want)
	}
	limit := limit{ctx, time.Now().Add(checkTime)}
	treeErr := checkTree(tx, content, limit)
	if treeErr != nil && !errors.Is(treeErr, errOutOfTime) {
		return 0, treeErr
	}
	// Records are read according to the schema, so that comes first.
	if version, err = schemaVersion(tx, len(f.steps)); err != nil || treeErr != nil {
		return version, err
	}
	err = checkRecords(tx, limit)
	f.fullyChecked = err == nil
	if errors.Is(err, errOutOfTime) {
		err = nil
	}
	return version, err
}

// create makes an empty store at the path. It is built under another name and
// linked into place when it is complete and on disk, so a process that dies on
// the way leaves no half a store, and of two that create at the same time one
// gets fs.ErrExist.
func (f *file) create(ctx context.Context) (err error) {
	dir := filepath.Dir(f.path)
	temp, err := disk.Temporary(f.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(temp.Name())) }()
	if err := temp.Close(); err != nil {
		return err
	}
	db, err := openBolt(temp.Name(), f.options(false))
	if err != nil {
		return err
	}
	if err := errors.Join(migrate(ctx, db, 0, f.steps, f.logger), db.Close()); err != nil {
		return err
	}
	if err := os.Link(temp.Name(), f.path); err != nil {
		return err
	}
	return disk.SyncDir(dir)
}

// openBolt is bolt.Open without its two bad manners: it never creates a file,
// and when it meets garbage it returns an error and lets go of the lock.
func openBolt(path string, options *bolt.Options) (db *bolt.DB, err error) {
	var opened *os.File
	options.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		var err error
		opened, err = os.OpenFile(name, flag&^os.O_CREATE, mode)
		return opened, err
	}
	err = protect(func() error {
		db, err = bolt.Open(path, 0o600, options)
		return err
	})
	if err != nil {
		if opened != nil {
			// bbolt closes it when it fails and leaves it open when it panics.
			_ = opened.Close()
		}
		return nil, asDamage(err)
	}
	return db, nil
}

// asDamage marks what bbolt says about the content of a file. What the
// operating system says is something else.
func asDamage(err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err
	}
	if _, ok := errors.AsType[syscall.Errno](err); ok {
		return err
	}
	if errors.Is(err, bolterrors.ErrTimeout) || errors.Is(err, storage.ErrCorrupted) {
		return err
	}
	return fmt.Errorf("%w: %w", storage.ErrCorrupted, err)
}

// protect runs bbolt on a file that may be damaged, where the check did not
// reach: there bbolt may panic, or touch memory beyond the file, which without
// SetPanicOnFault would end the process.
func protect(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v", storage.ErrCorrupted, v)
		}
	}()
	return fn()
}

// explain adds what the operator can do.
func (f *file) explain(err error) error {
	var advice string
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("%w: another okr-store has %s open: stop it or choose another OKR_STORE_PATH", ErrLocked, f.path)
	case errors.Is(err, storage.ErrNewerSchema):
		return fmt.Errorf("store file %s was written by a newer okr-store: upgrade this program: %w", f.path, err)
	case errors.Is(err, storage.ErrCorrupted):
		advice = "restore a backup or choose another OKR_STORE_PATH; the file was left as it is"
	case disk.IsFull(err):
		advice = "make room on the disk and start again"
	case errors.Is(err, fs.ErrNotExist):
		advice = "create its directory or choose another OKR_STORE_PATH"
	case errors.Is(err, fs.ErrPermission):
		advice = "give this user read and write permission for the file and its directory, or choose another OKR_STORE_PATH"
	default:
		return fmt.Errorf("opening store file %s: %w", f.path, err)
	}
	return fmt.Errorf("opening store file %s: %w: %s", f.path, err, advice)
}
