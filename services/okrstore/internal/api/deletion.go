package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// An organization that leaves is deleted in many transactions, because one holds little. The first one writes down that
// it is deleted: from then on the service refuses all calls for it, so that nobody sees half of it, and nobody adds to
// it, neither meanwhile nor afterwards with a token that is still good. That record stays. All others are removed, in
// the order of their keys; a deletion that was cut off goes on when it is asked for again.

// deletion is when the organization was deleted, or began to be; zero for one that was not.
func (r records) deletion() (time.Time, error) {
	value, err := r.tx.Get([]byte(keyDeletion))
	if errors.Is(err, storage.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("looking whether the organization was deleted: %w", err)
	}
	at, err := decode(value, new(timestamppb.Timestamp))
	if err != nil {
		return time.Time{}, err
	}
	return at.AsTime(), nil
}

// DeleteTime is when an organization was deleted, or began to be; zero for one that was not.
func DeleteTime(tx storage.Tx) (time.Time, error) { return records{tx: tx}.deletion() }

// living is an engine that refuses what is asked of organizations that were deleted.
type living struct{ storage.Engine }

// View implements [storage.Engine].
func (l living) View(ctx context.Context, organization string, fn func(storage.Tx) error) error {
	return l.Engine.View(ctx, organization, ofLiving(fn))
}

// Update implements [storage.Engine].
func (l living) Update(ctx context.Context, organization string, fn func(storage.Tx) error) error {
	return l.Engine.Update(ctx, organization, ofLiving(fn))
}

// ofLiving is fn, unless the organization was deleted. ORGANIZATION_DELETED.
func ofLiving(fn func(storage.Tx) error) func(storage.Tx) error {
	return func(tx storage.Tx) error {
		at, err := records{tx: tx}.deletion()
		if err != nil {
			return err
		}
		if !at.IsZero() {
			return rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_ORGANIZATION_DELETED,
				"the data of this organization was deleted")
		}
		return fn(tx)
	}
}

// Updater is what deletes: a [storage.Engine] or what stands for one.
type Updater interface {
	Update(ctx context.Context, organization string, fn func(storage.Tx) error) error
}

// DeleteOrganization removes all records of an organization but the one that says so, and returns how many. When ctx
// ends, what was removed stays removed, and another call goes on. progress is called after each transaction with the
// number so far.
func DeleteOrganization(
	ctx context.Context, engine Updater, organization string, now time.Time, progress func(records int64),
) (removed int64, err error) {
	err = engine.Update(ctx, organization, func(tx storage.Tx) error {
		at, err := records{tx: tx}.deletion()
		if err != nil || !at.IsZero() {
			return err
		}
		value, err := encode(timestamppb.New(now))
		if err != nil {
			return err
		}
		return tx.Put([]byte(keyDeletion), value)
	})
	if err != nil {
		return 0, fmt.Errorf("writing down that %s is deleted: %w", organization, err)
	}
	for {
		if err := ctx.Err(); err != nil {
			return removed, err
		}
		var n int64
		err := engine.Update(ctx, organization, func(tx storage.Tx) error {
			n = 0
			for kv, err := range tx.Range(storage.Range{Limit: storage.MaxOperations + 1}) {
				if err != nil {
					return err
				}
				if string(kv.Key) == keyDeletion || n == storage.MaxOperations {
					continue
				}
				if err := tx.Delete(kv.Key); err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err != nil {
			return removed, fmt.Errorf("deleting the records of %s: %w", organization, err)
		}
		if n == 0 {
			return removed, nil
		}
		removed += n
		progress(removed)
	}
}
