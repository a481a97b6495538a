// Command devidp runs the local Stytch-compatible identity provider, with the settings in the environment.
package main

import (
	"github.com/df0f9dda/okr-manager/services/devidp"
	"github.com/df0f9dda/okr-manager/services/kit/healthcheck"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

func main() {
	run.Main("devidp", devidp.Run, healthcheck.HTTP(func(c devidp.Config) healthcheck.Service {
		return healthcheck.Service{Addr: c.Addr}
	}))
}
