// Package backup makes backups of a store that runs, keeps as many of them as are wanted, and brings one back. Nothing
// that it makes takes its place before it is on disk and was read again from the first page to the last record.
package backup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/api"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/disk"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
)

// Progress is told how far long work has come: what is done, how much of it, in bytes, and how much there is, 0 where
// nobody knows. It is called often and must be quick. Nil is told nothing.
type Progress func(stage string, done, total int64)

func (p Progress) tell(stage string, done, total int64) {
	if p != nil {
		p(stage, done, total)
	}
}

// ErrProblems says that a file can be read and is not in order.
var ErrProblems = errors.New("the check failed")

// Summary is what a file holds.
type Summary struct {
	Organizations, Deleted, Records, Objectives, KeyResults, CheckIns, Changes int64
	// Problems is how many things are wrong; First is one of them.
	Problems int64
	First    string
	// Digest is equal for files with the same records.
	Digest [sha256.Size]byte
}

// String is a line for people.
func (s Summary) String() string {
	text := fmt.Sprintf("%d organizations, %d objectives, %d key results, %d check-ins, %d changes",
		s.Organizations-s.Deleted, s.Objectives, s.KeyResults, s.CheckIns, s.Changes)
	if s.Deleted > 0 {
		text += fmt.Sprintf("; %d organizations were deleted", s.Deleted)
	}
	return text
}

// Examine reads everything in a store file that no okr-store has open: the pages, the checksum and the meaning of every
// record, and what leads to what. It tells each what was found of each organization, if each is not nil. [ErrProblems]
// when something is wrong with the records; the errors of [boltengine.Examine].
func Examine(ctx context.Context, path string, progress Progress, each func(organization string, found api.Checked)) (Summary, error) {
	var all Summary
	digest := sha256.New()
	err := boltengine.Examine(ctx, boltengine.Config{Path: path, Upgrades: api.Upgrades()},
		func(organization string, tx storage.Tx) error {
			found, err := api.Check(tx)
			if err != nil {
				return fmt.Errorf("checking %s: %w", organization, err)
			}
			if each != nil {
				each(organization, found)
			}
			all.add(organization, found)
			fmt.Fprintf(digest, "%s %x\n", organization, found.Digest)
			progress.tell("checking records", all.Records, 0)
			return nil
		})
	if err != nil {
		return all, err
	}
	digest.Sum(all.Digest[:0])
	if all.Problems > 0 {
		return all, fmt.Errorf("%w: %d problems in %s, such as: %s", ErrProblems, all.Problems, path, all.First)
	}
	return all, nil
}

func (s *Summary) add(organization string, c api.Checked) {
	s.Organizations++
	if !c.DeleteTime.IsZero() {
		s.Deleted++
	}
	s.Records += c.Records
	s.Objectives += c.Objectives
	s.KeyResults += c.KeyResults
	s.CheckIns += c.CheckIns
	s.Changes += c.Changes
	s.Problems += c.Found
	if s.First == "" && len(c.Problems) > 0 {
		s.First = organization + ": " + c.Problems[0]
	}
}

// Source is a store that runs.
type Source interface {
	// Backup writes a consistent copy of the store file.
	Backup(ctx context.Context, w io.Writer) error
}

// Made is a finished backup.
type Made struct {
	Path string
	// Bytes is the size of the file.
	Bytes int64
	// Summary is what it holds.
	Summary Summary
}

// Make makes a backup at path, in the place of what is there. It is sealed, on disk and checked when Make returns nil;
// after an error there is nothing of it. A [disk.ErrFull] says that there was no room.
func Make(ctx context.Context, source Source, path string, progress Progress) (Made, error) {
	made := Made{Path: path}
	fill := func(file *os.File) error {
		s := newSealing(file, func(n int64) { progress.tell("writing", n, 0) })
		if err := source.Backup(ctx, s); err != nil {
			return err
		}
		made.Bytes = s.n + int64(sealSize)
		return s.seal()
	}
	check := func(temporary string) (err error) {
		if _, err := checkSeal(ctx, temporary, progress); err != nil {
			return err
		}
		made.Summary, err = Examine(ctx, temporary, progress, nil)
		return err
	}
	if err := disk.Place(ctx, path, fill, check); err != nil {
		return Made{}, fmt.Errorf("making a backup: %w", err)
	}
	return made, nil
}
