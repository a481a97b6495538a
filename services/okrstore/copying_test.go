package okrstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/boltengine"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/etcdengine"
)

var errStopped = errors.New("stopped by the test")

// stopping is an engine that takes so many updates more.
type stopping struct {
	storage.Engine
	left int
}

func (s *stopping) Update(ctx context.Context, organization string, fn func(storage.Tx) error) error {
	if s.left == 0 {
		return errStopped
	}
	s.left--
	return s.Engine.Update(ctx, organization, fn)
}

const (
	copiedOrganizations = 3
	// recordsEach makes more than two batches.
	recordsEach = 2*storage.MaxOperations + 7
)

// filled is a file with records of several organizations.
func filled(t *testing.T, cfg Config) (settings boltengine.Config) {
	t.Helper()
	settings = cfg.bolt(filepath.Join(t.TempDir(), fileName))
	e, err := boltengine.Open(t.Context(), settings)
	if err != nil {
		t.Fatal(err)
	}
	for organization := range copiedOrganizations {
		for from := 0; from < recordsEach; from += storage.MaxOperations {
			err := e.Update(t.Context(), fmt.Sprint("organization-", organization), func(tx storage.Tx) error {
				for i := from; i < min(from+storage.MaxOperations, recordsEach); i++ {
					if err := tx.Put(fmt.Appendf(nil, "x/%05d\xff\x00", i), fmt.Appendf(nil, "%d of %d", i, organization)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return settings
}

// A copy that ended anywhere goes on there, in both directions, and is not opened before it is complete.
func TestACopyGoesOnWhereItEnded(t *testing.T) {
	etcd := kittest.StartEtcd(t, 1)
	for stop := range 3 * copiedOrganizations {
		t.Run(fmt.Sprint("after batch ", stop), func(t *testing.T) {
			cfg := Config{EtcdEndpoints: etcd.Endpoints, EtcdPrefix: fmt.Sprint("p", stop, "/")}
			file := filled(t, cfg)
			epoch, err := boltengine.EpochOf(file)
			if err != nil {
				t.Fatal(err)
			}
			settings, err := cfg.etcd()
			if err != nil {
				t.Fatal(err)
			}
			target, err := etcdengine.OpenTarget(t.Context(), settings, epoch)
			if err != nil {
				t.Fatal(err)
			}
			c := &copying{source: boltSource(file), target: &stopping{target, stop}, out: io.Discard}
			if err := errors.Join(c.run(t.Context()), target.Close()); !errors.Is(err, errStopped) {
				t.Fatalf("the copy ended with %v", err)
			}
			if _, err := etcdengine.Open(t.Context(), settings); !errors.Is(err, etcdengine.ErrCopying) {
				t.Errorf("a store starts on half a copy: %v", err)
			}
			if _, err := etcdengine.OpenTarget(t.Context(), settings, "another"); !errors.Is(err, etcdengine.ErrNotEmpty) {
				t.Errorf("a copy of another store goes on with it: %v", err)
			}
			if err := migrateToEtcd(t.Context(), cfg, file.Path, io.Discard); err != nil {
				t.Fatal(err)
			}

			source, err := etcdengine.OpenSource(t.Context(), settings)
			if err != nil {
				t.Fatal(err)
			}
			back := cfg.bolt(filepath.Join(t.TempDir(), "back.db"))
			begun := cfg.bolt(back.Path + unfinished)
			begun.Epoch = epoch
			half, err := boltengine.Open(t.Context(), begun)
			if err != nil {
				t.Fatal(err)
			}
			c = &copying{source: etcdSource(source), target: &stopping{half, stop}, out: io.Discard}
			if err := errors.Join(c.run(t.Context()), half.Close(), source.Close()); !errors.Is(err, errStopped) {
				t.Fatalf("the copy ended with %v", err)
			}
			if err := migrateFromEtcd(t.Context(), cfg, back.Path, io.Discard); err != nil {
				t.Fatal(err)
			}
			compare := &copying{source: boltSource(file), out: io.Discard}
			if err := compare.compare(t.Context(), boltSource(back)); err != nil {
				t.Error(err)
			}
			if got, err := boltengine.EpochOf(back); err != nil || got != epoch {
				t.Errorf("the epoch %s came back as %s, %v", epoch, got, err)
			}
			if n := compare.sums["organization-1"].records; n != recordsEach {
				t.Errorf("%d records came back, want %d", n, recordsEach)
			}
		})
	}
}

func TestACopyThatIsNotTheSameIsNoCopy(t *testing.T) {
	cfg := Config{}
	file := filled(t, cfg)
	for name, change := range map[string]func(storage.Tx) error{
		"a record more":    func(tx storage.Tx) error { return tx.Put([]byte("y"), nil) },
		"a record less":    func(tx storage.Tx) error { return tx.Delete([]byte("x/00000\xff\x00")) },
		"another value":    func(tx storage.Tx) error { return tx.Put([]byte("x/00000\xff\x00"), []byte("1 of 0")) },
		"a broken log":     func(tx storage.Tx) error { return tx.Put([]byte("c/\x00\x00\x00\x00\x00\x00\x00\x01"), nil) },
		"one byte further": func(tx storage.Tx) error { return tx.Put([]byte("x/00000\xff\x000"), []byte(" of 0")) },
	} {
		t.Run(name, func(t *testing.T) {
			settings := cfg.bolt(filepath.Join(t.TempDir(), "copy.db"))
			target, err := boltengine.Open(t.Context(), settings)
			if err != nil {
				t.Fatal(err)
			}
			c := &copying{source: boltSource(file), target: target, out: io.Discard}
			err = errors.Join(c.run(t.Context()), target.Update(t.Context(), "organization-0", change), target.Close())
			if err != nil {
				t.Fatal(err)
			}
			if err := c.compare(t.Context(), boltSource(settings)); err == nil {
				t.Error("it passes for a copy")
			}
		})
	}
}
