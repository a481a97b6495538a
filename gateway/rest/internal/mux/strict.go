package mux

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/jsontext"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// check holds a request against the form that its route wants, and answers it in the form that the gateway wants: the
// body in memory, If-Match in the context, Last-Event-ID in the query.
func (r *Route) check(w http.ResponseWriter, req *http.Request, bodyLimit int64) (*http.Request, error) {
	req, err := r.checkCondition(req)
	if err != nil {
		return req, err
	}
	query, err := r.checkQuery(req)
	if err != nil {
		return req, err
	}
	if err := r.checkBody(w, req, bodyLimit); err != nil {
		return req, err
	}
	address := *req.URL
	address.RawQuery = query.Encode()
	req = req.WithContext(req.Context())
	req.URL = &address
	r.negotiate(req)
	return req, nil
}

// checkQuery refuses parameters that the RPC does not have, also where the gateway would not look at the query at all,
// and those that are given twice and are no lists. A field mask may have its paths in either spelling, as everything else
// in JSON; the gateway knows only the one of the contract.
func (r *Route) checkQuery(req *http.Request) (url.Values, error) {
	query, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		return nil, malformed("the query cannot be parsed")
	}
	for name, values := range query {
		switch {
		case r.query[name] == nil:
			return nil, malformed("there is no query parameter %q here", shorten(name))
		case len(values) > 1 && !r.query[name].IsList():
			return nil, malformed("the query parameter %q is given more than once", name)
		case slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }):
			return nil, malformed("the query parameter %q is not UTF-8", name)
		}
		if isMask(r.query[name]) {
			query.Set(name, snakeCase(values[0]))
		}
	}
	// A browser that reconnects repeats the address it started with; where it got to stands in the header.
	if last := req.Header.Get("Last-Event-ID"); last != "" && r.Streaming() && r.query["afterCursor"] != nil {
		if strings.ContainsFunc(last, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
			return nil, rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_CURSOR_INVALID,
				"the Last-Event-ID is not a cursor")
		}
		query.Del("after_cursor")
		query.Set("afterCursor", last)
	}
	return query, nil
}

// misread names the query parameter that the gateway could not decode, and what its values are; nil if it could all of them.
func (r *Route) misread(query url.Values) error {
	request, err := protoregistry.GlobalTypes.FindMessageByName(r.RPC.Input().FullName())
	if err != nil {
		return fmt.Errorf("finding the request: %w", err)
	}
	for name, field := range r.query {
		if values := query[name]; values != nil {
			one := request.New().Interface()
			if runtime.PopulateQueryParameters(one, url.Values{name: values}, utilities.NewDoubleArray(nil)) != nil {
				return malformed("the query parameter %q is not %s", name, valueOf(field))
			}
		}
	}
	return nil
}

// valueOf says in words what a query parameter may be.
func valueOf(field protoreflect.FieldDescriptor) string {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.EnumKind:
		values := field.Enum().Values()
		names := make([]string, values.Len())
		for i := range names {
			names[i] = string(values.Get(i).Name())
		}
		return "one of " + strings.Join(names, ", ")
	case protoreflect.MessageKind:
		return `a time such as "2026-07-01T09:00:00Z"` // there is no other, but for masks, which are of any text
	default:
		return "a whole number that fits"
	}
}

func isMask(field protoreflect.FieldDescriptor) bool {
	return field.Message() != nil && field.Message().FullName() == "google.protobuf.FieldMask"
}

// snakeCase writes the paths of a field mask as the contract does.
func snakeCase(paths string) string {
	var out strings.Builder
	for _, c := range paths {
		if 'A' <= c && c <= 'Z' {
			out.WriteByte('_')
			c += 'a' - 'A'
		}
		out.WriteRune(c)
	}
	return out.String()
}

// checkBody reads the body whole, because what stands after the first JSON value counts, too.
func (r *Route) checkBody(w http.ResponseWriter, req *http.Request, limit int64) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, limit))
	if err != nil {
		if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_BODY_TOO_LARGE,
				"the body is larger than %d bytes", tooLarge.Limit).With("limit", strconv.FormatInt(tooLarge.Limit, 10))
		}
		return malformed("the body could not be read").Wrap(err)
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.ContentLength = int64(len(body))
	if r.body == "" {
		if len(body) > 0 {
			return malformed("%s takes no body here", r.Method)
		}
		return nil
	}
	if err := checkContentType(req.Header, len(body) > 0); err != nil {
		return err
	}
	if len(body) == 0 {
		return r.checkNoBody()
	}
	switch trimmed := bytes.TrimLeft(body, " \t\r\n"); {
	case !json.Valid(body):
		return malformed("the body is not one JSON value")
	case trimmed[0] != '{':
		return malformed("the body is not a JSON object")
	}
	if err := jsontext.CheckSurrogates(body); err != nil {
		return malformed("the body has %v", err)
	}
	return nil
}

// checkNoBody lets a request be empty whose message is. Otherwise it names what is missing, as validation would have.
func (r *Route) checkNoBody() error {
	if r.body == "*" && r.RPC.Input().Fields().Len() == 0 {
		return nil
	}
	field := r.body
	if field == "*" {
		field = ""
	}
	return rpcerr.FieldInvalid().Field(field, "the request needs a body", "required")
}

// checkContentType wants application/json, in UTF-8 if it says so. The type is also what keeps a foreign page's form from
// being taken for a request.
func checkContentType(header http.Header, hasBody bool) error {
	unsupported := rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_CONTENT_TYPE_UNSUPPORTED,
		"the body must be application/json")
	types := header.Values("Content-Type")
	if len(types) == 0 && !hasBody {
		return nil
	}
	if len(types) != 1 || header.Get("Content-Encoding") != "" {
		return unsupported
	}
	media, params, err := mime.ParseMediaType(types[0])
	if err != nil || media != "application/json" {
		return unsupported
	}
	for name, value := range params {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return unsupported
		}
	}
	return nil
}

// negotiate reduces Accept to what the gateway compares it with: streams come as events where these are accepted, and
// everything else is JSON.
func (r *Route) negotiate(req *http.Request) {
	accept := strings.Join(req.Header.Values("Accept"), ",")
	req.Header = req.Header.Clone()
	req.Header.Del("Accept")
	if !r.Streaming() {
		return
	}
	for entry := range strings.SplitSeq(accept, ",") {
		if media, _, err := mime.ParseMediaType(entry); err == nil && media == eventStream {
			req.Header.Set("Accept", eventStream)
		}
	}
}

// malformed is the error for a request that cannot be understood.
func malformed(format string, args ...any) *rpcerr.Error {
	return rpcerr.New(codes.InvalidArgument, accessv1.ErrorReason_ERROR_REASON_REQUEST_MALFORMED, format, args...)
}

// tidy makes protobuf's messages fit to be read: their "proto:" is followed by a blank that is sometimes another.
func tidy(message string) string {
	message = strings.ReplaceAll(message, "\u00a0", " ")
	return strings.TrimPrefix(message, "proto: ")
}

// shorten keeps what a caller sent from coming back in full.
func shorten(s string) string {
	const limit = 200
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return strings.ToValidUTF8(s, "")
}
