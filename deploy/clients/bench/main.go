// Bench measures the MCP edge, with everything that stands behind it, beside a server of the official Go SDK whose tools
// have the same answers ready. Both get the same requests from the same client over the same kind of connections, in turns.
// Client, system and server run in three processes, on the same cores.
package main

import (
	"github.com/df0f9dda/okr-manager/deploy/internal/measure"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

// commandSDK is the command that serves a server of the SDK.
const commandSDK = "sdk"

func main() {
	run.Main("okr-bench-mcp", bench,
		measure.SystemCommand(),
		run.Command{Name: commandSDK, Summary: "serve a server of the SDK, for the bench", Run: serveSDK})
}
