package httpfront

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// pushes says whether clients of the older revisions can hear of things outside of their requests.
func (f *front) pushes() bool { return f.seal != nil && f.Engine.Listens() }

// errReplaced ends a stream in whose place the client opened another: a message goes to one stream alone.
var errReplaced = errors.New("the client opened another stream")

// push answers GET: the stream of a session, on which a client of the older revisions hears of what it subscribed to
// (2025-11-25, Listening for Messages from the Server).
func (f *front) push(v *visit) {
	if _, stream := accepts(v.r); !stream {
		refuse(v.w, nil, http.StatusNotAcceptable, engine.CodeInvalidRequest, "Accept must list text/event-stream")
		return
	}
	s, ok := f.resume(v, nil)
	switch {
	case !ok:
		return
	case s == nil:
		refuse(v.w, nil, http.StatusBadRequest, engine.CodeInvalidRequest, "the stream is that of a session: "+headerSession+" is missing")
		return
	}
	ctx, cancel := whileConnected(v)
	defer cancel(nil)
	opened := f.wishes.update(s.id, v.caller, func(w *wish) bool {
		if w.stop != nil {
			w.stop(errReplaced)
		}
		w.stop = cancel
		return true
	})
	if !opened {
		f.full(v.w, callerFull)
		return
	}
	defer func() {
		if errors.Is(context.Cause(ctx), errReplaced) {
			return // the other stream's now
		}
		f.wishes.update(s.id, v.caller, func(w *wish) bool {
			w.stop = nil
			return true
		})
	}()
	p := f.newReply(v, nil, func() { cancel(errTakenBack) })
	p.status = func(*wire.Failure) int { return http.StatusBadRequest }
	defer p.close()
	f.follow(ctx, p, s, v.caller)
}

// follow passes notifications on, and subscribes anew whenever the session's wish changes. The old subscription ends
// after the new one has begun, so that nothing is missed in between; some things may be heard twice.
func (f *front) follow(ctx context.Context, p *reply, s *session, caller string) {
	leave := func() {}
	defer func() { leave() }()
	for {
		var changed <-chan struct{}
		all := engine.Subscription{ListChanges: engine.ListChanges{Tools: true, Resources: true, Prompts: true}}
		f.wishes.update(s.id, caller, func(w *wish) bool {
			all.URIs, changed = slices.Clone(w.uris), w.changed
			return true
		})
		inner, cancel := context.WithCancel(ctx)
		stream, err := f.Engine.Listen(inner, all)
		leave()
		leave = cancel
		if err != nil {
			p.refuse(err)
			return
		}
		p.begin() // the client sees the stream open, and knows that it misses nothing from now on
		if f.pass(inner, p, stream, nil, changed) {
			return
		}
	}
}

// subscribe answers resources/subscribe and resources/unsubscribe.
func (f *front) subscribe(ctx context.Context, s *session, caller string, m *wire.Message) error {
	uri, ok := m.Params.Text("uri")
	if !ok {
		return &engine.Error{Code: engine.CodeInvalidParams, Message: `"uri" must be a string`}
	}
	if s == nil {
		return &engine.Error{Code: engine.CodeInvalidRequest, Message: "subscriptions are those of a session: " + headerSession + " is missing"}
	}
	if m.Method == "resources/unsubscribe" {
		f.wishes.update(s.id, caller, func(w *wish) bool { return w.unsubscribe(uri) })
		return nil
	}
	// Asking once tells what the stream will hear of.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := f.Engine.Listen(ctx, engine.Subscription{URIs: []string{uri}})
	if err != nil {
		return err
	}
	if !slices.Contains(stream.Granted.URIs, uri) {
		return engine.NotFound(s.Version, uri)
	}
	if !f.wishes.update(s.id, caller, func(w *wish) bool { return w.subscribe(uri) }) {
		return &engine.Error{Code: engine.CodeInvalidRequest, Message: "too many subscriptions"}
	}
	return nil
}
