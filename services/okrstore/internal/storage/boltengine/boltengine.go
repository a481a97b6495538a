// Package boltengine keeps the data in one bbolt file on the local disk. It is
// the default engine: no other process is needed, and none may touch the file
// while it is open.
//
// # Layout
//
// One bucket holds the records of all organizations. A stored key is the
// length of the organization id in one byte, the id, and the key; the length
// keeps ids apart of which one starts with the other. A bucket per
// organization would give the same isolation, but each of them is a tree of
// its own: one more level of pages to write in every commit, a page at least
// for each organization of some size, and memory for each one a commit
// touches. This way 100,000 organizations cost what their records cost.
//
// A stored value is a CRC-32C of the stored key and the value, then the value:
// bbolt guards its two meta pages by checksums, and nothing else. Another
// bucket holds the schema version and the epoch in the same form.
//
// # Commits
//
// See commit.go: one goroutine commits as a group what came together while it
// committed the group before. And journal.go: most groups go into a bucket of
// their own, from where their records come to their places later, many at once.
package boltengine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/overlay"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/watch"
)

// ErrLocked says that another process, or another engine in this one, has the
// file open.
var ErrLocked = errors.New("store file is locked")

const defaultLockTimeout = 500 * time.Millisecond

// Config says which file to open and how.
type Config struct {
	// Path is the file. Its directory must exist; the file is made when there
	// is none.
	Path string
	// LockTimeout is how long Open waits for another process to let go of the
	// file, as one that is just stopping will. Zero: 500 ms.
	LockTimeout time.Duration
	// NewEpoch starts a new epoch. It is for the first start on a file that came
	// out of a backup: positions in the log that were handed out after the
	// backup was made point at history that no longer exists.
	NewEpoch bool
	// Epoch is the epoch that the file gets, for a copy that goes on with the
	// history of another store. Empty: it keeps its own.
	Epoch string
	// Upgrades bring the records of older files to the form that the caller
	// writes: the first one those of schema 1 to schema 2, and so on. One that
	// was released is never changed.
	Upgrades []storage.Upgrade
	// Uncopied leaves out the copy that is made of an older file before it is
	// upgraded. It is for files that are copies themselves.
	Uncopied bool
	// Committed is told of each commit: how many Updates it made durable, and how
	// long that took. It is called on the writer goroutine, before those Updates
	// are answered, so it must be quick. Nil: nobody is.
	Committed func(updates int, took time.Duration)
	// Logger gets what an operator wants to know. Nil: nothing is logged.
	Logger *slog.Logger
}

// Engine is the [storage.Engine] over one file. It runs one goroutine, until
// Close.
type Engine struct {
	db     *bolt.DB
	logger *slog.Logger
	epoch  string
	hub    watch.Hub
	// commit is (*bolt.Tx).Commit; tests put a failing disk in its place.
	commit    func(*bolt.Tx) error
	committed func(updates int, took time.Duration) // may be nil

	// states say what the journal holds; maxJournal is its largest size, which
	// tests change. See journal.go.
	states     atomic.Pointer[states]
	maxJournal int

	// open holds the group that is open, unless somebody has the turn; full
	// holds it instead when it takes no more. See commit.go.
	open, full chan *group
	work       chan struct{} // wakes the writer goroutine for a group that has members

	closing chan struct{} // closed by Close
	stopped chan struct{} // closed by the writer goroutine at its end
	broken  chan struct{} // closed after a failed commit

	// down is why the engine takes no more calls; nil while it does.
	down      atomic.Pointer[error]
	closeOnce sync.Once

	// noRoom says that the last commit found none on the disk, and memory is for
	// what a commit stores. Both belong to the writer goroutine.
	noRoom bool
	memory memory

	waiting atomic.Int64 // Updates whose turn has not come

	groups, updates, refused atomic.Uint64
}

var _ storage.Engine = (*Engine)(nil)

// Stats are counts since Open.
type Stats struct {
	// Groups is the number of commits: each made a whole group durable at once.
	Groups uint64
	// Updates is the number of Updates with writes that these commits held.
	Updates uint64
	// Full is the number of commits for which the disk had no room.
	Full uint64
}

// Open opens the file, or makes it. It returns within a second unless the disk
// stalls or the file is of an older schema, which takes as long as it takes to
// write the records anew; ctx can end that, and the next Open goes on with it.
// Errors: [ErrLocked] when another process keeps the file,
// [storage.ErrCorrupted] when it is damaged or not a store's file,
// [storage.ErrNewerSchema] when a newer program wrote it. In all three cases
// the file is left as it was, and the message says what to do.
func Open(ctx context.Context, config Config) (*Engine, error) {
	return open(ctx, config, migrations(config.Upgrades))
}

func open(ctx context.Context, config Config, steps []migration) (*Engine, error) {
	if config.LockTimeout == 0 {
		config.LockTimeout = defaultLockTimeout
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	start := time.Now()
	f := file{path: config.Path, lockTimeout: config.LockTimeout, steps: steps, uncopied: config.Uncopied, logger: config.Logger}
	db, err := f.open(ctx)
	if err != nil {
		return nil, err
	}
	epoch, err := readEpoch(db, config)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading the epoch of %s: %w", config.Path, err), db.Close())
	}
	current, err := readState(db)
	if err != nil {
		return nil, errors.Join(f.explain(fmt.Errorf("reading its journal: %w", err)), db.Close())
	}
	e := &Engine{
		db:         db,
		maxJournal: maxJournalBytes,
		logger:     config.Logger,
		epoch:      epoch,
		committed:  config.Committed,
		commit:     (*bolt.Tx).Commit,
		open:       make(chan *group, 1),
		full:       make(chan *group, 1),
		work:       make(chan struct{}, 1),
		closing:    make(chan struct{}),
		stopped:    make(chan struct{}),
		broken:     make(chan struct{}),
	}
	e.states.Store(&states{committed: current, next: current})
	e.open <- newGroup()
	go e.write()
	e.logger.InfoContext(ctx, "store file opened", slog.String("path", config.Path), slog.Int("schema", len(steps)),
		slog.String("epoch", epoch), slog.Bool("fully_checked", f.fullyChecked), slog.Duration("duration", time.Since(start)))
	return e, nil
}

// View implements [storage.Engine].
func (e *Engine) View(ctx context.Context, organization string, fn func(storage.Tx) error) error {
	if err := e.admit(ctx, organization); err != nil {
		return err
	}
	tx, recent, err := e.read()
	if err != nil {
		return err
	}
	// Rollback of a read transaction fails only when it was ended before.
	defer func() { _ = tx.Rollback() }()
	return overlay.NewView(ctx, recent.over(newReader(tx, organization), organization)).Run(fn)
}

// Watch implements [storage.Engine].
func (e *Engine) Watch(ctx context.Context, organization string) (<-chan struct{}, error) {
	if err := e.admit(ctx, organization); err != nil {
		return nil, err
	}
	return e.hub.Watch(ctx, organization)
}

// Ready implements [storage.Engine].
func (e *Engine) Ready(ctx context.Context) error {
	if err := e.reason(); err != nil {
		return err
	}
	return ctx.Err()
}

// Epoch implements [storage.Engine].
func (e *Engine) Epoch() string { return e.epoch }

// Broken is closed when a commit failed and the engine therefore serves no
// more calls. The process should end: what is on disk is known only to the
// next one that opens the file. Ready says why.
func (e *Engine) Broken() <-chan struct{} { return e.broken }

// Stats returns the counts so far.
func (e *Engine) Stats() Stats {
	return Stats{Groups: e.groups.Load(), Updates: e.updates.Load(), Full: e.refused.Load()}
}

// Backup writes a consistent copy of the whole file, all organizations, to w:
// a file that Open takes, with [Config.NewEpoch] set. Writers go on meanwhile,
// but the space of what they replace is not reused and the file cannot be
// mapped anew, so a backup into a slow w makes the file grow and may, once
// every initialMapSize, hold up the writers: write to a local disk first.
func (e *Engine) Backup(ctx context.Context, w io.Writer) error {
	if err := e.Ready(ctx); err != nil {
		return err
	}
	tx, err := e.begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := writeTo(ctx, tx, w); err != nil {
		return fmt.Errorf("writing the backup: %w", err)
	}
	return nil
}

// writeTo writes the state that tx shows as a file of its own.
func writeTo(ctx context.Context, tx *bolt.Tx, w io.Writer) error {
	out := &contextWriter{ctx: ctx, w: w}
	if _, err := tx.WriteTo(out); err != nil {
		// bbolt keeps of the writer's error only its words.
		return errors.Join(out.err, err)
	}
	return nil
}

// Close implements [storage.Engine].
func (e *Engine) Close() (err error) {
	e.closeOnce.Do(func() {
		reason := storage.ErrClosed
		e.down.Store(&reason)
		close(e.closing)
		<-e.stopped
		e.hub.Close()
		err = e.db.Close()
	})
	return err
}

// admit returns why a call may not go on, if so.
func (e *Engine) admit(ctx context.Context, organization string) error {
	if err := storage.CheckOrganization(organization); err != nil {
		return err
	}
	return e.Ready(ctx)
}

// reason returns why the engine takes no calls, or nil.
func (e *Engine) reason() error {
	if err := e.down.Load(); err != nil {
		return *err
	}
	return nil
}

// begin starts a read transaction.
func (e *Engine) begin() (*bolt.Tx, error) {
	tx, err := e.db.Begin(false)
	switch {
	case errors.Is(err, bolterrors.ErrDatabaseNotOpen):
		return nil, storage.ErrClosed
	case err != nil:
		return nil, fmt.Errorf("starting a read transaction: %w", err)
	}
	return tx, nil
}

// contextWriter fails once its context has ended, and keeps the first error.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
	err error
}

func (c *contextWriter) Write(p []byte) (n int, err error) {
	if c.err == nil {
		c.err = c.ctx.Err()
	}
	if c.err != nil {
		return 0, c.err
	}
	n, c.err = c.w.Write(p)
	return n, c.err
}
