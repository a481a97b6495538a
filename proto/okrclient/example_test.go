package okrclient_test

import (
	"context"
	"errors"
	"fmt"
	"net"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/proto/okrclient"
	"github.com/df0f9dda/okr-manager/proto/okrclient/signin"
)

// A person's program: they sign in once by `okrctl login` or Account.SignIn, and the account keeps its tokens fresh.
func Example_signedIn() {
	account, err := signin.New(signin.Config{Server: "https://okr.example.com"})
	if err != nil {
		panic(err)
	}
	c, err := okrclient.Dial(okrclient.Config{Target: "okr-store.example.com:9001", Tokens: account})
	if err != nil {
		panic(err)
	}
	defer c.Close()
}

func ExampleClient_Objectives() {
	c := dialStore()
	defer c.Close()
	for objective, err := range c.Objectives(context.Background(), &okrv1.ListObjectivesRequest{Cycle: "2026-Q3", OwnerId: "me"}) {
		if err != nil {
			panic(err)
		}
		fmt.Println(objective.GetTitle())
	}
	// Output:
	// Be easy to try
	// Be hard to leave
}

// What is on the page, and then every change to it, even if the data is restored from a backup meanwhile.
func ExampleClient_Watch() {
	c := dialStore()
	defer c.Close()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	for ctx.Err() == nil {
		objectives, cursor, err := c.Snapshot(ctx, &okrv1.ListObjectivesRequest{})
		if err != nil {
			panic(err)
		}
		fmt.Println("objectives:", len(objectives))
		for m, err := range c.Watch(ctx, cursor) {
			if okrclient.ReasonOf(err) == accessv1.ErrorReason_ERROR_REASON_CURSOR_TOO_OLD {
				break // list again
			}
			if err != nil {
				panic(err)
			}
			if change := m.GetChange(); change != nil {
				fmt.Println("changed:", change.GetAfter().GetObjective().GetTitle())
				stop()
				break
			}
		}
	}
	// Output:
	// objectives: 2
	// changed: Be impossible to leave
}

// Change what nobody else has changed meanwhile, and look again if somebody has.
func ExampleError() {
	c := dialStore()
	defer c.Close()
	_, err := c.UpdateObjective(context.Background(), &okrv1.UpdateObjectiveRequest{
		Objective: &okrv1.Objective{Id: "okr_06C1M8NSRT4E2", Title: "Be easy to like", Etag: "the one that was read"},
	})
	var e *okrclient.Error
	if errors.As(err, &e) && e.Reason == accessv1.ErrorReason_ERROR_REASON_ETAG_MISMATCH {
		fmt.Println("it is now at", e.Metadata["etag"])
	}
	// Output: it is now at e2
}

// store answers what the examples need.
type store struct {
	okrv1.UnimplementedOkrServiceServer
}

func (store) ListObjectives(context.Context, *okrv1.ListObjectivesRequest) (*okrv1.ListObjectivesResponse, error) {
	return &okrv1.ListObjectivesResponse{
		Objectives: []*okrv1.Objective{{Title: "Be easy to try"}, {Title: "Be hard to leave"}}, Cursor: "c1",
	}, nil
}

func (store) UpdateObjective(context.Context, *okrv1.UpdateObjectiveRequest) (*okrv1.Objective, error) {
	st, err := status.New(codes.Aborted, "the objective has changed").WithDetails(
		&errdetails.ErrorInfo{Reason: "ETAG_MISMATCH", Domain: "okr-manager", Metadata: map[string]string{"etag": "e2"}},
	)
	if err != nil {
		return nil, err
	}
	return nil, st.Err()
}

func (store) WatchChanges(req *okrv1.WatchChangesRequest, stream grpc.ServerStreamingServer[okrv1.WatchChangesResponse]) error {
	if err := stream.Send(&okrv1.WatchChangesResponse{Cursor: req.GetAfterCursor()}); err != nil {
		return err
	}
	after := &okrv1.Snapshot{Resource: &okrv1.Snapshot_Objective{Objective: &okrv1.Objective{Title: "Be impossible to leave"}}}
	if err := stream.Send(&okrv1.WatchChangesResponse{Cursor: "c2", Change: &okrv1.Change{Seq: 2, Cursor: "c2", After: after}}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

// dialStore connects to a store in the same process.
func dialStore() *okrclient.Client {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := grpc.NewServer()
	okrv1.RegisterOkrServiceServer(server, store{})
	go func() { _ = server.Serve(listener) }()
	c, err := okrclient.Dial(okrclient.Config{Target: listener.Addr().String(), Tokens: okrclient.StaticToken("a token")})
	if err != nil {
		panic(err)
	}
	return c
}
