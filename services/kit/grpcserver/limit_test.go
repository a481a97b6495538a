package grpcserver_test

import (
	"context"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/grpcserver"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

// slow is a rate at which a test never gets a second token.
const slow = 0.001

func limited(t *testing.T, limits grpcserver.Limits) *harness {
	t.Helper()
	return serve(t, &service{
		get: func(context.Context, *okrv1.GetObjectiveRequest) (*okrv1.Objective, error) {
			return &okrv1.Objective{}, nil
		},
		watch: func(*okrv1.WatchChangesRequest, grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error {
			return nil
		},
	}, func(cfg *grpcserver.Config) { cfg.Limits = limits })
}

func (h *harness) getAs(t *testing.T, bearer string) error {
	t.Helper()
	_, err := h.GetObjective(kittest.As(t.Context(), bearer), &okrv1.GetObjectiveRequest{ObjectiveId: "okr_1"})
	return err
}

func (h *harness) watchAs(t *testing.T, bearer string) error {
	t.Helper()
	stream, err := h.WatchChanges(kittest.As(t.Context(), bearer), &okrv1.WatchChangesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	return err
}

func TestAnAddressIsLimitedBeforeItIsKnownWhoCalls(t *testing.T) {
	h := limited(t, grpcserver.Limits{PerAddress: slow})
	if err := h.getAs(t, "nobody"); answer(err) != "Unauthenticated TOKEN_INVALID" {
		t.Fatalf("the first call: %v", err)
	}
	for _, bearer := range []string{"nobody", "ceo", "stranger"} {
		err := h.getAs(t, bearer)
		if answer(err) != "ResourceExhausted RATE_LIMITED" {
			t.Errorf("a call as %s: %v", bearer, err)
		}
		if delay := detail[*errdetails.RetryInfo](err).GetRetryDelay().AsDuration(); delay <= 0 {
			t.Errorf("the answer says to wait %v", delay)
		}
		if err := h.watchAs(t, bearer); answer(err) != "ResourceExhausted RATE_LIMITED" {
			t.Errorf("a stream as %s: %v", bearer, err)
		}
	}
}

func TestACallerIsLimitedByOrganizationAndClient(t *testing.T) {
	h := limited(t, grpcserver.Limits{PerCaller: slow})
	for _, test := range []struct{ name, bearer, want string }{
		{"who is not known is not counted", "nobody", "Unauthenticated TOKEN_INVALID"},
		{"the first call of a member", "ceo", "OK"},
		{"the second", "ceo", "ResourceExhausted RATE_LIMITED"},
		{"another member of the organization counts with the first", "employee", "ResourceExhausted RATE_LIMITED"},
		{"an agent of the organization counts for itself", "agent", "OK"},
		{"another organization counts for itself", "stranger", "OK"},
	} {
		if err := h.getAs(t, test.bearer); answer(err) != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	err := h.watchAs(t, "ceo")
	if answer(err) != "ResourceExhausted RATE_LIMITED" || detail[*errdetails.RetryInfo](err) == nil {
		t.Errorf("a stream: %v", err)
	}
}
