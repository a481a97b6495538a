package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
)

// A backup is a store file followed by a seal of 64 bytes, so that nothing that happens to it on its way stays
// unnoticed, neither a cut nor a bit that is flipped where no checksum of the store's reaches:
//
//	sealMagic (24 bytes) | length of the store file (8 bytes, big-endian) | SHA-256 of all that (32 bytes)
//
// bbolt does not look behind its last page, so a sealed file is still a store file.
const (
	sealMagic = "okr-store backup seal 1\n"
	sealSize  = len(sealMagic) + 8 + sha256.Size
	// pageUnit divides the size of a page of bbolt on every system.
	pageUnit = 4096
)

// ErrSeal says that a file is not a backup as it was made.
var ErrSeal = errors.New("not a whole backup")

// ErrUnsealed is the [ErrSeal] of a file that has no seal at all.
var ErrUnsealed = fmt.Errorf("%w: it does not end with the seal of one, so it was cut off or is something else", ErrSeal)

// sealing writes a store file, and then its seal.
type sealing struct {
	w    io.Writer
	hash hash.Hash
	n    int64
	told func(n int64)
}

func newSealing(w io.Writer, told func(n int64)) *sealing {
	return &sealing{w: w, hash: sha256.New(), told: told}
}

func (s *sealing) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.hash.Write(p[:n])
	s.n += int64(n)
	s.told(s.n)
	return n, err
}

// seal ends the file.
func (s *sealing) seal() error {
	head := binary.BigEndian.AppendUint64([]byte(sealMagic), uint64(s.n))
	s.hash.Write(head)
	_, err := s.w.Write(s.hash.Sum(head))
	return err
}

// CheckSeal reads a whole file and reports whether it is a backup as it was made: [ErrSeal] when not, and [ErrUnsealed] when
// nothing says that it ever was one.
func CheckSeal(ctx context.Context, path string, progress Progress) error {
	_, err := checkSeal(ctx, path, progress)
	return err
}

// checkSeal reads a whole file and returns how long the store file in it is. [ErrSeal] when what was sealed is not what is
// there.
func checkSeal(ctx context.Context, path string, progress Progress) (length int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	length = info.Size() - int64(sealSize)
	if length < 0 {
		return 0, ErrUnsealed
	}
	found := make([]byte, sealSize)
	if _, err := file.ReadAt(found, length); err != nil {
		return 0, err
	}
	// A store file consists of pages. What has as many bytes more as a seal had one, whatever those bytes have become.
	if !bytes.HasPrefix(found, []byte(sealMagic)) && length%pageUnit != 0 {
		return 0, ErrUnsealed
	}
	expected := newSealing(io.Discard, func(n int64) { progress.tell("checking the seal", n, length) })
	if _, err := copyContext(ctx, expected, io.NewSectionReader(file, 0, length)); err != nil {
		return 0, err
	}
	var seal bytes.Buffer
	expected.w = &seal
	if err := expected.seal(); err != nil {
		return 0, err
	}
	if !bytes.Equal(seal.Bytes(), found) {
		return 0, fmt.Errorf("%w: it is not what was sealed, bytes were changed, lost or added", ErrSeal)
	}
	return length, nil
}

// sealFile ends a store file with its seal.
func sealFile(ctx context.Context, file *os.File) error {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	s := newSealing(io.Discard, func(int64) {})
	if _, err := copyContext(ctx, s, file); err != nil {
		return err
	}
	s.w = file
	return s.seal()
}

// copyContext is io.Copy until a context ends.
func copyContext(ctx context.Context, w io.Writer, r io.Reader) (int64, error) {
	return io.Copy(w, readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	}))
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
