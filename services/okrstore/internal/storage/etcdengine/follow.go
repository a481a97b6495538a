package etcdengine

import (
	"context"
	"log/slog"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// followPause is how long the watch waits before it begins anew.
	followPause = 100 * time.Millisecond
	// progressInterval is how often a watch is asked how far it is. One that has
	// said nothing for progressPatience is begun anew, at another member perhaps.
	progressInterval = time.Second
	progressPatience = 3 * time.Second
)

// follow tells those who watch what other replicas commit, from a revision on:
// every commit writes the head of its organization. It goes on from where it was
// when a member fails, so that nothing is missed.
func (e *Engine) follow(ctx context.Context, from int64) {
	defer close(e.followed)
	for ctx.Err() == nil {
		next, err := e.followFrom(ctx, from)
		if err != nil && ctx.Err() == nil {
			e.logger.WarnContext(ctx, "the watch of what other replicas commit begins anew", slog.String("error", err.Error()))
		}
		from = next
		select {
		case <-ctx.Done():
		case <-time.After(followPause):
		}
	}
}

// followFrom watches until the watch ends, and returns from where to go on.
func (e *Engine) followFrom(ctx context.Context, from int64) (next int64, err error) {
	// A member without a leader would say nothing instead of that it knows nothing.
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	answers := e.cluster.client.Watch(ctx, e.cluster.headPrefix(), clientv3.WithPrefix(), clientv3.WithRev(from),
		clientv3.WithProgressNotify(), clientv3.WithCreatedNotify())
	ask := time.NewTicker(progressInterval)
	defer ask.Stop()
	heard := time.Now()
	for {
		select {
		case answer, open := <-answers:
			if !open {
				return from, ctx.Err()
			}
			heard = time.Now()
			if answer.CompactRevision > 0 { // what was between is not known
				e.hub.NotifyAll()
				return answer.CompactRevision, nil
			}
			if err := answer.Err(); err != nil {
				return from, err
			}
			e.signal(answer.Events)
			if len(answer.Events) > 0 || answer.IsProgressNotify() {
				from = answer.Header.GetRevision() + 1
			}
		case <-ask.C:
			if time.Since(heard) > progressPatience {
				return from, errSilent
			}
			if err := e.cluster.client.RequestProgress(ctx); err != nil {
				return from, err
			}
		}
	}
}

// signal tells those who watch the organizations of changed heads.
func (e *Engine) signal(events []*clientv3.Event) {
	for _, event := range events {
		organization := strings.TrimPrefix(string(event.Kv.Key), e.cluster.headPrefix())
		e.caches.outdated(organization, event.Kv.ModRevision)
		e.hub.Notify(organization)
	}
}
