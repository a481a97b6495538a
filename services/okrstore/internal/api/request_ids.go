package api

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

const (
	// requestIDLifetime is for how long a request id is remembered (AIP-155).
	requestIDLifetime = 60 * time.Minute
	// maxSwept is how many expired request ids a mutation removes, at two operations each. As it adds at most one,
	// they run out.
	maxSwept = 16
)

// requestID is the request id of one call. The zero value is that of a call without one.
type requestID struct {
	given   bool
	digest  requestDigest
	payload [sha256.Size]byte
}

// newRequestID finds what stands for a call's request id: within its organization it belongs to the member, the client
// and the method.
func newRequestID(caller access.Caller, method string, req mutationRequest) (requestID, error) {
	if req.GetRequestId() == "" {
		return requestID{}, nil
	}
	payload, err := fingerprint(withoutETags(req), "request_id")
	if err != nil {
		return requestID{}, err
	}
	var scope []byte
	for _, part := range []string{caller.GetMemberId(), caller.GetClientId(), method, req.GetRequestId()} {
		scope = binary.AppendUvarint(scope, uint64(len(part)))
		scope = append(scope, part...)
	}
	return requestID{given: true, digest: sha256.Sum256(scope), payload: payload}, nil
}

// withoutETags is a request without the etags that it was made on: whoever repeats it because the answer was lost may have
// read again in between, and then has the etag that the first one led to.
func withoutETags(req proto.Message) proto.Message {
	req = proto.Clone(req)
	m := req.ProtoReflect()
	clearETag(m)
	for field, value := range m.Range {
		if field.Kind() == protoreflect.MessageKind && !field.IsList() && !field.IsMap() {
			clearETag(value.Message())
		}
	}
	return req
}

func clearETag(m protoreflect.Message) {
	if field := m.Descriptor().Fields().ByName("etag"); field != nil {
		m.Clear(field)
	}
}

// fingerprint is a hash of a request without some of its fields.
func fingerprint(req proto.Message, without ...string) ([sha256.Size]byte, error) {
	m := proto.Clone(req)
	fields := m.ProtoReflect().Descriptor().Fields()
	for _, name := range without {
		if field := fields.ByTextName(name); field != nil { // not every request has each of them
			m.ProtoReflect().Clear(field)
		}
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("encoding a request: %w", err)
	}
	return sha256.Sum256(raw), nil
}

// replay returns what is kept for a request id that was answered before, or nil. REQUEST_ID_REUSED when that was the answer
// to another payload.
func (r records) replay(id requestID, now time.Time) (*requestRecord, error) {
	if !id.given {
		return nil, nil
	}
	value, err := r.tx.Get(requestKey(id.digest))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a request id: %w", err)
	}
	record, err := decodeRequest(value)
	if err != nil {
		return nil, err
	}
	switch {
	case !record.time.Add(requestIDLifetime).After(now):
		return nil, r.forget(record.time, id.digest)
	case record.payload != id.payload:
		return nil, rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED,
			"the request id was used for another request: choose a new one")
	}
	return &record, nil
}

// remember keeps the answer to a request id, and removes a few that have expired: who adds none need not remove any.
func (r records) remember(id requestID, answer proto.Message, now time.Time) error {
	if !id.given {
		return nil
	}
	raw, err := proto.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	return r.keep(id, requestRecord{payload: id.payload, time: now, answer: raw})
}

// rememberParked is remember for a write that waits as a proposal.
func (r records) rememberParked(id requestID, proposalID string, now time.Time) error {
	if !id.given {
		return nil
	}
	return r.keep(id, requestRecord{payload: id.payload, time: now, answer: []byte(proposalID), parked: true})
}

func (r records) keep(id requestID, record requestRecord) error {
	if err := r.sweep(record.time); err != nil {
		return err
	}
	if err := r.tx.Put(requestKey(id.digest), encodeRequest(record)); err != nil {
		return err
	}
	return r.tx.Put(requestTimeKey(record.time, id.digest), nil)
}

// sweep removes request ids that have expired, oldest first.
func (r records) sweep(now time.Time) error {
	expired := storage.Range{
		Prefix: []byte(prefixRequestByTime),
		End:    requestTimeBound(now.Add(-requestIDLifetime)),
		Limit:  maxSwept,
	}
	for kv, err := range r.tx.Range(expired) {
		if err != nil {
			return fmt.Errorf("looking for expired request ids: %w", err)
		}
		digest, err := requestTimeDigest(kv.Key)
		if err != nil {
			return err
		}
		if err := errors.Join(r.tx.Delete(kv.Key), r.tx.Delete(requestKey(digest))); err != nil {
			return err
		}
	}
	return nil
}

// forget removes one request id.
func (r records) forget(at time.Time, digest requestDigest) error {
	return errors.Join(r.tx.Delete(requestTimeKey(at, digest)), r.tx.Delete(requestKey(digest)))
}

// requestRecord is what is kept for a request id. As a value it is written as the format byte, the payload's hash, the
// time in milliseconds since 1970 as 8 big-endian bytes, and the answer to the end.
type requestRecord struct {
	payload [sha256.Size]byte
	time    time.Time
	// answer is an encoded message, or the id of the proposal that the write became.
	answer []byte
	parked bool
}

func encodeRequest(r requestRecord) []byte {
	format := byte(formatRequest)
	if r.parked {
		format = formatParked
	}
	value := append([]byte{format}, r.payload[:]...)
	value = binary.BigEndian.AppendUint64(value, uint64(r.time.UnixMilli()))
	return append(value, r.answer...)
}

// decodeRequest reads what encodeRequest wrote. The answer is not nil, and is empty for an empty message.
func decodeRequest(value []byte) (requestRecord, error) {
	const header = 1 + sha256.Size + 8
	if len(value) < header || value[0] != formatRequest && value[0] != formatParked {
		return requestRecord{}, fmt.Errorf("%w: not the format of a request id", storage.ErrCorrupted)
	}
	r := requestRecord{
		time:   time.UnixMilli(int64(binary.BigEndian.Uint64(value[1+sha256.Size:]))),
		answer: value[header:],
		parked: value[0] == formatParked,
	}
	copy(r.payload[:], value[1:])
	return r, nil
}
