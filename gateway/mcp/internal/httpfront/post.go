package httpfront

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// headerVersion says which revision a request is in.
const headerVersion = "Mcp-Protocol-Version"

// post takes one message.
func (f *front) post(v *visit) {
	w, r := v.w, v.r
	if object, stream := accepts(r); !object || !stream { // the specification obliges clients to take both
		refuse(w, nil, http.StatusNotAcceptable, engine.CodeInvalidRequest, "Accept must list application/json and text/event-stream")
		return
	}
	if !isJSON(r) {
		refuse(w, nil, http.StatusUnsupportedMediaType, engine.CodeInvalidRequest, "Content-Type must be application/json")
		return
	}
	if r.ContentLength > f.MaxBody {
		f.tooLarge(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, f.MaxBody))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			f.tooLarge(w)
			return
		}
		refuse(w, nil, http.StatusBadRequest, engine.CodeParse, "the body ended early")
		return
	}
	m, err := wire.Decode(body)
	var malformed *wire.Malformed
	switch {
	case errors.As(err, &malformed):
		refuse(w, malformed.ID, http.StatusBadRequest, malformed.Code, malformed.Reason)
	case isModern(r, m):
		f.modern(v, m)
	default:
		f.legacy(v, m)
	}
}

func (f *front) tooLarge(w http.ResponseWriter) {
	w.Header().Set("Connection", "close") // the rest of the body is not read
	refuse(w, nil, http.StatusRequestEntityTooLarge, engine.CodeInvalidRequest, "the body is too large")
}

// isModern says whether a message is of a revision in which each describes itself: by what it says of itself, or, where
// it forgot to, by its header (2026-07-28, Versioning, Backward Compatibility).
func isModern(r *http.Request, m *wire.Message) bool {
	if meta, ok := m.Params.Object("_meta"); ok && meta.Get(metaVersion) != nil {
		return true
	}
	return m.Method != "initialize" && engine.Version(r.Header.Get(headerVersion)) == engine.V20260728
}

// whileConnected is the context of a visit that ends with the connection too.
func whileConnected(v *visit) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(v.ctx)
	stop := context.AfterFunc(v.r.Context(), func() { cancel(errTakenBack) })
	return ctx, func(cause error) {
		stop()
		cancel(cause)
	}
}
