package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// soakClients is how many clients there are at a time.
	soakClients = 12
	// soakBodyLimit is how long a body may be, in bytes, unless settings say otherwise.
	soakBodyLimit = 1 << 20
)

// soakClient is a program that does everything, right and wrong, by turns.
type soakClient struct {
	*soak
	agent         mcpAgent
	number, turns int
}

// turn does the next thing, in one of the revisions and at one of the doors. Clients begin with different ones.
func (c *soakClient) turn(ctx context.Context) {
	c.turns++
	n := c.number + c.turns
	revision, door := []string{legacy, modern}[n%2], []string{c.PublicURL, "http://" + c.MCPAddr}[n/2%2]
	switch n / 4 % 5 {
	case 0:
		c.readAndWrite(ctx, revision, door)
	case 1:
		c.drop(ctx, revision, door)
	case 2:
		c.cancel(ctx, door)
	case 3:
		c.listenForAWhile(ctx, revision, door)
	case 4:
		c.sendMalformed(ctx, door)
	}
}

// wrong ends the soak: an answer was none.
func (c *soakClient) wrong(ctx context.Context, format string, args ...any) {
	if ctx.Err() == nil {
		c.t.Errorf(format, args...)
	}
}

// send sends a request to a door and reads the answer, which must be well-formed.
func (s *soak) send(ctx context.Context, door, method string, header http.Header, body []byte) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, door+"/mcp", bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header = header
	req.Close = len(body) > soakBodyLimit // the rest of the body is in the way of another request
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, fmt.Errorf("the answer breaks off: %w", err)
	}
	r := reply{status: resp.StatusCode, header: resp.Header, body: string(text)}
	return r, r.check()
}

// check reads an answer that may be of any kind that the endpoint has.
func (r *reply) check() error {
	kind, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
	switch {
	case r.body == "" && (r.status == http.StatusAccepted || kind == "text/event-stream"):
		return nil
	case r.status == http.StatusRequestEntityTooLarge && strings.HasPrefix(r.body, `{"error":{"code":413,`) && json.Valid([]byte(r.body)):
		return nil // of the REST edge, which lies in front of the endpoint and speaks for itself
	case kind == "text/event-stream":
		return r.checkMessage(lastEvent([]byte(r.body)))
	case kind == "application/json":
		return r.checkMessage([]byte(r.body))
	}
	return fmt.Errorf("%d %q is of no kind that the endpoint has: %q", r.status, kind, r.body)
}

func (r *reply) checkMessage(text []byte) error {
	var m struct {
		JSONRPC string
		Result  fields
		Error   *failure
	}
	if err := json.Unmarshal(text, &m); err != nil || m.JSONRPC != "2.0" || (m.Result == nil) == (m.Error == nil) {
		return fmt.Errorf("%d, and no answer: %q", r.status, r.body)
	}
	r.result, r.failure = m.Result, m.Error
	return nil
}

// call makes a request that has to succeed, if it is not interrupted.
func (c *soakClient) call(ctx context.Context, q rpc, door string) (reply, bool) {
	q.header = bearerHeader(c.agent.token)
	header, body, err := q.message()
	if err != nil {
		c.wrong(ctx, "%v", err)
		return reply{}, false
	}
	got, err := c.send(ctx, door, http.MethodPost, header, body)
	if err != nil || got.status != http.StatusOK || got.failure != nil || got.isError() {
		c.wrong(ctx, "%s %v in %s at %s: %v: %d %s", q.method, q.params, q.revision, door, err, got.status, got.body)
		return got, false
	}
	c.calls.Add(1)
	return got, true
}

func toolCall(name string, arguments fields) fields {
	return fields{"name": name, "arguments": arguments}
}

// readAndWrite leaves everything as it was.
func (c *soakClient) readAndWrite(ctx context.Context, revision, door string) {
	// A client that has written takes it back, even at the end.
	ctx = context.WithoutCancel(ctx)
	ask := func(method string, params fields) reply {
		got, _ := c.call(ctx, rpc{method: method, params: params, revision: revision}, door)
		return got
	}
	title := fmt.Sprintf("Client %d, turn %d", c.number, c.turns)
	id := ask("tools/call", toolCall("addObjective", fields{"objectiveText": title})).structured().text("okrID")
	ask("tools/call", toolCall("updateObjective", fields{"okrID": id, "objectiveText": title + " anew"}))
	if got := ask("tools/call", toolCall("getObjective", fields{"okrID": id})); got.structured().text("objectiveText") != title+" anew" {
		c.wrong(ctx, "%q is read as %s", title, got.body)
	}
	ask("resources/read", fields{"uri": "okrmanager://objectives/" + id})
	ask("tools/list", nil)
	ask("tools/call", toolCall("listObjectives", nil))
	ask("tools/call", toolCall("deleteObjective", fields{"okrID": id}))
}

// drop closes the connection at some moment of a call.
func (c *soakClient) drop(ctx context.Context, revision, door string) {
	for _, params := range []fields{
		toolCall("listObjectives", nil), toolCall("updateObjective", fields{"okrID": c.objective, "objectiveText": "Stay"}), toolCall("whoAmI", nil),
	} {
		dropped, drop := context.WithTimeout(ctx, rand.N(8*time.Millisecond))
		if _, answered := c.call(dropped, rpc{method: "tools/call", params: params, revision: revision}, door); !answered {
			c.dropped.Add(1)
		}
		drop()
	}
}

// cancel takes a call back in the way of 2025-11-25. It is answered, or there is no response.
func (c *soakClient) cancel(ctx context.Context, door string) {
	id := fmt.Sprintf("client %d, turn %d", c.number, c.turns)
	done := make(chan struct{})
	go func() {
		defer close(done)
		header, body, err := rpc{method: "tools/call", params: toolCall("listObjectives", nil), id: id, header: bearerHeader(c.agent.token)}.message()
		if err != nil {
			c.wrong(ctx, "%v", err)
			return
		}
		got, err := c.send(ctx, door, http.MethodPost, header, body)
		if err != nil || got.status != http.StatusOK || got.failure != nil {
			c.wrong(ctx, "a call that is cancelled: %v: %d %s", err, got.status, got.body)
		}
		c.cancelled.Add(1)
		if got.result == nil {
			c.takenBack.Add(1)
		}
	}()
	time.Sleep(rand.N(4 * time.Millisecond)) // the moment is to be no particular one
	header, _, err := rpc{header: bearerHeader(c.agent.token)}.message()
	body := []byte(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"` + id + `"}}`)
	if err == nil {
		var got reply
		if got, err = c.send(ctx, door, http.MethodPost, header, body); err == nil && got.status != http.StatusAccepted {
			err = fmt.Errorf("%d %s", got.status, got.body)
		}
	}
	if err != nil {
		c.wrong(ctx, "cancelling: %v", err)
	}
	<-done
}

// streamRequest is what opens a stream that hears of the objective which stays.
func (s *soak) streamRequest(agent mcpAgent, revision string) (method string, header http.Header, body []byte, err error) {
	if revision == modern {
		header, body, err = rpc{
			method: "subscriptions/listen", revision: modern, header: bearerHeader(agent.token), params: fields{"notifications": fields{
				"resourcesListChanged": true, "resourceSubscriptions": []string{"okrmanager://objectives/" + s.objective},
			}},
		}.message()
		return http.MethodPost, header, body, err
	}
	header, body, err = rpc{method: "initialize", header: bearerHeader(agent.token), params: fields{
		"protocolVersion": legacy, "capabilities": fields{}, "clientInfo": fields{"name": "e2e", "version": "1"},
	}}.message()
	if err != nil {
		return "", nil, nil, err
	}
	begun, err := s.send(s.t.Context(), s.PublicURL, http.MethodPost, header, body)
	if err != nil {
		return "", nil, nil, err
	}
	header = bearerHeader(agent.token)
	header.Set("Mcp-Session-Id", begun.header.Get("Mcp-Session-Id"))
	header.Set("Mcp-Protocol-Version", legacy)
	header.Set("Accept", "text/event-stream")
	return http.MethodGet, header, nil, nil
}

// listenForAWhile opens a stream, hears something on it and leaves.
func (c *soakClient) listenForAWhile(ctx context.Context, revision, door string) {
	method, header, body, err := c.streamRequest(c.agent, revision)
	if err != nil {
		c.wrong(ctx, "beginning a session: %v", err)
		return
	}
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	req, err := http.NewRequestWithContext(ctx, method, door+"/mcp", bytes.NewReader(body))
	if err != nil {
		c.wrong(ctx, "%v", err)
		return
	}
	req.Header = header
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		c.wrong(ctx, "opening a stream: %v", err)
		return
	}
	defer resp.Body.Close()
	heard, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil || !strings.HasPrefix(heard, "event: message") && !strings.HasPrefix(heard, ":") {
		c.wrong(ctx, "a stream of %s begins with %d %q: %v", revision, resp.StatusCode, heard, err)
	}
	c.streams.Add(1)
}

// leaveHalfOpen leaves requests and streams that nobody goes on with: a head and a body that break off, and streams whose
// client reads nothing, has ended its side, or is gone without a word.
func (s *soak) leaveHalfOpen(agent mcpAgent) {
	s.t.Helper()
	public, err := url.Parse(s.PublicURL)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, addr := range []string{public.Host, s.MCPAddr} {
		for _, revision := range []string{legacy, modern} {
			method, header, body, err := s.streamRequest(agent, revision)
			if err != nil {
				s.t.Fatal(err)
			}
			var whole bytes.Buffer
			fmt.Fprintf(&whole, "%s /mcp HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", method, addr, len(body))
			_ = header.Write(&whole) // to a buffer, which takes everything
			head := whole.Len()
			whole.WriteString("\r\n")
			whole.Write(body)
			for way, length := range []int{head - 1, max(head+2, whole.Len()-1), whole.Len(), whole.Len(), whole.Len()} {
				conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", addr)
				if err != nil {
					s.t.Fatal(err)
				}
				if _, err := conn.Write(whole.Bytes()[:length]); err != nil {
					s.t.Fatal(err)
				}
				s.halfOpen.Add(1)
				s.leave(conn, way)
			}
		}
	}
}

// leave leaves a connection in one of the ways.
func (s *soak) leave(conn net.Conn, way int) {
	tcp, ok := conn.(*net.TCPConn)
	switch {
	case ok && way == 3:
		_ = tcp.CloseWrite()
	case ok && way == 4:
		_ = tcp.SetLinger(0) // closing is then a reset
		_ = tcp.Close()
		return
	}
	s.held.add(conn)
}

// malformed is a request that is refused.
type malformed struct {
	method string // POST if empty
	header http.Header
	body   string
	// status is what it is refused with.
	status int
}

// malformedRequests are what clients send that have a defect, or mean harm.
func (c *soakClient) malformedRequests() []malformed {
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	with := func(pairs ...string) http.Header {
		header := bearerHeader(c.agent.token)
		header.Set("Content-Type", "application/json")
		header.Set("Accept", "application/json, text/event-stream")
		for i := 0; i < len(pairs); i += 2 {
			header.Set(pairs[i], pairs[i+1])
		}
		return header
	}
	garbage := fmt.Sprintf("Bearer %x.%x.%x", rand.Uint64(), rand.Uint64(), rand.Uint64())
	return []malformed{
		{header: with(), body: ping[:len(ping)-3], status: http.StatusBadRequest},
		{header: with(), body: `[` + ping + `]`, status: http.StatusBadRequest},
		{header: with(), body: strings.Repeat(`{"a":`, 20_000), status: http.StatusBadRequest},
		{header: with(), body: "\xff\x00", status: http.StatusBadRequest},
		{header: with(), body: `{"jsonrpc":"2.0","id":"x","result":{}}`, status: http.StatusBadRequest},
		{header: with("MCP-Protocol-Version", "1999-01-01"), body: ping, status: http.StatusBadRequest},
		{header: with("MCP-Protocol-Version", modern, "Mcp-Method", "tools/list"), body: ping, status: http.StatusBadRequest},
		{header: with("Accept", "image/png"), body: ping, status: http.StatusNotAcceptable},
		{header: with("Content-Type", "text/plain"), body: ping, status: http.StatusUnsupportedMediaType},
		{header: with("Content-Encoding", "gzip"), body: ping, status: http.StatusUnsupportedMediaType},
		{header: with("Mcp-Session-Id", "invented"), body: ping, status: http.StatusNotFound},
		{header: with("Origin", "https://elsewhere.test"), body: ping, status: http.StatusForbidden},
		{header: with("Authorization", garbage), body: ping, status: http.StatusUnauthorized},
		{header: with("Authorization", "Bearer "+c.agent.token[:len(c.agent.token)-6]+"AAAAAA"), body: ping, status: http.StatusUnauthorized},
		{header: http.Header{}, body: ping, status: http.StatusUnauthorized},
		{header: with(), body: ping + strings.Repeat(" ", soakBodyLimit), status: http.StatusRequestEntityTooLarge},
		{method: http.MethodGet, header: with(), status: http.StatusBadRequest},
		{method: http.MethodDelete, header: with(), status: http.StatusMethodNotAllowed},
	}
}

func (c *soakClient) sendMalformed(ctx context.Context, door string) {
	all := c.malformedRequests()
	for i := range 4 {
		m := all[(c.number+4*c.turns+i)%len(all)]
		method := m.method
		if method == "" {
			method = http.MethodPost
		}
		got, err := c.send(ctx, door, method, m.header, []byte(m.body))
		// What is too large is not read to its end, and who goes on sending may find the connection closed.
		if err != nil && m.status == http.StatusRequestEntityTooLarge && errors.As(err, new(*net.OpError)) {
			continue
		}
		if err != nil || got.status != m.status {
			c.wrong(ctx, "%s %.80q at %s: %v: %d %s, not %d", method, m.body, door, err, got.status, got.body, m.status)
		}
		c.malformed.Add(1)
	}
}
