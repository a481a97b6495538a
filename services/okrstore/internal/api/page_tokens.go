package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

const (
	defaultPageSize = 50
	maxPageSize     = 200
	// maxPageBytes ends a page before its encoded resources outgrow it, unless it has a single one. It keeps an answer
	// well below the 4 MiB that a gRPC client takes by default.
	maxPageBytes = 1 << 20
	// maxPageScan is how many bytes a page reads at most. It bounds the work for a caller who may see little of what
	// is read: such a page ends early, and may even be empty.
	maxPageScan = 4 << 20
	// minScanCost is the least that one stored value costs of maxPageScan.
	minScanCost = 1 << 10
)

// pageTokenSum is the length of the checksum that a page token starts with. The position follows.
const pageTokenSum = 12

// A page token is bound to the method, the request (other than page_size, page_token and page_tokens), the organization
// and the epoch by a checksum. It is no secret and protects nothing: all that it carries is a position in data that the
// caller may list anyway, and the organization comes from the caller's identity. The checksum is there so that a token
// that was damaged or belongs to another request is told so, rather than answered with a page that is not the next one.
type pageBinding [sha256.Size]byte

// listRequest is a request for a page.
type listRequest interface {
	proto.Message
	GetPageSize() int32
	GetPageToken() string
}

// listing is a page that is being filled.
type listing struct {
	// position is the last one whose resources were handed out or found to be hidden; empty at the start.
	position string

	binding pageBinding
	each    bool      // whether a token is wanted after each resource
	tokens  []string  // those
	mac     hash.Hash // of their checksums; nil before the first
	items   int       // still to take
	bytes   int       // still to take
	scan    int       // still to read
	started bool
	more    bool
}

// newListing starts a page where the request's token says. PAGE_TOKEN_INVALID.
func (s *Server) newListing(caller access.Caller, method string, req listRequest) (*listing, error) {
	query, err := fingerprint(req, "page_size", "page_token", "page_tokens")
	if err != nil {
		return nil, err
	}
	list := &listing{
		binding: s.bind(caller, method, query),
		items:   pageSize(req.GetPageSize()),
		bytes:   maxPageBytes,
		scan:    s.pageScan,
	}
	if token := req.GetPageToken(); token != "" {
		position, ok := list.binding.open(token)
		if !ok {
			return nil, rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_PAGE_TOKEN_INVALID,
				"the page token does not belong to this request: start again without one")
		}
		list.position = position
	}
	return list, nil
}

// bind makes the binding of what was asked for, given by its fingerprint.
func (s *Server) bind(caller access.Caller, method string, query [sha256.Size]byte) pageBinding {
	mac := hmac.New(sha256.New, s.epochPrint[:])
	for _, part := range [][]byte{[]byte(caller.GetOrganizationId()), []byte(method), query[:]} {
		mac.Write(binary.AppendUvarint(nil, uint64(len(part))))
		mac.Write(part)
	}
	return pageBinding(mac.Sum(nil))
}

func pageSize(asked int32) int {
	if asked <= 0 {
		return defaultPageSize
	}
	return min(int(asked), maxPageSize)
}

// mayRead reports whether there is room to look at one more stored value. If not, the page ends here and is not the
// last one.
func (l *listing) mayRead(kv storage.KV) bool {
	cost := max(len(kv.Value), minScanCost)
	l.more = l.started && (l.items == 0 || cost > l.scan)
	l.started = true
	l.scan -= cost
	return !l.more
}

// take reports whether there is room for one more resource of an encoded size, and takes it. If not, the page ends here
// and is not the last one.
func (l *listing) take(size int) bool {
	l.more = l.items == 0 || size > l.bytes && l.bytes < maxPageBytes
	l.items--
	l.bytes -= size
	return !l.more
}

// taken moves on past a resource that was handed out.
func (l *listing) taken(position string) {
	l.position = position
	if l.each {
		if l.mac == nil {
			l.mac = l.binding.mac()
		}
		l.tokens = append(l.tokens, seal(l.mac, position))
	}
}

// nextPageToken names the page after this one; it is empty after the last.
func (l *listing) nextPageToken() string {
	if !l.more {
		return ""
	}
	return l.binding.seal(l.position)
}

func (b pageBinding) seal(position string) string { return seal(b.mac(), position) }

// seal writes a token with a keyed hash that may have been used before: to key one costs more than to use it.
func seal(mac hash.Hash, position string) string {
	return base64.RawURLEncoding.EncodeToString(append(checksum(mac, position), position...))
}

func (b pageBinding) open(token string) (position string, ok bool) {
	raw, ok := decodeBase64(token)
	if !ok || len(raw) <= pageTokenSum {
		return "", false
	}
	position = string(raw[pageTokenSum:])
	return position, hmac.Equal(raw[:pageTokenSum], checksum(b.mac(), position))
}

// decodeBase64 reads base64url of which each text stands for other bytes: the decoder by itself skips line breaks.
func decodeBase64(text string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return raw, err == nil && !strings.ContainsAny(text, "\r\n")
}

func (b pageBinding) mac() hash.Hash { return hmac.New(sha256.New, b[:]) }

func checksum(mac hash.Hash, position string) []byte {
	mac.Reset()
	mac.Write([]byte(position))
	return mac.Sum(nil)[:pageTokenSum]
}
