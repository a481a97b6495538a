package etcdengine

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// exclaim is an upgrade that goes over one record in each call, and puts an exclamation mark behind its value.
func exclaim(tx storage.Tx, after []byte) (next []byte, err error) {
	for kv, err := range tx.Range(storage.Range{Start: append(bytes.Clone(after), 0), Limit: 1}) {
		if err != nil {
			return nil, err
		}
		return kv.Key, tx.Put(kv.Key, append(kv.Value, '!'))
	}
	return nil, nil
}

func TestAnUpgradeGoesOverEveryRecordOnceWhoeverDoesIt(t *testing.T) {
	config := newConfig(kittest.StartEtcd(t, 1))
	old := openEngine(t, config)
	organizations := []string{"a", "a.", "ab", "b"}
	for _, id := range organizations {
		err := old.Update(t.Context(), id, func(tx storage.Tx) error {
			return errors.Join(tx.Put([]byte("x"), []byte(id)), tx.Put([]byte("y/\xff"), []byte(id)), tx.Put([]byte("z"), []byte(id)))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	newer := config
	newer.Upgrades = []storage.Upgrade{exclaim, exclaim}
	var work sync.WaitGroup
	for range 3 {
		work.Go(func() { openEngine(t, newer) })
	}
	work.Wait()
	e := openEngine(t, newer)
	for _, id := range organizations {
		err := e.View(t.Context(), id, func(tx storage.Tx) error {
			for _, key := range []string{"x", "y/\xff", "z"} {
				if value, err := tx.Get([]byte(key)); err != nil || string(value) != id+"!!" {
					return fmt.Errorf("%q of %s is %q, %w", key, id, value, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if e.Epoch() != old.Epoch() {
		t.Error("the epoch has changed")
	}

	t.Run("the older program does not write any more", func(t *testing.T) {
		if err := old.Update(t.Context(), "a", increment); !errors.Is(err, storage.ErrBroken) {
			t.Errorf("Update answered %v", err)
		}
		<-old.Broken()
		if err := old.Ready(t.Context()); !errors.Is(err, storage.ErrBroken) {
			t.Errorf("Ready answered %v", err)
		}
		if err := e.View(t.Context(), "a", func(tx storage.Tx) error { _, err := tx.Get([]byte("counter")); return err }); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("its write was made: %v", err)
		}
	})
	t.Run("and refuses to open", func(t *testing.T) {
		if _, err := Open(t.Context(), config); !errors.Is(err, storage.ErrNewerSchema) {
			t.Errorf("Open answered %v", err)
		}
	})
}

func TestAnOlderProgramNoticesThatItIsOutdatedWithoutWriting(t *testing.T) {
	config := newConfig(kittest.StartEtcd(t, 1))
	old := openEngine(t, config)
	signals, err := old.Watch(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	config.Upgrades = []storage.Upgrade{exclaim}
	openEngine(t, config)
	if err := old.Ready(t.Context()); !errors.Is(err, storage.ErrBroken) {
		t.Errorf("Ready answered %v", err)
	}
	<-old.Broken()
	for range signals { // it ends
	}
}

// The way of cluster.md: what was written after the backup is gone, and everybody is told so.
func TestARestoredBackupBeginsAnotherEpoch(t *testing.T) {
	etcd := kittest.StartEtcd(t, 1)
	config := newConfig(etcd)
	e := openEngine(t, config)
	if err := e.Update(t.Context(), organization, increment); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	etcd.Control("snapshot", "save", backup)
	if err := e.Update(t.Context(), organization, increment); err != nil {
		t.Fatal(err)
	}
	etcd.Restore(backup)
	restored := openEngine(t, config)
	if restored.Epoch() == e.Epoch() {
		t.Error("the epoch is the one before")
	}
	wantCounter(t, restored, 1)
	if again := openEngine(t, config); again.Epoch() != restored.Epoch() {
		t.Error("every start begins another epoch")
	}
	// A replica that was not stopped knows a history that there is no more.
	if err := e.Update(t.Context(), organization, increment); !errors.Is(err, storage.ErrBroken) {
		t.Errorf("it answered %v", err)
	}
	wantCounter(t, restored, 1)
}

func TestDataThatCameToAnotherClusterBeginsAnotherEpoch(t *testing.T) {
	config := newConfig(kittest.StartEtcd(t, 1))
	e := openEngine(t, config)
	if err := e.Update(t.Context(), organization, increment); err != nil {
		t.Fatal(err)
	}
	// What a backup of another cluster would have brought.
	key := e.cluster.metaKey(clusterKey)
	if _, err := e.cluster.client.Put(t.Context(), key, string(seal(key, []byte("4711")))); err != nil {
		t.Fatal(err)
	}
	restored, again := openEngine(t, config), openEngine(t, config)
	if restored.Epoch() == e.Epoch() || restored.Epoch() != again.Epoch() {
		t.Errorf("the epochs are %s before, and then %s and %s", e.Epoch(), restored.Epoch(), again.Epoch())
	}
	wantCounter(t, restored, 1)
	if err := e.Update(t.Context(), organization, increment); !errors.Is(err, storage.ErrBroken) {
		t.Errorf("an engine with the epoch before answered %v", err)
	}
}

func TestWhatIsNotAStoreIsRefusedAndLeftAsItIs(t *testing.T) {
	etcd := kittest.StartEtcd(t, 1)
	for name, test := range map[string]struct {
		key  func(*cluster) string
		want error
	}{
		"a key of somebody else": {func(c *cluster) string { return c.prefix + "theirs" }, storage.ErrCorrupted},
		"a damaged version":      {func(c *cluster) string { return c.metaKey(schemaKey) }, storage.ErrCorrupted},
		"a version of no use":    {func(c *cluster) string { return c.metaKey(epochKey) }, storage.ErrCorrupted},
	} {
		t.Run(name, func(t *testing.T) {
			config := newConfig(etcd)
			c, err := connect(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer c.close() //nolint:errcheck // the test is over
			if _, err := c.client.Put(t.Context(), test.key(c), "theirs"); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), config); !errors.Is(err, test.want) {
				t.Errorf("Open answered %v", err)
			}
			if answer, err := c.client.Get(t.Context(), test.key(c)); err != nil || string(answer.Kvs[0].Value) != "theirs" {
				t.Errorf("it was changed: %v, %v", answer, err)
			}
		})
	}
}

func TestADamagedRecordIsReported(t *testing.T) {
	config := newConfig(kittest.StartEtcd(t, 1))
	e := openEngine(t, config)
	if err := e.Update(t.Context(), organization, increment); err != nil {
		t.Fatal(err)
	}
	damage := func(key string) {
		t.Helper()
		if _, err := e.cluster.client.Put(t.Context(), key, "\x00\x00\x00\x002"); err != nil {
			t.Fatal(err)
		}
	}
	damage(e.cluster.recordPrefix(organization) + "counter")
	fresh := openEngine(t, config)
	for name, fn := range map[string]func(storage.Tx) error{
		"Get": increment,
		"Range": func(tx storage.Tx) error {
			for _, err := range tx.Range(storage.Range{}) {
				return err
			}
			return nil
		},
	} {
		if err := fresh.View(t.Context(), organization, fn); !errors.Is(err, storage.ErrCorrupted) {
			t.Errorf("%s answered %v", name, err)
		}
	}
	damage(e.cluster.headKey(organization))
	if err := fresh.View(t.Context(), organization, increment); !errors.Is(err, storage.ErrCorrupted) {
		t.Errorf("with a damaged head, View answered %v", err)
	}
}
