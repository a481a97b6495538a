// Command rest runs the REST edge: the web app and the REST API.
package main

import (
	"github.com/df0f9dda/okr-manager/gateway/rest"
	"github.com/df0f9dda/okr-manager/services/kit/healthcheck"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

func main() {
	run.Main("rest", rest.Run, healthcheck.HTTP(func(c rest.Config) healthcheck.Service {
		return healthcheck.Service{Addr: c.Addr} // browsers need no certificate
	}))
}
