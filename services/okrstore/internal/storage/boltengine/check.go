package boltengine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// The check at Open reads the pages itself, before bbolt does. bbolt trusts
// every number in them: a branch that points to itself makes its cursor grow
// until memory ends, and its own consistency check begins with the same
// cursor, on a goroutine where no fault can be caught.
//
// What is read here is bbolt's file format, version 2, in the byte order of
// the machine. A page begins with its id (8 bytes), its kind (2), the number
// of its elements (2) and the number of pages it overflows into (4).

// checkTime bounds the check, because the store must be up, or have said why
// not, within a second. What a larger file has beyond that is checked when it
// is read in service: each record by its checksum.
const checkTime = 300 * time.Millisecond

const (
	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10

	pageHeaderSize    = 16
	branchElementSize = 16 // key offset (4), key size (4), page (8)
	leafElementSize   = 16 // flags (4), key offset (4), key size (4), value size (4)
	bucketHeaderSize  = 16 // root page (8), sequence (8)
	bucketFlag        = 0x01
	pageIDSize        = 8
	// freelistInMeta is where a meta page names the page of the free list.
	freelistInMeta = pageHeaderSize + 32
	// transactionInMeta is where it names the transaction that wrote it.
	transactionInMeta = pageHeaderSize + 48
	// manyElements stands in for a count that needs more than its two bytes.
	manyElements = 0xffff
)

// errOutOfTime says that the deadline cut a check short.
var errOutOfTime = errors.New("out of time")

// A tree checks the pages of one state of a file: every page below the
// high-water mark must be used exactly once, by the free list or by a bucket,
// and the keys of a bucket must be in order.
type tree struct {
	file     io.ReaderAt
	pageSize int
	pages    uint64 // the high-water mark
	claimed  []uint64
	limit    limit
}

// checkTree checks the state that tx shows of the file. It returns
// errOutOfTime when it had to leave something out.
func checkTree(tx *bolt.Tx, file io.ReaderAt, l limit) error {
	pageSize := tx.DB().Info().PageSize
	t := &tree{file: file, pageSize: pageSize, pages: uint64(tx.Size()) / uint64(pageSize), limit: l}
	t.claimed = make([]uint64, t.pages/64+1)

	freelist, err := t.freelistID(uint64(tx.ID()))
	if err != nil {
		return err
	}
	if err := t.freelist(freelist); err != nil {
		return err
	}
	if err := t.walk(uint64(tx.Cursor().Bucket().Root()), nil, nil); err != nil {
		return err
	}
	for id := uint64(2); id < t.pages; id++ {
		if !t.isClaimed(id) {
			return damage("page %d is neither used nor free", id)
		}
	}
	return nil
}

// damage returns a [storage.ErrCorrupted].
func damage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", storage.ErrCorrupted, fmt.Sprintf(format, args...))
}

func (t *tree) isClaimed(id uint64) bool { return t.claimed[id/64]&(1<<(id%64)) != 0 }

// claim marks a page as used. The first two are the meta pages.
func (t *tree) claim(id uint64) error {
	if id < 2 || id >= t.pages {
		return damage("page %d is beyond the %d pages", id, t.pages)
	}
	if t.isClaimed(id) {
		return damage("page %d is used twice", id)
	}
	t.claimed[id/64] |= 1 << (id % 64)
	return nil
}

// read claims a page with its overflow and returns all its bytes.
func (t *tree) read(id uint64) (page []byte, kind uint16, err error) {
	if err := t.limit.reached(); err != nil {
		return nil, 0, err
	}
	if err := t.claim(id); err != nil {
		return nil, 0, err
	}
	page = make([]byte, t.pageSize)
	if _, err := t.file.ReadAt(page, int64(id)*int64(t.pageSize)); err != nil {
		return nil, 0, fmt.Errorf("reading page %d: %w", id, err)
	}
	if got := binary.NativeEndian.Uint64(page); got != id {
		return nil, 0, damage("page %d says that it is page %d", id, got)
	}
	overflow := uint64(binary.NativeEndian.Uint32(page[12:]))
	for i := range overflow {
		// This fails at the high-water mark, before memory is taken for it.
		if err := t.claim(id + 1 + i); err != nil {
			return nil, 0, err
		}
	}
	if overflow > 0 {
		page = make([]byte, (1+overflow)*uint64(t.pageSize))
		if _, err := t.file.ReadAt(page, int64(id)*int64(t.pageSize)); err != nil {
			return nil, 0, fmt.Errorf("reading page %d: %w", id, err)
		}
	}
	return page, binary.NativeEndian.Uint16(page[8:]), nil
}

// freelistID returns the page of the free list from the meta page of a
// transaction. bbolt has chosen that one by its checksum.
func (t *tree) freelistID(transaction uint64) (uint64, error) {
	meta := make([]byte, t.pageSize)
	for id := range int64(2) {
		if _, err := t.file.ReadAt(meta, id*int64(t.pageSize)); err != nil {
			return 0, fmt.Errorf("reading meta page %d: %w", id, err)
		}
		if binary.NativeEndian.Uint64(meta[transactionInMeta:]) == transaction {
			return binary.NativeEndian.Uint64(meta[freelistInMeta:]), nil
		}
	}
	return 0, damage("no meta page of transaction %d", transaction)
}

// freelist claims the page of the free list and the pages that it lists.
func (t *tree) freelist(id uint64) error {
	page, kind, err := t.read(id)
	if err != nil {
		return err
	}
	if kind != freelistPage {
		return damage("page %d should be the free list and is of kind %#x", id, kind)
	}
	count, ids := uint64(binary.NativeEndian.Uint16(page[10:])), page[pageHeaderSize:]
	if count == manyElements {
		count, ids = binary.NativeEndian.Uint64(ids), ids[pageIDSize:]
	}
	if count > uint64(len(ids)/pageIDSize) {
		return damage("the free list has no room for its %d pages", count)
	}
	previous := uint64(0)
	for i := range count {
		free := binary.NativeEndian.Uint64(ids[i*pageIDSize:])
		if free <= previous {
			return damage("the free list has page %d after %d", free, previous)
		}
		if err := t.claim(free); err != nil {
			return err
		}
		previous = free
	}
	return nil
}

// walk checks the page and what is below it. All keys must be at or above
// low and, unless high is nil, below high.
func (t *tree) walk(id uint64, low, high []byte) error {
	page, kind, err := t.read(id)
	if err != nil {
		return err
	}
	switch kind {
	case leafPage:
		return t.leaf(id, page, low, high)
	case branchPage:
	default:
		return damage("page %d should be in a bucket and is of kind %#x", id, kind)
	}
	count := int(binary.NativeEndian.Uint16(page[10:]))
	if count == 0 {
		return damage("page %d is a branch to nowhere", id)
	}
	children := make([]uint64, count)
	// The keys, and above them the bound of the last child.
	keys := make([][]byte, count, count+1)
	for i := range count {
		at := pageHeaderSize + i*branchElementSize
		element, ok := cut(page, at, branchElementSize)
		if !ok {
			return damage("page %d has no room for its %d elements", id, count)
		}
		offset, size := binary.NativeEndian.Uint32(element), binary.NativeEndian.Uint32(element[4:])
		if keys[i], ok = cut(page, at+int(offset), int(size)); !ok {
			return damage("page %d has a key beyond its end", id)
		}
		children[i] = binary.NativeEndian.Uint64(element[8:])
	}
	if err := inOrder(id, keys, low, high); err != nil {
		return err
	}
	keys = append(keys, high)
	for i, child := range children {
		if err := t.walk(child, keys[i], keys[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// leaf checks the elements of a leaf, which may be a page or lie within the
// value of a small bucket, and the buckets among them.
func (t *tree) leaf(id uint64, page, low, high []byte) error {
	count := int(binary.NativeEndian.Uint16(page[10:]))
	keys := make([][]byte, count)
	for i := range count {
		at := pageHeaderSize + i*leafElementSize
		element, ok := cut(page, at, leafElementSize)
		if !ok {
			return damage("page %d has no room for its %d elements", id, count)
		}
		offset := int(binary.NativeEndian.Uint32(element[4:]))
		keySize, valueSize := int(binary.NativeEndian.Uint32(element[8:])), int(binary.NativeEndian.Uint32(element[12:]))
		pair, ok := cut(page, at+offset, keySize+valueSize)
		if !ok {
			return damage("page %d has a record beyond its end", id)
		}
		keys[i] = pair[:keySize]
		switch flags := binary.NativeEndian.Uint32(element); flags {
		case 0:
		case bucketFlag:
			if err := t.bucket(id, pair[keySize:]); err != nil {
				return err
			}
		default:
			return damage("page %d has a record with flags %#x", id, flags)
		}
	}
	return inOrder(id, keys, low, high)
}

// bucket checks a bucket whose header, and if it is small whose only page, is
// the value of a record on page id.
func (t *tree) bucket(id uint64, value []byte) error {
	if len(value) < bucketHeaderSize {
		return damage("page %d has half a bucket", id)
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return t.walk(root, nil, nil)
	}
	page := value[bucketHeaderSize:]
	if len(page) < pageHeaderSize || binary.NativeEndian.Uint16(page[8:]) != leafPage {
		return damage("page %d has a small bucket without content", id)
	}
	return t.leaf(id, page, nil, nil)
}

// cut returns n bytes at an offset, or false if they are not all there. The
// numbers come from at most 32 bits each and cannot overflow.
func cut(page []byte, at, n int) ([]byte, bool) {
	if at > len(page) || n > len(page)-at {
		return nil, false
	}
	return page[at : at+n], true
}

// inOrder checks that keys rise and are within low and high.
func inOrder(id uint64, keys [][]byte, low, high []byte) error {
	for i, key := range keys {
		if i == 0 && bytes.Compare(low, key) > 0 || i > 0 && bytes.Compare(keys[i-1], key) >= 0 ||
			high != nil && bytes.Compare(key, high) >= 0 {
			return damage("key %q on page %d is not in order", key, id)
		}
	}
	return nil
}

// checkRecords checks the checksum of every record, also of those in the
// journal, in a file whose pages are sound.
func checkRecords(tx *bolt.Tx, l limit) error {
	cursor := tx.Bucket(recordsBucket).Cursor()
	for k, v := cursor.First(); k != nil; k, v = cursor.Next() {
		if err := l.reached(); err != nil {
			return err
		}
		if _, err := unseal(k, v); err != nil {
			return err
		}
	}
	_, err := readJournal(tx)
	return err
}

// A limit is asked before each step whether there is reason to stop.
type limit struct {
	ctx      context.Context
	deadline time.Time
}

func (l limit) reached() error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	if time.Now().After(l.deadline) {
		return errOutOfTime
	}
	return nil
}
