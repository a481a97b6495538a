package mux

import (
	"context"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/df0f9dda/okr-manager/gateway/internal/problem"
)

// condition is the If-Match header of a request, and where it goes.
type condition struct {
	etag string
	path []protoreflect.FieldDescriptor
}

type conditionKey struct{}

// checkCondition reads If-Match (RFC 9110 section 13.1.1). "*" asks for nothing more than that the resource exists, which
// every change of one does. A list cannot be held against one etag atomically and is refused. A weak etag never matches
// in the strong comparison that the section asks for: it goes on as it is, so that it fails where all stale etags do,
// after absence and permission.
func (r *Route) checkCondition(req *http.Request) (*http.Request, error) {
	values := req.Header.Values("If-Match")
	if len(values) == 0 || r.Method == http.MethodGet {
		return req, nil
	}
	if r.etag == nil {
		return req, malformed("If-Match has no meaning here")
	}
	value := strings.TrimSpace(values[0])
	if len(values) > 1 {
		return req, malformed("If-Match must name one etag")
	}
	if value == "*" {
		return req, nil
	}
	etag, weak := strings.CutPrefix(value, "W/")
	if len(etag) < 3 || etag[0] != '"' || strings.IndexByte(etag[1:], '"') != len(etag)-2 {
		return req, malformed(`If-Match must be "*" or one etag in quotes`)
	}
	etag = strings.Trim(etag, `"`)
	if weak {
		etag = "W/" + etag
	}
	if !isETag(etag) {
		return req, malformed("If-Match holds characters that no etag has")
	}
	ctx := context.WithValue(req.Context(), conditionKey{}, condition{etag, r.etag})
	return req.WithContext(problem.WithCondition(ctx)), nil
}

// isETag says whether all characters may stand in a header's entity tag; ours are visible ASCII.
func isETag(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '"' })
}

// conditional is a connection that puts If-Match into the request's etag.
type conditional struct{ grpc.ClientConnInterface }

// Invoke implements grpc.ClientConnInterface.
func (c conditional) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if want, ok := ctx.Value(conditionKey{}).(condition); ok {
		if err := want.apply(args); err != nil {
			return err
		}
	}
	return c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}

func (c condition) apply(args any) error {
	request, ok := args.(proto.Message)
	if !ok {
		return nil
	}
	m := request.ProtoReflect()
	last := len(c.path) - 1
	for _, field := range c.path[:last] {
		m = m.Mutable(field).Message()
	}
	if named := m.Get(c.path[last]).String(); named != "" && named != c.etag {
		return malformed("If-Match and the etag in the request differ")
	}
	m.Set(c.path[last], protoreflect.ValueOfString(c.etag))
	return nil
}
