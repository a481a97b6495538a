package e2e

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Revisions of MCP that the endpoint speaks.
const (
	legacy = "2025-11-25"
	modern = "2026-07-28"
)

// reply is what the MCP endpoint answers to one request.
type reply struct {
	status int
	header http.Header
	body   string
	// result is nil where failure is not, and both are where the body is no message.
	result  fields
	failure *failure
}

// failure is an error of JSON-RPC.
type failure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    fields `json:"data"`
}

// text is the first block of text of a tool's answer, or the text of a resource.
func (r reply) text() string {
	for _, list := range []string{"content", "contents"} {
		if blocks := r.result.list(list); len(blocks) > 0 {
			return blocks[0].text("text")
		}
	}
	return ""
}

func (r reply) isError() bool { return r.result["isError"] == true }

func (r reply) structured() fields {
	object, _ := r.result["structuredContent"].(map[string]any)
	return object
}

// names are the values of a field of the entries of a list.
func (r reply) names(list, field string) []string {
	var names []string
	for _, entry := range r.result.list(list) {
		names = append(names, entry.text(field))
	}
	return names
}

// rpc is a request of MCP.
type rpc struct {
	method string
	params fields
	// id is "request-1" unless it says otherwise.
	id string
	// revision is the legacy one unless it says otherwise.
	revision string
	header   http.Header
	// capabilities are those that a client of the modern revision declares.
	capabilities fields
}

// message writes a request as its revision has it: headers and body.
func (q rpc) message() (http.Header, []byte, error) {
	header := q.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json")
	header.Set("Accept", "application/json, text/event-stream")
	params := fields{}
	for name, value := range q.params {
		params[name] = value
	}
	if q.revision != modern {
		header.Set("MCP-Protocol-Version", legacy)
	} else {
		header.Set("MCP-Protocol-Version", modern)
		header.Set("Mcp-Method", q.method)
		for _, name := range []string{"name", "uri"} {
			if value := params.text(name); value != "" {
				header.Set("Mcp-Name", value)
			}
		}
		capabilities := q.capabilities
		if capabilities == nil {
			capabilities = fields{}
		}
		params["_meta"] = fields{
			"io.modelcontextprotocol/protocolVersion":    modern,
			"io.modelcontextprotocol/clientCapabilities": capabilities,
			"io.modelcontextprotocol/clientInfo":         fields{"name": "e2e", "version": "1"},
		}
	}
	body, err := json.Marshal(fields{"jsonrpc": "2.0", "id": cmp.Or(q.id, "request-1"), "method": q.method, "params": params})
	return header, body, err
}

// ask sends a request to the endpoint under the public address, and reads the answer whether it comes as JSON or as a
// stream.
func (s *system) ask(ctx context.Context, q rpc) (reply, error) {
	header, body, err := q.message()
	if err != nil {
		return reply{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.PublicURL+"/mcp", bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header = header
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	return readReply(resp)
}

func readReply(resp *http.Response) (reply, error) {
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, err
	}
	r := reply{status: resp.StatusCode, header: resp.Header, body: string(text)}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/event-stream" {
		text = lastEvent(text)
	}
	var message struct {
		Result fields   `json:"result"`
		Error  *failure `json:"error"`
	}
	if err := json.Unmarshal(text, &message); err != nil {
		return reply{}, fmt.Errorf("%d %s: %w", resp.StatusCode, text, err)
	}
	r.result, r.failure = message.Result, message.Error
	return r, nil
}

// lastEvent is the data of the last event of a stream: the answer comes last.
func lastEvent(stream []byte) []byte {
	var data []byte
	lines := bufio.NewScanner(bytes.NewReader(stream))
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "data:"); ok {
			data = []byte(strings.TrimSpace(value))
		}
	}
	return data
}

// mcpAgent is an agent at the MCP endpoint.
type mcpAgent struct {
	system *system
	token  string
}

func (a agent) overMCP(s *system) mcpAgent { return mcpAgent{s, a.AccessToken} }

// ask makes a request that is answered at all.
func (a mcpAgent) ask(t *testing.T, method string, params fields) reply {
	t.Helper()
	return a.askAs(t, legacy, method, params)
}

func (a mcpAgent) askAs(t *testing.T, revision, method string, params fields) reply {
	t.Helper()
	r, err := a.system.ask(t.Context(), rpc{method: method, params: params, revision: revision, header: bearerHeader(a.token)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// call calls a tool. Arguments are names and values by turns.
func (a mcpAgent) call(t *testing.T, tool string, arguments ...any) reply {
	t.Helper()
	object := fields{}
	for pair := range slices.Chunk(arguments, 2) {
		object[pair[0].(string)] = pair[1]
	}
	return a.ask(t, "tools/call", fields{"name": tool, "arguments": object})
}

// must calls a tool that has to succeed.
func (a mcpAgent) must(t *testing.T, tool string, arguments ...any) reply {
	t.Helper()
	r := a.call(t, tool, arguments...)
	if r.status != http.StatusOK || r.failure != nil || r.isError() {
		t.Fatalf("%s %v: %d %s", tool, arguments, r.status, r.body)
	}
	return r
}

// read reads a resource.
func (a mcpAgent) read(t *testing.T, uri string) reply {
	t.Helper()
	return a.ask(t, "resources/read", fields{"uri": uri})
}
