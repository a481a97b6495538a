package grpcclient

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// In made-up time: the other end is away for twenty minutes: after thirty without a call, nobody connects.
func TestAnEndThatWasAwayForLongIsFoundAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Time
		conn, err := dial("passthrough:///away", Config{Credentials: insecure.NewCredentials()},
			grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
				tries = append(tries, time.Now())
				return nil, errors.New("nobody is there")
			}))
		if err != nil {
			t.Fatal(err)
		}
		conn.Connect()
		time.Sleep(20 * time.Minute)
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		const most = 1200 * time.Millisecond // a second, and by chance a fifth more
		previous := tries[0]
		for _, at := range append(tries[1:], time.Now()) {
			if at.Sub(previous) > most {
				t.Fatalf("nobody connects for %v, want at most %v", at.Sub(previous), most)
			}
			previous = at
		}
		if len(tries) > 2*20*60 {
			t.Errorf("within twenty minutes it was tried %d times", len(tries))
		}
	})
}
