package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/api"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/disk"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
)

// ErrNotEmpty says that a restore would put a store aside that holds something.
var ErrNotEmpty = errors.New("the store is not empty")

// Restoration says what to bring back and where.
type Restoration struct {
	// From is the backup.
	From io.Reader
	// To is where the store file is to be. Its directory must exist.
	To string
	// Replace puts a store aside also if it holds something, or cannot be read.
	Replace bool
	// Unsealed takes a store file that is no backup, such as a copy of the file of a stopped store.
	Unsealed bool
	// Now is when, for the name of what is put aside.
	Now      time.Time
	Progress Progress
}

// Restored is what a restore did.
type Restored struct {
	Summary Summary
	// Aside is where the store file is that was there before; empty when there was none.
	Aside string
}

// Restore brings a backup back as a store file that okr-store can open. It continues under a new epoch, so that nobody
// takes a position in the log that was given out after the backup for one of its own. Until the new file is complete, on
// disk and checked, nothing is changed; then the one that was there keeps its content under another name.
//
// [ErrNotEmpty]; [boltengine.ErrLocked] when an okr-store has the file open; [ErrSeal], [ErrProblems] and the errors of
// [boltengine.Open] when the backup is not good; [disk.ErrFull].
func (r Restoration) Restore(ctx context.Context) (done Restored, err error) {
	held, err := r.hold(ctx)
	if err != nil {
		return done, err
	}
	defer func() {
		if held != nil {
			err = errors.Join(err, held.Close())
		}
	}()
	file, err := disk.Temporary(r.To)
	if err != nil {
		return done, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(disk.Explain(r.To, err), disk.Remove(file.Name()))
		}
	}()
	if err := r.copy(ctx, file); err != nil {
		return done, err
	}
	if done.Summary, err = r.prepare(ctx, file.Name()); err != nil {
		return done, err
	}
	if held == nil { // an okr-store may have been started meanwhile
		if held, err = r.hold(ctx); err != nil {
			return done, err
		}
	}
	done.Aside, err = r.swap(file.Name())
	return done, err
}

// hold keeps okr-store from opening what is to be replaced, and refuses to go on if it must not be. It holds nothing where
// nothing is, or nothing that could be opened.
func (r Restoration) hold(ctx context.Context) (io.Closer, error) {
	if _, err := os.Lstat(r.To); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	held, err := boltengine.Hold(boltengine.Config{Path: r.To})
	switch {
	case errors.Is(err, boltengine.ErrLocked):
		return nil, fmt.Errorf("restoring into a store that is running: %w", err)
	case r.Replace && err != nil:
		return nil, nil //nolint:nilerr // what cannot be opened is what a backup is for
	case r.Replace:
		return held, nil
	}
	if err == nil {
		var found Summary
		found, err = Examine(ctx, r.To, nil, nil)
		if err == nil && found.Organizations == 0 {
			return held, nil
		}
		err = errors.Join(err, held.Close())
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s is there and cannot be read: %w", ErrNotEmpty, r.To, err)
	}
	return nil, fmt.Errorf("%w: %s holds data", ErrNotEmpty, r.To)
}

// copy writes the backup into a file and takes off its seal, which it checks.
func (r Restoration) copy(ctx context.Context, file *os.File) (err error) {
	defer func() { err = errors.Join(err, file.Close()) }()
	var n int64
	from := readerFunc(func(p []byte) (int, error) {
		read, err := r.From.Read(p)
		n += int64(read)
		r.Progress.tell("copying", n, 0)
		return read, err
	})
	if _, err := copyContext(ctx, file, from); err != nil {
		return fmt.Errorf("copying the backup: %w", err)
	}
	length, err := checkSeal(ctx, file.Name(), r.Progress)
	switch {
	case err == nil:
		err = file.Truncate(length)
	case errors.Is(err, ErrSeal) && r.Unsealed:
		err = nil
	}
	return errors.Join(err, file.Sync())
}

// prepare makes the copy of a backup a store file: of the schema of this program, with a new epoch, and checked before and
// after that.
func (r Restoration) prepare(ctx context.Context, path string) (Summary, error) {
	_, err := Examine(ctx, path, r.Progress, nil)
	if err != nil && !errors.Is(err, boltengine.ErrOlderSchema) {
		return Summary{}, err
	}
	r.Progress.tell("starting a new epoch", 0, 0)
	engine, err := boltengine.Open(ctx, boltengine.Config{Path: path, NewEpoch: true, Upgrades: api.Upgrades(), Uncopied: true})
	if err != nil {
		return Summary{}, err
	}
	if err := engine.Close(); err != nil {
		return Summary{}, err
	}
	return Examine(ctx, path, r.Progress, nil)
}

// swap moves the new file to its place. There is a store file there at every moment, either the one or the other.
func (r Restoration) swap(path string) (aside string, err error) {
	if err := keepOwner(path, r.To); err != nil {
		return "", err
	}
	if _, err := os.Lstat(r.To); err == nil {
		aside = r.To + ".before-restore-" + r.Now.UTC().Format(nameTime)
		if err := os.Link(r.To, aside); err != nil {
			return "", fmt.Errorf("putting the old store file aside: %w", err)
		}
	}
	if err := disk.Move(path, r.To); err != nil {
		return "", fmt.Errorf("putting the restored store file in place: %w", err)
	}
	return aside, nil
}
