package api

import (
	"bytes"
	"fmt"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// upgradeTo3 makes a chain of the change log, see chain.go: each change gets a hash beside the bytes that it has, and the
// head gets the last one. It goes over the log in the order of positions and goes on from a key; the hash to go on with
// stands at the change before.
func upgradeTo3(tx storage.Tx, after []byte) (next []byte, err error) {
	r := records{tx: tx}
	rest := storage.Range{Prefix: []byte(prefixChange)}
	var hash chainHash
	if len(after) > 0 {
		rest.Start = append(bytes.Clone(after), 0)
		done, err := tx.Get(after)
		if err != nil {
			return nil, fmt.Errorf("reading the change before: %w", err)
		}
		if hash, _, err = cutChain(done); err != nil {
			return nil, err
		}
	}
	var last *okrv1.Change
	operations, written := 0, 0
	for kv, err := range tx.Range(rest) {
		if err != nil {
			return nil, fmt.Errorf("chaining changes: %w", err)
		}
		if last != nil && (operations >= maxUpgradeOperations || written+len(kv.Value) > maxUpgradeBytes) {
			return next, r.putHead(last, hash)
		}
		if last, err = decode(kv.Value, new(okrv1.Change)); err != nil {
			return nil, err
		}
		if err := checkPlace(last, kv.Key); err != nil {
			return nil, err
		}
		value := append(chained(hash), kv.Value[1:]...)
		hash = linkChange(value)
		if err := tx.Put(kv.Key, value); err != nil {
			return nil, err
		}
		next = kv.Key
		operations++
		written += len(value)
	}
	if last == nil {
		return nil, nil
	}
	return nil, r.putHead(last, hash)
}
