// Command okrstore runs okr-store: it serves okr.v1 over gRPC with the settings in the environment.
package main

import (
	"github.com/df0f9dda/okr-manager/services/kit/healthcheck"
	"github.com/df0f9dda/okr-manager/services/kit/run"
	"github.com/df0f9dda/okr-manager/services/okrstore"
)

func main() {
	run.Main("okr-store", okrstore.Run,
		append(okrstore.Commands(), healthcheck.GRPC(func(c okrstore.Config) healthcheck.Service {
			return healthcheck.Service{Addr: c.Addr, TLSDir: c.TLSDir}
		}))...)
}
