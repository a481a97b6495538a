// Bench measures the running system beside its floors: the least that the same bytes cost on the same machine in the same
// run. What it prints are ratios; times of different runs or machines say nothing.
package main

import "github.com/df0f9dda/okr-manager/services/kit/run"

func main() {
	run.Main("okr-bench", bench, run.Command{
		Name: "growth", Summary: "compare calls where there is very much with the same where there is little", Run: growth,
	})
}
