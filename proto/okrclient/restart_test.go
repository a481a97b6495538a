package okrclient

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
)

const getObjective = "/okr.v1.OkrService/GetObjective"

// shop is a server that is away until a moment. It is called without a network, so that its time can be made up.
type shop struct {
	opens time.Time

	mu sync.Mutex
	// arrived is how many calls came, and early how many of them while it was away.
	arrived, early int
}

func (s *shop) invoke(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
	if err := sleep(ctx, time.Millisecond); err != nil {
		return status.FromContextError(err).Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrived++
	if time.Now().Before(s.opens) {
		s.early++
		return status.Error(codes.Unavailable, "away")
	}
	return nil
}

func (s *shop) get(ctx context.Context, c *calls) error {
	return c.unary(ctx, getObjective, &okrv1.GetObjectiveRequest{ObjectiveId: "okr_1"}, &okrv1.Objective{}, nil, s.invoke)
}

// callsWithoutNetwork are those of a client with the defaults.
func callsWithoutNetwork(logger *slog.Logger) *calls {
	return &calls{bearer: bearer{source: StaticToken("the token")}, timeout: DefaultTimeout, retry: newRetrier(0), methods: contractMethods(), logger: logger}
}

func TestAServerThatIsBackWithinTheDeadlineCostsNoCall(t *testing.T) {
	for _, tc := range []struct {
		name    string
		callers int
		away    time.Duration
	}{
		{"one caller, a restart", 1, 5 * time.Second},
		{"one caller, almost the whole deadline", 1, 27 * time.Second},
		{"many callers, a moment", 64, 50 * time.Millisecond},
		{"many callers, a restart", 64, 5 * time.Second},
		{"very many callers, a slow restart", 1000, 15 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s := callsWithoutNetwork(slog.New(slog.DiscardHandler)), &shop{opens: time.Now().Add(tc.away)}
				var callers sync.WaitGroup
				for range tc.callers {
					callers.Go(func() { // a few calls one after the other, as programs make them
						for range 10 {
							if err := s.get(t.Context(), c); err != nil {
								t.Error(err)
								return
							}
						}
					})
				}
				callers.Wait()
				if most := tc.callers + budgetSize + int(budgetRate*tc.away.Seconds()) + 1; s.early > most {
					t.Errorf("while it was away it was asked %d times, want at most %d", s.early, most)
				}
			})
		})
	}
}

// An edge that answers people goes on calling while the server is down, which must not become a storm on it.
func TestAServerThatIsDownIsNotAskedManyTimesMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := callsWithoutNetwork(slog.New(slog.DiscardHandler)), &shop{opens: time.Now().Add(time.Hour)}
		var callers sync.WaitGroup
		const seconds, rate = 60, 100
		for range seconds * rate {
			callers.Go(func() {
				if s.get(t.Context(), c) == nil {
					t.Error("it answers")
				}
			})
			time.Sleep(time.Second / rate)
		}
		callers.Wait()
		// The last call waits for its deadline.
		if most := seconds*rate + budgetSize + budgetRate*(seconds+int(DefaultTimeout.Seconds())); s.arrived > most {
			t.Errorf("%d calls were sent %d times, want at most %d", seconds*rate, s.arrived, most)
		}
	})
}

func TestALongWaitIsAWarningOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for away, want := range map[time.Duration]int{time.Second: 0, 20 * time.Second: 1} {
			var log bytes.Buffer
			c := callsWithoutNetwork(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
			s := &shop{opens: time.Now().Add(away)}
			if err := s.get(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if got := bytes.Count(log.Bytes(), []byte("\n")); got != want {
				t.Errorf("when it is away for %v it warns %d times, want %d: %s", away, got, want, &log)
			}
		}
	})
}

// ledger is a store that keeps what it was told, under request ids as the real one does, and loses nothing when its server
// is stopped.
type ledger struct {
	okrv1.UnimplementedOkrServiceServer

	mu   sync.Mutex
	kept map[string]string
}

func (l *ledger) CreateObjective(_ context.Context, req *okrv1.CreateObjectiveRequest) (*okrv1.Objective, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id, ok := l.kept[req.GetRequestId()]
	if !ok {
		id = fmt.Sprint("okr_", len(l.kept))
		l.kept[req.GetRequestId()] = id
	}
	return &okrv1.Objective{Id: id}, nil
}

func (l *ledger) ListObjectives(context.Context, *okrv1.ListObjectivesRequest) (*okrv1.ListObjectivesResponse, error) {
	return &okrv1.ListObjectivesResponse{}, nil
}

// Over a real connection, in real time: a store that is stopped in the middle of its calls and back after five seconds.
func TestReadsAndWritesRideOverARestart(t *testing.T) {
	t.Parallel()
	l := &ledger{kept: map[string]string{}}
	address, stop := serve(t, l, "127.0.0.1:0")
	c, err := Dial(Config{Target: address, Tokens: StaticToken("the token")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	var callers sync.WaitGroup
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	done := make(chan struct{})
	for range 8 {
		callers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				o, err := c.CreateObjective(t.Context(), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "Grow"}})
				if err != nil {
					t.Errorf("a write: %v", err)
					return
				}
				mu.Lock()
				if acknowledged[o.GetId()] {
					t.Errorf("two writes are answered with %s", o.GetId())
				}
				acknowledged[o.GetId()] = true
				mu.Unlock()
				if _, err := c.ListObjectives(t.Context(), &okrv1.ListObjectivesRequest{}); err != nil {
					t.Errorf("a read: %v", err)
					return
				}
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acknowledged)
	}
	waitFor := func(writes int) {
		t.Helper()
		for deadline := time.Now().Add(DefaultTimeout); count() < writes && !t.Failed(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d writes are acknowledged, want %d", count(), writes)
			}
		}
	}
	waitFor(50)
	stop()
	time.Sleep(5 * time.Second) // how long it is away
	before := count()
	serve(t, l, address)
	waitFor(before + 500)
	close(done)
	callers.Wait()
	if len(l.kept) != len(acknowledged) {
		t.Errorf("%d writes are acknowledged and %d done", len(acknowledged), len(l.kept))
	}
}
