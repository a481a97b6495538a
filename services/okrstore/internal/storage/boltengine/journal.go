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
// bucket of its own, the journal, behind those before it, as one value whose
// pages lie together. When there is enough, it is settled: put in its place
// among the records, where a page is written once for everything that it takes.
//
// Settling goes on over many commits, each of which takes a piece in the order
// of the keys along with its own group, so that none takes long. The groups
// stay in the journal until all of them are settled, and whoever reads lays
// them over the records whether these have the same already or not.
//
// Both are buckets of one file, and a commit of bbolt is there as a whole or
// not at all. So every state of the file holds each write, and a crash leaves
// nothing to repair: what was settled in part is settled anew. Whoever reads the
// file lays the journal over the records. The engine has it in memory for that,
// as a recent; see read.

// journalBucket holds the groups that are not among the records yet. A key is
// the number of the group in eight bytes, and below it is a bucket with one
// value, under groupKey: a bucket of its own, or a commit would write the group
// before it once more, which would be on the same page. For the form of the
// value see [group.encode]. The bucket is there only while it holds something.
//
// Up to schema 5 each write was a pair of the journal; see group.putPair.
var (
	journalBucket = []byte("journal")
	groupKey      = []byte("writes")
)

const (
	groupNumberBytes = 8
	// maxJournalBytes is from which size on the journal is settled, by keys and
	// values, which are also in memory. It gets half as large again meanwhile.
	// The more it takes, the less is written in all.
	maxJournalBytes = 4 << 20
	// settlingPieces is in about how many pieces a journal is settled.
	settlingPieces = 16
	// layerRatio is how many times as large as the next one a layer is.
	layerRatio = 4
)

// recent is what the journal holds in one state of the file. It never changes.
type recent struct {
	// layers are sets of writes, a later one lying over those before. They get
	// smaller fast, so there are few, and each write is merged a few times.
	layers []layer
	bytes  int // of the layers
	// settling is what lies below the layers and comes to its place just now;
	// nil if nothing does.
	settling *settling
}

// settling is the part of the journal that comes to its place among the
// records. It never changes.
type settling struct {
	layer
	// left are the writes that have not come to their place, under the stored
	// keys of the records and in their order.
	left []overlay.Write
	done int // bytes that have
	// through is the number of the last group that is settled.
	through uint64
}

// A layer holds writes by organization, which change no more.
type layer struct {
	writes     map[string]*overlay.Writes
	operations int
}

// with returns r and, over it, the writes of a group.
func (r *recent) with(g *group) *recent {
	filtered := make(map[string]*overlay.Writes, len(g.writes))
	for organization, writes := range g.writes {
		filtered[organization] = writes.Filtered()
	}
	layers := append(slices.Clone(r.layers), newLayer(filtered))
	for n := len(layers); n > 1 && layers[n-2].operations < layerRatio*layers[n-1].operations; n-- {
		layers = append(layers[:n-2], merge(layers[n-2], layers[n-1]))
	}
	return &recent{layers: layers, bytes: r.bytes + g.bytes, settling: r.settling}
}

// merged returns all of it, each key once.
func (r *recent) merged() map[string]*overlay.Writes {
	var all layer
	if r.settling != nil {
		all = r.settling.layer
	}
	for _, l := range r.layers {
		all = merge(all, l)
	}
	return all.writes
}

// over lays what r has of an organization over its records.
func (r *recent) over(base overlay.Reader, organization string) overlay.Reader {
	if r.settling != nil {
		base = over(base, r.settling.writes[organization])
	}
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

// storedWrites lists writes under the stored keys of the records, in their
// order.
func storedWrites(writes map[string]*overlay.Writes) []overlay.Write {
	n := 0
	for _, w := range writes {
		n += w.Len()
	}
	stored := make([]overlay.Write, 0, n)
	for _, prefix := range prefixesOf(writes) {
		for w := range writes[string(prefix[1:])].All() {
			w.Key = joinKey(prefix, w.Key)
			stored = append(stored, w)
		}
	}
	return stored
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
			later = overlay.Merge(earlier, later).Filtered()
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

// put puts a group into the journal, and settles a piece when it is time. It
// returns what the journal holds then.
func (e *Engine) put(tx *bolt.Tx, g *group) (*recent, error) {
	e.memory.reset()
	r := e.states.Load().committed.recent.with(g)
	number, err := g.append(tx, &e.memory)
	if err != nil {
		return nil, err
	}
	if r.settling == nil && r.bytes > e.maxJournal {
		r = r.startSettling(number)
	}
	// Twice as fast as new groups come.
	for r.settling != nil && r.settling.done <= 2*r.bytes {
		if r, err = r.settleSome(tx, &e.memory, e.maxJournal/settlingPieces); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// append adds a group to the journal and returns its number.
func (g *group) append(tx *bolt.Tx, m *memory) (number uint64, err error) {
	journal, err := tx.CreateBucketIfNotExists(journalBucket)
	if err != nil {
		return 0, err
	}
	if last, _ := journal.Cursor().Last(); last != nil {
		number = binary.BigEndian.Uint64(last) + 1
	}
	key := binary.BigEndian.AppendUint64(nil, number)
	bucket, err := journal.CreateBucket(key)
	if err != nil {
		return 0, err
	}
	return number, bucket.Put(groupKey, sealed(key, g.encode(m.room(g.encodedSize()))))
}

// startSettling returns r with all of it about to be settled; through is the
// number of its last group.
func (r *recent) startSettling(through uint64) *recent {
	all := newLayer(r.merged())
	return &recent{settling: &settling{layer: all, left: storedWrites(all.writes), through: through}}
}

// settleSome puts the next piece of about so many bytes in its place, and takes
// the groups out of the journal after the last one. It returns what the journal
// holds then.
func (r *recent) settleSome(tx *bolt.Tx, m *memory, bytes int) (*recent, error) {
	s := *r.settling
	end := s.done + bytes
	n := 0
	for n < len(s.left) && s.done <= end {
		s.done += len(s.left[n].Key) + len(s.left[n].Value)
		n++
	}
	if err := applyWrites(tx, s.left[:n], m); err != nil {
		return nil, err
	}
	next := *r
	if s.left = s.left[n:]; len(s.left) > 0 {
		next.settling = &s
		return &next, nil
	}
	next.settling = nil
	return &next, removeGroups(tx, s.through)
}

// removeGroups takes the groups up to a number out of the journal.
func removeGroups(tx *bolt.Tx, through uint64) error {
	journal := tx.Bucket(journalBucket)
	var settled [][]byte
	cursor := journal.Cursor()
	key, _ := cursor.First()
	for ; key != nil && binary.BigEndian.Uint64(key) <= through; key, _ = cursor.Next() {
		settled = append(settled, key)
	}
	if key == nil {
		return tx.DeleteBucket(journalBucket)
	}
	for _, key := range settled {
		if err := journal.DeleteBucket(key); err != nil {
			return err
		}
	}
	return nil
}

// settle puts what the journal holds among the records, and empties it.
func (r *recent) settle(tx *bolt.Tx) error {
	if err := applyWrites(tx, storedWrites(r.merged()), new(memory)); err != nil {
		return err
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
	if len(r.layers) == 0 && r.settling == nil {
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
