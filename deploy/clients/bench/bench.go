package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/df0f9dda/okr-manager/deploy/internal/measure"
)

const (
	callers        = 64
	objectives     = 64
	keyResultsEach = 4
)

// sides says what is compared.
const sides = `The system reads the access token and holds it against what authz said of it in the last seconds; checks headers and
arguments; asks okr-store over gRPC, which verifies the transaction token, checks permission and the request, and
reads its file; shapes what comes back for a model; and logs and counts the request in both processes.
The SDK's server asks nobody who is calling, reads no data, logs nothing and counts nothing: it has the same answer,
text and structured content, ready. "AddTool[In, Out]" is how its users make tools: it checks the arguments and the
structured content against the same schemas. "AddTool, unchecked" is its other way, which checks neither.
tools/list is written by the SDK's server from the same list of tools.
Both get the same requests over the same kind of connections in one process: they share cores and garbage collector.

`

func bench(ctx context.Context, cfg measure.Config) (err error) {
	system, err := measure.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, system.Close()) }()
	floor := &sdk{}
	defer func() { err = errors.Join(err, floor.closers.Close(context.WithoutCancel(ctx))) }()

	edge, err := connect(ctx, system, measure.Acme)
	if err != nil {
		return err
	}
	objective, err := edge.fill(ctx)
	if err != nil {
		return fmt.Errorf("filling the store: %w", err)
	}
	var figures []measure.Figure
	for _, f := range []struct {
		name  string
		call  call
		least float64 // beside tools that are made as the SDK's users make them
	}{
		{"getObjective", call{"tools/call", "getObjective", map[string]any{"okrID": objective}}, 2},
		{"listObjectives, a page", call{"tools/call", "listObjectives", nil}, 2},
		{"tools/list", call{method: "tools/list"}, 1},
	} {
		for _, e := range eras() {
			for _, kind := range kinds() {
				bare, mode, err := floor.serve(ctx, edge, e, f.call, kind)
				if err != nil {
					return fmt.Errorf("the floor of %s: %w", f.name, err)
				}
				for _, n := range kind.callers() {
					figure := measure.Figure{
						Name: f.name + ", " + string(e), Callers: n,
						System: edge.operation(e, f.call), Floor: bare, FloorName: string(kind) + " " + mode,
					}
					if n == callers && kind == typed {
						figure.Least = f.least
					}
					figures = append(figures, figure)
				}
			}
		}
	}
	if _, err := io.WriteString(os.Stdout, sides); err != nil {
		return err
	}
	return measure.Run(ctx, cfg, os.Stdout, figures)
}

// connect takes the MCP edge's endpoint with an access token of its own.
func connect(ctx context.Context, system *measure.System, member string) (*endpoint, error) {
	token, err := system.Token(ctx, member)
	if err != nil {
		return nil, err
	}
	return newEndpoint("http://"+system.MCPAddr+"/mcp", token), nil
}

// fill creates the data that is read, and answers the id of the first objective.
func (e *endpoint) fill(ctx context.Context) (first string, err error) {
	for i := range objectives {
		var objective struct{ OkrID string }
		if err := e.use(ctx, "addObjective", map[string]any{
			"objectiveText": fmt.Sprintf("Objective number %d of a company of middling size", i),
		}, &objective); err != nil {
			return "", err
		}
		for k := range keyResultsEach {
			if err := e.use(ctx, "addKeyResult", map[string]any{
				"okrID": objective.OkrID, "keyResultText": fmt.Sprintf("Key result %d, which says how one will know", k),
			}, &struct{}{}); err != nil {
				return "", err
			}
		}
		if first == "" {
			first = objective.OkrID
		}
	}
	return first, nil
}

// use calls a tool that has to succeed, and reads its structured content.
func (e *endpoint) use(ctx context.Context, tool string, arguments map[string]any, answer any) error {
	result, err := e.ask(ctx, legacy, call{"tools/call", tool, arguments})
	if err != nil {
		return err
	}
	if result.IsError {
		return fmt.Errorf("%s fails: %s", tool, result.raw)
	}
	return json.Unmarshal(result.StructuredContent, answer)
}
