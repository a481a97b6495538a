package boltengine

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/overlay"
)

// The journal.
//
// What a commit costs is above all the pages that it writes. The records of a
// mutation lie all over the file: its document, its entry in the change log,
// those of the indexes. So a group of twenty touches more than a hundred pages,
// and most of them again in the next group. That is why a group goes into a
// bucket of its own, the journal, behind those before it: a handful of pages
// that lie together. When there is enough, one commit settles it: it puts all
// of it in its place among the records, where a page is written once for
// everything that it takes, and empties the journal.
//
// Both are buckets of one file, and a commit of bbolt is there as a whole or
// not at all. So every state of the file holds each write once, in the one or
// in the other, and a crash leaves nothing to repair. Whoever reads the file
// lays the journal over the records. The engine has it in memory for that, as a
// recent; see read.

// journalBucket holds the groups that are not among the records yet. A key is
// the number of the group in eight bytes and a stored key of a record; the
// value is that record's stored value, or empty if the record is deleted.
// The bucket is there only while it holds something.
var journalBucket = []byte("journal")

const (
	groupNumberBytes = 8
	// journalFill packs the pages: nothing is added but at the end.
	journalFill = 1.0
	// maxJournalBytes is how large all keys and values of the journal get, which
	// are also in memory. The more it takes, the less is written in all, and
	// the longer a settling holds up those who write meanwhile.
	maxJournalBytes = 4 << 20
	// layerRatio is how many times as large as the next one a layer is.
	layerRatio = 4
)

// recent is what the journal holds in one state of the file. It never changes.
type recent struct {
	// layers are sets of writes, a later one lying over those before. They get
	// smaller fast, so there are few, and each write is merged a few times.
	layers []layer
	bytes  int
}

// A layer holds writes by organization, which change no more.
type layer struct {
	writes     map[string]*overlay.Writes
	operations int
}

// with returns r and, over it, the writes of a group.
func (r *recent) with(g *group) *recent {
	layers := append(slices.Clone(r.layers), newLayer(g.writes))
	for n := len(layers); n > 1 && layers[n-2].operations < layerRatio*layers[n-1].operations; n-- {
		layers = append(layers[:n-2], merge(layers[n-2], layers[n-1]))
	}
	return &recent{layers: layers, bytes: r.bytes + g.bytes}
}

// merged returns all of it, each key once.
func (r *recent) merged() map[string]*overlay.Writes {
	var all layer
	for _, l := range r.layers {
		all = merge(all, l)
	}
	return all.writes
}

// over lays what r has of an organization over its records.
func (r *recent) over(base overlay.Reader, organization string) overlay.Reader {
	for _, l := range r.layers {
		base = over(base, l.writes[organization])
	}
	return base
}

// prefixesOf returns what the stored keys of the organizations start with, in
// their order.
func prefixesOf(writes map[string]*overlay.Writes) [][]byte {
	prefixes := make([][]byte, 0, len(writes))
	for organization := range writes {
		prefixes = append(prefixes, organizationPrefix(organization))
	}
	slices.SortFunc(prefixes, bytes.Compare)
	return prefixes
}

// stored returns all of it under the stored keys of the records.
func (r *recent) stored() *overlay.Writes {
	all, merged := new(overlay.Writes), r.merged()
	for _, prefix := range prefixesOf(merged) {
		for w := range merged[string(prefix[1:])].All() {
			w.Key = joinKey(prefix, w.Key)
			all.Set(w)
		}
	}
	return all
}

func newLayer(writes map[string]*overlay.Writes) layer {
	l := layer{writes: writes}
	for _, w := range writes {
		l.operations += w.Len()
	}
	return l
}

// merge returns both as one layer, and leaves them as they are.
func merge(older, newer layer) layer {
	writes := make(map[string]*overlay.Writes, max(len(older.writes), len(newer.writes)))
	maps.Copy(writes, older.writes)
	for organization, later := range newer.writes {
		if earlier := writes[organization]; earlier != nil {
			later = overlay.Merge(earlier, later)
		}
		writes[organization] = later
	}
	return newLayer(writes)
}

// A state says what the journal holds in the state of the file that a
// transaction of bbolt made.
type state struct {
	transaction int
	recent      *recent
}

// states are the newest state of the file, and the one that is being committed
// and may be there already. Whoever begins to read finds in them what the
// journal held then, unless whole commits came between.
type states struct{ committed, next state }

// of returns nil when neither is the state of the transaction.
func (s *states) of(transaction int) *recent {
	switch transaction {
	case s.committed.transaction:
		return s.committed.recent
	case s.next.transaction:
		return s.next.recent
	}
	return nil
}

// read starts a transaction to read, and returns what lies over the records in
// its state of the file.
func (e *Engine) read() (*bolt.Tx, *recent, error) {
	for {
		tx, err := e.begin()
		if err != nil {
			return nil, nil, err
		}
		if r := e.states.Load().of(tx.ID()); r != nil {
			return tx, r, nil
		}
		if err := tx.Rollback(); err != nil {
			return nil, nil, err
		}
	}
}

// commitTo commits a transaction after which the journal holds next.
func (e *Engine) commitTo(tx *bolt.Tx, next *recent) error {
	before, after := e.states.Load().committed, state{transaction: tx.ID(), recent: next}
	e.states.Store(&states{committed: before, next: after})
	if err := e.commit(tx); err != nil {
		return err
	}
	e.states.Store(&states{committed: after, next: after})
	return nil
}

// put puts a group into the journal or, when that gets too large, settles both.
// It returns what the journal holds then.
func (e *Engine) put(tx *bolt.Tx, g *group) (*recent, error) {
	r := e.states.Load().committed.recent.with(g)
	if r.bytes > e.maxJournal {
		return new(recent), r.settle(tx)
	}
	return r, g.append(tx)
}

// append adds a group to the journal.
func (g *group) append(tx *bolt.Tx) error {
	journal, err := tx.CreateBucketIfNotExists(journalBucket)
	if err != nil {
		return err
	}
	journal.FillPercent = journalFill
	var number uint64
	if last, _ := journal.Cursor().Last(); last != nil {
		number = binary.BigEndian.Uint64(last) + 1
	}
	for _, organization := range slices.Sorted(maps.Keys(g.writes)) {
		prefix := append(binary.BigEndian.AppendUint64(nil, number), organizationPrefix(organization)...)
		for w := range g.writes[organization].All() {
			key := joinKey(prefix, w.Key)
			var stored []byte
			if !w.Deleted {
				stored = seal(key[groupNumberBytes:], w.Value)
			}
			if err := journal.Put(key, stored); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle puts what the journal holds among the records, and empties it.
func (r *recent) settle(tx *bolt.Tx) error {
	for organization, writes := range r.merged() {
		if err := applyWrites(tx, organizationPrefix(organization), writes); err != nil {
			return err
		}
	}
	if tx.Bucket(journalBucket) == nil {
		return nil
	}
	return tx.DeleteBucket(journalBucket)
}

// settleRest settles the journal when the engine ends, so that whoever reads
// the file has less to do. If that fails, the next engine goes on with it.
func (e *Engine) settleRest() {
	r := e.states.Load().committed.recent
	if len(r.layers) == 0 {
		return
	}
	err := guard(func() error {
		tx, err := e.db.Begin(true)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // does nothing after a commit
		if err := r.settle(tx); err != nil {
			return err
		}
		return e.commitTo(tx, new(recent))
	})
	if err != nil {
		e.logger.Warn("the journal of the store file could not be settled; the next start goes on with it",
			slog.String("path", e.db.Path()), slog.String("error", err.Error()))
	}
}

// settleFile settles the journal of a file that is not open yet, for those who
// read the records alone.
func settleFile(db *bolt.DB) error {
	return db.Update(func(tx *bolt.Tx) error {
		r, err := readJournal(tx)
		if err != nil {
			return err
		}
		return r.settle(tx)
	})
}

// readState returns the state of a file that nobody writes to.
func readState(db *bolt.DB) (s state, err error) {
	err = protect(func() error {
		return db.View(func(tx *bolt.Tx) error {
			s.transaction = tx.ID()
			s.recent, err = readJournal(tx)
			return err
		})
	})
	return s, err
}

// readJournal returns what the journal holds, or a [storage.ErrCorrupted].
func readJournal(tx *bolt.Tx) (*recent, error) {
	r := new(recent)
	journal := tx.Bucket(journalBucket)
	if journal == nil {
		return r, nil
	}
	g, number := newGroup(), []byte(nil)
	err := journal.ForEach(func(key, stored []byte) error {
		organization, w, err := parseJournal(key, stored)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(key, number) {
			r, g = r.with(g), newGroup()
		}
		number = key[:groupNumberBytes]
		g.put(organization, w)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.with(g), nil
}

// put adds what the journal has of a group.
func (g *group) put(organization string, w overlay.Write) {
	if g.writes[organization] == nil {
		g.writes[organization] = new(overlay.Writes)
	}
	g.writes[organization].Set(w)
	g.bytes += len(w.Key) + len(w.Value)
}

// parseJournal reads a pair of the journal. What it returns is memory of its
// own.
func parseJournal(key, stored []byte) (organization string, w overlay.Write, err error) {
	if len(key) <= groupNumberBytes {
		return "", w, damage("the journal has a key of %d bytes", len(key))
	}
	record := key[groupNumberBytes:]
	n := 1 + int(record[0])
	if len(record) <= n {
		return "", w, damage("the journal has a record at key %q, which belongs to nothing", record)
	}
	w = overlay.Write{Key: slices.Clone(record[n:]), Deleted: len(stored) == 0}
	if !w.Deleted {
		value, err := unseal(record, stored)
		if err != nil {
			return "", w, err
		}
		w.Value = append([]byte{}, value...) // not nil
	}
	return string(record[1:n]), w, nil
}
