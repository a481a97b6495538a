package grpcserver_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/grpcserver"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

// authenticator is a function as an access.Authenticator.
type authenticator func() (*access.Identity, error)

func (a authenticator) Authenticate(context.Context) (*access.Identity, error) {
	return a()
}

// expiresSoon gives the CEO an identity that ends after the first message has arrived, if the machine is not very slow.
func expiresSoon(cfg *grpcserver.Config) {
	cfg.Authenticator = authenticator(func() (*access.Identity, error) {
		return &access.Identity{Principal: kittest.CEO("acme"), Expire: time.Now().Add(300 * time.Millisecond)}, nil
	})
}

// drain reads a stream to its end.
func drain(stream grpc.ServerStreamingClient[okrv1.WatchChangesResponse]) (cursors []string, err error) {
	for {
		message, err := stream.Recv()
		if err != nil {
			return cursors, err
		}
		cursors = append(cursors, message.GetCursor())
	}
}

func TestAStreamEndsWhenItsIdentityDoes(t *testing.T) {
	type stream = grpc.ServerStreamingServer[okrv1.WatchChangesResponse]
	lateSend := make(chan error, 1)
	for _, test := range []struct {
		name  string
		watch func(stream) error
	}{
		{"with a handler that returns the context's error", func(s stream) error {
			<-s.Context().Done()
			return s.Context().Err()
		}},
		{"with a handler that takes the end of the context for success", func(s stream) error {
			<-s.Context().Done()
			return nil
		}},
		{"with a handler that never looks at the context", func(s stream) error {
			for {
				if err := s.Send(&okrv1.WatchChangesResponse{Cursor: "again"}); err != nil {
					return err
				}
				time.Sleep(time.Millisecond) // the rate of this test's events
			}
		}},
		{"with a handler that sends on after the end", func(s stream) error {
			<-s.Context().Done()
			lateSend <- s.Send(&okrv1.WatchChangesResponse{Cursor: "late"})
			return nil
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := serve(t, &service{watch: func(_ *okrv1.WatchChangesRequest, s stream) error {
				if err := s.Send(&okrv1.WatchChangesResponse{Cursor: "first"}); err != nil {
					return err
				}
				return test.watch(s)
			}}, expiresSoon)
			stream, err := h.WatchChanges(t.Context(), &okrv1.WatchChangesRequest{})
			if err != nil {
				t.Fatal(err)
			}
			cursors, err := drain(stream)
			if answer(err) != "Unauthenticated TOKEN_EXPIRED" {
				t.Errorf("the stream ended with %v", err)
			}
			if slices.Contains(cursors, "late") {
				t.Error("a message was sent after the identity's end")
			}
		})
	}
	if err := <-lateSend; answer(err) != "Unauthenticated TOKEN_EXPIRED" {
		t.Errorf("sending after the identity's end answered %v", err)
	}
}

func TestAStreamThatIsDoneBeforeItsIdentityEndsWell(t *testing.T) {
	h := serve(t, &service{watch: func(_ *okrv1.WatchChangesRequest, s grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error {
		return s.Send(&okrv1.WatchChangesResponse{Cursor: "only"})
	}})
	stream, err := h.WatchChanges(kittest.As(t.Context(), "ceo"), &okrv1.WatchChangesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if cursors, err := drain(stream); !slices.Equal(cursors, []string{"only"}) || err.Error() != "EOF" {
		t.Errorf("the stream sent %q and ended with %v", cursors, err)
	}
}

func TestStreamsAreDeniedAndValidatedLikeOtherCalls(t *testing.T) {
	h := serve(t, &service{watch: func(*okrv1.WatchChangesRequest, grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error {
		t.Error("the call reached the handler")
		return nil
	}})
	long := string(make([]byte, 65))
	for _, test := range []struct{ name, bearer, want string }{
		{"without a credential an invalid request is unauthenticated", "", "Unauthenticated TOKEN_MISSING"},
		{"who may make the call learns that the request is invalid", "ceo", "InvalidArgument FIELD_INVALID"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := t.Context()
			if test.bearer != "" {
				ctx = kittest.As(ctx, test.bearer)
			}
			stream, err := h.WatchChanges(ctx, &okrv1.WatchChangesRequest{AfterCursor: long})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Recv(); answer(err) != test.want {
				t.Errorf("the answer is %v", err)
			}
		})
	}
}

func TestACallerWhoLeavesAStreamEndsIt(t *testing.T) {
	ended := make(chan error, 1)
	h := serve(t, &service{watch: func(_ *okrv1.WatchChangesRequest, s grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error {
		err := s.Send(&okrv1.WatchChangesResponse{})
		<-s.Context().Done()
		ended <- context.Cause(s.Context())
		return err
	}})
	ctx, leave := context.WithCancel(kittest.As(t.Context(), "ceo"))
	stream, err := h.WatchChanges(ctx, &okrv1.WatchChangesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	leave()
	if err := <-ended; err == nil {
		t.Error("the stream's context did not end")
	}
}
