package etcdengine

import (
	"crypto/rand"
	"testing"

	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/storagetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	etcd := kittest.StartEtcd(t, 1)
	configs := make(map[storage.Engine]Config)
	start := func(t *testing.T, config Config) storage.Engine {
		e := openEngine(t, config)
		configs[e] = config
		return e
	}
	storagetest.Run(t, storagetest.Factory{
		New: func(t *testing.T) storage.Engine { return start(t, newConfig(etcd)) },
		Reopen: func(t *testing.T, e storage.Engine) storage.Engine {
			if err := e.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
			return start(t, configs[e])
		},
	})
}

// newConfig is for a store of its own.
func newConfig(etcd *kittest.Etcd) Config {
	return Config{Endpoints: etcd.Endpoints, Prefix: rand.Text() + "/"}
}

// openEngine opens a store, and closes it when the test ends.
func openEngine(t testing.TB, config Config) *Engine {
	t.Helper()
	e, err := Open(t.Context(), config)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return e
}
