package grpcserver_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

func TestCallsAreCountedByHowTheyEnd(t *testing.T) {
	h := serve(t, &service{
		get: func(_ context.Context, req *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
			if req.GetObjectiveId() == "okr_odd" {
				return nil, status.Error(99, "no code of gRPC")
			}
			return &okrv1.Objective{}, nil
		},
		watch: func(_ *okrv1.WatchChangesRequest, s grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error {
			for range 3 {
				if err := s.Send(&okrv1.WatchChangesResponse{Cursor: "c"}); err != nil {
					return err
				}
			}
			return nil
		},
	})
	ceo := kittest.As(t.Context(), "ceo")
	for _, call := range []struct {
		ctx  context.Context
		id   string
		want codes.Code
	}{
		{ceo, "okr_1", codes.OK},
		{ceo, "okr_2", codes.OK},
		{t.Context(), "okr_1", codes.Unauthenticated},
		{ceo, "okr_odd", 99},
	} {
		if _, err := h.GetObjective(call.ctx, &okrv1.GetObjectiveRequest{ObjectiveId: call.id}); status.Code(err) != call.want {
			t.Fatalf("%s: %v", call.id, err)
		}
	}
	stream, err := h.WatchChanges(ceo, &okrv1.WatchChangesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if cursors, _ := drain(stream); len(cursors) != 3 {
		t.Fatalf("the stream has %q", cursors)
	}
	eventually(t, "the stream's end is counted", func() bool { return h.counted(t, "WatchChanges", codes.OK) == 1 })
	const get, watch, unary, streaming = "GetObjective", "WatchChanges", "unary", "server_stream"
	for _, test := range []struct {
		name         string
		metric, kind string
		method, code string
		want         float64
	}{
		{"calls that began, whatever became of them", "grpc_server_started_total", unary, get, "", 4},
		{"those that went well", "grpc_server_handled_total", unary, get, "OK", 2},
		{"those that were refused", "grpc_server_handled_total", unary, get, "Unauthenticated", 1},
		{"a code that gRPC does not have is an unknown one", "grpc_server_handled_total", unary, get, "Unknown", 1},
		{"how long each took", "grpc_server_handling_seconds", unary, get, "", 4},
		{"requests", "grpc_server_msg_received_total", unary, get, "", 4},
		{"answers", "grpc_server_msg_sent_total", unary, get, "", 2},
		{"streams that began", "grpc_server_started_total", streaming, watch, "", 1},
		{"streams that ended", "grpc_server_handled_total", streaming, watch, "OK", 1},
		{"what a stream was asked", "grpc_server_msg_received_total", streaming, watch, "", 1},
		{"what a stream said", "grpc_server_msg_sent_total", streaming, watch, "", 3},
		{"nothing of a method that nobody called", "grpc_server_started_total", unary, "DeleteObjective", "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			labels := map[string]string{"grpc_type": test.kind, "grpc_service": "okr.v1.OkrService", "grpc_method": test.method}
			if test.code != "" {
				labels["grpc_code"] = test.code
			}
			eventually(t, test.name, func() bool { return h.metric(t, test.metric, labels) == test.want })
		})
	}
}
