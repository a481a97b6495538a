// Command authz runs authz: it says who a credential belongs to, over gRPC, with the settings in the environment. Its
// subcommands setup and policy give a Stytch project what the product needs, and keys makes keys that replicas share.
package main

import (
	"time"

	"github.com/df0f9dda/okr-manager/services/authz"
	"github.com/df0f9dda/okr-manager/services/kit/healthcheck"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

func main() {
	run.Main("authz", authz.Run, authz.SetupCommand(), authz.PolicyCommand(), authz.KeysCommand(), authz.DoctorCommand(time.Now),
		healthcheck.GRPC(func(c authz.Config) healthcheck.Service {
			return healthcheck.Service{Addr: c.Addr, TLSDir: c.TLSDir}
		}))
}
