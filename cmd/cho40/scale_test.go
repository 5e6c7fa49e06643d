//go:build !storm

package main_test

// How much happens in a storm, in the suite; `make storm` lets the numbers of scale_storm_test.go come.
const (
	stormStalls    = 200
	stormKills     = 1
	stormCrashes   = 2
	replacedStalls = 120
)
