package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"

	"google.golang.org/grpc/codes"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// A cursor names a position in an organization's change log: the seq of the last change before it, 0 at the beginning.
// It is the base64url form of
//
//	version 1 (1 byte) | hash of the epoch (8 bytes) | seq (uvarint) | checksum (4 bytes)
//
// The checksum includes the organization. Like that of a page token it finds damage and mistakes and is no protection:
// a cursor gives access to nothing.
const (
	cursorVersion = 1
	cursorEpoch   = 8
	cursorSum     = 4
)

// cursor writes a position.
func (s *Server) cursor(organization string, seq int64) string {
	raw := append([]byte{cursorVersion}, s.epochPrint[:cursorEpoch]...)
	raw = binary.AppendUvarint(raw, uint64(seq))
	sum := cursorChecksum(organization, raw)
	return base64.RawURLEncoding.EncodeToString(append(raw, sum[:cursorSum]...))
}

// position reads a cursor. head is the seq of the last change there is. CURSOR_INVALID; CURSOR_TOO_OLD when it was made
// before the data was restored from a backup.
func (s *Server) position(organization, cursor string, head int64) (seq int64, err error) {
	const seqAt = 1 + cursorEpoch
	raw, ok := decodeBase64(cursor)
	if !ok || len(raw) <= seqAt+cursorSum || raw[0] != cursorVersion {
		return 0, cursorInvalid()
	}
	raw, given := raw[:len(raw)-cursorSum], raw[len(raw)-cursorSum:]
	sum := cursorChecksum(organization, raw)
	n, length := binary.Uvarint(raw[seqAt:])
	switch {
	case string(given) != string(sum[:cursorSum]), length != len(raw)-seqAt, n > math.MaxInt64:
		return 0, cursorInvalid()
	case string(raw[1:seqAt]) != string(s.epochPrint[:cursorEpoch]):
		return 0, rpcerr.New(codes.OutOfRange, accessv1.ErrorReason_ERROR_REASON_CURSOR_TOO_OLD,
			"the data was restored from a backup since the cursor was given out: list again and go on from there")
	case int64(n) > head:
		return 0, cursorInvalid()
	}
	return int64(n), nil
}

func cursorChecksum(organization string, raw []byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte("cursor\x00"+organization+"\x00"), raw...))
}

func cursorInvalid() error {
	return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_CURSOR_INVALID,
		"the cursor is none of this organization's change log")
}
