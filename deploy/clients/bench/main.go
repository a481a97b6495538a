// Bench measures the MCP edge, with everything that stands behind it, beside a server of the official Go SDK whose tools
// have the same answers ready. Both get the same requests from the same client over the same kind of connections, in turns
// and in one process: they share its cores and its garbage collector.
package main

import "github.com/df0f9dda/okr-manager/services/kit/run"

func main() { run.Main("okr-bench-mcp", bench) }
