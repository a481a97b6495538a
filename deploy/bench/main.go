// Bench measures the running system beside its floors: the least that the same bytes cost on the same machine in the same
// run. Client, system and floors run in three processes, on the same cores. What it prints are ratios; times of different
// runs or machines say nothing.
package main

import (
	"github.com/df0f9dda/okr-manager/deploy/internal/measure"
	"github.com/df0f9dda/okr-manager/services/kit/run"
)

func main() {
	run.Main("okr-bench", bench,
		run.Command{
			Name: "growth", Summary: "compare calls where there is very much with the same where there is little", Run: growth,
		},
		measure.SystemCommand(),
		run.Command{Name: commandFloors, Summary: "serve the floors, for the bench", Run: serveFloors})
}
