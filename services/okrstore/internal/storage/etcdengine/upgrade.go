package etcdengine

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/overlay"
)

// upgradeLogInterval is the time between two lines in the log of a long upgrade.
const upgradeLogInterval = 5 * time.Second

// upgradeRecords brings the records to the schema version that stands there
// already, from where upgradeKey says on. That holds what follows allRecords: an
// organization, a slash, and what the upgrade said that it will go on from. The
// version keeps everybody else from writing, and each step is made only if no
// other process has made it.
func upgradeRecords(ctx context.Context, c *cluster, m meta, upgrade storage.Upgrade, logger *slog.Logger) error {
	start := time.Now()
	logged := start
	steps := 0
	for {
		done, err := upgradeStep(ctx, c, upgrade)
		if err != nil {
			return fmt.Errorf("bringing the records to schema %d: %w", m.version, err)
		}
		progress := []any{slog.Int("schema", m.version), slog.Int("steps", steps), slog.Duration("duration", time.Since(start))}
		if done {
			logger.InfoContext(ctx, "brought the records to a newer schema", progress...)
			return nil
		}
		steps++
		if now := time.Now(); now.Sub(logged) >= upgradeLogInterval {
			logged = now
			logger.InfoContext(ctx, "bringing the records to a newer schema", progress...)
		}
	}
}

// upgradeStep calls the upgrade once and commits what it wrote with how far that
// is. It is done when nobody has to do anything any more.
func upgradeStep(ctx context.Context, c *cluster, upgrade storage.Upgrade) (done bool, err error) {
	m, err := readMeta(ctx, c)
	if err != nil || m.upgrade == nil {
		return err == nil, err
	}
	value, err := unseal(string(m.upgrade.Key), m.upgrade.Value)
	if err != nil {
		return false, err
	}
	organization, after, found, err := c.organizationFrom(ctx, string(value), m.revision)
	if err != nil {
		return false, err
	}
	if !found {
		return false, c.swapUpgrade(ctx, m, clientv3.OpDelete(c.metaKey(upgradeKey)))
	}
	r := (&Engine{cluster: c}).newReader(ctx, organization, position{revision: m.revision}, new(cache))
	tx := overlay.NewUpdate(r)
	var reached string
	err = tx.Run(func(tx storage.Tx) error {
		next, err := upgrade(tx, []byte(after))
		reached = string(next)
		return err
	})
	if err := r.outcome(err); err != nil {
		return false, err
	}
	if reached != "" {
		reached = organization + "/" + reached
	} else {
		reached = strings.TrimPrefix(clientv3.GetPrefixRangeEnd(c.recordPrefix(organization)), c.allRecords())
	}
	return false, c.swapUpgrade(ctx, m, append(c.operations(organization, tx.Writes()), c.put(upgradeKey, []byte(reached)))...)
}

// swapUpgrade writes unless another process has made the step.
func (c *cluster) swapUpgrade(ctx context.Context, m meta, writes ...clientv3.Op) error {
	return c.try(ctx, func(ctx context.Context) error {
		_, err := c.client.Txn(ctx).
			If(clientv3.Compare(clientv3.ModRevision(c.metaKey(upgradeKey)), "=", m.upgrade.ModRevision)).
			Then(writes...).Commit()
		return err
	})
}

// organizationFrom finds where to go on: in the organization that a position is
// in, or at the first one that follows it.
func (c *cluster) organizationFrom(ctx context.Context, position string, revision int64) (organization, after string, found bool, err error) {
	if organization, after, found = strings.Cut(position, "/"); found && after != "" {
		return organization, after, true, nil
	}
	var answer *clientv3.GetResponse
	err = c.try(ctx, func(ctx context.Context) (err error) {
		answer, err = c.client.Get(ctx, c.allRecords()+position, clientv3.WithRange(clientv3.GetPrefixRangeEnd(c.allRecords())),
			clientv3.WithRev(revision), clientv3.WithLimit(1), clientv3.WithKeysOnly())
		return err
	})
	if err != nil || len(answer.Kvs) == 0 {
		return "", "", false, err
	}
	organization, _, _ = strings.Cut(strings.TrimPrefix(string(answer.Kvs[0].Key), c.allRecords()), "/")
	return organization, "", true, nil
}
