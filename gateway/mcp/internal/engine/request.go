package engine

import (
	"context"
	"encoding/json"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// Request is one request as a transport hands it over.
type Request struct {
	Version Version
	Method  string
	Params  wire.Object
	// Capabilities are those that the client declared.
	Capabilities wire.Object
	// LogLevel is the least level of log messages that the client wants; "" means none.
	LogLevel string
	// Pushes says that the client can be told things outside of its requests. For 2026-07-28 that is always so.
	Pushes bool
	// Peer is the way back; nil means that there is none until the answer.
	Peer Peer
}

// Peer is the way back to the client while its request runs. Its methods may be called concurrently, and late: after the
// request they have no effect.
type Peer interface {
	// Notify sends a notification. It does not fail: who is gone misses it.
	Notify(method string, params any)
	// Asks says whether Ask can work.
	Asks() bool
	// Ask sends a request and waits for its result. An error that the client answers is a *wire.Failure's text.
	Ask(ctx context.Context, method string, params any) (json.RawMessage, error)
}
