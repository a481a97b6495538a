package okrstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/disk"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/etcdengine"
)

// migrateCommand is the subcommand that copies a store from a file to etcd, or back, while no okr-store runs on it.
func migrateCommand() run.Command {
	return run.Command{
		Name:    "migrate",
		Summary: "copy a stopped store from its file to etcd, or back, and compare both; run again, it goes on where it ended",
		Run:     migrate,
	}
}

// migrateUsage follows the name of the program.
const migrateUsage = "migrate to-etcd|from-etcd [file]"

// unfinished follows the name of a file that is being made.
const unfinished = ".copy"

func migrate(ctx context.Context, args []string, stdio run.Stdio) error {
	f := newFlags(migrateUsage, stdio, "Without a file it is that of the configuration; etcd is what OKR_STORE_ETCD_* say.")
	if done, err := f.parse(args, 2); done || err != nil {
		return err
	}
	cfg, err := loadConfig()
	if err != nil {
		return err
	}
	if err := cfg.validateEtcd(); err != nil {
		return fmt.Errorf("%w: the configuration has mistakes:\n%w", run.ErrUsage, err)
	}
	path, err := f.file(1)
	if err != nil {
		return err
	}
	switch f.positional(0) {
	case "to-etcd":
		return migrateToEtcd(ctx, cfg, path, stdio.Out)
	case "from-etcd":
		return migrateFromEtcd(ctx, cfg, path, stdio.Out)
	}
	return f.misuse()
}

func migrateToEtcd(ctx context.Context, cfg Config, path string, out io.Writer) (err error) {
	source := boltSource(cfg.bolt(path))
	epoch, err := boltengine.EpochOf(cfg.bolt(path))
	if err != nil {
		return err
	}
	settings, err := cfg.etcd()
	if err != nil {
		return err
	}
	target, err := etcdengine.OpenTarget(ctx, settings, epoch)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	c := &copying{source: source, target: target, out: out}
	if err := c.run(ctx); err != nil {
		return err
	}
	if err := c.compare(ctx, etcdSource(target)); err != nil {
		return err
	}
	if err := target.EndCopy(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is in etcd under %q, %s; do not start okr-store on the file any more\n", path, cfg.EtcdPrefix, c.total())
	return nil
}

// migrateFromEtcd makes the file under another name, which it gives up for the right one when all is there.
func migrateFromEtcd(ctx context.Context, cfg Config, path string, out io.Writer) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already: name a file that is not, or move it away", path)
	}
	settings, err := cfg.etcd()
	if err != nil {
		return err
	}
	source, err := etcdengine.OpenSource(ctx, settings)
	if err != nil {
		return err
	}
	c := &copying{source: etcdSource(source), out: out}
	err = c.toFile(ctx, cfg.bolt(path+unfinished), source.Epoch())
	if err := errors.Join(err, source.Close()); err != nil {
		return err
	}
	// Unlike a rename, a link replaces no file that has come there meanwhile.
	if err := os.Link(path+unfinished, path); err != nil {
		return fmt.Errorf("giving the copy its name: %w", err)
	}
	if err := errors.Join(os.Remove(path+unfinished), disk.SyncDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("giving the copy its name: %w", err)
	}
	fmt.Fprintf(out, "what was in etcd under %q is in %s, %s; no okr-store starts on etcd there any more\n", cfg.EtcdPrefix, path, c.total())
	return nil
}

// toFile copies into a file, which may be one where the same copy was begun.
func (c *copying) toFile(ctx context.Context, settings boltengine.Config, epoch string) error {
	switch begun, err := boltengine.EpochOf(settings); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case begun != epoch:
		return fmt.Errorf("%s was begun as a copy of another store: delete it", settings.Path)
	}
	settings.Epoch = epoch
	target, err := boltengine.Open(ctx, settings)
	if err != nil {
		return err
	}
	c.target = target
	if err := errors.Join(c.run(ctx), target.Close()); err != nil {
		return err
	}
	return c.compare(ctx, boltSource(settings))
}

// A source calls fn with each organization of a store that nobody writes to, in the same order each time. fn may run more
// than once.
type source func(ctx context.Context, fn func(organization string, tx storage.Tx) error) error

func boltSource(settings boltengine.Config) source {
	return func(ctx context.Context, fn func(string, storage.Tx) error) error {
		return boltengine.Examine(ctx, settings, fn)
	}
}

func etcdSource(engine *etcdengine.Engine) source {
	return func(ctx context.Context, fn func(string, storage.Tx) error) error {
		return engine.Organizations(ctx, func(organization string) error {
			return engine.View(ctx, organization, func(tx storage.Tx) error { return fn(organization, tx) })
		})
	}
}
