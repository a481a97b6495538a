package etcdengine

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// The names of what is kept beside the records, in the form of a record.
const (
	// schemaKey holds the schema version in eight bytes. Every commit is made
	// only if it was not written since the engine was opened: so it is written
	// again whenever those that run must not go on.
	schemaKey = "schema"
	epochKey  = "epoch"
	// clusterKey holds the cluster's own id under which the epoch began. A backup
	// that is restored makes another cluster, and that begins another history.
	clusterKey = "cluster"
	// upgradeKey is there while the records are brought to the schema version,
	// see upgrade.go.
	upgradeKey = "upgrade"
	// copyKey is there while the data is copied here, and once it was copied
	// away, see copy.go.
	copyKey = "copy"
)

// ErrCopying says that the data is being copied, or was copied away.
var ErrCopying = errors.New("the data in etcd is being copied, or was copied elsewhere")

// errSilent says that a watch got no answer.
var errSilent = errors.New("etcd does not answer the watch")

// meta is what stands beside the records.
type meta struct {
	version int
	// schemaWritten is the revision at which the version was written.
	schemaWritten int64
	epoch         string
	cluster       string
	upgrade       *mvccpb.KeyValue
	copying       string
	// answeredBy is the id of the cluster that was asked, at a revision.
	answeredBy string
	revision   int64
}

// readMeta reads all of it at one revision. Without a store it returns the zero
// version.
func readMeta(ctx context.Context, c *cluster) (meta, error) {
	var answer *clientv3.TxnResponse
	names := []string{schemaKey, epochKey, clusterKey, upgradeKey, copyKey}
	err := c.try(ctx, func(ctx context.Context) (err error) {
		reads := make([]clientv3.Op, 0, len(names))
		for _, name := range names {
			reads = append(reads, clientv3.OpGet(c.metaKey(name)))
		}
		answer, err = c.client.Txn(ctx).Then(reads...).Commit()
		return err
	})
	if err != nil {
		return meta{}, err
	}
	m := meta{revision: answer.Header.GetRevision(), answeredBy: strconv.FormatUint(answer.Header.GetClusterId(), 16)}
	for i, name := range names {
		for _, kv := range answer.Responses[i].GetResponseRange().GetKvs() {
			value, err := unseal(string(kv.Key), kv.Value)
			if err != nil {
				return meta{}, err
			}
			if err := m.take(name, kv, value); err != nil {
				return meta{}, err
			}
		}
	}
	if m.version > 0 && m.epoch == "" {
		return meta{}, fmt.Errorf("%w: the epoch is missing", storage.ErrCorrupted)
	}
	return m, nil
}

func (m *meta) take(name string, kv *mvccpb.KeyValue, value []byte) error {
	switch name {
	case schemaKey:
		if len(value) != 8 {
			return fmt.Errorf("%w: the schema version is not a number", storage.ErrCorrupted)
		}
		m.version, m.schemaWritten = int(binary.BigEndian.Uint64(value)), kv.ModRevision
	case epochKey:
		m.epoch = string(value)
	case clusterKey:
		m.cluster = string(value)
	case upgradeKey:
		m.upgrade = kv
	case copyKey:
		m.copying = string(value)
	}
	return nil
}

// openMeta makes a store where there is none, and brings one of an older schema
// to that of this program. Of several processes that do so at the same time each
// does a part.
func openMeta(ctx context.Context, c *cluster, upgrades []storage.Upgrade, logger *slog.Logger) (meta, error) {
	known := 1 + len(upgrades)
	for {
		m, err := readMeta(ctx, c)
		if err != nil {
			return meta{}, err
		}
		switch {
		case m.copying != "":
			return meta{}, fmt.Errorf("%w (%s): finish that, or choose another OKR_STORE_ETCD_PREFIX", ErrCopying, m.copying)
		case m.version > known:
			return meta{}, fmt.Errorf("%w: schema %d, and this program knows %d: upgrade this program",
				storage.ErrNewerSchema, m.version, known)
		case m.version == 0:
			err = create(ctx, c, known, m.answeredBy)
		case m.upgrade != nil:
			err = upgradeRecords(ctx, c, m, upgrades[m.version-2], logger)
		case m.version < known:
			err = m.swap(ctx, c, c.putVersion(m.version+1), c.put(upgradeKey, nil))
		case m.cluster != m.answeredBy:
			logger.WarnContext(ctx, "the data has come to another cluster, as a restored backup does: a new epoch begins",
				slog.String("cluster", m.answeredBy))
			err = m.swap(ctx, c, c.putVersion(m.version), c.put(epochKey, newEpoch()), c.put(clusterKey, []byte(m.answeredBy)))
		default:
			return m, nil
		}
		if err != nil {
			return meta{}, err
		}
	}
}

// create makes an empty store, unless another process does.
func create(ctx context.Context, c *cluster, version int, cluster string) error {
	if err := c.checkEmpty(ctx); err != nil {
		return err
	}
	return meta{}.swap(ctx, c, c.putVersion(version), c.put(epochKey, newEpoch()), c.put(clusterKey, []byte(cluster)))
}

// checkEmpty fails when there are keys of somebody else.
func (c *cluster) checkEmpty(ctx context.Context) error {
	var answer *clientv3.GetResponse
	err := c.try(ctx, func(ctx context.Context) (err error) {
		answer, err = c.client.Get(ctx, c.prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly(), clientv3.WithLimit(1))
		return err
	})
	if err != nil {
		return err
	}
	for _, kv := range answer.Kvs {
		if !bytes.HasPrefix(kv.Key, []byte(c.metaKey(""))) { // what another process begins at the same time
			return fmt.Errorf("%w: there are keys such as %q and no schema version: choose another OKR_STORE_ETCD_PREFIX",
				storage.ErrCorrupted, kv.Key)
		}
	}
	return nil
}

// swap writes, unless somebody has written the schema version since it was read.
// Whether it did is seen by reading again.
func (m meta) swap(ctx context.Context, c *cluster, writes ...clientv3.Op) error {
	return c.try(ctx, func(ctx context.Context) error {
		_, err := c.client.Txn(ctx).
			If(clientv3.Compare(clientv3.ModRevision(c.metaKey(schemaKey)), "=", m.schemaWritten)).
			Then(writes...).Commit()
		return err
	})
}

func (c *cluster) put(name string, value []byte) clientv3.Op {
	key := c.metaKey(name)
	return clientv3.OpPut(key, string(seal(key, value)))
}

func (c *cluster) putVersion(version int) clientv3.Op {
	return c.put(schemaKey, binary.BigEndian.AppendUint64(nil, uint64(version)))
}

// newEpoch returns 26 random letters and digits: at least 128 bits, so that no
// two stores ever share one.
func newEpoch() []byte { return []byte(rand.Text()) }
