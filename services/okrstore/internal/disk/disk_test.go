package disk_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/disk"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

func TestAFileIsPlacedWholeOrNotAtAll(t *testing.T) {
	failure := errors.New("no")
	write := func(text string) func(*os.File) error {
		return func(f *os.File) error { _, err := f.WriteString(text); return err }
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx   context.Context //nolint:containedctx // of a table
		fill  func(*os.File) error
		check func(string) error
		want  error
	}{
		"when it is good":            {t.Context(), write("new"), func(string) error { return nil }, nil},
		"without a check":            {t.Context(), write("new"), nil, nil},
		"when filling it fails":      {t.Context(), func(f *os.File) error { return errors.Join(write("ne")(f), failure) }, nil, failure},
		"when the check fails":       {t.Context(), write("new"), func(string) error { return failure }, failure},
		"when it is called off":      {ended, write("new"), nil, context.Canceled},
		"when the disk is full":      {t.Context(), func(*os.File) error { return &os.PathError{Op: "write", Path: "f", Err: syscall.ENOSPC} }, nil, disk.ErrFull},
		"when the check finds it so": {t.Context(), write("new"), func(string) error { return fmt.Errorf("file resize error: %s", syscall.EFBIG) }, disk.ErrFull},
	} {
		for _, old := range []string{"", "old"} {
			t.Run(name+" over "+old, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "f")
				if old != "" {
					if err := os.WriteFile(path, []byte(old), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				check := test.check
				if check != nil {
					check = func(temporary string) error {
						if content, err := os.ReadFile(temporary); err != nil || string(content) != "new" {
							t.Errorf("the check sees %q, %v", content, err)
						}
						return test.check(temporary)
					}
				}
				if err := disk.Place(test.ctx, path, test.fill, check); !errors.Is(err, test.want) {
					t.Errorf("answered %v, want %v", err, test.want)
				}
				want := old
				if test.want == nil {
					want = "new"
				}
				content, err := os.ReadFile(path)
				if string(content) != want || (want == "") != errors.Is(err, os.ErrNotExist) {
					t.Errorf("there is %q, %v, want %q", content, err, want)
				}
				if info, err := os.Stat(path); test.want == nil && (err != nil || info.Mode() != 0o600) {
					t.Errorf("its mode is %v, %v", info.Mode(), err)
				}
				if all := names(t, dir); len(all) > 1 || len(all) == 1 && all[0] != "f" {
					t.Errorf("the directory holds %v", all)
				}
			})
		}
	}
}

func TestWhatAProgramThatDiedLeftIsRemovedAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	file, err := disk.Temporary(filepath.Join(dir, "okr-1.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Base(disk.Unfinished("okr-2.db")), "okr-3.db", "other.db.new-1", "notes"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(file.Close(), disk.RemoveUnfinished(dir, "okr-")); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), []string{"notes", "okr-3.db", "other.db.new-1"}; !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
	if err := disk.RemoveUnfinished(filepath.Join(dir, "none"), "okr-"); err == nil {
		t.Error("a directory that is not there was cleared")
	}
}

func TestAFullDiskIsKnownByWhateverSaysSo(t *testing.T) {
	for _, err := range []error{
		syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, disk.ErrFull, fmt.Errorf("a: %w", syscall.ENOSPC),
		errors.New("only the words: " + syscall.ENOSPC.Error()),
	} {
		if !disk.IsFull(err) {
			t.Errorf("%v is not known", err)
		}
	}
	for _, err := range []error{nil, syscall.EIO, os.ErrNotExist} {
		if disk.IsFull(err) {
			t.Errorf("%v is taken for it", err)
		}
	}
	if err := disk.Explain("f", disk.Explain("f", syscall.ENOSPC)); strings.Count(err.Error(), disk.ErrFull.Error()) != 1 {
		t.Errorf("it is said twice: %v", err)
	}
}
