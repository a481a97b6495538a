// Package updates tells subscribers which resources have changed. Changes come from okr-store, by one stream for everybody
// of an organization who may read the same, as long as there is somebody; so a thousand subscribers cost the store what one
// does. The store leaves out of the stream what its readers may not read.
//
// A subscriber is told nothing on the strength of an old permission: what is known of its caller is renewed when it runs
// out, which is within half a minute, and until then nothing is delivered. What cannot be delivered waits, each thing once,
// so that a subscriber who does not listen costs a list of what it asked for and holds up nobody.
package updates

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// Store is what is watched: an okrv1.OkrServiceClient.
type Store interface {
	WatchChanges(context.Context, *okrv1.WatchChangesRequest, ...grpc.CallOption) (grpc.ServerStreamingClient[okrv1.WatchChangesResponse], error)
}

// Config is what a Hub needs.
type Config struct {
	Store Store
	// Renew establishes anew who is calling, and answers the context to go on with, which ends when the one that it was
	// given does, and until when to believe it. An error with the code UNAUTHENTICATED says that the caller is nobody any
	// more.
	Renew func(context.Context) (ctx context.Context, until time.Time, err error)
	// Touched says what a change does to resources.
	Touched func(*okrv1.Change) Touch
	// Stopping ends when the server stops; subscriptions end then.
	Stopping context.Context
	Logger   *slog.Logger
}

// Touch is what a change does to resources.
type Touch struct {
	// URIs are those that it is about.
	URIs []string
	// Within is one of them if the change also changes what is read in resources within it; else "".
	Within string
	// Listed says whether it adds one to the lists, or takes one away.
	Listed bool
}

// positionTimeout bounds how long a subscriber waits until the store says from where on it is told of changes.
const positionTimeout = 5 * time.Second

// Hub has the subscribers. It is safe for concurrent use.
type Hub struct {
	Config
	mu    sync.Mutex
	feeds map[audience]*feed
}

// New makes a hub.
func New(cfg Config) *Hub {
	return &Hub{Config: cfg, feeds: make(map[audience]*feed)}
}

// audience is who can share a stream of the store: members of one organization who may read the same.
type audience struct {
	organization           string
	objectives, keyResults bool
}

func audienceOf(p *authzv1.Principal) audience {
	return audience{
		organization: p.GetOrganizationId(),
		objectives:   access.Permits(p, access.ResourceObjective, accessv1.Action_ACTION_READ),
		keyResults:   access.Permits(p, access.ResourceKeyResult, accessv1.Action_ACTION_READ),
	}
}

// Subscribe tells the caller of ctx of what it wants, of every change from now on, until ctx ends, the server stops, or
// the caller is nobody any more or may read something else than now. Then the channel is closed, and whoever comes back is
// told what it may hear of. The URIs must be ones that the caller may read; within are the URIs of the resources that they
// are in, where they are in any.
func (h *Hub) Subscribe(
	ctx context.Context, wanted engine.Subscription, within map[string]string,
) (<-chan engine.Notification, error) {
	current, until, err := h.Renew(ctx)
	if err != nil {
		return nil, err
	}
	s := newSubscriber(h, ctx, wanted, within, access.PrincipalFrom(current), until)
	f := h.join(s)
	deadline := time.NewTimer(positionTimeout)
	defer deadline.Stop()
	select {
	case <-f.positioned:
	case <-s.ctx.Done():
		h.leave(f, s)
		return nil, context.Cause(s.ctx)
	case <-deadline.C:
		h.leave(f, s)
		return nil, rpcerr.Unavailable("changes cannot be followed right now")
	}
	events := make(chan engine.Notification)
	go func() {
		defer close(events)
		defer h.leave(f, s)
		s.deliver(events)
	}()
	return events, nil
}

// join adds a subscriber to the feed of its audience, which begins with it if there is none.
func (h *Hub) join(s *subscriber) *feed {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.feeds[s.audience]
	if f == nil {
		ctx, stop := context.WithCancel(h.Stopping)
		f = &feed{
			hub: h, audience: s.audience, stop: stop,
			positioned: make(chan struct{}), subscribers: make(map[*subscriber]struct{}),
		}
		h.feeds[s.audience] = f
		go f.run(ctx)
	}
	f.subscribers[s] = struct{}{}
	return f
}

// leave takes a subscriber away, and with the last one its feed.
func (h *Hub) leave(f *feed, s *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.end()
	delete(f.subscribers, s)
	if len(f.subscribers) == 0 && h.feeds[f.audience] == f {
		delete(h.feeds, f.audience)
		f.stop()
	}
}
