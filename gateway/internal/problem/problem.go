// Package problem writes the errors of the REST API: one JSON shape for every error, whoever found it, with the HTTP
// status and the headers that belong to it.
//
//	{"error": {"code": 404, "status": "NOT_FOUND", "message": "…", "reason": "OBJECTIVE_NOT_FOUND", "details": […]}}
//
// The shape is that of AIP-193 as Google's JSON APIs write it, and details are those of the gRPC status. reason repeats
// the reason of the ErrorInfo among them, so that a caller need not search.
package problem

import (
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

// Writer writes errors as answers. The zero value is not usable: it needs a logger for what callers must not see.
type Writer struct {
	Logger *slog.Logger
}

// Write answers a request with an error. Headers that described the answer it replaces are taken back; cookies stay, and
// so does a challenge that says more than the one of here.
func (p Writer) Write(w http.ResponseWriter, r *http.Request, err error) {
	ctx := r.Context()
	st := p.Status(ctx, err)
	info := info(st)
	front.SetReason(ctx, info.GetReason())
	header := w.Header()
	for _, name := range []string{"Etag", "Location", "Trailer", "Transfer-Encoding", "Content-Length"} {
		header.Del(name)
	}
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	if challenge := challenge(ctx, st.Code(), info); challenge != "" && header.Get("WWW-Authenticate") == "" {
		header.Set("WWW-Authenticate", challenge)
	}
	if delay, ok := RetryAfter(st); ok {
		header.Set("Retry-After", delay)
	}
	code := httpStatus(ctx, st, info)
	w.WriteHeader(code)
	_, _ = w.Write(append(encode(code, st, info), '\n')) // a client that is gone cannot be told
}

// Status is what the caller may know of an error. A failure of our own goes to the log under the correlation id, which
// the caller is given (google.rpc.RequestInfo) to tell us.
func (p Writer) Status(ctx context.Context, err error) *status.Status {
	st := rpcerr.Public(err)
	if st.Code() != codes.Internal {
		return st
	}
	p.Logger.ErrorContext(ctx, "request failed", slog.Any("error", err))
	detailed, detailErr := st.WithDetails(&errdetails.RequestInfo{RequestId: telemetry.CorrelationID(ctx)})
	if detailErr != nil { // only for code OK
		return st
	}
	return detailed
}

// Unanswered gives an error of a service that does not answer the reason that the contract has for it. What gRPC says of it
// names addresses, which are nobody's business, and goes to the log. Other errors, and those with a reason, pass.
func (p Writer) Unanswered(ctx context.Context, err error) error {
	code := status.Code(err)
	if rpcerr.InfoOf(err) != nil || code != codes.Unavailable && code != codes.DeadlineExceeded {
		return err
	}
	p.Logger.WarnContext(ctx, "service unavailable", slog.Any("error", err))
	return rpcerr.New(code, accessv1.ErrorReason_ERROR_REASON_SERVICE_UNAVAILABLE, "the service is not available right now")
}

// Encode is what Status answered as a JSON object, for the end of a stream whose headers are long sent.
func Encode(st *status.Status) []byte {
	info := info(st)
	return encode(httpStatus(context.Background(), st, info), st, info)
}

// info is the ErrorInfo of a status; nil if it has none of ours.
func info(st *status.Status) *errdetails.ErrorInfo {
	return rpcerr.InfoOf(st.Err())
}

// document is the JSON shape of an error.
type document struct {
	Error body `json:"error"`
}

type body struct {
	Code    int               `json:"code"`
	Status  string            `json:"status"`
	Message string            `json:"message"`
	Reason  string            `json:"reason,omitempty"`
	Details []json.RawMessage `json:"details"`
}

func encode(httpStatus int, st *status.Status, info *errdetails.ErrorInfo) []byte {
	b := body{
		Code:    httpStatus,
		Status:  code.Code(st.Code()).String(),
		Message: st.Message(),
		Reason:  info.GetReason(),
		Details: details(st.Proto().GetDetails()),
	}
	out, err := json.Marshal(document{b})
	if err != nil { // every field is of a type that always encodes
		return []byte(`{"error":{"code":500,"status":"INTERNAL","message":"internal error","details":[]}}`)
	}
	return out
}

// details leaves out what this program has no descriptor for.
func details(in []*anypb.Any) []json.RawMessage {
	out := make([]json.RawMessage, 0, len(in))
	for _, d := range in {
		if text, err := protojson.Marshal(d); err == nil {
			out = append(out, text)
		}
	}
	return out
}

// RetryAfter is the RetryInfo of a status in whole seconds (RFC 9110 section 10.2.3), rounded up.
func RetryAfter(st *status.Status) (string, bool) {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			seconds := math.Ceil(info.GetRetryDelay().AsDuration().Seconds())
			return strconv.Itoa(int(max(1, seconds))), true
		}
	}
	if st.Code() == codes.Unavailable {
		return "1", true
	}
	return "", false
}

// reasonOf is the reason in an ErrorInfo of ours.
func reasonOf(info *errdetails.ErrorInfo) accessv1.ErrorReason {
	return accessv1.ErrorReason(accessv1.ErrorReason_value["ERROR_REASON_"+info.GetReason()])
}
