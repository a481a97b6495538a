// Package bridge reaches an mcp-golang server by a function call.
//
// It is a transport of the library that carries no bytes: requests get ids of the bridge's own, so that those of clients,
// which the library cannot hold (they may be strings) and would mix up (two clients may use the same), never reach it;
// and the caller's context reaches the handler, with its values and its end.
package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/metoro-io/mcp-golang/transport"
)

// ErrClosed says that the bridge was closed before an answer came.
var ErrClosed = errors.New("the bridge is closed")

// Error is an error that the library answered. Its text is the library's, or a handler's, and not for callers.
type Error struct {
	Code    int
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// answer is what ends a call.
type answer struct {
	result json.RawMessage
	err    error
}

// Bridge is a transport.Transport for one server. Its methods may be called concurrently.
type Bridge struct {
	mu      sync.Mutex
	handle  func(context.Context, *transport.BaseJsonRpcMessage)
	onClose func()
	last    transport.RequestId
	waiting map[transport.RequestId]chan<- answer
	closed  bool
}

// New makes a bridge to the server that is then connected to it.
func New() *Bridge { return &Bridge{waiting: make(map[transport.RequestId]chan<- answer)} }

// Call lets the server handle one request. When ctx ends first, Call returns its error at once; the handler, whose
// context has ended too, may still be running.
func (b *Bridge) Call(ctx context.Context, method string, params json.RawMessage) (json.RawMessage, error) {
	answered := make(chan answer, 1) // the one answer never blocks its sender, who may be late
	id, handle, err := b.expect(answered)
	if err != nil {
		return nil, err
	}
	defer b.forget(id)
	handle(ctx, transport.NewBaseMessageRequest(&transport.BaseJSONRPCRequest{
		Jsonrpc: "2.0", Id: id, Method: method, Params: params,
	}))
	select {
	case a := <-answered:
		return a.result, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// expect takes an id for a call.
func (b *Bridge) expect(answered chan<- answer) (
	transport.RequestId, func(context.Context, *transport.BaseJsonRpcMessage), error,
) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, nil, ErrClosed
	}
	if b.handle == nil {
		return 0, nil, errors.New("no server is connected to the bridge")
	}
	b.last++
	b.waiting[b.last] = answered
	return b.last, b.handle, nil
}

func (b *Bridge) forget(id transport.RequestId) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.waiting, id)
}

// take ends the wait for an answer; nil if nobody waits for it any more.
func (b *Bridge) take(id transport.RequestId) chan<- answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	answered := b.waiting[id]
	delete(b.waiting, id)
	return answered
}

// Send implements transport.Transport: it takes the server's answers. Notifications are dropped, for the server knows
// one client, and what happens here concerns many; a server has no requests of its own.
func (b *Bridge) Send(_ context.Context, message *transport.BaseJsonRpcMessage) error {
	switch message.Type {
	case transport.BaseMessageTypeJSONRPCResponseType:
		if answered := b.take(message.JsonRpcResponse.Id); answered != nil {
			answered <- answer{result: message.JsonRpcResponse.Result}
		}
	case transport.BaseMessageTypeJSONRPCErrorType:
		if answered := b.take(message.JsonRpcError.Id); answered != nil {
			inner := message.JsonRpcError.Error
			answered <- answer{err: &Error{Code: inner.Code, Message: inner.Message}}
		}
	case transport.BaseMessageTypeJSONRPCNotificationType:
	case transport.BaseMessageTypeJSONRPCRequestType:
		return fmt.Errorf("a server cannot ask through the bridge: %s", message.JsonRpcRequest.Method)
	}
	return nil
}

// Start implements transport.Transport.
func (b *Bridge) Start(context.Context) error { return nil }

// Close implements transport.Transport: calls that wait end with ErrClosed.
func (b *Bridge) Close() error {
	b.mu.Lock()
	waiting, onClose := b.waiting, b.onClose
	b.waiting, b.closed = make(map[transport.RequestId]chan<- answer), true
	b.mu.Unlock()
	for _, answered := range waiting {
		answered <- answer{err: ErrClosed}
	}
	if onClose != nil {
		onClose()
	}
	return nil
}

// SetMessageHandler implements transport.Transport.
func (b *Bridge) SetMessageHandler(handle func(context.Context, *transport.BaseJsonRpcMessage)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handle = handle
}

// SetCloseHandler implements transport.Transport.
func (b *Bridge) SetCloseHandler(handle func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onClose = handle
}

// SetErrorHandler implements transport.Transport. A bridge has no errors of its own: those of calls go to the caller.
func (b *Bridge) SetErrorHandler(func(error)) {}
