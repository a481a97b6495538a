package httpfront

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// writeTimeout bounds each write on a stream: a client that does not read must not hold up who writes.
const writeTimeout = 20 * time.Second

// reply is the answer to one request: one JSON object, unless something has to be said before. Then, or when it takes
// long, it becomes a stream of server-sent events whose last is the response. It is an engine.Peer.
type reply struct {
	front  *front
	w      http.ResponseWriter
	id     json.RawMessage
	status func(*wire.Failure) int // of an error that is the whole answer
	caller string
	broken func() // called once if the client does not take what is written

	mu        sync.Mutex
	streaming bool
	done      bool // nothing more is written: the response was, or nobody reads it
	beat      *time.Timer
}

// newReply begins the answer to a request. It must be closed before the handler returns.
func (f *front) newReply(v *visit, id json.RawMessage, broken func()) *reply {
	p := &reply{front: f, w: v.w, id: id, caller: v.caller, broken: broken}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beat = time.AfterFunc(f.KeepAlive, p.keepAlive)
	return p
}

// close ends the answer, whatever became of it: late writers must not reach the connection.
func (p *reply) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = true
	p.beat.Stop()
}

// stream makes the answer a stream. The server's timeouts are for answers that end; each write here has its own.
func (p *reply) stream() {
	if p.streaming {
		return
	}
	p.streaming = true
	controller := http.NewResponseController(p.w)
	// Writers without deadlines are tests' alone.
	_ = controller.SetReadDeadline(time.Time{})
	header := p.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no")
	p.w.WriteHeader(http.StatusOK)
}

// write writes one event, or a comment, and sees it sent.
func (p *reply) write(kind string, message []byte) {
	if p.done {
		return
	}
	p.stream()
	controller := http.NewResponseController(p.w)
	_ = controller.SetWriteDeadline(time.Now().Add(writeTimeout))
	out := make([]byte, 0, len(kind)+len(message)+2)
	out = append(append(append(out, kind...), message...), "\n\n"...)
	_, err := p.w.Write(out)
	if err == nil {
		err = controller.Flush()
	}
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		p.done = true
		p.broken()
		return
	}
	_ = controller.SetWriteDeadline(time.Time{})
	p.beat.Reset(p.front.KeepAlive)
}

// event writes a message on the stream.
func (p *reply) event(message []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write("event: message\ndata: ", message)
}

func (p *reply) keepAlive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write(": still here", nil)
}

// Notify implements engine.Peer.
func (p *reply) Notify(method string, params any) {
	message, err := wire.EncodeCall(nil, method, params)
	if err != nil {
		p.front.Logger.Error("a notification does not encode", slog.String("method", method), slog.Any("error", err))
		return
	}
	p.event(message)
}

// Asks implements engine.Peer.
func (p *reply) Asks() bool { return p.front.AskLegacyClients }

// Ask implements engine.Peer.
func (p *reply) Ask(ctx context.Context, method string, params any) (json.RawMessage, error) {
	id, answers := p.front.asked.open(p.caller)
	defer p.front.asked.close(id)
	message, err := wire.EncodeCall(json.RawMessage(`"`+id+`"`), method, params)
	if err != nil {
		return nil, err
	}
	p.event(message)
	select {
	case answer := <-answers:
		if answer.Error != nil {
			return nil, &engine.Error{
				Code: engine.CodeInvalidRequest, Message: "the client answered: " + wire.AsFailure(answer.Error).Message,
			}
		}
		return answer.Result, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// answer writes the response, and ends the answer.
func (p *reply) answer(result json.RawMessage, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.done = true }()
	if p.done {
		return
	}
	if err == nil {
		if p.streaming {
			p.write("event: message\ndata: ", wire.EncodeResult(p.id, result))
			return
		}
		before, after := wire.ResultFrame(p.id)
		header := p.w.Header()
		header.Set("Content-Type", "application/json")
		header.Set("Content-Length", strconv.Itoa(len(before)+len(result)+len(after))) // a longer one would else go out in chunks
		for _, part := range [][]byte{before, result, after} {                         // the server puts them together
			_, _ = p.w.Write(part) // a client that is gone cannot be told
		}
		return
	}
	failure := failureOf(err)
	if p.streaming {
		p.write("event: message\ndata: ", wire.EncodeFailure(p.id, failure))
		return
	}
	var refusal engine.Refusal
	if errors.As(err, &refusal) {
		refuseWith(p.w, p.id, refusal)
		return
	}
	writeFailure(p.w, p.id, p.status(failure), failure)
}

// begin shows the client that a stream is open.
func (p *reply) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.streaming {
		p.write(": still here", nil)
	}
}

// refuse answers that there is no stream. Where one was open it just ends: the client comes back, and is told then.
func (p *reply) refuse(err error) {
	p.mu.Lock()
	streaming := p.streaming
	p.mu.Unlock()
	if !streaming {
		p.answer(nil, err)
	}
}

// nothing ends the answer without a response: to a request that was taken back there is none.
func (p *reply) nothing() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.done {
		p.stream()
	}
	p.done = true
}
