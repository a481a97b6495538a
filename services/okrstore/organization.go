package okrstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/api"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/backup"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/control"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
)

const organizationUsage = "organization delete ID [-confirm ID] [-socket PATH]"

// organizationCommand is the subcommand for organizations that leave.
func organizationCommand() run.Command {
	return run.Command{Name: "organization", Summary: "remove all that an organization has, from a running store or a stopped one", Run: organization}
}

// errUnconfirmed says that nothing was deleted for want of a confirmation.
var errUnconfirmed = errors.New("nothing was deleted")

func organization(ctx context.Context, args []string, stdio run.Stdio) error {
	f := newFlags(organizationUsage, stdio,
		"Without -confirm it says what would be deleted. The organization is closed first: all calls for it are refused from then on,\n"+
			"also afterwards. A deletion that was interrupted goes on when it is asked for again. Backups keep what they have.\n"+
			"Where nobody listens on the socket, or none is named, the file of the stopped store is opened.")
	socket := f.socket()
	confirm := f.String("confirm", "", "the `id` of the organization once more: delete it")
	if done, err := f.parse(args, 2); done || err != nil {
		return err
	}
	id := f.positional(1)
	if f.positional(0) != "delete" || id == "" {
		return f.misuse()
	}
	if err := storage.CheckOrganization(id); err != nil {
		return fmt.Errorf("%w: %w", run.ErrUsage, err)
	}
	if *confirm != "" && *confirm != id {
		return fmt.Errorf("%w: -confirm names another organization than %s: %w", run.ErrUsage, id, errUnconfirmed)
	}
	told := progress(stdio.Err)
	store, closeStore, err := findStore(ctx, *socket, told)
	if err != nil {
		return err
	}
	return errors.Join(deleteOrganization(ctx, store, id, *confirm != "", stdio), closeStore())
}

// findStore is the store that listens on a socket, or else the file of one that does not run.
func findStore(ctx context.Context, socket string, told backup.Progress) (store organizations, closeStore func() error, err error) {
	path, err := socketPath(socket)
	if err != nil {
		return nil, nil, err
	}
	if path != "" {
		client := control.NewClient(path, told)
		err := client.Ping(ctx)
		if err == nil || socket != "" || !errors.Is(err, control.ErrNobody) {
			return client, func() error { return nil }, err
		}
	}
	engine, err := openStopped(ctx)
	if err != nil {
		return nil, nil, err
	}
	return stopped{engine, told}, engine.Close, nil
}

// organizations is a store whose organizations can be deleted, wherever it is.
type organizations interface {
	Organization(ctx context.Context, id string) (control.Organization, error)
	DeleteOrganization(ctx context.Context, id string) (control.Deleted, error)
}

func deleteOrganization(ctx context.Context, store organizations, id string, confirmed bool, stdio run.Stdio) error {
	found, err := store.Organization(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case found.Records == 0:
		return fmt.Errorf("the store has nothing of an organization %s", id)
	case !found.DeleteTime.IsZero() && found.Records == 1:
		fmt.Fprintf(stdio.Out, "%s was deleted at %s, and nothing is left\n", id, found.DeleteTime.UTC().Format(time.RFC3339))
		return nil
	case !found.DeleteTime.IsZero():
		fmt.Fprintf(stdio.Out, "%s: its deletion began at %s, %d records are left\n", id, found.DeleteTime.UTC().Format(time.RFC3339), found.Records-1)
	default:
		fmt.Fprintf(stdio.Out, "%s: %d objectives, %d key results, %d check-ins, %d changes; %d records in all\n",
			id, found.Objectives, found.KeyResults, found.CheckIns, found.Changes, found.Records)
	}
	if !confirmed {
		return fmt.Errorf("%w: %w: to delete this for good, add -confirm %s", run.ErrUsage, errUnconfirmed, id)
	}
	deleted, err := store.DeleteOrganization(ctx, id)
	if err != nil {
		return fmt.Errorf("it is not finished, ask for it again: %w", err)
	}
	fmt.Fprintf(stdio.Out, "deleted %d records of %s\n", deleted.Records, id)
	return nil
}

// stopped is the file of a store that does not run, or a cluster, where it makes no difference whether one does.
type stopped struct {
	storage.Engine
	progress backup.Progress
}

func openStopped(ctx context.Context) (storage.Engine, error) {
	cfg, err := loadConfig()
	if err != nil {
		return nil, err
	}
	cfg.Logger = slog.New(slog.DiscardHandler)
	if cfg.Engine == engineEtcd {
		engine, _, err := openEngine(ctx, cfg)
		return engine, err
	}
	if _, err := os.Stat(cfg.path()); err != nil {
		return nil, fmt.Errorf("looking for the store file, see OKR_DATA_DIR and OKR_STORE_PATH: %w", err) // and none is made
	}
	engine, err := boltengine.Open(ctx, cfg.bolt(cfg.path()))
	if errors.Is(err, boltengine.ErrLocked) {
		return nil, fmt.Errorf("the store is running: name its Unix socket by -socket or OKR_STORE_SOCKET: %w", err)
	}
	return engine, err
}

// Organization implements organizations.
func (s stopped) Organization(ctx context.Context, id string) (control.Organization, error) {
	var found api.Checked
	err := s.View(ctx, id, func(tx storage.Tx) (err error) {
		found, err = api.Check(tx)
		return err
	})
	return control.NewOrganization(found), err
}

// DeleteOrganization implements organizations.
func (s stopped) DeleteOrganization(ctx context.Context, id string) (control.Deleted, error) {
	removed, err := api.DeleteOrganization(ctx, s, id, time.Now(), func(records int64) { s.progress("deleting", records, 0) })
	return control.Deleted{Records: removed}, err
}
