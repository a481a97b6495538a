package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"time"

	"github.com/df0f9dda/okr-manager/deploy/internal/measure"
)

// era is a revision of the protocol.
type era string

const (
	legacy era = "2025-11-25"
	modern era = "2026-07-28"
)

func eras() []era { return []era{legacy, modern} }

// call is a request: its method, and the tool that it is for with its arguments.
type call struct {
	method, tool string
	arguments    map[string]any
}

// endpoint is an MCP server. It is asked over HTTP by callers that do no more than send bytes, each over a connection of its
// own, and read the answers to their end, so that as little as possible of what is measured is the client's.
type endpoint struct {
	address, path string
	header        http.Header
	lines         [callers]line
}

// newEndpoint is an endpoint at a host and port. The caller must call close.
func newEndpoint(address, path, token string) *endpoint {
	e := &endpoint{
		address: address,
		path:    path,
		header: http.Header{
			"Content-Type": {"application/json"},
			"Accept":       {"application/json, text/event-stream"},
		},
	}
	if token != "" {
		e.header.Set("Authorization", "Bearer "+token)
	}
	return e
}

// close hangs up. Nobody may be asking.
func (e *endpoint) close() {
	for i := range e.lines {
		e.lines[i].hangUp()
	}
}

// line is one caller's connection to an endpoint; it is dialed when it is needed.
type line struct {
	conn   net.Conn
	answer *bufio.Reader
}

// patience is how long an answer may take.
const patience = time.Minute

// ask sends a request, and reads the answer. Where that fails, the next request gets a new connection.
func (l *line) ask(ctx context.Context, address string, request []byte, body io.Writer) (_ http.Header, err error) {
	defer func() {
		if err != nil {
			l.hangUp()
			err = fmt.Errorf("asking %s: %w", address, err)
		}
	}()
	if l.conn == nil {
		if l.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", address); err != nil {
			return nil, err
		}
		l.answer = bufio.NewReader(l.conn)
	}
	if err := l.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := l.conn.Write(request); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(l.answer, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		detail, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return nil, fmt.Errorf("%s %s", resp.Status, detail)
	}
	if _, err := io.Copy(body, resp.Body); err != nil {
		return nil, err
	}
	if resp.Close {
		l.hangUp()
	}
	return resp.Header, nil
}

func (l *line) hangUp() {
	if l.conn != nil {
		_ = l.conn.Close() // all that was asked was answered, or failed already
		l.conn = nil
	}
}

// initialize begins a session, which all requests are then part of.
func (e *endpoint) initialize(ctx context.Context) error {
	request, err := e.request(legacy, 1, call{method: "initialize"}, map[string]any{
		"protocolVersion": legacy, "capabilities": struct{}{}, "clientInfo": map[string]any{"name": "bench", "version": "1.0.0"},
	})
	if err != nil {
		return err
	}
	header, err := e.lines[0].ask(ctx, e.address, request, io.Discard)
	if err != nil {
		return err
	}
	id := header.Get("Mcp-Session-Id")
	if id == "" {
		return fmt.Errorf("%s begins no session", e.address)
	}
	e.header.Set("Mcp-Session-Id", id)
	return nil
}

// request writes a request, with its headers, in the way of an era.
func (e *endpoint) request(at era, id int, c call, params map[string]any) ([]byte, error) {
	header := e.header.Clone()
	header.Set("Mcp-Protocol-Version", string(at))
	params = maps.Clone(params)
	if at == modern {
		params["_meta"] = map[string]any{
			"io.modelcontextprotocol/protocolVersion":    modern,
			"io.modelcontextprotocol/clientInfo":         map[string]any{"name": "bench", "version": "1.0.0"},
			"io.modelcontextprotocol/clientCapabilities": map[string]any{},
		}
		header.Set("Mcp-Method", c.method)
		if c.tool != "" {
			header.Set("Mcp-Name", c.tool)
		}
	}
	message, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": c.method, "params": params})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(http.MethodPost, "http://"+e.address+e.path, bytes.NewReader(message)) //nolint:noctx // only to be written down
	if err != nil {
		return nil, err
	}
	req.Header = header
	var written bytes.Buffer
	if err := req.Write(&written); err != nil {
		return nil, err
	}
	return written.Bytes(), nil
}

// params are the parameters of the request.
func (c call) params() map[string]any {
	if c.tool == "" {
		return map[string]any{}
	}
	arguments := c.arguments
	if arguments == nil {
		arguments = map[string]any{}
	}
	return map[string]any{"name": c.tool, "arguments": arguments}
}

// operation asks the same thing again and again. Each caller has an id of its own: the requests of one session need them.
func (e *endpoint) operation(at era, c call) measure.Operation {
	var requests [callers][]byte
	var failed error
	for i := range requests {
		var err error
		requests[i], err = e.request(at, i+1, c, c.params())
		failed = errors.Join(failed, err)
	}
	return func(ctx context.Context, caller int) error {
		if failed != nil {
			return failed
		}
		_, err := e.lines[caller].ask(ctx, e.address, requests[caller], io.Discard)
		return err
	}
}

// result is what a server answered, as far as it is compared.
type result struct {
	Content           json.RawMessage `json:"content"`
	StructuredContent json.RawMessage `json:"structuredContent"`
	IsError           bool            `json:"isError"`
	Tools             json.RawMessage `json:"tools"`

	raw []byte // the whole answer
}

// ask sends one request and reads its answer.
func (e *endpoint) ask(ctx context.Context, at era, c call) (*result, error) {
	request, err := e.request(at, 1, c, c.params())
	if err != nil {
		return nil, err
	}
	var answer bytes.Buffer
	if _, err := e.lines[0].ask(ctx, e.address, request, &answer); err != nil {
		return nil, err
	}
	var message struct {
		Result *result         `json:"result"`
		Error  json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(answer.Bytes(), &message); err != nil || message.Result == nil {
		return nil, fmt.Errorf("%s %s answers %s (%w)", c.method, c.tool, answer.Bytes(), err)
	}
	message.Result.raw = answer.Bytes()
	return message.Result, nil
}
