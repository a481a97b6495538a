package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
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
Both get the same requests over the same kind of connections. Each is a process of its own, and the client a third: they
share cores and nothing else. The system's process holds all its services, and collects its garbage as they do; the SDK's
does as Go does by default.

`

func bench(ctx context.Context, cfg measure.Config) (err error) {
	process, at, err := measure.StartSystem(ctx, cfg.Profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, process.Stop()) }()
	cfg.Profile = "" // it is of the system alone

	token, err := measure.Token(ctx, at.DevidpURL, measure.Acme)
	if err != nil {
		return err
	}
	edge := newEndpoint(at.MCPAddr, "/mcp", token)
	defer edge.close()
	objective, err := edge.fill(ctx)
	if err != nil {
		return fmt.Errorf("filling the store: %w", err)
	}
	if _, err := io.WriteString(os.Stdout, sides); err != nil {
		return err
	}
	return measure.Run(ctx, cfg, os.Stdout, figures(ctx, cfg, edge, objective))
}

// figures compares the edge with servers of the SDK, of which each stands only while it is measured.
func figures(ctx context.Context, cfg measure.Config, edge *endpoint, objective string) iter.Seq2[measure.Figure, error] {
	return func(yield func(measure.Figure, error) bool) {
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
				name := f.name + ", " + string(e)
				if !cfg.Selects(name) {
					continue
				}
				for _, kind := range kinds() {
					floor, err := fastest(ctx, edge, e, f.call, kind)
					if err != nil {
						yield(measure.Figure{}, fmt.Errorf("the floor of %s: %w", name, err))
						return
					}
					figure := measure.Figure{
						Name: name, System: edge.operation(e, f.call),
						Floor: floor.op, FloorName: string(kind) + " " + floor.mode,
					}
					wanted := true
					for _, figure.Callers = range kind.callers() {
						if figure.Callers == callers && kind == typed {
							figure.Least = f.least
						}
						wanted = wanted && yield(figure, nil)
					}
					if err := floor.close(); err != nil && wanted {
						wanted = yield(measure.Figure{}, err)
					}
					if !wanted {
						return
					}
				}
			}
		}
	}
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
