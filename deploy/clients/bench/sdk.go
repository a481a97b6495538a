package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/df0f9dda/okr-manager/deploy/internal/measure"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

// task is what a server of the official SDK is to do: answer to one request what the system was heard to answer. It keeps no
// data, asks nobody who is calling, logs nothing and counts nothing.
type task struct {
	Tools     json.RawMessage // its list, which is the system's
	Answer    result          // of every tool
	Kind      kind
	Stateless bool
}

// listening is where a server listens.
type listening struct{ Address string }

// serveSDK runs a server of the SDK until its input ends.
func serveSDK(ctx context.Context, _ []string, stdio run.Stdio) error {
	return measure.ServeChild(ctx, stdio, func(ctx context.Context, do task) (listening, func() error, error) {
		server, err := do.server()
		if err != nil {
			return listening{}, nil, err
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return listening{}, nil, fmt.Errorf("listening: %w", err)
		}
		handler := mcp.NewStreamableHTTPHandler(
			func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{JSONResponse: true, Stateless: do.Stateless})
		web := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
		stopped := make(chan error, 1)
		go func() { stopped <- web.Serve(listener) }()
		return listening{listener.Addr().String()}, func() error {
			err := web.Close()
			if served := <-stopped; !errors.Is(served, http.ErrServerClosed) {
				err = errors.Join(err, served)
			}
			return err
		}, nil
	})
}

// server makes a server that lists the tools and whose tools all answer the same. Typed tools get their arguments and give
// their structured content as JSON, which is quicker than any type that the SDK would have to reflect on.
func (t *task) server() (*mcp.Server, error) {
	var content []struct{ Text string }
	var list []*mcp.Tool
	var schemas []struct{ InputSchema, OutputSchema json.RawMessage }
	for _, into := range []any{&list, &schemas} {
		if err := json.Unmarshal(t.Tools, into); err != nil {
			return nil, fmt.Errorf("reading the list of tools: %w", err)
		}
	}
	if t.Answer.Content != nil {
		if err := json.Unmarshal(t.Answer.Content, &content); err != nil {
			return nil, fmt.Errorf("reading the content: %w", err)
		}
	}
	var blocks []mcp.Content
	for _, block := range content {
		blocks = append(blocks, &mcp.TextContent{Text: block.Text})
	}
	structured := t.Answer.StructuredContent
	server := mcp.NewServer(&mcp.Implementation{Name: "OKR Manager", Version: "1.0.0"}, nil)
	for i, tool := range list {
		tool.InputSchema, tool.OutputSchema = schemas[i].InputSchema, schemas[i].OutputSchema
		if t.Kind == unchecked {
			server.AddTool(tool, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return &mcp.CallToolResult{Content: blocks, StructuredContent: structured}, nil
			})
			continue
		}
		mcp.AddTool(server, tool, func(
			context.Context, *mcp.CallToolRequest, json.RawMessage,
		) (*mcp.CallToolResult, json.RawMessage, error) {
			return &mcp.CallToolResult{Content: blocks}, structured, nil
		})
	}
	return server, nil
}

// sdk is a server of the SDK that runs in a process of its own. The caller must call close.
type sdk struct {
	*endpoint
	*measure.Child
	op measure.Operation
	// mode is how the server keeps sessions, and rate how often it answered in its trial, in calls a second.
	mode string
	rate float64
}

// kind is how tools are made with the SDK.
type kind string

const (
	typed     kind = "go-sdk AddTool[In, Out]"
	unchecked kind = "go-sdk AddTool, unchecked"
)

func kinds() []kind { return []kind{typed, unchecked} }

// callers are the numbers of callers to measure with: what few callers get beside the unchecked kind says nothing more.
func (k kind) callers() []int {
	if k == typed {
		return []int{1, 16, callers}
	}
	return []int{callers}
}

// fastest starts a server for one request of the system, in the mode in which the SDK serves it fastest.
func fastest(ctx context.Context, system *endpoint, at era, c call, k kind) (best *sdk, err error) {
	want, err := system.ask(ctx, at, c)
	if err != nil {
		return nil, err
	}
	listed, err := system.ask(ctx, at, call{method: "tools/list"})
	if err != nil {
		return nil, err
	}
	modes := map[string]bool{"stateless": true}
	if at == legacy { // the other has no sessions
		modes["in one session"] = false
	}
	for mode, stateless := range modes {
		s, err := begin(ctx, task{listed.Tools, *want, k, stateless})
		if err != nil {
			return nil, errors.Join(err, best.close())
		}
		s.mode = mode
		if err := s.try(ctx, want, at, c, !stateless); err != nil {
			return nil, errors.Join(err, s.close(), best.close())
		}
		slower := s
		if best == nil || s.rate > best.rate {
			best, slower = s, best
		}
		if err := slower.close(); err != nil {
			return nil, errors.Join(err, best.close())
		}
	}
	return best, nil
}

// begin starts a server of the SDK. It collects its garbage as the SDK's users have it.
func begin(ctx context.Context, do task) (*sdk, error) {
	process, at, err := measure.StartChild[listening](ctx, commandSDK, do, measure.AsGoDoes())
	if err != nil {
		return nil, err
	}
	return &sdk{endpoint: newEndpoint(at.Address, "/", ""), Child: process}, nil
}

// close stops the server; there need be none.
func (s *sdk) close() error {
	if s == nil {
		return nil
	}
	s.endpoint.close()
	return s.Stop()
}

// trial is how long a mode is tried.
const trial = time.Second

// try holds the server's answer against the system's, and finds how fast it is.
func (s *sdk) try(ctx context.Context, want *result, at era, c call, session bool) error {
	if session {
		if err := s.initialize(ctx); err != nil {
			return err
		}
	}
	got, err := s.ask(ctx, at, c)
	if err != nil {
		return err
	}
	if err := want.same(got); err != nil {
		return err
	}
	s.op = s.operation(at, c)
	s.rate, err = measure.Throughput(ctx, callers, trial, s.op)
	return err
}

// same says in what two answers differ. Their envelopes and the order of their tools may.
func (r *result) same(other *result) error {
	for _, pair := range [][2]json.RawMessage{
		{r.Content, other.Content}, {r.StructuredContent, other.StructuredContent}, {r.Tools, other.Tools},
	} {
		if a, b := plain(pair[0]), plain(pair[1]); !reflect.DeepEqual(a, b) {
			return fmt.Errorf("the servers answer\n%s\nand\n%s", pair[0], pair[1])
		}
	}
	const envelope = 200 // bytes
	if difference := len(r.raw) - len(other.raw); difference > envelope || difference < -envelope {
		return fmt.Errorf("the answers have %d and %d bytes", len(r.raw), len(other.raw))
	}
	return nil
}

// plain is a value for comparison; lists of named things are sorted by their names.
func plain(raw json.RawMessage) any {
	var value any
	if len(raw) > 0 && json.Unmarshal(raw, &value) != nil {
		return raw
	}
	if list, ok := value.([]any); ok {
		name := func(v any) string { return fmt.Sprint(v.(map[string]any)["name"]) } //nolint:forcetypeassert // lists of MCP hold objects
		slices.SortFunc(list, func(a, b any) int { return strings.Compare(name(a), name(b)) })
	}
	return value
}
