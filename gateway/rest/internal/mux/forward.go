package mux

import (
	"context"
	"net/http"
	"net/url"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/emptypb"
)

// forward completes an answer before it is written: cookies, ETag, and the status codes that say more than 200.
func (m *Mux) forward(ctx context.Context, w http.ResponseWriter, answer proto.Message) error {
	rpc, ok := runtime.RPCMethod(ctx)
	route := m.routes.byRPC[rpc]
	if answer == nil || !ok || route == nil || route.Streaming() {
		return nil
	}
	m.cfg.Gate.Forward(ctx, w, rpc, answer)
	if etag := stringField(answer, "etag"); isETag(etag) {
		w.Header().Set("ETag", `"`+etag+`"`)
	}
	if _, empty := answer.(*emptypb.Empty); empty {
		w.Header().Del("Content-Type")
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if id := stringField(answer, "id"); route.location != "" && id != "" {
		w.Header().Set("Location", variable.ReplaceAllLiteralString(route.location, url.PathEscape(id)))
		w.WriteHeader(http.StatusCreated)
	}
	return nil
}

// stringField is a message's field of that name, or "".
func stringField(m proto.Message, name protoreflect.Name) string {
	field := m.ProtoReflect().Descriptor().Fields().ByName(name)
	if field == nil || field.Kind() != protoreflect.StringKind || field.IsList() {
		return ""
	}
	return m.ProtoReflect().Get(field).String()
}
