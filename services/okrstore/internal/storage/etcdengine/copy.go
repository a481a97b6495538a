package etcdengine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// What stands under copyKey, before an epoch.
const (
	copiedHere = "a copy of epoch "
	copiedAway = "copied away, epoch "
)

// ErrNotEmpty says that there is a store already where a copy was to be made.
var ErrNotEmpty = errors.New("there is a store in etcd already")

// OpenTarget opens an empty prefix for a copy of a store with this epoch, or one
// where such a copy was begun. Until EndCopy, Open refuses what is there.
// Errors: [ErrNotEmpty], and those of Open.
func OpenTarget(ctx context.Context, config Config, epoch string) (*Engine, error) {
	return openCopy(ctx, config, func(c *cluster, m meta) error {
		version := 1 + len(config.Upgrades)
		switch {
		case m.copying == copiedHere+epoch && m.version == version:
			return nil
		case m.version > 0 || m.copying != "":
			return fmt.Errorf("%w: choose another OKR_STORE_ETCD_PREFIX", ErrNotEmpty)
		}
		if err := c.checkEmpty(ctx); err != nil {
			return err
		}
		return m.swap(ctx, c, c.putVersion(version), c.put(epochKey, []byte(epoch)), c.put(clusterKey, []byte(m.answeredBy)),
			c.put(copyKey, []byte(copiedHere+epoch)))
	})
}

// EndCopy makes a complete copy a store that Open takes. The engine itself breaks.
func (e *Engine) EndCopy(ctx context.Context) error {
	m, err := readMeta(ctx, e.cluster)
	if err != nil {
		return err
	}
	if m.copying != copiedHere+e.epoch {
		return fmt.Errorf("%w: it is not the copy that was begun", ErrCopying)
	}
	return m.swap(ctx, e.cluster, e.cluster.putVersion(m.version), clientv3.OpDelete(e.cluster.metaKey(copyKey)))
}

// OpenSource opens a store to be copied away. From then on nobody writes to it:
// whoever has it open finds out, and Open refuses it.
func OpenSource(ctx context.Context, config Config) (*Engine, error) {
	return openCopy(ctx, config, func(c *cluster, m meta) error {
		switch version := 1 + len(config.Upgrades); {
		case m.version == 0:
			return fmt.Errorf("%w: there is no store", storage.ErrNotFound)
		case strings.HasPrefix(m.copying, copiedHere):
			return fmt.Errorf("%w (%s)", ErrCopying, m.copying)
		case m.version > version:
			return fmt.Errorf("%w: schema %d, and this program knows %d", storage.ErrNewerSchema, m.version, version)
		case m.version < version || m.upgrade != nil:
			return fmt.Errorf("schema %d is to be brought to %d first: start okr-store on it once", m.version, version)
		case m.copying != "":
			return nil
		}
		return m.swap(ctx, c, c.putVersion(m.version), c.put(copyKey, []byte(copiedAway+m.epoch)))
	})
}

// openCopy opens a store after it was prepared, whatever is said of copies.
func openCopy(ctx context.Context, config Config, prepare func(*cluster, meta) error) (*Engine, error) {
	c, err := connect(ctx, config)
	if err != nil {
		return nil, err
	}
	m, err := readMeta(ctx, c)
	if err == nil {
		err = prepare(c, m)
	}
	if err == nil {
		m, err = readMeta(ctx, c)
	}
	if err == nil && m.copying == "" {
		err = fmt.Errorf("%w by somebody else at the same time", ErrCopying)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("copying what is under %q in etcd: %w", c.prefix, err), c.close())
	}
	return start(ctx, c, config, m)
}

// Organizations calls fn with each organization that has records, in the order
// of their ids, until it fails.
func (e *Engine) Organizations(ctx context.Context, fn func(organization string) error) error {
	position := ""
	for {
		organization, _, found, err := e.cluster.organizationFrom(ctx, position, 0)
		if err != nil || !found {
			return err
		}
		if err := fn(organization); err != nil {
			return err
		}
		position = strings.TrimPrefix(clientv3.GetPrefixRangeEnd(e.cluster.recordPrefix(organization)), e.cluster.allRecords())
	}
}
