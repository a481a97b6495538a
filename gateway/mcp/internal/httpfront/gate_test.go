package httpfront_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/httpfront"
)

func TestRequestsThatAreNoneAreRefusedWithTheStatusOfTheirKind(t *testing.T) {
	s := serve(t, whoAmI(), httpfront.Config{
		Authenticate: byToken, MaxBody: 1000, Hosts: []string{"127.0.0.1:*", "mcp.example.com"}, Origins: []string{"https://app.example.com"},
	})
	ping := legacy("1", "ping", "{}")
	for name, c := range map[string]struct {
		call   call
		status int
		code   int
	}{
		"a good one":                {ping, 200, 0},
		"another host":              {call{body: ping.body, host: "evil.example.com"}, 403, -32600},
		"a host that begins alike":  {call{body: ping.body, host: "127.0.0.1.evil.example.com"}, 403, -32600},
		"a host with another port":  {call{body: ping.body, host: "mcp.example.com:8080"}, 403, -32600},
		"the host":                  {call{body: ping.body, host: "MCP.example.com"}, 200, 0},
		"another page":              {ping.with("Origin", "https://evil.example.com"), 403, -32600},
		"a page of another scheme":  {ping.with("Origin", "http://app.example.com"), 403, -32600},
		"a page that begins alike":  {ping.with("Origin", "https://app.example.com.evil.com"), 403, -32600},
		"a page of another port":    {ping.with("Origin", "https://app.example.com:8443"), 403, -32600},
		"a page with a path":        {ping.with("Origin", "https://app.example.com/"), 403, -32600},
		"a page of no name":         {ping.with("Origin", "null"), 403, -32600},
		"the page":                  {ping.with("Origin", "https://app.example.com"), 200, 0},
		"no token":                  {ping.with("Authorization", ""), 401, -31000},
		"a wrong token":             {ping.as("wrong"), 401, -31000},
		"no token and no sense":     {call{body: "{", header: map[string]string{"Authorization": "", "Accept": "text/html", "Content-Type": "text/plain"}}, 401, -31000},
		"no JSON accepted":          {ping.with("Accept", "text/event-stream"), 406, -32600},
		"no stream accepted":        {ping.with("Accept", "application/json"), 406, -32600},
		"a stream refused":          {ping.with("Accept", "application/json, text/event-stream;q=0"), 406, -32600},
		"something else accepted":   {ping.with("Accept", "text/html"), 406, -32600},
		"anything accepted":         {ping.with("Accept", "*/*"), 200, 0},
		"kinds of things accepted":  {ping.with("Accept", "application/*;q=0.5, text/*"), 200, 0},
		"text":                      {ping.with("Content-Type", "text/plain"), 415, -32600},
		"a form":                    {ping.with("Content-Type", "application/x-www-form-urlencoded"), 415, -32600},
		"no type":                   {ping.with("Content-Type", ""), 415, -32600},
		"another JSON":              {ping.with("Content-Type", "application/json-seq"), 415, -32600},
		"another charset":           {ping.with("Content-Type", "application/json; charset=latin-1"), 415, -32600},
		"the charset":               {ping.with("Content-Type", "application/json; charset=UTF-8"), 200, 0},
		"compressed":                {ping.with("Content-Encoding", "gzip"), 415, -32600},
		"too long":                  {legacy("1", "ping", `{"a":"`+strings.Repeat("x", 1000)+`"}`), 413, -32600},
		"no JSON":                   {call{body: "{"}, 400, -32700},
		"a batch":                   {call{body: "[" + ping.body + "]"}, 400, -32600},
		"no message":                {call{body: "{}"}, 400, -32600},
		"an unknown revision":       {ping.with("Mcp-Protocol-Version", "2030-01-01"), 400, -32022},
		"a revision without a way":  {ping.with("Mcp-Protocol-Version", "2025-03-26"), 400, -32022},
		"an older revision":         {ping.with("Mcp-Protocol-Version", "2025-06-18"), 200, 0},
		"no revision":               {ping.with("Mcp-Protocol-Version", ""), 200, 0},
		"an unknown method":         {legacy("1", "no/such", "{}"), 200, -32601},
		"a response to nothing":     {call{body: `{"jsonrpc":"2.0","id":"x","result":{}}`}, 400, -32600},
		"GET":                       {call{method: http.MethodGet}, 405, -32600},
		"DELETE":                    {call{method: http.MethodDelete}, 405, -32600},
		"PUT":                       {call{method: http.MethodPut, body: ping.body}, 405, -32600},
		"GET without a token":       {call{method: http.MethodGet, header: map[string]string{"Authorization": ""}}, 401, -31000},
		"DELETE without a token":    {call{method: http.MethodDelete, header: map[string]string{"Authorization": ""}}, 401, -31000},
		"something without a token": {call{method: "PROPFIND", header: map[string]string{"Authorization": ""}}, 401, -31000},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.do(c.call)
			if got.status != c.status || got.code(t) != c.code {
				t.Errorf("%d %s", got.status, got.body)
			}
			if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Content-Type") != "application/json" {
				t.Errorf("%v", got.header)
			}
			if challenged := got.header.Get("WWW-Authenticate") != ""; challenged != (c.status == 401) {
				t.Errorf("challenged: %t", challenged)
			}
			if got.status == 405 && got.header.Get("Allow") != "POST, OPTIONS" {
				t.Errorf("%v", got.header)
			}
		})
	}
}

func TestABodyThatDoesNotSayItsLengthIsBoundedToo(t *testing.T) {
	s := serve(t, whoAmI(), httpfront.Config{MaxBody: 1000})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, struct{ *strings.Reader }{strings.NewReader(strings.Repeat(" ", 5000))})
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%s", response.Status)
	}
}

func TestTheBodyOfAStrangerIsNotRead(t *testing.T) {
	s := serve(t, whoAmI(), httpfront.Config{Authenticate: func(r *http.Request) (context.Context, error) {
		if _, err := r.Body.Read(make([]byte, 1)); err == nil { // only here, to see that it is all there still
			return nil, challenge(http.StatusUnauthorized)
		}
		return nil, errors.New("somebody read the body")
	}})
	if got := s.do(legacy("1", "ping", "{}")); got.status != http.StatusUnauthorized {
		t.Errorf("%d: %s", got.status, s.log)
	}
}

func TestAFailureToAuthenticateIsNotTheCallersBusiness(t *testing.T) {
	s := serve(t, whoAmI(), httpfront.Config{Authenticate: func(*http.Request) (context.Context, error) {
		return nil, errors.New("the password is hunter2")
	}})
	got := s.do(legacy("1", "ping", "{}"))
	if got.status != http.StatusInternalServerError || strings.Contains(got.body, "hunter2") || !strings.Contains(s.log.String(), "hunter2") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestPagesThatMayCallCanReadWhatTheyNeed(t *testing.T) {
	s := serve(t, whoAmI(), httpfront.Config{Authenticate: byToken, Origins: []string{"http://localhost:*", "https://app.example.com"}})
	preflight := call{method: http.MethodOptions, header: map[string]string{
		"Authorization": "", "Origin": "http://localhost:6274",
		"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,mcp-protocol-version",
	}}
	got := s.do(preflight)
	if got.status != http.StatusNoContent || got.header.Get("Access-Control-Allow-Origin") != "http://localhost:6274" ||
		!strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "Authorization") ||
		!strings.Contains(got.header.Get("Access-Control-Allow-Methods"), "POST") ||
		got.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%d %v", got.status, got.header)
	}
	if got := s.do(preflight.with("Origin", "https://evil.example.com")); got.status != http.StatusForbidden || got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v", got.status, got.header)
	}
	if got := s.do(preflight.with("Origin", "")); got.status != http.StatusNoContent || got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v", got.status, got.header)
	}
	// The challenge, which tells a page where to sign in, is an answer that it must be able to read.
	got = s.do(legacy("1", "ping", "{}").with("Authorization", "", "Origin", "http://localhost"))
	if got.status != http.StatusUnauthorized || got.header.Get("Access-Control-Allow-Origin") != "http://localhost" ||
		!strings.Contains(got.header.Get("Access-Control-Expose-Headers"), "WWW-Authenticate") || got.header.Get("Vary") != "Origin" {
		t.Errorf("%d %v", got.status, got.header)
	}
}

func TestRequestsAreBoundedInAllAndForEachCaller(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := serve(t, engine.Config{Tools: []engine.Tool{tool("wait", func(ctx context.Context, _ *engine.ToolCall) (*engine.ToolResult, error) {
		entered <- struct{}{}
		<-release
		return &engine.ToolResult{}, nil
	})}}, httpfront.Config{Authenticate: byToken, MaxRequests: 3, MaxCallerRequests: 2})
	done := make(chan int)
	wait := func(name string) {
		go func() { done <- s.do(legacy("1", "tools/call", `{"name":"wait"}`).as(name)).status }()
		<-entered
	}
	wait("alice")
	wait("alice")
	got := s.do(legacy("2", "ping", "{}"))
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" || got.code(t) == 0 {
		t.Errorf("a third of alice's: %d %s", got.status, got.body)
	}
	if got := s.do(legacy("2", "ping", "{}").as("bob")); got.status != http.StatusOK {
		t.Errorf("one of bob's: %d", got.status)
	}
	wait("bob")
	got = s.do(legacy("2", "ping", "{}").as("carol"))
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("a fourth in all: %d %s", got.status, got.body)
	}
	close(release)
	for range 3 {
		if status := <-done; status != http.StatusOK {
			t.Errorf("one that waited: %d", status)
		}
	}
	if got := s.do(legacy("2", "ping", "{}")); got.status != http.StatusOK {
		t.Errorf("after all: %d", got.status)
	}
}
