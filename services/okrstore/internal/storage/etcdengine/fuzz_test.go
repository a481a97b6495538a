package etcdengine

import (
	"bytes"
	"errors"
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// What stands in etcd is what was written for its key, or damage.
func FuzzStoredForms(f *testing.F) {
	key := "okr/head/acme"
	f.Add([]byte(key), seal(key, []byte("value")))
	f.Add([]byte(key), head{{replica{1}, 2}, {replica{3}, 4}}.encode(key))
	f.Add([]byte(key), head{}.encode(key))
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, key, stored []byte) {
		value, err := unseal(string(key), stored)
		if err == nil && !bytes.Equal(seal(string(key), value), stored) || err != nil && !errors.Is(err, storage.ErrCorrupted) {
			t.Errorf("%x was read as %x: %v", stored, value, err)
		}
		for _, form := range [][]byte{stored, seal(string(key), stored)} { // the second has the right checksum
			h, err := decodeHead(&mvccpb.KeyValue{Key: key, Value: form})
			if err == nil && !bytes.Equal(h.encode(string(key)), form) || err != nil && !errors.Is(err, storage.ErrCorrupted) {
				t.Errorf("%x was read as the head %v: %v", form, h, err)
			}
		}
	})
}
