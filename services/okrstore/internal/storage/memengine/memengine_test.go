package memengine_test

import (
	"testing"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/memengine"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/storagetest"
)

func TestConformance(t *testing.T) {
	storagetest.Run(t, storagetest.Factory{New: func(t *testing.T) storage.Engine {
		e := memengine.New()
		t.Cleanup(func() {
			if err := e.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
		return e
	}})
}
