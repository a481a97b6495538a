package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/api"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/disk"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
)

// Compacted is the size of a file before and after, in bytes.
type Compacted struct {
	Before, After int64
	Summary       Summary
}

// Compact writes a backup, or the file of a stopped store, anew without the space that is free in it, and without what
// was deleted and is still to be read there. The new file takes the place of the old one when it is on disk and was found
// to hold the same records; a backup is sealed again. The errors are those of [Examine], [ErrSeal], [boltengine.ErrLocked]
// and [disk.ErrFull]; after one the file is as it was.
func Compact(ctx context.Context, path string, progress Progress) (done Compacted, err error) {
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return done, err
	}
	held, err := boltengine.Hold(boltengine.Config{Path: path})
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	info, err := os.Stat(path)
	if err != nil {
		return done, err
	}
	done.Before = info.Size()
	sealed, err := isSealed(ctx, path, progress)
	if err != nil {
		return done, err
	}
	if done.Summary, err = Examine(ctx, path, progress, nil); err != nil {
		return done, err
	}
	check := func(temporary string) error {
		found, err := Examine(ctx, temporary, progress, nil)
		if err != nil {
			return err
		}
		if found != done.Summary {
			return fmt.Errorf("%w: the compacted file has other records than %s", ErrProblems, path)
		}
		if done.After, err = finish(ctx, temporary, sealed); err != nil {
			return err
		}
		return errors.Join(os.Chmod(temporary, info.Mode().Perm()), keepOwner(temporary, path))
	}
	fill := func(file *os.File) error {
		return boltengine.Compact(ctx, boltengine.Config{Path: path, Upgrades: api.Upgrades()}, file.Name(),
			func(bytes int64) { progress.tell("writing", bytes, 0) })
	}
	if err := disk.Place(ctx, path, fill, check); err != nil {
		return done, fmt.Errorf("compacting %s: %w", path, err)
	}
	return done, nil
}

// isSealed reports whether a file is a backup. [ErrSeal] when it is one that is not what was sealed.
func isSealed(ctx context.Context, path string, progress Progress) (bool, error) {
	_, err := checkSeal(ctx, path, progress)
	if errors.Is(err, ErrUnsealed) {
		return false, nil
	}
	return err == nil, err
}

// finish seals a compacted file if it is to be, and returns its size.
func finish(ctx context.Context, path string, sealed bool) (int64, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	if sealed {
		err = errors.Join(sealFile(ctx, file), file.Sync())
	}
	info, statErr := file.Stat()
	if err := errors.Join(err, statErr, file.Close()); err != nil {
		return 0, err
	}
	return info.Size(), nil
}
