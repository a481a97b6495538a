package updates

import (
	"context"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
)

// renewalRetry is the time after which a caller is asked for again of whom nothing could be learned.
const renewalRetry = time.Second

// subscriber is one who is told.
type subscriber struct {
	hub      *Hub
	ctx      context.Context // of the caller as it came
	end      context.CancelFunc
	audience audience
	wanted   map[string]bool     // URIs
	within   map[string][]string // of these, those that are in another resource, by its URI
	lists    engine.ListChanges
	// doubt asks to renew what is known of the caller now; wake says that something waits.
	doubt, wake chan struct{}

	// What follows is used by deliver alone.
	until time.Time // when what is known of the caller runs out
	may   string    // everything that the caller may do

	mu sync.Mutex
	// waiting is what is still to be handed over, each thing once, so at most as much as was asked for; queued is the same
	// as a set.
	waiting []engine.Notification
	queued  map[engine.Notification]bool
}

func newSubscriber(
	h *Hub, ctx context.Context, wanted engine.Subscription, within map[string]string, p *authzv1.Principal, until time.Time,
) *subscriber {
	s := &subscriber{
		hub: h, audience: audienceOf(p), wanted: make(map[string]bool, len(wanted.URIs)), lists: wanted.ListChanges,
		doubt: make(chan struct{}, 1), wake: make(chan struct{}, 1), until: until, may: permissions(p),
		queued: make(map[engine.Notification]bool), within: make(map[string][]string),
	}
	s.ctx, s.end = context.WithCancel(ctx)
	for _, uri := range wanted.URIs {
		s.wanted[uri] = true
		if outer := within[uri]; outer != "" {
			s.within[outer] = append(s.within[outer], uri)
		}
	}
	return s
}

// permissions writes down everything that a caller may do.
func permissions(p *authzv1.Principal) string {
	var all strings.Builder
	for _, one := range access.AllPermissions() {
		if access.Permits(p, one.GetResource(), one.GetAction()) {
			all.WriteString(access.PermissionString(one) + " ")
		}
	}
	return all.String()
}

// offer adds what is wanted of a change to what waits. It never blocks.
func (s *subscriber) offer(touch Touch) {
	for _, uri := range touch.URIs {
		if s.wanted[uri] {
			s.queue(engine.Notification{Kind: engine.ResourceUpdated, URI: uri})
		}
	}
	for _, uri := range s.within[touch.Within] {
		s.queue(engine.Notification{Kind: engine.ResourceUpdated, URI: uri})
	}
	if touch.Listed && s.lists.Resources {
		s.queue(engine.Notification{Kind: engine.ResourcesChanged})
	}
}

// offerAll is offer for when anything may have changed.
func (s *subscriber) offerAll() {
	for uri := range s.wanted {
		s.queue(engine.Notification{Kind: engine.ResourceUpdated, URI: uri})
	}
	s.offer(Touch{Listed: true})
}

func (s *subscriber) queue(n engine.Notification) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queued[n] {
		return
	}
	s.waiting, s.queued[n] = append(s.waiting, n), true
	signal(s.wake)
}

// recheck makes deliver look again at what the caller may do.
func (s *subscriber) recheck() { signal(s.doubt) }

// signal leaves a mark, unless there is one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// deliver hands over what waits until the subscription ends.
func (s *subscriber) deliver(to chan<- engine.Notification) {
	renewal := time.NewTimer(time.Until(s.until))
	defer renewal.Stop()
	var next engine.Notification
	some := false
	for {
		if !some {
			next, some = s.take()
		}
		open := to
		if !some || !time.Now().Before(s.until) { // what is known of the caller has run out
			open = nil
		}
		select {
		case <-s.ctx.Done():
			return
		case <-s.hub.Stopping.Done():
			return
		case <-s.wake:
		case <-s.doubt:
			if !s.renew(renewal) {
				return
			}
		case <-renewal.C:
			if !s.renew(renewal) {
				return
			}
		case open <- next:
			some = false
		}
	}
}

// take takes the first thing that waits off the queue before it is handed over: what happens to it from now on has to be
// told again, since nobody knows on which side of that it is.
func (s *subscriber) take() (engine.Notification, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return engine.Notification{}, false
	}
	first := s.waiting[0]
	delete(s.queued, first)
	s.waiting = s.waiting[1:]
	return first, true
}

// renew looks again at what the caller may do, and answers whether the subscription goes on. Where nothing can be learned,
// it goes on without delivering, no longer than the token lives.
func (s *subscriber) renew(renewal *time.Timer) bool {
	current, until, err := s.hub.Renew(s.ctx)
	switch {
	case status.Code(err) == codes.Unauthenticated:
		return false
	case err != nil:
		renewal.Reset(renewalRetry)
		return true
	}
	p := access.PrincipalFrom(current)
	if audienceOf(p) != s.audience {
		return false
	}
	if now := permissions(p); now != s.may { // tools and prompts are shown to who may use them
		s.may = now
		if s.lists.Tools {
			s.queue(engine.Notification{Kind: engine.ToolsChanged})
		}
		if s.lists.Prompts {
			s.queue(engine.Notification{Kind: engine.PromptsChanged})
		}
	}
	s.until = until
	renewal.Reset(time.Until(until))
	return true
}
