package httpfront

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// linger is how long a request of an older revision goes on without its client, who may not have meant to leave.
const linger = 30 * time.Second

// legacy takes a message of a revision before 2026-07-28.
func (f *front) legacy(v *visit, m *wire.Message) {
	w, r := v.w, v.r
	var s *session
	if m.Kind != wire.Request || m.Method != "initialize" { // which begins another
		var ok bool
		if s, ok = f.resume(v, m.ID); !ok {
			return
		}
	}
	version, ok := legacyVersion(r, m, s)
	if !ok {
		writeFailure(w, m.ID, http.StatusBadRequest, unsupported(r.Header.Get(headerVersion)))
		return
	}
	switch m.Kind {
	case wire.Notification:
		if id := m.Params.Get("requestId"); m.Method == "notifications/cancelled" && id != nil {
			f.flights.cancel(keyOf(v, id))
		}
		w.WriteHeader(http.StatusAccepted)
	case wire.Response:
		if !f.asked.deliver(v.caller, m) {
			refuse(w, nil, http.StatusBadRequest, engine.CodeInvalidRequest, "no request waits for this response")
			return
		}
		w.WriteHeader(http.StatusAccepted)
	case wire.Request:
		f.legacyRequest(v, m, version, s)
	}
}

// legacyVersion is the revision of a message: what initialize asks for, or what the header says. Some clients forget the
// header; then it is the session's or, nearest to what the specification supposes, the oldest that is spoken.
func legacyVersion(r *http.Request, m *wire.Message, s *session) (engine.Version, bool) {
	if m.Kind == wire.Request && m.Method == "initialize" {
		asked, _ := m.Params.Text("protocolVersion")
		return engine.Legacy(asked), true
	}
	values := r.Header.Values(headerVersion)
	switch {
	case len(values) > 0:
	case s != nil:
		return s.Version, true
	default:
		return engine.V20250618, true
	}
	version := engine.Version(values[0])
	return version, len(values) == 1 && (version == engine.V20250618 || version == engine.V20251125)
}

// unsupported is the error about a revision that is not spoken.
func unsupported(requested string) *wire.Failure {
	return &wire.Failure{
		Code: engine.CodeUnsupportedVersion, Message: "Unsupported protocol version",
		Data: struct {
			Supported []engine.Version `json:"supported"`
			Requested string           `json:"requested"`
		}{engine.Versions(), requested},
	}
}

func (f *front) legacyRequest(v *visit, m *wire.Message, version engine.Version, s *session) {
	ctx, cancel := context.WithCancelCause(v.ctx)
	defer cancel(nil)
	stop := context.AfterFunc(v.r.Context(), func() {
		late := time.AfterFunc(linger, func() { cancel(errTakenBack) })
		context.AfterFunc(ctx, func() { late.Stop() })
	})
	defer stop()
	if m.Method != "initialize" { // which must not be cancelled
		defer f.flights.start(keyOf(v, m.ID), cancel)()
	}
	p := f.newReply(v, m.ID, func() {})
	p.status = func(*wire.Failure) int { return http.StatusOK }
	defer p.close()
	result, err := f.legacyResult(ctx, v, m, s, &engine.Request{
		Version: version, Method: m.Method, Params: m.Params, Capabilities: s.capabilities(), LogLevel: "info",
		Pushes: f.pushes(), Peer: p,
	})
	if errors.Is(err, errTakenBack) {
		p.nothing()
		return
	}
	p.answer(result, err)
}

// legacyResult answers what concerns a session here, and lets the engine answer the rest.
func (f *front) legacyResult(
	ctx context.Context, v *visit, m *wire.Message, s *session, request *engine.Request,
) (json.RawMessage, error) {
	if s != nil {
		request.LogLevel = f.wishes.level(s.id)
	}
	if (m.Method == "resources/subscribe" || m.Method == "resources/unsubscribe") && f.pushes() {
		return json.RawMessage("{}"), f.subscribe(ctx, s, v.caller, m)
	}
	result, err := f.Engine.Do(ctx, request)
	if err != nil {
		return nil, err
	}
	switch m.Method {
	case "initialize":
		if f.seal != nil {
			f.begin(v, m, request.Version)
		}
	case "logging/setLevel":
		if level, _ := m.Params.Text("level"); s != nil {
			f.wishes.update(s.id, v.caller, func(w *wish) bool {
				w.level = level
				return true
			})
		}
	}
	return result, nil
}

// keyOf tells a request from others that run: by its caller, its session and its id.
func keyOf(v *visit, id json.RawMessage) flightKey {
	return flightKey{v.caller, v.r.Header.Get(headerSession), string(id)}
}
