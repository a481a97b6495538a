package api

import (
	"bytes"
	"fmt"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// Upgrades bring what older programs wrote to the form of this one, for an engine to run on each organization when it
// opens such data. The first one makes schema 2 of schema 1.
func Upgrades() []storage.Upgrade {
	return []storage.Upgrade{upgradeTo2, upgradeTo3, upgradeTo4, unchanged, unchanged}
}

// One call of an upgrade stops before the next record when it has written this much. The largest record of schema 1 is
// about 400 KiB and takes maxUpgradeRecord operations, so both stay within the limits of a transaction.
const (
	maxUpgradeOperations = storage.MaxOperations - maxUpgradeRecord
	maxUpgradeBytes      = 512 << 10
	maxUpgradeRecord     = 3
)

// upgradeTo2 fills in what schema 1 did not know: the state of objectives, how key results are measured, what kind a
// change is of. It builds the indexes of histories, writes down where key results were that were deleted, and counts the
// objectives. In schema 1 nothing had an owner or a parent, and there were no check-ins.
//
// It goes over the change log first and then over the objectives, both in the order of their keys, and goes on from a
// key.
func upgradeTo2(tx storage.Tx, after []byte) (next []byte, err error) {
	u := upgrade{records: records{tx: tx}}
	for _, pass := range []struct {
		prefix string
		record func(storage.KV) error
	}{
		{prefixChange, u.change},
		{prefixObjective, u.objective},
	} {
		rest := storage.Range{Prefix: []byte(pass.prefix)}
		switch {
		case bytes.HasPrefix(after, rest.Prefix):
			rest.Start = append(bytes.Clone(after), 0)
		case string(after) > pass.prefix:
			continue
		}
		for kv, err := range tx.Range(rest) {
			if err != nil {
				return nil, fmt.Errorf("upgrading records: %w", err)
			}
			if next != nil && (u.operations > maxUpgradeOperations || u.bytes+len(kv.Value) > maxUpgradeBytes) {
				return next, u.count()
			}
			if err := pass.record(kv); err != nil {
				return nil, err
			}
			next = kv.Key
			u.bytes += len(kv.Value)
			u.operations += maxUpgradeRecord
		}
	}
	return nil, u.count()
}

// upgrade is one call of upgradeTo2.
type upgrade struct {
	records
	operations, bytes int
	objectives        int64
}

func (u *upgrade) change(kv storage.KV) error {
	c, err := decode(kv.Value, new(okrv1.Change))
	if err != nil {
		return err
	}
	if err := checkPlace(c, kv.Key); err != nil {
		return err
	}
	c = okr.CompleteChange(c)
	value, err := encode(c)
	if err != nil {
		return err
	}
	if err := u.tx.Put(kv.Key, value); err != nil {
		return err
	}
	if c.GetKind() == okrv1.ChangeKind_CHANGE_KIND_KEY_RESULT_DELETED {
		if err := u.putKeyResultParent(c.GetBefore().GetKeyResult()); err != nil {
			return err
		}
	}
	return u.indexChange(c)
}

func (u *upgrade) objective(kv storage.KV) error {
	o, err := decode(kv.Value, new(okrv1.Objective))
	if err != nil {
		return err
	}
	value, err := encode(okr.Complete(o))
	if err != nil {
		return err
	}
	u.objectives++
	return u.tx.Put(kv.Key, value)
}

// count adds the objectives of this call to those of the calls before it.
func (u *upgrade) count() error {
	if u.objectives == 0 {
		return nil
	}
	return u.countObjectives(u.objectives)
}

// unchanged changes no record. It stands where only the form of a store's file is newer, which a program that knows less
// would not read: from schema 5 on the newest writes may be in a journal, and from schema 6 on that holds them group by
// group.
func unchanged(storage.Tx, []byte) (next []byte, err error) { return nil, nil }
