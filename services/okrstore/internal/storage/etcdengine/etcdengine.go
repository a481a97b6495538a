// Package etcdengine keeps the data in a cluster of etcd. It is for when one
// machine is not enough: any number of processes may have it open at once, each
// serves every organization, and nothing is on their disks.
//
// # Layout
//
// All keys start with a prefix of the operator's choice.
//
//	meta/…                      the schema version, the epoch, see schema.go
//	head/<organization>         who committed last, see head.go
//	data/<organization>/<key>   a record
//
// An organization id has no slash in it, so the keys of one are never among
// those of another. A stored value is a CRC-32C of the stored key and the value,
// then the value: etcd guards its log by checksums, and not what has left it for
// its tables.
//
// # Commits
//
// Every commit of an organization writes its head, and is made only if the head
// is still the one that was there when its functions read: so one of two that
// overlap is refused and runs again, on whatever process they were. Within a
// process they stand in a queue instead, and those that came together are
// committed together. See queue.go and commit.go.
//
// All reads of a transaction are at one revision of the cluster, which every
// member answers alike. What was read is kept as long as the head is the same,
// see cache.go.
package etcdengine

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/overlay"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/watch"
)

const (
	defaultPrefix  = "okr/"
	defaultTimeout = 10 * time.Second
	// readyTimeout is how long Ready waits for an answer of the cluster.
	readyTimeout = 2 * time.Second
	// maxSnapshots is how many snapshots a View may lose to compaction.
	maxSnapshots = 5
)

// Config says which cluster to use and how.
type Config struct {
	// Endpoints are the URLs of the members, at least one of them.
	Endpoints []string
	// TLS is for https endpoints; nil for http.
	TLS *tls.Config
	// User and Password authenticate this process; empty for a cluster without
	// authentication.
	User, Password string
	// Prefix is what all keys start with. Empty: "okr/".
	Prefix string
	// Timeout is how long a call waits for a cluster that does not answer. Zero:
	// 10 s, in which it will have elected another leader if it can.
	Timeout time.Duration
	// Upgrades bring the records that older programs wrote to the form that the
	// caller writes, as for a file.
	Upgrades []storage.Upgrade
	// Logger gets what an operator wants to know. Nil: nothing is logged.
	Logger *slog.Logger
}

// Engine is the [storage.Engine] over one prefix of a cluster. It runs a
// goroutine that follows what others commit, and one for each organization in
// which an Update runs, until Close.
type Engine struct {
	cluster *cluster
	logger  *slog.Logger
	epoch   string
	// schema is when the schema version was last written. Once it was written
	// again, this program may know nothing of the form of the records.
	schema int64
	// replica tells this engine's commits from those of all others; commits
	// numbers them.
	replica replica
	commits atomic.Uint64
	hub     watch.Hub
	caches  *caches

	mu     sync.Mutex
	queues map[string]*queue
	// running counts the open Views and the goroutines of queues.
	running sync.WaitGroup

	closing   chan struct{} // closed by Close
	broken    chan struct{} // closed when the engine serves no more calls
	breakOnce sync.Once
	closeOnce sync.Once
	// down is why the engine takes no more calls; nil while it does.
	down     atomic.Pointer[error]
	unfollow context.CancelFunc
	followed chan struct{} // closed by the goroutine that follows at its end

	groups, updates atomic.Uint64
}

var _ storage.Engine = (*Engine)(nil)

// Stats are counts since Open.
type Stats struct {
	// Groups is the number of commits: each made a whole group durable at once.
	Groups uint64
	// Updates is the number of Updates with writes that these commits held.
	Updates uint64
}

// Open opens the data under a prefix, or makes it. It waits for the cluster for
// as long as a call does, and for an upgrade of records from an older schema as
// long as that takes. Errors: [storage.ErrUnavailable] when no majority answers,
// [storage.ErrCorrupted] when what is there is not a store's,
// [storage.ErrNewerSchema] when a newer program wrote it, and [ErrCopying] when a
// copy to or from it has begun.
func Open(ctx context.Context, config Config) (*Engine, error) {
	c, err := connect(ctx, config)
	if err != nil {
		return nil, err
	}
	e, err := open(ctx, c, config)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the store under %q in etcd: %w", c.prefix, err), c.close())
	}
	return e, nil
}

func open(ctx context.Context, c *cluster, config Config) (*Engine, error) {
	m, err := openMeta(ctx, c, config.Upgrades, config.logger())
	if err != nil {
		return nil, err
	}
	return start(ctx, c, config, m)
}

func (c *Config) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Logger
}

// start makes an engine of what was opened.
func start(ctx context.Context, c *cluster, config Config, m meta) (*Engine, error) {
	logger := config.logger()
	following, unfollow := context.WithCancel(context.WithoutCancel(ctx))
	e := &Engine{
		cluster:  c,
		logger:   logger,
		epoch:    m.epoch,
		schema:   m.schemaWritten,
		caches:   newCaches(),
		queues:   make(map[string]*queue),
		closing:  make(chan struct{}),
		broken:   make(chan struct{}),
		unfollow: unfollow,
		followed: make(chan struct{}),
	}
	if _, err := rand.Read(e.replica[:]); err != nil {
		unfollow()
		return nil, fmt.Errorf("choosing a name among the replicas: %w", err)
	}
	go e.follow(following, m.revision+1)
	e.logger.InfoContext(ctx, "store in etcd opened", slog.String("prefix", c.prefix), slog.Int("schema", m.version),
		slog.String("epoch", e.epoch))
	return e, nil
}

// View implements [storage.Engine].
func (e *Engine) View(ctx context.Context, organization string, fn func(storage.Tx) error) error {
	if err := storage.CheckOrganization(organization); err != nil {
		return err
	}
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.running.Done()
	known := e.caches.of(organization)
	for range maxSnapshots {
		at, err := e.read(ctx, organization)
		if err != nil {
			return err
		}
		known.adopt(at)
		r := e.newReader(ctx, organization, at, known)
		err = overlay.NewView(ctx, r).Run(fn)
		if errors.Is(r.failed, errCompacted) {
			continue // it took longer than etcd keeps what is not the newest
		}
		return r.outcome(err)
	}
	return fmt.Errorf("%w: etcd compacts its history faster than it can be read", storage.ErrUnavailable)
}

// enter counts a call that Close has to wait for; the caller owes running a Done.
func (e *Engine) enter(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.admit(ctx); err != nil {
		return err
	}
	e.running.Add(1)
	return nil
}

// admit returns why a call may not go on, if so.
func (e *Engine) admit(ctx context.Context) error {
	if err := e.down.Load(); err != nil {
		return *err
	}
	return ctx.Err()
}

// Watch implements [storage.Engine].
func (e *Engine) Watch(ctx context.Context, organization string) (<-chan struct{}, error) {
	if err := storage.CheckOrganization(organization); err != nil {
		return nil, err
	}
	if err := e.admit(ctx); err != nil {
		return nil, err
	}
	return e.hub.Watch(ctx, organization)
}

// Ready implements [storage.Engine]: it asks a majority of the cluster.
func (e *Engine) Ready(ctx context.Context) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.running.Done()
	limited, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var answer *clientv3.GetResponse
	err := e.cluster.try(limited, func(ctx context.Context) (err error) {
		answer, err = e.cluster.client.Get(ctx, e.cluster.metaKey(schemaKey), clientv3.WithKeysOnly())
		return err
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return fmt.Errorf("%w: no majority of the etcd members answers", storage.ErrUnavailable)
	case err != nil:
		return err
	}
	return e.checkSchema(answer.Kvs)
}

// Epoch implements [storage.Engine].
func (e *Engine) Epoch() string { return e.epoch }

// Broken is closed when the engine serves no more calls although nobody closed
// it, because the data was given another form, or another epoch. The process
// should end, and the next one finds out whether it can go on. Ready says why.
func (e *Engine) Broken() <-chan struct{} { return e.broken }

// Stats returns the counts so far.
func (e *Engine) Stats() Stats {
	return Stats{Groups: e.groups.Load(), Updates: e.updates.Load()}
}

// Close implements [storage.Engine].
func (e *Engine) Close() (err error) {
	e.closeOnce.Do(func() {
		e.mu.Lock()
		reason := storage.ErrClosed
		e.down.Store(&reason)
		e.mu.Unlock()
		close(e.closing)
		e.running.Wait()
		e.unfollow()
		<-e.followed
		e.hub.Close()
		err = e.cluster.close()
	})
	return err
}

// breakDown ends the service of this engine.
func (e *Engine) breakDown(cause error) error {
	reason := fmt.Errorf("%w: %w", storage.ErrBroken, cause)
	e.breakOnce.Do(func() {
		e.down.CompareAndSwap(nil, &reason)
		close(e.broken)
		e.hub.Close()
		e.logger.Error("the store in etcd is no longer what was opened; the process must be restarted",
			slog.String("error", cause.Error()))
	})
	return reason
}
