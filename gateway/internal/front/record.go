// Package front is what every HTTP request passes before anything looks at its meaning: correlation id, access log,
// metrics, recovery, security headers, and the server's timeouts.
package front

import (
	"context"
	"net/netip"
	"sync"

	authzv1 "github.com/df0f9dda/okr-manager/proto/gen/authz/v1"
)

// record is what the layers behind learn about a request and the access log and metrics say. It is safe for concurrent
// use: a call that was given up may still be running when the request is answered.
type record struct {
	client netip.Addr // set before anybody reads it

	mu sync.Mutex
	notes
	answered bool
	after    []func() // to do when it is
}

// notes are the contents of a record.
type notes struct {
	route     string
	reason    string
	principal *authzv1.Principal
}

// name is the route for metrics and the log.
func (n notes) name() string {
	if n.route == "" {
		return "none"
	}
	return n.route
}

func (r *record) note(write func(*notes)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	write(&r.notes)
}

func (r *record) read() notes {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.notes
}

// end does what is to be done when the request has been answered.
func (r *record) end() {
	r.mu.Lock()
	after := r.after
	r.answered, r.after = true, nil
	r.mu.Unlock()
	for _, do := range after {
		do()
	}
}

type recordKey struct{}

func recordOf(ctx context.Context) *record {
	if r, ok := ctx.Value(recordKey{}).(*record); ok {
		return r
	}
	return &record{} // a request outside the server, in a test: nobody reads it
}

// SetRoute names the route that serves a request by its pattern, never by its path: metrics must stay few.
func SetRoute(ctx context.Context, pattern string) {
	recordOf(ctx).note(func(n *notes) { n.route = pattern })
}

// SetReason notes the reason of the error that a request is answered with.
func SetReason(ctx context.Context, reason string) {
	recordOf(ctx).note(func(n *notes) { n.reason = reason })
}

// SetPrincipal notes who is calling.
func SetPrincipal(ctx context.Context, p *authzv1.Principal) {
	recordOf(ctx).note(func(n *notes) { n.principal = p })
}

// WhenAnswered has something done when the request has been answered, and at once if it has been, whatever was derived from
// its context since. Outside the server, that is when the context ends. Unlike context.AfterFunc it takes no goroutine.
func WhenAnswered(ctx context.Context, do func()) {
	r, ok := ctx.Value(recordKey{}).(*record)
	if !ok {
		context.AfterFunc(ctx, do)
		return
	}
	r.mu.Lock()
	answered := r.answered
	if !answered {
		r.after = append(r.after, do)
	}
	r.mu.Unlock()
	if answered {
		do()
	}
}
