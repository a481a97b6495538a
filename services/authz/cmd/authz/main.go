// Command authz runs authz: it says who a credential belongs to, over gRPC, with the settings in the environment. Its
// subcommand policy brings the product's access policy to a Stytch project.
package main

import (
	"github.com/df0f9dda/okr-manager/services/authz"
	"github.com/df0f9dda/okr-manager/services/kit/healthcheck"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

func main() {
	run.Main("authz", authz.Run, authz.PolicyCommand(),
		healthcheck.GRPC(func(c authz.Config) string { return c.Addr }))
}
