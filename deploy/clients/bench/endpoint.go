package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"

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

// endpoint is an MCP server. It is asked over HTTP by a client that does no more than send bytes and read them to their
// end, so that as little as possible of what is measured is the client's.
type endpoint struct {
	url    string
	header http.Header
	client *http.Client
}

func newEndpoint(url, token string) *endpoint {
	e := &endpoint{
		url: url,
		header: http.Header{
			"Content-Type": {"application/json"},
			"Accept":       {"application/json, text/event-stream"},
		},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers, DisableCompression: true}},
	}
	if token != "" {
		e.header.Set("Authorization", "Bearer "+token)
	}
	return e
}

// begin initializes a session, which all requests are then part of.
func (e *endpoint) begin(ctx context.Context) error {
	header, body, err := e.request(legacy, call{method: "initialize"}, map[string]any{
		"protocolVersion": legacy, "capabilities": struct{}{}, "clientInfo": map[string]any{"name": "bench", "version": "1.0.0"},
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = header
	resp, err := e.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	id := resp.Header.Get("Mcp-Session-Id")
	if id == "" {
		return fmt.Errorf("%s begins no session: %s", e.url, resp.Status)
	}
	e.header.Set("Mcp-Session-Id", id)
	return nil
}

// request writes a message in the way of an era.
func (e *endpoint) request(at era, c call, params map[string]any) (http.Header, []byte, error) {
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
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": c.method, "params": params})
	return header, body, err
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
	header, first, err := e.request(at, c, c.params())
	bodies := make([][]byte, callers)
	for i := range bodies {
		bodies[i] = bytes.Replace(first, []byte(`"id":1,`), fmt.Appendf(nil, `"id":%d,`, i+1), 1)
	}
	return func(ctx context.Context, caller int) error {
		if err != nil {
			return err
		}
		return e.post(ctx, header, bodies[caller], io.Discard)
	}
}

// post sends a message and writes the answer to a writer.
func (e *endpoint) post(ctx context.Context, header http.Header, body []byte, answer io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = header
	resp, err := e.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		detail, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return fmt.Errorf("%s: %s %s", e.url, resp.Status, detail)
	}
	_, err = io.Copy(answer, resp.Body)
	return err
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
	header, body, err := e.request(at, c, c.params())
	if err != nil {
		return nil, err
	}
	var answer bytes.Buffer
	if err := e.post(ctx, header, body, &answer); err != nil {
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
