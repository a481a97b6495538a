package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// heard is what the tests of this process say to the system and its logs and traces must not repeat: credentials, texts of
// objectives, key results and check-ins, and addresses of e-mail.
var heard = &secrets{by: map[string][]told{}}

// prefixLength is how many bytes of a secret it is found by. Shorter ones are left out: they occur everywhere.
const prefixLength = 10

// secrets are found in a text in one pass. They are safe for concurrent use.
type secrets struct {
	mu sync.Mutex
	by map[string][]told // by the first bytes
}

type told struct{ kind, text string }

// add takes note of a secret, in the forms in which JSON and Go would write it.
func (s *secrets) add(kind, text string) {
	written := []string{text}
	if escaped, err := json.Marshal(text); err == nil {
		written = append(written, strings.Trim(string(escaped), `"`))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, form := range written {
		if len(form) < prefixLength {
			continue
		}
		prefix, one := form[:prefixLength], told{kind, form}
		if !slices.Contains(s.by[prefix], one) {
			s.by[prefix] = append(s.by[prefix], one)
		}
	}
}

// patterns are what no log holds, whoever said it.
var patterns = map[string]*regexp.Regexp{
	"a JSON Web Token":     regexp.MustCompile(`eyJ[A-Za-z0-9_-]{16,}`),
	"a bearer token":       regexp.MustCompile(`(?i)bearer [a-z0-9_-]{16,}`),
	"an address of e-mail": regexp.MustCompile(`[A-Za-z0-9._+-]+@[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}\b`),
}

// in says which secrets a text tells, each once, with what stands around it.
func (s *secrets) in(text string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]string{}
	for i := 0; i+prefixLength <= len(text); i++ {
		for _, one := range s.by[text[i:i+prefixLength]] {
			if strings.HasPrefix(text[i:], one.text) {
				found[one.kind] = around(text, i)
			}
		}
	}
	for kind, pattern := range patterns {
		if at := pattern.FindStringIndex(text); at != nil {
			found[kind] = around(text, at[0])
		}
	}
	var leaks []string
	for kind, where := range found {
		leaks = append(leaks, kind+" in "+where)
	}
	slices.Sort(leaks)
	return leaks
}

// around is the line that a place is in.
func around(text string, at int) string {
	start := strings.LastIndexByte(text[:at], '\n') + 1
	line, _, _ := strings.Cut(text[start:], "\n")
	return line[:min(len(line), 600)]
}

// said takes note of what a message in JSON says.
func (s *secrets) said(message []byte) {
	var value any
	if json.Unmarshal(message, &value) == nil {
		s.walk("", value)
	}
}

func (s *secrets) walk(name string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, value := range v {
			s.walk(name, value)
		}
	case []any:
		for _, value := range v {
			s.walk(name, value)
		}
	case string:
		switch name {
		case "title", "description", "note", "text", "objective", "keyResult", "evidence", "url", "query", "filter":
			s.add("a "+name, v)
		case "emailAddress", "email_address", "code", "token", "sessionToken", "sessionJwt", "accessToken", "session_token", "session_jwt":
			s.add("a "+name, v)
		}
	}
}

// credentials takes note of those in headers.
func (s *secrets) credentials(authorization, cookies []string) {
	for _, value := range authorization {
		if _, token, ok := strings.Cut(value, " "); ok {
			s.add("a token", token)
		}
	}
	for _, value := range cookies {
		for pair := range strings.SplitSeq(value, "; ") {
			if _, cookie, ok := strings.Cut(pair, "="); ok {
				s.add("a cookie", cookie)
			}
		}
	}
}

func (s *secrets) call(ctx context.Context, request any) {
	md, _ := metadata.FromOutgoingContext(ctx)
	s.credentials(md.Get("authorization"), nil)
	if m, ok := request.(proto.Message); ok {
		if message, err := protojson.Marshal(m); err == nil {
			s.said(message)
		}
	}
}

func (s *secrets) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	s.call(ctx, req)
	return invoke(ctx, method, req, reply, cc, opts...)
}

func (s *secrets) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	s.call(ctx, nil)
	return open(ctx, desc, cc, method, opts...)
}

// hearing is a transport that takes note of what goes through it.
type hearing struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (h hearing) RoundTrip(req *http.Request) (*http.Response, error) {
	heard.credentials(req.Header.Values("Authorization"), req.Header.Values("Cookie"))
	if req.GetBody != nil {
		if body, err := req.GetBody(); err == nil {
			if message, err := io.ReadAll(body); err == nil {
				heard.said(message)
			}
		}
	}
	resp, err := h.RoundTripper.RoundTrip(req)
	if err == nil {
		for _, cookie := range resp.Cookies() {
			heard.add("a cookie", cookie.Value)
		}
	}
	return resp, err
}

func TestWhatIsSaidIsFoundInALog(t *testing.T) {
	s := &secrets{by: map[string][]told{}}
	s.said([]byte(`{"params":{"arguments":{"title":"Win \"every\" customer"}},"emailAddress":"short"}`))
	s.credentials([]string{"Bearer opaque-token-1234567890"}, []string{"okr_session=cookie-value-1; other=2"})
	for _, test := range []struct{ name, log, want string }{
		{"a line without them", `{"msg":"request","route":"/api/v1/objectives","reason":"FIELD_INVALID"}`, ""},
		{"a text", `{"msg":"failed","title":"Win \"every\" customer"}`, "a title in"},
		{"a token", `{"error":"opaque-token-1234567890 is unknown"}`, "a token in"},
		{"a cookie", "first\n" + `{"cookie":"cookie-value-1"}`, `a cookie in {"cookie"`},
		{"a JSON Web Token of anybody's", `{"t":"eyJhbGciOiJFZERTQSIsInR5cCI6"}`, "a JSON Web Token in"},
		{"an address of anybody's", `{"who":"ada@acme.test"}`, "an address of e-mail in"},
		{"a version in a stack is no address", `{"stack":"google.golang.org/grpc@v1.85.0/server.go:1"}`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := fmt.Sprint(s.in(test.log))
			if test.want == "" && got != "[]" || !strings.Contains(got, test.want) {
				t.Errorf("found %s", got)
			}
		})
	}
}
