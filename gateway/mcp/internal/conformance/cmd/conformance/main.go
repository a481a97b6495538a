// Command conformance serves the fixtures of MCP's conformance suite, or runs the suite against them. It is for tests
// alone.
package main

import (
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/conformance"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

func main() {
	run.Main("conformance", conformance.Run, run.Command{
		Name: "suite", Summary: "run the suite of the given folder with node_modules", Run: conformance.Suite,
	})
}
