package mux

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/df0f9dda/okr-manager/gateway/internal/problem"
	"github.com/df0f9dda/okr-manager/gateway/rest/internal/jsonwriter"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

// Content types of streams.
const (
	eventStream = "text/event-stream"
	jsonLines   = "application/x-ndjson"
)

// jsonMarshaler reads and writes JSON. It refuses fields that a message does not have, and fields given twice. It writes
// fields that are empty, so that answers have one shape; what is absent, and not only empty, stays absent.
type jsonMarshaler struct {
	*runtime.JSONPb
}

func newJSON() *jsonMarshaler {
	return &jsonMarshaler{&runtime.JSONPb{
		MarshalOptions:   protojson.MarshalOptions{EmitDefaultValues: true},
		UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: false},
	}}
}

// StreamContentType implements runtime.StreamContentType: one object a line.
func (*jsonMarshaler) StreamContentType(any) string { return jsonLines }

// Marshal implements runtime.Marshaler. The gateway hands over the error that ends a stream as a status under "error":
// it gets the shape that all errors have.
func (j *jsonMarshaler) Marshal(v any) ([]byte, error) {
	if st, ok := failure(v); ok {
		return problem.Encode(st), nil
	}
	if m, ok := v.(proto.Message); ok {
		return jsonwriter.Append(make([]byte, 0, 2<<10), m)
	}
	return j.JSONPb.Marshal(v)
}

func failure(v any) (*status.Status, bool) {
	wrapped, ok := v.(map[string]proto.Message)
	if !ok {
		return nil, false
	}
	st, ok := wrapped["error"].(*spb.Status)
	return status.FromProto(st), ok
}

// events writes a stream as server-sent events (HTML standard, section 9.2). The id of each is the cursor after which a
// browser that reconnects goes on. What is no stream stays JSON.
type events struct{ *jsonMarshaler }

// StreamContentType implements runtime.StreamContentType.
func (*events) StreamContentType(any) string { return eventStream }

// Delimiter implements runtime.Delimited: an empty line dispatches the event.
func (*events) Delimiter() []byte { return []byte("\n") }

// Marshal implements runtime.Marshaler. The gateway wraps a stream's messages under "result". The last event, which says
// why the stream ends, must not be called "error": browsers would confuse it with the loss of the connection.
func (e *events) Marshal(v any) ([]byte, error) {
	if st, ok := failure(v); ok {
		return event("end", problem.Encode(st)), nil
	}
	wrapped, _ := v.(map[string]any)
	m, ok := wrapped["result"].(*okrv1.WatchChangesResponse)
	if !ok {
		return e.jsonMarshaler.Marshal(v)
	}
	out, err := e.message(m)
	if err != nil {
		return nil, err
	}
	if cursor := m.GetCursor(); cursor != "" && !strings.ContainsAny(cursor, "\r\n\x00") {
		out = append([]byte("id: "+cursor+"\n"), out...)
	}
	return out, nil
}

// message writes a message but for its id.
func (e *events) message(m *okrv1.WatchChangesResponse) ([]byte, error) {
	switch {
	case m.GetChange() != nil:
		data, err := e.jsonMarshaler.Marshal(m.GetChange())
		return event("change", data), err
	case m.GetProposalsEtag() != "":
		data, err := json.Marshal(map[string]string{"proposalsEtag": m.GetProposalsEtag()})
		return event("proposals", data), err
	}
	// There is nothing to dispatch: a comment keeps the connection alive, and an id without data moves the browser's
	// position.
	return []byte(": heartbeat\n"), nil
}

// event writes the lines of one event, whose data holds no line breaks.
func event(name string, data []byte) []byte {
	return slices.Concat([]byte("event: "+name+"\ndata: "), data, []byte("\n"))
}
