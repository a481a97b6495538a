package grpcserver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/grpcserver"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/kit/telemetry"
)

func TestAuthenticationComesBeforeAuthorizationAndBothBeforeValidation(t *testing.T) {
	reached := false
	h := serve(t, &service{create: func(context.Context, *okrv1.CreateObjectiveRequest) (*okrv1.Objective, error) {
		reached = true
		return &okrv1.Objective{}, nil
	}})
	invalid := &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: " "}, RequestId: "not/allowed"}
	for _, test := range []struct{ name, bearer, want string }{
		{"without a credential an invalid request is unauthenticated", "", "Unauthenticated TOKEN_MISSING"},
		{"with an unknown credential an invalid request is unauthenticated", "nobody", "Unauthenticated TOKEN_INVALID"},
		{"from a member without the role an invalid request is denied", "employee", "PermissionDenied ROLE_MISSING"},
		{"from an agent without the scope an invalid request is denied", "agent", "PermissionDenied SCOPE_MISSING"},
		{"only who may make the call learns that the request is invalid", "ceo", "InvalidArgument FIELD_INVALID"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := t.Context()
			if test.bearer != "" {
				ctx = kittest.As(ctx, test.bearer)
			}
			_, err := h.CreateObjective(ctx, invalid)
			if got := answer(err); got != test.want {
				t.Errorf("the answer is %v, want %s", err, test.want)
			}
			if n := len(violations(err)); test.bearer != "ceo" && n > 0 {
				t.Errorf("the answer tells %d violations", n)
			}
		})
	}
	if reached {
		t.Error("a request reached the handler")
	}
}

func TestAnInvalidRequestNamesEveryFieldByItsPath(t *testing.T) {
	h := serve(t, &service{})
	_, err := h.CreateObjective(kittest.As(t.Context(), "ceo"), &okrv1.CreateObjectiveRequest{
		Objective: &okrv1.Objective{Title: "\t"}, RequestId: "not/allowed",
	})
	got := violations(err)
	slices.Sort(got)
	want := []string{"objective.title title.blank", "objective.title title.control_characters", "request_id string.pattern"}
	if !slices.Equal(got, want) {
		t.Errorf("the violations are %q, want %q", got, want)
	}
	if message := status.Convert(err).Message(); !strings.Contains(message, "objective.title: must contain more than white space") {
		t.Errorf("the message is %q", message)
	}
}

func TestTheHandlerKnowsTheCaller(t *testing.T) {
	h := serve(t, &service{get: func(ctx context.Context, _ *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
		caller, err := access.CallerFrom(ctx)
		return &okrv1.Objective{Id: caller.GetMemberId(), Title: caller.CorrelationID}, err
	}})
	ctx := kittest.With(kittest.As(t.Context(), "employee"), telemetry.MetadataCorrelationID, "id-1")
	got, err := h.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: "okr_1"})
	if err != nil || got.GetId() != "member-employee-acme" || got.GetTitle() != "id-1" {
		t.Errorf("the handler saw %v, %v", got, err)
	}
}

func TestTheCorrelationIDIsTheCallersIfWellFormed(t *testing.T) {
	h := serve(t, &service{
		get: func(ctx context.Context, _ *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
			return &okrv1.Objective{Title: telemetry.CorrelationID(ctx)}, nil
		},
		watch: func(*okrv1.WatchChangesRequest, grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error {
			return nil
		},
	})
	longest := strings.Repeat("a", 64)
	for _, test := range []struct {
		name string
		sent []string
		kept bool
	}{
		{"a well-formed one is kept", []string{"Request_1-b"}, true},
		{"64 characters are kept", []string{longest}, true},
		{"65 characters are replaced", []string{longest + "a"}, false},
		{"another character is replaced", []string{"a b"}, false},
		{"an empty one is replaced", []string{""}, false},
		{"none gets a new one", nil, false},
		{"two are replaced", []string{"one", "two"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := kittest.As(t.Context(), "ceo")
			for _, id := range test.sent {
				ctx = kittest.With(ctx, telemetry.MetadataCorrelationID, id)
			}
			var header metadata.MD
			got, err := h.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: "okr_1"}, grpc.Header(&header))
			if err != nil {
				t.Fatal(err)
			}
			id := got.GetTitle()
			if test.kept && id != test.sent[0] {
				t.Errorf("the handler's id is %q", id)
			}
			if !test.kept && uuid.Validate(id) != nil {
				t.Errorf("the handler's id %q is not a new one", id)
			}
			if echo := header.Get(telemetry.MetadataCorrelationID); !slices.Equal(echo, []string{id}) {
				t.Errorf("the call was answered with %q, the handler had %q", echo, id)
			}
		})
	}

	t.Run("a denied call and a stream are answered with it, too", func(t *testing.T) {
		var header metadata.MD
		ctx := kittest.With(t.Context(), telemetry.MetadataCorrelationID, "id-1")
		if _, err := h.GetObjective(ctx, &okrv1.GetObjectiveRequest{}, grpc.Header(&header)); answer(err) != "Unauthenticated TOKEN_MISSING" {
			t.Fatal(err)
		}
		if echo := header.Get(telemetry.MetadataCorrelationID); !slices.Equal(echo, []string{"id-1"}) {
			t.Errorf("the denied call was answered with %q", echo)
		}
		stream, err := h.WatchChanges(kittest.As(ctx, "ceo"), &okrv1.WatchChangesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if header, err = stream.Header(); err != nil || !slices.Equal(header.Get(telemetry.MetadataCorrelationID), []string{"id-1"}) {
			t.Errorf("the stream was answered with %v, %v", header, err)
		}
	})
}

func TestAPanicIsInternalWithoutDetailAndLeavesItsTraceInTheLog(t *testing.T) {
	h := serve(t, &service{
		get: func(context.Context, *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
			panic("index out of range")
		},
		watch: func(*okrv1.WatchChangesRequest, grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error {
			panic("index out of range")
		},
	})
	ctx := kittest.With(kittest.As(t.Context(), "ceo"), telemetry.MetadataCorrelationID, "id-1")
	call := map[string]func() error{
		"GetObjective": func() error {
			_, err := h.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: "okr_1"})
			return err
		},
		"WatchChanges": func() error {
			stream, err := h.WatchChanges(ctx, &okrv1.WatchChangesRequest{})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
	}
	for method, call := range call {
		t.Run(method, func(t *testing.T) {
			before := len(h.records(t, "panic"))
			err := call()
			if st := status.Convert(err); st.Code() != codes.Internal || st.Message() != "internal error" || len(st.Details()) != 0 {
				t.Errorf("the caller gets %v", err)
			}
			eventually(t, "the call is counted", func() bool { return h.counted(t, method, codes.Internal) == 1 })
			records := h.records(t, "panic")
			if len(records) != before+1 {
				t.Fatalf("%d panics in the log, want %d", len(records), before+1)
			}
			record := records[before]
			if record["correlation_id"] != "id-1" || record["panic"] != "index out of range" ||
				!strings.Contains(fmt.Sprint(record["stack"]), "chain_test.go") {
				t.Errorf("the log says %v", record)
			}
		})
	}
}

func TestErrorsAreMappedInOnePlace(t *testing.T) {
	cause := errors.New("disk full at /var/lib/okr")
	for _, test := range []struct {
		name   string
		err    error
		want   string // code and reason
		text   string
		logged bool
	}{
		{
			"an error of the contract arrives whole, its cause does not",
			rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND, "no such objective").Wrap(cause),
			"NotFound OBJECTIVE_NOT_FOUND", "no such objective", false,
		},
		{
			"also when it is wrapped",
			fmt.Errorf("reading: %w", rpcerr.New(codes.Aborted, accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH, "changed")),
			"Aborted ETAG_MISMATCH", "changed", false,
		},
		{"an unknown error is hidden and logged", cause, "Internal", "internal error", true},
		{"an internal status is hidden and logged", status.Error(codes.Internal, cause.Error()), "Internal", "internal error", true},
		{"an unknown status is hidden and logged", status.Error(codes.Unknown, cause.Error()), "Internal", "internal error", true},
		{"an abandoned call is canceled", fmt.Errorf("waiting: %w", context.Canceled), "Canceled", "the call was canceled", false},
		{"a slow call exceeds its deadline", fmt.Errorf("waiting: %w", context.DeadlineExceeded), "DeadlineExceeded", "the call took longer than its deadline", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := serve(t, &service{
				get: func(context.Context, *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) { return nil, test.err },
				watch: func(*okrv1.WatchChangesRequest, grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error {
					return test.err
				},
			})
			ctx := kittest.As(t.Context(), "ceo")
			_, unary := h.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: "okr_1"})
			stream, err := h.WatchChanges(ctx, &okrv1.WatchChangesRequest{})
			if err != nil {
				t.Fatal(err)
			}
			_, streamed := stream.Recv()
			for _, err := range []error{unary, streamed} {
				if answer(err) != test.want || status.Convert(err).Message() != test.text {
					t.Errorf("the caller gets %v, want %s: %s", err, test.want, test.text)
				}
			}
			eventually(t, "both calls are in the access log", func() bool { return len(h.records(t, "call")) == 2 })
			failures := h.records(t, "call failed")
			if test.logged && (len(failures) != 2 || !strings.Contains(fmt.Sprint(failures[0]["error"]), cause.Error())) {
				t.Errorf("the log says %v", failures)
			}
			if !test.logged && len(failures) != 0 {
				t.Errorf("the log complains of what is the caller's affair: %v", failures)
			}
		})
	}
}

func TestTheAccessLogSaysWhoAndWhatAndNothingElse(t *testing.T) {
	const title, note, id = "Quarter of the whale", "text-of-the-answer", "okr_named_by_caller"
	h := serve(t, &service{
		create: func(context.Context, *okrv1.CreateObjectiveRequest) (*okrv1.Objective, error) {
			return &okrv1.Objective{Title: note}, nil
		},
		get: func(context.Context, *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
			return nil, rpcerr.New(codes.NotFound, accessv1.ErrorReason_ERROR_REASON_OBJECTIVE_NOT_FOUND, "no %s", id)
		},
	})
	ctx := kittest.With(kittest.As(t.Context(), "ceo-agent"), telemetry.MetadataCorrelationID, "id-1", "cookie", "session=cookie-value")
	if _, err := h.CreateObjective(ctx, &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: title}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.GetObjective(ctx, &okrv1.GetObjectiveRequest{ObjectiveId: id}); answer(err) != "NotFound OBJECTIVE_NOT_FOUND" {
		t.Fatal(err)
	}
	if _, err := h.GetObjective(kittest.As(t.Context(), "guessed-token"), &okrv1.GetObjectiveRequest{}); answer(err) != "Unauthenticated TOKEN_INVALID" {
		t.Fatal(err)
	}
	eventually(t, "three calls are in the log", func() bool { return len(h.records(t, "call")) == 3 })

	for _, secret := range []string{title, note, id, "ceo-agent", "guessed-token", "cookie-value", "Name of member"} {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("the log contains %q:\n%s", secret, h.log)
		}
	}
	records := h.records(t, "call")
	for key, want := range map[string]any{
		"method": "/okr.v1.OkrService/CreateObjective", "code": "OK", "correlation_id": "id-1", "organization_id": "acme",
		"member_id": "member-ceo-acme", "client_id": "connected-app-test", "surface": "SURFACE_MCP", "level": "INFO",
	} {
		if records[0][key] != want {
			t.Errorf("%s is %v in the log, want %v", key, records[0][key], want)
		}
	}
	if records[1]["reason"] != "OBJECTIVE_NOT_FOUND" || records[2]["reason"] != "TOKEN_INVALID" {
		t.Errorf("the reasons in the log are %v and %v", records[1]["reason"], records[2]["reason"])
	}
}

// What a line says of its caller is written once for each identity, and must not end up in anybody else's lines.
func TestEachLineOfTheAccessLogSaysWhoseCallItWas(t *testing.T) {
	known := map[string]*access.Identity{}
	for name, principal := range personas() {
		known[name] = &access.Identity{Principal: principal, Expire: time.Now().Add(time.Hour)}
	}
	var caller atomic.Value
	h := serve(t, &service{
		get: func(context.Context, *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
			return &okrv1.Objective{}, nil
		},
	}, func(cfg *grpcserver.Config) {
		cfg.Authenticator = authenticator(func() (*access.Identity, error) {
			name, _ := caller.Load().(string)
			if known[name] == nil {
				return nil, errors.New("nobody")
			}
			return known[name], nil
		})
	})
	callers := []string{"ceo", "stranger", "nobody", "ceo", "agent", "ceo-agent", "stranger", "agent", "nobody", "ceo"}
	for _, name := range callers {
		caller.Store(name)
		_, err := h.GetObjective(t.Context(), &okrv1.GetObjectiveRequest{ObjectiveId: "okr_1"})
		if name != "nobody" && err != nil {
			t.Fatal(err)
		}
	}
	var lines []map[string]any
	eventually(t, "each call has a line", func() bool { lines = h.records(t, "call"); return len(lines) == len(callers) })
	for i, name := range callers {
		want := map[string]any{"organization_id": nil, "member_id": nil, "surface": nil, "client_id": nil}
		if identity := known[name]; identity != nil {
			p := identity.Principal
			want["organization_id"], want["member_id"], want["surface"] = p.GetOrganizationId(), p.GetMemberId(), p.GetSurface().String()
			if p.GetClientId() != "" {
				want["client_id"] = p.GetClientId()
			}
		}
		for key, value := range want {
			if lines[i][key] != value {
				t.Errorf("line %d, of %s, has %s %v, want %v", i, name, key, lines[i][key], value)
			}
		}
	}
}
