package api

import (
	"bytes"
	"fmt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// upgradeTo4 goes over the change log and writes down what schema 3 had no place for: which change undid which, and what
// each client did. It goes on from a key. Schema 4 is also that of programs that know proposals: one that does not would let
// an agent write that may only propose, so it must refuse the file.
func upgradeTo4(tx storage.Tx, after []byte) (next []byte, err error) {
	r := records{tx: tx}
	rest := storage.Range{Prefix: []byte(prefixChange)}
	if len(after) > 0 {
		rest.Start = append(bytes.Clone(after), 0)
	}
	operations := 0
	for kv, err := range tx.Range(rest) {
		if err != nil {
			return nil, fmt.Errorf("summing up changes: %w", err)
		}
		if operations > maxUpgradeOperations {
			return next, nil
		}
		c, err := decodeChange(kv)
		if err != nil {
			return nil, err
		}
		if err := r.putUndoing(c); err != nil {
			return nil, err
		}
		if err := r.sumChange(c); err != nil {
			return nil, err
		}
		next = kv.Key
		operations += 2
	}
	return nil, nil
}
