//go:build race

package api

const (
	manyObjectives = 2_000
	manyChanges    = 2_000
)
