package okrstore

import (
	"context"
	"fmt"
	"net"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/backup"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/control"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
)

// care is what a running store does for its file beside serving it: backups on schedule, and what is asked of it on its
// Unix socket. The zero value does nothing: etcd is cared for by its own means.
type care struct {
	keeper *backup.Keeper
	socket net.Listener // nil for none
	config control.Config
}

func newCare(ctx context.Context, cfg Config, opened engine) (*care, error) {
	engine, ok := opened.(*boltengine.Engine)
	if !ok {
		if cfg.BackupDir != "" {
			cfg.Logger.InfoContext(ctx, "no backups are made of etcd here; it makes its own snapshots, see deploy/cluster.md")
		}
		return &care{}, nil
	}
	keeper, err := backup.NewKeeper(backup.Config{
		Source: engine, Dir: cfg.BackupDir, Spare: filepath.Dir(cfg.path()), Interval: cfg.BackupInterval, Keep: cfg.BackupKeep,
		Logger: cfg.Logger, Now: cfg.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing backups: %w", err)
	}
	c := &care{keeper: keeper, config: control.Config{Keeper: keeper, Engine: engine, Logger: cfg.Logger, Now: cfg.Now}}
	if cfg.Socket != "" {
		if c.socket, err = control.Listen(ctx, cfg.Socket); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *care) run(ctx context.Context, group *errgroup.Group) {
	if c.keeper != nil {
		group.Go(func() error { return c.keeper.Run(ctx) })
	}
	if c.socket != nil {
		group.Go(func() error { return control.Serve(ctx, c.socket, c.config) })
	}
}

func (c *care) metrics() []prometheus.Collector {
	if c.keeper == nil {
		return nil
	}
	return c.keeper.Metrics()
}
