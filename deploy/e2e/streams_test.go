package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
)

// event is one message of a stream of changes, or the end of it.
type event struct {
	cursor string
	// change is nil in a heartbeat.
	change fields
	// end is the reason for which the stream ended; "" while it goes on.
	end string
}

// stream reads changes as they happen. It ends when the test does.
type stream interface {
	// next waits for the next message. After the end it fails the test.
	next(t *testing.T) event
}

// watch opens a stream after a cursor through a surface, and returns when it has begun. The headers are those of surface.call.
func (s *system) watch(t *testing.T, surface string, headers http.Header, after string) stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	if surface == "rest" {
		return s.watchREST(ctx, t, headers, after)
	}
	md := metadata.MD{}
	for key, values := range headers {
		md.Set(key, values...)
	}
	opened, err := s.okr().WatchChanges(metadata.NewOutgoingContext(ctx, md), &okrv1.WatchChangesRequest{AfterCursor: after})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = opened.Header() // comes with the first message; from then on nothing is missed, or next says what is wrong
	return grpcStream{opened}
}

type grpcStream struct {
	grpc.ServerStreamingClient[okrv1.WatchChangesResponse]
}

func (s grpcStream) next(t *testing.T) event {
	t.Helper()
	m, err := s.Recv()
	if err != nil {
		reason := rpcerr.InfoOf(err).GetReason()
		if reason == "" {
			t.Fatalf("the stream broke: %v", err)
		}
		return event{end: reason}
	}
	e := event{cursor: m.GetCursor()}
	if m.GetChange() != nil {
		text, err := protojson.Marshal(m.GetChange())
		if err != nil {
			t.Fatal(err)
		}
		e.change = parse(t, string(text))
	}
	return e
}

func (s *system) watchREST(ctx context.Context, t *testing.T, headers http.Header, after string) stream {
	t.Helper()
	target := s.PublicURL + "/api/v1/changes:watch"
	if after != "" {
		target += "?" + url.Values{"afterCursor": {after}}.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = headers.Clone()
	req.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return refused(reasonIn(text))
	}
	return &serverSentEvents{lines: bufio.NewScanner(resp.Body)}
}

// refused is a stream that did not begin.
type refused string

func (r refused) next(*testing.T) event { return event{end: string(r)} }

// serverSentEvents reads a stream as browsers do (HTML standard, section 9.2).
type serverSentEvents struct{ lines *bufio.Scanner }

func (s *serverSentEvents) next(t *testing.T) event {
	t.Helper()
	var e event
	var kind, data string
	for s.lines.Scan() {
		field, value, _ := strings.Cut(s.lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			e.cursor = value
		case "event":
			kind = value
		case "data":
			data = value
		}
		if s.lines.Text() != "" {
			continue
		}
		switch kind {
		case "change":
			e.change = parse(t, data)
		case "end":
			e.end = reasonIn([]byte(data))
		}
		return e
	}
	t.Fatalf("the stream broke: %v", s.lines.Err())
	return event{}
}

// until reads a stream up to the change that a text occurs in, and answers all changes.
func until(t *testing.T, s stream, text string) []fields {
	t.Helper()
	var changes []fields
	for {
		e := s.next(t)
		if e.end != "" {
			t.Fatalf("the stream ended: %s", e.end)
		}
		if e.change == nil {
			continue
		}
		changes = append(changes, e.change)
		if strings.Contains(fmt.Sprint(e.change), text) {
			return changes
		}
	}
}

// end reads a stream to its end and answers the reason.
func end(t *testing.T, s stream) string {
	t.Helper()
	for {
		if e := s.next(t); e.end != "" {
			return e.end
		}
	}
}
