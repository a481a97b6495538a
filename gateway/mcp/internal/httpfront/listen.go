package httpfront

import (
	"context"
	"encoding/json"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// listen answers subscriptions/listen: a stream that begins with what was granted, carries notifications, and ends with
// a result when it ends on the server's side (2026-07-28, Subscriptions).
func (f *front) listen(v *visit, m *wire.Message) {
	if !f.enter(v, f.streams) {
		return
	}
	ctx, cancel := whileConnected(v)
	defer cancel(nil)
	p := f.newReply(v, m.ID, func() { cancel(errTakenBack) })
	p.status = modernStatus
	defer p.close()
	wish, err := engine.Filter(m.Params)
	if err != nil {
		p.answer(nil, err)
		return
	}
	stream, err := f.Engine.Listen(ctx, wish)
	if err != nil {
		p.answer(nil, err)
		return
	}
	tag := map[string]json.RawMessage{metaSubscription: m.ID}
	p.Notify("notifications/subscriptions/acknowledged", struct {
		Meta          any `json:"_meta"`
		Notifications any `json:"notifications"`
	}{tag, stream.Granted.Wire()})
	f.pass(ctx, p, stream, tag, nil)
	if v.r.Context().Err() != nil {
		return
	}
	result, err := json.Marshal(map[string]any{"resultType": "complete", "_meta": tag})
	p.answer(result, err)
}

// pass passes notifications on until the stream, its context or the server ends, and answers true, or until something
// else is wanted, and answers false.
func (f *front) pass(ctx context.Context, p *reply, stream *engine.Stream, tag any, changed <-chan struct{}) (ended bool) {
	for {
		select {
		case <-ctx.Done():
			return true
		case <-f.Stopping.Done():
			return true
		case <-changed:
			return false
		case n, open := <-stream.Events:
			if !open {
				return true
			}
			method := stream.Granted.Method(n)
			if method == "" {
				continue
			}
			p.Notify(method, struct {
				Meta any    `json:"_meta,omitempty"`
				URI  string `json:"uri,omitempty"`
			}{tag, n.URI})
		}
	}
}
