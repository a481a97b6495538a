package grpcclient_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/grpcclient"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
)

// Probes run on the machine of what they probe, also where no DNS server answers.
func TestConnectingToThisMachineAsksNoDNSServer(t *testing.T) {
	var asked atomic.Int32
	before := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = before })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		asked.Add(1)
		return nil, errors.New("no DNS server answers")
	}}
	s := seer{seen: make(chan metadata.MD, 1)}
	server := grpc.NewServer()
	okrv1.RegisterOkrServiceServer(server, s)
	listener := kittest.Listen(t)
	go func() { _ = server.Serve(listener) }() // ends when it is stopped
	t.Cleanup(server.Stop)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpcclient.Dial(net.JoinHostPort("localhost", port), grpcclient.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := okrv1.NewOkrServiceClient(conn).GetObjective(t.Context(), &okrv1.GetObjectiveRequest{}); err != nil {
		t.Error(err)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("a DNS server was asked %d times", n)
	}
}
