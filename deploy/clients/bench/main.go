// Bench measures the MCP edge, with everything that stands behind it, beside a server of the official Go SDK whose tools
// have the same answers ready. Both get the same requests from the same client over the same kind of connections, in turns.
// Client, system and server run in three processes, on the same cores.
package main

import "github.com/df0f9dda/okr-manager/services/kit/run"

func main() {
	run.Main("okr-bench-mcp", bench,
		run.Command{Name: commandSystem, Summary: "serve the system, for the bench", Run: serveSystem},
		run.Command{Name: commandSDK, Summary: "serve a server of the SDK, for the bench", Run: serveSDK})
}
