// Package disk puts files in place so that a program or a machine that dies on the way leaves either what was there
// before or all of the new one, and knows a full disk when it meets one.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrFull says that the disk, a quota on it or a limit of the process has no room for what was to be written.
var ErrFull = errors.New("no room left on the disk")

// unfinished is in the names of files on their way. What has it and is of no running program may be removed.
const unfinished = ".new-"

// IsFull reports whether an error says that there is no room. Some libraries keep of the operating system's error only
// the words.
func IsFull(err error) bool {
	if err == nil {
		return false
	}
	for _, full := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, full) || strings.Contains(err.Error(), full.Error()) {
			return true
		}
	}
	return errors.Is(err, ErrFull)
}

// Place makes a file, mode 0600, under another name beside path, has it filled and checked, and moves it to path when it
// is on disk; what was at path is replaced in the same instant. After an error path is as it was and nothing else is
// left behind. An error that is of a full disk is an [ErrFull].
//
// check gets the name of the finished file before it is moved, and nil checks nothing.
func Place(ctx context.Context, path string, fill func(*os.File) error, check func(temporary string) error) (err error) {
	file, err := Temporary(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(Explain(path, err), Remove(file.Name()))
		}
	}()
	if err := errors.Join(fill(file), file.Sync(), file.Close()); err != nil {
		return err
	}
	if check != nil {
		if err := check(file.Name()); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return Move(file.Name(), path)
}

// Temporary makes an empty file beside path, mode 0600, with a name of its own.
func Temporary(path string) (*os.File, error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+unfinished+"*")
	if err != nil {
		return nil, Explain(path, err)
	}
	return file, nil
}

// Move gives a file the name path, durably, in the place of what has it.
func Move(from, path string) error {
	if err := os.Rename(from, path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Remove removes a file if it is there.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// RemoveUnfinished removes what programs that died on the way left in a directory of files whose names start with prefix.
// It must not run beside one that is on its way there.
func RemoveUnfinished(dir, prefix string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		if name := entry.Name(); strings.HasPrefix(name, prefix) && strings.Contains(name, unfinished) {
			errs = append(errs, Remove(filepath.Join(dir, name)))
		}
	}
	return errors.Join(errs...)
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Explain makes an [ErrFull] that names the file of an error that says that there is no room for it.
func Explain(path string, err error) error {
	if IsFull(err) && !errors.Is(err, ErrFull) {
		return fmt.Errorf("%w for %s: %w", ErrFull, path, err)
	}
	return err
}

// Unfinished is the name beside path of a file that RemoveUnfinished removes.
func Unfinished(path string) string { return path + unfinished + "made" }
