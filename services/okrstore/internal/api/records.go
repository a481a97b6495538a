package api

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/protocodec"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// The first byte of every value says how the rest is written.
const (
	// formatMessage is followed by a protobuf message; the key says which.
	formatMessage = 1
	// formatRequest is followed by a requestRecord.
	formatRequest = 2
	// formatChange is followed by a hash and a Change, see chain.go.
	formatChange = 3
	// formatParked is followed by a requestRecord whose answer is the id of a proposal.
	formatParked = 4
)

// maxObjectiveBytes bounds an objective with its key results. The largest transaction is the update of an objective
// under a request id: it writes the document and the same once more as the answer, with what is derived, and has to stay
// within storage.MaxBytes together with its change. In the first schema the bound was 384 KiB; okr.Complete adds at most
// 8 KiB to such a document, which must not leave one that nobody can write.
const maxObjectiveBytes = 400 << 10

// records reads and writes what the keys of an organization hold.
type records struct {
	tx        storage.Tx
	documents *documents
}

// objective reads an objective with its key results. OBJECTIVE_NOT_FOUND.
func (r records) objective(id string) (*okrv1.Objective, error) {
	d, err := r.document(id)
	if err != nil {
		return nil, err
	}
	return d.stored, nil
}

// document is objective for those who answer with it.
func (r records) document(id string) (*document, error) {
	value, err := r.tx.Get(objectiveKey(id))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, objectiveNotFound()
	}
	if err != nil {
		return nil, fmt.Errorf("reading an objective: %w", err)
	}
	return r.documents.decode(value)
}

// putObjective writes an objective with its key results, which is read-only from then on. TRANSACTION_TOO_LARGE.
func (r records) putObjective(o *okrv1.Objective) error {
	value, err := encode(o)
	if err != nil {
		return err
	}
	if len(value) > maxObjectiveBytes {
		return rpcerr.New(codes.FailedPrecondition, accessv1.ErrorReason_ERROR_REASON_TRANSACTION_TOO_LARGE,
			"the objective and its key results together have %d bytes, at most %d fit", len(value), maxObjectiveBytes)
	}
	if err := r.indexObjective(o); err != nil {
		return err
	}
	if err := r.tx.Put(objectiveKey(o.GetId()), value); err != nil {
		return err
	}
	r.documents.encoded(value, o)
	return nil
}

// keyResult finds a key result and the objective that holds it. If objectiveID is not empty it has to be that one.
// KEY_RESULT_NOT_FOUND.
func (r records) keyResult(id, objectiveID string) (*okrv1.Objective, *okrv1.KeyResult, error) {
	parent, err := r.keyResultParent(id)
	if err != nil {
		return nil, nil, err
	}
	if parent == "" || objectiveID != "" && objectiveID != parent {
		return nil, nil, keyResultNotFound()
	}
	o, err := r.objective(parent)
	if rpcerr.ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND {
		return nil, nil, keyResultNotFound()
	}
	if err != nil {
		return nil, nil, err
	}
	k := okr.FindKeyResult(o, id)
	if k == nil {
		return nil, nil, keyResultNotFound()
	}
	return o, k, nil
}

// keyResultParent is the id of the objective that holds a key result or held it before one of them was deleted; empty
// when there never was such a key result.
func (r records) keyResultParent(id string) (string, error) {
	value, err := r.tx.Get(keyResultKey(id))
	if errors.Is(err, storage.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("finding a key result: %w", err)
	}
	parent, err := decode(value, new(wrapperspb.StringValue))
	return parent.GetValue(), err
}

// putKeyResultParent writes where a key result is to be found.
func (r records) putKeyResultParent(k *okrv1.KeyResult) error {
	value, err := encode(wrapperspb.String(k.GetObjectiveId()))
	if err != nil {
		return err
	}
	return r.tx.Put(keyResultKey(k.GetId()), value)
}

// exists reports whether a key has a value.
func (r records) exists(key []byte) (bool, error) {
	_, err := r.tx.Get(key)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// decodeChange reads an entry of the change log.
func decodeChange(kv storage.KV) (*okrv1.Change, error) {
	c, _, err := decodeChained(kv.Value)
	if err != nil {
		return nil, err
	}
	return c, checkPlace(c, kv.Key)
}

// checkPlace checks that a change stands where it belongs.
func checkPlace(c *okrv1.Change, key []byte) error {
	if seq, err := changeSeq(key); err != nil || seq != c.GetSeq() {
		return fmt.Errorf("%w: change %d stands under the key %x", storage.ErrCorrupted, c.GetSeq(), key)
	}
	return nil
}

// encode writes a message as a value.
func encode(m proto.Message) ([]byte, error) {
	value, err := protocodec.Append([]byte{formatMessage}, m)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return value, nil
}

// decode reads what encode wrote into a message and returns it.
func decode[M proto.Message](value []byte, m M) (M, error) {
	var none M
	if len(value) == 0 || value[0] != formatMessage {
		return none, fmt.Errorf("%w: not the format of %s", storage.ErrCorrupted, m.ProtoReflect().Descriptor().Name())
	}
	if err := protocodec.Read(value[1:], m); err != nil {
		return none, fmt.Errorf("%w: decoding %s: %w", storage.ErrCorrupted, m.ProtoReflect().Descriptor().Name(), err)
	}
	return m, nil
}
