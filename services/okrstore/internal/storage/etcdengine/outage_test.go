package etcdengine

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// Without a majority nothing is answered that could be wrong, and not for ever; with one again, all goes on by itself.
func TestWithoutAMajorityCallsFailInBoundedTime(t *testing.T) {
	t.Parallel()
	etcd := kittest.StartEtcd(t, 3)
	config := newConfig(etcd)
	config.Timeout = 2 * time.Second
	e := openEngine(t, config)
	if err := e.Update(t.Context(), organization, increment); err != nil {
		t.Fatal(err)
	}
	for name, outage := range map[string]struct{ begin, end func(member int) }{
		"killed": {etcd.Kill, etcd.Start},
		"paused": {etcd.Pause, etcd.Resume},
	} {
		t.Run(name, func(t *testing.T) {
			outage.begin(0)
			outage.begin(1)
			look := func(tx storage.Tx) error { _, err := counter(tx); return err }
			var work sync.WaitGroup
			for range 20 { // more than one group, so that those who wait are answered, too
				work.Go(func() {
					if err := e.Update(t.Context(), organization, look); !errors.Is(err, storage.ErrUnavailable) {
						t.Errorf("an Update that only looks answered %v", err)
					}
				})
				work.Go(func() {
					if err := e.View(t.Context(), organization, look); !errors.Is(err, storage.ErrUnavailable) {
						t.Errorf("a View answered %v", err)
					}
				})
			}
			work.Wait()
			if err := e.Ready(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("Ready answered %v", err)
			}
			if _, err := Open(t.Context(), config); !errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("Open answered %v", err)
			}
			outage.end(0)
			outage.end(1)
			etcd.Leader(2)
			for e.Ready(t.Context()) != nil {
				time.Sleep(50 * time.Millisecond)
			}
			if err := e.Update(t.Context(), organization, increment); err != nil {
				t.Error(err)
			}
		})
	}
	wantCounter(t, e, 3)
}

// While the leader is killed, hangs, or a follower does, no increment that was acknowledged is lost, none is made twice,
// and writing goes on.
func TestNoAcknowledgedWriteIsLostWithAMember(t *testing.T) {
	t.Parallel()
	etcd := kittest.StartEtcd(t, 3)
	config := newConfig(etcd)
	engines := []*Engine{openEngine(t, config), openEngine(t, config)}
	var acknowledged, unknown atomic.Int64
	stop := make(chan struct{})
	var work sync.WaitGroup
	for writer := range 8 {
		work.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				switch err := engines[writer%2].Update(t.Context(), organization, increment); {
				case err == nil:
					acknowledged.Add(1)
				case errors.Is(err, storage.ErrUnavailable):
					unknown.Add(1)
				default:
					t.Errorf("Update answered %v", err)
					return
				}
			}
		})
	}
	goesOn := func(what string) {
		t.Helper()
		before := acknowledged.Load()
		for deadline := time.Now().Add(time.Minute); acknowledged.Load() < before+20; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("nothing is written any more after %s", what)
			}
		}
	}
	goesOn("the start")
	for range 2 {
		leader := etcd.Leader(0)
		etcd.Kill(leader)
		goesOn("the leader was killed")
		etcd.Start(leader)
		leader = etcd.Leader(leader)
		etcd.Pause(leader)
		goesOn("the leader was paused")
		etcd.Resume(leader)
		follower := (etcd.Leader(leader) + 1) % 3
		etcd.Pause(follower)
		goesOn("a follower was paused")
		etcd.Resume(follower)
	}
	close(stop)
	work.Wait()
	got := 0
	err := engines[0].View(t.Context(), organization, func(tx storage.Tx) (err error) { got, err = counter(tx); return err })
	least, most := int(acknowledged.Load()), int(acknowledged.Load()+unknown.Load())
	if err != nil || got < least || got > most {
		t.Errorf("the counter is %d, %v; %d increments were acknowledged and of %d nothing is known", got, err, least, most-least)
	}
	t.Logf("%d increments acknowledged, %d without an answer, counter %d", least, most-least, got)
}
