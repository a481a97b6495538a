package etcdengine

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

const organization = "organization-test-1"

// increment adds one to a decimal counter.
func increment(tx storage.Tx) error {
	n, err := counter(tx)
	if err != nil {
		return err
	}
	return tx.Put([]byte("counter"), strconv.AppendInt(nil, int64(n+1), 10))
}

func counter(tx storage.Tx) (int, error) {
	value, err := tx.Get([]byte("counter"))
	if errors.Is(err, storage.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(value))
}

func wantCounter(t *testing.T, e *Engine, want int) {
	t.Helper()
	got := 0
	err := e.View(t.Context(), organization, func(tx storage.Tx) (err error) {
		got, err = counter(tx)
		return err
	})
	if err != nil || got != want {
		t.Errorf("the counter is %d, %v; want %d", got, err, want)
	}
}

// lossy stands between an engine and its cluster. For each commit that the engine sends, the next function says what
// becomes of it; when there is none, it passes.
type lossy struct {
	clientv3.KV

	mu   sync.Mutex
	fate []func(send func() (*clientv3.TxnResponse, error)) (*clientv3.TxnResponse, error)
}

func (l *lossy) Txn(ctx context.Context) clientv3.Txn { return &lossyTxn{l.KV.Txn(ctx), l} }

type lossyTxn struct {
	clientv3.Txn
	kv *lossy
}

func (t *lossyTxn) If(c ...clientv3.Cmp) clientv3.Txn  { t.Txn = t.Txn.If(c...); return t }
func (t *lossyTxn) Then(o ...clientv3.Op) clientv3.Txn { t.Txn = t.Txn.Then(o...); return t }
func (t *lossyTxn) Else(o ...clientv3.Op) clientv3.Txn { t.Txn = t.Txn.Else(o...); return t }

func (t *lossyTxn) Commit() (*clientv3.TxnResponse, error) {
	t.kv.mu.Lock()
	if len(t.kv.fate) == 0 {
		t.kv.mu.Unlock()
		return t.Txn.Commit()
	}
	fate := t.kv.fate[0]
	t.kv.fate = t.kv.fate[1:]
	t.kv.mu.Unlock()
	return fate(t.Txn.Commit)
}

var errGone = status.Error(codes.Unavailable, "error reading from server: EOF")

// What is done of a commit whose answer is lost is done, and what is not done is done once.
func TestACommitWhoseAnswerIsLostIsMadeOnce(t *testing.T) {
	etcd := kittest.StartEtcd(t, 1)
	type send = func() (*clientv3.TxnResponse, error)
	neverSent := func(send) (*clientv3.TxnResponse, error) { return nil, errGone }
	madeAndLost := func(send send) (*clientv3.TxnResponse, error) {
		_, _ = send()
		return nil, errGone
	}
	for name, test := range map[string]struct {
		fate []func(send) (*clientv3.TxnResponse, error)
		// others are engines that commit once each after the first attempt.
		others  int
		want    error
		counter int
	}{
		"never sent":                         {fate: []func(send) (*clientv3.TxnResponse, error){neverSent}, counter: 1},
		"made":                               {fate: []func(send) (*clientv3.TxnResponse, error){madeAndLost}, counter: 1},
		"made and lost twice":                {fate: []func(send) (*clientv3.TxnResponse, error){madeAndLost, madeAndLost}, counter: 1},
		"made before others committed":       {fate: []func(send) (*clientv3.TxnResponse, error){madeAndLost}, others: 3, counter: 4},
		"never sent before others committed": {fate: []func(send) (*clientv3.TxnResponse, error){neverSent}, others: 3, counter: 4},
		"made before so many others that it is forgot": {fate: []func(send) (*clientv3.TxnResponse, error){madeAndLost}, others: maxReplicas, want: storage.ErrUnavailable, counter: maxReplicas + 1},
	} {
		t.Run(name, func(t *testing.T) {
			config := newConfig(etcd)
			e := openEngine(t, config)
			var others []*Engine
			for range test.others {
				others = append(others, openEngine(t, config))
			}
			fate := test.fate
			first := fate[0]
			fate[0] = func(send send) (*clientv3.TxnResponse, error) {
				answer, err := first(send)
				for _, other := range others {
					if err := other.Update(t.Context(), organization, increment); err != nil {
						t.Error(err)
					}
				}
				return answer, err
			}
			e.cluster.client.KV = &lossy{KV: e.cluster.client.KV, fate: fate}
			if err := e.Update(t.Context(), organization, increment); !errors.Is(err, test.want) {
				t.Errorf("Update answered %v, want %v", err, test.want)
			}
			wantCounter(t, e, test.counter)
			if err := e.Update(t.Context(), organization, increment); err != nil {
				t.Error(err)
			}
			wantCounter(t, e, test.counter+1)
		})
	}
}

// Replicas that write to one organization lose no write among them.
func TestReplicasShareAnOrganization(t *testing.T) {
	config := newConfig(kittest.StartEtcd(t, 1))
	engines := []*Engine{openEngine(t, config), openEngine(t, config), openEngine(t, config)}
	const writers, each = 12, 15
	var work sync.WaitGroup
	for writer := range writers {
		work.Go(func() {
			for range each {
				if err := engines[writer%3].Update(t.Context(), organization, increment); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	for _, e := range engines {
		wantCounter(t, e, writers*each)
	}
	if engines[0].Epoch() != engines[1].Epoch() {
		t.Error("they have different epochs")
	}
}

// What was answered by one replica is seen by the next call to any other: in a View, in an Update that refuses, and in one
// that writes.
func TestEachReplicaSeesWhatAnotherHasAnswered(t *testing.T) {
	config := newConfig(kittest.StartEtcd(t, 1))
	engines := []*Engine{openEngine(t, config), openEngine(t, config)}
	errSeen := errors.New("refused")
	for i := range 100 {
		writer, reader := engines[i%2], engines[(i+1)%2]
		if err := writer.Update(t.Context(), organization, increment); err != nil {
			t.Fatal(err)
		}
		seen := 0
		look := func(tx storage.Tx) (err error) {
			seen, err = counter(tx)
			return errors.Join(err, errSeen)
		}
		call := reader.Update
		if i%3 == 0 {
			call = reader.View
		}
		if err := call(t.Context(), organization, look); !errors.Is(err, errSeen) || seen != i+1 {
			t.Fatalf("after %d writes the other replica sees %d, %v", i+1, seen, err)
		}
	}
}

// A watch on one replica hears of what another writes.
func TestAWatchHearsOfOtherReplicas(t *testing.T) {
	etcd := kittest.StartEtcd(t, 1)
	config := newConfig(etcd)
	writer, watcher := openEngine(t, config), openEngine(t, config)
	hear := func(signals <-chan struct{}) {
		t.Helper()
		select {
		case _, open := <-signals:
			if !open {
				t.Fatal("the watch is closed")
			}
		case <-time.After(time.Minute):
			t.Fatal("the watch says nothing")
		}
	}
	signals, err := watcher.Watch(t.Context(), organization)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := writer.Update(t.Context(), organization, increment); err != nil {
			t.Fatal(err)
		}
		hear(signals)
	}
	other, err := watcher.Watch(t.Context(), "another")
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-other:
		t.Error("a watch hears of another organization")
	default:
	}

	// The connections break.
	etcd.Kill(0)
	etcd.Start(0)
	etcd.Leader(0)
	for range 3 {
		if err := writer.Update(t.Context(), organization, increment); err != nil {
			t.Fatal(err)
		}
		hear(signals)
	}
}

// A View that takes longer than etcd keeps its history begins again, and an Update as well.
func TestATransactionWhoseSnapshotIsCompactedRunsAgain(t *testing.T) {
	config := newConfig(kittest.StartEtcd(t, 1))
	e, other := openEngine(t, config), openEngine(t, config)
	put := func(value string) {
		t.Helper()
		err := other.Update(t.Context(), organization, func(tx storage.Tx) error {
			return errors.Join(tx.Put([]byte("a"), []byte(value)), tx.Put([]byte("b"), []byte(value)))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, call := range map[string]func(context.Context, string, func(storage.Tx) error) error{
		"View": e.View, "Update": e.Update,
	} {
		t.Run(name, func(t *testing.T) {
			put("before")
			runs := 0
			var a, b []byte
			err := call(t.Context(), organization, func(tx storage.Tx) (err error) {
				runs++
				if a, err = tx.Get([]byte("a")); err != nil {
					return err
				}
				if runs == 1 {
					put("after")
					answer, err := e.cluster.client.Get(t.Context(), "x")
					if err != nil {
						return err
					}
					if _, err := e.cluster.client.Compact(t.Context(), answer.Header.Revision); err != nil {
						return err
					}
				}
				b, err = tx.Get([]byte("b"))
				return err
			})
			if err != nil || runs != 2 || string(a) != "after" || string(b) != "after" {
				t.Errorf("after %d runs: %q and %q, %v", runs, a, b, err)
			}
		})
	}
	t.Run("also when the function hides that it could not read", func(t *testing.T) {
		put("before")
		runs, seen := 0, 0
		err := e.View(t.Context(), organization, func(tx storage.Tx) error {
			if runs++; runs == 1 {
				put("after")
				answer, err := e.cluster.client.Get(t.Context(), "x")
				if err != nil {
					return err
				}
				if _, err := e.cluster.client.Compact(t.Context(), answer.Header.Revision); err != nil {
					return err
				}
			}
			seen = 0
			for _, err := range tx.Range(storage.Range{}) {
				if err != nil {
					return nil //nolint:nilerr // that is the point
				}
				seen++
			}
			return nil
		})
		if err != nil || runs != 2 || seen != 2 {
			t.Errorf("after %d runs, %d records were seen, %v", runs, seen, err)
		}
	})
}

// Calls that come together are committed together, as far as one transaction of etcd holds them.
func TestWhatComesTogetherIsCommittedTogether(t *testing.T) {
	e := openEngine(t, newConfig(kittest.StartEtcd(t, 1)))
	const callers = 30
	var work sync.WaitGroup
	running, release := make(chan struct{}), make(chan struct{})
	work.Go(func() {
		err := e.Update(t.Context(), organization, func(tx storage.Tx) error {
			close(running)
			<-release
			return increment(tx)
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-running
	var queued atomic.Int32
	for caller := range callers {
		work.Go(func() {
			queued.Add(1)
			err := e.Update(t.Context(), organization, func(tx storage.Tx) error {
				for i := range 12 {
					if err := tx.Put(fmt.Appendf(nil, "%d/%d", caller, i), []byte("v")); err != nil {
						return err
					}
				}
				return increment(tx)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for {
		e.mu.Lock()
		waiting := len(e.queues[organization].waiting)
		e.mu.Unlock()
		if waiting == callers {
			break
		}
		time.Sleep(time.Millisecond)
	}
	close(release)
	work.Wait()
	wantCounter(t, e, callers+1)
	// 12 keys of each and the counter of all: ten fit into 127 operations.
	if got := e.Stats(); got.Updates != callers+1 || got.Groups != callers/10 {
		t.Errorf("%d updates in %d commits", got.Updates, got.Groups)
	}
}
