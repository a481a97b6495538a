//go:build !race

package api

const (
	manyObjectives = 10_000
	manyChanges    = 10_000
)
