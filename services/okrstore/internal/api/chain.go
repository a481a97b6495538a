package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/protocodec"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// The change log of an organization is a chain: each entry is kept with the hash
//
//	hash of change n = SHA-256( format byte | hash of change n-1 | change n )
//
// where the format byte is formatChange, the hash before the first change is 32 zero bytes, and a change is the encoded
// message as it stands in the store, which begins with its seq. So the bytes that are hashed are those that are kept, with
// the hash before in the place of the own one, and nothing depends on how an encoder would write the message again.
// Whoever changes, removes, adds or exchanges entries has to write all hashes anew from there on, and then the last one is
// not what it was: those who kept an earlier one can tell.
//
// There is no secret in it. It proves nothing to who has no earlier hash but that the log is in itself as it was written.

// chainHash is the hash of a change; the zero value is that before the first one.
type chainHash [sha256.Size]byte

func (h chainHash) String() string { return hex.EncodeToString(h[:]) }

// parseChainHash reads what String wrote.
func parseChainHash(text string) (chainHash, error) {
	var h chainHash
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(h) {
		return h, fmt.Errorf("%q is not %d hexadecimal digits", text, 2*len(h))
	}
	return chainHash(raw), nil
}

// encodeChange writes a change as a value that follows another change, and returns its hash.
func encodeChange(c *okrv1.Change, before chainHash) ([]byte, chainHash, error) {
	value, err := protocodec.Append(chained(before), c)
	if err != nil {
		return nil, before, fmt.Errorf("encoding change %d: %w", c.GetSeq(), err)
	}
	return value, linkChange(value), nil
}

// chained begins a value with a hash.
func chained(h chainHash) []byte {
	return append([]byte{formatChange}, h[:]...)
}

// linkChange puts the hash of a change, whose value has the one before in its place, into the value.
func linkChange(value []byte) chainHash {
	h := chainHash(sha256.Sum256(value))
	copy(value[1:], h[:])
	return h
}

// cutChain takes a value with a hash apart, without a copy.
func cutChain(value []byte) (h chainHash, message []byte, err error) {
	if len(value) < 1+len(h) || value[0] != formatChange {
		return h, nil, fmt.Errorf("%w: not the format of a change", storage.ErrCorrupted)
	}
	return chainHash(value[1 : 1+len(h)]), value[1+len(h):], nil
}

// decodeChained reads a change, or the head, with its hash.
func decodeChained(value []byte) (*okrv1.Change, chainHash, error) {
	h, message, err := cutChain(value)
	if err != nil {
		return nil, h, err
	}
	c := new(okrv1.Change)
	if err := protocodec.Read(message, c); err != nil {
		return nil, h, fmt.Errorf("%w: decoding Change: %w", storage.ErrCorrupted, err)
	}
	return c, h, nil
}

// logHead is the end of the change log: the last change with nothing but its seq and time, and its hash. The seq is 0 in
// an organization without changes.
type logHead struct {
	*okrv1.Change
	hash chainHash
}

// message is the head for callers.
func (h logHead) message() *okrv1.ChangeLogHead {
	return &okrv1.ChangeLogHead{Seq: h.GetSeq(), Hash: h.hash.String(), CreateTime: h.GetCreateTime()}
}

// head reads the end of the change log.
func (r records) head() (logHead, error) {
	value, err := r.tx.Get([]byte(keyHead))
	if errors.Is(err, storage.ErrNotFound) {
		return logHead{Change: new(okrv1.Change)}, nil
	}
	if err != nil {
		return logHead{}, fmt.Errorf("reading the head of the change log: %w", err)
	}
	c, hash, err := decodeChained(value)
	return logHead{c, hash}, err
}

// putHead writes the end of the change log, which is this change.
func (r records) putHead(c *okrv1.Change, hash chainHash) error {
	value, err := protocodec.Append(chained(hash), &okrv1.Change{Seq: c.GetSeq(), CreateTime: c.GetCreateTime()})
	if err != nil {
		return fmt.Errorf("encoding the head of the change log: %w", err)
	}
	return r.tx.Put([]byte(keyHead), value)
}

// putChange writes the entry of the change log that follows the one with a hash, and returns its own.
func (r records) putChange(c *okrv1.Change, before chainHash) (chainHash, error) {
	value, hash, err := encodeChange(c, before)
	if err != nil {
		return before, err
	}
	if err := r.tx.Put(changeKey(c.GetSeq()), value); err != nil {
		return before, err
	}
	if err := errors.Join(r.indexChange(c), r.putUndoing(c), r.sumChange(c)); err != nil {
		return before, err
	}
	return hash, r.putHead(c, hash)
}

// GetChangeLogHead implements okrv1.OkrServiceServer.
func (s *Server) GetChangeLogHead(ctx context.Context, _ *okrv1.GetChangeLogHeadRequest) (*okrv1.ChangeLogHead, error) {
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	var head logHead
	err = s.view(ctx, caller, func(r records) error {
		var err error
		head, err = r.head()
		return err
	})
	if err != nil {
		return nil, err
	}
	return head.message(), nil
}
