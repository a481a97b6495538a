package okrclient

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protoreflect"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

func TestOnlyWhatPassesByItselfIsSentAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		code   codes.Code
		reason string
		detail []protoadapt.MessageV1
		want   int // how often it is sent when it fails once
	}{
		{"the way there is broken", codes.Unavailable, "", nil, 2},
		{"what the server needs does not answer", codes.Unavailable, "SERVICE_UNAVAILABLE", nil, 2},
		{"the store has no room", codes.Unavailable, "STORAGE_FULL", nil, 1},
		{"who calls cannot be established", codes.Unavailable, "AUTHZ_UNAVAILABLE", nil, 2},
		{"too many calls, and when to come back", codes.ResourceExhausted, "RATE_LIMITED", []protoadapt.MessageV1{retryIn(time.Second)}, 2},
		{"too many calls, for ever", codes.ResourceExhausted, "RATE_LIMITED", nil, 1},
		{"a message is too large", codes.ResourceExhausted, "", nil, 1},
		{"unavailable for a reason that is not known here", codes.Unavailable, "SOMETHING_NEW", nil, 1},
		{"unavailable for a reason, even with a time", codes.Unavailable, "ETAG_MISMATCH", []protoadapt.MessageV1{retryIn(time.Second)}, 1},
		{"somebody was faster", codes.Aborted, "ETAG_MISMATCH", nil, 1},
		{"not there", codes.NotFound, "OBJECTIVE_NOT_FOUND", nil, 1},
		{"not allowed", codes.PermissionDenied, "ROLE_MISSING", nil, 1},
		{"a wrong token", codes.Unauthenticated, "TOKEN_INVALID", nil, 1},
		{"a bug", codes.Internal, "", nil, 1},
		{"out of time", codes.DeadlineExceeded, "", nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			sent := 0
			s := &scripted{get: func(context.Context, *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
				if sent++; sent == 1 {
					return nil, refusal(t, c.code, c.reason, c.detail...)
				}
				return &okrv1.Objective{Id: "okr_1"}, nil
			}}
			client, _ := client(t, s, nil)
			got, err := client.GetObjective(t.Context(), &okrv1.GetObjectiveRequest{ObjectiveId: "okr_1"})
			if sent != c.want || (err == nil) != (c.want == 2) || err == nil && got.GetId() != "okr_1" {
				t.Errorf("sent %d times, want %d; answered %v, %v", sent, c.want, got, err)
			}
		})
	}
}

func TestAMutationIsSentAgainUnderOneRequestID(t *testing.T) {
	var ids []string
	s := &scripted{create: func(_ context.Context, req *okrv1.CreateObjectiveRequest) (*okrv1.Objective, error) {
		if ids = append(ids, req.GetRequestId()); len(ids)%2 == 1 {
			return nil, refusal(t, codes.Unavailable, "")
		}
		return req.GetObjective(), nil
	}}
	c, _ := client(t, s, nil)
	for _, own := range []string{"", "", "mine"} {
		req := &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Grow"}, RequestId: own}
		if _, err := c.CreateObjective(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if req.GetRequestId() != own {
			t.Errorf("the caller's request has the id %q now, and had %q", req.GetRequestId(), own)
		}
	}
	if len(ids) != 6 || ids[0] == "" || ids[0] != ids[1] || ids[2] != ids[3] || ids[0] == ids[2] || ids[4] != "mine" || ids[5] != "mine" {
		t.Errorf("the server got the ids %q", ids)
	}
}

// What the contract adds can be sent again from its first day, or this says that it cannot.
func TestEveryMethodOfTheContractIsSafeToSendAgain(t *testing.T) {
	methods := contractMethods()
	if len(methods) < 15 {
		t.Fatalf("only %d methods were found", len(methods))
	}
	services := okrv1.File_okr_v1_okr_service_proto.Services()
	for i := range services.Len() {
		for j := range services.Get(i).Methods().Len() {
			m := services.Get(i).Methods().Get(j)
			name := "/" + string(services.Get(i).FullName()) + "/" + string(m.Name())
			if m.IsStreamingClient() || m.IsStreamingServer() {
				continue // goes on by its cursor or continuation
			}
			id := m.Input().Fields().ByName(requestIDField)
			identified := id != nil && id.Kind() == protoreflect.StringKind
			if methods[name].repeatable == identified {
				t.Errorf("%s: repeatable %v, request id %v; want one of them", name, methods[name].repeatable, identified)
			}
		}
	}
}

func TestTheServersDelayIsTheLeast(t *testing.T) {
	sent := 0
	s := &scripted{get: func(context.Context, *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
		if sent++; sent < 4 {
			return nil, refusal(t, codes.ResourceExhausted, "RATE_LIMITED", retryIn(7*time.Second))
		}
		return &okrv1.Objective{}, nil
	}}
	c, waits := client(t, s, nil)
	if _, err := c.GetObjective(t.Context(), &okrv1.GetObjectiveRequest{}); err != nil {
		t.Fatal(err)
	}
	for _, wait := range waits.list() {
		if wait != 7*time.Second {
			t.Errorf("it would have waited %v", waits.list())
		}
	}
	if len(waits.list()) != 3 {
		t.Errorf("it waited %v", waits.list())
	}
}

func TestDelaysGrowAndDifferAndHaveABound(t *testing.T) {
	for failures, most := range map[int]time.Duration{1: firstDelay, 2: 2 * firstDelay, 5: 16 * firstDelay, 6: maxDelay, 8: maxDelay, 1000: maxDelay} {
		seen := map[time.Duration]bool{}
		for range 50 {
			d := delayAfter(failures, nil)
			if d < most/2 || d > most {
				t.Errorf("after %d failures the delay is %v, want from %v to %v", failures, d, most/2, most)
			}
			seen[d] = true
		}
		if len(seen) < 2 {
			t.Errorf("after %d failures everybody comes back at once", failures)
		}
	}
}

func TestACallThatKeepsFailingEndsWithItsError(t *testing.T) {
	sent := 0
	s := &scripted{get: func(context.Context, *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
		sent++
		return nil, refusal(t, codes.Unavailable, "AUTHZ_UNAVAILABLE")
	}}
	for attempts, want := range map[int]int{1: 1, 3: 3} {
		sent = 0
		c, _ := client(t, s, func(cfg *Config) { cfg.MaxAttempts = attempts })
		_, err := c.GetObjective(t.Context(), &okrv1.GetObjectiveRequest{})
		if sent != want || ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_AUTHZ_UNAVAILABLE {
			t.Errorf("with %d attempts it was sent %d times: %v", attempts, sent, err)
		}
	}
}

func TestNobodyWaitsForWhatComesAfterTheDeadline(t *testing.T) {
	s := &scripted{get: func(context.Context, *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
		return nil, refusal(t, codes.ResourceExhausted, "RATE_LIMITED", retryIn(time.Hour))
	}}
	c, waits := client(t, s, nil)
	_, err := c.GetObjective(t.Context(), &okrv1.GetObjectiveRequest{}) // within the 30 seconds of every call
	if ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_RATE_LIMITED || len(waits.list()) != 0 {
		t.Errorf("it waits %v, and answers %v", waits.list(), err)
	}
}

func TestACallWithoutADeadlineGetsOne(t *testing.T) {
	s := &scripted{get: func(ctx context.Context, _ *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	c, _ := client(t, s, func(cfg *Config) { cfg.Timeout = 50 * time.Millisecond })
	_, err := c.GetObjective(t.Context(), &okrv1.GetObjectiveRequest{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it answers %v", err)
	}
}

func TestAServerThatIsNotThereIsTriedAgain(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	c, waits := clientAt(t, address, func(cfg *Config) { cfg.MaxAttempts = 5 })
	_, err = c.GetObjective(t.Context(), &okrv1.GetObjectiveRequest{})
	var e *Error
	if !errors.As(err, &e) || e.Code != codes.Unavailable || e.ReasonName != "" || len(waits.list()) < 4 {
		t.Errorf("after %d waits it answers %v", len(waits.list()), err)
	}
}

func TestErrorsSayWhatTheServerSays(t *testing.T) {
	violation := &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "objective.title", Description: "value is required", Reason: "required"}}}
	s := &scripted{create: func(context.Context, *okrv1.CreateObjectiveRequest) (*okrv1.Objective, error) {
		return nil, refusal(t, codes.InvalidArgument, "FIELD_INVALID", protoadapt.MessageV1Of(violation), retryIn(3*time.Second))
	}}
	c, _ := client(t, s, nil)
	_, err := c.CreateObjective(t.Context(), &okrv1.CreateObjectiveRequest{})
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is a %T", err, err)
	}
	want := Violation{Field: "objective.title", Description: "value is required", Rule: "required"}
	if e.Code != codes.InvalidArgument || e.Reason != accessv1.ErrorReason_ERROR_REASON_FIELD_INVALID || e.ReasonName != "FIELD_INVALID" ||
		e.Message != "it failed" || e.Metadata["etag"] != "e2" || e.RetryAfter != 3*time.Second || len(e.Violations) != 1 || e.Violations[0] != want {
		t.Errorf("the error is %#v", e)
	}
	if e.Error() != "FIELD_INVALID: it failed" || len(e.GRPCStatus().Details()) != 3 {
		t.Errorf("it says %q, and its status %v", e, e.GRPCStatus())
	}
}
