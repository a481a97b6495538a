package httpfront

import (
	"net/http"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// What a request of 2026-07-28 says of itself in _meta (Overview, Per-request protocol fields).
const (
	metaVersion      = "io.modelcontextprotocol/protocolVersion"
	metaCapabilities = "io.modelcontextprotocol/clientCapabilities"
	metaLogLevel     = "io.modelcontextprotocol/logLevel"
	metaSubscription = "io.modelcontextprotocol/subscriptionId"
)

// modern takes a message of 2026-07-28.
func (f *front) modern(v *visit, m *wire.Message) {
	w, r := v.w, v.r
	switch m.Kind {
	case wire.Notification: // the revision has none that concern HTTP
		w.WriteHeader(http.StatusAccepted)
		return
	case wire.Response:
		refuse(w, nil, http.StatusBadRequest, engine.CodeInvalidRequest, "the revision 2026-07-28 has no responses from clients")
		return
	case wire.Request:
	}
	request, failure := f.describe(r, m)
	if failure != nil {
		writeFailure(w, m.ID, http.StatusBadRequest, failure)
		return
	}
	if m.Method == "subscriptions/listen" && f.Engine.Listens() {
		f.listen(v, m)
		return
	}
	// Closing the stream is cancelling the request.
	ctx, cancel := whileConnected(v)
	defer cancel(nil)
	p := f.newReply(v, m.ID, func() { cancel(errTakenBack) })
	p.status = modernStatus
	defer p.close()
	request.Peer = p
	result, err := f.Engine.Do(ctx, request)
	if err != nil && r.Context().Err() != nil {
		return // nobody reads it
	}
	p.answer(result, err)
}

// describe reads what a request says of itself, and compares it with its headers.
func (f *front) describe(r *http.Request, m *wire.Message) (*engine.Request, *wire.Failure) {
	invalid := func(message string) (*engine.Request, *wire.Failure) {
		return nil, &wire.Failure{Code: engine.CodeInvalidParams, Message: message}
	}
	meta, ok := m.Params.Object("_meta")
	if !ok {
		return invalid(`"_meta" must be an object`)
	}
	version, ok := meta.Text(metaVersion)
	if !ok {
		return invalid(metaVersion + " is missing in _meta")
	}
	capabilities, ok := meta.Object(metaCapabilities)
	if !ok {
		return invalid(metaCapabilities + " is missing in _meta")
	}
	if failure := checkHeader(r, headerVersion, version, false); failure != nil {
		return nil, failure
	}
	if engine.Version(version) != engine.V20260728 {
		return nil, unsupported(version)
	}
	if failure := f.checkHeaders(r, m); failure != nil {
		return nil, failure
	}
	level, _ := meta.Text(metaLogLevel)
	return &engine.Request{
		Version: engine.V20260728, Method: m.Method, Params: m.Params, Capabilities: capabilities, LogLevel: level,
	}, nil
}

// modernStatus is the HTTP status of an error (2026-07-28, Streamable HTTP). Those that are about what was asked for,
// not how, are answers like others.
func modernStatus(failure *wire.Failure) int {
	switch failure.Code {
	case engine.CodeMethodNotFound:
		return http.StatusNotFound
	case engine.CodeHeaderMismatch, engine.CodeMissingCapability, engine.CodeUnsupportedVersion:
		return http.StatusBadRequest
	}
	return http.StatusOK
}
