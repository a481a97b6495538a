// Command mcp runs the MCP edge: the endpoint for AI agents.
package main

import (
	"github.com/df0f9dda/okr-manager/gateway/mcp"
	"github.com/df0f9dda/okr-manager/services/kit/healthcheck"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

func main() {
	run.Main("mcp", mcp.Run,
		healthcheck.HTTP(func(c mcp.Config) healthcheck.Service {
			return healthcheck.Service{Addr: c.Addr, TLSDir: c.TLSDir}
		}))
}
