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

// sdk are servers of the official SDK that answer what the system was heard to answer. They keep no data, ask nobody who
// is calling, log nothing and count nothing.
type sdk struct{ closers run.Stack }

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

// serve starts a server for one request of the system, in the mode in which the SDK serves it fastest.
func (s *sdk) serve(ctx context.Context, system *endpoint, at era, c call, k kind) (op measure.Operation, mode string, err error) {
	want, err := system.ask(ctx, at, c)
	if err != nil {
		return nil, "", err
	}
	listed, err := system.ask(ctx, at, call{method: "tools/list"})
	if err != nil {
		return nil, "", err
	}
	server, err := want.server(listed.Tools, k)
	if err != nil {
		return nil, "", err
	}
	get := func(*http.Request) *mcp.Server { return server }
	modes := map[string]*mcp.StreamableHTTPOptions{"stateless": {Stateless: true, JSONResponse: true}}
	if at == legacy { // the other has no sessions
		modes["in one session"] = &mcp.StreamableHTTPOptions{JSONResponse: true}
	}
	var fastest measure.Operation
	var name string
	best := 0.0
	for mode, options := range modes {
		bare, err := s.listen(ctx, mcp.NewStreamableHTTPHandler(get, options))
		if err != nil {
			return nil, "", err
		}
		if !options.Stateless {
			if err := bare.begin(ctx); err != nil {
				return nil, "", err
			}
		}
		got, err := bare.ask(ctx, at, c)
		if err != nil {
			return nil, "", err
		}
		if err := want.same(got); err != nil {
			return nil, "", err
		}
		op := bare.operation(at, c)
		rate, err := measure.Throughput(ctx, callers, trial, op)
		if err != nil {
			return nil, "", err
		}
		if rate > best {
			fastest, name, best = op, mode, rate
		}
	}
	return fastest, name, nil
}

// trial is how long a mode is tried.
const trial = time.Second

// listen serves a handler.
func (s *sdk) listen(ctx context.Context, handler http.Handler) (*endpoint, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	s.closers.Push("server of the SDK", func(context.Context) error {
		err := server.Close()
		if served := <-stopped; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	})
	return newEndpoint("http://"+listener.Addr().String(), ""), nil
}

// server makes a server that lists the tools and whose tools all answer the same. Typed tools get their arguments and give
// their structured content as JSON, which is quicker than any type that the SDK would have to reflect on.
func (r *result) server(tools json.RawMessage, k kind) (*mcp.Server, error) {
	var content []struct{ Text string }
	var list []*mcp.Tool
	var schemas []struct{ InputSchema, OutputSchema json.RawMessage }
	for _, into := range []any{&list, &schemas} {
		if err := json.Unmarshal(tools, into); err != nil {
			return nil, fmt.Errorf("reading the list of tools: %w", err)
		}
	}
	if r.Content != nil {
		if err := json.Unmarshal(r.Content, &content); err != nil {
			return nil, fmt.Errorf("reading the content: %w", err)
		}
	}
	var blocks []mcp.Content
	for _, block := range content {
		blocks = append(blocks, &mcp.TextContent{Text: block.Text})
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "OKR Manager", Version: "1.0.0"}, nil)
	for i, tool := range list {
		tool.InputSchema, tool.OutputSchema = schemas[i].InputSchema, schemas[i].OutputSchema
		if k == unchecked {
			server.AddTool(tool, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				return &mcp.CallToolResult{Content: blocks, StructuredContent: r.StructuredContent}, nil
			})
			continue
		}
		mcp.AddTool(server, tool, func(
			context.Context, *mcp.CallToolRequest, json.RawMessage,
		) (*mcp.CallToolResult, json.RawMessage, error) {
			return &mcp.CallToolResult{Content: blocks}, r.StructuredContent, nil
		})
	}
	return server, nil
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
