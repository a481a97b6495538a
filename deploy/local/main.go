// Local runs the whole system on this machine with no account and no network: `go run ./deploy/local`.
package main

import "github.com/df0f9dda/okr-manager/services/kit/run"

func main() { run.Main("okr-local", serve) }
